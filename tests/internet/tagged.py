# SPDX-License-Identifier: BSD-3-Clause
"""Asks one question in a frame with a VLAN tag, and prints tag and strings of the answer.

Usage: tagged.py DEVICE TO-MAC FROM-IP TO-IP TAG NAME
A raw packet socket: this needs no VLAN device of the kernel.
"""

import socket
import struct
import sys

import dns.message

SOL_PACKET = 263
PACKET_AUXDATA = 8
PORT = 40000


def ip_sum(header):
    total = sum(struct.unpack("!10H", header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(own, to_mac, addresses, tag, payload):
    udp = struct.pack("!HHHH", PORT, 5300, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, addresses)
    ip = ip[:10] + struct.pack("!H", ip_sum(ip)) + ip[12:]
    return to_mac + own + struct.pack("!HHH", 0x8100, tag, 0x0800) + ip + udp


def tag_of(control):
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            return struct.unpack("IIIHHHH", data[:20])[5]
    return None


def main():
    device, mac, source, target, tag, name = sys.argv[1:]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    s.bind((device, 0))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.settimeout(3)
    own = s.getsockname()[4]
    query = dns.message.make_query(name, "TXT")
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    to_mac = bytes.fromhex(mac.replace(":", ""))
    s.send(frame(own, to_mac, addresses, int(tag), query.to_wire()))
    while True:
        try:
            data, control, _, sender = s.recvmsg(2048, 256)
        except TimeoutError:
            print("silence")
            return
        if sender[2] == socket.PACKET_OUTGOING or data[12:14] != b"\x08\x00" or data[23] != 17:
            continue
        answer = dns.message.from_wire(data[42:42 + struct.unpack("!H", data[38:40])[0] - 8])
        print(tag_of(control), answer.answer[0])
        return


main()
