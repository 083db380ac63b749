// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// The buckets and the argument why no reader misses a name are in cache/grid.c.

#include "cache/table.h"

#include "base/counter.h"
#include "cache/grid.h"
#include "cache/reclaim.h"
#include "cache/slab.h"

#include <urcu-qsbr.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

// Names a bucket on average. In linear hashing the buckets not split yet have up
// to twice as many: at 4 at most one chain in eight has an overflow bucket, and
// buckets cost 17 octets a name.
#define LOAD 4

#define KINDS 5

struct table {
	struct grid grid;
	struct slab *slab;
	struct reclaim *reclaim;
	size_t names_max;
	// Written by the writer.
	counter_t names;
	counter_t by_kind[KINDS];
	counter_t entry_bytes;
	counter_t bucket_bytes;
	counter_t span_bytes;
};

struct table_reader {
	struct table *table;
};

struct table *table_new(const struct table_config *config) {
	struct table *t = aligned_alloc(_Alignof(struct table), sizeof(*t));
	if (t == NULL) {
		return NULL;
	}
	memset(t, 0, sizeof(*t));
	t->names_max = config->max_names;
	t->grid.seed = config->seed;
	int code = ENOMEM;
	t->slab = slab_new();
	if (t->slab == NULL) {
		goto end;
	}
	t->grid.slab = t->slab;
	code = -grid_init(&t->grid, t->names_max / LOAD + 1);
	if (code != 0) {
		goto free_slab;
	}
	t->reclaim = reclaim_new(t->slab);
	if (t->reclaim == NULL) {
		code = errno;
		goto free_grid;
	}
	t->grid.reclaim = t->reclaim;
	return t;
free_grid:
	grid_fini(&t->grid);
free_slab:
	slab_free(t->slab);
end:
	free(t);
	errno = code;
	return NULL;
}

void table_free(struct table *t) {
	if (t == NULL) {
		return;
	}
	reclaim_free(t->reclaim);
	grid_fini(&t->grid);
	slab_free(t->slab);
	free(t);
}

struct table_reader *table_reader_register(struct table *t) {
	struct table_reader *r = malloc(sizeof(*r));
	if (r != NULL) {
		r->table = t;
		rcu_register_thread();
	}
	return r;
}

void table_reader_quiescent(struct table_reader * /*r*/) {
	rcu_quiescent_state();
}

void table_reader_offline(struct table_reader * /*r*/) {
	rcu_thread_offline();
}

void table_reader_online(struct table_reader * /*r*/) {
	rcu_thread_online();
}

void table_reader_unregister(struct table_reader *r) {
	rcu_unregister_thread();
	free(r);
}

static uint64_t state_now(const struct table *t) {
	return atomic_load_explicit(&t->grid.state, memory_order_acquire);
}

static const struct grid_bucket *bucket_for(const struct table *t, uint64_t hash, uint64_t state) {
	return &t->grid.buckets[grid_index(hash, state)];
}

// R2 of grid.c.
static const struct entry *
walk(const struct grid_bucket *b, uint64_t hash, const char *name, size_t len) {
	uint64_t tag = grid_tag(hash);
	for (; b != NULL; b = grid_next(b)) {
		for (unsigned found = grid_match(b, tag); found != 0; found &= found - 1) {
			const struct entry *e = grid_first(b, found);
			if (grid_is(e, name, len)) {
				return e;
			}
		}
	}
	return NULL;
}

// R3 of grid.c, behind an acquire fence: whether a miss under one state holds
// under another.
static bool miss_holds(uint64_t hash, uint64_t was, uint64_t now) {
	return was == now
	       || (was / GRID_MOVE == now / GRID_MOVE
		   && grid_index(hash, was) == grid_index(hash, now));
}

static const struct entry *
find(const struct table *t, uint64_t hash, const char *name, size_t len) {
	uint64_t state = state_now(t);
	for (;;) {
		const struct entry *e = walk(bucket_for(t, hash, state), hash, name, len);
		if (e != NULL) {
			return e;
		}
		atomic_thread_fence(memory_order_acquire);
		uint64_t now = state_now(t);
		if (miss_holds(hash, state, now)) {
			return NULL;
		}
		state = now;
	}
}

const struct entry *table_lookup(const struct table *t, const char *name, size_t len) {
	return find(t, grid_hash(&t->grid, name, len), name, len);
}

// One name's way through the pipeline.
struct probe {
	uint64_t hash;
	const struct grid_bucket *at;  // prefetched, to be looked at next
	const struct entry *candidate; // prefetched; its tag is right
};

