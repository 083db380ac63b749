// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Why a reader finds every name that is present throughout its lookup.
//
// The names of a bucket stand in its chain: the bucket in the array, then
// overflow buckets over links. Growth is linear hashing (Litwin 1980): with
// count buckets in use, 2^k <= count < 2^(k+1), a hash belongs to bucket
// hash mod 2^(k+1) if that is in use, else to hash mod 2^k. Adding bucket
// `count` takes names out of one other bucket only, count - 2^k. A reader does
//
//   R1  load state (acquire), and from it the bucket;
//   R2  look through the chain in order, return the entry on a hit;
//   R3  on a miss: acquire fence, load state again. If the count of moves is the
//       same and the hash still belongs to the same bucket, the name is absent;
//       else begin again at R1 with what was loaded.
//
// and the one writer keeps to this:
//
//   G1  An entry is whole before a slot leads to it (release store; readers load
//       slots with acquire), and an overflow bucket before a link leads to it.
//   G2  Replacement is one store into the slot the old entry has. A reader sees
//       the one or the other.
//   G3  A split copies what belongs to the new bucket there, then stores the new
//       state (release), then clears the copied slots in the old chain (release).
//   G4  A move within a chain, to fill a hole, copies the slot, then adds to the
//       moves in state (release), then clears the old slot (release).
//   G5  A slot is otherwise cleared only when its name is removed, and a bucket
//       unlinked only when it is empty.
//   G6  Entries and overflow buckets that nothing leads to any more go through a
//       grace period before their memory is used again. A reader passes no
//       quiescent point within a lookup, so whatever it has reached stays what it
//       was, and an unlinked bucket stays empty with no link.
//
// Say a reader missed a name that was present throughout. It has a state S from
// R1, and in the chain S leads to the name's slot was there at S: R1 is an acquire
// load, and G3 and G4 copy before they store state. So the reader met that slot
// cleared, or put to other use, or the bucket unlinked: by G5 after a split took
// the name out of the chain, or after a move within the chain. All stores after
// these, into whatever slot, are release stores that come after the new state in
// the writer's order; the reader has loaded one of them, and by the fence in R3
// its second load of state sees the new state or a later one. After a split the
// hash belongs to another bucket, and never comes back to the old one, for count
// only grows; after a move the count of moves differs. So R3 begins again.
//
// The count of moves has 32 bits: a reader would have to stand still in one
// lookup for a multiple of 2^32 moves, over an hour at a million a second,
// holding up every grace period meanwhile. A lookup begins again only when the
// writer has got on, at most a few times a microsecond, and its walk is bounded
// by GRID_CHAIN_MAX.
//
// G4 keeps chains dense: every bucket but the last of a chain is full.

#include "cache/grid.h"

#include "cache/arena.h"
#include "cache/reclaim.h"
#include "cache/slab.h"

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct grid_bucket) == 64, "a bucket is a cache line");

#define BUCKETS_FIRST 1024

static uint64_t get(const struct grid_bucket *b, unsigned i) {
	return atomic_load_explicit(&b->slot[i], memory_order_relaxed);
}

static void put(struct grid_bucket *b, unsigned i, uint64_t slot) {
	atomic_store_explicit(&b->slot[i], slot, memory_order_release);
}

static void set_link(struct grid_bucket *b, const struct grid_bucket *next) {
	atomic_store_explicit(&b->link, (uintptr_t)next, memory_order_release);
}

static uint64_t make_slot(uint64_t hash, const struct entry *e) {
	uint64_t at = (uintptr_t)e;
	assert(at >> 48 == 0);
	return grid_tag(hash) << 48 | at;
}

static uint64_t state_of(const struct grid *g) {
	return atomic_load_explicit(&g->state, memory_order_relaxed);
}

static void add_to_state(struct grid *g, uint64_t what) {
	atomic_store_explicit(&g->state, state_of(g) + what, memory_order_release);
}

static size_t array_bytes(const struct grid *g) {
	size_t bytes = g->buckets_max * sizeof(struct grid_bucket);
	return (bytes + ARENA_HUGE_BYTES - 1) & ~(ARENA_HUGE_BYTES - 1);
}

