// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct table *new_table(size_t max_names) {
	struct table *t = table_new(&(struct table_config){.max_names = max_names, .seed = 42});
	assert_non_null(t);
	return t;
}

// "17.example", or longer for some numbers, so that every length is met.
static size_t name_of(unsigned i, char out[256]) {
	int len = snprintf(
		out,
		256,
		"%u.%.*s",
		i,
		(int)(i % 13 * 4),
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
	);
	return (size_t)len;
}

static struct entry *none_entry(struct table *t, const char *name, uint32_t ends_s) {
	struct entry *e = table_entry_new(t, name, strlen(name), 0);
	assert_non_null(e);
	e->kind = ENTRY_NONE;
	e->ends_s = ends_s;
	return e;
}

static void publish_number(struct table *t, unsigned i) {
	char name[256];
	name_of(i, name);
	assert_int_equal(table_publish(t, none_entry(t, name, i)), 0);
}

static void put_get_replace_remove(void ** /*state*/) {
	struct table *t = new_table(100);
	assert_null(table_lookup(t, "a.example", 9));
	struct entry *first = none_entry(t, "a.example", 7);
	assert_int_equal(table_publish(t, first), 0);
	assert_ptr_equal(table_lookup(t, "a.example", 9), first);
	assert_null(table_lookup(t, "a.exampl", 8));
	assert_null(table_lookup(t, "b.example", 9));
	assert_int_equal(table_stats(t).names, 1);

	struct entry *second = none_entry(t, "a.example", 8);
	assert_int_equal(table_publish(t, second), 0);
	assert_ptr_equal(table_lookup(t, "a.example", 9), second);
	assert_int_equal(table_stats(t).names, 1);
	assert_int_equal(table_stats(t).retired, 1);

	assert_true(table_remove(t, "a.example", 9));
	assert_false(table_remove(t, "a.example", 9));
	assert_null(table_lookup(t, "a.example", 9));
	assert_int_equal(table_stats(t).names, 0);
	assert_int_equal(table_stats(t).entry_bytes, 0);
	assert_int_equal(table_stats(t).retired, 2);
	table_free(t);
}

static void replacement_keeps_the_use_but_not_the_check(void ** /*state*/) {
	struct table *t = new_table(100);
	struct entry *first = none_entry(t, "a.example", 7);
	first->used_h = 77;
	first->checking = 1;
	assert_int_equal(table_publish(t, first), 0);
	assert_int_equal(table_publish(t, none_entry(t, "a.example", 8)), 0);
	const struct entry *e = table_lookup(t, "a.example", 9);
	assert_int_equal(e->used_h, 77);
	assert_int_equal(e->checking, 0);

	// Never used before: what the new one knows stays.
	assert_int_equal(table_publish(t, none_entry(t, "b.example", 1)), 0);
	struct entry *b = none_entry(t, "b.example", 2);
	b->used_h = 5;
	assert_int_equal(table_publish(t, b), 0);
	assert_int_equal(b->used_h, 5);
	table_free(t);
}

static void bodies_of_every_size(void ** /*state*/) {
	struct table *t = new_table(100000);
	char name[256];
	for (unsigned i = 0; i < 600; i++) {
		size_t len = name_of(i, name);
		size_t data = 1 + (size_t)i * i / 3; // up to 120 KB
		struct entry *e = table_entry_new(t, name, len, data);
		assert_non_null(e);
		e->kind = ENTRY_POLICY;
		struct entry_body *body = table_entry_body(e);
		assert_int_equal((uintptr_t)body % 8, 0);
		assert_int_equal(body->text_bytes, 0);
		assert_ptr_equal(body, entry_body(e));
		body->record_bytes = (uint32_t)data;
		memset(body->data, (int)i, data);
		assert_int_equal(table_publish(t, e), 0);
	}
	for (unsigned i = 0; i < 600; i++) {
		size_t len = name_of(i, name);
		const struct entry *e = table_lookup(t, name, len);
		assert_non_null(e);
		const struct entry_body *body = entry_body(e);
		assert_int_equal(body->data[0], (uint8_t)i);
		assert_int_equal(body->data[body->record_bytes - 1], (uint8_t)i);
	}
	assert_int_equal(table_stats(t).by_kind[ENTRY_POLICY], 600);
	assert_null(table_entry_new(t, "a.example", 9, 1 << 20));
	struct entry *unused = table_entry_new(t, "a.example", 9, 100);
	table_entry_discard(t, unused);
	table_free(t);
}

