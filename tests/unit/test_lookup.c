// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/table.h"
#include "dataplane/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct lookup_zone zone;

// A message: header with these flags and counts, then the octets given.
struct message {
	uint8_t octets[700];
	size_t len;
};

static void add(struct message *m, const void *octets, size_t len) {
	memcpy(m->octets + m->len, octets, len);
	m->len += len;
}

static void add_name(struct message *m, const char *text) {
	while (*text != '\0') {
		size_t n = strcspn(text, ".");
		add(m, &(uint8_t){(uint8_t)n}, 1);
		add(m, text, n);
		text += n + (text[n] == '.' ? 1 : 0);
	}
	add(m, "", 1);
}

static struct message query(const char *name, unsigned type) {
	struct message m = {.octets = {0x12, 0x34, 0x01, 0, 0, 1}, .len = 12};
	add_name(&m, name);
	add(&m, (uint8_t[]){(uint8_t)(type >> 8), (uint8_t)type, 0, 1}, 4);
	return m;
}

static void
add_opt(struct message *m, unsigned size, unsigned version, const void *options, size_t len) {
	m->octets[11]++;
	add(m,
	    (uint8_t[]){
		    0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, (uint8_t)version, 0x80, 0},
	    9);
	add(m, (uint8_t[]){0, (uint8_t)len}, 2);
	add(m, options, len);
}

static struct lookup_query parse(const struct message *m) {
	struct lookup_query q;
	memset(&q, 0xa5, sizeof(q));
	lookup_parse(&zone, m->octets, m->len, &q);
	return q;
}

// docs/wire.md, Names.
static const struct {
	const char *name;
	unsigned type;
	enum lookup_kind kind;
	int detail; // RCODE of an error, verdict of a name fault
	const char *domain;
} NAMES[] = {
	{"example.com.sts", 16, LOOKUP_VERDICT, 0, "example.com"},
	{"ExAmple.COM.StS", 16, LOOKUP_VERDICT, 0, "example.com"},
	{"example.com.sts", 255, LOOKUP_VERDICT, 0, "example.com"},
	{"_recheck.example.com.sts", 16, LOOKUP_RECHECK, 0, "example.com"},
	{"_ReCheck.example.com.sts", 16, LOOKUP_RECHECK, 0, "example.com"},
	{"_policy.example.com.sts", 16, LOOKUP_POLICY_TEXT, 0, "example.com"},
	{"example.com.sts", 1, LOOKUP_NODATA, 0, NULL},
	{"a_b.sts", 15, LOOKUP_NODATA, 0, NULL},
	{"sts", 6, LOOKUP_SOA, 0, NULL},
	{"sts", 2, LOOKUP_NS, 0, NULL},
	{"sts", 16, LOOKUP_STATUS, 0, NULL},
	{"sts", 1, LOOKUP_NODATA, 0, NULL},
	{"ns.sts", 1, LOOKUP_ADDRESS, 0, NULL},
	{"ns.sts", 28, LOOKUP_ADDRESS, 0, NULL},
	{"ns.sts", 16, LOOKUP_NAME_FAULT, NAME_SINGLE_LABEL, NULL},
	{"com.sts", 16, LOOKUP_NAME_FAULT, NAME_SINGLE_LABEL, NULL},
	{"_recheck.sts", 16, LOOKUP_NAME_FAULT, NAME_NOT_LDH, NULL},
	{"_other.example.com.sts", 16, LOOKUP_NAME_FAULT, NAME_NOT_LDH, NULL},
	{"-a.example.sts", 16, LOOKUP_NAME_FAULT, NAME_NOT_LDH, NULL},
	{"1.2.3.4.sts", 16, LOOKUP_NAME_FAULT, NAME_ALL_DIGIT_TLD, NULL},
	{"a.local.sts", 16, LOOKUP_NAME_FAULT, NAME_SPECIAL_USE, NULL},
	{"a.lan.internal.sts", 16, LOOKUP_VERDICT, 0, "a.lan.internal"},
	{"b\xc3\xbc.example.sts", 16, LOOKUP_NAME_FAULT, NAME_NOT_A_LABEL, NULL},
	{"example.com", 16, LOOKUP_ERROR, 5, NULL},
	{"", 16, LOOKUP_ERROR, 5, NULL},
	{"xsts", 16, LOOKUP_ERROR, 5, NULL},
	{"example.com.sts", 252, LOOKUP_ERROR, 5, NULL},
	{"example.com.sts", 251, LOOKUP_ERROR, 5, NULL},
	{"example.com.sts", 41, LOOKUP_ERROR, 1, NULL},
	{"example.com.sts", 250, LOOKUP_ERROR, 1, NULL},
};

