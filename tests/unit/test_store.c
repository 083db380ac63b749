// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/clock.h"
#include "cache/store.h"
#include "cache/store_mem.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The store on the engine in memory: what callers are promised. Files are the
// subject of test_store_disk.c.

enum { PATIENCE_MS = 20000 };

static struct name domain_of(unsigned i) {
	struct name n;
	n.len = (uint8_t)snprintf(n.text, sizeof(n.text), "d%06u.example", i);
	return n;
}

static struct store *start_on(struct store_mem *mem) {
	const struct store_config config = {.in_memory = true, .mem = mem};
	struct store_load_report report;
	struct store *s = NULL;
	assert_int_equal(store_open(&config, &s, &report), 0);
	assert_int_equal(store_load(s, STORE_POLICY, NULL, NULL, &report), 0);
	assert_true(report.complete);
	assert_int_equal(store_tid(s), 0);
	assert_int_equal(store_start(s), 0);
	assert_true(store_tid(s) > 0);
	return s;
}

static void wait_ready(struct store *s) {
	struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static struct store_confirm next_confirm(struct store *s) {
	struct store_confirm c;
	while (store_confirmed(s, &c, 1) == 0) {
		wait_ready(s);
	}
	return c;
}

static struct store_row next_row(struct store *s) {
	struct store_row row;
	while (store_streamed(s, &row, 1) == 0) {
		wait_ready(s);
	}
	return row;
}

static bool put(struct store *s, enum store_family f, unsigned i, const char *v, uint64_t ticket) {
	struct name n = domain_of(i);
	return store_put(s, f, &n, v, v == NULL ? 0 : strlen(v), ticket);
}

// Again and again until the store has come back.
static void put_until_durable(struct store *s, enum store_family f, unsigned i, const char *v) {
	mono_ns_t end = clock_mono_ns() + PATIENCE_MS * CLOCK_NS_PER_MS;
	struct store_confirm c = {.status = -1};
	while (c.status < 0) {
		assert_true(clock_mono_ns() < end);
		assert_true(put(s, f, i, v, 1));
		c = next_confirm(s);
	}
}

// What a family holds: "d000001.example=value " for each record.
struct listing {
	char text[1024];
	size_t len;
};

static bool list(void *arg, const struct name *domain, const void *value, size_t len) {
	struct listing *l = arg;
	l->len += (size_t)snprintf(
		l->text + l->len,
		sizeof(l->text) - l->len,
		"%s=%.*s ",
		domain->text,
		(int)len,
		(const char *)value
	);
	return true;
}

static void expect(struct store_mem *mem, enum store_family f, const char *text) {
	const struct store_config config = {.in_memory = true, .mem = mem};
	struct store_load_report report;
	struct listing l = {.len = 0};
	struct store *s = NULL;
	assert_int_equal(store_open(&config, &s, &report), 0);
	assert_int_equal(store_load(s, f, list, &l, &report), 0);
	assert_string_equal(l.text, text);
	store_close(s);
}

static void confirms_in_order(void ** /*state*/) {
	struct store *s = start_on(NULL);
	for (unsigned i = 1; i <= 3000; i++) {
		assert_true(put(s, i % 3 == 0 ? STORE_STATE : STORE_POLICY, i % 100, "v", i));
		if (i % 7 == 0) {
			assert_true(put(s, STORE_NONE, i, "lazy", 0));
		}
	}
	for (unsigned i = 1; i <= 3000; i++) {
		struct store_confirm c = next_confirm(s);
		assert_int_equal(c.ticket, i);
		assert_int_equal(c.status, 0);
	}
	struct store_stats stats = store_stats(s);
	assert_int_equal(stats.errors, 0);
	assert_false(stats.degraded);
	assert_true(stats.commits > 0 && stats.commits <= 3000);
	store_close(s);
}

static void keeps_the_last_write(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	struct store *s = start_on(mem);
	assert_true(put(s, STORE_POLICY, 1, "old", 0));
	assert_true(put(s, STORE_POLICY, 2, "gone", 0));
	assert_true(put(s, STORE_NONE, 1, "none", 0));
	assert_true(put(s, STORE_POLICY, 3, "x", 0));
	assert_true(put(s, STORE_POLICY, 1, "new", 1));
	assert_true(put(s, STORE_POLICY, 2, NULL, 2));
	assert_true(put(s, STORE_POLICY, 3, NULL, 0));
	assert_true(put(s, STORE_POLICY, 3, "back", 3));
	assert_true(put(s, STORE_POLICY, 4, NULL, 4)); // never was there
	for (unsigned i = 1; i <= 4; i++) {
		assert_int_equal(next_confirm(s).status, 0);
	}
	store_close(s);
	expect(mem, STORE_POLICY, "d000001.example=new d000003.example=back ");
	expect(mem, STORE_NONE, "d000001.example=none ");
	expect(mem, STORE_STATE, "");
	store_mem_free(mem);
}

static void close_commits_what_is_queued(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	struct store *s = start_on(mem);
	assert_true(put(s, STORE_NONE, 1, "a", 0));
	assert_true(put(s, STORE_STATE, 2, "b", 0));
	store_close(s);
	expect(mem, STORE_NONE, "d000001.example=a ");
	expect(mem, STORE_STATE, "d000002.example=b ");
	store_mem_free(mem);
}

static void refuses_and_comes_back(void ** /*state*/) {
	static const int codes[] = {-EIO, -ENOSPC, -EROFS};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct store_mem *mem = store_mem_new();
		struct store *s = start_on(mem);
		store_mem_fail(mem, 0, 1, codes[i]);
		assert_true(put(s, STORE_POLICY, 1, "first", 9));
		struct store_confirm c = next_confirm(s);
		assert_int_equal(c.ticket, 9);
		assert_int_equal(c.status, codes[i]);
		assert_true(store_stats(s).degraded);
		assert_true(store_stats(s).errors > 0);
		put_until_durable(s, STORE_POLICY, 1, "again");
		struct store_stats stats = store_stats(s);
		assert_false(stats.degraded);
		assert_int_equal(stats.reopened, 1);
		store_close(s);
		expect(mem, STORE_POLICY, "d000001.example=again ");
		store_mem_free(mem);
	}
}

