# Nothing cached, the fetch fails: 5, 5, 10, then 15 minutes for that id.
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example fail cannot-connect
query a.example
check a.example r=failed why=sts-policy-fetch-error/cannot-fetch-policy+connect retry=300..360
asked a.example txt=1 address=1 policy=1
# TXT is read on use at most once a minute, and fetches nothing.
time passes 59s
query a.example
asked a.example
time passes 1s
query a.example
asked a.example txt=1
query a.example
check a.example r=failed retry=240..300
asked a.example
# A recheck does not shorten it.
recheck a.example
check a.example r=failed
asked a.example txt=1
time passes 5m
kept a.example nothing
query a.example
check a.example r=failed retry=300..360
asked a.example txt=1 address=1 policy=1
time passes 6m
query a.example
check a.example r=failed retry=600..720
asked a.example txt=1 address=1 policy=1
time passes 12m
query a.example
check a.example r=failed retry=900..1080
asked a.example txt=1 address=1 policy=1
time passes 18m
query a.example
check a.example r=failed retry=900..1080
asked a.example txt=1 address=1 policy=1
# The operator may.
prefetch a.example
asked a.example txt=1 address=1 policy=1

# A new id at once, but not twice within a minute.
time passes 2m
txt a.example "v=STSv1; id=2" ttl 5m
query a.example
asked a.example txt=1 address=1 policy=1
query a.example
check a.example r=failed retry=300..360
txt a.example "v=STSv1; id=3" ttl 5m
recheck a.example
check a.example r=failed retry=60
asked a.example txt=1
time passes 60s
policy a.example enforce 1d mx.a.example
query a.example
asked a.example txt=1 address=1 policy=1
check a.example r=policy id=3

# Ten new ids in an hour and no more.
txt b.example "v=STSv1; id=0" ttl 5m
host b.example 8.8.4.4
policy b.example fail http-not-found
query b.example
txt b.example "v=STSv1; id=1" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=2" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=3" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=4" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=5" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=6" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=7" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=8" ttl 5m
time passes 61s
recheck b.example
txt b.example "v=STSv1; id=9" ttl 5m
time passes 61s
recheck b.example
asked b.example txt=10 address=10 policy=10
txt b.example "v=STSv1; id=10" ttl 5m
time passes 61s
recheck b.example
check b.example r=failed retry=2900..3000
asked b.example txt=1
time passes 51m
recheck b.example
asked b.example txt=1 address=1 policy=1

# DNS fails: unknown, 5 s doubling to 5 min.
txt c.example dns-failed
query c.example
check c.example r=unknown retry=5 why=sts-policy-fetch-error/dns-lookup
query c.example
check c.example r=unknown
asked c.example txt=1
time passes 5s
query c.example
check c.example r=unknown retry=10
time passes 10s
query c.example
check c.example retry=20
time passes 20s
query c.example
check c.example retry=40
time passes 40s
query c.example
check c.example retry=80
time passes 80s
query c.example
check c.example retry=160
time passes 160s
query c.example
check c.example retry=300
time passes 300s
query c.example
check c.example retry=300
asked c.example txt=7

# Our own fault: unknown, 5 s doubling to 1 min; nothing is held against the domain.
txt d.example "v=STSv1; id=1" ttl 5m
host d.example 8.8.8.8
policy d.example fail local no-route
query d.example
check d.example r=unknown retry=5 why=local/temporary-fault+no-route
time passes 5s
query d.example
check d.example r=unknown retry=10
time passes 10s
query d.example
time passes 20s
query d.example
time passes 40s
query d.example
check d.example r=unknown retry=60
time passes 60s
policy d.example enforce 1d mx.d.example
query d.example
check d.example r=policy fresh=1
# Nobody there to ask.
txt e.example refused
query e.example
check e.example r=unknown retry=5 why=local/temporary-fault+no-worker
txt e.example answers
txt e.example "v=STSv1; id=1" ttl 5m
host e.example 8.8.8.8
policy e.example refused
time passes 5s
query e.example
check e.example r=unknown retry=10 why=local/temporary-fault+no-worker
# A policy in force outlives it.
policy f.example enforce 1d mx.f.example
txt f.example "v=STSv1; id=1" ttl 5m
host f.example 8.8.8.8
query f.example
time passes 5m
txt f.example refused
stats downgrades=0
query f.example
query f.example
check f.example r=policy fresh=0
stats downgrades=0
