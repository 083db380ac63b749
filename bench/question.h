// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Questions as they go out: what follows the twelve octets of the DNS header,
// made once for each name, so that sending is copying. Independent of the
// server's code on purpose.

#define QUESTION_INLINE 52
#define QUESTION_BLOCK 64
#define QUESTION_BYTES_MAX 300 // longest name, type, class, OPT

// At the start of a block of 64 octets: a usual name is one cache line.
struct question {
	uint32_t sum;	// of `bytes` as 16-bit words in memory order, for UDP checksums
	uint32_t index; // the name's number
	uint16_t len;	// the question section and the OPT record
	uint16_t pad;
	uint8_t bytes[QUESTION_INLINE]; // goes on into the next blocks when longer
};
_Static_assert(sizeof(struct question) == QUESTION_BLOCK, "one block");

struct question_form {
	const char *zone;    // "sts"; "" for none
	uint16_t edns_bytes; // the size the client announces; 0: no OPT
	uint64_t case_seed;  // 0: as spelled; else letters get a random case
};

// @return Octets written to out, 0 when the name cannot be asked under the zone.
size_t question_write(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	uint8_t out[QUESTION_BYTES_MAX]
);

// A request for many names: the question of the first one, and the option that has
// the others.
#define QUESTION_BATCH_NAMES_MAX 64
#define QUESTION_BATCH_BYTES_MAX 1220 // with the header 1232
#define QUESTION_BATCH_OPTION 65461

struct question_batch {
	size_t question_len; // QNAME, QTYPE, QCLASS
	size_t names_at;     // the other names, as labels with the root label, to the end
	size_t len;
	uint8_t octets[QUESTION_BATCH_BYTES_MAX];
};

// @param form  Its edns_bytes is not 0. @param index  As of question_write().
// @return False: the name cannot be asked under the zone, or does not fit.
bool question_batch_begin(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	struct question_batch *q
);
bool question_batch_add(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	struct question_batch *q
);

// The sum of octets as 16-bit words in memory order; an odd last octet counts
// as one followed by zero.
uint32_t question_sum(const uint8_t *bytes, size_t len);

// All questions, one behind the other.
struct question_arena {
	uint8_t *blocks;
	size_t used; // blocks
	size_t room;
};

// @param blocks  Address space for so many blocks; touched as they fill.
// @return 0 or -ENOMEM.
[[nodiscard]] int question_arena_init(struct question_arena *a, size_t blocks);
void question_arena_fini(struct question_arena *a);

// @return The block where it stands, or -ENOSPC.
[[nodiscard]] int64_t
question_arena_add(struct question_arena *a, uint32_t index, const uint8_t *bytes, size_t len);

static inline const struct question *question_at(const struct question_arena *a, uint32_t block) {
	return (const struct question *)(const void *)(a->blocks + (size_t)block * QUESTION_BLOCK);
}

// Blocks that a question of so many octets takes.
static inline size_t question_blocks(size_t len) {
	return (len + QUESTION_BLOCK - QUESTION_INLINE + QUESTION_BLOCK - 1) / QUESTION_BLOCK;
}
