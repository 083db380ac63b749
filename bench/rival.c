// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// The rivals are given what helps them. cds_lfht has all its buckets from the
// start, nodes without an allocator's heads, and never takes back what it
// replaced. rte_hash keeps the hash of a name for the name, and the verdict in its
// data word, so that a hit needs no record; its hash function costs nothing. It is
// made for readers without locks, as every table here is read.

#define XXH_INLINE_ALL

#include "bench/rival.h"

#include "cache/arena.h"

#include <rte_hash.h>
#include <rte_malloc.h>
#include <urcu-qsbr.h>

#include <xxhash.h>

// Behind the flavour it is to have.
#include <urcu/rculfhash.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t none_huge(void * /*t*/) {
	return 0;
}

// Ours.

struct ours {
	struct table *table;
	struct table_reader *reader;
};

static void *ours_open(size_t names, uint64_t seed) {
	struct ours *o = calloc(1, sizeof(*o));
	if (o != NULL) {
		o->table = table_new(&(struct table_config){.max_names = names + 1, .seed = seed});
	}
	if (o != NULL && o->table == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

static void ours_close(void *t) {
	struct ours *o = t;
	table_free(o->table);
	free(o);
}

static int ours_put(void *t, const char *name, size_t len, uint32_t ends_s) {
	struct ours *o = t;
	struct entry *e = table_entry_new(o->table, name, len, 0);
	if (e == NULL) {
		return -ENOMEM;
	}
	e->kind = ENTRY_NONE;
	e->ends_s = ends_s;
	int code = table_publish(o->table, e);
	if (code != 0) {
		table_entry_discard(o->table, e);
	}
	return code;
}

static void ours_turn(void *t) {
	table_turn(((struct ours *)t)->table);
}

static void ours_begin(void *t) {
	struct ours *o = t;
	o->reader = table_reader_register(o->table);
}

static void ours_end(void *t) {
	table_reader_unregister(((struct ours *)t)->reader);
}

static uint64_t ours_look(void *t, const struct table_key keys[], unsigned n) {
	struct ours *o = t;
	const struct entry *found[TABLE_BURST_MAX];
	uint64_t hits = 0;
	table_lookup_bulk(o->table, keys, n, found);
	for (unsigned i = 0; i < n; i++) {
		hits += found[i] != NULL && found[i]->ends_s > 0;
	}
	table_reader_quiescent(o->reader);
	return hits;
}

static uint64_t ours_look_alone(void *t, const struct table_key keys[], unsigned n) {
	struct ours *o = t;
	uint64_t hits = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct entry *e = table_lookup(o->table, keys[i].name, keys[i].len);
		hits += e != NULL && e->ends_s > 0;
	}
	table_reader_quiescent(o->reader);
	return hits;
}

const struct rival RIVAL_TABLE = {
	.name = "table",
	.open = ours_open,
	.close = ours_close,
	.put = ours_put,
	.turn = ours_turn,
	.begin = ours_begin,
	.end = ours_end,
	.look = ours_look,
	.huge_bytes = none_huge,
};

const struct rival RIVAL_ALONE = {
	.name = "table, one at a time",
	.open = ours_open,
	.close = ours_close,
	.put = ours_put,
	.turn = ours_turn,
	.begin = ours_begin,
	.end = ours_end,
	.look = ours_look_alone,
	.huge_bytes = none_huge,
};

// cds_lfht.

struct node {
	struct cds_lfht_node link;
	uint32_t ends_s;
	uint32_t check_s;
	uint16_t used_h;
	uint8_t checking;
	uint8_t name_len;
	char name[];
};

struct lfht {
	struct cds_lfht *table;
	uint64_t seed;
	char *nodes; // one after the other
	size_t used;
	size_t room;
};

#define NODES_HUGE (ARENA_HUGE_BYTES - 1)

static void *lfht_open(size_t names, uint64_t seed) {
	struct lfht *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return NULL;
	}
	size_t buckets = (size_t)1 << (64U - (unsigned)__builtin_clzl(names - 1));
	l->seed = seed;
	// Address space: the longest names, and for each as many again.
	l->room = ((names + 4000000) * 2 * 128 + NODES_HUGE) & ~NODES_HUGE;
	l->nodes = arena_map(l->room, ARENA_HUGE_BYTES);
	l->table = l->nodes == NULL ? NULL : cds_lfht_new(buckets, buckets, 0, 0, NULL);
	if (l->table == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

// The buckets of a table that is not empty are left to the end of the process.
static void lfht_close(void *t) {
	struct lfht *l = t;
	arena_unmap(l->nodes, l->room);
	free(l);
}

// Not caa_container_of(), which casts const away.
static const struct node *node_of(const struct cds_lfht_node *link) {
	return (const struct node *)(const void
					     *)((const char *)link - offsetof(struct node, link));
}

static int lfht_match(struct cds_lfht_node *link, const void *key) {
	const struct node *n = node_of(link);
	const struct table_key *k = key;
	return n->name_len == k->len && memcmp(n->name, k->name, k->len) == 0;
}

static int lfht_put(void *t, const char *name, size_t len, uint32_t ends_s) {
	struct lfht *l = t;
	size_t bytes = (offsetof(struct node, name) + len + 7) & ~(size_t)7;
	if (l->room - l->used < bytes) {
		return -ENOMEM;
	}
	struct node *n = (struct node *)(void *)(l->nodes + l->used);
	l->used += bytes;
	cds_lfht_node_init(&n->link);
	n->ends_s = ends_s;
	n->name_len = (uint8_t)len;
	memcpy(n->name, name, len);
	struct table_key key = {name, (uint32_t)len};
	uint64_t hash = XXH3_64bits_withSeed(name, len, l->seed);
	(void)cds_lfht_add_replace(l->table, hash, lfht_match, &key, &n->link);
	return 0;
}

static void lfht_turn(void * /*t*/) {
	rcu_quiescent_state();
}

static void lfht_begin(void * /*t*/) {
	rcu_register_thread();
}

static void lfht_end(void * /*t*/) {
	rcu_unregister_thread();
}

static uint64_t lfht_look(void *t, const struct table_key keys[], unsigned n) {
	struct lfht *l = t;
	uint64_t hits = 0;
	for (unsigned i = 0; i < n; i++) {
		struct cds_lfht_iter it;
		uint64_t hash = XXH3_64bits_withSeed(keys[i].name, keys[i].len, l->seed);
		cds_lfht_lookup(l->table, hash, lfht_match, &keys[i], &it);
		const struct cds_lfht_node *link = cds_lfht_iter_get_node(&it);
		hits += link != NULL && node_of(link)->ends_s > 0;
	}
	rcu_quiescent_state();
	return hits;
}

const struct rival RIVAL_LFHT = {
	.name = "cds_lfht",
	.open = lfht_open,
	.close = lfht_close,
	.put = lfht_put,
	.turn = lfht_turn,
	.begin = lfht_begin,
	.end = lfht_end,
	.writer_looks = true,
	.look = lfht_look,
	.huge_bytes = none_huge,
};

// rte_hash.

struct hash {
	struct rte_hash *table;
	uint64_t seed;
	size_t before; // octets of DPDK's heap
};

static size_t heap_bytes(void) {
	struct rte_malloc_socket_stats s;
	return rte_malloc_get_socket_stats(0, &s) == 0 ? s.heap_allocsz_bytes : 0;
}

// Of a key that is a hash.
static uint32_t hash_of_key(const void *key, uint32_t /*len*/, uint32_t /*seed*/) {
	uint32_t v;
	memcpy(&v, key, sizeof(v));
	return v;
}

static void *hash_open(size_t names, uint64_t seed) {
	struct hash *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		return NULL;
	}
	h->before = heap_bytes();
	h->seed = seed;
	h->table = rte_hash_create(&(struct rte_hash_parameters){
		.name = "rival",
		// So that the last ones find a place, too.
		.entries = (uint32_t)(names + names / 16),
		.key_len = sizeof(XXH128_hash_t),
		.hash_func = hash_of_key,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	});
	if (h->table == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

static void hash_close(void *t) {
	struct hash *h = t;
	rte_hash_free(h->table);
	free(h);
}

static int hash_put(void *t, const char *name, size_t len, uint32_t ends_s) {
	struct hash *h = t;
	XXH128_hash_t key = XXH3_128bits_withSeed(name, len, h->seed);
	// NOLINTNEXTLINE(performance-no-int-to-ptr): the word is the verdict.
	return rte_hash_add_key_data(h->table, &key, (void *)(uintptr_t)ends_s);
}

static void hash_turn(void * /*t*/) {}

static void hash_begin(void * /*t*/) {}

static void hash_end(void * /*t*/) {}

static uint64_t hash_look(void *t, const struct table_key keys[], unsigned n) {
	struct hash *h = t;
	XXH128_hash_t made[TABLE_BURST_MAX];
	const void *at[TABLE_BURST_MAX];
	void *data[TABLE_BURST_MAX];
	uint64_t found = 0;
	for (unsigned i = 0; i < n; i++) {
		made[i] = XXH3_128bits_withSeed(keys[i].name, keys[i].len, h->seed);
		at[i] = &made[i];
	}
	(void)rte_hash_lookup_bulk_data(h->table, at, n, &found, data);
	uint64_t hits = 0;
	for (unsigned i = 0; i < n; i++) {
		hits += (found >> i & 1) != 0 && (uintptr_t)data[i] > 0;
	}
	return hits;
}

static size_t hash_huge(void *t) {
	return heap_bytes() - ((struct hash *)t)->before;
}

const struct rival RIVAL_HASH = {
	.name = "rte_hash",
	.open = hash_open,
	.close = hash_close,
	.put = hash_put,
	.turn = hash_turn,
	.begin = hash_begin,
	.end = hash_end,
	.look = hash_look,
	.huge_bytes = hash_huge,
};
