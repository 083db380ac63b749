// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/expect.h"
#include "bench/question.h"

#include <stddef.h>
#include <stdint.h>

// Names in the order in which they are asked, cut into batches of one request each
// (docs/wire.md, Batches).

struct batches {
	const struct expect_set *names; // borrowed
	uint32_t *members;		// names, all batches one behind the other
	uint32_t *starts;		// where each batch begins in `members`, and the end
	uint32_t *blocks;		// where each request stands in the arena
	uint32_t count;
};

// @param order  Names as they are asked; becomes b->members, for free().
// @param size   Names in a batch, 1 to QUESTION_BATCH_NAMES_MAX; fewer where they
//               do not fit into a request.
// @param arena  Takes the requests; the index of each is its batch.
// @return 0, -ENOMEM, or -EINVAL: a name cannot be asked. *b is for batches_fini()
//         in any case.
[[nodiscard]] int batches_init(
	struct batches *b,
	const struct expect_set *names,
	const struct question_form *form,
	uint32_t *order,
	size_t order_len,
	unsigned size,
	struct question_arena *arena
);
void batches_fini(struct batches *b);

static inline unsigned batches_size(const struct batches *b, uint32_t index) {
	return b->starts[index + 1] - b->starts[index];
}

// Writes the request of a batch again.
void batches_write(
	const struct batches *b,
	uint32_t index,
	const struct question_form *form,
	struct question_batch *out
);
