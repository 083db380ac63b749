// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache.h"
#include "cache/override.h"
#include "cache/store_mem.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// What the operator decides: the rules, and what becomes of the table's answers.
// The engine is in memory, time is given.

enum { PATIENCE_MS = 20000, CONFIRM_MS = 500 };

static struct name name_of(const char *text) {
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
	return n;
}

static struct record policy_of(const char *domain, enum policy_mode mode, boot_s_t now) {
	static const uint8_t MX[] = "\12mx.example";
	struct record r = {
		.kind = RECORD_POLICY,
		.domain = name_of(domain),
		.ends_at = now + 86400,
		.next_check_at = now + 300,
		.id = "1",
		.policy = {.mode = mode, .max_age_s = 86400, .mx_count = 1, .mx_bytes = 11, .mx = MX},
		.inserted_at = now,
		.fetched_at = now,
		.checked_at = now,
		.refresh_at = now + 40000,
		.text = (const uint8_t *)"version: STSv1",
		.text_len = 14,
	};
	return r;
}

// The rules: a row for each.

static void the_view(void ** /*state*/) {
	const boot_s_t now = 1000;
	static const struct {
		enum policy_mode mode;
		boot_s_t ends_at; // of the override
		enum record_kind kind;
		boot_s_t kept_until; // of the record
		bool mx;
		bool shown; // what follows counts only then
		boot_s_t entry_end;
	} ROWS[] = {
		{POLICY_MODE_NONE, CLOCK_NEVER, RECORD_POLICY, 5000, true, true, CLOCK_NEVER},
		{POLICY_MODE_NONE, 2000, RECORD_POLICY, 5000, true, true, 2000},
		{POLICY_MODE_NONE, 9000, RECORD_POLICY, 5000, true, true, 9000},
		{POLICY_MODE_NONE, 2000, RECORD_NONE, 0, false, true, 2000},
		{POLICY_MODE_NONE, 2000, RECORD_FAILED, 1100, false, true, 2000},
		{POLICY_MODE_NONE, 2000, RECORD_UNKNOWN, 1100, false, true, 2000},
		{POLICY_MODE_NONE, 1001, RECORD_POLICY, 5000, true, false, 0}, // its last second
		{POLICY_MODE_NONE, 900, RECORD_POLICY, 5000, true, false, 0},
		{POLICY_MODE_TESTING, CLOCK_NEVER, RECORD_POLICY, 5000, true, true, 5000},
		{POLICY_MODE_ENFORCE, 2000, RECORD_POLICY, 5000, true, true, 2000},
		{POLICY_MODE_ENFORCE, 9000, RECORD_POLICY, 5000, true, true, 5000},
		{POLICY_MODE_ENFORCE, 9000, RECORD_POLICY, 1000, true, false, 0}, // it has ended
		{POLICY_MODE_ENFORCE, 9000, RECORD_POLICY, 5000, false, false, 0},
		{POLICY_MODE_ENFORCE, 9000, RECORD_NONE, 5000, false, false, 0},
		{POLICY_MODE_TESTING, 9000, RECORD_FAILED, 5000, false, false, 0},
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct record rec = policy_of("a.example", POLICY_MODE_TESTING, now);
		rec.kind = ROWS[i].kind;
		rec.ends_at = ROWS[i].kept_until;
		rec.policy.mx_count = ROWS[i].mx ? 1 : 0;
		const struct override o = {.mode = ROWS[i].mode, .ends_at = ROWS[i].ends_at};
		struct override_view v;
		print_message("row %zu\n", i);
		assert_int_equal(override_view(&o, &rec, now, &v), ROWS[i].shown);
		if (!ROWS[i].shown) {
			continue;
		}
		assert_true(v.shown.overridden);
		assert_int_equal(v.ends_at, ROWS[i].entry_end);
		if (o.mode == POLICY_MODE_NONE) {
			assert_int_equal(v.shown.kind, RECORD_NONE);
			assert_true(v.check_at <= rec.ends_at);
		} else {
			assert_int_equal(v.shown.kind, RECORD_POLICY);
			assert_int_equal(v.shown.policy.mode, o.mode);
			assert_int_equal(v.check_at, rec.next_check_at);
		}
		assert_int_equal(rec.policy.mode, POLICY_MODE_TESTING);
	}
	struct record rec = policy_of("a.example", POLICY_MODE_ENFORCE, now);
	struct override_view v;
	assert_false(override_view(NULL, &rec, now, &v));
}

