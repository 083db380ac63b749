// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Durable keeping of records: an engine (RocksDB, or memory in tests) behind a
// thread `sts:store` with group commit. Values are octets to the store
// (cache/record.h makes them, with wall times).
//
// Manifest: policies only. Before each group commit that touches policies, a
// line {batch, count, sum after} is appended to `<directory>/manifest` and
// synced; the sum is that of per-record hashes mod 2^128. On load the store
// must equal the last line or the one before.

enum store_family {
	STORE_POLICY, // durable, manifested
	STORE_STATE,  // lazy: failed records, and of policies checked_at, last_used, failures
	STORE_NONE,   // lazy, may be lost
};

struct store;

struct store_config {
	const char *directory; // made 0700; the engine's files are in `<directory>/db`
	bool in_memory;	       // the engine for tests: nothing on disk
};

// Result of open.
struct store_load_report {
	bool complete;	 // manifest and store agree
	char fault[128]; // why not, a sentence; "" when complete
	uint64_t policies;
	uint64_t damaged; // records refused by the caller's callback
};

// Opens the engine, makes the directory. A store that cannot be opened is moved
// aside to `<directory>/quarantine-N` and a new one is begun (report->fault says
// so); a store written by a newer version is left alone and refused.
// @return 0, negative errno, ERR_STORE or ERR_VERSION.
// Context: before any thread of the store runs; blocks on disk.
[[nodiscard]] int
store_open(const struct store_config *config, struct store **out, struct store_load_report *report);

// Reads every record of a family before the thread is started. fn returns false
// for a value it refuses (counted in report->damaged). For STORE_POLICY the
// manifest is compared at the end and report->complete set.
// @return 0 or ERR_STORE.
[[nodiscard]] int store_load(
	struct store *s,
	enum store_family family,
	bool (*fn)(void *arg, const struct name *domain, const void *value, size_t len),
	void *arg,
	struct store_load_report *report
);

// Starts `sts:store`.
[[nodiscard]] int store_start(struct store *s);

// Stops the thread after what is queued is committed, closes the engine.
void store_close(struct store *s);

// Queues a write; value is copied. A NULL value deletes.
// @param ticket  0: lazy, no confirmation. Else: fsynced, and given back by
//                store_confirmed().
// @return False when the queue is full: nothing happened.
// Context: any control thread; never waits.
[[nodiscard]] bool store_put(
	struct store *s,
	enum store_family family,
	const struct name *domain,
	const void *value,
	size_t len,
	uint64_t ticket
);

struct store_confirm {
	uint64_t ticket;
	int status; // 0, or negative: not durable; the engine is being reopened
};

// @return How many confirmations were taken, 0 when there are none.
size_t store_confirmed(struct store *s, struct store_confirm out[], size_t max);

// Streams a family in the background, from a snapshot taken now, in batches
// through a bounded queue.
[[nodiscard]] bool store_stream(struct store *s, enum store_family family);

struct store_row {
	struct name domain;
	uint32_t len; // 0 with last: the end of the stream
	bool last;
	uint8_t value[96]; // NONE records are small; longer values are cut (len tells)
};

// @return Rows taken; 0 when none are there yet.
size_t store_streamed(struct store *s, struct store_row out[], size_t max);

// Readable while store_confirmed() or store_streamed() have something.
int store_fd(const struct store *s);

struct store_stats {
	uint64_t commits;
	uint64_t writes;
	uint64_t errors; // failed commits
	uint64_t reopened;
	uint64_t queued;	// waiting now
	uint64_t commit_ns_max; // longest commit since start
	bool degraded;		// the last commit failed
};

struct store_stats store_stats(struct store *s);
int store_tid(const struct store *s);
