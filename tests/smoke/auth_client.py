#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cookies, untrusted clients and TSIG, with dnspython for the messages.

Usage: auth_client.py WHAT [ARGUMENTS]; what is wrong ends it with a traceback."""

import socket
import sys
import time

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsig

HERE = "10.127.53.1"
UDP_PORT = 5300
TCP = ("127.0.0.1", 5353)
CLIENT = b"\1\2\3\4\5\6\7\10"
IP_AND_UDP = 28


def query(name="good.test", cookie=None):
    m = dns.message.make_query(name + ".sts.", "TXT")
    if cookie is not None:
        m.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(10, cookie)])
    return m


def ask(m, over=dns.query.udp):
    if over is dns.query.tcp:
        return dns.query.tcp(m, TCP[0], port=TCP[1], timeout=5)
    return dns.query.udp(m, HERE, port=UDP_PORT, timeout=5)


def cookie_of(answer):
    return next(o.data for o in answer.options if o.otype == 10)


def is_answer(r):
    return r.rcode() == 0 and b"r=policy" in b"".join(r.answer[0][0].strings)


def learn():
    """Prints a cookie, as a client without one learns it."""
    m = query(cookie=CLIENT)
    print(cookie_of(ask(m)).hex())


def use(cookie, want):
    """Asks with it; `same`, `renewed` or `BADCOOKIE`."""
    sent = bytes.fromhex(cookie)
    r = ask(query(cookie=sent))
    fresh = cookie_of(r)
    assert len(fresh) == 24 and fresh[:8] == CLIENT
    got = "BADCOOKIE" if r.rcode() == 23 else "same" if fresh == sent else "renewed"
    assert got == want, (got, want)
    assert got == "BADCOOKIE" or is_answer(r)


def alone():
    """No question but for a cookie (RFC 7873 5.4)."""
    def bare(option):
        m = query(cookie=option)
        m.question = []
        return m
    r = ask(bare(CLIENT))
    assert r.rcode() == 0 and not r.question and not r.answer
    good = cookie_of(r)
    r = ask(bare(good))
    assert r.rcode() == 0 and cookie_of(r) == good
    r = ask(bare(good[:-1] + b"\0" if good[-1] else good[:-1] + b"\1"))
    assert r.rcode() == 23 and len(cookie_of(r)) == 24
    for length in (7, 9, 15, 41):
        assert ask(query(cookie=b"x" * length)).rcode() == dns.rcode.FORMERR
    r = ask(query(cookie=CLIENT), dns.query.tcp)
    assert is_answer(r) and cookie_of(r)[:8] == CLIENT


def untrusted():
    """Octets of IP packets there and back, without a cookie; then with one."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((HERE, UDP_PORT))
    s.settimeout(0.3)
    there = back = answers = 0
    for _ in range(60):
        wire = query().to_wire()
        there += len(wire) + IP_AND_UDP
        s.send(wire)
        try:
            back += len(s.recv(4096)) + IP_AND_UDP
            answers += 1
        except socket.timeout:
            pass
        assert back <= there, (back, there)
    assert 0 < answers < 60, answers
    print(f"{answers} of 60 answered: {there} octets there, {back} back")
    # A cookie comes with an answer that was paid for; with it all are answered.
    cookie = None
    for _ in range(20):
        s.send(query(cookie=cookie or CLIENT).to_wire())
        try:
            cookie = cookie_of(dns.message.from_wire(s.recv(4096)))
            break
        except socket.timeout:
            pass
    for _ in range(60):
        assert is_answer(ask(query(cookie=cookie)))


def told(m, over):
    """The answer to a query, its TSIG error and its record."""
    try:
        r = ask(m, over)
        return r, 0
    except dns.tsig.PeerError as e:
        return None, {dns.tsig.PeerBadSignature: 16, dns.tsig.PeerBadKey: 17,
                      dns.tsig.PeerBadTime: 18, dns.tsig.PeerBadTruncation: 22}[type(e)]


def tsig(name, secret):
    """Good and bad signatures over UDP and TCP."""
    keys = {"good": dns.tsig.Key(name, secret),
            "strange": dns.tsig.Key("strange.example", secret),
            "wrong": dns.tsig.Key(name, b"0123456789abcdef0123456789abcdef"),
            "sha512": dns.tsig.Key(name, secret, dns.tsig.HMAC_SHA512)}
    real = time.time
    for over in (dns.query.udp, dns.query.tcp):
        for key, off, want in (("good", 0, 0), ("good", 290, 0), ("good", -290, 0),
                               ("strange", 0, 17), ("sha512", 0, 17), ("wrong", 0, 16),
                               ("good", 400, 18), ("good", -400, 18)):
            m = query(cookie=CLIENT)
            m.use_tsig(keys[key])
            time.time = lambda off=off: real() + off
            m.to_wire()
            r, error = told(m, over)
            time.time = real
            assert error == want, (over.__name__, key, off, error)
            assert error or (is_answer(r) and r.had_tsig), (over.__name__, key)
            assert error or len(cookie_of(r)) == 24
    # Another question under the signature.
    m = query()
    m.use_tsig(keys["good"])
    wire = m.to_wire().replace(b"\4good\4test", b"\4evil\4test")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((HERE, UDP_PORT))
    s.settimeout(5)
    s.send(wire)
    assert s.recv(4096)[3] & 15 == dns.rcode.NOTAUTH


def main():
    what, *args = sys.argv[1:]
    {"learn": learn, "use": use, "alone": alone, "untrusted": untrusted, "tsig": tsig}[what](*args)


main()
