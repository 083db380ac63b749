// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/policy.h"
#include "cache/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

// What the operator has decided for a domain, over what its owner publishes.
//
// An override changes answers only. The record beneath lives on: it is fetched,
// refreshed, fails and ends as ever, and is answered again when the override
// ends. The table holds the overridden answer ready-made, in an entry that ends
// with the override at the latest; so a worker needs to know nothing of it, and
// serves none that is over even if nobody takes it out.
//
//   none      the sender is told r=none whatever is kept, or is not
//   testing   the mode of the policy in force is replaced
//   enforce   the same, where the policy has mx patterns
//
// A domain without a policy in force has no mode to replace: it is answered as
// without the override. Context of every call: the writer's thread (sts:main).

struct cache;
struct cache_now;
struct store_confirm;
struct entry;
struct wallclock;
struct store_load_report;

#define OVERRIDE_MAX 65536 // domains

struct override {
	struct name domain;
	enum policy_mode mode;
	boot_s_t set_at;
	boot_s_t ends_at; // CLOCK_NEVER: when it is cleared
	bool durable;	  // the store has confirmed it
};

// Sets or replaces. What is kept of the domain is answered with it at once.
// @param cookie  Not 0: cache_config.operated is called with it when the store has
//                confirmed, or has failed; a store that failed is tried on.
// @return 0; -E2BIG: OVERRIDE_MAX reached; -ENOMEM; -ENOSPC: the table has no
//         place for a domain that nobody asked for yet. On errors nothing changes.
[[nodiscard]] int override_set(
	struct cache *c,
	const struct override *o,
	uint64_t cookie,
	const struct cache_now *now
);

// The true answer is there again at once. @return False: there was none; cookie is
// not used then.
bool override_clear(
	struct cache *c,
	const struct name *domain,
	uint64_t cookie,
	const struct cache_now *now
);

// @return False: there is none.
bool override_find(const struct cache *c, const struct name *domain, struct override *out);

// Gives a few of them, starting at *cursor (0: the beginning), which moves on and
// is 0 again after the last. One that is there all the time is given exactly once.
void override_scan(
	const struct cache *c,
	unsigned *cursor,
	void (*fn)(void *arg, const struct override *o),
	void *arg
);

struct override_stats {
	size_t count;
	size_t not_durable; // not confirmed by the store yet
};
struct override_stats override_stats(const struct cache *c);

// What is to be shown of a record.
struct override_view {
	struct record shown; // borrows from the record
	boot_s_t ends_at;    // of the entry
	boot_s_t check_at;   // from when a use starts a check
};

// Pure. @param o  May be NULL.
// @return False: the record shows itself.
bool override_view(
	const struct override *o,
	const struct record *rec,
	boot_s_t now,
	struct override_view *out
);

// The record of an entry as a sender is to see it: with the override, if there is
// one. Its patterns and text are the entry's.
// @return 0 or ERR_CORRUPT.
[[nodiscard]] int
override_shown(const struct cache *c, const struct entry *e, boot_s_t now, struct record *out);

// Whether a sender is answered from the table whatever a discovery finds.
bool override_hides(const struct cache *c, const struct name *domain);

// For the cache's own files.

struct override_slot;
TAILQ_HEAD(override_slots, override_slot);

#define OVERRIDE_BUCKETS 1024

struct override_set {
	struct override_slots list;
	struct override_slot *by_domain[OVERRIDE_BUCKETS];
	struct override_slots unconfirmed; // writes and deletions
	size_t unconfirmed_count;
	size_t count;
	boot_s_t next_end;
};

void override_init(struct override_set *s);
void override_fini(struct override_set *s);

// The override of a domain, or NULL. Borrowed until the next call that writes.
const struct override *override_of(const struct cache *c, const struct name *domain);

// Reads what the store has, before any record is loaded.
// @return 0 or a negative code.
[[nodiscard]] int override_load(
	struct cache *c,
	const struct cache_now *now,
	const struct wallclock *clock,
	struct store_load_report *report
);
// Puts those into the table of which no record was loaded.
void override_loaded(struct cache *c, const struct cache_now *now);

// What is kept of a domain has just been taken from the table.
void override_dropped(struct cache *c, const struct name *domain, const struct cache_now *now);

// Whether the entry is of a domain that has one: it is not evicted.
bool override_guards(const struct cache *c, const struct entry *e);

// Whether the entry stands for an override alone: nothing is known beneath.
bool override_is_bare(const struct cache *c, const struct entry *e);

// Whether the confirmation was of an override.
bool override_confirm(struct cache *c, const struct store_confirm *k, const struct cache_now *now);

// Ends those that are over, and writes again what the store refused.
void override_turn(struct cache *c, const struct cache_now *now);
