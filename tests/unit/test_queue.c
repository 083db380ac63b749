// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void keeps_order_and_bounds(void ** /*state*/) {
	struct queue *q = queue_new(sizeof(int), 3);
	assert_non_null(q);
	for (int i = 0; i < 3; i++) {
		assert_true(queue_push(q, &i));
	}
	assert_false(queue_push(q, &(int){9}));
	int out[4];
	assert_int_equal(queue_pop(q, out, 2), 2);
	assert_int_equal(out[1], 1);
	assert_true(queue_push(q, &(int){3}));
	assert_int_equal(queue_pop(q, out, 4), 2);
	assert_int_equal(out[0], 2);
	assert_int_equal(out[1], 3);
	assert_int_equal(queue_pop(q, out, 4), 0);
	queue_free(q);
}

enum { ITEMS = 20000 };

static void *produce(void *arg) {
	for (int i = 0; i < ITEMS;) {
		i += queue_push(arg, &i) ? 1 : 0;
	}
	return NULL;
}

static void crosses_threads_whole(void ** /*state*/) {
	struct queue *q = queue_new(sizeof(int), 16);
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, produce, q), 0);
	int expected = 0;
	while (expected < ITEMS) {
		queue_wait(q, 1000);
		int out[8];
		size_t n = queue_pop(q, out, 8);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(out[i], expected++);
		}
	}
	pthread_join(t, NULL);
	assert_int_equal(queue_count(q), 0);
	queue_free(q);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_and_bounds),
		cmocka_unit_test(crosses_threads_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
