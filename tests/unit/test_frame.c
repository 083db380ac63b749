// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/sum.h"
#include "bench/packet.h"
#include "dataplane/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Frames are made and their answers judged by the load generator's code.

static const struct packet_ends ENDS4 = {
	.our_mac = {2, 0, 0, 0, 0, 2},
	.peer_mac = {2, 0, 0, 0, 0, 1},
	.our_ip = {198, 18, 0, 2},
	.peer_ip = {198, 18, 0, 1},
	.our_port = 49152,
	.ports = 24,
	.peer_port = 5300,
	.dns_flags = 0x0100,
	.edns = true,
};

static const struct frame_owner OWNER = {
	.mac = {2, 0, 0, 0, 0, 1},
	.udp_port = 5300,
	.address_count = 3,
	.addresses =
		{
			{AF_INET, {198, 18, 0, 77}},
			{AF_INET6, {0xfd, 0, 0, 0x18, [15] = 1}},
			{AF_INET, {198, 18, 0, 1}},
		},
};

static struct packet_proto proto_of(bool ipv6) {
	struct packet_ends e = ENDS4;
	e.ipv6 = ipv6;
	if (ipv6) {
		memset(e.our_ip, 0, 16);
		memcpy(e.our_ip, (uint8_t[]){0xfd, 0, 0, 0x18}, 4);
		memcpy(e.peer_ip, e.our_ip, 16);
		e.our_ip[15] = 2;
		e.peer_ip[15] = 1;
	}
	struct packet_proto p;
	packet_proto_init(&p, &e);
	return p;
}

static unsigned build(const struct packet_proto *p, uint8_t *out, const char *name) {
	struct question_form form = {.zone = "sts", .edns_bytes = 1232};
	uint8_t bytes[QUESTION_BYTES_MAX];
	struct question_arena a;
	assert_int_equal(question_arena_init(&a, 8), 0);
	size_t len = question_write(&form, name, strlen(name), 0, bytes);
	assert_true(question_arena_add(&a, 0, bytes, len) == 0);
	unsigned frame = packet_build(p, out, question_at(&a, 0), 5, 0x1234);
	question_arena_fini(&a);
	return frame;
}

static enum frame_verdict parse(const uint8_t *data, size_t len, struct frame_view *v) {
	memset(v, 0xa5, sizeof(*v));
	return frame_parse(&OWNER, data, len, false, v);
}

// RFC 1071 4.1, 16 bits at a time.
static uint16_t slow_sum(const uint8_t *p, size_t len) {
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++) {
		sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return htons((uint16_t)~sum);
}

static void sums_are_those_of_the_slow_loop(void ** /*state*/) {
	uint8_t octets[1600];
	uint32_t r = 3;
	for (size_t i = 0; i < sizeof(octets); i++) {
		r = r * 1664525U + 1013904223U;
		octets[i] = i % 400 < 100 ? 0xff : (uint8_t)(r >> 16);
	}
	for (size_t at = 0; at < 9; at++) {
		for (size_t len = 0; len < 1500; len++) {
			assert_int_equal(
				sum_fold(sum_octets(octets + at, len, 0)),
				slow_sum(octets + at, len)
			);
		}
		assert_int_equal(sum_fold(sum_ip4(octets + at)), slow_sum(octets + at, 20));
	}
}

static void a_query_is_taken_and_turned_round(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_proto p = proto_of(v6);
		for (size_t payload = 12; payload < 1300; payload++) {
			uint8_t frame[1500];
			unsigned len = build(&p, frame, "some.example.com");
			struct frame_view v;
			assert_int_equal(parse(frame, len, &v), FRAME_QUERY);
			assert_int_equal(v.payload, p.udp_at + 8);
			assert_int_equal(v.payload + v.payload_bytes, len);
			assert_int_equal(v.source_port, 49157);
			assert_memory_equal(v.source, p.ends.our_ip, v6 ? 16 : 4);
			memset(frame + len, (int)payload, sizeof(frame) - len);
			size_t out = frame_turn(&v, frame, payload);
			assert_int_equal(out, v.payload + payload);
			struct packet_view answer;
			assert_true(packet_read(&p, frame, out, &answer));
			assert_int_equal(answer.port, 5);
			assert_int_equal(answer.msg_len, payload);
			assert_true(packet_sums_good(frame, out));
		}
	}
}

