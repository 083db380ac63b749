// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/bytes.h"
#include "bench/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUESTION "\7Example\3com\3sts\0\0\x10\0\1"
#define QUESTION_LEN (sizeof(QUESTION) - 1)
#define FIRST "v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=1; n=2"
#define MX1 "; mx=a.example"
#define MX2 "; mx=*.b.example"
#define NOW_S 1767000000

// An answer, right but for what a test changes.
struct sample {
	const char *strings[5];
	uint16_t flags;
	uint16_t counts[4];
	uint32_t ttl;
	uint16_t edns; // of the query and, unless told otherwise, of the answer
	unsigned extra;
};

static struct sample right(void) {
	return (struct sample){
		.strings = {FIRST, MX1, MX2},
		.flags = 0x8500,
		.counts = {1, 1, 0, 1},
		.ttl = 60,
		.edns = 1232,
	};
}

static size_t build(const struct sample *s, uint8_t out[1500]) {
	struct writer w = bytes_writer(out, 1500);
	bytes_put_be16(&w, 0x1234);
	bytes_put_be16(&w, s->flags);
	for (int i = 0; i < 4; i++)
		bytes_put_be16(&w, s->counts[i]);
	bytes_put(&w, QUESTION, QUESTION_LEN);
	bytes_put_be16(&w, 0xc00c);
	bytes_put_be16(&w, 16);
	bytes_put_be16(&w, 1);
	bytes_put_be32(&w, s->ttl);
	size_t len = 0;
	for (int i = 0; i < 5 && s->strings[i]; i++)
		len += 1 + strlen(s->strings[i]);
	bytes_put_be16(&w, (uint16_t)len);
	for (int i = 0; i < 5 && s->strings[i]; i++) {
		bytes_put_u8(&w, (uint8_t)strlen(s->strings[i]));
		bytes_put(&w, s->strings[i], strlen(s->strings[i]));
	}
	if (s->edns)
		bytes_put(&w, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	for (unsigned i = 0; i < s->extra; i++)
		bytes_put_u8(&w, 0);
	assert_true(w.ok);
	return bytes_written(&w);
}

static struct verify_query query_of(const struct sample *s) {
	return (struct verify_query){
		.question = (const uint8_t *)QUESTION,
		.question_len = QUESTION_LEN,
		.id = 0x1234,
		.flags = 0x0100,
		.edns_bytes = s->edns,
		.now_s = NOW_S,
	};
}

static struct expect policy(void) {
	return (struct expect){
		.kind = EXPECT_POLICY,
		.mode = {"enforce", 7},
		.id = {"2016Z", 5},
		.exp_s = 1767225600,
		.mx_count = 2,
		.mx = {"a.example,*.b.example", 21},
	};
}

static enum verify_fault judge(const struct sample *s, const struct expect *e) {
	uint8_t msg[1500];
	size_t len = build(s, msg);
	struct verify_query q = query_of(s);
	struct verify_seen seen;
	return verify_answer(&q, msg, len, e, &seen);
}

static void the_right_answer_is_right(void ** /*state*/) {
	struct sample s = right();
	struct expect e = policy();
	assert_int_equal(judge(&s, &e), VERIFY_OK);
	e.kind = EXPECT_ANY;
	assert_int_equal(judge(&s, &e), VERIFY_OK);
	s.edns = 0;
	s.counts[3] = 0;
	assert_int_equal(judge(&s, &e), VERIFY_OK);
	e.kind = EXPECT_NONE;
	assert_int_equal(judge(&s, &e), VERIFY_VERDICT);
}

// One first string, no patterns, against a policy with none.
static void first_strings_are_judged(void ** /*state*/) {
	static const struct {
		const char *text;
		enum verify_fault fault;
	} cases[] = {
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=1; n=0",
		 VERIFY_OK},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=0; n=0; "
		 "why=sts-webpki-invalid/certificate-expired",
		 VERIFY_OK},
		{"v=STSQ1; r=policy; mode=testing; id=2016Z; exp=1767225600; fresh=1; n=0",
		 VERIFY_MODE},
		{"v=STSQ1; r=policy; mode=enforce; id=2017Z; exp=1767225600; fresh=1; n=0",
		 VERIFY_ID_TAG},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225601; fresh=1; n=0",
		 VERIFY_EXP},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=x; fresh=1; n=0", VERIFY_EXP},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=2; n=0",
		 VERIFY_FRESH},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; n=0", VERIFY_FRESH},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=1", VERIFY_N},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=1; n=1",
		 VERIFY_MORE},
		{"v=STSQ1; r=policy; mode=enforce; id=2016Z; fresh=1; n=0", VERIFY_EXP},
		{"v=STSQ1; r=policy; r=policy; mode=enforce", VERIFY_TAGS},
		{"v=STSQ1; r=policy; mode=enforce; odd=1", VERIFY_TAGS},
		{"v=STSQ1; r=policy; ", VERIFY_TAGS},
		{"v=STSQ1;r=policy", VERIFY_TAGS},
		{"r=policy; v=STSQ1", VERIFY_TAGS},
		{"v=STSQ2; r=policy", VERIFY_TAGS},
		{"v=STSQ1; r=", VERIFY_TAGS},
		{"v=STSQ1", VERIFY_TAGS},
		{"", VERIFY_TAGS},
		{"v=STSQ1; r=none", VERIFY_VERDICT},
		{"v=STSQ1; r=maybe", VERIFY_VERDICT},
	};
	struct expect e = policy();
	e.mx_count = 0;
	e.mx.len = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s = right();
		s.strings[0] = cases[i].text;
		s.strings[1] = NULL;
		if (judge(&s, &e) != cases[i].fault)
			fail_msg("%s: %s", cases[i].text, verify_fault_str(judge(&s, &e)));
	}
}

