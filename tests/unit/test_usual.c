// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/sum.h"
#include "cache/table.h"
#include "dataplane/frame.h"
#include "dataplane/lookup.h"
#include "dataplane/usual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

// The general way is the law: what the short way takes has its very octets.

#define NOW 1000

static struct lookup_zone zone;

// Zones to be tested under, and names at which questions end.
static const struct under {
	const char *zone;
	const char *names[8];
} UNDER[] = {
	{"sts", {"sts", "sts", "StS", "sts", "sts", "STS", "xts", "s"}},
	{"a-1.sts",
	 {"a-1.sts", "A-1.STS", "a-1.sts", "a-1.sTs", "sts", "a-2.sts", "a11.sts", "a-1.sts"}},
};

static const struct usual_way *way; // to be tested
static const struct under *under;

static const struct frame_owner OWNER = {
	.mac = {2, 0, 0, 0, 0, 1},
	.udp_port = 5300,
	.address_count = 2,
	.addresses =
		{
			{AF_INET, {198, 18, 0, 1}},
			{AF_INET6, {0xfd, 0, 0, 0x18, [15] = 1}},
		},
};

static uint32_t roll(uint32_t *r) {
	*r = *r * 1664525U + 1013904223U;
	return *r >> 8;
}

// A name that is nearly usual: labels of letters, digits and hyphens, now and
// then with something else in them, under a zone that is nearly ours.
static void draw_name(uint32_t *r, char out[200]) {
	static const char OCTETS[] = "abcxyzABCXYZ0189-abcdefghijklmnopqrstuvwxyz_@[`{/:\x80\xff ";
	static const char *const ENDS[] = {
		"com.",
		"net.",
		"de.",
		"org.",
		"info.",
		"local.",
		"localhost.",
		"onion.",
		"INVALID.",
		"alt.",
		"internal.",
		"arpa.",
		"io.",
		"42.",
		"lan.internal.",
		"",
	};
	size_t n = 0;
	for (unsigned labels = roll(r) % 4; labels > 0; labels--) {
		unsigned longest = roll(r) % 16 == 0 ? 60 : 12;
		for (unsigned i = roll(r) % longest; i > 0 && n < 120; i--) {
			unsigned any = roll(r) % 64 == 0 ? sizeof(OCTETS) - 1 : 16;
			out[n++] = OCTETS[roll(r) % any];
		}
		bool empty = n == 0 || out[n - 1] == '.';
		out[n++] = empty ? 'q' : '.';
	}
	if (n > 0 && out[n - 1] != '.') {
		out[n++] = '.';
	}
	snprintf(out + n, 200 - n, "%s%s", ENDS[roll(r) % 16], under->names[roll(r) % 8]);
}

// A frame with what stands behind it in its buffer.
struct frame {
	uint8_t octets[2048];
	size_t len;
	size_t l3;
	bool ipv6;
};

static void add(struct frame *f, const void *octets, size_t len) {
	memcpy(f->octets + f->len, octets, len);
	f->len += len;
}

