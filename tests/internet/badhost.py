#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Policy hosts that misbehave, one kind to an address. Usage: badhost.py PKI"""

import socket
import ssl
import sys
import threading
import time

PKI = sys.argv[1]
POLICY = b"version: STSv1\nmode: enforce\nmx: mx.test\nmax_age: 86400\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def context(name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(f"{PKI}/{name}.crt", f"{PKI}/{name}.key")
    return c


def whole(body):
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def trickle(conn):
    for octet in whole(POLICY):
        conn.send(bytes([octet]))
        time.sleep(1)


# kind -> (last octet of the address, certificate, what to do with a connection)
KINDS = {
    "wrong": (90, "wrong", lambda c: c.sendall(whole(POLICY))),
    "cnonly": (91, "cnonly", lambda c: c.sendall(whole(POLICY))),
    "expired": (92, "expired", lambda c: c.sendall(whole(POLICY))),
    "hang": (93, None, lambda c: time.sleep(120)),
    "redirect": (
        94,
        "good",
        lambda c: c.sendall(
            b"HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.good.test/\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    "big": (95, "good", lambda c: c.sendall(whole(b"x" * (2 << 20)))),
    "plain": (96, None, lambda c: c.sendall(whole(POLICY))),
    "closes": (97, "good", lambda c: c.sendall(HEAD + b"Content-Length: 500\r\n\r\nversion")),
    "slow": (98, "good", trickle),
    "badbody": (99, "good", lambda c: c.sendall(whole(b"this is no policy\n"))),
}


def serve(conn, tls, act):
    try:
        conn.settimeout(120)
        if tls is not None:
            conn = tls.wrap_socket(conn, server_side=True)
            conn.recv(4096)
        act(conn)
    except OSError:
        pass
    finally:
        conn.close()


def listen(octet, certificate, act):
    tls = context(certificate) if certificate else None
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((f"10.99.0.{octet}", 443))
    s.listen(64)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve, args=(conn, tls, act), daemon=True).start()


threads = [threading.Thread(target=listen, args=k, daemon=True) for k in KINDS.values()]
for t in threads:
    t.start()
for t in threads:
    t.join()