// Looks at the prefetched bucket. Without a candidate there the way leads to the
// overflow bucket, if there is one.
// @return Whether there is one to be looked at.
static bool advance(struct probe *p, size_t len) {
	unsigned found = grid_match(p->at, grid_tag(p->hash));
	if (found == 0) {
		p->at = grid_next(p->at);
		__builtin_prefetch(p->at);
		return p->at != NULL;
	}
	p->candidate = grid_first(p->at, found);
	if (p->candidate != NULL) {
		// An entry of a usual name may lie on two lines.
		__builtin_prefetch(p->candidate);
		__builtin_prefetch(p->candidate->name + len - 1);
	}
	return false;
}

static void find_candidates(struct probe probes[], const struct table_key keys[], unsigned n) {
	uint8_t left[TABLE_BURST_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		if (advance(&probes[i], keys[i].len)) {
			left[count++] = (uint8_t)i;
		}
	}
	while (count > 0) {
		unsigned still = 0;
		for (unsigned k = 0; k < count; k++) {
			if (advance(&probes[left[k]], keys[left[k]].len)) {
				left[still++] = left[k];
			}
		}
		count = still;
	}
}

// Of the usual answer: what follows the line that has the name.
static void prefetch_answer(const struct entry_body *body) {
	__builtin_prefetch(body);
	__builtin_prefetch(body->data + 64);
	__builtin_prefetch(body->data + 128);
}

// The slow loop this stands for: out[i] = table_lookup(t, name, len). The steps
// of R1 and R2 are taken for all names together; a name whose first candidate is
// another one (one in 65536 slots), or whose miss does not hold, goes alone.
void table_lookup_bulk(
	const struct table *t,
	const struct table_key keys[],
	unsigned n,
	const struct entry *out[]
) {
	assert(n <= TABLE_BURST_MAX);
	struct probe probes[TABLE_BURST_MAX];
	uint64_t state = state_now(t);
	for (unsigned i = 0; i < n; i++) {
		struct probe *p = &probes[i];
		p->hash = grid_hash(&t->grid, keys[i].name, keys[i].len);
		p->at = bucket_for(t, p->hash, state);
		p->candidate = NULL;
		__builtin_prefetch(p->at);
	}
	find_candidates(probes, keys, n);
	bool missed = false;
	for (unsigned i = 0; i < n; i++) {
		const struct probe *p = &probes[i];
		out[i] = p->candidate;
		if (p->candidate == NULL) {
			missed = true;
		} else if (!grid_is(p->candidate, keys[i].name, keys[i].len)) {
			out[i] = find(t, p->hash, keys[i].name, keys[i].len);
		} else if (p->candidate->kind != ENTRY_NONE) {
			prefetch_answer(entry_body(p->candidate));
		}
	}
	if (!missed) {
		return;
	}
	atomic_thread_fence(memory_order_acquire);
	uint64_t now = state_now(t);
	for (unsigned i = 0; i < n && now != state; i++) {
		if (out[i] == NULL && !miss_holds(probes[i].hash, state, now)) {
			out[i] = find(t, probes[i].hash, keys[i].name, keys[i].len);
		}
	}
}

