#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long after its start stsd gives the first right policy.

Usage: restart.py NAMES IP@PORT LOG CTL... -- COMMAND...

Starts COMMAND (stsd), its lines going to LOG, and asks for policies of the file
NAMES, one at random every millisecond, until one is answered as the file says.
By then stsd has to have all of them (CTL is stsctl with its socket). Ends stsd,
and prints the seconds from the start and those of them that were EAL's.
"""

import json
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

STEP_S = 0.001
GIVE_UP_S = 300
TXT, IN, ANSWER = 16, 1, 0x8000


def policies_of(path):
    """Name to what its answer says, without what the hour decides."""
    found = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            columns = line.rstrip("\n").split("\t")
            if len(columns) > 6:
                mx = columns[6].split(",")
                head = f"v=STSQ1; r=policy; mode={columns[2]}; id={columns[3]}; exp={columns[4]}; fresh=1; n={len(mx)}"
                found[columns[0]] = "".join([head] + [f"; mx={pattern}" for pattern in mx])
    return found


def question(name, number):
    labels = (name + ".sts").split(".")
    owner = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + owner + struct.pack("!HH", TXT, IN)


def text_of(reply, asked):
    """The joined strings of the only answer, or None."""
    number, flags, _, answers = struct.unpack("!4H", reply[:8])
    if flags & (ANSWER | 15) != ANSWER or answers != 1 or number != struct.unpack("!H", asked[:2])[0]:
        return None
    at = len(asked) + 2  # the owner is a pointer
    kind, _, _, length = struct.unpack("!HHIH", reply[at : at + 10])
    data, text = reply[at + 10 : at + 10 + length], b""
    while kind == TXT and data:
        text += data[1 : 1 + data[0]]
        data = data[1 + data[0] :]
    return text.decode("ascii")


def wait_for_answer(server, policies):
    names = list(policies)
    dice = random.Random()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(server)
    asked = {}
    begin = time.monotonic()
    while time.monotonic() < begin + GIVE_UP_S:
        name = dice.choice(names)
        number = dice.randrange(65536)
        asked[number] = (name, question(name, number))
        sock.send(asked[number][1])
        while select.select([sock], [], [], STEP_S)[0]:
            reply = sock.recv(4096)
            name, query = asked.get(struct.unpack("!H", reply[:2])[0], (None, None))
            if name and text_of(reply, query) == policies[name]:
                return
    raise SystemExit("restart.py: no right answer came")


def main():
    names, server, log = sys.argv[1:4]
    split = sys.argv.index("--")
    ctl, command = sys.argv[4:split], sys.argv[split + 1 :]
    policies = policies_of(names)
    address, port = server.split("@")
    with open(log, "wb") as out:
        begin = time.monotonic()
        stsd = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            wait_for_answer((address, int(port)), policies)
            took = time.monotonic() - begin
            status = json.loads(subprocess.run(ctl + ["--json", "status"], check=True, capture_output=True).stdout)
        finally:
            stsd.send_signal(signal.SIGTERM)
            stsd.wait()
    if status["policies"] != len(policies):
        raise SystemExit(f"restart.py: {status['policies']} policies of {len(policies)} are there")
    with open(log, encoding="ascii", errors="replace") as lines:
        eal_ms = re.search(r" eal: up after (\d+) ms", lines.read()).group(1)
    print(f"{took:.3f}\t{int(eal_ms) / 1000:.3f}")


main()
