// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/record.h"
#include "fetch/outcome.h"
#include "fetch/vet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// All discoveries: one job per domain whatever started it (single flight),
// back-off, limits and the refresh wheel. Pure: time comes in, actions go out
// through `struct sched_ops`; nothing here does I/O.
// Context of every call: one thread (sts:main, or a scenario test).

enum sched_cause {
	SCHED_MISS,	// somebody waits
	SCHED_CHECK,	// a use found next_check_at over
	SCHED_RECHECK,	// somebody waits for the TXT to be read now
	SCHED_REFRESH,	// due in the wheel
	SCHED_PREFETCH, // the operator asks; fetch even if a policy is cached
};

// How a waiting question is answered.
enum sched_verdict {
	SCHED_LOOK, // look in the table
	SCHED_NONE,
	SCHED_FAILED,
	SCHED_UNKNOWN,
	SCHED_PENDING,
};

struct sched_reply {
	enum sched_verdict verdict;
	uint32_t retry_s;
	char why[RECORD_WHY_MAX + 1];
};

// One who waits; the token is opaque here: whoever asked puts it in and gets it
// back.
struct sched_waiter {
	uint64_t token[2];
	uint64_t client; // who asks, for the limits on misses; 0: not limited
	bool silent;	 // has an answer already: it counts, and is not told of the end
};

// What makes a failure beside an unexpired enforce or testing policy look like an
// attempt to take it away (RFC 8461 10.2).
enum sched_downgrade {
	SCHED_NO_DOWNGRADE,
	SCHED_DOWNGRADE_ABSENT,	 // the TXT record is gone
	SCHED_DOWNGRADE_INVALID, // it is no good
	SCHED_DOWNGRADE_DNS,	 // it cannot be had
	SCHED_DOWNGRADE_FETCH,	 // the policy cannot be had over HTTPS
	SCHED_DOWNGRADE_CAUSES,
};

// "none", "txt-absent", "txt-invalid", "dns-failed", "fetch-failed".
const char *sched_downgrade_str(enum sched_downgrade cause);

// What a finished job does to what is kept. Applied whole, in one step.
enum sched_effect {
	SCHED_KEEP, // nothing changes
	SCHED_PUT,  // *record replaces what is kept; durable if `durable`
	SCHED_DROP, // what is kept is forgotten
};

struct sched_settlement {
	struct name domain;
	enum sched_effect effect;
	bool durable; // policy or validity changed: fsync before it is answered
	enum sched_downgrade downgrade;
	bool tell;	      // the downgrade is worth a line in the log: once an hour and domain
	struct record record; // for SCHED_PUT; borrowed pointers
	struct sched_reply reply;	    // to all who wait
	const struct sched_waiter *waiters; // borrowed
	size_t waiter_count;
};

struct sched_ops {
	// Starts a task; its outcome comes back by sched_outcome(). False: it
	// cannot be started now (a local fault).
	bool (*start)(void *arg, const struct task *task);
	// The task's outcome is no longer wanted.
	void (*cancel)(void *arg, uint64_t task);
	// What is kept of a domain now, in memory or on its way to the store.
	// False: nothing. Borrowed until the next call into sched.
	bool (*current)(void *arg, const struct name *domain, struct record *out);
	// Applies a finished job. The job stays, and stays the single flight of its
	// domain, until sched_settled() is called; that may be within this call.
	void (*settle)(void *arg, const struct sched_settlement *s);
	// Answers one who waits without a finished job (limits, hold over).
	void (*answer
	)(void *arg,
	  const struct sched_waiter *waiter,
	  const struct name *domain,
	  const struct sched_reply *reply);
	// The level of a policy that cannot be renewed has risen (fetch/alert.h).
	void (*alert
	)(void *arg, const struct name *domain, enum record_alert level, int64_t left_s);
};

struct sched_config {
	size_t jobs_max;	  // at once; beyond it misses get SCHED_PENDING
	size_t fetches_max;	  // TASK_POLICY at once
	uint32_t per_address_max; // 8 (per IPv4 or IPv6 address)
	uint32_t per_network_max; // 32 (per /24 or /48)
	uint32_t refresh_per_s;	  // proactive fetches a second
	uint32_t unused_s;	  // 180 days: then no longer refreshed
	uint32_t client_per_s;	  // jobs one client may start a second; 0: no limit
	uint32_t domain_per_s;	  // the same below one registered domain
	uint64_t seed;		  // of the jitter
	// Addresses that may be connected to although they are private; vet_* rules.
	const struct prefix *allow_private;
	size_t allow_private_count;
};

struct sched;

// @return NULL with errno set.
struct sched *sched_new(const struct sched_config *config, const struct sched_ops *ops, void *arg);
void sched_free(struct sched *s);

// Asks for a domain. A running job is joined, unless it is past its TXT step
// and cause is SCHED_RECHECK: then another TXT is read behind it.
// A miss of what is kept and in force is answered at once. Questions that come
// between settle() and sched_settled() are answered after the latter with
// SCHED_LOOK.
// @param waiter  NULL: nobody waits.
// @return False when there is no place: a waiter has been answered SCHED_PENDING;
//         of a check nothing comes, so its mark in the table must be cleared.
bool sched_want(
	struct sched *s,
	const struct name *domain,
	enum sched_cause cause,
	const struct sched_waiter *waiter,
	boot_s_t now,
	mono_ns_t now_ns
);

void sched_outcome(struct sched *s, const struct outcome *o, boot_s_t now, mono_ns_t now_ns);

// The settlement of this domain is in force; the job ends.
void sched_settled(struct sched *s, const struct name *domain, boot_s_t now, mono_ns_t now_ns);

// A policy has been loaded: it will be refreshed at its time, and watched when it
// fails. After a settlement sched does this itself.
void sched_loaded(struct sched *s, const struct record *policy, boot_s_t now);

// Deadlines, due refreshes, waiting fetches. Call at least every 100 ms.
void sched_tick(struct sched *s, boot_s_t now, mono_ns_t now_ns);

struct sched_stats {
	size_t jobs;	     // now
	size_t fetches;	     // TASK_POLICY in flight now
	size_t waiting;	     // fetches that wait for a free place
	size_t armed;	     // policies that will be refreshed
	size_t due;	     // of them those whose time has come
	uint64_t deferred;   // put off for the share of their registered domain
	uint64_t started[5]; // by enum sched_cause
	uint64_t joined;     // questions that joined a running job
	uint64_t refused;    // jobs_max reached
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t refused_client; // of them by the limits on misses
	uint64_t refused_domain;
	uint64_t downgrades[SCHED_DOWNGRADE_CAUSES]; // by cause
	size_t alerts[RECORD_ALERT_LEVELS];	     // policies now, none of OK
	// Accepted policies of which something had to be passed over or mended.
	uint64_t mx_dropped;
	uint64_t mx_dotted;
	uint64_t max_age_clamped;
	uint64_t media_type_odd;
};

void sched_stats(const struct sched *s, struct sched_stats *out);
