#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns the cases of queries, right and wrong, into what stsbench replays.

Usage: messages.py QUERY.json MESSAGES NAMES

MESSAGES gets a line a case: its name and its octets in hex. NAMES gets the
domains that the cases ask for, with a policy: so those are answered that can be.
"""

import json
import sys
import time

HEAD = 12  # what is shorter is no DNS message
MOST = 1400  # of one frame


def octets(piece):
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, list):
        return b"".join(octets(p) for p in piece)
    if "hex" in piece:
        return bytes.fromhex(piece["hex"])
    if "labels" in piece:
        labels = [b for b in piece["labels"].encode().split(b".") if b]
        return b"".join(bytes([len(b)]) + b for b in labels) + b"\0"
    if "times" in piece:
        return octets(piece["of"]) * piece["times"]
    inner = octets(piece["sized"])
    return len(inner).to_bytes(2, "big") + inner


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        cases = json.load(f)
    domains = set()
    with open(sys.argv[2], "w", encoding="ascii") as out:
        for case in cases:
            message = octets(case["query"])
            if HEAD <= len(message) <= MOST:
                print(case["name"], message.hex(), file=out)
            if isinstance(case["expect"], dict) and "domain" in case["expect"]:
                domains.add(case["expect"]["domain"])
    end = int(time.time()) + 604800
    with open(sys.argv[3], "w", encoding="ascii") as out:
        for domain in sorted(domains):
            mx = "mx1.example.com,mx2.example.com"
            print(domain, "p", "enforce", "20240131085700Z", end, 604800, mx, sep="\t", file=out)


main()
