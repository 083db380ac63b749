# Limits on questions that start a discovery: one client and one registered domain
# cannot have all. What is known is answered whatever they do.
config jobs_max 16
config client_per_s 8
config domain_per_s 6
txt known.example "v=STSv1; id=1" ttl 1h
host known.example 8.8.8.8
policy known.example enforce 7d mx.known.example
client 1
query known.example
check known.example r=policy

# Eight a second, beyond: pending at once.
time passes 10s
flood 12 example
stats jobs=8..9 refused_client=3..4 refused_domain=0
query known.example
check known.example r=policy
recheck known.example
check known.example r=pending retry=2
stats refused_client=4..5
# Somebody else is served.
client 2
txt other.test absent
query other.test
check other.test r=none
# A recheck that joins a job starts none.
client 1
recheck n12.example
stats refused_client=4..5
check n12.example r=held
time passes 61s
stats jobs=0

# Six a second below one registered domain, whoever asks.
client 3
flood 9 victim.example
stats jobs=6..7 refused_domain=2..3
txt b.test absent
query b.test
check b.test r=none
time passes 61s

# The last quarter of the places is shared: whoever has more than his part waits.
client 4
flood 8 one.test
time passes 2s
client 5
flood 8 example
stats jobs=12..16
client 6
txt c.test absent
query c.test
check c.test r=none
