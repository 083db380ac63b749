// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/record.h"
#include "fetch/outcome.h"
#include "fetch/pace.h"
#include "fetch/sched.h"

#include <stdbool.h>
#include <stdint.h>

// One discovery (RFC 8461 3 and 5.1) as a state machine: TXT, then the address of
// the policy host, then the policy. Events go in, what to do next comes out, and
// at the end one settlement (fetch/settle.h). Queues, limits and waiters are
// sched's.
//
// What is kept of the domain is asked for anew at every step (`current`), so the
// last word on "a failure never replaces an unexpired policy" is spoken with what
// is kept at that very moment.

enum job_next {
	JOB_READ_TXT,
	JOB_RESOLVE, // the policy host
	JOB_FETCH,
	JOB_SETTLE,
};

// Why a domain is not fetched now.
enum job_denial {
	JOB_ALLOWED,
	JOB_BACKS_OFF, // this id has failed
	JOB_PACED,     // it had enough ids of late
	JOB_HELD,      // its policy had max_age 0
};

struct job {
	struct name domain;
	bool force;  // fetch although the id is the same: refresh, prefetch
	bool bypass; // the operator asks: no back-off
	bool used;   // somebody's mail asks, not the clock or the operator
	bool txt_read;
	bool fetched; // an answer of the policy host, or its lack, is there
	// Of the TXT step.
	enum outcome_code txt_code;
	char txt_detail[OUTCOME_DETAIL_MAX + 1];
	char id[POLICY_ID_MAX + 1]; // found, else the one a refresh goes under
	uint32_t ttl_s;
	// No fetch, because the domain may be fetched only after so long.
	enum job_denial denial;
	int64_t denied_s;
	// Of the address step: allowed ones only.
	uint8_t address_count;
	struct address addresses[TASK_ADDRESS_MAX];
	// Of the fetch, or the address step when that failed. Borrowed text.
	struct outcome result;
};

// What a job needs to know of the world.
struct job_view {
	const struct record *current; // NULL: nothing is kept
	boot_s_t now;
	struct pace_state pace;
	const struct prefix *allow_private;
	size_t allow_private_count;
	uint64_t *random;
};

// Whether what is kept (NULL: nothing) answers a question at `now`, and whether
// it is a policy.
bool job_is_live(const struct record *current, boot_s_t now);
bool job_is_live_policy(const struct record *r, boot_s_t now);

// The back-off of the domain, whoever remembers it.
const struct record_backoff *job_backoff(const struct job_view *v);

// Whether a fetch under this id failed and is not to be tried again yet.
bool job_backs_off(const struct job_view *v, const char *id);

// The answer to one who waits, from a live record.
void job_reply(const struct record *current, boot_s_t now, struct sched_reply *reply);

// @return JOB_READ_TXT, or JOB_SETTLE when the network need not be asked.
enum job_next job_init(
	struct job *j,
	const struct name *domain,
	enum sched_cause cause,
	const struct job_view *v
);

// Another question joins before the TXT answer is there.
void job_join(struct job *j, enum sched_cause cause);

// The answer of the step the job is in. j->result borrows from the outcome.
enum job_next job_txt(struct job *j, const struct outcome *o, const struct job_view *v);
enum job_next job_address(struct job *j, const struct outcome *o, const struct job_view *v);
void job_policy(struct job *j, const struct outcome *o);