static void a_none_entry_is_small(void ** /*state*/) {
	struct table *t = new_table(100);
	assert_int_equal(table_publish(t, none_entry(t, "sixteen.example.", 1)), 0);
	assert_int_equal(table_stats(t).entry_bytes, 32);
	table_free(t);
}

static void names_of_every_length(void ** /*state*/) {
	struct table *t = new_table(1000);
	char name[256];
	memset(name, 'a', sizeof(name));
	for (size_t len = 1; len <= NAME_DOMAIN_MAX; len++) {
		struct entry *e = table_entry_new(t, name, len, 0);
		e->kind = ENTRY_NONE;
		e->ends_s = (uint32_t)len;
		assert_int_equal(table_publish(t, e), 0);
	}
	for (size_t len = 1; len <= NAME_DOMAIN_MAX; len++) {
		// An allocation of that length: nothing behind the name is read.
		char *exact = malloc(len);
		assert_non_null(exact);
		memset(exact, 'a', len);
		assert_int_equal(table_lookup(t, exact, len)->ends_s, len);
		for (size_t at = 0; at < len; at++) {
			exact[at] = 'b';
			assert_null(table_lookup(t, exact, len));
			exact[at] = 'a';
		}
		free(exact);
	}
	table_free(t);
}

static void a_full_table_refuses_new_names_only(void ** /*state*/) {
	struct table *t = new_table(10);
	for (unsigned i = 0; i < 10; i++) {
		publish_number(t, i);
	}
	struct entry *e = none_entry(t, "eleventh.example", 0);
	assert_int_equal(table_publish(t, e), -ENOSPC);
	publish_number(t, 3);
	char name[256];
	assert_true(table_remove(t, name, name_of(4, name)));
	assert_int_equal(table_publish(t, e), 0);
	table_free(t);
}

enum { MANY = 300000 };

static void check_all(const struct table *t, unsigned from, unsigned to, bool present) {
	static char names[TABLE_BURST_MAX][256];
	struct table_key keys[TABLE_BURST_MAX];
	const struct entry *out[TABLE_BURST_MAX];
	unsigned burst = 1;
	for (unsigned i = from; i < to;) {
		unsigned n = to - i < burst ? to - i : burst;
		for (unsigned k = 0; k < n; k++) {
			keys[k].name = names[k];
			keys[k].len = (uint32_t)name_of(i + k, names[k]);
		}
		table_lookup_bulk(t, keys, n, out);
		for (unsigned k = 0; k < n; k++) {
			int64_t ends_s = out[k] != NULL ? (int64_t)out[k]->ends_s : -1;
			assert_int_equal(ends_s, present ? (int64_t)(i + k) : -1);
			assert_ptr_equal(out[k], table_lookup(t, keys[k].name, keys[k].len));
		}
		i += n;
		burst = burst % TABLE_BURST_MAX + 1;
	}
}

static void grows_and_empties(void ** /*state*/) {
	struct table *t = new_table(MANY);
	table_lookup_bulk(t, NULL, 0, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		publish_number(t, i);
		if (i % 50000 == 777) {
			check_all(t, 0, i + 1, true);
		}
	}
	check_all(t, 0, MANY, true);
	check_all(t, MANY, MANY + 5000, false);
	struct table_stats s = table_stats(t);
	assert_int_equal(s.names, MANY);
	assert_int_equal(s.by_kind[ENTRY_NONE], MANY);
	assert_true(s.bucket_bytes < MANY * 20UL);
	char name[256];
	for (unsigned i = 0; i < MANY; i += 2) {
		assert_true(table_remove(t, name, name_of(i, name)));
		table_turn(t);
	}
	for (unsigned i = 0; i < MANY; i += 501) {
		check_all(t, i, i + 1, i % 2 == 1);
	}
	for (unsigned i = 1; i < MANY; i += 2) {
		assert_true(table_remove(t, name, name_of(i, name)));
	}
	check_all(t, 0, MANY, false);
	assert_int_equal(table_stats(t).names, 0);
	table_free(t);
}

// What a scan under change has seen.
struct seen {
	struct table *table;
	uint8_t count[MANY];
};

static void see(void *arg, const struct entry *e) {
	struct seen *s = arg;
	s->count[e->ends_s]++;
}

