#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The answers that stsd gives for a file of names, as data of other servers.

Usage: zones.py NAMES DIR

Writes into DIR: sts.zone (knot, nsd), sts.local (unbound), sts.rbl (rbldnsd),
queries (kxdpgun), and probe: a name with a policy and the answer to it.
"""

import pathlib
import random
import sys


def strings_of(columns):
    """The TXT strings for a line of names."""
    if columns[1] == "n":
        return ["v=STSQ1; r=none"]
    mode, policy_id, end, _, patterns = columns[2:7]
    mx = patterns.split(",")
    head = f"v=STSQ1; r=policy; mode={mode}; id={policy_id}; exp={end}; fresh=1; n={len(mx)}"
    return [head] + [f"; mx={pattern}" for pattern in mx]


def main():
    out = pathlib.Path(sys.argv[2])
    names = []
    probe = None
    with (
        open(sys.argv[1], encoding="ascii") as lines,
        open(out / "sts.zone", "w", encoding="ascii") as zone,
        open(out / "sts.local", "w", encoding="ascii") as local,
        open(out / "sts.rbl", "w", encoding="ascii") as rbl,
    ):
        zone.write("$ORIGIN sts.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 10.98.0.3\n")
        local.write('server:\nlocal-zone: "sts." static\n')
        rbl.write("$SOA 60 ns.sts hostmaster.sts 1 3600 600 86400 60\n$NS 60 ns.sts\n")
        for line in lines:
            if line.startswith("#"):
                continue
            columns = line.rstrip("\n").split("\t")
            texts = strings_of(columns)
            quoted = " ".join(f'"{text}"' for text in texts)
            zone.write(f"{columns[0]} TXT {quoted}\n")
            local.write(f"local-data: '{columns[0]}.sts. 60 IN TXT {quoted}'\n")
            # One string is all that rbldnsd has room for.
            rbl.write(f'{columns[0]} 60 TXT "{"".join(texts)[:255]}"\n')
            names.append(columns[0])
            if columns[1] == "p" and probe is None and len("".join(texts)) < 255:
                probe = columns[0] + "\t" + "".join(texts)
    (out / "probe").write_text(f"{probe}\n", encoding="ascii")
    random.Random(1).shuffle(names)
    (out / "queries").write_text("".join(f"{name}.sts. TXT E\n" for name in names), encoding="ascii")


main()