static void other_verdicts_are_judged(void ** /*state*/) {
	static const struct {
		const char *text;
		uint32_t ttl;
		enum verify_fault fault;
	} cases[] = {
		{"v=STSQ1; r=none", 60, VERIFY_OK},
		{"v=STSQ1; r=none; why=name/single-label", 1, VERIFY_OK},
		{"v=STSQ1; r=none", 0, VERIFY_TTL},
		{"v=STSQ1; r=none", 61, VERIFY_TTL},
		{"v=STSQ1; r=none; n=0", 60, VERIFY_TAGS},
		{"v=STSQ1; r=pending; retry=2", 0, VERIFY_OK},
		{"v=STSQ1; r=pending; retry=2", 1, VERIFY_TTL},
		{"v=STSQ1; r=pending", 0, VERIFY_RETRY},
		{"v=STSQ1; r=failed; why=sts-policy-invalid/mode; retry=300", 60, VERIFY_OK},
		{"v=STSQ1; r=unknown; why=dns/servfail; retry=9", 9, VERIFY_OK},
		{"v=STSQ1; r=unknown; why=dns/servfail; retry=9", 10, VERIFY_TTL},
	};
	struct expect e = {.kind = EXPECT_ANY};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s = right();
		s.strings[0] = cases[i].text;
		s.strings[1] = NULL;
		s.ttl = cases[i].ttl;
		if (judge(&s, &e) != cases[i].fault)
			fail_msg("%s: %s", cases[i].text, verify_fault_str(judge(&s, &e)));
	}
}

static void patterns_are_compared_in_order(void ** /*state*/) {
	struct expect e = policy();
	struct sample s = right();
	s.strings[1] = MX2;
	s.strings[2] = MX1;
	assert_int_equal(judge(&s, &e), VERIFY_MX);
	s = right();
	s.strings[2] = NULL;
	assert_int_equal(judge(&s, &e), VERIFY_MORE);
	s.strings[2] = "; more=1"; // there was room for the second one
	assert_int_equal(judge(&s, &e), VERIFY_MORE);
	s = right();
	s.strings[3] = "; more=1";
	assert_int_equal(judge(&s, &e), VERIFY_MORE);
	s = right();
	s.strings[0] = FIRST MX1;
	s.strings[1] = MX2;
	s.strings[2] = NULL;
	assert_int_equal(judge(&s, &e), VERIFY_OK);
	s = right();
	s.strings[0] = "v=STSQ1; r=policy; mode=enforce";
	s.strings[1] = "; id=2016Z; exp=1767225600; fresh=1; n=2" MX1;
	assert_int_equal(judge(&s, &e), VERIFY_STRINGS);
}