static void a_scan_gives_each_name_once_while_the_table_grows(void ** /*state*/) {
	enum { PERMANENT = 20000 };
	struct seen *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	struct table *t = new_table(MANY);
	for (unsigned i = 0; i < PERMANENT; i++) {
		publish_number(t, i);
	}
	uint64_t cursor = 0;
	unsigned next = PERMANENT;
	do {
		table_scan(t, &cursor, 3, see, s);
		for (unsigned k = 0; k < 100 && next < MANY; k++) {
			publish_number(t, next++);
		}
		publish_number(t, next % PERMANENT); // also replaced
	} while (cursor != 0);
	assert_true(next > 4 * PERMANENT);
	for (unsigned i = 0; i < PERMANENT; i++) {
		assert_int_equal(s->count[i], 1);
	}
	for (unsigned i = PERMANENT; i < MANY; i++) {
		assert_true(s->count[i] <= 1);
	}
	table_free(t);
	free(s);
}

static void see_and_change(void *arg, const struct entry *e) {
	struct seen *s = arg;
	s->count[e->ends_s]++;
	if (e->ends_s % 3 == 0) {
		publish_number(s->table, e->ends_s);
	} else if (e->ends_s % 3 == 1) {
		assert_true(table_remove(s->table, e->name, e->name_len));
	}
}

static void a_scan_may_change_what_it_is_given(void ** /*state*/) {
	enum { NAMES = 50000 };
	struct seen *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	struct table *t = new_table(MANY);
	s->table = t;
	for (unsigned i = 0; i < NAMES; i++) {
		publish_number(t, i);
	}
	uint64_t cursor = 0;
	do {
		table_scan(t, &cursor, 10, see_and_change, s);
		table_turn(t);
	} while (cursor != 0);
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(s->count[i], 1);
		check_all(t, i, i + 1, i % 3 != 1);
	}
	table_free(t);
	free(s);
}

static void a_scan_of_nothing_ends(void ** /*state*/) {
	struct table *t = new_table(10);
	uint64_t cursor = 0;
	unsigned turns = 0;
	do {
		table_scan(t, &cursor, 1, see, NULL);
		turns++;
	} while (cursor != 0);
	assert_true(turns < 10000);
	table_free(t);
}

static void retired_memory_comes_back(void ** /*state*/) {
	struct table *t = new_table(10);
	for (unsigned i = 0; i < 20000; i++) {
		publish_number(t, i % 10);
		table_turn(t);
	}
	while (table_stats(t).retired > 0) {
		table_turn(t);
	}
	size_t span = table_stats(t).span_bytes;
	for (unsigned i = 0; i < 500; i++) {
		publish_number(t, i % 10);
	}
	assert_int_equal(table_stats(t).span_bytes, span);
	assert_true(table_reclaimer_tid(t) > 0);
	table_free(t);
}

static void an_online_reader_holds_memory_back(void ** /*state*/) {
	struct table *t = new_table(10);
	struct table_reader *r = table_reader_register(t);
	assert_non_null(r);
	publish_number(t, 1);
	char name[256];
	size_t len = name_of(1, name);
	const struct entry *held = table_lookup(t, name, len);
	publish_number(t, 1);
	for (int i = 0; i < 10000; i++) {
		table_turn(t);
	}
	assert_int_equal(table_stats(t).retired, 1);
	assert_memory_equal(held->name, name, len);
	table_reader_quiescent(r);
	table_reader_offline(r);
	while (table_stats(t).retired > 0) {
		table_turn(t);
	}
	table_reader_online(r);
	table_reader_unregister(r);
	table_free(t);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_get_replace_remove),
		cmocka_unit_test(replacement_keeps_the_use_but_not_the_check),
		cmocka_unit_test(bodies_of_every_size),
		cmocka_unit_test(a_none_entry_is_small),
		cmocka_unit_test(names_of_every_length),
		cmocka_unit_test(a_full_table_refuses_new_names_only),
		cmocka_unit_test(grows_and_empties),
		cmocka_unit_test(a_scan_gives_each_name_once_while_the_table_grows),
		cmocka_unit_test(a_scan_may_change_what_it_is_given),
		cmocka_unit_test(a_scan_of_nothing_ends),
		cmocka_unit_test(retired_memory_comes_back),
		cmocka_unit_test(an_online_reader_holds_memory_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
