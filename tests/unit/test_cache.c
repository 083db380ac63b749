// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache.h"
#include "cache/store_mem.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Table and store as one: durable, then published, then done; and what is there
// again after a restart. The engine is in memory, time is given.

enum { PATIENCE_MS = 20000, CONFIRM_MS = 500 };

struct world {
	struct store_mem *mem;
	struct store *store;
	struct table *table;
	struct cache *cache;
	struct cache_now now;
	uint64_t done[8]; // cookies, in order
	size_t done_count;
	size_t loaded;
	wall_s_t saved; // not 0: the clock is suspect, and this is the time in the file
};

static int64_t rendered_with; // the shift of the last answer rendered

static int
render(const struct record * /*rec*/,
       int64_t wall_shift_s,
       boot_s_t /*now*/,
       uint8_t *buf,
       size_t cap,
       uint16_t *fresh_at) {
	static const uint8_t ANSWER[] = "\4text";
	assert_true(cap >= sizeof(ANSWER));
	memcpy(buf, ANSWER, sizeof(ANSWER) - 1);
	*fresh_at = 0;
	rendered_with = wall_shift_s;
	return sizeof(ANSWER) - 1;
}

static void done(void *arg, const struct name * /*domain*/, uint64_t cookie) {
	struct world *w = arg;
	assert_true(w->done_count < 8);
	w->done[w->done_count++] = cookie;
}

static void loaded(void *arg, const struct record *rec) {
	struct world *w = arg;
	assert_int_equal(rec->kind, RECORD_POLICY);
	w->loaded++;
}

static void start(struct world *w) {
	const struct store_config store = {.in_memory = true, .mem = w->mem};
	const struct table_config table = {.max_names = 4096, .seed = 1};
	struct store_load_report report = {0};
	assert_int_equal(store_open(&store, &w->store, &report), 0);
	w->table = table_new(&table);
	assert_non_null(w->table);
	const struct cache_config config = {
		.table = w->table,
		.store = w->store,
		.render = render,
		.answer_max = 64,
		.confirm_ms = CONFIRM_MS,
		.max_bytes = 16777216,
		.failed_percent = 10,
		.none_percent = 40,
		.done = done,
		.arg = w,
	};
	w->cache = cache_new(&config);
	assert_non_null(w->cache);
	const struct wallclock clock = {
		.wall = w->saved != 0 ? w->saved : w->now.wall,
		.kept = w->now.wall,
		.suspect = w->saved != 0,
	};
	w->loaded = 0;
	assert_int_equal(cache_load(w->cache, &w->now, &clock, &report, loaded, w), 0);
	assert_true(report.complete);
	w->done_count = 0;
}

static void stop(struct world *w) {
	store_close(w->store);
	cache_free(w->cache);
	table_free(w->table);
}

static struct world begin(void) {
	struct world w = {
		.mem = store_mem_new(), .now = {.mono = 1, .boot = 100000, .wall = 2000000}};
	assert_non_null(w.mem);
	return w;
}

static void pass(struct world *w, int64_t seconds) {
	w->now.mono += (uint64_t)seconds * CLOCK_NS_PER_S;
	w->now.boot += seconds;
	w->now.wall += seconds;
}