// A cache on a store in memory.

struct world {
	struct store_mem *mem;
	struct store *store;
	struct table *table;
	struct cache *cache;
	struct cache_now now;
	size_t max_bytes;
	size_t max_names;
	size_t done;
	size_t operated;
	uint64_t cookie; // of the last one
	int status;
};

// "r=KIND mode=MODE override"
static int
render(const struct record *rec,
       int64_t /*wall_shift_s*/,
       boot_s_t /*now*/,
       uint8_t *buf,
       size_t cap,
       uint16_t *fresh_at) {
	*fresh_at = 0;
	return snprintf(
		(char *)buf,
		cap,
		"%s%s%s%s",
		record_kind_str(rec->kind),
		rec->kind == RECORD_POLICY ? " " : "",
		rec->kind == RECORD_POLICY ? policy_mode_str(rec->policy.mode) : "",
		rec->overridden ? " override" : ""
	);
}

static void done(void *arg, const struct name * /*domain*/, uint64_t /*cookie*/) {
	((struct world *)arg)->done++;
}

static void operated(void *arg, uint64_t cookie, int status) {
	struct world *w = arg;
	w->operated++;
	w->cookie = cookie;
	w->status = status;
}

static void loaded(void * /*arg*/, const struct record * /*rec*/) {}

static void start(struct world *w, bool suspect) {
	const struct store_config store = {.in_memory = true, .mem = w->mem};
	const struct table_config table = {.max_names = w->max_names, .seed = 1};
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
		.max_bytes = w->max_bytes,
		.failed_percent = 10,
		.none_percent = 40,
		.seed = 1,
		.done = done,
		.operated = operated,
		.arg = w,
	};
	w->cache = cache_new(&config);
	assert_non_null(w->cache);
	const struct wallclock clock = {
		.wall = suspect ? w->now.wall - 30 * 86400 : w->now.wall,
		.kept = w->now.wall,
		.suspect = suspect,
	};
	assert_int_equal(cache_load(w->cache, &w->now, &clock, &report, loaded, w), 0);
	assert_int_equal(report.damaged, 0);
}

static void stop(struct world *w) {
	store_close(w->store);
	cache_free(w->cache);
	table_free(w->table);
}

static void begin_with(struct world *w, size_t max_bytes, size_t max_names) {
	*w = (struct world){
		.mem = store_mem_new(),
		.now = {.mono = 1, .boot = 100000, .wall = 2000000},
		.max_bytes = max_bytes,
		.max_names = max_names,
	};
	assert_non_null(w->mem);
	start(w, false);
}

static void begin(struct world *w) {
	begin_with(w, 64UL << 20, 1024);
}

static void end(struct world *w) {
	stop(w);
	store_mem_free(w->mem);
}

static void restart(struct world *w) {
	stop(w);
	start(w, false);
}

static void pass(struct world *w, int64_t seconds) {
	w->now.mono += (uint64_t)seconds * CLOCK_NS_PER_S;
	w->now.boot += seconds;
	w->now.wall += seconds;
	cache_turn(w->cache, &w->now);
}

