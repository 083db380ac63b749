// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/dumporder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The order of a dump against qsort() over the same names.

enum { NAMES = 20000 };

struct item {
	boot_s_t used_at;
	struct name name;
};

static struct name name_of(const char *text) {
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
	return n;
}

static void the_seeds_order(void ** /*state*/) {
	// With equal use the names come from the end of the alphabet.
	static const struct {
		const char *domain;
		boot_s_t used_at;
	} ADDED[] = {
		{"example.com", 5},
		{"old.example", -3},
		{"other.example.com", 5},
		{"new.example", 9},
		{"example.co", 5},
	};
	static const char *const WANTED[] = {
		"new.example", "other.example.com", "example.com", "example.co", "old.example"};
	struct dumporder *o = dumporder_new(0);
	assert_non_null(o);
	for (size_t i = 0; i < 5; i++) {
		struct name n = name_of(ADDED[i].domain);
		assert_false(dumporder_has(o, &n));
		assert_int_equal(dumporder_add(o, &n, ADDED[i].used_at), 0);
		assert_int_equal(dumporder_add(o, &n, 77), 0); // the first counts
	}
	struct name n;
	for (size_t i = 0; i < 5; i++) {
		assert_true(dumporder_pop(o, &n));
		assert_string_equal(n.text, WANTED[i]);
		assert_true(dumporder_has(o, &n));
	}
	assert_false(dumporder_pop(o, &n));
	dumporder_free(o);
}

static int compare(const void *a, const void *b) {
	const struct item *x = a;
	const struct item *y = b;
	if (x->used_at != y->used_at) {
		return x->used_at > y->used_at ? -1 : 1;
	}
	return -strcmp(x->name.text, y->name.text);
}

static uint64_t draw(uint64_t *seed) {
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static void as_a_sort(void ** /*state*/) {
	struct item *items = calloc(NAMES, sizeof(items[0]));
	struct dumporder *o = dumporder_new(100); // too few: chains get longer
	uint64_t seed = 1;
	assert_non_null(items);
	assert_non_null(o);
	for (size_t i = 0; i < NAMES; i++) {
		char text[300];
		snprintf(
			text,
			sizeof(text),
			"%.*s%u.d%zu.example",
			(int)(draw(&seed) % 60),
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			(unsigned)(draw(&seed) % 1000),
			i
		);
		items[i].name = name_of(text);
		items[i].used_at = (boot_s_t)(draw(&seed) % 50) * 3600;
		assert_int_equal(dumporder_add(o, &items[i].name, items[i].used_at), 0);
	}
	qsort(items, NAMES, sizeof(items[0]), compare);
	for (size_t i = 0; i < NAMES; i++) {
		struct name n;
		assert_true(dumporder_pop(o, &n));
		assert_string_equal(n.text, items[i].name.text);
	}
	dumporder_free(o);
	free(items);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seeds_order),
		cmocka_unit_test(as_a_sort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
