# RFC 8461 3.3 and 10.2: policies in use are fetched again over HTTPS before they
# end, whatever TXT says.
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 7d mx.a.example
query a.example
asked a.example txt=1 address=1 policy=1
stats armed=1
time passes 64799s
asked a.example
# a day, a quarter more or less
time passes 43201s
asked a.example txt=1 address=1 policy=1
kept a.example left=561600..7d id=1
stats refreshes=1

# TXT gone: fetched all the same, under the old id, and told.
txt a.example absent
stats downgrades=0
time passes 30h
asked a.example txt=1 address=1 policy=1
kept a.example r=policy id=1 fresh=0 left=496800..7d
stats downgrades=1..2 armed=1
time passes 30d
kept a.example r=policy mode=enforce left=496800..7d

# The host gone too: tried again with back-off; the policy stays to its end.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.4.4
policy b.example enforce 2d mx.b.example
query b.example
asked b.example txt=1 address=1 policy=1
policy b.example fail timed-out
time passes 30h
kept b.example r=policy id=1 fresh=0 why=sts-policy-fetch-error/cannot-fetch-policy+timed-out
time passes 17h
kept b.example r=policy
# The id itself was confirmed by each refresh: a use that reads it is fresh.
query b.example
query b.example
check b.example r=policy fresh=1
policy b.example enforce 2d mx.b.example
time passes 19m
kept b.example r=policy left=171600..2d

# Back-off of refreshes: 5, 5, 10, 15 min.
txt c.example "v=STSv1; id=1" ttl 5m
host c.example 8.8.4.4
policy c.example enforce 1d mx.c.example
query c.example
asked c.example txt=1 address=1 policy=1
policy c.example fail tls
time passes 15h
kept c.example r=policy
time passes 8h
kept c.example r=policy
time passes 1h
kept c.example nothing

# Under 20 min: never by itself.
txt d.example "v=STSv1; id=1" ttl 5m
host d.example 8.8.8.8
policy d.example enforce 1199 mx.d.example
query d.example
asked d.example txt=1 address=1 policy=1
time passes 1h
asked d.example

# Short ones every 10 min or half their life.
txt e.example "v=STSv1; id=1" ttl 5m
host e.example 8.8.8.8
policy e.example enforce 20m mx.e.example
query e.example
asked e.example txt=1 address=1 policy=1
time passes 751s
asked e.example txt=1 address=1 policy=1
time passes 3h
kept e.example r=policy

# Unused for 180 days: left to its end.
txt f.example "v=STSv1; id=1" ttl 5m
host f.example 8.8.8.8
policy f.example enforce 10d mx.f.example
query f.example
asked f.example txt=1 address=1 policy=1
used f.example ago 181d
time passes 9d
asked f.example
kept f.example r=policy left=1d
# Used again: then it is due at once.
query f.example
asked f.example txt=1
time passes 2s
asked f.example txt=1 address=1 policy=1
kept f.example left=863000..10d

# Mode none whose TXT is gone: dropped.
txt g.example "v=STSv1; id=1" ttl 5m
host g.example 8.8.8.8
policy g.example none 10d
query g.example
asked g.example txt=1 address=1 policy=1
txt g.example absent
time passes 31h
asked g.example txt=1
kept g.example nothing