// Turns until a put is done, or the NONE records are loaded.
static void turn_until_done(struct world *w, size_t count) {
	cache_turn(w->cache, &w->now);
	while (w->done_count < count) {
		struct pollfd p = {.fd = store_fd(w->store), .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		cache_turn(w->cache, &w->now);
	}
}

// Many turns at one moment.
static void turn_on(struct world *w) {
	for (int i = 0; i < 64; i++) {
		cache_turn(w->cache, &w->now);
	}
}

// A pass of the sweep, the slices of which are milliseconds apart.
static void sweep(struct world *w) {
	for (int i = 0; i < 64; i++) {
		w->now.mono += 5 * CLOCK_NS_PER_MS;
		cache_turn(w->cache, &w->now);
	}
}

static void turn_until_warm(struct world *w) {
	cache_turn(w->cache, &w->now);
	while (!cache_warm(w->cache)) {
		struct pollfd p = {.fd = store_fd(w->store), .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		cache_turn(w->cache, &w->now);
	}
}

static struct record policy_of(const char *domain, const char *id, boot_s_t now) {
	static const uint8_t MX[] = "\12mx.example";
	struct record r = {
		.kind = RECORD_POLICY,
		.ends_at = now + 86400,
		.next_check_at = now + 300,
		.policy = {.mode = POLICY_MODE_ENFORCE, .max_age_s = 86400, .mx_count = 1, .mx_bytes = 11, .mx = MX},
		.inserted_at = now,
		.fetched_at = now,
		.checked_at = now,
		.refresh_at = now + 40000,
		.text = (const uint8_t *)"version: STSv1",
		.text_len = 14,
	};
	assert_int_equal(name_parse(domain, strlen(domain), &r.domain), NAME_OK);
	snprintf(r.id, sizeof(r.id), "%s", id);
	return r;
}

static bool kept(struct world *w, const char *domain, struct record *out) {
	struct name n;
	assert_int_equal(name_parse(domain, strlen(domain), &n), NAME_OK);
	return cache_current(w->cache, &n, out);
}

static const struct entry *published(struct world *w, const char *domain) {
	return table_lookup(w->table, domain, strlen(domain));
}

static void a_policy_is_durable_before_it_is_done(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 42, &w.now);
	assert_int_equal(w.done_count, 0);
	assert_null(published(&w, "a.example"));
	// It counts as kept from the first moment on.
	struct record got;
	assert_true(kept(&w, "a.example", &got));
	turn_until_done(&w, 1);
	assert_int_equal(w.done[0], 42);
	const struct entry *e = published(&w, "a.example");
	assert_non_null(e);
	assert_int_equal(e->kind, ENTRY_POLICY);
	const struct entry_body *b = entry_body(e);
	assert_memory_equal(b->data + b->answer_bytes + b->text_at, "version: STSv1", 14);
	stop(&w);

	// After a restart, ten minutes of wall time later on another boot clock.
	w.now.wall += 600;
	w.now.boot = 50;
	start(&w);
	assert_int_equal(w.loaded, 1);
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.ends_at, 50 + 86400 - 600);
	assert_string_equal(got.id, "1");
	stop(&w);
	store_mem_free(w.mem);
}

static void a_failing_store_does_not_hold_up_an_answer(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	store_mem_fail(w.mem, 0, 1, -ENOSPC);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 7, &w.now);
	turn_until_done(&w, 1);
	assert_non_null(published(&w, "a.example"));
	struct cache_stats s;
	cache_stats(w.cache, &s);
	assert_int_equal(s.late, 1);
	assert_int_equal(s.not_durable, 1);
	// It is written again until it holds.
	while (s.not_durable > 0) {
		pass(&w, 2);
		cache_turn(w.cache, &w.now);
		struct pollfd p = {.fd = store_fd(w.store), .events = POLLIN};
		(void)poll(&p, 1, 100);
		cache_turn(w.cache, &w.now);
		cache_stats(w.cache, &s);
	}
	assert_int_equal(w.done_count, 1); // done once only
	stop(&w);
	start(&w);
	assert_int_equal(w.loaded, 1);
	stop(&w);
	store_mem_free(w.mem);
}

static void what_is_lazy_joins_its_policy_again(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 1, &w.now);
	turn_until_done(&w, 1);
	pass(&w, 1000);
	r.checked_at = w.now.boot;
	r.next_check_at = w.now.boot + 300;
	snprintf(
		r.failure.why, sizeof(r.failure.why), "sts-policy-fetch-error/cannot-fetch-policy"
	);
	r.failure.at = w.now.boot;
	r.failure.attempts = 2;
	r.checks_failed = 3;
	r.backoff = (struct record_backoff){"2", 4, w.now.boot + 600};
	r.failed_text = (const uint8_t *)"<html>";
	r.failed_text_len = 6;
	cache_put(w.cache, &r, false, 2, &w.now);
	assert_int_equal(w.done[1], 2); // at once
	stop(&w);
	start(&w);
	struct record got;
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.checked_at, w.now.boot);
	assert_int_equal(got.failure.attempts, 2);
	assert_int_equal(got.checks_failed, 3);
	assert_int_equal(got.backoff.attempts, 4);
	assert_int_equal(got.failed_text_len, 6);
	assert_memory_equal(got.failed_text, "<html>", 6);
	assert_int_equal(got.policy.mx_count, 1); // the list and text are still there
	assert_int_equal(got.text_len, 14);
	// Fetched again under the same id, which could not be read: what had failed
	// before that fetch is over.
	pass(&w, 1000);
	r.fetched_at = w.now.boot;
	r.ends_at = w.now.boot + r.policy.max_age_s;
	r.failure = (struct record_failure){0};
	r.backoff = (struct record_backoff){0};
	cache_put(w.cache, &r, true, 3, &w.now);
	turn_until_done(&w, 1);
	stop(&w);
	start(&w);
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.failure.why[0], '\0');
	assert_int_equal(got.backoff.attempts, 0);
	stop(&w);
	store_mem_free(w.mem);
}