static void every_cut_frame_is_dropped(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_proto p = proto_of(v6);
		uint8_t frame[1500];
		unsigned len = build(&p, frame, "example.com");
		struct frame_view v;
		for (unsigned cut = 0; cut < len; cut++) {
			assert_true(parse(frame, cut, &v) < FRAME_DROP_COUNT);
		}
		// Octets behind the datagram are none of it (RFC 894 padding).
		assert_int_equal(parse(frame, len + 20, &v), FRAME_QUERY);
		assert_int_equal(v.payload + v.payload_bytes, len);
	}
}

// One octet of a good frame changed, and why it is dropped then.
static const struct {
	bool ipv6;
	int at; // from the IP header; below 0: from the frame
	uint8_t value;
	enum frame_verdict verdict;
} CHANGES[] = {
	{false, -14, 0x01, FRAME_DROP_LINK}, // to a group
	{false, -9, 0x09, FRAME_DROP_LINK},  // to another station
	{false, -8, 0x01, FRAME_DROP_LINK},  // from a group
	{false, -1, 0x01, FRAME_DROP_TYPE},
	{false, 0, 0x46, FRAME_DROP_OPTIONS},
	{false, 0, 0x44, FRAME_DROP_IP},
	{false, 0, 0x65, FRAME_DROP_IP},
	{false, 2, 0x7f, FRAME_DROP_TRUNCATED},
	{false, 6, 0x20, FRAME_DROP_FRAGMENT},
	{false, 7, 0x01, FRAME_DROP_FRAGMENT},
	{false, 8, 0x00, FRAME_DROP_IP},
	{false, 11, 0x5a, FRAME_DROP_CHECKSUM},
	{false, 26, 0x5a, FRAME_DROP_CHECKSUM},
	{false, 40, 0x5a, FRAME_DROP_CHECKSUM},
	{false, 24, 0x7f, FRAME_DROP_TRUNCATED},
	{false, 23, 0x01, FRAME_DROP_PORT},
	{true, 0, 0x40, FRAME_DROP_IP},
	{true, 4, 0x7f, FRAME_DROP_TRUNCATED},
	{true, 6, 44, FRAME_DROP_FRAGMENT},
	{true, 6, 0, FRAME_DROP_OPTIONS},
	{true, 6, 6, FRAME_DROP_PROTOCOL},
	{true, 7, 0, FRAME_DROP_IP},
	{true, 8, 0xff, FRAME_DROP_MARTIAN},
	{true, 39, 9, FRAME_DROP_ADDRESS},
	{true, 46, 0x5a, FRAME_DROP_CHECKSUM},
};

static void a_bad_octet_has_its_reason(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		struct packet_proto p = proto_of(CHANGES[i].ipv6);
		uint8_t frame[1500];
		unsigned len = build(&p, frame, "example.com");
		frame[14 + CHANGES[i].at] = CHANGES[i].value;
		struct frame_view v;
		enum frame_verdict r = parse(frame, len, &v);
		if (r != CHANGES[i].verdict) {
			fail_msg("change %zu: verdict %d, not %d", i, r, CHANGES[i].verdict);
		}
	}
}

