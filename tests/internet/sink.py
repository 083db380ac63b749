#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An SMTP sink with STARTTLS: takes every message and tells of it.

Usage: sink.py ADDRESS CERTIFICATE KEY. Each accepted message makes a line on
standard output: the recipient, the server name the sender asked for, and
whether it came over TLS.
"""

import socketserver
import ssl
import sys

ADDRESS, CERTIFICATE, KEY = sys.argv[1:4]


class Session(socketserver.BaseRequestHandler):
    def say(self, *lines):
        self.file.write("".join(line + "\r\n" for line in lines).encode())
        self.file.flush()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        context.sni_callback = lambda _conn, name, _context: setattr(self, "name", name)
        self.request = context.wrap_socket(self.request, server_side=True)
        self.file = self.request.makefile("rwb")
        self.tls = True

    def take_message(self):
        self.say("354 go on")
        while self.file.readline() not in (b".\r\n", b""):
            pass
        print(self.recipient, self.name or "-", "tls" if self.tls else "plain", flush=True)
        self.say("250 taken")

    def handle(self):
        self.file = self.request.makefile("rwb")
        self.tls, self.name, self.recipient = False, None, ""
        self.say("220 sink ESMTP")
        while line := self.file.readline():
            verb = line.decode("latin1").strip()
            word = verb.split(" ")[0].upper()
            if word == "EHLO":
                self.say(*(["250 sink"] if self.tls else ["250-sink", "250 STARTTLS"]))
            elif word == "STARTTLS":
                self.say("220 go on")
                self.start_tls()
            elif word == "DATA":
                self.take_message()
            elif word == "QUIT":
                self.say("221 bye")
                if self.tls:
                    self.request.unwrap()
                return
            else:
                if word == "RCPT":
                    self.recipient = verb[verb.index("<") + 1 : verb.index(">")]
                self.say("250 ok")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        print("gone", sys.exc_info()[0].__name__, file=sys.stderr, flush=True)


Sink((ADDRESS, 25), Session).serve_forever()
