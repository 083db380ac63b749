// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// memory_bench [NONE [POLICIES]]: what names cost, and what giving up costs.
//
// First as many policies of median size (103 octets of text, two patterns) and NONE
// records as told (100,000 and 1,000,000): octets each, as accounted and as the
// kernel sees it. Then a memory that is full: a flood of NONE, each of which takes
// the place of another, and of policies that find no place. Fixed input.

#include "bench/domains.h"
#include "cache/cache_publish.h"
#include "dataplane/lookup.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEED = 20, TURN = 64 };

struct memory {
	struct table *table;
	struct cache *cache;
	struct cache_now now;
	uint32_t *ns; // of each publish
	size_t count;
};

static void die(const char *what) {
	(void)fprintf(stderr, "memory_bench: %s\n", what);
	exit(1); // NOLINT(concurrency-mt-unsafe): nothing runs at exit
}

static void begin(struct memory *m, size_t max_bytes) {
	m->now = (struct cache_now){.boot = 100000, .wall = 1800000000, .shown = 1800000000};
	m->table = table_new(&(struct table_config){
		.max_names = max_bytes / EVICT_BYTES_MIN,
		.seed = SEED,
	});
	m->cache = m->table == NULL ? NULL
				    : cache_new(&(struct cache_config){
					    .table = m->table,
					    .render = lookup_render,
					    .answer_max = LOOKUP_RENDER_MAX,
					    .max_bytes = max_bytes,
					    .failed_percent = 10,
					    .none_percent = 40,
					    .seed = SEED,
				    });
	if (m->cache == NULL) {
		die("no memory");
	}
	m->cache->keep_on_disk = true; // there is no disk
}

static void end(struct memory *m) {
	cache_free(m->cache);
	table_free(m->table);
}

static struct name domain_of(uint32_t rank) {
	struct name n;
	n.len = (uint8_t)domains_name(SEED, rank, n.text);
	n.text[n.len] = '\0';
	return n;
}

static size_t resident(void) {
	FILE *f = fopen("/proc/self/statm", "r");
	size_t total = 0;
	size_t pages = 0;
	if (f == NULL || fscanf(f, "%zu %zu", &total, &pages) != 2) {
		die("no /proc/self/statm");
	}
	(void)fclose(f);
	return pages * 4096;
}

// Of this thread alone, so that neighbours on the CPU do not count.
static uint64_t cpu_ns(void) {
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_nsec;
}

static bool publish(struct memory *m, const struct record *rec) {
	uint64_t from = m->ns != NULL ? cpu_ns() : 0;
	bool kept = cache_publish(m->cache, rec, &m->now);
	if (m->ns != NULL) {
		m->ns[m->count] = (uint32_t)(cpu_ns() - from);
	}
	if (++m->count % TURN == 0) {
		table_turn(m->table);
	}
	return kept;
}

static void put_none(struct memory *m, uint32_t rank) {
	const struct record rec = {
		.kind = RECORD_NONE,
		.domain = domain_of(rank),
		.ends_at = m->now.boot + 3600,
		.next_check_at = CLOCK_NEVER,
	};
	(void)publish(m, &rec);
}

static void put_policy(struct memory *m, uint32_t rank) {
	static const char TEXT[] = "version: STSv1\nmode: enforce\nmx: mail.example-hosting.com\n"
				   "mx: *.mail.example-host.com\nmax_age: 86400\n\n\n";
	static const char MX[] = "\30mail.example-hosting.com\27*.mail.example-host.com";
	static_assert(sizeof(TEXT) - 1 == 103, "of median size");
	struct record rec = {
		.kind = RECORD_POLICY,
		.domain = domain_of(rank),
		.ends_at = m->now.boot + 604800,
		.next_check_at = m->now.boot + 3600,
		.id = "20240131085700Z",
		.policy = {
			.mode = POLICY_MODE_ENFORCE,
			.max_age_s = 604800,
			.mx_count = 2,
			.mx_bytes = sizeof(MX) - 1,
			.mx = (const uint8_t *)MX,
		},
		.inserted_at = m->now.boot,
		.fetched_at = m->now.boot,
		.checked_at = m->now.boot,
		.refresh_at = m->now.boot + 40000,
		.text = (const uint8_t *)TEXT,
		.text_len = sizeof(TEXT) - 1,
	};
	(void)publish(m, &rec);
}

