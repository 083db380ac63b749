// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// store_bench [DIRECTORY]: what the disk under a store gives.
//
// Commits of one policy, each waited for; policies with many under way; loading
// and streaming 100,000 and 1,000,000 records. Fixed input, a new directory
// inside DIRECTORY (default: the current one), removed afterwards.

#include "base/clock.h"
#include "cache/store.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VALUE_BYTES = 320, // a policy of two patterns with its text
	NONE_BYTES = 40,
	UNDER_WAY = 1000,
	SINGLE = 500,
	BATCHED = 20000,
};

static char dir[512];

static struct name domain_of(unsigned i) {
	struct name n;
	n.len = (uint8_t)snprintf(n.text, sizeof(n.text), "domain%08u.example", i);
	return n;
}

static void die(const char *what) {
	(void)fprintf(stderr, "store_bench: %s\n", what);
	exit(1); // NOLINT(concurrency-mt-unsafe): nothing runs at exit
}

static void fill_value(uint8_t v[VALUE_BYTES], unsigned i) {
	for (unsigned at = 0; at < VALUE_BYTES; at++) {
		i = i * 1664525U + 1013904223U;
		v[at] = (uint8_t)(i >> 24);
	}
}

static bool try_put(struct store *s, enum store_family family, unsigned i) {
	uint8_t v[VALUE_BYTES];
	struct name n = domain_of(i);
	fill_value(v, i);
	bool none = family == STORE_NONE;
	return store_put(s, family, &n, v, none ? NONE_BYTES : VALUE_BYTES, none ? 0 : i + 1);
}

// @return How many confirmations came, at least one.
static unsigned await(struct store *s) {
	struct store_confirm c[256];
	for (;;) {
		size_t n = store_confirmed(s, c, 256);
		for (size_t i = 0; i < n; i++) {
			if (c[i].status < 0) {
				die("a write was refused");
			}
		}
		if (n > 0) {
			return (unsigned)n;
		}
		struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
		(void)poll(&p, 1, -1);
	}
}

static double seconds_since(mono_ns_t begun) {
	return (double)(clock_mono_ns() - begun) / (double)CLOCK_NS_PER_S;
}

// Puts `count` policies with at most `window` of them unconfirmed.
static double write_policies(struct store *s, unsigned count, unsigned window) {
	mono_ns_t begun = clock_mono_ns();
	unsigned sent = 0;
	unsigned done = 0;
	while (done < count) {
		while (sent < count && sent - done < window && try_put(s, STORE_POLICY, sent)) {
			sent++;
		}
		done += await(s);
	}
	return seconds_since(begun);
}

static struct store *open_store(const char *leaf) {
	char path[600];
	struct store *s = NULL;
	struct store_load_report report;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, leaf);
	const struct store_config config = {.directory = path};
	if (store_open(&config, &s, &report) < 0) {
		die("the store cannot be opened");
	}
	return s;
}

static bool count_row(void *arg, const struct name *domain, const void *value, size_t len) {
	const uint8_t *octets = value;
	*(uint64_t *)arg += len + octets[0] + domain->len;
	return true;
}

static void load(struct store *s, const char *what) {
	struct store_load_report report = {.policies = 0};
	uint64_t sum = 0;
	mono_ns_t begun = clock_mono_ns();
	if (store_load(s, STORE_POLICY, count_row, &sum, &report) < 0 || !report.complete) {
		die("the store is not complete");
	}
	double took = seconds_since(begun);
	if (report.policies > 0) {
		(void
		)printf("load     %8" PRIu64 " policies  %7.3f s  %9.0f records/s  (%s)\n",
			report.policies,
			took,
			(double)report.policies / took,
			what);
	}
}

static struct store *start(const char *leaf, const char *what) {
	mono_ns_t begun = clock_mono_ns();
	struct store *s = open_store(leaf);
	double took = seconds_since(begun);
	load(s, what);
	if (store_start(s) < 0) {
		die("the store cannot be started");
	}
	(void)printf("open     %s: %.3f s\n", leaf, took);
	return s;
}

static void bench_commits(void) {
	struct store *s = start("commits", "");
	(void)write_policies(s, 50, 1); // warm up
	double took = write_policies(s, SINGLE, 1);
	(void)printf("commit   %8d, one at a time  %9.0f commits/s\n", SINGLE, SINGLE / took);
	took = write_policies(s, BATCHED, UNDER_WAY);
	(void)printf(
		"durable  %8d, %d under way  %9.0f policies/s\n", BATCHED, UNDER_WAY, BATCHED / took
	);
	struct store_stats stats = store_stats(s);
	(void
	)printf("commit   longest of %" PRIu64 ": %.1f ms\n",
		stats.commits,
		(double)stats.commit_ns_max / (double)CLOCK_NS_PER_MS);
	store_close(s);
}

static void stream(struct store *s, unsigned count) {
	struct store_row rows[256];
	mono_ns_t begun = clock_mono_ns();
	unsigned n = 0;
	bool last = !store_stream(s, STORE_NONE);
	while (!last) {
		size_t got = store_streamed(s, rows, 256);
		if (got == 0) {
			struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
			(void)poll(&p, 1, -1);
			continue;
		}
		last = rows[got - 1].last;
		n += (unsigned)got;
	}
	double took = seconds_since(begun);
	if (n != count + 1) {
		die("the stream is not complete");
	}
	(void
	)printf("stream   %8u records   %7.3f s  %9.0f records/s\n", count, took, count / took);
}

static void bench_load(unsigned count) {
	char leaf[32];
	(void)snprintf(leaf, sizeof(leaf), "load-%u", count);
	struct store *s = start(leaf, "");
	double took = write_policies(s, count, 10000);
	(void)printf("durable  %8u, 10000 under way  %8.0f policies/s\n", count, count / took);
	for (unsigned i = 0; i < count;) {
		if (try_put(s, STORE_NONE, i)) {
			i++;
		} else if (try_put(s, STORE_POLICY, 0)) {
			(void)await(s); // the queue is full: wait for the thread
		}
	}
	store_close(s);
	store_close(start(leaf, "first time, after the log"));
	s = start(leaf, "again");
	stream(s, count);
	store_close(s);
}

int main(int argc, char **argv) {
	(void)snprintf(dir, sizeof(dir), "%.400s/store_bench-XXXXXX", argc > 1 ? argv[1] : ".");
	if (mkdtemp(dir) == NULL) {
		die("no directory");
	}
	bench_commits();
	bench_load(100000);
	bench_load(1000000);
	char command[600];
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	// NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a directory of ours
	return system(command) == 0 ? 0 : 1;
}