static void add16(struct frame *f, size_t v) {
	add(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static size_t ip_bytes(const struct frame *f) {
	return f->ipv6 ? 40 : 20;
}

// Lengths and checksums of a frame whose headers stand and whose payload may
// have changed.
static void seal(struct frame *f) {
	uint8_t *ip = f->octets + f->l3;
	uint8_t *udp = ip + ip_bytes(f);
	size_t bytes = f->len - f->l3 - ip_bytes(f);
	size_t length = f->ipv6 ? bytes : bytes + 20;
	uint8_t *at = ip + (f->ipv6 ? 4 : 2);
	at[0] = (uint8_t)(length >> 8);
	at[1] = (uint8_t)length;
	udp[4] = (uint8_t)(bytes >> 8);
	udp[5] = (uint8_t)bytes;
	memset(udp + 6, 0, 2);
	uint16_t sum = sum_fold(sum_octets(udp, bytes, sum_pseudo(!f->ipv6, ip, 17, bytes)));
	sum = sum == 0 ? 0xffff : sum;
	memcpy(udp + 6, &sum, 2);
	if (!f->ipv6) {
		memset(ip + 10, 0, 2);
		sum = sum_fold(sum_ip4(ip));
		memcpy(ip + 10, &sum, 2);
	}
}

static void add_headers(struct frame *f, uint32_t *r) {
	add(f, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, 12);
	if (roll(r) % 4 == 0) {
		add(f, (uint8_t[]){0x81, 0, 0x20, 0x64}, 4);
	}
	add16(f, f->ipv6 ? 0x86dd : 0x0800);
	f->l3 = f->len;
	if (f->ipv6) {
		add(f, (uint8_t[]){0x60, 0, 0, (uint8_t)roll(r), 0, 0, 17, 64}, 8);
		add(f, (uint8_t[]){0xfd, 0, 0, 0x18, [7] = 9, [15] = 2}, 16);
		add(f, (uint8_t[]){0xfd, 0, 0, 0x18, [15] = 1}, 16);
	} else {
		add(f, (uint8_t[]){0x45, 0, 0, 0, (uint8_t)roll(r), 7, 0, 0, 64, 17, 0, 0}, 12);
		add(f, (uint8_t[]){198, 18, 0, 2, 198, 18, 0, 1}, 8);
	}
	add16(f, roll(r) % 8 == 0 ? roll(r) % 60 : 1024 + roll(r) % 60000);
	add16(f, 5300);
	add(f, (uint8_t[4]){0}, 4);
}

static void add_name(struct frame *f, const char *text) {
	while (*text != '\0') {
		size_t n = strcspn(text, ".");
		add(f, &(uint8_t){(uint8_t)n}, 1);
		add(f, text, n);
		text += n + (text[n] == '.' ? 1 : 0);
	}
	add(f, "", 1);
}

static struct frame build(bool ipv6, const char *name, bool edns, uint32_t *r) {
	struct frame f = {.ipv6 = ipv6};
	add_headers(&f, r);
	add(&f, (uint8_t[]){0x12, (uint8_t)roll(r), 1, 0, 0, 1, 0, 0, 0, 0, 0, edns}, 12);
	add_name(&f, name);
	add(&f, (uint8_t[]){0, 16, 0, 1}, 4);
	if (edns) {
		add(&f, (uint8_t[]){0, 0, 41}, 3);
		add16(&f, roll(r) % 2 == 0 ? 1232 : roll(r) % 5000);
		add(&f, (uint8_t[]){0, 0, roll(r) % 2 == 0 ? 0x80 : 0, 0, 0, 0}, 6);
	}
	seal(&f);
	return f;
}

// Anything may be wrong with it, with right checksums around it or wrong ones.
static void spoil(struct frame *f, uint32_t *r) {
	unsigned how = roll(r) % 9;
	size_t payload = f->l3 + ip_bytes(f) + 8;
	if (how == 0) {
		f->octets[roll(r) % f->len] ^= (uint8_t)(1U << roll(r) % 8);
	} else if (how < 3) {
		f->octets[payload + roll(r) % (f->len - payload)] = (uint8_t)roll(r);
		seal(f);
	} else if (how == 7) { // the root name, and a name behind it
		memmove(f->octets + payload + 13, f->octets + payload + 12, f->len - payload - 12);
		f->octets[payload + 12] = 0;
		f->len++;
		seal(f);
	} else if (how == 8) {
		f->octets[payload + roll(r) % (f->len - payload)] ^= 0x20;
		seal(f);
	} else if (how == 3) {
		f->len -= roll(r) % (f->len - payload);
		seal(f);
	} else if (how == 4) {
		f->len += roll(r) % 20; // RFC 894 padding
	} else if (how == 5) {
		f->len += roll(r) % 20; // octets behind the message
		seal(f);
	} else if (how == 6) {
		memset(f->octets + payload - 2, 0, 2); // no UDP checksum
	}
}

// The general way. @return Octets of the answer, or 0 for what has none there.
static size_t general(struct frame *f, const struct entry *e, struct lookup_query *q) {
	struct frame_view v;
	if (frame_parse(&OWNER, f->octets, f->len, false, &v) != FRAME_QUERY) {
		return 0;
	}
	lookup_parse(&zone, f->octets + v.payload, v.payload_bytes, q);
	if (q->kind != LOOKUP_VERDICT) {
		return 0;
	}
	uint8_t *msg = f->octets + v.payload;
	size_t n = lookup_answer_entry(q, msg, &zone, e, (struct lookup_now){NOW});
	return frame_turn(&v, f->octets, n);
}

static void remember(struct usual_sender *s, const struct frame *f) {
	struct frame_view v;
	assert_int_equal(frame_parse(&OWNER, f->octets, f->len, false, &v), FRAME_QUERY);
	usual_remember(s, f->octets, &v);
}

// A burst of one.
static bool
read_one(const struct usual_sender *s, struct frame *f, bool verified, struct usual *u) {
	static struct usual_sender senders[USUAL_SENDERS];
	struct table_key key;
	senders[usual_place(f->octets)] = *s;
	struct usual_frame frame = {f->octets, (uint16_t)f->len, verified};
	bool usual = way->read(senders, &zone, &frame, 1, u, &key) == 1;
	assert_true(!usual || (key.name == u->name && key.len == u->name_len && u->index == 0));
	return usual;
}

static size_t answer_one(const struct usual *u, struct frame *f, const struct entry *e) {
	struct usual_frame frame = {f->octets, (uint16_t)f->len, false};
	uint16_t bytes;
	way->answer(&frame, u, &e, 1, (struct lookup_now){NOW}, &bytes);
	return bytes;
}

static void draw_entry(struct entry *e, size_t room, uint32_t *r) {
	for (size_t k = 0; k < room; k++) {
		((uint8_t *)e)[k] = (uint8_t)roll(r);
	}
	e->kind = (uint8_t)(ENTRY_NONE + roll(r) % 4);
	e->ends_s = NOW + 1 + roll(r) % (roll(r) % 2 == 0 ? 100 : 100000);
	e->check_s = roll(r) % (2 * NOW);
	e->name_len = (uint8_t)(1 + roll(r) % 60);
	struct entry_body *body = (struct entry_body *)(uintptr_t)entry_body(e);
	body->answer_bytes = (uint16_t)(20 + roll(r) % (roll(r) % 4 == 0 ? 1300 : 200));
	body->fresh_at = (uint16_t)(roll(r) % 2 == 0 ? 0 : 1 + roll(r) % 18);
	body->data[0] = 19; // whole strings, as in a ready-made answer
	for (size_t at = 20, n; at < body->answer_bytes; at += n) {
		n = body->answer_bytes - at < 100 ? body->answer_bytes - at : 1 + roll(r) % 100;
		body->data[at] = (uint8_t)(n - 1);
	}
	body->data[body->fresh_at] = body->fresh_at != 0 ? (uint8_t)('0' + roll(r) % 2) : 19;
	if (e->kind > ENTRY_POLICY) { // one string, which is not full
		body->answer_bytes = (uint16_t)(20 + roll(r) % 150);
	}
	body->answer_sum = (uint16_t)~sum_fold(sum_octets(body->data, body->answer_bytes, 0));
}

// The sender is one that was remembered, though not always of this frame.
static void the_short_way_gives_the_octets_of_the_general_one(void ** /*state*/) {
	_Alignas(8) uint8_t memory[4096];
	struct entry *e = (struct entry *)(void *)memory;
	struct usual_sender senders[4] = {0};
	uint32_t r = 7;
	unsigned taken = 0;
	unsigned clean = 0;
	for (int i = 0; i < 400000; i++) {
		char name[200];
		bool ipv6 = roll(&r) % 2 == 0;
		draw_name(&r, name);
		struct frame f = build(ipv6, name, roll(&r) % 2 == 0, &r);
		struct usual_sender *s = &senders[ipv6 + 2 * (f.octets[12] == 0x81)];
		if (s->l4 == 0) {
			struct frame good = build(ipv6, "example.com.sts", true, &r);
			if (good.octets[12] == f.octets[12]
			    && good.octets[good.l3 + ip_bytes(&good)] > 0) {
				remember(s, &good);
			}
		}
		bool spoilt = roll(&r) % 2 == 0;
		if (spoilt) {
			spoil(&f, &r);
		}
		memset(f.octets + f.len, (int)(roll(&r) % 256), USUAL_PAD);
		if (i % 16 == 0) {
			draw_entry(e, sizeof(memory), &r);
		}
		struct frame same = f;
		struct usual u;
		struct lookup_query q = {.kind = LOOKUP_DROP};
		bool usual = read_one(s, &f, false, &u);
		assert_memory_equal(f.octets, same.octets, f.len);
		size_t n = usual ? answer_one(&u, &f, e) : 0;
		size_t expected = general(&same, e, &q);
		if (usual) {
			assert_int_equal(q.kind, LOOKUP_VERDICT);
			assert_int_equal(u.name_len, q.domain_len);
			assert_memory_equal(u.name, q.domain, q.domain_len);
		}
		if (n > 0) {
			taken++;
			assert_int_equal(n, expected);
			assert_memory_equal(f.octets, same.octets, n);
		}
		clean += !spoilt && expected > 0 && q.domain_len < 40;
	}
	assert_true(taken > 20000);
	assert_true(taken > clean * 3 / 4);
}

static void what_is_usual_is_taken(void ** /*state*/) {
	static const struct {
		const char *name;
		bool usual;
	} NAMES[] = {
		{"example.com.sts", true},
		{"EXAMPLE.cOm.StS", true},
		{"a.b.c.d.e.f.example.sts", true},
		{"xn--bcher-kva.example.sts", true},
		{"twenty-characters-ab.a-domain-of-44-octets.de.sts", true},
		{"under.44.octets.each.more-than-48-octets-altogether.de.sts", false},
		{"a-label-of-forty-five-octets-is-as-long-as-a-.sts", false},
		{"com.sts", false},
		{"example.1com.sts", false},
		{"example.local.sts", false},
		{"_recheck.example.com.sts", false},
		{"-a.example.sts", false},
		{"a-.example.sts", false},
		{"example.com.xts", false},
		{"sts", false},
	};
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		for (int v = 0; v < 4; v++) {
			uint32_t r = 3;
			struct usual_sender s = {0};
			struct usual u;
			struct frame f = build(v % 2 != 0, NAMES[i].name, v > 1, &r);
			assert_false(read_one(&s, &f, true, &u));
			remember(&s, &f);
			bool usual = read_one(&s, &f, false, &u);
			if (usual != NAMES[i].usual) {
				fail_msg("%s: %d", NAMES[i].name, usual);
			}
		}
	}
}

// Whatever octet of a header differs, it is another sender, or the general way
// would take the frame too.
static void another_sender_is_not_known(void ** /*state*/) {
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t r = 5;
		struct frame good = build(v6, "example.com.sts", true, &r);
		struct usual_sender s = {0};
		remember(&s, &good);
		unsigned taken = 0;
		size_t heads = good.l3 + ip_bytes(&good) + 8;
		for (size_t at = 0; at < heads; at++) {
			for (unsigned change = 1; change < 256; change++) {
				struct frame f = good;
				f.octets[at] ^= (uint8_t)change;
				if (change % 2 == 0) {
					seal(&f);
				}
				struct usual u;
				struct frame_view v;
				if (read_one(&s, &f, false, &u)) {
					taken++;
					assert_int_equal(
						frame_parse(&OWNER, f.octets, f.len, false, &v),
						FRAME_QUERY
					);
					assert_memory_equal(
						v.source,
						good.octets + good.l3 + (v6 ? 8 : 12),
						v6 ? 16 : 4
					);
				}
			}
		}
		assert_true(taken > 255);
	}
}

static int set_up(void ** /*state*/) {
	int rc = lookup_zone_parse(under->zone, &zone);
	zone.allow_count = 1;
	snprintf(zone.allow[0].text, sizeof(zone.allow[0].text), "lan.internal");
	zone.allow[0].len = 12;
	return rc;
}

static int run(const struct usual_way *tested) {
	const struct CMUnitTest any_zone[] = {
		cmocka_unit_test(the_short_way_gives_the_octets_of_the_general_one),
	};
	const struct CMUnitTest usual_zone[] = {
		cmocka_unit_test(what_is_usual_is_taken),
		cmocka_unit_test(another_sender_is_not_known),
	};
	way = tested;
	under = &UNDER[1];
	int failed = cmocka_run_group_tests(any_zone, set_up, NULL);
	under = &UNDER[0];
	failed += cmocka_run_group_tests(any_zone, set_up, NULL);
	return failed + cmocka_run_group_tests(usual_zone, set_up, NULL);
}

int main(void) {
	int failed = run(&usual_way_v2);
	return failed + (usual_way_v3_runs() ? run(&usual_way_v3) : 0);
}
