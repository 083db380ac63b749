# What docs/conformance.md says and no other script plays.
config refresh_per_s 0

# Each domain stands for itself: no policy of a parent counts, in either direction
# (RFC 8461 3.4).
txt example.org "v=STSv1; id=1" ttl 1h
host example.org 8.8.8.8
policy example.org enforce 30d mx.example.org
txt sub.example.org absent ttl 5m
query example.org
check example.org r=policy
query sub.example.org
check sub.example.org r=none
kept example.org r=policy

# A policy that is over is not revived by its id: it is fetched anew (3.2).
txt ended.example "v=STSv1; id=1" ttl 1h
host ended.example 8.8.8.8
policy ended.example enforce 310 mx.ended.example
query ended.example
asked ended.example txt=1 address=1 policy=1
time passes 311s
policy ended.example fail cannot-connect
query ended.example
check ended.example r=failed
asked ended.example txt=1 address=1 policy=1
time passes 6m
policy ended.example testing 1d mx.ended.example
query ended.example
check ended.example r=policy mode=testing id=1 left=1d

# Every mode is taken, and every TXT fault beside a policy leaves it (3.3).
txt several.example "v=STSv1; id=1" ttl 5m
host several.example 8.8.8.8
policy several.example testing 30d mx.several.example
query several.example
check several.example r=policy mode=testing fresh=1
txt several.example "v=STSv1; id=1" "v=STSv1; id=2" ttl 5m
recheck several.example
check several.example r=policy mode=testing fresh=0 why=sts-policy-fetch-error/multiple-mta-sts-records
txt several.example "v=STSv1; id=" ttl 5m
recheck several.example
check several.example r=policy mode=testing fresh=0 why=sts-policy-fetch-error/record-syntax-error
txt several.example "v=STSv1; id=1" ttl 5m
recheck several.example
check several.example r=policy mode=testing fresh=1 why=

# A policy of mode none whose TXT cannot be read stays (8.3), and nothing is said of
# it (6).
txt removed.example "v=STSv1; id=1" ttl 5m
host removed.example 8.8.8.8
policy removed.example none 30d
query removed.example
check removed.example r=policy mode=none fresh=1
txt removed.example dns-failed
recheck removed.example
check removed.example r=policy mode=none fresh=0 why= reason=
kept removed.example r=policy mode=none

# Mode enforce becomes none with a new id: the way to take MTA-STS down (8.3).
txt leaves.example "v=STSv1; id=1" ttl 5m
host leaves.example 8.8.8.8
policy leaves.example enforce 30d mx.leaves.example
query leaves.example
time passes 60s
txt leaves.example "v=STSv1; id=2" ttl 5m
policy leaves.example none 1d
recheck leaves.example
check leaves.example r=policy mode=none id=2 left=1d fresh=1
txt leaves.example absent
recheck leaves.example
check leaves.example r=none
kept leaves.example nothing

# max_age from the smallest to the largest (3.2; larger ones are clamped).
txt most.example "v=STSv1; id=1" ttl 5m
host most.example 8.8.8.8
policy most.example body "version: STSv1\nmode: enforce\nmx: mx.most.example\nmax_age: 9999999999\n"
query most.example
check most.example r=policy left=31557600

# The id differs in the case of a letter: another id.
txt case.example "v=STSv1; id=a" ttl 5m
host case.example 8.8.8.8
policy case.example enforce 30d mx.case.example
query case.example
asked case.example txt=1 address=1 policy=1
time passes 60s
txt case.example "v=STSv1; id=A" ttl 5m
recheck case.example
check case.example r=policy id=A
asked case.example txt=1 address=1 policy=1