static void a_list_that_does_not_fit_says_more(void ** /*state*/) {
	char strings[3][260];
	char joined[800];
	size_t len = 0;
	struct sample s = right();
	s.strings[0] = "v=STSQ1; r=policy; mode=enforce; id=2016Z; exp=1767225600; fresh=1; n=3";
	for (int i = 0; i < 3; i++) {
		memset(joined + len, 'a' + i, 208);
		(void)snprintf(strings[i], sizeof(strings[i]), "; mx=%.208s", joined + len);
		s.strings[i + 1] = strings[i];
		len += 208;
		joined[len++] = ',';
	}
	struct expect e = policy();
	e.mx_count = 3;
	e.mx = (struct expect_text){joined, len - 1};
	assert_int_equal(judge(&s, &e), VERIFY_OK);
	s.edns = 512;
	assert_int_equal(judge(&s, &e), VERIFY_SIZE);
	s.strings[2] = "; more=1";
	s.strings[3] = NULL;
	assert_int_equal(judge(&s, &e), VERIFY_OK);
}

static void headers_are_judged(void ** /*state*/) {
	struct expect e = policy();
	static const struct {
		uint16_t flags;
		uint16_t answers;
		enum verify_fault fault;
	} cases[] = {
		{0x8500, 1, VERIFY_OK},
		{0x8400, 1, VERIFY_FLAGS}, // RD not copied
		{0x0500, 1, VERIFY_FLAGS}, // a query
		{0x8100, 1, VERIFY_FLAGS}, // no AA
		{0x8700, 1, VERIFY_FLAGS}, // TC
		{0x8580, 1, VERIFY_FLAGS}, // RA
		{0x8520, 1, VERIFY_FLAGS}, // AD
		{0x8502, 1, VERIFY_RCODE},
		{0x8500, 0, VERIFY_COUNTS},
		{0x8500, 2, VERIFY_COUNTS},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s = right();
		s.flags = cases[i].flags;
		s.counts[1] = cases[i].answers;
		assert_int_equal(judge(&s, &e), cases[i].fault);
	}
	struct sample s = right();
	s.extra = 1;
	assert_int_equal(judge(&s, &e), VERIFY_TRAILING);
}

static void the_question_comes_back_as_it_went(void ** /*state*/) {
	struct sample s = right();
	struct expect e = policy();
	uint8_t msg[1500];
	size_t len = build(&s, msg);
	struct verify_query q = query_of(&s);
	struct verify_seen seen;
	msg[13] ^= 0x20;
	assert_int_equal(verify_answer(&q, msg, len, &e, &seen), VERIFY_QUESTION);
	msg[13] ^= 0x20;
	msg[0] ^= 1;
	assert_int_equal(verify_answer(&q, msg, len, &e, &seen), VERIFY_ID);
}

// Every prefix, each in memory of its own so that a step beyond is seen by the
// sanitizers; every octet changed: a fault or, where it does not matter, none.
static void no_prefix_passes_and_none_is_overrun(void ** /*state*/) {
	struct sample s = right();
	struct expect e = policy();
	struct verify_query q = query_of(&s);
	struct verify_seen seen;
	uint8_t msg[1500];
	size_t len = build(&s, msg);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);
		assert_non_null(copy);
		memcpy(copy, msg, cut);
		assert_int_not_equal(verify_answer(&q, copy, cut, &e, &seen), VERIFY_OK);
		free(copy);
	}
	for (size_t i = 0; i < len; i++) {
		msg[i] ^= 0xff;
		(void)verify_answer(&q, msg, len, &e, &seen);
		msg[i] ^= 0xff;
	}
}

// docs/wire.md, Batches: the answer to three names, from the second one on.
struct batch_sample {
	const char *owner[2]; // labels before the pointer
	const char *text[2];
	unsigned pointer[2];
	uint8_t option[6];
	uint32_t ttl;
	unsigned answers;
	unsigned extra;
};

