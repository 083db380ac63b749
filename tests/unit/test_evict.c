// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache.h"
#include "cache/override.h"
#include "cache/store_mem.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Shares and victims, through the cache: what is put, what is there afterwards, and
// what is there after a restart. Memory is small, the engine is in memory.

enum { PATIENCE_MS = 20000, KIB = 1024 };

struct world {
	struct store_mem *mem;
	struct store *store;
	struct table *table;
	struct cache *cache;
	struct cache_now now;
	size_t max_bytes;
	unsigned failed_percent;
	unsigned none_percent;
	size_t done;
	size_t loaded;
	uint64_t random;
};

static size_t answer_bytes; // of what render makes

static int
render(const struct record * /*rec*/,
       int64_t /*wall_shift_s*/,
       boot_s_t /*now*/,
       uint8_t *buf,
       size_t cap,
       uint16_t *fresh_at) {
	assert_true(cap >= answer_bytes);
	memset(buf, 0, answer_bytes);
	*fresh_at = 0;
	return (int)answer_bytes;
}

static void done(void *arg, const struct name * /*domain*/, uint64_t /*cookie*/) {
	struct world *w = arg;
	w->done++;
}

static void loaded(void *arg, const struct record * /*rec*/) {
	struct world *w = arg;
	w->loaded++;
}

static void start(struct world *w) {
	const struct store_config store = {.in_memory = true, .mem = w->mem};
	const struct table_config table = {.max_names = 1000000, .seed = 1};
	struct store_load_report report = {0};
	answer_bytes = 150;
	assert_int_equal(store_open(&store, &w->store, &report), 0);
	w->table = table_new(&table);
	assert_non_null(w->table);
	w->cache = cache_new(&(struct cache_config){
		.table = w->table,
		.store = w->store,
		.render = render,
		.answer_max = 4096,
		.confirm_ms = PATIENCE_MS,
		.max_bytes = w->max_bytes,
		.failed_percent = w->failed_percent,
		.none_percent = w->none_percent,
		.seed = 1,
		.done = done,
		.arg = w,
	});
	assert_non_null(w->cache);
	const struct wallclock clock = {.wall = w->now.wall, .kept = w->now.wall};
	w->loaded = 0;
	assert_int_equal(cache_load(w->cache, &w->now, &clock, &report, loaded, w), 0);
	assert_true(report.complete);
}

static void stop(struct world *w) {
	store_close(w->store);
	cache_free(w->cache);
	table_free(w->table);
}

static struct world begin(size_t max_bytes) {
	struct world w = {
		.mem = store_mem_new(),
		.now = {.mono = 1, .boot = 100000, .wall = 2000000, .shown = 2000000},
		.max_bytes = max_bytes,
		.failed_percent = 20,
		.none_percent = 30,
		.random = 88172645463325252ULL,
	};
	assert_non_null(w.mem);
	return w;
}

static void end(struct world *w) {
	stop(w);
	store_mem_free(w->mem);
}

static uint64_t dice(struct world *w, uint64_t sides) {
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % sides;
}

static void pass(struct world *w, int64_t seconds) {
	w->now.mono += (uint64_t)seconds * CLOCK_NS_PER_S;
	w->now.boot += seconds;
	w->now.wall += seconds;
	w->now.shown += seconds;
}

static struct cache_stats stats_of(const struct world *w) {
	struct cache_stats s;
	cache_stats(w->cache, &s);
	return s;
}

