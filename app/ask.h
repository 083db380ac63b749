// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/pump.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

// Looking up and waiting, for the doors of the control core: as a worker of the
// data plane does it, from the same table and with the same jobs.
// Context of every call: sts:main.

struct ask;
struct event;
struct event_base;

// @return NULL: out of memory.
struct ask *ask_new(struct pump *pump, struct table *table, struct event_base *base);
// Nobody waits any more.
void ask_free(struct ask *a);

// Seconds as entries count them.
uint32_t ask_now_s(void);

// The verdict in force, borrowed until the caller returns to the loop, or NULL.
// Counts as a use: it is stamped, and a check that is due starts.
const struct entry *ask_look(struct ask *a, const struct name *domain);

// What is kept, in force or not. No use.
const struct entry *ask_peek(const struct ask *a, const struct name *domain);

// The record of an entry as a sender is to see it, overrides applied. It borrows
// from the entry. @return 0 or ERR_CORRUPT.
[[nodiscard]] int ask_shown(const struct ask *a, const struct entry *e, struct record *out);

// What one who waited is told: the entry in force, or the reply alone, which is
// then not SCHED_LOOK.
struct ask_answer {
	const struct entry *entry; // borrowed until the callback returns
	struct sched_reply reply;
};

typedef void ask_done_fn(void *arg, const struct ask_answer *answer);

// One who waits. Memory of the caller, zeroed before its first use, in place
// until it has been answered or cancelled.
struct ask_wait {
	TAILQ_ENTRY(ask_wait) link; // of those whose reply has come
	enum { ASK_IDLE, ASK_WAITING, ASK_READY } state;
	uint32_t slot;
	struct name domain;
	struct sched_reply reply;
	ask_done_fn *done;
	void *arg;
	struct ask *ask;
	struct event *hold;
};

// Has the domain discovered (SCHED_MISS) or its TXT record read (SCHED_RECHECK).
// done() follows once, from the event loop, never within this call: at the
// latest when the hold is over, with SCHED_PENDING.
void ask_wait(
	struct ask *a,
	struct ask_wait *w,
	const struct name *domain,
	enum sched_cause cause,
	uint32_t hold_ms,
	ask_done_fn *done,
	void *arg
);

// Nothing follows any more; also where nothing would have. The discovery goes on.
void ask_cancel(struct ask_wait *w);
