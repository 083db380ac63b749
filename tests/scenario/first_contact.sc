# First contact: a policy, none, failures; single flight.
txt a.example "v=STSv1; id=1;" ttl 10m
host a.example 8.8.8.8
policy a.example enforce 7d mx.a.example *.b.example
query a.example
check a.example r=policy mode=enforce id=1 fresh=1 n=2 left=7d
asked a.example txt=1 address=1 policy=1
# from memory
query a.example
check a.example r=policy
asked a.example
stats jobs=0 armed=1

# No TXT record: none for the negative TTL, within 1 min and 1 h.
txt n.example absent ttl 5
query n.example
check n.example r=none
kept n.example r=none left=60
txt o.example absent ttl 3h
query o.example
kept o.example r=none left=1h
query o.example
check o.example r=none
asked o.example txt=1

# Records that are not ours, and odd sets.
txt p.example "v=spf1 -all"
query p.example
check p.example r=none
txt q.example "v=STSv1; id=1" "v=STSv1; id=2" ttl 20m
query q.example
check q.example r=failed why=sts-policy-fetch-error/multiple-mta-sts-records retry=20m
txt r.example "v=STSv1; id=;" ttl 10h
query r.example
check r.example r=failed why=sts-policy-fetch-error/record-syntax-error retry=1h

# One job for everyone who asks.
txt s.example "v=STSv1; id=1"
txt s.example silent
host s.example 8.8.8.8
policy s.example testing 7d mx.s.example
query s.example
query s.example
query s.example
check s.example r=held
stats jobs=1 joined=2
txt s.example answers
time passes 1s
answered s.example 3
check s.example r=policy mode=testing
asked s.example txt=1 address=1 policy=1

# No host, no policy there, addresses that are not for us.
txt t.example "v=STSv1; id=1"
host t.example none
query t.example
check t.example r=failed why=sts-policy-fetch-error/no-policy-served+no-address retry=300..360
txt u.example "v=STSv1; id=1"
host u.example 10.0.0.1 ::1 169.254.169.254
query u.example
check u.example r=failed why=sts-policy-fetch-error/cannot-fetch-policy+address-not-allowed
asked u.example txt=1 address=1
txt v.example "v=STSv1; id=1"
host v.example 8.8.8.8
policy v.example body "not a policy"
query v.example
check v.example r=failed why=sts-policy-invalid/policy-syntax-error+field-syntax
txt w.example "v=STSv1; id=1"
host w.example dns-failed
query w.example
check w.example r=failed why=sts-policy-fetch-error/dns-lookup
