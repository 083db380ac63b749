// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "fetch/job.h"
#include "fetch/quota.h"
#include "fetch/sched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

// The jobs in flight: at most one per domain, in a fixed number of places, each
// with those who wait for it and a stage.

enum flight_stage {
	FLIGHT_TXT,	 // a TASK_TXT is out
	FLIGHT_ADDRESS,	 // a TASK_ADDRESS is out
	FLIGHT_WAITING,	 // for room for its fetch
	FLIGHT_POLICY,	 // a TASK_POLICY is out
	FLIGHT_SETTLING, // settled, not yet in force
	FLIGHT_STAGES,
};

struct flight_waiters {
	struct sched_waiter *list; // heap
	size_t count;
	size_t cap;
};

struct flight {
	TAILQ_ENTRY(flight) stage_link; // in order of since_ns
	struct flight *chain;
	enum flight_stage stage;
	uint32_t generation; // of the task that is out
	mono_ns_t since_ns;  // in this stage
	mono_ns_t spent_ns;  // at the policy host, in earlier stages
	struct quota_ticket ticket;
	struct job job;
	// A TASK_POLICY goes to these.
	uint8_t target_count;
	struct address targets[TASK_ADDRESS_MAX];
	struct flight_waiters waiters;
	// Came after the TXT step with SCHED_RECHECK or SCHED_PREFETCH: another job
	// follows this one.
	bool follow;
	enum sched_cause follow_cause;
	struct flight_waiters followers;
};

TAILQ_HEAD(flight_list, flight);

struct flight_pool;

// @return NULL with errno set.
struct flight_pool *flight_pool_new(size_t max, uint64_t seed);
void flight_pool_free(struct flight_pool *f);

struct flight *flight_find(const struct flight_pool *f, const struct name *domain);

// A new job in FLIGHT_TXT; its job holds nothing but the domain.
// @return NULL when all places are taken.
struct flight *flight_open(struct flight_pool *f, const struct name *domain, mono_ns_t now_ns);

// Gives the place back. Waiters were taken before.
void flight_close(struct flight_pool *f, struct flight *fl);

void flight_enter(
	struct flight_pool *f,
	struct flight *fl,
	enum flight_stage stage,
	mono_ns_t now_ns
);

const struct flight_list *flight_in(const struct flight_pool *f, enum flight_stage stage);
size_t flight_count(const struct flight_pool *f, enum flight_stage stage);
size_t flight_total(const struct flight_pool *f);

// The id for the next task of this job; earlier ones are no longer its own.
uint64_t flight_task(const struct flight_pool *f, struct flight *fl);
// The id of the task that is out.
uint64_t flight_task_now(const struct flight_pool *f, const struct flight *fl);
// @return NULL when the task is nobody's.
struct flight *flight_of_task(const struct flight_pool *f, uint64_t task);

// @return False without memory.
[[nodiscard]] bool flight_wait(struct flight_waiters *w, const struct sched_waiter *waiter);
