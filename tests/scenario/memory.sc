# What is remembered of failures: since when, the last reason, the body that failed,
# and the back-off of the id, through failures of other kinds, restarts and lost
# records.
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 30d mx.a.example
query a.example
txt a.example "v=STSv1; id=2" ttl 5m
policy a.example body "version: STSv1\nmode: nonsense\n"
time passes 5m
query a.example
kept a.example r=policy id=1 class=bad-body since=0 failed_text=30
time passes 10m
txt a.example dns-failed
recheck a.example
kept a.example class=dns-failed since=10m failed_text=30
time passes 10m
txt a.example absent
recheck a.example
kept a.example class=absent since=20m failed_text=30
restart 10m
kept a.example r=policy id=1 class=absent since=30m failed_text=30 why=sts-policy-fetch-error/no-mta-sts-dns-txt-record
# The fetch is tried again: the second time for that id, whatever came in between.
txt a.example "v=STSv1; id=2" ttl 5m
recheck a.example
kept a.example class=bad-body since=30m retry=300..360
asked a.example txt=5 address=3 policy=3
time passes 6m
recheck a.example
kept a.example retry=600..720
# Success ends it all.
policy a.example enforce 30d mx2.a.example
time passes 12m
recheck a.example
kept a.example id=2 why= since=-1 failed_text=0 retry=-100000000..0

# Failed, then unknown, then failed: the attempts are counted on.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.8.8
policy b.example fail cannot-connect
query b.example
time passes 6m
query b.example
check b.example r=failed retry=300..360
time passes 6m
txt b.example dns-failed
query b.example
check b.example r=unknown retry=5
time passes 5s
query b.example
check b.example r=unknown retry=10
restart 10s
txt b.example "v=STSv1; id=1" ttl 5m
time passes 5s
query b.example
check b.example r=failed retry=600..720
# A domain that has lost its record for a while.
txt b.example absent ttl 60
time passes 12m
query b.example
check b.example r=none
txt b.example "v=STSv1; id=1" ttl 5m
time passes 1h
query b.example
check b.example r=failed retry=900..1080
asked b.example txt=7 address=4 policy=4
# And one whose record has given way.
purge b.example
query b.example
check b.example r=failed why=sts-policy-fetch-error/back-off-after-recent-fetch-error retry=890..1080
asked b.example txt=1
time passes 18m
query b.example
check b.example r=failed retry=900..1080

# A policy that is over: what failed under it is known.
txt c.example "v=STSv1; id=1" ttl 5m
host c.example 8.8.8.8
policy c.example enforce 310 mx.c.example
query c.example
policy c.example fail http-status 500
txt c.example "v=STSv1; id=2" ttl 5m
time passes 300s
query c.example
kept c.example r=policy class=http-status
time passes 11s
query c.example
check c.example r=failed retry=280..350 why=sts-policy-fetch-error/cannot-fetch-policy+status+500
kept c.example r=failed since=11 reason=sts-policy-fetch-error/cannot-fetch-policy+status+500+back-off-after-recent-fetch-error
asked c.example txt=3 address=2 policy=2

# A check that fails is made again after 1, 2, 4 minutes and so on, at most every
# interval, and counts on over a restart.
txt d.example "v=STSv1; id=1" ttl 1h
host d.example 8.8.8.8
policy d.example enforce 30d mx.d.example
query d.example
txt d.example dns-failed
recheck d.example
time passes 60s
query d.example
restart
asked d.example txt=3 address=1 policy=1
time passes 119s
query d.example
asked d.example
time passes 1s
query d.example
asked d.example txt=1
time passes 239s
query d.example
asked d.example
time passes 1s
query d.example
asked d.example txt=1
time passes 2h
query d.example
time passes 16m
query d.example
asked d.example txt=2