struct entry *
table_entry_new(struct table *t, const char *name, size_t name_len, size_t body_data_bytes) {
	assert(name_len > 0 && name_len <= UINT8_MAX);
	size_t bytes = offsetof(struct entry, name) + name_len;
	if (body_data_bytes > 0) {
		// The body begins at a multiple of 8, and so does a slot of such a size.
		bytes = (bytes + 7) / 8 * 8 + sizeof(struct entry_body) + body_data_bytes;
		bytes = (bytes + 7) / 8 * 8;
	}
	// Also for a name of less than 3 octets there is room for the fields.
	bytes = bytes < sizeof(struct entry) ? sizeof(struct entry) : bytes;
	if (bytes > SLAB_BYTES_MAX) {
		return NULL;
	}
	struct entry *e = slab_take(t->slab, bytes);
	if (e == NULL) {
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->name_len = (uint8_t)name_len;
	memcpy(e->name, name, name_len);
	if (body_data_bytes > 0) {
		memset(table_entry_body(e), 0, sizeof(struct entry_body));
	}
	return e;
}

struct entry_body *table_entry_body(struct entry *e) {
	char *end = e->name + e->name_len;
	return (struct entry_body *)(void *)(end + (-(uintptr_t)end & 7));
}

bool table_none_fits(const struct table *t, size_t name_len) {
	size_t bytes = offsetof(struct entry, name) + name_len;
	return slab_fits(t->slab, bytes < sizeof(struct entry) ? sizeof(struct entry) : bytes);
}

void table_entry_discard(struct table *t, struct entry *e) {
	slab_give(t->slab, e);
}

static void count_in(struct table *t, const struct entry *e) {
	assert(e->kind < KINDS);
	counter_add(&t->names, 1);
	counter_add(&t->by_kind[e->kind], 1);
	counter_add(&t->entry_bytes, slab_slot_bytes(e));
}

static void count_out(struct table *t, const struct entry *e) {
	counter_add(&t->names, -(uint64_t)1);
	counter_add(&t->by_kind[e->kind], -(uint64_t)1);
	counter_add(&t->entry_bytes, -(uint64_t)slab_slot_bytes(e));
}

static void show_memory(struct table *t) {
	size_t buckets = grid_count(state_now(t)) + t->grid.overflow;
	atomic_store_explicit(
		&t->bucket_bytes, buckets * sizeof(struct grid_bucket), memory_order_relaxed
	);
	atomic_store_explicit(&t->span_bytes, slab_stats(t->slab).span_bytes, memory_order_relaxed);
}

static void retire(struct table *t, struct entry *e) {
	count_out(t, e);
	reclaim_retire(t->reclaim, e);
}

static void replace(struct table *t, const struct grid_place *place, struct entry *e) {
	assert(place->entry != e);
	uint16_t used = atomic_load_explicit(&place->entry->used_h, memory_order_relaxed);
	if (used != 0) {
		atomic_store_explicit(&e->used_h, used, memory_order_relaxed);
	}
	count_in(t, e);
	grid_replace(place, e);
	retire(t, place->entry);
}

int table_publish(struct table *t, struct entry *e) {
	uint64_t hash = grid_hash(&t->grid, e->name, e->name_len);
	struct grid_place place;
	if (grid_find(&t->grid, hash, e->name, e->name_len, &place)) {
		replace(t, &place, e);
		show_memory(t);
		return 0;
	}
	if (counter_get(&t->names) >= t->names_max) {
		return -ENOSPC;
	}
	int code = grid_insert(&t->grid, hash, e);
	if (code != 0) {
		return code;
	}
	count_in(t, e);
	// A split that finds no memory is made up for by the next publish.
	if (counter_get(&t->names) > grid_count(state_now(t)) * LOAD) {
		(void)grid_split(&t->grid);
	}
	show_memory(t);
	return 0;
}

bool table_remove(struct table *t, const char *name, size_t len) {
	uint64_t hash = grid_hash(&t->grid, name, len);
	struct grid_place place;
	if (!grid_find(&t->grid, hash, name, len, &place)) {
		return false;
	}
	grid_erase(&t->grid, &place);
	retire(t, place.entry);
	show_memory(t);
	return true;
}

static uint64_t reversed(uint64_t v) {
	v = (v >> 1 & 0x5555555555555555ULL) | (v & 0x5555555555555555ULL) << 1;
	v = (v >> 2 & 0x3333333333333333ULL) | (v & 0x3333333333333333ULL) << 2;
	v = (v >> 4 & 0x0f0f0f0f0f0f0f0fULL) | (v & 0x0f0f0f0f0f0f0f0fULL) << 4;
	return __builtin_bswap64(v);
}

// The cursor is a hash with its bits in reverse order. So read, the names of a
// bucket that is told from all others by k low bits are one interval of 2^(64 -
// k) hashes, the buckets in use part all hashes among them, and a split parts
// one interval in halves. A cursor that stands where an interval begins keeps
// doing so while the table grows; everything before it has been given, nothing
// behind it. Names are given from a copy of the chain, so fn may change it.
void table_scan(
	struct table *t,
	uint64_t *cursor,
	unsigned budget,
	void (*fn)(void *arg, const struct entry *e),
	void *arg
) {
	uint64_t at = *cursor;
	do {
		const struct entry *found[GRID_CHAIN_SLOTS];
		uint64_t state = state_now(t);
		size_t index = grid_index(reversed(at), state);
		at += 1ULL << (64U - grid_bits(grid_count(state), index));
		size_t n = grid_list(&t->grid, index, found);
		for (size_t i = 0; i < n; i++) {
			fn(arg, found[i]);
		}
	} while (at != 0 && budget-- > 1);
	*cursor = at;
}

void table_turn(struct table *t) {
	reclaim_turn(t->reclaim);
}

struct table_stats table_stats(const struct table *t) {
	struct table_stats s = {
		.names = counter_get(&t->names),
		.entry_bytes = counter_get(&t->entry_bytes),
		.bucket_bytes = counter_get(&t->bucket_bytes),
		.retired = reclaim_pending(t->reclaim),
		.span_bytes = counter_get(&t->span_bytes),
	};
	for (size_t i = 0; i < KINDS; i++) {
		s.by_kind[i] = counter_get(&t->by_kind[i]);
	}
	return s;
}

int table_reclaimer_tid(const struct table *t) {
	return reclaim_tid(t->reclaim);
}
