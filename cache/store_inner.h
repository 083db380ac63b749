// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/queue.h"
#include "cache/engine.h"
#include "cache/manifest.h"
#include "cache/store.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

// What the store's own files share: store.c (the calls of other threads),
// store_disk.c (directory and engine) and store_loop.c (the thread).

#define STORE_QUEUE_MAX 65536
#define STORE_QUEUE_BYTES_MAX ((size_t)64 << 20)
#define STORE_TICKETS_MAX 16384 // queued, or confirmed and not yet taken
#define STORE_GETS_MAX 4096
#define STORE_ROWS_MAX 1024
#define STORE_LAZY_WRITES 1024 // so many lazy writes do not wait any longer

// Keys are the letter of the family and the domain.
#define STORE_KEY_MAX (1 + NAME_DOMAIN_MAX)

static inline uint8_t store_letter(enum store_family family) {
	return (uint8_t) "PSNO"[family];
}

struct store_write {
	STAILQ_ENTRY(store_write) link;
	uint64_t ticket;
	mono_ns_t queued_at;
	uint32_t len;
	uint8_t key_len;
	bool deletes;
	bool superseded;  // a later write of the group has the same key
	uint8_t octets[]; // key, then value
};
STAILQ_HEAD(store_writes, store_write);

struct store_want { // of store_get()
	uint64_t ticket;
	enum store_family family;
	struct name domain;
};

struct store_group;

struct store {
	// Set by open, constant afterwards.
	struct store_mem *mem;
	struct store_space *space; // NULL in memory
	struct queue *confirms;
	struct queue *answers; // rows of store_get()
	struct queue *rows;    // of the stream
	struct queue *wants;
	int lock_fd;  // flock on `<directory>/lock`
	int ready_fd; // epoll over the three queues that go out
	bool in_memory;
	bool own_mem;

	// The opening thread's, then the store thread's.
	bool compared;	   // `state` is true of this engine
	bool damaged;	   // a part of the engine cannot be read
	bool failed;	   // a commit failed: close and reopen
	bool down;	   // no commits until revived
	int cause;	   // why
	unsigned attempts; // to revive
	mono_ns_t retry_at;
	struct engine *engine;	     // NULL while it cannot be opened
	struct manifest *manifest;   // NULL in memory
	struct manifest_state state; // what the engine holds
	struct store_group *group;
	struct engine_iter *stream; // NULL: not begun, or paused

	// The asking thread's until `streaming` is set, then the store thread's.
	size_t stream_key_len;
	enum store_family stream_family;
	uint8_t stream_key[STORE_KEY_MAX + 1]; // to go on from

	// Under the lock.
	bool streaming;
	bool stop;
	uint64_t backup_ticket; // 0: none is wanted
	wall_s_t backup_wall;
	char backup[PATH_MAX];
	pthread_mutex_t lock;
	pthread_cond_t wake; // of the store thread
	struct store_writes writes;
	size_t write_count;
	size_t write_bytes;
	size_t urgent; // queued writes with a ticket
	size_t tickets;
	size_t gets; // asked for, and answers not yet taken
	struct store_stats stats;

	pthread_t thread;
	_Atomic int tid;
	bool running; // of the opening thread

	char directory[PATH_MAX];
	char db[PATH_MAX];
	char fresh[PATH_MAX]; // `<directory>/db.new`, while a damaged one is copied
};
