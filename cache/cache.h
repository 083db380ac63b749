// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/evict.h"
#include "cache/record.h"
#include "cache/store.h"
#include "cache/table.h"
#include "cache/wallclock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The table and the store as one: what is put is durable before it is
// published, and published before it is done. Context of every call: the
// writer's thread (sts:main); nothing here waits for the disk.

struct cache;

// The clocks, read once a turn by the caller.
struct cache_now {
	mono_ns_t mono;
	boot_s_t boot;
	wall_s_t wall;	// that stored times are meant in: cache/wallclock.h
	wall_s_t shown; // the wall clock: for the times in answers
};

struct cache_config {
	struct table *table;
	struct store *store;
	// Makes the ready-made answer of a record that is not NONE. `fresh_at` as in
	// struct entry_body. Returns octets written or negative.
	int (*render
	)(const struct record *rec,
	  int64_t wall_shift_s,
	  boot_s_t now,
	  uint8_t *buf,
	  size_t cap,
	  uint16_t *fresh_at);
	size_t answer_max;   // octets render may need
	uint32_t confirm_ms; // a store slower than that does not hold up an answer
	// The bound of memory and how it is shared out: cache/evict.h.
	size_t max_bytes;
	unsigned failed_percent;
	unsigned none_percent; // policies have the rest
	uint64_t seed;
	// A put is in force (kept or not); cookie as given.
	void (*done)(void *arg, const struct name *domain, uint64_t cookie);
	// What the operator asked for (override_set(), override_clear(),
	// cache_backup()) is on disk, or negative: why not.
	void (*operated)(void *arg, uint64_t cookie, int status);
	void *arg;
};

// @return NULL with errno set.
struct cache *cache_new(const struct cache_config *config);
void cache_free(struct cache *c);

// Loads policies, then what is kept lazily about them and failed records, and
// publishes what has not ended; then starts the store's thread. NONE records
// follow in the background.
// @param clock  The wall clock as judged at start; suspect: nothing is deleted.
// @param loaded  Called for each policy published, with its record.
// @return 0 or a negative code; what was found damaged is in *report.
[[nodiscard]] int cache_load(
	struct cache *c,
	const struct cache_now *now,
	const struct wallclock *clock,
	struct store_load_report *report,
	void (*loaded)(void *arg, const struct record *rec),
	void *arg
);

// Whether policies wait to be written with the new wall time, because the clock
// was suspect at load. Until they are, the wall time must not be saved.
bool cache_restamps(const struct cache *c);

// Whether the NONE records of the store are all in the table by now.
bool cache_warm(const struct cache *c);

// What is kept of a domain, puts under way included.
// @param out  Borrowed pointers, good until the next call that writes.
// @return False: nothing is.
bool cache_current(const struct cache *c, const struct name *domain, struct record *out);

// Asks the store whether it has an unexpired NONE record of this domain that is
// not loaded yet; done() follows with the cookie, whether or not there was one.
// @return False when the store is too busy: done() does not follow.
[[nodiscard]] bool cache_fetch_none(struct cache *c, const struct name *domain, uint64_t cookie);

// Keeps a record. Durable ones are written and confirmed first, for at most
// confirm_ms; lazy ones are published at once. done() is called with the
// cookie when the record is in force, perhaps within this call.
void cache_put(
	struct cache *c,
	const struct record *rec,
	bool durable,
	uint64_t cookie,
	const struct cache_now *now
);

// Forgets a domain, in memory and on disk; an override stands.
// @return False if nothing was kept.
bool cache_drop(struct cache *c, const struct name *domain);

// The check that a use asked for is over, or could not be started: the next
// overdue use may ask again.
void cache_checked(struct cache *c, const struct name *domain);

// Confirmations, late writes, streamed records, and every few milliseconds a
// slice of the sweep that removes what has ended and folds uses into the store.
// Every loop turn.
void cache_turn(struct cache *c, const struct cache_now *now);

// Reads an entry of the table, with its coarse use folded in.
// @return 0 or ERR_CORRUPT.
[[nodiscard]] int cache_read_entry(const struct entry *e, struct record *out);

// Copies the store, as store_backup() does; the answer comes by operated().
// @return 0; -EBUSY: one is being made, or the stored times are being mended.
[[nodiscard]] int
cache_backup(struct cache *c, const char *directory, uint64_t cookie, const struct cache_now *now);

struct cache_stats {
	uint64_t puts; // durable ones
	uint64_t puts_lazy;
	uint64_t late;	      // published before the store confirmed
	uint64_t not_durable; // such ones now, still being written again
	uint64_t not_kept;    // no place: at most answered for a while
	uint64_t swept;	      // ended entries removed
	uint64_t evicted;     // unended entries removed to stay within bounds
	uint64_t streamed;    // NONE records loaded in the background
	size_t pending;	      // puts under way now
	struct evict_stats memory;
};

void cache_stats(const struct cache *c, struct cache_stats *out);
