// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/usual.h"

#include "base/sum.h"

#include <string.h>
#include <sys/socket.h>

#define PROTO_UDP 17
#define UDP_BYTES 8

// A sum as one word.
static uint16_t whole(uint64_t sum) {
	return (uint16_t)~sum_fold(sum);
}

static void make_mask(struct usual_sender *s, bool v4) {
	memset(s->mask, 0xff, s->l4);
	uint8_t *ip = s->mask + s->l3;
	if (v4) {
		memset(ip + 2, 0, 4);  // length, id
		memset(ip + 10, 0, 2); // checksum
	} else {
		memcpy(ip, (uint8_t[]){0xf0, 0, 0, 0, 0, 0}, 6); // flow, length
	}
	memset(s->mask + s->l4 + 2, 0xff, 2); // our port
	uint8_t *msg = s->mask + s->l4 + UDP_BYTES;
	msg[2] = 0xf8; // QR and opcode
	memset(msg + 4, 0xff, 8);
	msg[11] = 0xfe; // at most an OPT
}

static bool is_from(const struct usual_sender *s, const uint8_t *data) {
	unsigned off = s->l4 == 0;
	for (size_t i = 0; i < sizeof(s->head); i++) {
		off |= (data[i] ^ s->head[i]) & s->mask[i];
	}
	return off == 0;
}

void usual_remember(struct usual_sender *s, const uint8_t *data, const struct frame_view *v) {
	if (is_from(s, data)) {
		return;
	}
	bool v4 = v->family == AF_INET;
	memset(s, 0, sizeof(*s));
	s->l3 = (uint8_t)v->l3;
	s->l4 = (uint8_t)v->l4;
	s->length_at = (uint8_t)(v->l3 + (v4 ? 2 : 4));
	s->length_more = v4 ? (uint8_t)(v->l4 - v->l3) : 0;
	make_mask(s, v4);
	memcpy(s->head, data, s->l4 + 4U);
	s->head[s->l4 + UDP_BYTES + 5] = 1; // one question and no records
	for (size_t i = 0; i < sizeof(s->head); i++) {
		s->head[i] &= s->mask[i];
	}
	memcpy(s->reply, data, v->l4);
	(void)frame_turn_ip(v, s->reply, 0);
	memset(s->reply + s->length_at, 0, 2);
	s->pseudo_sum = whole(sum_pseudo(v4, s->head + v->l3, PROTO_UDP, 0));
	if (v4) {
		memset(s->reply + v->l3 + 10, 0, 2);
		s->head_sum = whole(sum_ip4(s->head + v->l3));
		s->reply_sum = whole(sum_ip4(s->reply + v->l3));
	}
}

#ifdef __x86_64__

const struct usual_way *usual_way(void) {
	return usual_way_v3_runs() ? &usual_way_v3 : &usual_way_v2;
}

bool usual_way_v3_runs(void) {
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

#else

const struct usual_way *usual_way(void) {
	return NULL;
}

#endif
