// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/counter.h"
#include "cache/table.h"
#include "dataplane/budget.h"
#include "dataplane/dataplane.h"
#include "dataplane/frame.h"
#include "dataplane/held.h"
#include "dataplane/port.h"
#include "dataplane/trust.h"

#include <rte_ring.h>

#include <stdatomic.h>
#include <stdbool.h>

// A poll loop: one queue pair, one core, its held queries, its counters. On a
// hit it makes no system call, takes no lock, allocates and logs nothing.

// X(field, counter, help): what a worker counts.
// clang-format off
#define WORKER_COUNTER_LIST(X)                                                              \
	X(queries,         "stsd_queries_total",              "questions of allowed clients") \
	X(answers_policy,  "stsd_answers_policy_total",       "answers r=policy")           \
	X(answers_none,    "stsd_answers_none_total",         "answers r=none")             \
	X(answers_failed,  "stsd_answers_failed_total",       "answers r=failed")           \
	X(answers_unknown, "stsd_answers_unknown_total",      "answers r=unknown")          \
	X(answers_pending, "stsd_answers_pending_total",      "answers r=pending")          \
	X(answers_text,    "stsd_answers_text_total",         "answers of _policy. names")  \
	X(answers_zone,    "stsd_answers_zone_total",         "answers about the zone, and NODATA") \
	X(answers_error,   "stsd_answers_error_total",        "RCODEs other than NOERROR")  \
	X(not_ready,       "stsd_answers_not_ready_total",    "SERVFAIL while policies are loaded") \
	X(hits,            "stsd_hits_total",                 "verdicts found in the table") \
	X(held,            "stsd_held_total",                 "questions held")             \
	X(joined,          "stsd_held_joined_total",          "of them joined to one held before") \
	X(replaced,        "stsd_held_replaced_total",        "repeats that replaced a held question") \
	X(held_full,       "stsd_held_full_total",            "not held for want of a place") \
	X(hold_over,       "stsd_hold_over_total",            "held questions whose time was over") \
	X(ready,           "stsd_ready_total",                "ready tokens taken")         \
	X(ready_stale,     "stsd_ready_stale_total",          "of them for questions answered before") \
	X(miss_full,       "stsd_miss_full_total",            "misses lost to a full ring") \
	X(check_full,      "stsd_check_full_total",           "checks lost to a full ring") \
	X(batches,         "stsd_batches_total",              "questions with a batch of names") \
	X(batch_names,     "stsd_batch_names_total",          "names asked in batches")     \
	X(batch_datagrams, "stsd_batch_datagrams_total",      "answers to batches beyond the first of each") \
	X(batch_no_buffer, "stsd_batch_no_buffer_total",      "batches cut short for want of a buffer") \
	X(neighbours,      "stsd_neighbour_answers_total",    "ARP, ND and echo answers")   \
	X(drop_acl,        "stsd_drop_acl_total",             "clients outside clients.allow") \
	X(drop_budget,     "stsd_drop_untrusted_total",       "answers kept from untrusted clients: more octets than came") \
	X(drop_segments,   "stsd_drop_segments_total",        "frames in more than one buffer") \
	X(drop_message,    "stsd_drop_message_total",         "no DNS query: short, or a response") \
	X(drop_neighbour,  "stsd_drop_neighbour_total",       "ARP, ND or echo not for us") \
	X(drop_tx,         "stsd_drop_tx_total",              "answers the port did not take") \
	X(polls,           "stsd_polls_total",                "looks at the receive queue") \
	X(polls_empty,     "stsd_polls_empty_total",          "of them in vain")            \
	X(naps,            "stsd_naps_total",                 "naps while idle")
// clang-format on

struct worker_counters {
#define WORKER_COUNTER_FIELD(field, counter, help) counter_t field;
	WORKER_COUNTER_LIST(WORKER_COUNTER_FIELD)
#undef WORKER_COUNTER_FIELD
	counter_t drops[FRAME_DROP_COUNT];
	struct trust_counters trust;
};

// Whom to believe, as published; old ones stay until the data plane closes.
struct worker_clients {
	struct trust trust;
	struct worker_clients *older;
};

// What all workers share. Written by the control core, read by the workers.
struct worker_shared {
	struct table *table;
	struct port port;
	struct frame_owner owner;
	struct lookup_zone zone;
	uint8_t tcp_at; // bit i: TCP to address i of the owner is served too
	const char *version;
	const char *tcp;
	boot_s_t started;
	struct rte_ring *misses;
	struct rte_ring *rechecks;
	struct rte_ring *checks;
	int wake_fd;
	_Atomic(struct worker_clients *) clients;
	atomic_bool serving;
	atomic_bool stop;
	_Atomic uint64_t entries; // for the apex TXT
	// Written by the control core before it waits, cleared by who wakes it.
	_Alignas(64) atomic_bool asleep;
};

struct worker {
	struct worker_shared *shared;
	unsigned index; // and queue
	struct held *held;
	struct budget *budget;
	struct rte_ring *ready;
	_Alignas(64) struct worker_counters counters;
	counter_t heartbeat;
};

// The loop, for rte_eal_remote_launch(); returns 0 when shared->stop is set.
// @param arg  struct worker.
int worker_main(void *arg);
