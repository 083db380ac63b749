# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
import time

import dns.exception
import dns.resolver

host, _, port = os.environ.get("STSD", "192.0.2.53:5300").rpartition(":")
stsd = dns.resolver.Resolver(configure=False)
stsd.nameservers, stsd.port, stsd.timeout, stsd.lifetime = [host], int(port), 3, 6
stsd.use_edns(0, 0, 1232)


def verdict(domain, tries=3):
    """{"r", "mode", "mx": [...], "why", ...}. It raises when there is no answer: mail waits."""
    [record] = stsd.resolve(domain + ".sts.", "TXT")
    tags = [tag.split("=", 1) for tag in b"".join(record.strings).decode().split("; ")]
    answer = {**dict(tags), "mx": [value for tag, value in tags if tag == "mx"]}
    if answer.get("v") != "STSQ1":
        raise ValueError(f"no answer of stsd: {record}")
    if answer["r"] != "pending" or tries <= 1:
        return answer
    time.sleep(int(answer["retry"]))
    return verdict(domain, tries - 1)


def allows(mx, host):
    """Whether a policy allows an MX host; `*.` stands for one label."""
    name = host.lower().rstrip(".")
    return name in mx or "*." + name.partition(".")[2] in mx


if __name__ == "__main__":
    try:
        answer = verdict(sys.argv[1])
    except (dns.exception.DNSException, ValueError) as error:
        sys.exit(print(f"wait: {error}", file=sys.stderr) or 75)
    told = answer["mode"] if answer["r"] == "policy" else answer["r"]
    print(*filter(None, [told, answer.get("why"), *answer["mx"]]))
    sys.exit(75 if answer["r"] in ("unknown", "pending") else 0)  # as you decide: here mail waits
