# More questions than places: pending, and background work leaves room.
config jobs_max 4
txt a.example silent
txt b.example silent
txt c.example silent
txt d.example silent
txt e.example absent
query a.example
query b.example
query c.example
query d.example
query e.example
check e.example r=pending retry=2
stats jobs=4 refused=1
# A resolver child that says nothing at all for a minute.
time passes 60s
check a.example r=unknown why=sts-policy-fetch-error/dns-lookup+timed-out
stats jobs=0
query e.example
check e.example r=none
