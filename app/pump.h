// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/cache.h"
#include "dataplane/dataplane.h"
#include "fetch/fetch.h"
#include "fetch/sched.h"

#include <stdbool.h>
#include <stdint.h>

// The one place where the data plane and the discoveries meet: misses come out
// of the rings and go to the scheduler, its tasks to the children, its results
// to the cache, and answers back to whoever waits.
// Context of every call: sts:main.

struct pump;

// An answer for one who asked by pump_want(). `reply` says how; the table says
// what.
typedef void
pump_answer_fn(void *arg, uint64_t id, const struct name *domain, const struct sched_reply *reply);

// Who may wait for an answer besides the workers.
enum pump_door { PUMP_OPERATOR, PUMP_ASK, PUMP_DOORS };

struct pump_config {
	struct dataplane *dataplane;
	struct table *table;
	struct store *store;
	const char *store_directory;
	struct fetch_config fetch;
	struct sched_config sched;
	struct event_base *base;
	int spawner;
};

// @return 0 or a negative code.
[[nodiscard]] int pump_open(const struct pump_config *config, struct pump **out);
void pump_close(struct pump *p);

// Loads what the store has; a fault is logged and shown, not fatal.
[[nodiscard]] int pump_load(struct pump *p);

// One turn: misses, confirmations, deadlines. @return Whether there was work.
bool pump_turn(struct pump *p);

// Where a door's answers go; without one they are dropped.
void pump_set_door(struct pump *p, enum pump_door door, pump_answer_fn *fn, void *arg);

// Asks for a domain on behalf of a door; the answer comes with the id, perhaps
// within this call.
void pump_want(
	struct pump *p,
	enum pump_door door,
	const struct name *domain,
	enum sched_cause cause,
	uint64_t id
);

// A use of the entry has claimed its check (entry_use).
void pump_check(struct pump *p, const struct name *domain);

struct pump_stats {
	struct sched_stats sched;
	struct cache_stats cache;
	uint64_t misses;
	uint64_t rechecks;
	uint64_t checks;
	uint64_t ready_full; // answers lost because a worker's ring was full
	uint64_t loaded;     // policies at start
	uint64_t possible_downgrades;
	bool clock_suspect;
	bool load_complete;
	char load_fault[128];
};

void pump_stats(const struct pump *p, struct pump_stats *out);

struct cache *pump_cache(struct pump *p);
struct fetch *pump_fetch(struct pump *p);
