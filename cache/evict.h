// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/policy.h"
#include "cache/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Who has a place in memory. All octets of the table - slots of entries, their
// part of the buckets, their place on a roster - are shared out to policies, to
// failures (unknown ones included) and to `none`, so that a flood of one kind
// takes nothing from the others.
//
//   Policies: victims are ended ones, then mode none, then testing. An unexpired
//   enforce policy is never a victim: what finds no place is answered for
//   EVICT_PASSING_S, from a sixteenth of the share, and not kept. One registered
//   domain has a hundredth of the share at most. A policy that follows an
//   unexpired one of its domain always has a place, at the expense of `none`,
//   until max_bytes are full of policies; only then the old one stands.
//
//   Failures and `none`: a new one is on probation until it is used again. Once
//   the share is full, the victim is one on probation while these have more than
//   a tenth of the share, else one that is not: what has ended, then what was used
//   longest ago, of those that the hand of a clock passes. Unknown ones go before
//   failures.
//
// A step gives up at most EVICT_STEP_MAX entries and looks at a few hundred; what
// is over then is given up turn by turn.
// Context of every call: the writer.

#define EVICT_PASSING_S 300
#define EVICT_STEP_MAX 16
#define EVICT_BYTES_MIN 33 // no entry costs less

enum evict_share { EVICT_POLICIES, EVICT_FAILURES, EVICT_NONES, EVICT_SHARES };

// Where an entry stands. Up to EVICT_TESTING in the order of giving up.
enum evict_segment {
	EVICT_ENDED, // policies
	EVICT_MODE_NONE,
	EVICT_TESTING,
	EVICT_ENFORCE,
	EVICT_PASSING, // policies that are answered and not kept
	EVICT_UNKNOWN,
	EVICT_FAILED_NEW, // on probation
	EVICT_FAILED,
	EVICT_NONE_NEW, // on probation
	EVICT_NONE,
	EVICT_SEGMENTS
};

// "ended", "mode_none", ...
const char *evict_segment_str(enum evict_segment segment);

enum evict_verdict {
	EVICT_KEPT,
	EVICT_PASSES,  // a policy: to be answered, not kept
	EVICT_STANDS,  // the unexpired policy that is there stays instead
	EVICT_REFUSED, // not kept
};

struct evict_config {
	struct table *table;
	size_t max_bytes;
	unsigned failed_percent;
	unsigned none_percent; // policies have the rest
	uint64_t seed;
	// Whether an entry is no victim now.
	bool (*stays)(void *arg, const struct entry *e);
	// Forgets an entry: calls evict_leave() and removes it from the table.
	// @return False: it must stay for now.
	bool (*give_up)(void *arg, const struct entry *e);
	void *arg;
};

struct evict;

// @return NULL: out of memory.
struct evict *evict_new(const struct evict_config *config);
void evict_free(struct evict *ev);

// What an entry costs, in all.
size_t evict_bytes(const struct entry *e);

// Where an entry that has entered stands.
enum evict_segment evict_segment_of(const struct entry *e);

// Whether a NONE of such a name may be made. When all of max_bytes has been taken
// from the system, cut to sizes that are asked for no more, there is no place for
// one of another size until somebody gives up the last slot of a page: two are
// given up then.
bool evict_may_make(struct evict *ev, size_t name_len, boot_s_t now);

struct evict_ask {
	const struct entry *e; // made, not published
	const struct name *domain;
	enum policy_mode mode;	 // of a policy
	const struct entry *old; // what is there of this domain, or NULL
	bool loading;		 // from the store: no limit per registered domain
};

// Makes room, by giving up others. Of a policy that is loaded, and finds no room,
// the verdict is EVICT_REFUSED; an unexpired enforce one may take all of max_bytes.
enum evict_verdict evict_admit(struct evict *ev, const struct evict_ask *ask, boot_s_t now);

// Room for a policy that is admitted and published later. `room` may be 0.
void evict_hold(struct evict *ev, size_t room);
void evict_let_go(struct evict *ev, size_t room);

// An entry is about to be published in the place of old (left already), or of
// nothing.
// @param passing  A policy that is not kept.
// @param established  It is in the place of one that was not on probation.
// @return False: out of memory; it has not entered.
[[nodiscard]] bool evict_enter(
	struct evict *ev,
	struct entry *e,
	enum policy_mode mode,
	bool passing,
	bool established
);
// The entry is about to be replaced or removed.
void evict_leave(struct evict *ev, const struct entry *e);
// The one that has just left stays after all.
void evict_return(struct evict *ev, const struct entry *e, enum evict_segment segment);

// Looks at an entry on the way: one used again leaves probation, a policy that
// has ended goes to its like. For a sweep.
void evict_note(struct evict *ev, const struct entry *e, boot_s_t now);

// Gives up some of what is over, if anything is. Once a turn.
void evict_turn(struct evict *ev, boot_s_t now);

enum evict_refusal {
	EVICT_NO_FULL,	 // a policy: the share is full of what may not go
	EVICT_NO_DOMAIN, // a policy: its registered domain has its part
	EVICT_NO_GROWTH, // a policy: the old one stands, max_bytes are full of policies
	EVICT_NO_FAILED, // a failure or unknown
	EVICT_NO_NONE,
	EVICT_NO_LOAD, // a policy of the store
	EVICT_REFUSALS
};

// "full", "domain", ...
const char *evict_refusal_str(enum evict_refusal refusal);

struct evict_stats {
	size_t entries[EVICT_SEGMENTS]; // now
	size_t bytes[EVICT_SEGMENTS];	// now
	size_t used[EVICT_SHARES];	// now, with rooms held and buckets that nobody fills
	size_t limit[EVICT_SHARES];	// now
	uint64_t evicted[EVICT_SEGMENTS];
	uint64_t refused[EVICT_REFUSALS];
};

void evict_stats(const struct evict *ev, struct evict_stats *out);
