// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/cache.h"
#include "cache/override.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

// What cache.c, cache_load.c, cache_publish.c and cache_sweep.c share: the body of struct cache.
// The loading side fills the table at start, and with NONE records in the
// background; the sweep goes round in what is kept.

#define CACHE_PENDING_BUCKETS 4096
#define CACHE_LOAD_KEEP_ENDED_S (7 * 86400) // policies, on disk and in memory

struct put {
	TAILQ_ENTRY(put) link;
	struct put *next_in_bucket;
	uint64_t ticket;
	uint64_t cookie;
	mono_ns_t deadline; // waiting: publish by then; late: write again then
	struct name domain;
	size_t room; // held in memory until it is published
	bool queued; // at the store, unconfirmed
	bool late;
	uint32_t len;
	uint8_t record[]; // shift 0
};
TAILQ_HEAD(put_list, put);

struct cache {
	struct cache_config config;
	struct cache_stats stats;
	struct evict *evict;
	struct put_list waiting; // not published yet
	struct put_list late;	 // published, not durable
	struct put *by_domain[CACHE_PENDING_BUCKETS];
	struct override_set overrides;
	struct cache_now now; // of the last turn
	uint64_t backup_ticket;
	uint64_t backup_cookie;
	uint64_t ticket;
	uint64_t sweep_cursor;
	mono_ns_t sweep_at; // when the next slice is due
	bool warm;
	bool loading;	       // policies and failures of the store
	bool keep_on_disk;     // the clock is suspect: delete nothing
	int64_t load_shift_s;  // wall minus boot, as judged at load
	bool restamp;	       // the sweep writes all policies anew, with the kept wall time
	bool restamps;	       // it does so, or some of them are not confirmed yet
	bool shows;	       // shown_shift_s is set
	int64_t shown_shift_s; // wall clock minus boot, as answers are rendered with
	bool rerender;	       // a pass renders all answers anew
	uint64_t render_cursor;
	bool folds; // this pass of the sweep folds uses into the store
	boot_s_t fold_at;
	uint8_t *answer;  // scratch of config.answer_max
	uint8_t *encoded; // scratch of RECORD_BYTES_MAX
};

// Of cache.c: the record of an entry without the use the entry has seen, and that
// use put into it. @return 0 or ERR_CORRUPT.
[[nodiscard]] int cache_read_stored(const struct entry *e, struct record *out);
void cache_fold_use(const struct entry *e, struct record *rec);
// Of cache.c: a put under way, or NULL.
struct put *cache_find_pending(const struct cache *c, const struct name *domain);
// Of cache.c: writes what is not worth an fsync.
void cache_store_lazy(struct cache *c, const struct record *rec, const struct cache_now *now);
// Of cache.c: whether what the entry holds stands under STORE_STATE too.
bool cache_has_state(const struct entry *e);
// Of cache.c: deletes a record from the store, lazily.
void cache_store_forget(struct cache *c, enum store_family family, const struct name *domain);

// Takes what the store has streamed and looked up since the last turn.
void cache_load_stream(struct cache *c, const struct cache_now *now);

// A slice of the sweep that removes what has ended, folds uses into the store and
// mends times after the wall clock jumped.
void cache_sweep(struct cache *c, const struct cache_now *now);
