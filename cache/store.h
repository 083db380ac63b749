// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Durable keeping of records: an engine (RocksDB, or memory in tests) behind a
// thread `sts:store` with group commit. Values are octets to the store
// (cache/record.h makes them, with wall times).
//
// Manifest (cache/manifest.h): policies only. Before each group commit that
// touches policies, a line {batch, count, sum after} is appended to
// `<directory>/manifest` and synced; the sum is that of per-record hashes mod
// 2^128. On load the store must equal the last line or the one before.
//
// A disk that fails never stops the process: writes are refused with a negative
// confirmation, the engine is closed and opened again with back-off (100 ms to
// 5 s), and the store is `degraded` until a write has held.

enum store_family {
	STORE_POLICY, // durable, manifested
	STORE_STATE,  // lazy: failed records, and of policies checked_at, last_used, failures
	STORE_NONE,   // lazy, may be lost
	STORE_OVERRIDE,
};

struct store;
struct store_mem;

struct store_config {
	const char *directory; // made 0700; the engine's files are in `<directory>/db`
	bool in_memory;	       // the engine for tests: nothing on disk
	struct store_mem *mem; // in_memory: whose data to use, borrowed; NULL: its own
};

// Result of open and load.
struct store_load_report {
	bool complete;	 // manifest and store agree
	char fault[128]; // why not, a sentence; "" when complete
	uint64_t policies;
	uint64_t damaged; // records refused by the caller's callback
};

// Opens the engine, makes the directory. A store that cannot be opened because
// it is damaged is moved aside to `<directory>/quarantine-N` and a new one is
// begun (report->fault says so); a store written by a newer version is left
// alone and refused.
// @return 0, negative errno (-EBUSY: another process has it), ERR_STORE or
//         ERR_VERSION.
// Context: before any thread of the store runs; blocks on disk.
[[nodiscard]] int
store_open(const struct store_config *config, struct store **out, struct store_load_report *report);

// Reads every record of a family before the thread is started. fn returns false
// for a value it refuses (counted in report->damaged), and may be NULL. A part
// that cannot be read is passed over, from both sides; the report tells, and
// store_start() then keeps what can be read in a new engine. For STORE_POLICY
// the manifest is compared at the end and report->complete set; `fault` keeps
// what store_open() wrote.
// @return 0 or ERR_STORE.
[[nodiscard]] int store_load(
	struct store *s,
	enum store_family family,
	bool (*fn)(void *arg, const struct name *domain, const void *value, size_t len),
	void *arg,
	struct store_load_report *report
);

// Starts `sts:store`. Policies that were not loaded are compared now.
// @return 0, negative errno or ERR_STORE.
[[nodiscard]] int store_start(struct store *s);

// Stops the thread after what is queued is committed (or has failed once more),
// closes the engine. NULL is fine.
void store_close(struct store *s);

// Queues a write; value is copied. A NULL value deletes. Writes take effect in
// the order of the calls; of a group only the last one of a domain reaches the
// engine. Lazy writes gather up to a second, and are kept while the store is
// degraded; durable ones are refused by a confirmation then.
// @param ticket  0: lazy, no confirmation. Else: fsynced, and given back by
//                store_confirmed(). What touches STORE_POLICY is fsynced always.
// @return False when the queue is full: nothing happened. Lazy writes may take
//         half of it.
// Context: any control thread; never waits for the disk.
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

// Each ticket comes back exactly once, in the order of the puts.
// @return How many confirmations were taken, 0 when there are none.
size_t store_confirmed(struct store *s, struct store_confirm out[], size_t max);

// Asks for one record in the background; the answer comes by store_streamed()
// as a row with this ticket. Lazy writes that still gather may not be seen.
// Meant for STORE_NONE: longer values are cut.
// @param ticket  Not 0.
// @return False when too many are under way: no answer follows.
// Context: any control thread; never waits for the disk.
[[nodiscard]] bool
store_get(struct store *s, enum store_family family, const struct name *domain, uint64_t ticket);

// Streams a family in the background in batches through a bounded queue,
// between commits, as it stood when the thread took the request up (an engine
// that is reopened meanwhile: as it stood then). A row may be older than what
// was put since.
// @return False when a stream is under way.
[[nodiscard]] bool store_stream(struct store *s, enum store_family family);

// Makes a copy of the store, as of the queued writes, in a new or empty directory
// on any file system: a checkpoint of the engine, a manifest, and the wall time.
// A stsd can start on it.
// @param directory  Absolute. @param ticket  Comes by store_confirmed().
// @return False when one is being made, or too many tickets are out.
// Context: any control thread; never waits for the disk.
[[nodiscard]] bool
store_backup(struct store *s, const char *directory, wall_s_t wall, uint64_t ticket);

struct store_row {
	uint64_t ticket; // of store_get(); 0: a row of the stream
	int status;	 // 0; store_get(): -ENOENT when there is none; else unreadable
	uint32_t len;	 // 0 with last: the end of the stream, status tells how it ended
	bool last;
	uint8_t value[96]; // NONE records are small; longer values are cut (len tells)
	struct name domain;
};

// Answers of store_get() first, then rows of the stream.
// @return Rows taken; 0 when none are there yet.
size_t store_streamed(struct store *s, struct store_row out[], size_t max);

// Readable while store_confirmed() or store_streamed() have something.
int store_fd(const struct store *s);

struct store_stats {
	uint64_t commits;
	uint64_t writes;
	uint64_t errors; // failed commits, those refused for want of space included
	uint64_t reopened;
	uint64_t queued;	// waiting now
	uint64_t commit_ns_max; // longest commit since start
	uint64_t lost;		// policies found missing when the engine was reopened
	bool degraded;		// the last commit failed
};

struct store_stats store_stats(struct store *s);
// Thread id of `sts:store`, for CPU masks; 0 before it is started.
int store_tid(const struct store *s);