// A use writes nothing; those of a day later than what is stored are folded in by
// the sweep, and change nothing but that time.
static void uses_are_folded_in_day_by_day(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	r.policy.max_age_s = 30 * 86400;
	r.ends_at = w.now.boot + 30 * 86400;
	r.used_at = w.now.boot;
	cache_put(w.cache, &r, true, 1, &w.now);
	turn_until_done(&w, 1);
	static const struct {
		int64_t after_s;
		bool folded;
	} uses[] = {{80000, false}, {10000, true}};
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		pass(&w, uses[i].after_s);
		uint64_t writes = store_stats(w.store).writes;
		(void)entry_use(published(&w, "a.example"), (uint32_t)w.now.boot);
		assert_true(store_stats(w.store).writes == writes);
		sweep(&w);
		stop(&w);
		start(&w);
		struct record got;
		assert_true(kept(&w, "a.example", &got));
		boot_s_t hour = w.now.boot - w.now.boot % 3600;
		assert_int_equal(got.used_at, uses[i].folded ? hour : r.used_at);
		assert_int_equal(got.ends_at, r.ends_at);
		assert_string_equal(got.id, "1");
	}
	stop(&w);
	store_mem_free(w.mem);
}

// Fetching failed, and then DNS: the back-off is still there after a restart.
static void a_back_off_outlives_other_failures(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = {
		.kind = RECORD_FAILED,
		.ends_at = w.now.boot + 900,
		.next_check_at = w.now.boot + 60,
		.failure = {.class = "tls", .why = "x/y", .id = "1"},
		.backoff = {"1", 4, w.now.boot + 900},
	};
	assert_int_equal(name_parse("a.example", 9, &r.domain), NAME_OK);
	cache_put(w.cache, &r, false, 1, &w.now);
	r.kind = RECORD_UNKNOWN;
	r.ends_at = w.now.boot + 5;
	cache_put(w.cache, &r, false, 2, &w.now);
	stop(&w);
	start(&w);
	struct record got;
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.kind, RECORD_UNKNOWN);
	assert_int_equal(got.backoff.attempts, 4);
	// When the domain turns out to have no record, nothing of it is left behind.
	r.kind = RECORD_NONE;
	r.ends_at = w.now.boot + 60;
	cache_put(w.cache, &r, false, 3, &w.now);
	stop(&w);
	pass(&w, 100);
	start(&w);
	assert_false(kept(&w, "a.example", &got));
	stop(&w);
	store_mem_free(w.mem);
}

static void none_records_follow_in_the_background(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record none = {.kind = RECORD_NONE, .next_check_at = CLOCK_NEVER};
	assert_int_equal(name_parse("n.example", 9, &none.domain), NAME_OK);
	none.ends_at = w.now.boot + 600;
	cache_put(w.cache, &none, false, 1, &w.now);
	assert_int_equal(name_parse("old.example", 11, &none.domain), NAME_OK);
	none.ends_at = w.now.boot + 60;
	cache_put(w.cache, &none, false, 2, &w.now);
	stop(&w);
	pass(&w, 100);
	start(&w);
	turn_until_warm(&w);
	assert_non_null(published(&w, "n.example"));
	assert_null(published(&w, "old.example"));
	stop(&w);
	store_mem_free(w.mem);
}