static struct batch_sample right_batch(void) {
	return (struct batch_sample){
		.owner = {"\1a\1b", "\1C\1d"},
		.text = {"v=STSQ1; r=none", "v=STSQ1; r=pending; retry=2"},
		.pointer = {0xc018, 0xc018},
		.option = {0xff, 0xb5, 0, 2, 3, 1},
		.ttl = 60,
		.answers = 2,
	};
}

static struct expect any_of_batch(const void *arg, unsigned index) {
	const enum expect_kind *kinds = arg;
	return (struct expect){.kind = kinds[index], .name = {"x", 1}};
}

static enum verify_fault judge_batch(const struct batch_sample *s, unsigned *first) {
	uint8_t msg[600];
	struct writer w = bytes_writer(msg, sizeof(msg));
	bytes_put(&w, "\x12\x34\x85\0\0\1\0", 7);
	bytes_put_u8(&w, (uint8_t)s->answers);
	bytes_put(&w, "\0\0\0\1", 4);
	bytes_put(&w, QUESTION, QUESTION_LEN);
	for (unsigned i = 0; i < 2; i++) {
		bytes_put(&w, s->owner[i], strlen(s->owner[i]));
		bytes_put_be16(&w, (uint16_t)s->pointer[i]);
		bytes_put(&w, "\0\x10\0\1", 4);
		bytes_put_be32(&w, i == 0 ? s->ttl : 0);
		bytes_put_be16(&w, (uint16_t)(strlen(s->text[i]) + 1));
		bytes_put_u8(&w, (uint8_t)strlen(s->text[i]));
		bytes_put(&w, s->text[i], strlen(s->text[i]));
	}
	for (unsigned i = 0; i < s->extra; i++)
		bytes_put_u8(&w, 0);
	bytes_put(&w, "\0\0\x29\x04\xd0\0\0\0\0\0\6", 11);
	bytes_put(&w, s->option, sizeof(s->option));
	assert_true(w.ok);
	static const enum expect_kind KINDS[] = {EXPECT_POLICY, EXPECT_NONE, EXPECT_ANY};
	const struct verify_batch b = {
		.count = 3,
		.zone_at = 24,
		.names = (const uint8_t *)"\1a\1b\0\1C\1d",
		.expect = any_of_batch,
		.arg = KINDS,
	};
	struct sample single = right();
	struct verify_query q = query_of(&single);
	struct verify_seen seen[3];
	unsigned records;
	return verify_batch(&q, &b, msg, bytes_written(&w), seen, first, &records);
}

static void batches_are_judged(void ** /*state*/) {
	struct batch_sample s = right_batch();
	unsigned first;
	assert_int_equal(judge_batch(&s, &first), VERIFY_OK);
	assert_int_equal(first, 1);
	s.owner[1] = "\1c\1d"; // not as it was asked
	assert_int_equal(judge_batch(&s, &first), VERIFY_RECORD);
	s = right_batch();
	s.pointer[0] = 0xc00c;
	assert_int_equal(judge_batch(&s, &first), VERIFY_RECORD);
	s = right_batch();
	s.text[0] = "v=STSQ1; r=pending; retry=2";
	assert_int_equal(judge_batch(&s, &first), VERIFY_VERDICT);
	s = right_batch();
	s.ttl = 61;
	assert_int_equal(judge_batch(&s, &first), VERIFY_TTL);
	s = right_batch();
	s.option[5] = 2; // the last one, and one more
	assert_int_equal(judge_batch(&s, &first), VERIFY_COUNTS);
	s = right_batch();
	s.option[4] = 2;
	assert_int_equal(judge_batch(&s, &first), VERIFY_OPT);
	s = right_batch();
	s.answers = 1;
	assert_int_equal(judge_batch(&s, &first), VERIFY_TRAILING);
	s = right_batch();
	s.extra = 1;
	assert_int_equal(judge_batch(&s, &first), VERIFY_TRAILING);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_are_judged),
		cmocka_unit_test(the_right_answer_is_right),
		cmocka_unit_test(first_strings_are_judged),
		cmocka_unit_test(other_verdicts_are_judged),
		cmocka_unit_test(patterns_are_compared_in_order),
		cmocka_unit_test(a_list_that_does_not_fit_says_more),
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(the_question_comes_back_as_it_went),
		cmocka_unit_test(no_prefix_passes_and_none_is_overrun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
