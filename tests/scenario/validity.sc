# Validity comes from HTTPS alone (RFC 8461 3.2); checks on use only confirm.
config refresh_per_s 0
txt a.example "v=STSv1; id=1" ttl 10m
host a.example 8.8.8.8
policy a.example enforce 2h mx.a.example
query a.example
asked a.example txt=1 address=1 policy=1

# Not due yet: no question to the network.
time passes 9m
query a.example
check a.example fresh=1
asked a.example

# Due: answered from memory, checked behind it.
time passes 1m
query a.example
check a.example r=policy fresh=0
asked a.example txt=1
query a.example
check a.example r=policy fresh=1 left=6600
asked a.example

# To the very second, however often it was confirmed.
time passes 6599s
query a.example
check a.example r=policy left=1
time passes 1s
txt a.example absent
kept a.example nothing
query a.example
check a.example r=none

# A new id brings a new policy and a new life.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.8.8
policy b.example testing 1d mx.b.example
query b.example
time passes 1h
txt b.example "v=STSv1; id=2" ttl 5m
policy b.example enforce 1d mx.b.example mx2.b.example
query b.example
check b.example id=1 mode=testing left=82800
query b.example
check b.example id=2 mode=enforce n=2 left=1d fresh=1

# A shorter max_age counts too.
time passes 10m
txt b.example "v=STSv1; id=3" ttl 5m
policy b.example none 10m
query b.example
query b.example
check b.example mode=none left=10m id=3
