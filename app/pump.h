// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/cache.h"
#include "cache/override.h"
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

// What the operator asked for by pump_override() and the like is on disk, or
// negative: why not.
typedef void pump_operated_fn(void *arg, uint64_t id, int status);

// Who may wait for an answer besides the workers.
enum pump_door { PUMP_OPERATOR, PUMP_ASK, PUMP_DOORS };

struct pump_config {
	struct dataplane *dataplane;
	struct table *table;
	struct store *store;
	const char *store_directory;
	size_t cache_bytes;    // memory for what is known of domains
	unsigned share_failed; // per cent of it
	unsigned share_none;
	uint64_t seed; // random per start
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

// Who is told of what the operator asked for, once there is somebody.
void pump_set_operated(struct pump *p, pump_operated_fn *fn, void *arg);

// Each is followed by that with the id, unless it fails at once.
// @param for_s  0: until it is cleared.
// @return As override_set().
[[nodiscard]] int pump_override(
	struct pump *p,
	const struct name *domain,
	enum policy_mode mode,
	int64_t for_s,
	uint64_t id
);
// @return False: there was none.
[[nodiscard]] bool pump_override_clear(struct pump *p, const struct name *domain, uint64_t id);
// @return As cache_backup().
[[nodiscard]] int pump_backup(struct pump *p, const char *directory, uint64_t id);

struct pump_stats {
	struct sched_stats sched;
	struct cache_stats cache;
	struct override_stats overrides;
	uint64_t misses;
	uint64_t rechecks;
	uint64_t checks;
	uint64_t ready_full; // answers lost because a worker's ring was full
	bool clock_suspect;
	bool load_complete;
	char load_fault[128];
};

void pump_stats(const struct pump *p, struct pump_stats *out);

struct cache *pump_cache(struct pump *p);
struct fetch *pump_fetch(struct pump *p);
