// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct packet_ends ends_of(bool ipv6) {
	struct packet_ends e = {
		.ipv6 = ipv6,
		.our_mac = {2, 0, 0, 0, 0, 2},
		.peer_mac = {2, 0, 0, 0, 0, 1},
		.our_ip = {198, 18, 0, 2, 5},
		.peer_ip = {198, 18, 0, 1, 6},
		.our_port = 49152,
		.ports = 24,
		.peer_port = 5300,
		.dns_flags = 0x0100,
		.edns = true,
	};
	return e;
}

// What the frame looks like to the one who gets it.
static struct packet_proto other_side(const struct packet_ends *e) {
	struct packet_ends o = *e;
	memcpy(o.our_ip, e->peer_ip, 16);
	memcpy(o.peer_ip, e->our_ip, 16);
	o.our_port = e->peer_port;
	o.ports = 1;
	struct packet_proto p;
	packet_proto_init(&p, &o);
	return p;
}

static unsigned
build(const struct packet_proto *p, uint8_t *out, const char *name, uint16_t port, uint16_t id) {
	struct question_form form = {.zone = "sts", .edns_bytes = 1232};
	uint8_t bytes[QUESTION_BYTES_MAX];
	struct question_arena a;
	assert_int_equal(question_arena_init(&a, 8), 0);
	size_t len = question_write(&form, name, strlen(name), 0, bytes);
	assert_true(question_arena_add(&a, 0, bytes, len) == 0);
	unsigned frame = packet_build(p, out, question_at(&a, 0), port, id);
	assert_int_equal(frame, p->head_len + len);
	assert_memory_equal(out + p->head_len, bytes, len);
	question_arena_fini(&a);
	return frame;
}

static void frames_have_right_sums_and_are_read(void ** /*state*/) {
	static const char *const names[] = {
		"example.com",
		"odd.example.com",
		"a-very-long-name-that-does-not-fit-into-one-block.of-sixty-four.example.net",
	};
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_ends e = ends_of(v6);
		struct packet_proto p;
		packet_proto_init(&p, &e);
		for (unsigned i = 0; i < 3 * 400; i++) {
			uint8_t frame[512];
			uint16_t id = (uint16_t)(i * 163);
			unsigned len = build(&p, frame, names[i % 3], (uint16_t)(i % 24), id);
			assert_true(packet_sums_good(frame, len));
			// Read by the receiver, for whom we are the peer at that port.
			e.our_port = (uint16_t)(49152 + i % 24);
			struct packet_proto o = other_side(&e);
			o.ends.peer_port = e.our_port;
			e.our_port = 49152;
			struct packet_view v;
			assert_true(packet_read(&o, frame, len, &v));
			assert_int_equal(v.msg[0] << 8 | v.msg[1], id);
			assert_int_equal(v.msg_len, len - p.udp_at - 8);
			frame[len - 1] ^= 1;
			assert_false(packet_sums_good(frame, len));
		}
	}
}

static void cut_or_foreign_frames_are_not_read(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_ends e = ends_of(v6);
		struct packet_proto p;
		packet_proto_init(&p, &e);
		uint8_t frame[512];
		unsigned len = build(&p, frame, "example.com", 0, 1);
		struct packet_proto o = other_side(&e);
		o.ends.peer_port = 49152;
		struct packet_view v;
		assert_true(packet_read(&o, frame, len, &v));
		for (unsigned cut = 0; cut < len; cut++)
			assert_false(packet_read(&o, frame, cut, &v));
		assert_false(packet_read(&p, frame, len, &v)); // our own question
		frame[p.udp_at + 3] ^= 1;
		assert_false(packet_read(&o, frame, len, &v));
	}
}

static void neighbours_ask_and_answer(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_ends e = ends_of(v6);
		struct packet_proto p;
		packet_proto_init(&p, &e);
		struct packet_proto o = other_side(&e);
		const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
		memcpy(o.ends.our_mac, mac, 6);
		uint8_t frame[128];
		uint8_t learnt[6];
		unsigned len = packet_ask_neighbour(&p, frame);
		assert_int_equal(packet_answer_neighbour(&p, frame, len), 0); // not for us
		assert_false(packet_learn_neighbour(&p, frame, len, learnt));
		len = packet_answer_neighbour(&o, frame, len);
		assert_true(len > 0);
		assert_memory_equal(frame, e.our_mac, 6);
		assert_true(packet_learn_neighbour(&p, frame, len, learnt));
		assert_memory_equal(learnt, mac, 6);
		for (unsigned cut = 0; cut < len; cut++)
			assert_false(packet_learn_neighbour(&p, frame, cut, learnt));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_have_right_sums_and_are_read),
		cmocka_unit_test(cut_or_foreign_frames_are_not_read),
		cmocka_unit_test(neighbours_ask_and_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
