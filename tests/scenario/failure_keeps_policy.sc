# A failure never replaces an unexpired policy.
config refresh_per_s 0
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 30d mx.a.example
query a.example
asked a.example txt=1 address=1 policy=1

# TXT gone: kept, told, asked again after 1, 2, 4 minutes, then each interval.
txt a.example absent ttl 60
time passes 5m
query a.example
asked a.example txt=1
stats downgrades=1
query a.example
check a.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/no-mta-sts-dns-txt-record
asked a.example
time passes 60s
query a.example
query a.example
asked a.example txt=1
time passes 119s
query a.example
asked a.example
time passes 1s
query a.example
asked a.example txt=1
time passes 239s
query a.example
asked a.example
time passes 1s
query a.example
asked a.example txt=1
time passes 5m
query a.example
asked a.example txt=1
stats downgrades=5

# For a month.
txt a.example dns-failed
time passes 29d
query a.example
query a.example
check a.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/dns-lookup+fallback-to-cached-policy
# And the moment it comes back, it is fresh.
txt a.example "v=STSv1; id=1" ttl 5m
time passes 5m
query a.example
query a.example
check a.example r=policy fresh=1

# A new id whose fetch fails: the old policy stays, the id is backed off.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.8.8
policy b.example enforce 30d mx.b.example
query b.example
asked b.example txt=1 address=1 policy=1
txt b.example "v=STSv1; id=2" ttl 5m
policy b.example fail http-status 503
time passes 5m
query b.example
asked b.example txt=1 address=1 policy=1
query b.example
check b.example r=policy id=1 fresh=0 why=sts-policy-fetch-error/cannot-fetch-policy+status+503 retry=300..360
time passes 60s
query b.example
query b.example
asked b.example txt=1
check b.example r=policy id=1 fresh=0
# TXT that fails meanwhile does not shorten the back-off of the id.
txt b.example dns-failed
recheck b.example
check b.example r=policy fresh=0 why=sts-policy-fetch-error/dns-lookup+fallback-to-cached-policy
txt b.example "v=STSv1; id=2" ttl 5m
recheck b.example
asked b.example txt=2
check b.example r=policy id=1 fresh=0
# Back-off over.
time passes 5m
policy b.example enforce 30d mx.b.example
query b.example
asked b.example txt=1 address=1 policy=1
query b.example
check b.example id=2 fresh=1 left=30d

# The id goes back to the policy's: fresh again.
txt c.example "v=STSv1; id=1" ttl 5m
host c.example 8.8.8.8
policy c.example testing 30d mx.c.example
query c.example
txt c.example "v=STSv1; id=2" ttl 5m
policy c.example fail cert-expired
time passes 5m
query c.example
query c.example
check c.example fresh=0 why=sts-webpki-invalid/certificate-expired+fallback-to-cached-policy
txt c.example "v=STSv1; id=1" ttl 5m
time passes 60s
query c.example
query c.example
check c.example fresh=1 why=

# Mode none, and TXT is gone: dropped without a word.
txt d.example "v=STSv1; id=1" ttl 5m
host d.example 8.8.8.8
policy d.example none 30d
query d.example
check d.example r=policy mode=none
told d.example 0
stats downgrades=9
# What fails before that is nobody's business either.
txt d.example "v=STSv1; id=2" ttl 5m
policy d.example fail cert-expired
time passes 5m
query d.example
query d.example
check d.example r=policy mode=none fresh=0 why= reason= alert=ok
txt d.example absent ttl 60
time passes 61s
query d.example
told d.example 0
stats downgrades=9
kept d.example nothing
query d.example
check d.example r=none

# Whatever order answers arrive in: the policy ends while its check is out.
txt e.example "v=STSv1; id=1" ttl 5m
host e.example 8.8.8.8
policy e.example enforce 310 mx.e.example
query e.example
time passes 5m
txt e.example absent ttl 60
txt e.example silent
query e.example
check e.example r=policy
time passes 30s
txt e.example answers
time passes 1s
kept e.example r=none
