#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""DNS over TCP with dnspython for the messages, by hand for the rest."""

import select
import socket
import struct
import sys
import time

import dns.message
import dns.query
import dns.rcode

WHERE = ("127.0.0.1", 5353)


def connect(source=None):
    return socket.create_connection(WHERE, timeout=20, source_address=source)


def query(name):
    return dns.message.make_query(name + ".sts.", "TXT")


def frame(q):
    wire = q if isinstance(q, bytes) else q.to_wire()
    return struct.pack("!H", len(wire)) + wire


def read(s, size):
    got = b""
    while len(got) < size:
        part = s.recv(size - len(got))
        if not part:
            return b""
        got += part
    return got


def answer(s, q):
    wire = read(s, struct.unpack("!H", read(s, 2) or b"\0\0")[0])
    m = dns.message.from_wire(wire)
    if not q.is_response(m):
        sys.exit(f"{q.question}: {m}")
    return m


def verdict(m):
    return b"".join(m.answer[0][0].strings).decode()


def closed(s, what):
    try:
        left = s.recv(1)
    except ConnectionResetError:
        left = b""
    if left:
        sys.exit(f"{what}: not closed")


for address in ("127.0.0.1", "::1"):
    m = dns.query.tcp(query("good.test"), address, port=5353, timeout=5)
    if not verdict(m).startswith("v=STSQ1; r=policy; mode=enforce;"):
        sys.exit(m)

# Many at once on one connection, a cold one in front.
names = ["third.test"] + ["good.test", "nopolicy.test", "_policy.fifth.test", "x"] * 100
queries = [query(n) for n in names]
with connect() as s:
    s.sendall(b"".join(frame(q) for q in queries))
    got = [answer(s, q) for q in queries]
    if "r=policy" not in verdict(got[0]) or "name/single-label" not in verdict(got[4]):
        sys.exit(f"{got[0]} {got[4]}")
    # Faults of the message are answered, octet by octet too.
    bad = query("good.test").to_wire()
    for octet in frame(bad[:5] + b"\2" + bad[6:]):
        s.sendall(bytes([octet]))
    if dns.message.from_wire(read(s, struct.unpack("!H", read(s, 2))[0])[:12]).rcode() != dns.rcode.FORMERR:
        sys.exit("no FORMERR")
# What is no query at all ends the connection.
for wire in (b"", b"\0" * 11, dns.message.make_response(query("good.test")).to_wire()):
    with connect() as s:
        s.sendall(frame(query("good.test")) + frame(wire) + frame(query("good.test")))
        read(s, struct.unpack("!H", read(s, 2))[0])
        closed(s, "no query")
with connect(("127.0.0.2", 0)) as s:
    closed(s, "a stranger")
# Who leaves while its question is held is missed by nobody.
for _ in range(20):
    with connect() as s:
        s.sendall(frame(query("_recheck.slow.test")))
# A place is made for the 1001st, and idle ones go.
many = [connect() for _ in range(1000)]
end = time.monotonic() + 20
while True:
    with connect() as s:
        q = query("good.test")
        try:
            s.sendall(frame(q))
            if select.select([s], [], [], 5)[0] and s.recv(1, socket.MSG_PEEK):
                answer(s, q)
                break
        except OSError:
            pass
    if time.monotonic() > end:
        sys.exit("no room is made")
for s in many:
    closed(s, "idle")
print("raw client: right")
