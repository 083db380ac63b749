// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "fetch/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// All mail domains of a simulated world, and the internet that answers for them:
// owners change their policies, with a new id or without, hosts fail and come
// back, DNS fails now and then, some owners give MTA-STS up.

struct populace;

struct populace_config {
	size_t policies; // domains with MTA-STS
	size_t nones;	 // and without
	uint64_t seed;
	boot_s_t start;
};

// @return NULL: out of memory.
struct populace *populace_new(const struct populace_config *config);
void populace_free(struct populace *p);

// The domain that somebody writes to now, by Zipf.
size_t populace_draw(struct populace *p);
void populace_name(const struct populace *p, size_t domain, struct name *out);
// @param name  Made by populace_name().
size_t populace_index(const struct populace *p, const struct name *name);
bool populace_has_policy(const struct populace *p, size_t domain);

// Seconds until a task that starts now is answered.
unsigned populace_delay(struct populace *p, const struct task *task, boot_s_t now);

// What the internet answers; text and patterns are good until the next call.
void populace_answer(
	struct populace *p,
	const struct task *task,
	boot_s_t now,
	struct outcome *out
);

// Since when the policy host of this domain had been reachable at `at`, which is
// at most an hour ago; CLOCK_NEVER if it was not.
boot_s_t populace_up_since(struct populace *p, size_t domain, boot_s_t at);