static void turn_until_written(struct world *w) {
	cache_turn(w->cache, &w->now);
	while (stats_of(w).pending > 0) {
		struct pollfd p = {.fd = store_fd(w->store), .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
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

static void sweep(struct world *w) {
	for (int i = 0; i < 256; i++) {
		w->now.mono += 5 * CLOCK_NS_PER_MS;
		cache_turn(w->cache, &w->now);
	}
}

static struct name name_of(const char *form, size_t n) {
	char text[128];
	struct name out;
	int len = snprintf(text, sizeof(text), "%s%zu.example", form, n);
	assert_int_equal(name_parse(text, (size_t)len, &out), NAME_OK);
	return out;
}

static const uint8_t TEXT[60000];

static struct record
policy(const struct world *w, struct name domain, enum policy_mode mode, uint32_t text_len) {
	static const uint8_t MX[] = "\12mx.example";
	return (struct record){
		.kind = RECORD_POLICY,
		.domain = domain,
		.ends_at = w->now.boot + 86400,
		.next_check_at = w->now.boot + 300,
		.id = "1",
		.policy = {.mode = mode, .max_age_s = 86400, .mx_count = 1, .mx_bytes = 11, .mx = MX},
		.inserted_at = w->now.boot,
		.fetched_at = w->now.boot,
		.checked_at = w->now.boot,
		.refresh_at = w->now.boot + 40000,
		.text = TEXT,
		.text_len = text_len,
	};
}

static void put(struct world *w, const struct record *rec) {
	cache_put(w->cache, rec, rec->kind == RECORD_POLICY, 1, &w->now);
}

static void put_policy(struct world *w, struct name domain, enum policy_mode mode) {
	struct record r = policy(w, domain, mode, 100);
	put(w, &r);
}

static void put_none(struct world *w, struct name domain) {
	const struct record r = {
		.kind = RECORD_NONE,
		.domain = domain,
		.ends_at = w->now.boot + 3600,
		.next_check_at = CLOCK_NEVER,
	};
	put(w, &r);
}

static void put_failure(struct world *w, struct name domain, enum record_kind kind) {
	struct record r = {
		.kind = kind,
		.domain = domain,
		.ends_at = w->now.boot + 300,
		.next_check_at = w->now.boot + 60,
		.failure = {.why = "sts-policy-fetch-error/cannot-fetch-policy", .id = "1", .attempts = 3},
	};
	r.failure.retry_at = r.ends_at;
	put(w, &r);
}

static const struct entry *there(const struct world *w, struct name domain) {
	return table_lookup(w->table, domain.text, domain.len);
}

// As a worker does.
static void use(const struct world *w, struct name domain) {
	const struct entry *e = there(w, domain);
	assert_non_null(e);
	struct entry *mark = (struct entry *)(uintptr_t)e;
	atomic_store(&mark->used_h, (uint16_t)(w->now.boot / 3600 + 1));
}

static size_t count_there(const struct world *w, const char *form, size_t n) {
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		count += there(w, name_of(form, i)) != NULL ? 1 : 0;
	}
	return count;
}

static void within_bounds(const struct world *w) {
	struct evict_stats m = stats_of(w).memory;
	for (int share = 0; share < EVICT_SHARES; share++) {
		assert_true(m.used[share] <= m.limit[share] + m.limit[share] / 16);
	}
	assert_true(m.bytes[EVICT_PASSING] <= m.limit[EVICT_POLICIES] / 15);
}

// Puts policies of this mode until one is not kept. @return How many were.
static size_t fill(struct world *w, const char *form, enum policy_mode mode) {
	uint64_t refused = stats_of(w).memory.refused[EVICT_NO_FULL];
	uint64_t gone = stats_of(w).evicted;
	size_t n = 0;
	while (stats_of(w).memory.refused[EVICT_NO_FULL] == refused && stats_of(w).evicted == gone
	) {
		put_policy(w, name_of(form, n++), mode);
		turn_until_written(w);
	}
	return n - 1;
}

static void the_accounts_are_right(void ** /*state*/) {
	struct world w = begin(1024 * KIB);
	start(&w);
	for (size_t i = 0; i < 500; i++) {
		put_policy(&w, name_of("p", i), (enum policy_mode)(i % 3));
		put_failure(&w, name_of("f", i), i % 2 ? RECORD_FAILED : RECORD_UNKNOWN);
		put_none(&w, name_of("n", i));
	}
	turn_until_written(&w);
	// Another kind takes the place, then nothing does.
	for (size_t i = 0; i < 250; i++) {
		put_none(&w, name_of("f", i));
		put_failure(&w, name_of("n", i), RECORD_FAILED);
		struct name p = name_of("p", i);
		assert_true(cache_drop(w.cache, &p));
	}
	struct evict_stats m = stats_of(&w).memory;
	struct table_stats t = table_stats(w.table);
	size_t entries = 0;
	size_t bytes = 0;
	for (int i = 0; i < EVICT_SEGMENTS; i++) {
		entries += m.entries[i];
		bytes += m.bytes[i];
	}
	assert_int_equal(entries, t.names);
	assert_int_equal(t.names, 250 + 500 + 500);
	size_t with_body = t.names - t.by_kind[ENTRY_NONE];
	assert_int_equal(bytes, t.entry_bytes + 17 * t.names + sizeof(void *) * with_body);
	assert_int_equal(m.entries[EVICT_NONE_NEW], t.by_kind[ENTRY_NONE]);
	end(&w);
}

enum { KEPT = 300, REUSED = 200 };

static void a_flood_of_none_takes_only_from_its_like(void ** /*state*/) {
	struct world w = begin(2048 * KIB);
	start(&w);
	for (size_t i = 0; i < KEPT; i++) {
		put_policy(&w, name_of("enforce", i), POLICY_MODE_ENFORCE);
		put_failure(&w, name_of("failed", i), RECORD_FAILED);
	}
	turn_until_written(&w);
	for (size_t i = 0; i < REUSED; i++) {
		put_none(&w, name_of("reused", i));
		use(&w, name_of("reused", i));
	}
	size_t capacity = stats_of(&w).memory.limit[EVICT_NONES] / 49;
	for (size_t i = 0; i < 10 * capacity; i++) {
		put_none(&w, name_of("flood", i));
		if (i % 64 == 0) {
			cache_turn(w.cache, &w.now);
			within_bounds(&w);
		}
	}
	assert_int_equal(count_there(&w, "enforce", KEPT), KEPT);
	assert_int_equal(count_there(&w, "failed", KEPT), KEPT);
	assert_int_equal(count_there(&w, "reused", REUSED), REUSED);
	struct cache_stats s = stats_of(&w);
	assert_int_equal(s.memory.entries[EVICT_NONE], REUSED);
	assert_int_equal(s.not_kept, 0);
	assert_true(s.memory.evicted[EVICT_NONE_NEW] > 8 * capacity);
	assert_int_equal(s.evicted, s.memory.evicted[EVICT_NONE_NEW]);
	// What was given up does not come back.
	size_t nones = table_stats(w.table).by_kind[ENTRY_NONE];
	stop(&w);
	start(&w);
	turn_until_warm(&w);
	assert_int_equal(w.loaded, KEPT);
	// But for the few that a busy store was not told of: they go again at load.
	assert_in_range(table_stats(w.table).by_kind[ENTRY_NONE], 1, nones + nones / 50);
	end(&w);
}

// Those used again have nearly all of the nine tenths that are theirs.
static void a_flood_of_none_leaves_those_used_again(void ** /*state*/) {
	struct world w = begin(2048 * KIB);
	start(&w);
	size_t capacity = stats_of(&w).memory.limit[EVICT_NONES] / 49;
	size_t reused = capacity * 85 / 100;
	for (size_t i = 0; i < reused; i++) {
		put_none(&w, name_of("reused", i));
		use(&w, name_of("reused", i));
	}
	for (size_t i = 0; i < 10 * capacity; i++) {
		put_none(&w, name_of("flood", i));
		if (i % 64 == 0) {
			cache_turn(w.cache, &w.now);
		}
	}
	assert_int_equal(count_there(&w, "reused", reused), reused);
	assert_int_equal(stats_of(&w).memory.evicted[EVICT_NONE], 0);
	within_bounds(&w);
	end(&w);
}

// Names of one length after another: what was cut for the one serves the next.
static void memory_follows_the_sizes_of_a_flood(void ** /*state*/) {
	struct world w = begin(8192 * KIB);
	start(&w);
	for (size_t len = 12; len <= 52; len += 4) {
		char form[64] = "";
		memset(form, 'x', len);
		for (size_t i = 0; i < 100000; i++) {
			put_none(&w, name_of(form, 100000 + i));
			if (i % 64 == 0) {
				cache_turn(w.cache, &w.now);
			}
			while (table_stats(w.table).retired > 5000) {
				cache_turn(w.cache, &w.now); // the reclaimer is behind
			}
		}
	}
	within_bounds(&w);
	struct table_stats t = table_stats(w.table);
	// Overflow buckets, and what the reclaimer has, come on top.
	assert_true(t.span_bytes + t.bucket_bytes <= w.max_bytes + w.max_bytes / 8);
	assert_true(t.by_kind[ENTRY_NONE] > 1000);
	end(&w);
}

// All are used again and again: then the one used longest ago goes.
static void of_the_established_the_longest_unused_goes(void ** /*state*/) {
	struct world w = begin(1024 * KIB);
	start(&w);
	size_t capacity = stats_of(&w).memory.limit[EVICT_NONES] / 49;
	for (size_t i = 0; i < 2 * capacity; i++) {
		put_none(&w, name_of("n", i));
		use(&w, name_of("n", i));
		if (i == capacity / 2) {
			pass(&w, 1800);
			sweep(&w);
		}
		if (i == capacity / 4) {
			pass(&w, 3600 - w.now.boot % 3600 - 1);
		}
		if (i == capacity / 4 + 1) {
			pass(&w, 1);
		}
	}
	// A quarter of the names was used in the hour before: hardly one is left.
	assert_true(count_there(&w, "n", capacity / 4) < capacity / 40);
	assert_true(stats_of(&w).memory.evicted[EVICT_NONE] > 0);
	within_bounds(&w);
	end(&w);
}

static void what_is_unknown_goes_before_failures(void ** /*state*/) {
	struct world w = begin(512 * KIB);
	start(&w);
	size_t n = 0;
	while (stats_of(&w).evicted == 0) {
		put_failure(&w, name_of("failed", n++), RECORD_FAILED);
	}
	for (size_t i = 0; i < 10 * n; i++) {
		put_failure(&w, name_of("unknown", i), RECORD_UNKNOWN);
	}
	// One for the first of all, and no more for those of another length.
	assert_true(count_there(&w, "failed", n) >= n - 8);
	assert_true(stats_of(&w).memory.evicted[EVICT_UNKNOWN] > 9 * n);
	within_bounds(&w);
	end(&w);
}

// The attacker has names enough that announce a policy and have none.
static void a_back_off_that_is_used_again_outlives_a_flood_of_failures(void ** /*state*/) {
	struct world w = begin(1024 * KIB);
	start(&w);
	for (size_t i = 0; i < 50; i++) {
		put_failure(&w, name_of("failed", i), RECORD_FAILED);
		use(&w, name_of("failed", i));
	}
	for (size_t i = 0; i < 10000; i++) {
		put_failure(&w, name_of("flood", i), RECORD_FAILED);
	}
	assert_int_equal(count_there(&w, "failed", 50), 50);
	struct record rec;
	struct name f = name_of("failed", 7);
	assert_true(cache_current(w.cache, &f, &rec));
	assert_int_equal(rec.failure.attempts, 3);
	within_bounds(&w);
	end(&w);
}

static void policies_go_ended_then_none_then_testing(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	for (size_t i = 0; i < 20; i++) {
		struct record r = policy(&w, name_of("ended", i), POLICY_MODE_ENFORCE, 100);
		r.ends_at = w.now.boot + 10;
		put(&w, &r);
		put_policy(&w, name_of("none", i), POLICY_MODE_NONE);
		put_policy(&w, name_of("testing", i), POLICY_MODE_TESTING);
	}
	turn_until_written(&w);
	pass(&w, 11);
	size_t n = 0;
	size_t left[3] = {20, 20, 20};
	while (stats_of(&w).memory.refused[EVICT_NO_FULL] == 0) {
		put_policy(&w, name_of("enforce", n++), POLICY_MODE_ENFORCE);
		turn_until_written(&w);
		left[0] = count_there(&w, "ended", 20);
		left[1] = count_there(&w, "none", 20);
		left[2] = count_there(&w, "testing", 20);
		assert_true(left[0] == 0 || (left[1] == 20 && left[2] == 20));
		assert_true(left[1] == 0 || left[2] == 20);
		assert_int_equal(count_there(&w, "enforce", n), n);
		within_bounds(&w);
	}
	assert_int_equal(left[0] + left[1] + left[2], 0);
	struct evict_stats m = stats_of(&w).memory;
	assert_int_equal(m.evicted[EVICT_ENDED], 20);
	assert_int_equal(m.evicted[EVICT_MODE_NONE], 20);
	assert_int_equal(m.evicted[EVICT_TESTING], 20);
	assert_int_equal(m.evicted[EVICT_ENFORCE], 0);
	// They went from disk too.
	stop(&w);
	start(&w);
	assert_int_equal(w.loaded, n - 1);
	end(&w);
}

static void a_lesser_policy_takes_no_better_ones_place(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	size_t n = fill(&w, "testing", POLICY_MODE_TESTING);
	// A testing policy took a testing one's place; mode none takes nobody's.
	put_policy(&w, name_of("none", 0), POLICY_MODE_NONE);
	turn_until_written(&w);
	struct evict_stats m = stats_of(&w).memory;
	assert_int_equal(m.entries[EVICT_TESTING], n);
	assert_int_equal(m.entries[EVICT_MODE_NONE], 0);
	assert_int_equal(m.entries[EVICT_PASSING], 1);
	end(&w);
}

static void what_finds_no_place_is_answered_and_not_kept(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	size_t n = fill(&w, "enforce", POLICY_MODE_ENFORCE);
	assert_true(n > 50);
	w.done = 0;
	struct name late = name_of("late", 0);
	struct record r = policy(&w, late, POLICY_MODE_ENFORCE, 100);
	put(&w, &r);
	assert_int_equal(w.done, 1); // at once: no disk has to confirm it
	const struct entry *e = there(&w, late);
	assert_non_null(e);
	assert_int_equal(e->kind, ENTRY_POLICY);
	assert_int_equal(e->ends_s, w.now.boot + EVICT_PASSING_S);
	assert_int_equal(e->check_s, ENTRY_CHECK_NEVER);
	assert_int_equal(entry_body(e)->text_bytes, 100);
	// It is in force for as long as its entry says, for the scheduler as well.
	struct record got;
	assert_true(cache_current(w.cache, &late, &got));
	assert_int_equal(got.ends_at, w.now.boot + EVICT_PASSING_S);
	assert_int_equal(got.policy.mode, POLICY_MODE_ENFORCE);
	// A recheck that finds the same id makes it neither longer nor kept.
	pass(&w, 100);
	got.checked_at = w.now.boot;
	cache_put(w.cache, &got, false, 2, &w.now);
	e = there(&w, late);
	assert_int_equal(e->ends_s, w.now.boot - 100 + EVICT_PASSING_S);
	assert_int_equal(evict_segment_of(e), EVICT_PASSING);
	pass(&w, EVICT_PASSING_S - 101);
	sweep(&w);
	assert_non_null(there(&w, late));
	pass(&w, 1);
	sweep(&w);
	assert_null(there(&w, late));
	assert_int_equal(count_there(&w, "enforce", n), n);
	assert_int_equal(stats_of(&w).evicted, 0);
	stop(&w);
	start(&w);
	assert_int_equal(w.loaded, n);
	assert_null(there(&w, late));
	end(&w);
}

static void what_passes_is_kept_once_there_is_room(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	size_t n = fill(&w, "enforce", POLICY_MODE_ENFORCE);
	struct name late = name_of("enforce", n);
	assert_int_equal(evict_segment_of(there(&w, late)), EVICT_PASSING);
	for (size_t i = 0; i < 4; i++) {
		struct name gone = name_of("enforce", i);
		assert_true(cache_drop(w.cache, &gone));
	}
	put_policy(&w, late, POLICY_MODE_ENFORCE);
	turn_until_written(&w);
	assert_int_equal(evict_segment_of(there(&w, late)), EVICT_ENFORCE);
	assert_int_equal(stats_of(&w).memory.entries[EVICT_PASSING], 0);
	end(&w);
}

static void a_flood_of_policies_passes_in_its_reserve(void ** /*state*/) {
	struct world w = begin(512 * KIB);
	start(&w);
	size_t n = fill(&w, "enforce", POLICY_MODE_ENFORCE);
	for (size_t i = 0; i < 10 * n; i++) {
		put_policy(&w, name_of("flood", i), POLICY_MODE_ENFORCE);
		assert_non_null(there(&w, name_of("flood", i)));
		within_bounds(&w);
	}
	assert_int_equal(count_there(&w, "enforce", n), n);
	assert_true(stats_of(&w).memory.evicted[EVICT_PASSING] > 8 * n);
	assert_int_equal(stats_of(&w).evicted, 0);
	end(&w);
}

static void a_renewal_always_has_a_place(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	size_t n = fill(&w, "enforce", POLICY_MODE_ENFORCE);
	for (size_t i = 0; i < n; i++) {
		struct record r = policy(&w, name_of("enforce", i), POLICY_MODE_ENFORCE, 200);
		r.id[0] = '2';
		put(&w, &r);
		turn_until_written(&w);
		struct record got;
		assert_true(cache_current(w.cache, &r.domain, &got));
		assert_string_equal(got.id, "2");
		assert_int_equal(evict_segment_of(there(&w, r.domain)), EVICT_ENFORCE);
	}
	struct evict_stats m = stats_of(&w).memory;
	assert_int_equal(m.refused[EVICT_NO_GROWTH], 0);
	// At the expense of NONE.
	assert_true(m.used[EVICT_POLICIES] > m.limit[EVICT_POLICIES]);
	assert_true(m.limit[EVICT_NONES] < w.max_bytes / 100 * w.none_percent);
	// Up to all there is; then the old ones stand.
	for (size_t i = 0; i < n; i++) {
		struct record r = policy(&w, name_of("enforce", i), POLICY_MODE_ENFORCE, 3000);
		r.id[0] = '3';
		put(&w, &r);
		turn_until_written(&w);
		assert_int_equal(evict_segment_of(there(&w, r.domain)), EVICT_ENFORCE);
	}
	m = stats_of(&w).memory;
	assert_true(m.refused[EVICT_NO_GROWTH] > 0);
	assert_int_equal(m.entries[EVICT_ENFORCE], n);
	assert_true(m.used[EVICT_POLICIES] <= w.max_bytes);
	end(&w);
}

static void one_owner_has_a_hundredth(void ** /*state*/) {
	struct world w = begin(65536UL * KIB);
	start(&w);
	size_t part = w.max_bytes / 2 / 100;
	size_t n = 0;
	while (stats_of(&w).memory.refused[EVICT_NO_DOMAIN] == 0) {
		put_policy(&w, name_of("host.of.one.owner", n++), POLICY_MODE_ENFORCE);
		// Below one name that can be registered, all of them.
		struct record r = policy(&w, name_of("x", n), POLICY_MODE_ENFORCE, 100);
		char text[64];
		int len = snprintf(text, sizeof(text), "h%zu.sub.owner.co.uk", n);
		assert_int_equal(name_parse(text, (size_t)len, &r.domain), NAME_OK);
		put(&w, &r);
		turn_until_written(&w);
	}
	struct evict_stats m = stats_of(&w).memory;
	// The others are owners of their own: "of.one.owner7.example" and so on.
	assert_int_equal(m.entries[EVICT_ENFORCE], 2 * n - 1);
	size_t each = m.bytes[EVICT_ENFORCE] / m.entries[EVICT_ENFORCE];
	assert_in_range(n * each, part - part / 20, part + part / 20);
	assert_int_equal(m.entries[EVICT_PASSING], 1);
	assert_int_equal(m.refused[EVICT_NO_FULL], 0);
	end(&w);
}

static void what_is_overridden_stays(void ** /*state*/) {
	struct world w = begin(256 * KIB);
	start(&w);
	for (size_t i = 0; i < 10; i++) {
		put_policy(&w, name_of("testing", i), POLICY_MODE_TESTING);
	}
	turn_until_written(&w);
	const struct override o = {
		.domain = name_of("testing", 3),
		.mode = POLICY_MODE_TESTING,
		.ends_at = CLOCK_NEVER,
	};
	assert_int_equal(override_set(w.cache, &o, 0, &w.now), 0);
	(void)fill(&w, "enforce", POLICY_MODE_ENFORCE);
	while (stats_of(&w).memory.refused[EVICT_NO_FULL] == 0) {
		put_policy(&w, name_of("more", stats_of(&w).puts), POLICY_MODE_ENFORCE);
		turn_until_written(&w);
	}
	assert_int_equal(count_there(&w, "testing", 10), 1);
	assert_non_null(there(&w, name_of("testing", 3)));
	end(&w);
}

// More than a step may give up, but room is made for it turn by turn.
static void a_large_policy_is_paid_for_in_turns(void ** /*state*/) {
	struct world w = begin(4096 * KIB);
	start(&w);
	(void)fill(&w, "testing", POLICY_MODE_TESTING);
	uint64_t before = stats_of(&w).memory.evicted[EVICT_TESTING];
	struct record r = policy(&w, name_of("large", 0), POLICY_MODE_ENFORCE, 60000);
	put(&w, &r);
	assert_int_equal(stats_of(&w).memory.evicted[EVICT_TESTING] - before, EVICT_STEP_MAX);
	turn_until_written(&w);
	assert_int_equal(evict_segment_of(there(&w, r.domain)), EVICT_ENFORCE);
	struct evict_stats m = stats_of(&w).memory;
	for (int i = 0; i < 20 && m.used[EVICT_POLICIES] > m.limit[EVICT_POLICIES]; i++) {
		uint64_t gone = m.evicted[EVICT_TESTING];
		cache_turn(w.cache, &w.now);
		m = stats_of(&w).memory;
		assert_in_range(m.evicted[EVICT_TESTING] - gone, 1, EVICT_STEP_MAX);
	}
	assert_true(m.used[EVICT_POLICIES] <= m.limit[EVICT_POLICIES]);
	end(&w);
}

static void a_store_larger_than_memory_loads_enforce_first(void ** /*state*/) {
	struct world w = begin(1024 * KIB);
	start(&w);
	enum { EACH = 200 };
	for (size_t i = 0; i < EACH; i++) {
		put_policy(&w, name_of("a-testing", i), POLICY_MODE_TESTING);
		put_policy(&w, name_of("b-none", i), POLICY_MODE_NONE);
		put_policy(&w, name_of("enforce", i), POLICY_MODE_ENFORCE);
		put_policy(&w, name_of("z-testing", i), POLICY_MODE_TESTING);
	}
	turn_until_written(&w);
	stop(&w);
	w.max_bytes = 380 * KIB; // room for about half
	start(&w);
	assert_int_equal(count_there(&w, "enforce", EACH), EACH);
	size_t testing = count_there(&w, "a-testing", EACH) + count_there(&w, "z-testing", EACH);
	assert_true(testing > 0 && testing < 2UL * EACH);
	assert_int_equal(count_there(&w, "b-none", EACH), 0);
	within_bounds(&w);
	stop(&w);
	// Less than even enforce policies need in their share: they take from NONE.
	w.max_bytes = 150 * KIB;
	start(&w);
	assert_int_equal(count_there(&w, "enforce", EACH), EACH);
	assert_true(stats_of(&w).memory.refused[EVICT_NO_LOAD] > 0);
	stop(&w);
	// It was all on disk still.
	w.max_bytes = 1024 * KIB;
	start(&w);
	assert_int_equal(w.loaded, 4 * EACH);
	assert_int_equal(stats_of(&w).memory.refused[EVICT_NO_LOAD], 0);
	end(&w);
}

// Random operations on a memory that is far too small, against a list of what has
// been acknowledged: no unexpired enforce policy that was kept is ever missing.

enum { NAMES = 3000, STEPS = 60000 };

struct known {
	boot_s_t ends_at; // of an enforce policy that was kept; 0: none
};

static void note_put(struct world *w, struct known *k, const struct record *r) {
	const struct entry *e = there(w, r->domain);
	bool kept = e != NULL && evict_segment_of(e) == EVICT_ENFORCE;
	k->ends_at = kept ? (boot_s_t)e->ends_s : 0;
}

static void random_policy(struct world *w, struct known *k, size_t i) {
	struct record r = policy(
		w, name_of("d", i), (enum policy_mode)dice(w, 3), (uint32_t)dice(w, 600)
	);
	r.policy.max_age_s = (uint32_t)(60 + dice(w, 20000));
	r.ends_at = w->now.boot + r.policy.max_age_s;
	bool live = k->ends_at > w->now.boot;
	put(w, &r);
	turn_until_written(w);
	const struct entry *e = there(w, r.domain);
	if (live && r.policy.mode == POLICY_MODE_ENFORCE) {
		// Renewed, or as it was: never passing, never gone.
		assert_non_null(e);
		assert_int_equal(evict_segment_of(e), EVICT_ENFORCE);
	}
	note_put(w, k, &r);
}

static void random_negative(struct world *w, const struct known *k, size_t i) {
	struct name n = k->ends_at > w->now.boot ? name_of("x", i) : name_of("d", i);
	if (dice(w, 3) > 0) {
		put_none(w, n);
	} else {
		put_failure(w, n, dice(w, 2) ? RECORD_FAILED : RECORD_UNKNOWN);
	}
	if (there(w, n) != NULL && dice(w, 2)) {
		use(w, n);
	}
}

static void all_kept(const struct world *w, const struct known known[]) {
	for (size_t i = 0; i < NAMES; i++) {
		if (known[i].ends_at > w->now.boot) {
			const struct entry *e = there(w, name_of("d", i));
			assert_non_null(e);
			assert_int_equal(e->kind, ENTRY_POLICY);
			assert_int_equal(e->ends_s, known[i].ends_at);
		}
	}
}

static void no_unexpired_enforce_policy_ever_disappears(void ** /*state*/) {
	static struct known known[NAMES];
	struct world w = begin(512 * KIB);
	start(&w);
	for (int step = 0; step < STEPS; step++) {
		size_t i = dice(&w, NAMES);
		switch (dice(&w, 16)) {
		case 0:
		case 1:
		case 2:
			random_policy(&w, &known[i], i);
			break;
		case 3:
			pass(&w, (int64_t)dice(&w, 10));
			cache_turn(w.cache, &w.now);
			break;
		case 4:
			if (dice(&w, 8) == 0) {
				struct name n = name_of("d", i);
				(void)cache_drop(w.cache, &n);
				known[i].ends_at = 0;
			}
			break;
		default:
			random_negative(&w, &known[i], i);
			break;
		}
		if (step % 1000 == 0) {
			all_kept(&w, known);
		}
		if (step % 25000 == 24999) {
			boot_s_t was = w.now.boot;
			stop(&w);
			start(&w);
			assert_int_equal(was, w.now.boot);
			all_kept(&w, known);
		}
	}
	all_kept(&w, known);
	struct evict_stats m = stats_of(&w).memory;
	assert_int_equal(m.evicted[EVICT_ENFORCE], 0);
	assert_true(m.evicted[EVICT_TESTING] + m.evicted[EVICT_MODE_NONE] > 0);
	assert_true(m.refused[EVICT_NO_FULL] > 0);
	end(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_accounts_are_right),
		cmocka_unit_test(a_flood_of_none_takes_only_from_its_like),
		cmocka_unit_test(a_flood_of_none_leaves_those_used_again),
		cmocka_unit_test(memory_follows_the_sizes_of_a_flood),
		cmocka_unit_test(of_the_established_the_longest_unused_goes),
		cmocka_unit_test(what_is_unknown_goes_before_failures),
		cmocka_unit_test(a_back_off_that_is_used_again_outlives_a_flood_of_failures),
		cmocka_unit_test(policies_go_ended_then_none_then_testing),
		cmocka_unit_test(a_lesser_policy_takes_no_better_ones_place),
		cmocka_unit_test(what_finds_no_place_is_answered_and_not_kept),
		cmocka_unit_test(what_passes_is_kept_once_there_is_room),
		cmocka_unit_test(a_flood_of_policies_passes_in_its_reserve),
		cmocka_unit_test(a_renewal_always_has_a_place),
		cmocka_unit_test(one_owner_has_a_hundredth),
		cmocka_unit_test(what_is_overridden_stays),
		cmocka_unit_test(a_large_policy_is_paid_for_in_turns),
		cmocka_unit_test(a_store_larger_than_memory_loads_enforce_first),
		cmocka_unit_test(no_unexpired_enforce_policy_ever_disappears),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
