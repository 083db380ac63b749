// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/sum.h"
#include "dataplane/usual.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/socket.h>

#define HEAD_BYTES 42 // Ethernet, IPv4, UDP
#define NOW 1000

static void seal(uint8_t *frame, size_t payload_bytes) {
	uint8_t *ip = frame + 14;
	uint8_t *udp = ip + 20;
	uint16_t total = htons((uint16_t)(28 + payload_bytes));
	uint16_t length = htons((uint16_t)(8 + payload_bytes));
	memcpy(ip + 2, &total, 2);
	memset(ip + 10, 0, 2);
	uint16_t sum = sum_fold(sum_ip4(ip));
	memcpy(ip + 10, &sum, 2);
	memcpy(udp + 4, &length, 2);
	memset(udp + 6, 0, 2);
	size_t bytes = 8 + payload_bytes;
	sum = sum_fold(sum_octets(udp, bytes, sum_pseudo(true, ip, 17, bytes)));
	sum = sum == 0 ? 0xffff : sum;
	memcpy(udp + 6, &sum, 2);
}

// A query in a good datagram: what the short way answers, the general way answers
// with the same octets.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct frame_owner owner = {
		.mac = {2, 0, 0, 0, 0, 1},
		.udp_port = 5300,
		.address_count = 1,
		.addresses = {{AF_INET, {192, 0, 2, 53}}},
	};
	static const uint8_t HEAD[HEAD_BYTES] = {
		2, 0, 0, 0,  0,	 1, 2, 0,   0, 0, 0, 2,	  8, 0, 0x45, 0,    0, 0,    0,
		7, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 53,   0xc0, 0, 0x14, 0xb4,
	};
	static struct lookup_zone zone;
	static struct usual_sender senders[USUAL_SENDERS];
	static uint8_t frame[8192];
	static uint8_t same[8192];
	const struct entry none = {.ends_s = NOW + 30, .kind = ENTRY_NONE, .name_len = 1};
	const struct lookup_now now = {NOW};
	struct frame_view v;
	struct lookup_query q;
	struct usual u;
	if (zone.wire_len == 0) {
		must(lookup_zone_parse("sts.", &zone) == 0);
		memcpy(frame, HEAD, HEAD_BYTES);
		seal(frame, 12);
		must(frame_parse(&owner, frame, HEAD_BYTES + 12, false, &v) == FRAME_QUERY);
		usual_remember(&senders[usual_place(frame)], frame, &v);
	}
	memcpy(frame, HEAD, HEAD_BYTES);
	memcpy(frame + HEAD_BYTES, data, size);
	seal(frame, size);
	memcpy(same, frame, HEAD_BYTES + size);
	struct usual_frame one = {frame, (uint16_t)(HEAD_BYTES + size), false};
	struct table_key key;
	if (usual_way()->read(senders, &zone, &one, 1, &u, &key) == 0) {
		return 0;
	}
	must(frame_parse(&owner, same, HEAD_BYTES + size, false, &v) == FRAME_QUERY);
	lookup_parse(&zone, same + v.payload, v.payload_bytes, &q);
	must(q.kind == LOOKUP_VERDICT && q.domain_len == u.name_len);
	must(memcmp(q.domain, u.name, u.name_len) == 0);
	size_t n = lookup_answer_entry(&q, same + v.payload, &zone, &none, now);
	n = frame_turn(&v, same, n);
	const struct entry *found = &none;
	uint16_t bytes;
	usual_way()->answer(&one, &u, &found, 1, now, &bytes);
	must(bytes == n && memcmp(frame, same, n) == 0);
	return 0;
}