static void what_has_ended_is_swept(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 1, &w.now);
	turn_until_done(&w, 1);
	struct record none = {.kind = RECORD_NONE, .next_check_at = CLOCK_NEVER};
	assert_int_equal(name_parse("n.example", 9, &none.domain), NAME_OK);
	none.ends_at = w.now.boot + 60;
	cache_put(w.cache, &none, false, 2, &w.now);
	pass(&w, 61);
	sweep(&w);
	assert_null(published(&w, "n.example"));
	// An ended policy stays for a week: its failures and first day are known.
	pass(&w, 86400);
	sweep(&w);
	assert_non_null(published(&w, "a.example"));
	pass(&w, 8 * 86400);
	sweep(&w);
	assert_null(published(&w, "a.example"));
	stop(&w);
	start(&w);
	assert_int_equal(w.loaded, 0);
	stop(&w);
	store_mem_free(w.mem);
}

static void a_busy_loop_sweeps_no_more_often(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	sweep(&w);
	struct record none = {.kind = RECORD_NONE, .next_check_at = CLOCK_NEVER};
	assert_int_equal(name_parse("n.example", 9, &none.domain), NAME_OK);
	none.ends_at = w.now.boot + 60;
	cache_put(w.cache, &none, false, 1, &w.now);
	w.now.boot += 61;
	turn_on(&w);
	assert_non_null(published(&w, "n.example"));
	sweep(&w);
	assert_null(published(&w, "n.example"));
	stop(&w);
	store_mem_free(w.mem);
}

static void dropping_forgets_on_disk_too(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 1, &w.now);
	turn_until_done(&w, 1);
	assert_true(cache_drop(w.cache, &r.domain));
	assert_false(cache_drop(w.cache, &r.domain));
	stop(&w);
	start(&w);
	assert_int_equal(w.loaded, 0);
	stop(&w);
	store_mem_free(w.mem);
}

static void answers_follow_a_jump_of_the_wall_clock(void ** /*state*/) {
	struct world w = begin();
	w.now.shown = w.now.wall;
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, false, 1, &w.now);
	cache_turn(w.cache, &w.now);
	assert_int_equal(rendered_with, w.now.shown - w.now.boot);
	w.now.shown -= 86400;
	turn_on(&w);
	assert_int_equal(rendered_with, w.now.shown - w.now.boot);
	struct record got;
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.ends_at, r.ends_at);
	stop(&w);
	store_mem_free(w.mem);
}

static void a_suspect_clock_neither_ends_nor_prolongs(void ** /*state*/) {
	struct world w = begin();
	start(&w);
	struct record r = policy_of("a.example", "1", w.now.boot);
	cache_put(w.cache, &r, true, 1, &w.now);
	turn_until_done(&w, 1);
	stop(&w);

	// A month ahead: the saved time counts, and the policy is written anew.
	w.saved = w.now.wall;
	w.now.wall += 30 * 86400;
	start(&w);
	struct record got;
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.ends_at, r.ends_at);
	cache_turn(w.cache, &w.now);
	while (cache_restamps(w.cache)) {
		struct pollfd p = {.fd = store_fd(w.store), .events = POLLIN};
		(void)poll(&p, 1, 100);
		cache_turn(w.cache, &w.now);
	}
	stop(&w);

	// An orderly restart an hour later: less that hour.
	w.saved = 0;
	w.now.wall += 3600;
	start(&w);
	assert_true(kept(&w, "a.example", &got));
	assert_int_equal(got.ends_at, r.ends_at - 3600);
	stop(&w);
	store_mem_free(w.mem);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_follow_a_jump_of_the_wall_clock),
		cmocka_unit_test(a_suspect_clock_neither_ends_nor_prolongs),
		cmocka_unit_test(a_policy_is_durable_before_it_is_done),
		cmocka_unit_test(a_failing_store_does_not_hold_up_an_answer),
		cmocka_unit_test(what_is_lazy_joins_its_policy_again),
		cmocka_unit_test(uses_are_folded_in_day_by_day),
		cmocka_unit_test(a_back_off_outlives_other_failures),
		cmocka_unit_test(none_records_follow_in_the_background),
		cmocka_unit_test(what_has_ended_is_swept),
		cmocka_unit_test(a_busy_loop_sweeps_no_more_often),
		cmocka_unit_test(dropping_forgets_on_disk_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