static void lazy_writes_outlive_a_failure(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	struct store *s = start_on(mem);
	assert_true(put(s, STORE_POLICY, 1, "purged", 1));
	assert_int_equal(next_confirm(s).status, 0);
	// Its commit and the first attempt to revive fail.
	store_mem_fail(mem, 0, 2, -EIO);
	assert_true(put(s, STORE_POLICY, 1, NULL, 0));
	assert_true(put(s, STORE_NONE, 2, "one", 0));
	assert_true(put(s, STORE_NONE, 2, "two", 0));
	assert_true(put(s, STORE_POLICY, 3, "refused", 2));
	assert_int_equal(next_confirm(s).status, -EIO);
	put_until_durable(s, STORE_POLICY, 4, "kept");
	store_close(s);
	expect(mem, STORE_POLICY, "d000004.example=kept ");
	expect(mem, STORE_NONE, "d000002.example=two ");
	store_mem_free(mem);
}

static void fails_any_one_commit(void ** /*state*/) {
	for (unsigned n = 0; n < 20; n++) {
		struct store_mem *mem = store_mem_new();
		struct store *s = start_on(mem);
		store_mem_fail(mem, n, 1, -EIO);
		for (unsigned i = 0; i < 10; i++) {
			put_until_durable(s, STORE_POLICY, i % 5, i < 5 ? "a" : "b");
		}
		assert_int_equal(store_stats(s).lost, 0);
		store_close(s);
		expect(mem,
		       STORE_POLICY,
		       "d000000.example=b d000001.example=b d000002.example=b "
		       "d000003.example=b d000004.example=b ");
		store_mem_free(mem);
	}
}

static void starts_down_and_comes_up(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	store_mem_fail(mem, 0, 2, -EROFS);
	struct store *s = start_on(mem);
	assert_true(store_stats(s).degraded);
	put_until_durable(s, STORE_POLICY, 1, "v");
	assert_false(store_stats(s).degraded);
	store_close(s);
	store_mem_free(mem);
}

static void streams_between_commits(void ** /*state*/) {
	enum { ROWS = 5000 };
	struct store *s = start_on(NULL);
	for (unsigned i = 0; i < ROWS; i++) {
		char v[16];
		(void)snprintf(v, sizeof(v), "v%u", i);
		assert_true(put(s, STORE_NONE, i, v, 0));
	}
	assert_true(put(s, STORE_POLICY, 1, "no part of it", 1));
	assert_int_equal(next_confirm(s).status, 0);
	assert_true(store_stream(s, STORE_NONE));
	assert_false(store_stream(s, STORE_NONE));
	for (unsigned i = 0; i < ROWS; i++) {
		struct store_row row = next_row(s);
		struct name n = domain_of(i);
		char v[16];
		(void)snprintf(v, sizeof(v), "v%u", i);
		assert_false(row.last);
		assert_int_equal(row.ticket, 0);
		assert_true(name_equal(&row.domain, &n));
		assert_int_equal(row.len, strlen(v));
		assert_memory_equal(row.value, v, row.len);
		if (i % 1000 == 0) { // the queue of rows is full: commits go on
			assert_true(put(s, STORE_POLICY, i, "v", i + 1));
			assert_int_equal(next_confirm(s).ticket, i + 1);
		}
	}
	struct store_row end = next_row(s);
	assert_true(end.last);
	assert_int_equal(end.len, 0);
	assert_int_equal(end.status, 0);
	// The next one may begin; of a family without records only the end comes.
	assert_true(store_stream(s, STORE_STATE));
	assert_true(next_row(s).last);
	store_close(s);
}

