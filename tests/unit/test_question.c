// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_question_is_written_octet_for_octet(void ** /*state*/) {
	static const uint8_t want[] = "\7example\3com\3sts\0"
				      "\0\x10\0\1"
				      "\0\0\x29\x04\xd0\0\0\0\0\0\0";
	struct question_form form = {.zone = "sts", .edns_bytes = 1232};
	uint8_t out[QUESTION_BYTES_MAX];
	assert_int_equal(question_write(&form, "example.com", 11, 0, out), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
	form.edns_bytes = 0;
	assert_int_equal(question_write(&form, "example.com.", 12, 0, out), sizeof(want) - 12);
}

static void a_batch_is_written_octet_for_octet(void ** /*state*/) {
	static const uint8_t want[] = "\7example\3com\3sts\0"
				      "\0\x10\0\1"
				      "\0\0\x29\x04\xd0\0\0\0\0\0\x10"
				      "\xff\xb5\0\x0c"
				      "\1a\2bc\0\2de\1f";
	struct question_form form = {.zone = "sts", .edns_bytes = 1232};
	struct question_batch q;
	assert_true(question_batch_begin(&form, "example.com", 11, 0, &q));
	assert_int_equal(q.question_len, 21);
	assert_int_equal(q.names_at, q.len);
	assert_true(question_batch_add(&form, "a.bc", 4, 1, &q));
	assert_true(question_batch_add(&form, "de.f", 4, 2, &q));
	assert_int_equal(q.len, sizeof(want));
	assert_memory_equal(q.octets, want, sizeof(want));
	assert_false(question_batch_add(&form, "a..b", 4, 3, &q));
	unsigned added = 0;
	while (question_batch_add(&form, "a.name.that.takes.thirty.two.oct", 32, 3, &q)) {
		added++;
	}
	assert_int_equal(added, (QUESTION_BATCH_BYTES_MAX - sizeof(want)) / 34);
	assert_true(q.len <= QUESTION_BATCH_BYTES_MAX);
}

static void case_is_tossed_but_letters_stay(void ** /*state*/) {
	struct question_form plain = {.zone = "sts"};
	struct question_form tossed = {.zone = "sts", .case_seed = 5};
	static const char name[] = "averylongexample.with9digits-and.com";
	uint8_t a[QUESTION_BYTES_MAX];
	uint8_t b[QUESTION_BYTES_MAX];
	size_t len = question_write(&plain, name, strlen(name), 1, a);
	assert_int_equal(question_write(&tossed, name, strlen(name), 1, b), len);
	unsigned upper = 0;
	for (size_t i = 0; i < len; i++) {
		upper += a[i] != b[i];
		assert_true(a[i] == b[i] || a[i] == (b[i] | 0x20));
	}
	assert_true(upper > 5);
}

static void names_that_cannot_be_asked(void ** /*state*/) {
	struct question_form form = {.zone = "sts"};
	uint8_t out[QUESTION_BYTES_MAX];
	char name[260];
	memset(name, 'a', sizeof(name));
	assert_int_equal(question_write(&form, name, 64, 0, out), 0);
	assert_int_equal(question_write(&form, "a..b", 4, 0, out), 0);
	for (int i = 60; i < 250; i += 61)
		name[i] = '.';
	// 1 + 249 octets, the zone, the root: 255 is the most.
	assert_int_equal(question_write(&form, name, 249, 0, out), 255 + 4);
	assert_int_equal(question_write(&form, name, 250, 0, out), 0);
}

static void sums_are_those_of_words(void ** /*state*/) {
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	uint16_t words[3] = {0};
	memcpy(words, bytes, 5);
	assert_int_equal(question_sum(bytes, 5), (uint32_t)words[0] + words[1] + words[2]);
	assert_int_equal(question_sum(bytes, 0), 0);
}

static void long_questions_go_on_in_the_next_block(void ** /*state*/) {
	static const size_t lens[] = {1, 52, 53, 116, 117, 299};
	uint8_t bytes[QUESTION_BYTES_MAX];
	memset(bytes, 'x', sizeof(bytes));
	struct question_arena a;
	assert_int_equal(question_arena_init(&a, 1 + 1 + 2 + 2 + 3 + 5), 0);
	for (uint32_t i = 0; i < 6; i++) {
		int64_t block = question_arena_add(&a, i, bytes, lens[i]);
		assert_true(block >= 0);
		const struct question *q = question_at(&a, (uint32_t)block);
		assert_int_equal(q->index, i);
		assert_int_equal(q->len, lens[i]);
		const uint8_t *at = (const uint8_t *)q + offsetof(struct question, bytes);
		assert_memory_equal(at, bytes, lens[i]);
	}
	assert_int_equal(a.used, a.room);
	assert_true(question_arena_add(&a, 9, bytes, 1) < 0);
	question_arena_fini(&a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_written_octet_for_octet),
		cmocka_unit_test(a_batch_is_written_octet_for_octet),
		cmocka_unit_test(case_is_tossed_but_letters_stay),
		cmocka_unit_test(names_that_cannot_be_asked),
		cmocka_unit_test(sums_are_those_of_words),
		cmocka_unit_test(long_questions_go_on_in_the_next_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
