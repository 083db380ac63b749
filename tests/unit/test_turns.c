// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/turns.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned forgotten;

static void forget(void *arg, void *held) {
	assert_string_equal(held, arg);
	forgotten++;
}

static void must_send(struct turns *t, const char *want) {
	char got[64] = "";
	turns_advance(t);
	int n = evbuffer_remove(t->out, got, sizeof(got) - 1);
	assert_int_equal(n, (int)strlen(want));
	assert_string_equal(got, want);
}

static void in_order(void ** /*state*/) {
	struct turns t;
	int owner;
	assert_true(turns_init(&t));
	turns_say(&t, "a", 1);
	must_send(&t, "a");
	char *b = turns_hold(&t, &owner, 8);
	turns_say(&t, "c", 1);
	void *d = turns_hold(&t, &owner, 0);
	turns_say(&t, "e", 1);
	assert_int_equal(b[7], 0);
	assert_ptr_equal(turns_owner(b), &owner);
	assert_int_equal(t.count, 4);
	assert_int_equal(turns_unsent(&t), 2);
	assert_true(turns_waits(&t));
	// The later answer comes first, and waits.
	turns_answer(&t, d, "dd", 2);
	must_send(&t, "");
	assert_int_equal(turns_unsent(&t), 4);
	turns_answer(&t, b, "bbb", 3);
	must_send(&t, "bbbcdde");
	assert_int_equal(t.count, 0);
	assert_int_equal(turns_unsent(&t), 0);
	assert_false(turns_waits(&t));
	turns_say(&t, "f", 1);
	must_send(&t, "f");
	turns_fini(&t, forget, NULL);
	assert_int_equal(forgotten, 0);
}

static void left(void ** /*state*/) {
	struct turns t;
	char name[] = "held";
	assert_true(turns_init(&t));
	for (int i = 0; i < 3; i++) {
		char *held = turns_hold(&t, NULL, sizeof(name));
		memcpy(held, name, sizeof(name));
		turns_say(&t, "x", 1);
	}
	void *answered = turns_hold(&t, NULL, sizeof(name));
	turns_answer(&t, answered, "", 0);
	// Only those without an answer are told of.
	turns_fini(&t, forget, name);
	assert_int_equal(forgotten, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
