# RFC 8461 10.2: while a policy cannot be renewed its alert grows as its end comes
# near.
txt a.example "v=STSv1; id=1" ttl 5m
host a.example 8.8.8.8
policy a.example enforce 4d mx.a.example
query a.example
stats notice=0 warning=0 critical=0
kept a.example alert=ok since=-1
policy a.example fail timed-out
time passes 31h
kept a.example r=policy alert=notice reason=sts-policy-fetch-error/cannot-fetch-policy+timed-out+fallback-to-cached-policy
alerted a.example notice
stats notice=1 warning=0 critical=0
# Half of its life is over.
time passes 17h
time passes 60s
kept a.example r=policy alert=warning
alerted a.example warning
stats notice=0 warning=1
# Three quarters are.
time passes 24h
time passes 60s
kept a.example alert=critical
alerted a.example critical
stats warning=0 critical=1
# That it is known outlives a restart.
restart 60s
kept a.example alert=critical since=1d..3d
time passes 1s
stats notice=0 warning=0 critical=1
# Renewed: all is well.
policy a.example enforce 4d mx.a.example
time passes 20m
kept a.example alert=ok since=-1 left=343000..4d
stats notice=0 warning=0 critical=0

# The end itself is no alert any more.
txt b.example "v=STSv1; id=1" ttl 5m
host b.example 8.8.8.8
policy b.example testing 1d mx.b.example
query b.example
policy b.example fail tls
time passes 23h
stats critical=1
time passes 1h
kept b.example nothing
time passes 60s
stats notice=0 warning=0 critical=0

# Nobody is warned about mode none.
txt c.example "v=STSv1; id=1" ttl 5m
host c.example 8.8.8.8
policy c.example none 1d
query c.example
policy c.example fail tls
time passes 23h
kept c.example r=policy mode=none alert=ok
stats notice=0 warning=0 critical=0 downgrades=30..60

# Possible downgrades are counted by their cause, and told once an hour.
txt d.example "v=STSv1; id=1" ttl 5m
host d.example 8.8.8.8
policy d.example enforce 30d mx.d.example
query d.example
told d.example 0
txt d.example absent
recheck d.example
recheck d.example
recheck d.example
told d.example 1
stats absent=3 invalid=0 dns=0
txt d.example "v=STSv1; id=;"
recheck d.example
txt d.example dns-failed
recheck d.example
stats absent=3 invalid=1 dns=1
told d.example 0
time passes 1h
recheck d.example
told d.example 1
# Our own faults are nobody's attempt.
txt d.example refused
recheck d.example
stats absent=3 invalid=1 dns=2
