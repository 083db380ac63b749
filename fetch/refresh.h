// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Which policies are fetched again before anybody asks (RFC 8461 3.3 and 10.2),
// and when: each is due at its own time, in a wheel; those whose time has come are
// taken in order of their urgency (fetch/due.h), at most so many a second. So what
// is overdue after a restart is spread over the time that its number and the rate
// come to, the most urgent first.
//
// While more are due than a second's worth, a registered domain gets at most a
// hundredth of the rate.

struct refresh_config {
	uint32_t per_s;	   // 0: never
	uint32_t unused_s; // policies that long unused are left to their end
	uint64_t seed;
	// What is kept of a domain; borrowed until the next call.
	bool (*current)(void *arg, const struct name *domain, struct record *out);
	void *arg;
};

struct refresh;

// @return NULL with errno set.
struct refresh *refresh_new(const struct refresh_config *config);
void refresh_free(struct refresh *r);

// Sets the time of a policy, in place of one it had.
void refresh_arm(struct refresh *r, const struct name *domain, boot_s_t at);
void refresh_disarm(struct refresh *r, const struct name *domain);

// Takes those whose time has come out of the wheel, so many at once. Every turn.
void refresh_turn(struct refresh *r, boot_s_t now);

// Takes the next one to be fetched now.
// @return False when none is due, or the rate allows no more yet.
bool refresh_next(struct refresh *r, boot_s_t now, mono_ns_t now_ns, struct name *out);

struct refresh_stats {
	size_t armed;	   // in the wheel or due
	size_t due;	   // of them due
	uint64_t deferred; // put off because their registered domain had its share
};

struct refresh_stats refresh_stats(const struct refresh *r);
