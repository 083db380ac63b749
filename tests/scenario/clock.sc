# Wall time is used once, at load; while running the boot clock alone counts.
config refresh_per_s 0
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 10d mx.a.example
query a.example

# Jumps while running change nothing.
wall jumps 3650d
time passes 1h
kept a.example r=policy left=860400
wall jumps -7300d
time passes 1h
kept a.example r=policy left=856800
wall jumps 3650d

# An orderly restart: the time we were off counts.
restart 6h
kept a.example r=policy left=835200

# The clock begins in 1970: the time that was saved counts.
wall jumps -18000d
restart
kept a.example r=policy left=835200
time passes 1h
wall jumps 18000d
kept a.example r=policy left=831600
restart 1h
kept a.example r=policy left=828000

# It is ahead by more than 7 days: not believed; the policy neither ends nor lives
# longer than it had left.
wall jumps 300d
restart 1h
kept a.example r=policy left=828000
# And from then on it is the time that counts, so the next restart is an orderly one.
restart 2h
kept a.example r=policy left=820800
# Back again.
wall jumps -300d
restart 2h
kept a.example r=policy left=820800
time passes 820799
kept a.example r=policy mode=enforce left=1
time passes 1
kept a.example nothing

# An ended policy stays ended, whatever the clock says.
wall jumps -3650d
restart
kept a.example nothing
wall jumps 3650d
restart
kept a.example nothing

# Back-off outlives a restart too.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.4.4
policy b.example fail http-not-found
query b.example
check b.example r=failed retry=300..360
asked b.example txt=1 address=1 policy=1
restart 30s
query b.example
check b.example r=failed retry=270..330
asked b.example