static void turn_until(struct world *w, const size_t *count, size_t wanted) {
	cache_turn(w->cache, &w->now);
	while (*count < wanted) {
		struct pollfd p = {.fd = store_fd(w->store), .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		cache_turn(w->cache, &w->now);
	}
}

static int try_set(struct world *w, const char *domain, enum policy_mode mode, boot_s_t ends_at) {
	const struct override o = {
		.domain = name_of(domain), .mode = mode, .set_at = w->now.boot, .ends_at = ends_at};
	return override_set(w->cache, &o, 7, &w->now);
}

static void set(struct world *w, const char *domain, enum policy_mode mode, boot_s_t ends_at) {
	size_t before = w->operated;
	assert_int_equal(try_set(w, domain, mode, ends_at), 0);
	turn_until(w, &w->operated, before + 1);
	assert_int_equal(w->cookie, 7);
	assert_int_equal(w->status, 0);
}

static void clear(struct world *w, const char *domain) {
	struct name n = name_of(domain);
	size_t before = w->operated;
	assert_true(override_clear(w->cache, &n, 8, &w->now));
	turn_until(w, &w->operated, before + 1);
	assert_int_equal(w->cookie, 8);
}

static void put(struct world *w, const struct record *rec) {
	size_t before = w->done;
	cache_put(w->cache, rec, rec->kind == RECORD_POLICY, 1, &w->now);
	turn_until(w, &w->done, before + 1);
}

// What a worker would answer at this second: "" for a miss.
static const char *answer(const struct world *w, const char *domain) {
	static char text[80];
	struct name n = name_of(domain);
	const struct entry *e = table_lookup(w->table, n.text, n.len);
	if (e == NULL || e->ends_s <= (uint32_t)w->now.boot) {
		return "";
	}
	if (e->kind == ENTRY_NONE) {
		return "none";
	}
	const struct entry_body *b = entry_body(e);
	snprintf(text, sizeof(text), "%.*s", (int)b->answer_bytes, (const char *)b->data);
	return text;
}

static void a_domain_nobody_asked_for(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct name n = name_of("new.example");
	struct record rec;
	set(&w, "new.example", POLICY_MODE_NONE, CLOCK_NEVER);
	assert_string_equal(answer(&w, "new.example"), "none override");
	assert_true(cache_current(w.cache, &n, &rec));
	assert_int_equal(rec.kind, RECORD_NONE);
	assert_true(rec.ends_at <= w.now.boot); // nothing a discovery would trust
	clear(&w, "new.example");
	assert_string_equal(answer(&w, "new.example"), "");
	assert_false(cache_current(w.cache, &n, &rec));
	set(&w, "new.example", POLICY_MODE_ENFORCE, CLOCK_NEVER);
	assert_string_equal(answer(&w, "new.example"), "");
	end(&w);
}

static void modes_are_replaced_and_come_back(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct record rec = policy_of("a.example", POLICY_MODE_TESTING, w.now.boot);
	put(&w, &rec);
	assert_string_equal(answer(&w, "a.example"), "policy testing");
	set(&w, "a.example", POLICY_MODE_ENFORCE, CLOCK_NEVER);
	assert_string_equal(answer(&w, "a.example"), "policy enforce override");
	set(&w, "a.example", POLICY_MODE_NONE, CLOCK_NEVER);
	assert_string_equal(answer(&w, "a.example"), "none override");
	assert_int_equal(override_stats(w.cache).count, 1);
	struct record kept;
	assert_true(cache_current(w.cache, &rec.domain, &kept));
	assert_int_equal(kept.policy.mode, POLICY_MODE_TESTING);
	assert_int_equal(kept.ends_at, rec.ends_at);
	clear(&w, "a.example");
	assert_string_equal(answer(&w, "a.example"), "policy testing");
	assert_int_equal(override_stats(w.cache).count, 0);
	assert_false(override_clear(w.cache, &rec.domain, 9, &w.now));
	end(&w);
}

static void life_goes_on_beneath(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct name n = name_of("a.example");
	set(&w, "a.example", POLICY_MODE_ENFORCE, CLOCK_NEVER);
	struct record rec = policy_of("a.example", POLICY_MODE_TESTING, w.now.boot);
	put(&w, &rec);
	assert_string_equal(answer(&w, "a.example"), "policy enforce override");
	pass(&w, 100);
	rec = policy_of("a.example", POLICY_MODE_TESTING, w.now.boot); // refreshed
	rec.id[0] = '2';
	put(&w, &rec);
	assert_string_equal(answer(&w, "a.example"), "policy enforce override");
	pass(&w, 86400); // and ended
	assert_string_equal(answer(&w, "a.example"), "");
	set(&w, "a.example", POLICY_MODE_NONE, CLOCK_NEVER);
	assert_string_equal(answer(&w, "a.example"), "none override");
	struct record failed = {.kind = RECORD_FAILED, .domain = n, .ends_at = w.now.boot + 300};
	put(&w, &failed);
	assert_string_equal(answer(&w, "a.example"), "none override");
	assert_true(cache_drop(w.cache, &n));
	assert_string_equal(answer(&w, "a.example"), "none override");
	struct record none = {
		.kind = RECORD_NONE,
		.domain = n,
		.ends_at = w.now.boot + 300,
		.next_check_at = CLOCK_NEVER,
	};
	put(&w, &none);
	assert_string_equal(answer(&w, "a.example"), "none override");
	clear(&w, "a.example");
	assert_string_equal(answer(&w, "a.example"), "none");
	end(&w);
}

// Second by second: the true answer comes at the end, and nobody meets an entry
// that has ended, nor an override after its end.
static void it_ends_by_itself(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct record rec = policy_of("a.example", POLICY_MODE_ENFORCE, w.now.boot);
	boot_s_t until = w.now.boot + 4;
	put(&w, &rec);
	set(&w, "a.example", POLICY_MODE_NONE, until);
	for (; w.now.boot < until - 1; pass(&w, 1)) {
		assert_string_equal(answer(&w, "a.example"), "none override");
	}
	assert_string_equal(answer(&w, "a.example"), "policy enforce");
	assert_int_equal(override_stats(w.cache).count, 0);
	// A control core that hangs changes nothing: the entry is over by itself.
	set(&w, "b.example", POLICY_MODE_NONE, w.now.boot + 4);
	w.now.boot += 3;
	assert_string_equal(answer(&w, "b.example"), "none override");
	w.now.boot += 1;
	assert_string_equal(answer(&w, "b.example"), "");
	end(&w);
}

static void count_durable(void *arg, const struct override *o) {
	assert_true(o->durable);
	(*(size_t *)arg)++;
}

static void it_survives_a_restart(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct record rec = policy_of("a.example", POLICY_MODE_TESTING, w.now.boot);
	put(&w, &rec);
	set(&w, "a.example", POLICY_MODE_ENFORCE, CLOCK_NEVER);
	set(&w, "new.example", POLICY_MODE_NONE, w.now.boot + 1000);
	set(&w, "gone.example", POLICY_MODE_NONE, CLOCK_NEVER);
	set(&w, "short.example", POLICY_MODE_NONE, w.now.boot + 10);
	clear(&w, "gone.example");
	w.now.boot -= 50000; // another boot clock
	restart(&w);
	assert_string_equal(answer(&w, "a.example"), "policy enforce override");
	assert_string_equal(answer(&w, "new.example"), "none override");
	assert_string_equal(answer(&w, "gone.example"), "");
	assert_int_equal(override_stats(w.cache).count, 3);
	unsigned cursor = 0;
	size_t seen = 0;
	do {
		override_scan(w.cache, &cursor, count_durable, &seen);
	} while (cursor != 0);
	assert_int_equal(seen, 3);
	w.now.boot += 60;
	w.now.wall += 60;
	restart(&w); // one has ended while it was off
	assert_string_equal(answer(&w, "short.example"), "");
	cache_turn(w.cache, &w.now);
	assert_int_equal(override_stats(w.cache).count, 2);
	clear(&w, "a.example");
	assert_string_equal(answer(&w, "a.example"), "policy testing");
	end(&w);
}

static void a_suspect_clock_does_not_end_it(void ** /*state*/) {
	struct world w;
	begin(&w);
	set(&w, "a.example", POLICY_MODE_NONE, w.now.boot + 1000);
	stop(&w);
	w.now.wall += 30 * 86400; // the clock's word, not the file's
	start(&w, true);
	assert_string_equal(answer(&w, "a.example"), "none override");
	while (cache_restamps(w.cache)) {
		cache_turn(w.cache, &w.now);
	}
	assert_int_equal(override_stats(w.cache).not_durable, 0);
	restart(&w); // now it is stored with the new time
	assert_string_equal(answer(&w, "a.example"), "none override");
	end(&w);
}

static void a_store_that_fails_is_tried_on(void ** /*state*/) {
	struct world w;
	begin(&w);
	store_mem_fail(w.mem, 0, 1, -EIO);
	assert_int_equal(try_set(&w, "a.example", POLICY_MODE_NONE, CLOCK_NEVER), 0);
	assert_string_equal(answer(&w, "a.example"), "none override");
	turn_until(&w, &w.operated, 1);
	assert_int_equal(w.status, -EIO);
	assert_int_equal(override_stats(w.cache).not_durable, 1);
	while (override_stats(w.cache).not_durable > 0) {
		w.now.mono += CLOCK_NS_PER_S;
		cache_turn(w.cache, &w.now);
		struct pollfd p = {.fd = store_fd(w.store), .events = POLLIN};
		(void)poll(&p, 1, 100);
	}
	restart(&w);
	assert_string_equal(answer(&w, "a.example"), "none override");
	end(&w);
}

static void a_none_record_is_found_again_beneath(void ** /*state*/) {
	struct world w;
	begin(&w);
	struct record none = {
		.kind = RECORD_NONE,
		.domain = name_of("a.example"),
		.ends_at = w.now.boot + 3000,
		.next_check_at = CLOCK_NEVER,
	};
	put(&w, &none);
	set(&w, "a.example", POLICY_MODE_NONE, CLOCK_NEVER);
	restart(&w);
	while (!cache_warm(w.cache)) {
		cache_turn(w.cache, &w.now);
	}
	assert_string_equal(answer(&w, "a.example"), "none override");
	clear(&w, "a.example");
	assert_string_equal(answer(&w, "a.example"), "none");
	end(&w);
}

static void a_full_table_refuses(void ** /*state*/) {
	struct world w;
	begin(&w);
	char domain[32];
	for (int i = 0; i < 1024; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		struct record rec = policy_of(domain, POLICY_MODE_ENFORCE, w.now.boot);
		put(&w, &rec);
	}
	assert_int_equal(try_set(&w, "new.example", POLICY_MODE_NONE, CLOCK_NEVER), -ENOSPC);
	assert_int_equal(override_stats(w.cache).count, 0);
	assert_int_equal(override_stats(w.cache).not_durable, 0);
	set(&w, "d1.example", POLICY_MODE_NONE, CLOCK_NEVER); // it has its place
	end(&w);
}

static void an_overridden_domain_is_not_evicted(void ** /*state*/) {
	struct world w;
	begin_with(&w, 256UL << 10, 65536);
	char domain[32];
	set(&w, "d0.example", POLICY_MODE_ENFORCE, CLOCK_NEVER);
	set(&w, "new.example", POLICY_MODE_NONE, CLOCK_NEVER);
	for (int i = 0; i < 5000; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		struct record none = {
			.kind = RECORD_NONE,
			.domain = name_of(domain),
			.ends_at = w.now.boot + 3000,
			.next_check_at = CLOCK_NEVER,
		};
		put(&w, &none);
	}
	struct cache_stats stats;
	cache_stats(w.cache, &stats);
	assert_in_range(stats.evicted, 1000, 5000);
	assert_string_equal(answer(&w, "d0.example"), "none");
	assert_string_equal(answer(&w, "new.example"), "none override");
	end(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_view),
		cmocka_unit_test(a_domain_nobody_asked_for),
		cmocka_unit_test(modes_are_replaced_and_come_back),
		cmocka_unit_test(life_goes_on_beneath),
		cmocka_unit_test(it_ends_by_itself),
		cmocka_unit_test(it_survives_a_restart),
		cmocka_unit_test(a_suspect_clock_does_not_end_it),
		cmocka_unit_test(a_store_that_fails_is_tried_on),
		cmocka_unit_test(a_none_record_is_found_again_beneath),
		cmocka_unit_test(a_full_table_refuses),
		cmocka_unit_test(an_overridden_domain_is_not_evicted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
