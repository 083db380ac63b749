// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsqwire.h"
#include "dataplane/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ZONE ((const uint8_t *)"\3sts")
#define HEADER_BYTES 12

static struct lookup_zone zone;

static void names_become_labels(void ** /*state*/) {
	uint8_t name[STSQWIRE_NAME_MAX];
	assert_int_equal(stsqwire_name("example.com", name), 13);
	assert_memory_equal(name, "\7example\3com\0", 13);
	assert_int_equal(stsqwire_name("example.com.", name), 13);
	assert_int_equal(stsqwire_name("a", name), 3);
	assert_int_equal(stsqwire_name("", name), 0);
	assert_int_equal(stsqwire_name(".", name), 0);
	assert_int_equal(stsqwire_name("a..b", name), 0);
	assert_int_equal(stsqwire_name(".a", name), 0);
	char text[300];
	memset(text, 'a', sizeof(text));
	text[64] = '\0';
	assert_int_equal(stsqwire_name(text, name), 0);
	text[63] = '\0';
	assert_int_equal(stsqwire_name(text, name), 65);
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	text[253] = '\0';
	assert_int_equal(stsqwire_name(text, name), 255);
	text[253] = 'a';
	text[254] = '\0';
	assert_int_equal(stsqwire_name(text, name), 0);
}

// A request of as many names as fit, read and answered by the appliance's code.
static void the_appliance_reads_requests_and_its_answers_are_read(void ** /*state*/) {
	static struct stsqwire_request r;
	static struct batch b;
	static struct stsqwire_record record;
	uint8_t names[STSQWIRE_NAMES_MAX][STSQWIRE_NAME_MAX];
	for (unsigned i = 0; i < STSQWIRE_NAMES_MAX; i++) {
		char text[100];
		snprintf(
			text,
			sizeof(text),
			"Name%u.%.*sexample",
			i,
			(int)(i % 20),
			"abcdefghijklmnopqrst"
		);
		assert_true(stsqwire_name(text, names[i]) > 0);
	}
	stsqwire_begin(&r, 0xabcd, names[0], ZONE, true);
	unsigned count = 1;
	while (count < STSQWIRE_NAMES_MAX && stsqwire_add(&r, names[count])) {
		count++;
	}
	assert_int_equal(r.count, count);
	assert_true(r.len <= STSQWIRE_REQUEST_MAX && count > 30);

	struct lookup_query q;
	lookup_parse(&zone, r.octets, r.len, &q);
	assert_int_equal(q.kind, LOOKUP_VERDICT);
	assert_false(q.recursion_desired);
	assert_true(batch_is_asked(&q));
	assert_true(batch_read(&zone, &q, r.octets, &b));
	assert_int_equal(b.count, count);

	unsigned next = 0;
	unsigned seen = 0;
	while (next < count) {
		uint8_t buf[LOOKUP_UDP_MAX + LOOKUP_SLACK];
		memcpy(buf, r.octets, HEADER_BYTES + r.question_len);
		size_t len = batch_write(&b, &q, &zone, (struct lookup_now){1}, &next, buf);
		struct stsqwire_reply reply;
		assert_true(stsqwire_read(&reply, buf, len, r.octets + HEADER_BYTES, r.question_len)
		);
		assert_true(reply.batch && reply.rcode == 0);
		assert_int_equal(reply.count, count);
		assert_int_equal(reply.first, seen);
		while (stsqwire_next(&reply, &record)) {
			assert_true(record.is_txt);
			assert_true(stsqwire_is_of(&record, names[seen], ZONE));
			assert_string_equal(record.text, "v=STSQ1; r=pending; retry=2");
			seen++;
		}
	}
	assert_int_equal(seen, count);
}

static void a_single_question_has_no_option(void ** /*state*/) {
	struct stsqwire_request r;
	uint8_t name[STSQWIRE_NAME_MAX];
	assert_true(stsqwire_name("example.com", name) > 0);
	stsqwire_begin(&r, 1, name, ZONE, false);
	assert_false(stsqwire_add(&r, name));
	struct lookup_query q;
	lookup_parse(&zone, r.octets, r.len, &q);
	assert_int_equal(q.kind, LOOKUP_VERDICT);
	assert_int_equal(q.size_max, LOOKUP_UDP_MAX);
	assert_false(batch_is_asked(&q));
}

// Another id is the caller's to see; the rest is judged here.
static void other_messages_are_no_answers(void ** /*state*/) {
	static const uint8_t QUESTION[] = "\1a\1b\3sts\0\0\x10\0\1";
	static const uint8_t GOOD[] = "\1\2\x84\0\0\1\0\1\0\0\0\0\1a\1b\3sts\0\0\x10\0\1"
				      "\xc0\x0c\0\x10\0\1\0\0\0\5\0\3\2xy";
	static const struct {
		size_t at;
		uint8_t value;
		bool good;
	} CASES[] = {
		{0, 9, true},
		{2, 0x04, false}, // no response
		{2, 0x8c, false}, // another opcode
		{5, 0, false},	  // no question
		{5, 2, false},	  // two
		{13, 'A', false}, // not as it was asked
		{7, 2, false},	  // a record that is not there
		{9, 1, false},
		{26, 200, false}, // a pointer behind itself
		{36, 4, false},	  // RDATA that does not end
		{3, 2, true},	  // SERVFAIL
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		uint8_t m[sizeof(GOOD) - 1];
		memcpy(m, GOOD, sizeof(m));
		m[CASES[i].at] = CASES[i].value;
		struct stsqwire_reply r;
		if (stsqwire_read(&r, m, sizeof(m), QUESTION, sizeof(QUESTION) - 1)
		    != CASES[i].good) {
			fail_msg("case %zu", i);
		}
	}
	struct stsqwire_reply r;
	assert_true(stsqwire_read(
		&r,
		(const uint8_t *)"\1\2\x80\1\0\0\0\0\0\0\0\0",
		12,
		QUESTION,
		sizeof(QUESTION) - 1
	));
	assert_int_equal(r.rcode, 1);
	assert_int_equal(r.records, 0);
}

static int set_up(void ** /*state*/) {
	return lookup_zone_parse("sts.", &zone);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_labels),
		cmocka_unit_test(the_appliance_reads_requests_and_its_answers_are_read),
		cmocka_unit_test(a_single_question_has_no_option),
		cmocka_unit_test(other_messages_are_no_answers),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