static void every_name_has_its_kind(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		struct message m = query(NAMES[i].name, NAMES[i].type);
		struct lookup_query q = parse(&m);
		int detail = q.kind == LOOKUP_ERROR	   ? q.rcode
			     : q.kind == LOOKUP_NAME_FAULT ? q.fault
							   : 0;
		if (q.kind != NAMES[i].kind || detail != NAMES[i].detail
		    || (NAMES[i].domain != NULL && strcmp(q.domain, NAMES[i].domain) != 0)) {
			fail_msg(
				"%s %u: kind %d detail %d",
				NAMES[i].name,
				NAMES[i].type,
				q.kind,
				detail
			);
		}
	}
}

static void a_dot_within_a_label_is_no_border(void ** /*state*/) {
	struct message m = {.octets = {0, 0, 1, 0, 0, 1}, .len = 12};
	add(&m, "\7exa.ple\3com\3sts\0\0\20\0\1", 21);
	struct lookup_query q = parse(&m);
	assert_int_equal(q.kind, LOOKUP_NAME_FAULT);
	assert_int_equal(q.fault, NAME_NOT_LDH);
}

// RFC 1035 4.1.1, RFC 9619, RFC 6891 6.1.
static void headers_and_counts(void ** /*state*/) {
	static const struct {
		size_t at;
		uint8_t value;
		enum lookup_kind kind;
		uint8_t rcode;
	} CASES[] = {
		{2, 0x81, LOOKUP_DROP, 0},  // QR
		{2, 0x29, LOOKUP_ERROR, 4}, // opcode UPDATE
		{2, 0x79, LOOKUP_ERROR, 4},
		{5, 0, LOOKUP_ERROR, 1}, // no question
		{5, 2, LOOKUP_ERROR, 1},
		{4, 0xff, LOOKUP_ERROR, 1},
		{7, 1, LOOKUP_ERROR, 1}, // an answer
		{9, 1, LOOKUP_ERROR, 1},
		{11, 1, LOOKUP_ERROR, 1}, // an additional record that is not there
		{11, 2, LOOKUP_ERROR, 1},
		{3, 0x30, LOOKUP_VERDICT, 0}, // AD, CD
		{12, 64, LOOKUP_ERROR, 1},    // label types
		{12, 0xc0, LOOKUP_ERROR, 1},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct message m = query("example.com.sts", 16);
		m.octets[CASES[i].at] = CASES[i].value;
		struct lookup_query q = parse(&m);
		if (q.kind != CASES[i].kind
		    || (q.kind == LOOKUP_ERROR && q.rcode != CASES[i].rcode)) {
			fail_msg("case %zu: kind %d rcode %d", i, q.kind, q.rcode);
		}
	}
}

static void edns(void ** /*state*/) {
	struct message m = query("example.com.sts", 16);
	add_opt(&m, 4096, 0, "\0\3\0\0", 4);
	struct lookup_query q = parse(&m);
	assert_int_equal(q.kind, LOOKUP_VERDICT);
	assert_true(q.has_opt && q.dnssec_ok && q.wants_nsid);
	assert_int_equal(q.size_max, 1232);

	m = query("example.com.sts", 16);
	add_opt(&m, 100, 0, "", 0);
	assert_int_equal(parse(&m).size_max, 512);

	m = query("example.com.sts", 16);
	add_opt(&m, 1232, 1, "", 0);
	q = parse(&m);
	assert_int_equal(q.kind, LOOKUP_ERROR);
	assert_int_equal(q.edns_rcode, 1);

	m = query("example.com.sts", 16);
	add_opt(&m, 1232, 0, "\0\3\0\xff", 4);
	q = parse(&m);
	assert_int_equal(q.kind, LOOKUP_ERROR);
	assert_int_equal(q.rcode, 1);
}

// Each prefix of a query ends where memory ends.
static void no_prefix_is_read_beyond(void ** /*state*/) {
	struct message m = query("_recheck.mixed.example.com.sts", 16);
	add_opt(&m, 1232, 0, "\0\3\0\0\0\14\0\4abcd", 12);
	const size_t page = 4096;
	uint8_t *two = mmap(
		NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	);
	assert_ptr_not_equal(two, MAP_FAILED);
	assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
	for (size_t len = 0; len <= m.len; len++) {
		uint8_t *at = two + page - len;
		memcpy(at, m.octets, len);
		struct lookup_query q;
		lookup_parse(&zone, at, len, &q);
		assert_true(
			len == m.len ? q.kind == LOOKUP_RECHECK
			: len < 12   ? q.kind == LOOKUP_DROP
				     : q.kind == LOOKUP_ERROR
		);
	}
	munmap(two, 2 * page);
}

