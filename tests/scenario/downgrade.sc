# Twelve ways to make a sender forget an enforce policy; it stands in each until
# its very end, the 30 days after the one good fetch. Refreshes are off, so that
# nothing but these 30 days holds it.
config refresh_per_s 0
config jobs_max 64
config cache_bytes 1048576
txt gone.example "v=STSv1; id=1" ttl 5m
txt servfail.example "v=STSv1; id=1" ttl 5m
txt nxdomain.example "v=STSv1; id=1" ttl 5m
txt notfound.example "v=STSv1; id=1" ttl 5m
txt redirect.example "v=STSv1; id=1" ttl 5m
txt cert.example "v=STSv1; id=1" ttl 5m
txt body.example "v=STSv1; id=1" ttl 5m
txt newid.example "v=STSv1; id=1" ttl 5m
txt timeout.example "v=STSv1; id=1" ttl 5m
txt jump.example "v=STSv1; id=1" ttl 5m
txt restart.example "v=STSv1; id=1" ttl 5m
txt flood.example "v=STSv1; id=1" ttl 5m
host gone.example 8.8.8.1
host servfail.example 8.8.8.2
host nxdomain.example 8.8.8.3
host notfound.example 8.8.8.4
host redirect.example 8.8.8.5
host cert.example 8.8.8.6
host body.example 8.8.8.7
host newid.example 8.8.8.8
host timeout.example 8.8.8.9
host jump.example 8.8.8.10
host restart.example 8.8.8.11
host flood.example 8.8.8.12
policy gone.example enforce 30d mx.example
policy servfail.example enforce 30d mx.example
policy nxdomain.example enforce 30d mx.example
policy notfound.example enforce 30d mx.example
policy redirect.example enforce 30d mx.example
policy cert.example enforce 30d mx.example
policy body.example enforce 30d mx.example
policy newid.example enforce 30d mx.example
policy timeout.example enforce 30d mx.example
policy jump.example enforce 30d mx.example
policy restart.example enforce 30d mx.example
policy flood.example enforce 30d mx.example
query gone.example
query servfail.example
query nxdomain.example
query notfound.example
query redirect.example
query cert.example
query body.example
query newid.example
query timeout.example
query jump.example
query restart.example
query flood.example
time passes 1d

# The attacks begin.
txt gone.example absent
txt servfail.example dns-failed
txt nxdomain.example absent ttl 60
host nxdomain.example none
txt notfound.example "v=STSv1; id=2" ttl 5m
policy notfound.example fail http-not-found
txt redirect.example "v=STSv1; id=2" ttl 5m
policy redirect.example fail http-redirect 301
txt cert.example "v=STSv1; id=2" ttl 5m
policy cert.example fail cert-untrusted
txt body.example "v=STSv1; id=2" ttl 5m
policy body.example body "version: STSv1\nmode: off\nmax_age: 1\n"
txt newid.example "v=STSv1; id=2" ttl 5m
policy newid.example fail cannot-connect
txt timeout.example silent
policy timeout.example silent
txt jump.example absent
txt restart.example dns-failed
txt flood.example silent
query gone.example
query servfail.example
query nxdomain.example
query notfound.example
query redirect.example
query cert.example
query body.example
query newid.example
query timeout.example
query jump.example
query restart.example
query flood.example
time passes 61s
stats downgrades=12
check gone.example r=policy mode=enforce
query gone.example
check gone.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/no-mta-sts-dns-txt-record
query servfail.example
check servfail.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/dns-lookup+fallback-to-cached-policy
query nxdomain.example
check nxdomain.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/no-mta-sts-dns-txt-record
query notfound.example
check notfound.example r=policy mode=enforce fresh=0 id=1 why=sts-policy-fetch-error/no-policy-served+404
query redirect.example
check redirect.example r=policy mode=enforce fresh=0 id=1 why=sts-policy-fetch-error/cannot-fetch-policy+redirect+301
query cert.example
check cert.example r=policy mode=enforce fresh=0 id=1 why=sts-webpki-invalid/certificate-not-trusted
query body.example
check body.example r=policy mode=enforce fresh=0 id=1
query newid.example
check newid.example r=policy mode=enforce fresh=0 id=1 why=sts-policy-fetch-error/cannot-fetch-policy+connect
query timeout.example
check timeout.example r=policy mode=enforce fresh=0 why=sts-policy-fetch-error/dns-lookup+timed-out

# The operator's own wish, and a recheck, do not help the attacker.
prefetch notfound.example
kept notfound.example r=policy mode=enforce id=1
recheck notfound.example
check notfound.example r=policy mode=enforce fresh=0 id=1
prefetch gone.example
# (That one could be fetched: its host is there.)
kept gone.example r=policy mode=enforce left=30d

# Whoever asks for names that nobody knows fills the places, not the memory of
# what is kept.
txt timeout.example dns-failed
txt flood.example absent
time passes 61s
flood 100
stats jobs=48 refused=52 refused_domain=52
flood 100 example
stats jobs=64 refused=136 refused_domain=52
query flood.example
check flood.example r=policy mode=enforce
kept flood.example r=policy mode=enforce
time passes 61s
stats jobs=0
query flood.example
kept flood.example r=policy mode=enforce fresh=0

# Nor does it take their place in memory: there is room for a third of the names
# that it is made of.
flood 1500 answers
stats kept=1500..1600
restart
stats kept=300..600
kept gone.example r=policy mode=enforce
kept servfail.example r=policy mode=enforce
kept nxdomain.example r=policy mode=enforce
kept notfound.example r=policy mode=enforce
kept redirect.example r=policy mode=enforce
kept cert.example r=policy mode=enforce
kept body.example r=policy mode=enforce
kept newid.example r=policy mode=enforce
kept timeout.example r=policy mode=enforce
kept jump.example r=policy mode=enforce
kept restart.example r=policy mode=enforce
kept flood.example r=policy mode=enforce

# The wall clock jumps a year ahead while we run; half a day later we begin again.
time passes 9d
wall jumps 365d
time passes 12h
restart
kept gone.example r=policy mode=enforce
kept jump.example r=policy mode=enforce
kept restart.example r=policy mode=enforce id=1
# To before it was right, and at last to what it was.
wall jumps -400d
time passes 12h
restart
kept jump.example r=policy mode=enforce
kept restart.example r=policy mode=enforce
wall jumps 35d
restart

# To the very second: 30 days of boot time, but for the one that was fetched.
time passes 1641416
kept servfail.example r=policy mode=enforce id=1 left=1
kept nxdomain.example r=policy mode=enforce id=1 left=1
kept notfound.example r=policy mode=enforce id=1 left=1
kept redirect.example r=policy mode=enforce id=1 left=1
kept cert.example r=policy mode=enforce id=1 left=1
kept body.example r=policy mode=enforce id=1 left=1
kept newid.example r=policy mode=enforce id=1 left=1
kept timeout.example r=policy mode=enforce id=1 left=1
kept jump.example r=policy mode=enforce id=1 left=1
kept restart.example r=policy mode=enforce id=1 left=1
kept flood.example r=policy mode=enforce id=1 left=1
kept gone.example r=policy mode=enforce id=1
# No jump made them immortal either.
time passes 1
kept servfail.example nothing
kept nxdomain.example nothing
kept notfound.example nothing
kept redirect.example nothing
kept cert.example nothing
kept body.example nothing
kept newid.example nothing
kept timeout.example nothing
kept jump.example nothing
kept restart.example nothing
kept flood.example nothing
time passes 86461
kept gone.example nothing
