// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void writes_and_reads_back(void ** /*state*/) {
	uint8_t buf[32];
	struct writer w = bytes_writer(buf, sizeof(buf));
	bytes_put_u8(&w, 1);
	bytes_put_be16(&w, 0x0203);
	bytes_put_be32(&w, 0x04050607);
	bytes_put_be64(&w, 0x08090a0b0c0d0e0fULL);
	bytes_put(&w, "xyz", 3);
	assert_true(w.ok);
	assert_int_equal(bytes_written(&w), 18);
	struct reader r = bytes_reader(buf, 18);
	assert_int_equal(bytes_get_u8(&r), 1);
	assert_int_equal(bytes_get_be16(&r), 0x0203);
	assert_int_equal(bytes_get_be32(&r), 0x04050607);
	assert_true(bytes_get_be64(&r) == 0x08090a0b0c0d0e0fULL);
	assert_memory_equal(bytes_get(&r, 3), "xyz", 3);
	assert_true(r.ok);
	assert_int_equal(bytes_left(&r), 0);
}

static void reading_beyond_the_end_sticks(void ** /*state*/) {
	uint8_t buf[3] = {9, 9, 9};
	struct reader r = bytes_reader(buf, sizeof(buf));
	assert_int_equal(bytes_get_be32(&r), 0);
	assert_false(r.ok);
	assert_int_equal(bytes_get_u8(&r), 0);
	assert_null(bytes_get(&r, 1));
	assert_int_equal(bytes_left(&r), 0);
}

static void writing_beyond_the_end_sticks(void ** /*state*/) {
	uint8_t buf[4] = {0};
	struct writer w = bytes_writer(buf, 3);
	bytes_put_be16(&w, 0x0101);
	bytes_put_be16(&w, 0x0202);
	bytes_put_u8(&w, 3);
	assert_false(w.ok);
	assert_int_equal(bytes_written(&w), 2);
	assert_int_equal(buf[2], 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_back),
		cmocka_unit_test(reading_beyond_the_end_sticks),
		cmocka_unit_test(writing_beyond_the_end_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
