// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/record.h"

#include <stdint.h>

// How often one domain is fetched over HTTPS, whatever ids it announces: at most
// once a minute and 10 times an hour. Also, that a policy with max_age 0 is not
// fetched again for a while, and the back-off of those that failed, for when their
// record is gone: it has become a NONE in between, or has given way. A fixed amount of memory: where names are too many
// for it, the quietest is forgotten.

struct pace;

// @return NULL with errno set.
struct pace *pace_new(uint64_t seed);
void pace_free(struct pace *p);

// A fetch of this domain ended.
void pace_note(struct pace *p, const struct name *domain, boot_s_t now);

// No fetch of this domain before `until`.
void pace_hold(struct pace *p, const struct name *domain, boot_s_t until, boot_s_t now);

// The back-off of the domain, or that it has none any more.
void pace_remember(
	struct pace *p,
	const struct name *domain,
	const struct record_backoff *backoff,
	boot_s_t now
);

struct pace_state {
	int64_t wait_s; // until the domain may be fetched under a new id; 0: now
	int64_t held_s; // left of a hold; 0: none
	// As remembered, until a day after it was over; else one without an id.
	struct record_backoff backoff;
};

struct pace_state pace_look(const struct pace *p, const struct name *domain, boot_s_t now);
