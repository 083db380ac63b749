# max_age 0: those who wait get the policy, then none until 5 minutes are over.
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 0 mx.a.example
query a.example
check a.example r=policy mode=enforce left=1
asked a.example txt=1 address=1 policy=1
time passes 1s
query a.example
check a.example r=none
kept a.example r=none left=299
asked a.example
recheck a.example
check a.example r=none
asked a.example txt=1
time passes 298s
query a.example
check a.example r=none
asked a.example
time passes 1s
query a.example
check a.example r=policy
asked a.example txt=1 address=1 policy=1
stats armed=0

# It ends a longer policy.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.8.8
policy b.example enforce 30d mx.b.example
query b.example
stats armed=1
time passes 5m
txt b.example "v=STSv1; id=2" ttl 5m
policy b.example enforce 0 mx.b.example
query b.example
time passes 1s
query b.example
check b.example r=none
stats armed=0