static size_t accounted(const struct memory *m) {
	struct cache_stats s;
	cache_stats(m->cache, &s);
	return s.memory.used[EVICT_POLICIES] + s.memory.used[EVICT_NONES];
}

static void print_each(const char *what, size_t n, size_t bytes, size_t rss) {
	(void
	)printf("%-8s %8zu: %.1f octets each accounted, %.1f resident\n",
		what,
		n,
		(double)bytes / (double)n,
		(double)rss / (double)n);
}

static void measure_size(uint32_t nones, uint32_t policies) {
	struct memory m = {0};
	begin(&m, 64ULL << 30);
	size_t rss = resident();
	for (uint32_t i = 0; i < nones; i++) {
		put_none(&m, i);
	}
	size_t none_rss = resident();
	size_t none_bytes = accounted(&m);
	print_each("none", nones, none_bytes, none_rss - rss);
	for (uint32_t i = 0; i < policies; i++) {
		put_policy(&m, nones + i);
	}
	print_each("policy", policies, accounted(&m) - none_bytes, resident() - none_rss);
	struct table_stats t = table_stats(m.table);
	(void
	)printf("in all %.1f MiB accounted, %.1f MiB resident: entries %.1f, spans %.1f, buckets "
		"%.1f MiB\n",
		(double)accounted(&m) / 1048576.0,
		(double)(resident() - rss) / 1048576.0,
		(double)t.entry_bytes / 1048576.0,
		(double)t.span_bytes / 1048576.0,
		(double)t.bucket_bytes / 1048576.0);
	end(&m);
}

static int by_size(const void *a, const void *b) {
	const uint32_t *x = a;
	const uint32_t *y = b;
	return (*x > *y) - (*x < *y);
}

static void print_steps(const char *what, struct memory *m) {
	qsort(m->ns, m->count, sizeof(m->ns[0]), by_size);
	(void
	)printf("%-24s %8zu: ns of CPU a publish, median %" PRIu32 ", p99 %" PRIu32
		", p99.99 %" PRIu32 ", most %" PRIu32 "\n",
		what,
		m->count,
		m->ns[m->count / 2],
		m->ns[m->count * 99 / 100],
		m->ns[m->count - m->count / 10000 - 1],
		m->ns[m->count - 1]);
	m->count = 0;
}

static void measure_flood(uint32_t nones, uint32_t policies) {
	struct memory m = {.ns = calloc(2UL * nones + 2UL * policies, sizeof(uint32_t))};
	if (m.ns == NULL) {
		die("no memory");
	}
	// Both shares are full after so many.
	size_t by_none = (size_t)nones * 50 * 100 / 40;
	size_t by_policy = (size_t)policies * 520 * 2;
	size_t max_bytes = by_none < by_policy ? by_none : by_policy;
	begin(&m, max_bytes);
	for (uint32_t i = 0; i < policies; i++) {
		put_policy(&m, 2 * nones + i);
	}
	print_steps("policies, room for most", &m);
	for (uint32_t i = 0; i < nones; i++) {
		put_none(&m, i);
	}
	print_steps("none, room for most", &m);
	size_t rss = resident();
	for (uint32_t i = 0; i < nones; i++) {
		put_none(&m, nones + i);
	}
	print_steps("none, one goes for each", &m);
	for (uint32_t i = 0; i < policies; i++) {
		put_policy(&m, 2 * nones + policies + i);
	}
	print_steps("policies, no place", &m);
	struct cache_stats s;
	cache_stats(m.cache, &s);
	(void
	)printf("bound %.1f MiB; given up: %" PRIu64 " none, %" PRIu64
		" passing; grown by %.1f MiB "
		"resident in the flood\n",
		(double)max_bytes / 1048576.0,
		s.memory.evicted[EVICT_NONE_NEW],
		s.memory.evicted[EVICT_PASSING],
		((double)resident() - (double)rss) / 1048576.0);
	free(m.ns);
	end(&m);
}

int main(int argc, char **argv) {
	uint32_t nones = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
	uint32_t policies = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
	if (nones == 0 || policies == 0 || nones > DOMAINS_MAX / 4 || policies > DOMAINS_MAX / 8) {
		die("usage: memory_bench [NONE [POLICIES]]");
	}
	measure_size(nones, policies);
	measure_flood(nones, policies);
	return 0;
}
