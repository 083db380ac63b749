// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The RCU-protected table of verdicts. Any number of registered readers look
// up without locks; one writer thread publishes, removes and grows.
//
// A name present throughout a lookup is found, through replacement, bucket
// split and growth. Entries are immutable but for `used_h` and `checking`, and
// are borrowed until the reader's next quiescent point.

enum entry_kind {
	ENTRY_NONE = 1, // same order as enum record_kind
	ENTRY_POLICY,
	ENTRY_FAILED,
	ENTRY_UNKNOWN,
};

#define ENTRY_CHECK_NEVER UINT32_MAX

struct entry {
	uint32_t ends_s;	  // boot second from which the verdict no longer counts
	uint32_t check_s;	  // boot second from which a use starts a check
	_Atomic uint16_t used_h;  // boot hour + 1 of the last use, 0: none since loaded
	_Atomic uint8_t checking; // 1: a check has been asked for; of a NONE the writer's
	uint8_t kind;
	uint8_t name_len;
	char name[]; // name_len octets, no NUL; then, but for NONE, struct entry_body
};

// What follows the name at the next multiple of 8, but for ENTRY_NONE. Behind
// it: the ready-made answer (TXT RDATA, see dataplane/lookup.h), then the
// record (cache/record.h, shift 0).
struct entry_body {
	uint16_t answer_bytes;
	uint16_t fresh_at; // offset of the digit after "fresh=" in the answer, 0: none
	uint32_t record_bytes;
	uint32_t text_at; // offset of the policy text from the start of the record, 0: none
	uint32_t text_bytes;
	uint32_t place;	     // on a roster; for cache/evict.h, as segment is: the writer's
	uint16_t answer_sum; // checksum of the answer: ~sum_fold() of base/sum.h
	uint8_t segment;     // enum evict_segment
	uint8_t data[];	     // answer, then record
};

static inline const struct entry_body *entry_body(const struct entry *e) {
	const char *end = e->name + e->name_len;
	return (const struct entry_body *)(const void *)(end + (-(uintptr_t)end & 7));
}

// A use of the entry: stamps the hour, and claims the check that is due.
// @return True for one caller only, until `checking` is cleared: it must have the
//         domain checked, or clear the mark.
// Context: any reader, or the writer.
static inline bool entry_use(const struct entry *e, uint32_t now_s) {
	struct entry *mark = (struct entry *)(uintptr_t)e; // these two fields change
	uint16_t hour = (uint16_t)(now_s / 3600 + 1);
	if (atomic_load_explicit(&mark->used_h, memory_order_relaxed) != hour) {
		atomic_store_explicit(&mark->used_h, hour, memory_order_relaxed);
	}
	uint8_t none = 0;
	return e->check_s <= now_s
	       && atomic_load_explicit(&mark->checking, memory_order_relaxed) == 0
	       && atomic_compare_exchange_strong_explicit(
		       &mark->checking, &none, 1, memory_order_relaxed, memory_order_relaxed
	       );
}

// The check could not be asked for: the next use may.
static inline void entry_unclaim(const struct entry *e) {
	struct entry *mark = (struct entry *)(uintptr_t)e;
	atomic_store_explicit(&mark->checking, 0, memory_order_relaxed);
}

struct table;
struct table_reader;

struct table_config {
	size_t max_names; // address space is reserved for so many; more are refused
	uint64_t seed;	  // of the keyed hash; random per start
};

struct table_stats {
	size_t names;
	size_t by_kind[5];  // indexed by enum entry_kind
	size_t entry_bytes; // slab memory of live entries
	size_t bucket_bytes;
	size_t retired;	   // entries and buckets that wait for a grace period
	size_t span_bytes; // slab memory in all: live, retired and free
};

// Starts the reclaimer thread `sts:reclaim` too.
// @return The table, or NULL with errno set.
struct table *table_new(const struct table_config *config);
// All readers are unregistered by then.
void table_free(struct table *t);

// Readers. A reader belongs to the thread that registered it; a thread has at
// most one at a time, and it is online from the start.
struct table_reader *table_reader_register(struct table *t); // NULL: out of memory
void table_reader_quiescent(struct table_reader *r);	     // once per loop turn
void table_reader_offline(struct table_reader *r);	     // before any wait
void table_reader_online(struct table_reader *r);
void table_reader_unregister(struct table_reader *r);

#define TABLE_BURST_MAX 64

struct table_key {
	const char *name; // lower-case
	uint32_t len;
};

// Looks up n <= TABLE_BURST_MAX names as one pipeline: hash all, prefetch
// buckets, prefetch entries, compare. out[i] is NULL where a name is absent.
// Entries are given as they are, ended ones too: the caller judges by time.
// Context: a registered, online reader, or the writer.
void table_lookup_bulk(
	const struct table *t,
	const struct table_key keys[],
	unsigned n,
	const struct entry *out[]
);

const struct entry *table_lookup(const struct table *t, const char *name, size_t len);

// The writer (one thread).

// Memory for an entry with this name and extra octets behind (0 for NONE);
// fields but name and name_len are zero, `data` is undefined.
// @return NULL when memory is short.
struct entry *
table_entry_new(struct table *t, const char *name, size_t name_len, size_t body_data_bytes);
struct entry_body *table_entry_body(struct entry *e);
// Whether there is memory for a NONE entry of such a name without taking more.
bool table_none_fits(const struct table *t, size_t name_len);
// Gives back an entry that was never published.
void table_entry_discard(struct table *t, struct entry *e);

// Inserts, or replaces the entry of the same name, whose used_h it takes over;
// the old one is retired. Grows by at most one bucket split.
// @return 0: the table owns e now. -ENOSPC: max_names reached. -ENOMEM: memory for
//         an overflow bucket is short. On both e is the caller's.
[[nodiscard]] int table_publish(struct table *t, struct entry *e);

// Retires the entry. @return False if there was none.
bool table_remove(struct table *t, const char *name, size_t len);

// Calls fn for the entries of about `budget` buckets, starting at *cursor (0:
// the beginning), which moves on and is 0 again after the last. A name present
// throughout a whole pass is given exactly once, also while the table grows.
// fn may publish or remove the very entry it was given, and calls no table_turn().
void table_scan(
	struct table *t,
	uint64_t *cursor,
	unsigned budget,
	void (*fn)(void *arg, const struct entry *e),
	void *arg
);

// Once per turn of the writer's loop: hands what was retired to the reclaimer
// and takes freed memory back. Never waits for a grace period.
void table_turn(struct table *t);

// Context: any thread; the figures are not of one instant.
struct table_stats table_stats(const struct table *t);

// Thread id of the reclaimer, for CPU masks.
int table_reclaimer_tid(const struct table *t);