// Any octets: a kind comes out, and the answer stays within its limit.
static void any_octets_are_answered_within_bounds(void ** /*state*/) {
	uint32_t r = 1;
	for (int i = 0; i < 300000; i++) {
		struct message m = query("some.example.com.sts", 16);
		add_opt(&m, 700, 0, "\0\3\0\0", 4);
		for (int n = 0; n < 3; n++) {
			r = r * 1664525U + 1013904223U;
			m.octets[(r >> 16) % m.len] = (uint8_t)(r >> 8);
		}
		struct lookup_query q = parse(&m);
		uint8_t buf[LOOKUP_UDP_MAX + LOOKUP_SLACK];
		memcpy(buf, m.octets, m.len);
		size_t n = 0;
		if (q.kind == LOOKUP_ERROR) {
			n = lookup_answer_error(&q, buf, &zone);
		} else if (q.kind != LOOKUP_DROP) {
			n = lookup_answer_short(&q, buf, &zone, "none", "", 0);
		}
		assert_true(n <= q.size_max);
		assert_true(n == 0 || (n >= 12 && (buf[2] & 0x80) != 0 && (buf[3] & 0xe0) == 0));
	}
}

static int set_up(void ** /*state*/) {
	int rc = lookup_zone_parse("sts.", &zone);
	zone.allow_count = 1;
	snprintf(zone.allow[0].text, sizeof(zone.allow[0].text), "lan.internal");
	zone.allow[0].len = 12;
	return rc;
}

// The first string of a ready-made answer.
static void first_string(const struct record *r, boot_s_t now, char text[256]) {
	uint8_t buf[LOOKUP_RENDER_MAX];
	uint16_t fresh_at;
	assert_true(lookup_render(r, 1000, now, buf, sizeof(buf), &fresh_at) > 0);
	memcpy(text, buf + 1, buf[0]);
	text[buf[0]] = '\0';
}

static void reasons_in_answers(void ** /*state*/) {
	static const uint8_t mx[] = "\x09"
				    "a.example";
	struct record r = {
		.kind = RECORD_POLICY,
		.ends_at = 500,
		.next_check_at = 100,
		.fetched_at = 10,
		.id = "1",
		.policy = {POLICY_MODE_ENFORCE, 490, 1, sizeof(mx) - 1, mx},
		.failure = {.why = "sts-webpki-invalid/certificate-expired", .at = 50},
	};
	char text[256];
	first_string(&r, 60, text);
	assert_string_equal(
		text,
		"v=STSQ1; r=policy; mode=enforce; id=1; exp=1500; fresh=0; n=1"
		"; why=sts-webpki-invalid/certificate-expired+fallback-to-cached-policy"
	);
	// What is longer is cut, so that the first string stays within 180 octets.
	memset(r.id, 'i', POLICY_ID_MAX);
	memset(r.failure.why + 38, '-', 100);
	first_string(&r, 60, text);
	assert_true(strlen(text) <= LOOKUP_FIRST_STRING_MAX);
	assert_int_equal(strlen(strstr(text, "why=")), 4 + RECORD_WHY_MAX);
	// RFC 8461 6: nothing is to be reported of mode none.
	r.policy.mode = POLICY_MODE_NONE;
	first_string(&r, 60, text);
	assert_null(strstr(text, "why="));
	// max_age 0 ends when it was fetched.
	r.policy.max_age_s = 0;
	r.ends_at = 11;
	first_string(&r, 10, text);
	assert_non_null(strstr(text, "exp=1010;"));
}