// Sources and source ports that must not be answered, with right checksums.
static void bad_senders_are_dropped(void ** /*state*/) {
	static const struct {
		uint8_t ip[4];
		uint16_t port;
		enum frame_verdict verdict;
	} SENDERS[] = {
		{{198, 18, 0, 2}, 1024, FRAME_QUERY},
		{{0, 0, 0, 1}, 1024, FRAME_DROP_MARTIAN},
		{{127, 0, 0, 1}, 1024, FRAME_DROP_MARTIAN},
		{{224, 0, 0, 1}, 1024, FRAME_DROP_MARTIAN},
		{{255, 255, 255, 255}, 1024, FRAME_DROP_MARTIAN},
		{{198, 18, 0, 2}, 0, FRAME_DROP_SOURCE_PORT},
		{{198, 18, 0, 2}, 7, FRAME_DROP_SOURCE_PORT},
		{{198, 18, 0, 2}, 13, FRAME_DROP_SOURCE_PORT},
		{{198, 18, 0, 2}, 17, FRAME_DROP_SOURCE_PORT},
		{{198, 18, 0, 2}, 19, FRAME_DROP_SOURCE_PORT},
		{{198, 18, 0, 2}, 53, FRAME_QUERY},
	};
	for (size_t i = 0; i < sizeof(SENDERS) / sizeof(SENDERS[0]); i++) {
		struct packet_ends e = ENDS4;
		memcpy(e.our_ip, SENDERS[i].ip, 4);
		e.our_port = (uint16_t)(SENDERS[i].port - 5); // build() asks from the sixth
		struct packet_proto p;
		packet_proto_init(&p, &e);
		uint8_t frame[1500];
		unsigned len = build(&p, frame, "example.com");
		struct frame_view v;
		assert_int_equal(parse(frame, len, &v), SENDERS[i].verdict);
	}
}

static size_t add_tag(uint8_t *frame, size_t len, uint16_t tag) {
	memmove(frame + 16, frame + 12, len - 12);
	memcpy(frame + 12, (uint8_t[]){0x81, 0, (uint8_t)(tag >> 8), (uint8_t)tag}, 4);
	return len + 4;
}

static void one_tag_stays_on_the_answer(void ** /*state*/) {
	struct packet_proto p = proto_of(false);
	struct frame_owner owner = OWNER;
	uint8_t frame[1500];
	size_t len = add_tag(frame, build(&p, frame, "example.com"), 0x2064);
	struct frame_view v;
	for (unsigned vlan = 0; vlan < 3; vlan++) {
		owner.vlan = (uint16_t)(vlan == 0 ? 0 : 99 + vlan);
		enum frame_verdict r = frame_parse(&owner, frame, len, false, &v);
		assert_int_equal(r, vlan == 2 ? FRAME_DROP_VLAN : FRAME_QUERY);
	}
	owner.vlan = 100;
	assert_int_equal(frame_parse(&owner, frame, len, false, &v), FRAME_QUERY);
	size_t out = frame_turn(&v, frame, 40);
	assert_memory_equal(frame + 12, ((uint8_t[]){0x81, 0, 0x20, 0x64}), 4);
	memmove(frame + 12, frame + 16, out - 16);
	struct packet_view answer;
	assert_true(packet_read(&p, frame, out - 4, &answer));
	assert_true(packet_sums_good(frame, out - 4));
	// Two tags, or none where one is asked for.
	len = add_tag(frame, build(&p, frame, "example.com"), 100);
	len = add_tag(frame, len, 100);
	assert_int_equal(parse(frame, len, &v), FRAME_DROP_VLAN);
	len = build(&p, frame, "example.com");
	assert_int_equal(frame_parse(&owner, frame, len, false, &v), FRAME_DROP_VLAN);
}

static void an_unsummed_datagram_is_taken_over_ipv4_only(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_proto p = proto_of(v6);
		uint8_t frame[1500];
		unsigned len = build(&p, frame, "example.com");
		memset(frame + p.udp_at + 6, 0, 2);
		struct frame_view v;
		assert_int_equal(parse(frame, len, &v), v6 ? FRAME_DROP_CHECKSUM : FRAME_QUERY);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_slow_loop),
		cmocka_unit_test(a_query_is_taken_and_turned_round),
		cmocka_unit_test(every_cut_frame_is_dropped),
		cmocka_unit_test(a_bad_octet_has_its_reason),
		cmocka_unit_test(bad_senders_are_dropped),
		cmocka_unit_test(one_tag_stays_on_the_answer),
		cmocka_unit_test(an_unsummed_datagram_is_taken_over_ipv4_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
