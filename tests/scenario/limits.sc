# Places for fetches: per address 2, per network 3, in all 5.
config per_address_max 2
config per_network_max 3
config fetches_max 5
txt a1.example "v=STSv1; id=1"
txt a2.example "v=STSv1; id=1"
txt a3.example "v=STSv1; id=1"
txt b1.example "v=STSv1; id=1"
txt b2.example "v=STSv1; id=1"
txt c1.example "v=STSv1; id=1"
txt c2.example "v=STSv1; id=1"
txt c3.example "v=STSv1; id=1"
host a1.example 9.9.9.1
host a2.example 9.9.9.1
host a3.example 9.9.9.1
host b1.example 9.9.9.2
host b2.example 9.9.9.3
host c1.example 8.8.8.8
host c2.example 2001:4860::1
host c3.example 2001:4860::2
policy a1.example silent
policy a2.example silent
policy a3.example silent
policy b1.example silent
policy b2.example silent
policy c1.example silent
policy c2.example silent
policy c3.example enforce 7d mx.c3.example
query a1.example
query a2.example
query a3.example
stats fetches=2 waiting=1
# the network has one place left
query b1.example
query b2.example
stats fetches=3 waiting=2
query c1.example
query c2.example
stats fetches=5 waiting=2
# all places taken: even a new network waits
query c3.example
stats fetches=5 waiting=3
check c3.example r=held
time passes 9s
stats fetches=5 waiting=3
# After 10 s the oldest of full groups makes room for those who wait.
time passes 2s
check a1.example r=failed why=sts-policy-fetch-error/cannot-fetch-policy+timed-out
check c3.example r=policy
time passes 12s
check a2.example r=failed
asked a3.example txt=1 address=1 policy=1
asked b2.example txt=1 address=1 policy=1
# Waiting is not part of a fetch's own 60 s.
time passes 61s
stats fetches=0 waiting=0 jobs=0
check b2.example r=failed why=sts-policy-fetch-error/cannot-fetch-policy+timed-out

# A fetch that hinders nobody has its 60 s.
txt d.example "v=STSv1; id=1"
host d.example 8.8.8.8
policy d.example silent
query d.example
time passes 59s
check d.example r=held
time passes 1s
check d.example r=failed why=sts-policy-fetch-error/cannot-fetch-policy+timed-out

# Of several addresses those with room are tried.
txt e.example "v=STSv1; id=1"
host e.example 9.9.9.1 8.8.8.8
policy e.example enforce 7d mx.e.example
query e.example
check e.example r=policy