static void stream_goes_on_in_a_new_engine(void ** /*state*/) {
	enum { ROWS = 3000 };
	struct store_mem *mem = store_mem_new();
	struct store *s = start_on(mem);
	for (unsigned i = 0; i < ROWS; i++) {
		assert_true(put(s, STORE_NONE, i, "v", 0));
	}
	assert_true(put(s, STORE_POLICY, 1, "v", 1));
	assert_int_equal(next_confirm(s).status, 0);
	assert_true(store_stream(s, STORE_NONE));
	for (unsigned i = 0; i < ROWS; i++) {
		struct name n = domain_of(i);
		struct store_row row = next_row(s);
		assert_true(name_equal(&row.domain, &n));
		if (i == 10) {
			store_mem_fail(mem, 0, 1, -EIO);
			assert_true(put(s, STORE_POLICY, 1, "w", 2));
			assert_int_equal(next_confirm(s).status, -EIO);
			put_until_durable(s, STORE_POLICY, 1, "x");
			assert_int_equal(store_stats(s).reopened, 1);
		}
	}
	assert_true(next_row(s).last);
	store_close(s);
	store_mem_free(mem);
}

static void gets_single_records(void ** /*state*/) {
	struct store *s = start_on(NULL);
	char big[300];
	memset(big, 'b', sizeof(big));
	struct name n = domain_of(2);
	assert_true(put(s, STORE_NONE, 1, "small", 0));
	assert_true(store_put(s, STORE_NONE, &n, big, sizeof(big), 1));
	assert_int_equal(next_confirm(s).status, 0);
	for (unsigned i = 1; i <= 3; i++) {
		n = domain_of(i);
		assert_true(store_get(s, STORE_NONE, &n, i + 100));
		struct store_row row = next_row(s);
		assert_int_equal(row.ticket, i + 100);
		assert_true(name_equal(&row.domain, &n));
		assert_int_equal(row.status, i == 3 ? -ENOENT : 0);
		assert_int_equal(row.len, i == 1 ? 5 : i == 2 ? sizeof(big) : 0);
		assert_memory_equal(row.value, i == 1 ? "small" : big, i == 1 ? 5 : 96 * (i == 2));
	}
	store_close(s);
}

static void bounds_look_ups(void ** /*state*/) {
	struct store *s = start_on(NULL);
	unsigned taken = 0;
	struct name n = domain_of(1);
	while (store_get(s, STORE_NONE, &n, taken + 1)) {
		taken++;
	}
	assert_true(taken >= 1000);
	for (unsigned i = 1; i <= taken; i++) {
		assert_int_equal(next_row(s).ticket, i);
	}
	assert_true(store_get(s, STORE_NONE, &n, 1));
	store_close(s);
}

static void bounds_writes(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	store_mem_fail(mem, 0, 1000, -EIO); // down, so that lazy writes stay queued
	struct store *s = start_on(mem);
	unsigned tickets = 0;
	while (put(s, STORE_POLICY, 1, "v", tickets + 1)) {
		tickets++;
	}
	assert_true(tickets >= 1000);
	for (unsigned i = 1; i <= tickets; i++) {
		struct store_confirm c = next_confirm(s);
		assert_int_equal(c.ticket, i);
		assert_int_equal(c.status, -EIO);
	}
	unsigned lazy = 0;
	while (put(s, STORE_NONE, lazy, "v", 0)) {
		lazy++;
	}
	assert_true(lazy >= 1000);
	assert_int_equal(store_stats(s).queued, lazy);
	// Durable ones still find room.
	assert_true(put(s, STORE_POLICY, 1, "v", 1));
	assert_int_equal(next_confirm(s).status, -EIO);
	store_close(s);
	store_mem_free(mem);
}

static bool refuse(void * /*arg*/, const struct name *domain, const void * /*v*/, size_t /*len*/) {
	return domain->text[6] != '1';
}

static void counts_refused_records(void ** /*state*/) {
	struct store_mem *mem = store_mem_new();
	struct store *s = start_on(mem);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(put(s, STORE_POLICY, i, "v", 0));
	}
	// Keys that are no domains as we write them.
	static const char *const bad[] = {"", "UPPER.example", "a.example.", "single", "a..b"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct name n = {.len = (uint8_t)strlen(bad[i])};
		memcpy(n.text, bad[i], n.len);
		assert_true(store_put(s, STORE_POLICY, &n, "v", 1, 0));
	}
	store_close(s);
	const struct store_config config = {.in_memory = true, .mem = mem};
	struct store_load_report report;
	assert_int_equal(store_open(&config, &s, &report), 0);
	assert_int_equal(store_load(s, STORE_POLICY, refuse, NULL, &report), 0);
	assert_int_equal(report.policies, 10);
	assert_int_equal(report.damaged, 6);
	store_close(s);
	store_mem_free(mem);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confirms_in_order),
		cmocka_unit_test(keeps_the_last_write),
		cmocka_unit_test(close_commits_what_is_queued),
		cmocka_unit_test(refuses_and_comes_back),
		cmocka_unit_test(lazy_writes_outlive_a_failure),
		cmocka_unit_test(fails_any_one_commit),
		cmocka_unit_test(starts_down_and_comes_up),
		cmocka_unit_test(streams_between_commits),
		cmocka_unit_test(stream_goes_on_in_a_new_engine),
		cmocka_unit_test(gets_single_records),
		cmocka_unit_test(bounds_look_ups),
		cmocka_unit_test(bounds_writes),
		cmocka_unit_test(counts_refused_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
