# The store confirms later: questions in between are answered after it.
confirms later
txt a.example "v=STSv1; id=1" ttl 1h
host a.example 8.8.8.8
policy a.example enforce 7d mx.a.example
query a.example
answered a.example 1
stats jobs=1
purge a.example
query a.example
check a.example r=held
query a.example
answered a.example 0
confirm a.example
answered a.example 2
stats jobs=0
asked a.example txt=1 address=1 policy=1

# A recheck in between starts another job behind it. (The purge left nothing to
# look at.)
check a.example r=pending
recheck a.example
check a.example r=policy id=1 fresh=1
stats jobs=1
recheck a.example
check a.example r=held
txt a.example "v=STSv1; id=2" ttl 1h
time passes 61s
check a.example r=held
asked a.example txt=1 address=1 policy=1
confirm a.example
check a.example r=policy id=2 fresh=1
asked a.example txt=1 address=1 policy=1
stats jobs=1
confirm a.example
stats jobs=0

# So does the operator's wish.
recheck a.example
asked a.example txt=1
prefetch a.example
confirm a.example
asked a.example txt=1 address=1 policy=1
confirm a.example
stats jobs=0
