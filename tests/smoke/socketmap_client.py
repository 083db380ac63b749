#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A raw socketmap client. Usage: socketmap_client.py SOCKET TEST [ARGUMENT]"""

import select
import socket
import sys
import time

SOCKET = sys.argv[1]
NOTFOUND = b"9:NOTFOUND ,"
PLAIN = b"OK secure match=mx1.good.test:.mail.good.test servername=hostname"
LINES = ["version: STSv1", "mode: enforce", "mx: mx1.good.test", "mx: *.mail.good.test", "max_age: 86400"]
FULL = (
    PLAIN
    + b" policy_type=sts policy_domain=good.test"
    + b" mx_host_pattern=mx1.good.test mx_host_pattern=*.mail.good.test"
    + b"".join(b" { policy_string = %s }" % line.encode() for line in LINES)
)


def frame(content):
    return b"%d:%s," % (len(content), content)


GOOD = frame(FULL)


def connect(where=("127.0.0.1", 8461), source=None):
    if where == SOCKET:
        s = socket.socket(socket.AF_UNIX)
        s.connect(SOCKET)
    else:
        s = socket.create_connection(where, source_address=source)
    s.settimeout(20)
    return s


def read(s, size):
    """So many octets, or fewer when the other side closes."""
    got = b""
    while len(got) < size:
        part = s.recv(size - len(got))
        if not part:
            break
        got += part
    return got


