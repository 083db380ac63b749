// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// So that the hash of a name costs no call.
#define XXH_INLINE_ALL

#include "cache/table.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// The buckets below cache/table.h, by linear hashing: their layout, which
// lookups walk inline, and what the one writer does to them. The argument why a
// reader misses nothing stands at the head of grid.c.

#define GRID_SLOTS 7

// A chain of more buckets is refused: no reader and no scan meets a longer one.
// The hash is keyed, so that with 8 names expected in a chain at most, 56 are
// never seen.
#define GRID_CHAIN_MAX 8
#define GRID_CHAIN_SLOTS (GRID_CHAIN_MAX * GRID_SLOTS)

// One cache line. A slot is the upper 16 bits of the hash and a 48-bit pointer
// to the entry, or 0; the link leads to an overflow bucket, or is 0.
struct grid_bucket {
	_Atomic uint64_t slot[GRID_SLOTS];
	_Atomic uint64_t link;
} __attribute__((aligned(64)));

struct slab;
struct reclaim;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the padding keeps lines apart.
struct grid {
	// Set once.
	struct grid_bucket *buckets;
	uint64_t seed;
	size_t buckets_max;
	struct slab *slab;
	struct reclaim *reclaim;
	// Written by the writer, read by all, so on a line of its own: buckets in
	// use below GRID_MOVE, above it how many slots were moved within chains.
	_Atomic uint64_t state __attribute__((aligned(64)));
	size_t overflow; // buckets that hang on links; the writer's
};

#define GRID_MOVE (1ULL << 32)

static inline uint64_t grid_hash(const struct grid *g, const char *name, size_t len) {
	return XXH3_64bits_withSeed(name, len, g->seed);
}

// Never 0, so that no tag equals that of an empty slot.
static inline uint64_t grid_tag(uint64_t hash) {
	uint64_t tag = hash >> 48;
	return tag + (tag == 0);
}

static inline struct entry *grid_entry(uint64_t slot) {
	// NOLINTNEXTLINE(performance-no-int-to-ptr): a slot is a tag and a pointer in one word.
	return (struct entry *)(uintptr_t)(slot & 0xffffffffffffULL);
}

static inline size_t grid_count(uint64_t state) {
	return (size_t)(state & (GRID_MOVE - 1));
}

// Hash bits that tell a bucket's names from all others': with 2^k <= count <
// 2^(k+1), k + 1 for the buckets of pairs that are split already, k for the rest.
static inline unsigned grid_bits(size_t count, size_t index) {
	unsigned k = 63U - (unsigned)__builtin_clzl(count);
	size_t half = (size_t)1 << k;
	return k + (index >= half || index < count - half);
}

static inline size_t grid_index(uint64_t hash, uint64_t state) {
	size_t count = grid_count(state);
	size_t half = (size_t)1 << (63U - (unsigned)__builtin_clzl(count));
	size_t index = hash & (2 * half - 1);
	return index < count ? index : index & (half - 1);
}

// The slots with this tag, as a set of bits: slot i is bit 4 * i + 3.
static inline unsigned grid_match(const struct grid_bucket *b, uint64_t tag) {
#ifdef __SSE2__
	// Four plain loads of two slots each. Every slot is loaded whole, as the
	// processor loads aligned octets eight at a time; a slot that changes
	// meanwhile is loaded again, atomically, before its pointer is followed.
	const __m128i *pair = (const __m128i *)(const void *)b;
	__m128i want = _mm_set1_epi16((short)tag);
	__m128i a = _mm_cmpeq_epi16(_mm_load_si128(pair), want);
	__m128i c = _mm_cmpeq_epi16(_mm_load_si128(pair + 1), want);
	__m128i d = _mm_cmpeq_epi16(_mm_load_si128(pair + 2), want);
	__m128i e = _mm_cmpeq_epi16(_mm_load_si128(pair + 3), want);
	unsigned low = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(a, c));
	unsigned high = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(d, e));
	return (low | high << 16) & 0x08888888U;
#else
	unsigned found = 0;
	for (unsigned i = 0; i < GRID_SLOTS; i++) {
		uint64_t slot = atomic_load_explicit(&b->slot[i], memory_order_relaxed);
		found |= (unsigned)(slot >> 48 == tag) << (4 * i + 3);
	}
	return found;
#endif
}

// The entry of the lowest slot in a set of grid_match(), or NULL when the slot
// was cleared meanwhile. Acquire: what the writer wrote into the entry before it
// stored the slot is seen.
static inline struct entry *grid_first(const struct grid_bucket *b, unsigned found) {
	unsigned i = (unsigned)__builtin_ctz(found) / 4;
	return grid_entry(atomic_load_explicit(&b->slot[i], memory_order_acquire));
}

// Acquire: an overflow bucket is seen as it was when it was linked, or later.
static inline struct grid_bucket *grid_next(const struct grid_bucket *b) {
	uint64_t link = atomic_load_explicit(&b->link, memory_order_acquire);
	// NOLINTNEXTLINE(performance-no-int-to-ptr): a link is a word like the slots beside it.
	return (struct grid_bucket *)(uintptr_t)link;
}

static inline uint64_t grid_load(const char *at) {
	uint64_t v;
	memcpy(&v, at, sizeof(v));
	return v;
}

// memcmp() == 0 without the call: eight octets at a time, the last eight again.
static inline bool grid_same(const char *a, const char *b, size_t len) {
	if (len < 8) {
		for (size_t i = 0; i < len; i++) {
			if (a[i] != b[i]) {
				return false;
			}
		}
		return true;
	}
	for (size_t i = 0; i + 8 < len; i += 8) {
		if (grid_load(a + i) != grid_load(b + i)) {
			return false;
		}
	}
	return grid_load(a + len - 8) == grid_load(b + len - 8);
}

static inline bool grid_is(const struct entry *e, const char *name, size_t len) {
	return e != NULL && e->name_len == len && grid_same(e->name, name, len);
}

// Where an entry stands.
struct grid_place {
	struct grid_bucket *head; // of the chain
	struct grid_bucket *at;
	unsigned slot;
	struct entry *entry;
};

// The caller has set seed, slab and reclaim.
// @param buckets_max  Address space is reserved for so many; it begins with 1024.
// @return 0 or negative errno.
[[nodiscard]] int grid_init(struct grid *g, size_t buckets_max);
void grid_fini(struct grid *g);

// All below: the writer.

bool grid_find(
	const struct grid *g,
	uint64_t hash,
	const char *name,
	size_t len,
	struct grid_place *out
);

// Adds an entry whose name is not there.
// @return 0, -ENOSPC (the chain is full) or -ENOMEM.
[[nodiscard]] int grid_insert(struct grid *g, uint64_t hash, const struct entry *e);

// Puts another entry of the same name into the place. Readers may still hold the
// one that was there: the caller retires it.
void grid_replace(const struct grid_place *place, const struct entry *e);

// Empties the place. Readers may still hold the entry: the caller retires it.
void grid_erase(struct grid *g, const struct grid_place *place);

// Adds one bucket and moves what belongs there.
// @return False at buckets_max or when memory is short: all is as it was.
bool grid_split(struct grid *g);

// Copies out the entries of a bucket's chain.
size_t grid_list(const struct grid *g, size_t index, const struct entry *out[GRID_CHAIN_SLOTS]);
