// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/corelag.h"

#include "base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE 128 // neighbouring lines may be fetched in pairs
#define TRIPS_A_LOOK 1000

// The asker writes odd numbers, the other one makes them even.
struct wire {
	_Alignas(LINE) _Atomic uint64_t ball;
	_Alignas(LINE) atomic_bool over;
	unsigned cpu; // of the other one
	int error;
};

static int pin(unsigned cpu) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *return_balls(void *arg) {
	struct wire *w = arg;
	w->error = pin(w->cpu);
	uint64_t seen = 0;
	while (!atomic_load_explicit(&w->over, memory_order_relaxed)) {
		uint64_t ball = atomic_load_explicit(&w->ball, memory_order_acquire);
		if (ball == seen || !(ball & 1))
			continue;
		seen = ball + 1;
		atomic_store_explicit(&w->ball, seen, memory_order_release);
	}
	return NULL;
}

static double trip_ns(struct wire *w, uint64_t for_ns) {
	mono_ns_t start = clock_mono_ns();
	mono_ns_t now = start;
	uint64_t ball = 0;
	uint64_t trips = 0;
	while (now - start < for_ns) {
		for (unsigned i = 0; i < TRIPS_A_LOOK; i++) {
			atomic_store_explicit(&w->ball, ball + 1, memory_order_release);
			ball += 2;
			while (atomic_load_explicit(&w->ball, memory_order_acquire) != ball)
				;
		}
		trips += TRIPS_A_LOOK;
		now = clock_mono_ns();
	}
	return (double)(now - start) / (double)trips;
}

static bool number(const char *text, unsigned max, unsigned *out) {
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	*out = (unsigned)v;
	return end != text && !*end && v <= max;
}

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench cores --cpu A --with B [--ms N]\n"
	       "  nanoseconds of a cache line's way from A to B and back, over N ms (100)\n",
	       out);
	return status;
}

static int measure(unsigned cpu, unsigned with, unsigned ms) {
	struct wire w = {.cpu = with};
	int rc = pin(cpu);
	if (rc) {
		errno = rc;
		perror("stsbench: cpu");
		return 3;
	}
	pthread_t other;
	rc = pthread_create(&other, NULL, return_balls, &w);
	if (rc) {
		errno = rc;
		perror("stsbench: thread");
		return 3;
	}
	double ns = trip_ns(&w, ms * CLOCK_NS_PER_MS);
	atomic_store_explicit(&w.over, true, memory_order_relaxed);
	(void)pthread_join(other, NULL);
	if (w.error) {
		errno = w.error;
		perror("stsbench: cpu");
		return 3;
	}
	printf("%.0f\n", ns);
	return 0;
}

int corelag_run(int argc, char **argv) {
	static const struct option longs[] = {
		{"cpu", required_argument, NULL, 'c'},
		{"with", required_argument, NULL, 'w'},
		{"ms", required_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	unsigned values[3] = {0, 0, 100}; // cpu, with, ms
	int option;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		unsigned which = option == 'c' ? 0 : option == 'w' ? 1 : 2;
		if (option == '?'
		    || !number(optarg, which < 2 ? CPU_SETSIZE - 1 : 60000, &values[which]))
			return usage(stderr, 2);
	}
	if (optind < argc || values[0] == values[1] || !values[2])
		return usage(stderr, 2);
	return measure(values[0], values[1], values[2]);
}