// A recheck of any type is answered from memory (RFC 8482): no id was read for it,
// so it does not say that one was.
static void a_recheck_of_any_type_is_not_fresh(void ** /*state*/) {
	static const char text[] = "fresh=1";
	struct table *t = table_new(&(struct table_config){.max_names = 8, .seed = 1});
	assert_non_null(t);
	// Behind an answer there is always a record.
	struct entry *e = table_entry_new(t, "a.example", 9, sizeof(text) + RECORD_NONE_BYTES);
	assert_non_null(e);
	e->kind = ENTRY_POLICY;
	e->ends_s = 500;
	e->check_s = 100;
	struct entry_body *body = table_entry_body(e);
	body->data[0] = sizeof(text) - 1;
	memcpy(body->data + 1, text, sizeof(text) - 1);
	body->answer_bytes = sizeof(text);
	body->fresh_at = 7;
	static const struct {
		const char *name;
		unsigned type;
		const char *answer;
	} cases[] = {
		{"_recheck.a.example.sts", 16, "fresh=1"},
		{"_recheck.a.example.sts", 255, "fresh=0"},
		{"a.example.sts", 255, "fresh=1"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message m = query(cases[i].name, cases[i].type);
		struct lookup_query q = parse(&m);
		uint8_t buf[LOOKUP_UDP_MAX + LOOKUP_SLACK];
		memcpy(buf, m.octets, m.len);
		size_t len = lookup_answer_entry(&q, buf, &zone, e, (struct lookup_now){60});
		assert_memory_equal(buf + len - 7, cases[i].answer, 7);
	}
	table_entry_discard(t, e);
	table_free(t);
}

// An entry with an answer of several strings, 1100 octets in all, and a text of
// twice as many.
static struct entry *long_entry(struct table *t) {
	enum { STRINGS = 11, STRING_BYTES = 100, ANSWER_BYTES = STRINGS * STRING_BYTES };
	struct entry *e = table_entry_new(t, "a.example", 9, 3 * ANSWER_BYTES + RECORD_NONE_BYTES);
	assert_non_null(e);
	e->kind = ENTRY_POLICY;
	e->ends_s = e->check_s = 500;
	struct entry_body *body = table_entry_body(e);
	memset(body->data, 'x', 3 * ANSWER_BYTES);
	for (size_t i = 0; i < STRINGS; i++) {
		body->data[i * STRING_BYTES] = STRING_BYTES - 1;
	}
	body->answer_bytes = ANSWER_BYTES;
	body->text_at = 0;
	body->text_bytes = 2 * ANSWER_BYTES;
	return e;
}

// TC sends to TCP at the same place: where an answer is cut and TCP is there.
static void a_cut_answer_sends_to_tcp_where_it_is(void ** /*state*/) {
	static const struct {
		const char *name;
		unsigned size;
		bool tcp_here;
		bool cut;
		bool tc;
	} cases[] = {
		{"a.example.sts", 512, true, true, true},
		{"a.example.sts", 512, false, true, false},
		{"a.example.sts", 1232, true, false, false},
		{"a.example.sts", 1232, false, false, false},
		{"_policy.a.example.sts", 1232, true, true, true},
		{"_policy.a.example.sts", 1232, false, true, false},
		{"_policy.a.example.sts", 4000, true, false, false},
	};
	struct table *t = table_new(&(struct table_config){.max_names = 8, .seed = 1});
	assert_non_null(t);
	struct entry *e = long_entry(t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message m = query(cases[i].name, 16);
		add_opt(&m, 1232, 0, "", 0);
		struct lookup_query q = parse(&m);
		assert_false(q.tcp_here);
		q.tcp_here = cases[i].tcp_here;
		q.size_max = (uint16_t)cases[i].size;
		uint8_t buf[4000 + LOOKUP_SLACK];
		memcpy(buf, m.octets, m.len);
		const struct lookup_now now = {60};
		bool text = q.kind == LOOKUP_POLICY_TEXT;
		size_t n = text ? lookup_answer_policy_text(&q, buf, &zone, e, now)
				: lookup_answer_entry(&q, buf, &zone, e, now);
		bool more = memmem(buf, n, "; more=1", 8) != NULL;
		assert_true(n <= cases[i].size);
		assert_int_equal(more, cases[i].cut && !text);
		assert_int_equal(n < (text ? 2200U : 1100U), cases[i].cut);
		assert_int_equal((buf[2] & 0x02) != 0, cases[i].tc);
	}
	table_entry_discard(t, e);
	table_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_has_its_kind),
		cmocka_unit_test(a_dot_within_a_label_is_no_border),
		cmocka_unit_test(headers_and_counts),
		cmocka_unit_test(edns),
		cmocka_unit_test(no_prefix_is_read_beyond),
		cmocka_unit_test(any_octets_are_answered_within_bounds),
		cmocka_unit_test(reasons_in_answers),
		cmocka_unit_test(a_recheck_of_any_type_is_not_fresh),
		cmocka_unit_test(a_cut_answer_sends_to_tcp_where_it_is),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
