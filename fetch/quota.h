// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Limits on the questions that start a discovery, so that one client, or the names
// below one registered domain, cannot take all of it: so many a second each, and
// while three quarters of the places for jobs are taken, at most an even share of
// them. What is known is answered without a look at this. Memory is fixed; where
// clients or domains are too many for it, those that rest are forgotten.

struct quota;

struct quota_config {
	uint32_t client_per_s; // 0: no limit
	uint32_t domain_per_s;
	size_t places; // for jobs
	uint64_t seed;
};

enum quota_verdict { QUOTA_TAKEN, QUOTA_CLIENT, QUOTA_DOMAIN };

// What a job has taken; given back when it ends. Zeroes: nothing.
struct quota_ticket {
	uint32_t client;
	uint32_t domain;
};

// @return NULL with errno set.
struct quota *quota_new(const struct quota_config *config);
void quota_free(struct quota *q);

// @param client  Who asks, any value but 0; 0: nobody that is limited.
// @param jobs  Places taken now.
// @return QUOTA_TAKEN, or whose limit it would break; then nothing is taken.
enum quota_verdict quota_take(
	struct quota *q,
	uint64_t client,
	const struct name *domain,
	size_t jobs,
	mono_ns_t now_ns,
	struct quota_ticket *ticket
);

void quota_give(struct quota *q, struct quota_ticket *ticket);
