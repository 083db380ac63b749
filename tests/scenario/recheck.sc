# RFC 8461 5.1: the id is read now, the answer comes after.
txt a.example "v=STSv1; id=1" ttl 1h
host a.example 8.8.8.8
policy a.example enforce 7d mx.a.example
query a.example
asked a.example txt=1 address=1 policy=1
time passes 10m
query a.example
asked a.example
recheck a.example
check a.example r=policy fresh=1
asked a.example txt=1
txt a.example "v=STSv1; id=2" ttl 1h
policy a.example enforce 7d new.a.example
recheck a.example
check a.example r=policy id=2 fresh=1
asked a.example txt=1 address=1 policy=1
txt a.example dns-failed
recheck a.example
check a.example r=policy id=2 fresh=0

# A job past its TXT step does not satisfy a recheck: another TXT follows.
txt b.example "v=STSv1; id=1" ttl 1h
host b.example 8.8.8.8
policy b.example enforce 7d mx.b.example
policy b.example silent
query b.example
asked b.example txt=1 address=1 policy=1
recheck b.example
check b.example r=held
query b.example
txt b.example "v=STSv1; id=2" ttl 1h
policy b.example answers
time passes 1s
asked b.example txt=1
answered b.example 3
# The id is news, but the domain was fetched within the minute.
check b.example r=policy id=1 fresh=0 why=sts-policy-fetch-error/back-off-after-recent-fetch-error
time passes 60s
recheck b.example
asked b.example txt=1 address=1 policy=1
check b.example r=policy id=2 fresh=1

# One that is still in it does.
txt c.example "v=STSv1; id=1" ttl 1h
host c.example 8.8.8.8
policy c.example enforce 7d mx.c.example
txt c.example silent
query c.example
recheck c.example
txt c.example answers
time passes 1s
asked c.example txt=1 address=1 policy=1
answered c.example 2
check c.example r=policy fresh=1

# Nothing there.
txt d.example absent
recheck d.example
check d.example r=none
recheck d.example
check d.example r=none
asked d.example txt=2