int grid_init(struct grid *g, size_t buckets_max) {
	g->buckets_max = buckets_max < BUCKETS_FIRST ? BUCKETS_FIRST : buckets_max;
	if (g->buckets_max >= GRID_MOVE) {
		return -EINVAL;
	}
	g->buckets = arena_map(array_bytes(g), ARENA_HUGE_BYTES);
	if (g->buckets == NULL) {
		return -errno;
	}
	g->overflow = 0;
	atomic_init(&g->state, BUCKETS_FIRST);
	return 0;
}

void grid_fini(struct grid *g) {
	arena_unmap(g->buckets, array_bytes(g));
	g->buckets = NULL;
}

bool grid_find(
	const struct grid *g,
	uint64_t hash,
	const char *name,
	size_t len,
	struct grid_place *out
) {
	struct grid_bucket *head = &g->buckets[grid_index(hash, state_of(g))];
	for (struct grid_bucket *b = head; b != NULL; b = grid_next(b)) {
		unsigned found = grid_match(b, grid_tag(hash));
		for (; found != 0; found &= found - 1) {
			struct entry *e = grid_first(b, found);
			if (grid_is(e, name, len)) {
				unsigned i = (unsigned)__builtin_ctz(found) / 4;
				*out = (struct grid_place){head, b, i, e};
				return true;
			}
		}
	}
	return false;
}

// @return GRID_SLOTS when the bucket is full.
static unsigned first_free(const struct grid_bucket *b) {
	unsigned i = 0;
	while (i < GRID_SLOTS && get(b, i) != 0) {
		i++;
	}
	return i;
}

// @return GRID_SLOTS when the bucket is empty.
static unsigned last_used(const struct grid_bucket *b) {
	unsigned i = GRID_SLOTS;
	while (i > 0 && get(b, i - 1) == 0) {
		i--;
	}
	return i == 0 ? GRID_SLOTS : i - 1;
}

// An overflow bucket with one slot filled, not linked yet.
static struct grid_bucket *new_overflow(struct grid *g, uint64_t slot) {
	struct grid_bucket *b = slab_take(g->slab, sizeof(*b));
	if (b == NULL) {
		return NULL;
	}
	atomic_init(&b->slot[0], slot);
	for (unsigned i = 1; i < GRID_SLOTS; i++) {
		atomic_init(&b->slot[i], 0);
	}
	atomic_init(&b->link, 0);
	g->overflow++;
	return b;
}

// Adds to the end of a chain, or into the first hole.
static int append(struct grid *g, struct grid_bucket *head, uint64_t slot) {
	struct grid_bucket *b = head;
	for (unsigned depth = 1;; depth++) {
		unsigned i = first_free(b);
		if (i < GRID_SLOTS) {
			put(b, i, slot);
			return 0;
		}
		if (grid_next(b) == NULL && depth == GRID_CHAIN_MAX) {
			return -ENOSPC;
		}
		if (grid_next(b) == NULL) {
			break;
		}
		b = grid_next(b);
	}
	struct grid_bucket *more = new_overflow(g, slot);
	if (more == NULL) {
		return -ENOMEM;
	}
	set_link(b, more);
	return 0;
}

int grid_insert(struct grid *g, uint64_t hash, const struct entry *e) {
	return append(g, &g->buckets[grid_index(hash, state_of(g))], make_slot(hash, e));
}

void grid_replace(const struct grid_place *place, const struct entry *e) {
	uint64_t tag = get(place->at, place->slot) & ~0xffffffffffffULL;
	put(place->at, place->slot, tag | (uintptr_t)e);
}

// Unlinks empty overflow buckets from the end of a chain.
// @return The last bucket.
static struct grid_bucket *trim(struct grid *g, struct grid_bucket *head) {
	for (;;) {
		struct grid_bucket *before = NULL;
		struct grid_bucket *tail = head;
		while (grid_next(tail) != NULL) {
			before = tail;
			tail = grid_next(tail);
		}
		if (before == NULL || last_used(tail) < GRID_SLOTS) {
			return tail;
		}
		set_link(before, NULL);
		g->overflow--;
		reclaim_retire(g->reclaim, tail);
	}
}

