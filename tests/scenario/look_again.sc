# RFC 8461 8.1: the new id may be there before the new policy. A new id under which
# the old body came is looked at once more when the TTL is over.
txt a.example "v=STSv1; id=1" ttl 10m
host a.example 8.8.8.8
policy a.example enforce 30d old.a.example
query a.example
asked a.example txt=1 address=1 policy=1
txt a.example "v=STSv1; id=2" ttl 10m
time passes 10m
query a.example
asked a.example txt=1 address=1 policy=1
kept a.example id=2 mode=enforce n=1
policy a.example enforce 30d new.a.example also.a.example
time passes 599s
asked a.example
time passes 3s
asked a.example txt=1 address=1 policy=1
kept a.example id=2 n=2 left=2591990..30d
# Once: the next one is due in a day.
time passes 17h
asked a.example

# The same body again: once, too.
txt b.example "v=STSv1; id=1" ttl 10m
host b.example 8.8.8.8
policy b.example testing 10m mx.b.example
query b.example
time passes 5m
txt b.example "v=STSv1; id=2" ttl 5m
recheck b.example
asked b.example txt=2 address=2 policy=2
time passes 302s
asked b.example txt=1 address=1 policy=1
time passes 500s
asked b.example

# Not for a policy that is over at once.
txt c.example "v=STSv1; id=1" ttl 5m
host c.example 8.8.8.8
policy c.example enforce 1d mx.c.example
query c.example
time passes 5m
policy c.example enforce 0 mx.c.example
txt c.example "v=STSv1; id=2" ttl 5m
query c.example
asked c.example txt=2 address=2 policy=2
time passes 1h
asked c.example

# A new id with a new body needs no second look.
txt d.example "v=STSv1; id=1" ttl 5m
host d.example 8.8.8.8
policy d.example enforce 30d mx.d.example
query d.example
time passes 5m
policy d.example enforce 30d mx2.d.example
txt d.example "v=STSv1; id=2" ttl 5m
query d.example
asked d.example txt=2 address=2 policy=2
time passes 17h
asked d.example
