// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/batches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES 24 // of a usual name as labels, generously; memory is touched as it fills

static struct expect_text name_of(const struct batches *b, size_t member) {
	return expect_get(b->names, b->members[member]).name;
}

// Fills a request with names from `at` on. @return Behind the last one.
static size_t
fill(const struct batches *b,
     const struct question_form *form,
     size_t at,
     size_t end,
     struct question_batch *out) {
	struct expect_text first = name_of(b, at);
	if (!question_batch_begin(form, first.at, first.len, b->members[at], out))
		return at;
	for (at++; at < end; at++) {
		struct expect_text name = name_of(b, at);
		if (!question_batch_add(form, name.at, name.len, b->members[at], out))
			break;
	}
	return at;
}

static int
cut(struct batches *b,
    const struct question_form *form,
    size_t len,
    unsigned size,
    struct question_arena *arena) {
	for (size_t at = 0; at < len;) {
		struct question_batch q;
		size_t end = len - at < size ? len : at + size;
		size_t next = fill(b, form, at, end, &q);
		int64_t block = next > at ? question_arena_add(arena, b->count, q.octets, q.len)
					  : -EINVAL;
		if (block < 0) {
			struct expect_text name = name_of(b, at);
			(void)fprintf(
				stderr, "stsbench: cannot be asked: %.*s\n", (int)name.len, name.at
			);
			return (int)block;
		}
		b->blocks[b->count++] = (uint32_t)block;
		b->starts[b->count] = (uint32_t)next;
		at = next;
	}
	return 0;
}

int batches_init(
	struct batches *b,
	const struct expect_set *names,
	const struct question_form *form,
	uint32_t *order,
	size_t order_len,
	unsigned size,
	struct question_arena *arena
) {
	*b = (struct batches){.names = names, .members = order};
	// Every name might need a request of its own.
	b->starts = calloc(order_len + 1, sizeof(*b->starts));
	b->blocks = calloc(order_len, sizeof(*b->blocks));
	if (!b->starts || !b->blocks)
		return -ENOMEM;
	size_t room = 0;
	for (size_t i = 0; i < order_len; i++)
		room += name_of(b, i).len + NAME_BYTES;
	int rc = question_arena_init(arena, question_blocks(room) + 3 * (order_len / size + 1));
	return rc ? rc : cut(b, form, order_len, size, arena);
}

void batches_fini(struct batches *b) {
	free(b->members);
	free(b->starts);
	free(b->blocks);
}

void batches_write(
	const struct batches *b,
	uint32_t index,
	const struct question_form *form,
	struct question_batch *out
) {
	(void)fill(b, form, b->starts[index], b->starts[index + 1], out);
}