// Fills the holes before the last bucket from there (G4).
static void compact(struct grid *g, struct grid_bucket *head) {
	struct grid_bucket *to = head;
	for (;;) {
		struct grid_bucket *tail = trim(g, head);
		while (to != tail && first_free(to) == GRID_SLOTS) {
			to = grid_next(to);
		}
		if (to == tail) {
			return;
		}
		unsigned from = last_used(tail);
		put(to, first_free(to), get(tail, from));
		add_to_state(g, GRID_MOVE);
		put(tail, from, 0);
	}
}

void grid_erase(struct grid *g, const struct grid_place *place) {
	put(place->at, place->slot, 0);
	compact(g, place->head);
}

size_t grid_list(const struct grid *g, size_t index, const struct entry *out[GRID_CHAIN_SLOTS]) {
	size_t n = 0;
	for (const struct grid_bucket *b = &g->buckets[index]; b != NULL; b = grid_next(b)) {
		for (unsigned i = 0; i < GRID_SLOTS; i++) {
			if (get(b, i) != 0) {
				out[n++] = grid_entry(get(b, i));
			}
		}
	}
	return n;
}

// The next split reads the names of every entry in the next chain: they are
// asked for one publish earlier at least.
static void prefetch_next(const struct grid *g, size_t source) {
	const struct grid_bucket *b = &g->buckets[source + 1];
	for (unsigned i = 0; i < GRID_SLOTS; i++) {
		__builtin_prefetch(grid_entry(get(b, i)));
	}
	__builtin_prefetch(b + 1);
}

// Undoes a copy that memory ran out for; no reader can be in the new bucket.
static void drop_copy(struct grid *g, struct grid_bucket *fresh) {
	struct grid_bucket *b = grid_next(fresh);
	while (b != NULL) {
		struct grid_bucket *next = grid_next(b);
		slab_give(g->slab, b);
		g->overflow--;
		b = next;
	}
	for (unsigned i = 0; i < GRID_SLOTS; i++) {
		put(fresh, i, 0);
	}
	set_link(fresh, NULL);
}

// Copies the slots of names whose hash has `bit` to the new bucket.
// @param gone  What was copied, a set of bits for each bucket of the chain.
static bool copy_upper(
	struct grid *g,
	const struct grid_bucket *b,
	struct grid_bucket *fresh,
	size_t bit,
	uint8_t gone[GRID_CHAIN_MAX]
) {
	for (unsigned depth = 0; b != NULL; b = grid_next(b), depth++) {
		for (unsigned i = 0; i < GRID_SLOTS; i++) {
			const struct entry *e = grid_entry(get(b, i));
			if (e == NULL || (grid_hash(g, e->name, e->name_len) & bit) == 0) {
				continue;
			}
			if (append(g, fresh, get(b, i)) != 0) {
				return false;
			}
			gone[depth] |= (uint8_t)(1U << i);
		}
	}
	return true;
}

bool grid_split(struct grid *g) {
	size_t count = grid_count(state_of(g));
	if (count == g->buckets_max) {
		return false;
	}
	size_t half = (size_t)1 << (63U - (unsigned)__builtin_clzl(count));
	struct grid_bucket *old = &g->buckets[count - half];
	struct grid_bucket *fresh = &g->buckets[count];
	uint8_t gone[GRID_CHAIN_MAX] = {0};
	if (!copy_upper(g, old, fresh, half, gone)) {
		drop_copy(g, fresh);
		return false;
	}
	add_to_state(g, 1);
	struct grid_bucket *b = old;
	for (unsigned depth = 0; b != NULL; b = grid_next(b), depth++) {
		for (unsigned i = 0; i < GRID_SLOTS; i++) {
			if ((gone[depth] >> i & 1) != 0) {
				put(b, i, 0);
			}
		}
	}
	compact(g, old);
	prefetch_next(g, count - half);
	return true;
}