def must(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def asks(requests, answers, where=("127.0.0.1", 8461)):
    """All in one piece; then the connection must still be good."""
    with connect(where) as s:
        s.sendall(b"".join(frame(r) for r in requests))
        want = b"".join(answers)
        must(requests[:3], read(s, len(want)), want)
        s.sendall(frame(b"postfix [192.0.2.1]"))
        must("afterwards", read(s, len(NOTFOUND)), NOTFOUND)


def closes(octets, answer):
    with connect() as s:
        s.sendall(octets)
        must(octets[:40], read(s, 1 << 16), answer)


def rows():
    asks([b"postfix good.test"], [GOOD])  # a cold domain
    for where in [("127.0.0.1", 8461), ("::1", 8461), SOCKET]:
        asks([b"postfix good.test"], [GOOD], where)
    asks([b"postfix39 good.test", b"sendmail good.test", b"sts good.test"], [frame(PLAIN)] * 3)
    same = [b"GOOD.test", b"good.test.", b"good.test:587", b"good.test:submission", "ｇood。test".encode()]
    asks([b"postfix " + key for key in same], [GOOD] * len(same))
    nothing = ["testing.test", "none.test", "nopolicy.test", "badcert.test", "missing.test"]
    nothing += ["[good.test]", "[good.test]:25", "192.0.2.1", "[192.0.2.1]", "2001:db8::1"]
    nothing += [".good.test", ".test", "/some/path", "unix:/some/path", "bücher.test", ""]
    asks([f"postfix {key}".encode() for key in nothing], [NOTFOUND] * len(nothing))
    # Answers come in order, whatever is cold among the questions.
    mixed = [b"second.test", b"good.test", b"nosuch.test", b"good.test", b"[x]", b"third.test"]
    asks([b"postfix39 " + key for key in mixed], [
        frame(b"OK secure match=mx.second.test servername=hostname"), frame(PLAIN), NOTFOUND,
        frame(PLAIN), NOTFOUND, frame(b"OK secure match=mx.third.test servername=hostname"),
    ])
    # More than are taken at once.
    asks([b"postfix good.test"] * 5000, [GOOD] * 5000)
    asks([b"postfix fourth.test"] + [b"postfix39 good.test"] * 300,
         [frame(FULL.replace(b"mx1.good.test:.mail.good.test", b"mx.fourth.test")
                .replace(b"mx_host_pattern=mx1.good.test mx_host_pattern=*.mail.good.test",
                         b"mx_host_pattern=mx.fourth.test")
                .replace(b" { policy_string = mx: *.mail.good.test }", b"")
                .replace(b"mx: mx1.good.test", b"mx: mx.fourth.test")
                .replace(b"86400", b"604800").replace(b"=good.test", b"=fourth.test"))]
         + [frame(PLAIN)] * 300)
    # A host that does not answer in time: held, then as the map bids.
    start = time.monotonic()
    asks([b"postfix slow.test", b"postfix good.test"], [NOTFOUND, GOOD])
    asks([b"sendmail slow.test", b"sendmail good.test"], [b"5:TEMP ,", frame(PLAIN)])
    if time.monotonic() - start < 1.9:
        sys.exit("not held")
    closes(frame(b"nomap good.test"), b"16:PERM unknown map,")
    closes(frame(b"postfix [x]") + frame(b"nomap good.test") + frame(b"postfix good.test"),
           NOTFOUND + b"16:PERM unknown map,")
    closes(frame(b"postfix"), b"25:PERM expected map and key,")
    for bad in [b"x", b"01:a,", b"1:ab", b"GET / HTTP/1.0\r\n\r\n", b"10001:", b"\0", b"5:hello;"]:
        closes(bad, b"23:PERM expected netstring,")
    # Octet by octet; and a client that says it has no more to ask.
    with connect() as s:
        for octet in frame(b"postfix good.test"):
            s.sendall(bytes([octet]))
        s.shutdown(socket.SHUT_WR)
        must("octet by octet", read(s, 1 << 16), GOOD)
    # The longest request there may be.
    asks([b"postfix " + b"a" * 9992], [NOTFOUND])
    print("rows: right")


def strangers():
    with connect(source=("127.0.0.2", 0)) as s:
        must("a stranger", s.recv(1), b"")
    print("strangers: turned away")


def hangups():
    # Fifty ask for a domain whose host hangs, and leave.
    for i in range(50):
        s = connect()
        s.sendall(frame(b"postfix hang.test") + frame(b"postfix good.test") * (i % 40))
        if i % 2:  # reset instead of a quiet end
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    asks([b"postfix hang.test", b"postfix good.test"], [NOTFOUND, GOOD])
    print("hangups: borne")


def crowd(count):
    many = []
    for _ in range(count):
        many.append(connect(SOCKET if len(many) % 2 else ("127.0.0.1", 8461)))
    for s in many[::7]:
        s.sendall(frame(b"postfix good.test"))
    for s in many[::7]:
        must("in the crowd", read(s, len(GOOD)), GOOD)
    # All places are taken: the one idle for longest makes room, once it has been
    # idle for a second.
    end = time.monotonic() + 20
    while True:
        with connect() as s:
            s.sendall(frame(b"postfix good.test"))
            try:
                got = read(s, len(GOOD))
            except ConnectionResetError:
                got = b""
        if got == GOOD:
            break
        if time.monotonic() > end:
            sys.exit("no room is made")
    watch = select.poll()
    for s in many:
        watch.register(s, select.POLLIN)
    gone = watch.poll(20000)
    if not gone:
        sys.exit("nobody had to go")
    asks([b"postfix good.test"] * 100, [GOOD] * 100)
    print(f"crowd: {count} connections")


def options():
    plain = frame(b"OK secure match=mx1.good.test:.mail.good.test")
    testing = frame(b"OK secure match=mx.testing.test")
    asks([b"postfix good.test", b"postfix testing.test"], [plain, testing])
    asks([b"postfix39 good.test", b"postfix39 testing.test"], [frame(PLAIN), NOTFOUND])
    print("options: heeded")


def slow():
    idle, dribbler, deaf = connect(), connect(), connect()
    deaf.setblocking(False)
    sent = 0
    request = frame(b"postfix good.test")
    # One never reads its answers: the appliance stops reading its questions.
    while select.select([], [deaf], [], 0.5)[1]:
        sent += deaf.send((request * 2000)[sent % len(request):])
    octets = iter(request * 20)
    gone = set()
    end = time.monotonic() + 30
    while len(gone) < 2:
        if time.monotonic() > end:
            sys.exit(f"still there: {2 - len(gone)} of 2")
        try:
            dribbler.send(bytes([next(octets)]))  # never a whole one in time
        except OSError:
            gone.add("dribbler")
        asks([b"postfix39 good.test"], [frame(PLAIN)])  # others are served
        for name, s in (("idle", idle), ("dribbler", dribbler)):
            if select.select([s], [], [], 0.1)[0]:
                try:
                    must(name, s.recv(1), b"")
                except ConnectionResetError:
                    pass
                gone.add(name)
    deaf.setblocking(True)
    got = 0
    try:
        while part := deaf.recv(1 << 20):
            got += len(part)
    except ConnectionResetError:
        pass
    print(f"slow: borne; the deaf one sent {sent} octets, {got} waited for it")


TESTS = {f.__name__: f for f in (rows, strangers, hangups, options, slow)}
if sys.argv[2] == "crowd":
    crowd(int(sys.argv[3]))
else:
    TESTS[sys.argv[2]]()
