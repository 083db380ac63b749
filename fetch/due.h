// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/policy.h"

#include <stdbool.h>
#include <stddef.h>

// Policies whose refresh is due, the most urgent first: enforce before testing
// before none, and among these the smallest share of life left. A binary heap of
// names, each there once.

struct due;

struct due_policy {
	struct name domain;
	enum policy_mode mode;
	uint32_t max_age_s;
	boot_s_t ends_at;
};

// @return NULL with errno set.
struct due *due_new(uint64_t seed);
void due_free(struct due *d);

// Adds a policy, or judges one anew that is there.
// @return 0 or -ENOMEM.
[[nodiscard]] int due_push(struct due *d, const struct due_policy *policy, boot_s_t now);

// @return False when it was not there.
bool due_drop(struct due *d, const struct name *domain);

// Takes the most urgent one. @return False when there is none.
bool due_pop(struct due *d, struct name *out);

// Judges up to `max` of them anew, going round: shares shrink while they wait.
void due_age(struct due *d, size_t max, boot_s_t now);

size_t due_count(const struct due *d);
