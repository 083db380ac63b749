// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "fetch/task.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void tasks_survive_the_way(void ** /*state*/) {
	struct task t = {.id = 7, .kind = TASK_POLICY, .address_count = TASK_ADDRESS_MAX};
	assert_int_equal(name_parse("example.com", 11, &t.domain), NAME_OK);
	for (uint8_t i = 0; i < TASK_ADDRESS_MAX; i++) {
		t.addresses[i] = (struct address){AF_INET6, {0x20, i}};
	}
	uint8_t buf[TASK_BYTES_MAX];
	int len = task_encode(&t, buf, sizeof(buf));
	assert_true(len > 0);
	struct task back;
	assert_int_equal(task_decode(buf, (size_t)len, &back), 0);
	assert_true(back.id == 7 && back.kind == TASK_POLICY);
	assert_true(name_equal(&back.domain, &t.domain));
	assert_memory_equal(back.addresses, t.addresses, sizeof(t.addresses));
	for (int cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc((size_t)cut + 1);
		assert_non_null(exact);
		memcpy(exact, buf, (size_t)cut);
		assert_int_equal(task_decode(exact, (size_t)cut, &back), ERR_SYNTAX);
		free(exact);
		uint8_t small[TASK_BYTES_MAX];
		assert_int_equal(task_encode(&t, small, (size_t)cut), -ENOSPC);
	}
	buf[8] = 9;
	assert_int_equal(task_decode(buf, (size_t)len, &back), ERR_SYNTAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_survive_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
