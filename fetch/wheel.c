// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/wheel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A hierarchical wheel (Varghese and Lauck): LEVELS rings of SLOTS lists, a slot
// of level n spans SLOTS^n seconds. An entry lies in the lowest level whose ring
// still reaches its time; when the hand passes a slot of a higher level, that
// slot's entries are laid out anew below. What lies beyond the top ring goes to
// its farthest slot and is looked at again when the hand comes by.
//
// Names are found by linear hashing: each insertion splits at most one bucket,
// so that no single step rehashes a million of them.

#define SLOT_BITS 6U
#define SLOTS (1U << SLOT_BITS)
#define LEVELS 4U
#define BUCKETS_MIN 64U

struct link {
	struct link *next;
	struct link *prev;
};

struct node {
	struct link link; // first: a link is its node
	struct node *chain;
	uint64_t hash;
	boot_s_t at;
	uint8_t len;
	char text[];
};

struct wheel {
	uint64_t seed;
	bool started;
	boot_s_t hand;	 // all before and at it has been laid into `due`
	struct link due; // over
	struct link slots[LEVELS][SLOTS];
	struct node **buckets;
	size_t bucket_count; // in use: base + split
	size_t bucket_cap;
	size_t base; // power of two; buckets below `split` are split already
	size_t split;
	size_t count;
};

static void list_init(struct link *l) {
	l->next = l;
	l->prev = l;
}

static void list_remove(struct link *l) {
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static void list_append(struct link *list, struct link *l) {
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

struct wheel *wheel_new(uint64_t seed) {
	struct wheel *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return NULL;
	}
	w->buckets = calloc(BUCKETS_MIN, sizeof(struct node *));
	if (w->buckets == NULL) {
		free(w);
		return NULL;
	}
	w->seed = seed;
	w->base = w->bucket_count = w->bucket_cap = BUCKETS_MIN;
	list_init(&w->due);
	for (unsigned level = 0; level < LEVELS; level++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			list_init(&w->slots[level][i]);
		}
	}
	return w;
}

void wheel_free(struct wheel *w) {
	if (w == NULL) {
		return;
	}
	for (size_t i = 0; i < w->bucket_count; i++) {
		struct node *n = w->buckets[i];
		while (n != NULL) {
			struct node *next = n->chain;
			free(n);
			n = next;
		}
	}
	free(w->buckets);
	free(w);
}

static uint64_t hash_of(const struct wheel *w, const struct name *domain) {
	return name_hash(domain->text, domain->len, w->seed);
}

static size_t bucket_of(const struct wheel *w, uint64_t hash) {
	size_t b = hash & (w->base - 1);
	return b < w->split ? hash & (2 * w->base - 1) : b;
}

static struct node **find(const struct wheel *w, const struct name *domain, uint64_t hash) {
	struct node **at = &w->buckets[bucket_of(w, hash)];
	while (*at != NULL
	       && ((*at)->hash != hash || (*at)->len != domain->len
		   || memcmp((*at)->text, domain->text, domain->len) != 0)) {
		at = &(*at)->chain;
	}
	return at;
}

// One step of growth. Without memory chains grow instead.
static void split_one(struct wheel *w) {
	if (w->bucket_count == w->bucket_cap) {
		size_t cap = 2 * w->bucket_cap;
		struct node **grown = reallocarray(w->buckets, cap, sizeof(struct node *));
		if (grown == NULL) {
			return;
		}
		w->buckets = grown;
		w->bucket_cap = cap;
	}
	struct node *n = w->buckets[w->split];
	struct node *stay = NULL;
	struct node *move = NULL;
	while (n != NULL) {
		struct node *next = n->chain;
		struct node **to = (n->hash & w->base) != 0 ? &move : &stay;
		n->chain = *to;
		*to = n;
		n = next;
	}
	w->buckets[w->split] = stay;
	w->buckets[w->bucket_count++] = move;
	w->split++;
	if (w->split == w->base) {
		w->base *= 2;
		w->split = 0;
	}
}

// Lays an entry where its time belongs, seen from the hand.
static void place(struct wheel *w, struct node *n) {
	if (!w->started || n->at <= w->hand) {
		list_append(&w->due, &n->link);
		return;
	}
	uint64_t at = (uint64_t)n->at;
	uint64_t hand = (uint64_t)w->hand;
	for (unsigned level = 0; level < LEVELS; level++) {
		unsigned shift = level * SLOT_BITS;
		if ((at >> shift) - (hand >> shift) < SLOTS) {
			list_append(&w->slots[level][(at >> shift) & (SLOTS - 1)], &n->link);
			return;
		}
	}
	unsigned top = (LEVELS - 1) * SLOT_BITS;
	list_append(&w->slots[LEVELS - 1][((hand >> top) - 1) & (SLOTS - 1)], &n->link);
}

static void place_all(struct wheel *w, struct link *list) {
	struct link taken;
	list_init(&taken);
	if (list->next == list) {
		return;
	}
	taken = *list;
	taken.next->prev = &taken;
	taken.prev->next = &taken;
	list_init(list);
	while (taken.next != &taken) {
		struct link *l = taken.next;
		list_remove(l);
		place(w, (struct node *)l);
	}
}

int wheel_arm(struct wheel *w, const struct name *domain, boot_s_t at) {
	uint64_t hash = hash_of(w, domain);
	struct node **where = find(w, domain, hash);
	struct node *n = *where;
	if (n != NULL) {
		list_remove(&n->link);
		n->at = at;
		place(w, n);
		return 0;
	}
	n = malloc(sizeof(*n) + domain->len);
	if (n == NULL) {
		return -ENOMEM;
	}
	*n = (struct node){.hash = hash, .at = at, .len = domain->len};
	memcpy(n->text, domain->text, domain->len);
	*where = n;
	place(w, n);
	if (++w->count > w->bucket_count) {
		split_one(w);
	}
	return 0;
}

static void drop(struct wheel *w, struct node **where) {
	struct node *n = *where;
	*where = n->chain;
	list_remove(&n->link);
	free(n);
	w->count--;
}

bool wheel_disarm(struct wheel *w, const struct name *domain) {
	struct node **where = find(w, domain, hash_of(w, domain));
	if (*where == NULL) {
		return false;
	}
	drop(w, where);
	return true;
}

// One second on. Higher levels are laid out first, from the top, because their
// entries may belong to the very second.
static void step(struct wheel *w) {
	w->hand++;
	uint64_t hand = (uint64_t)w->hand;
	for (unsigned level = LEVELS - 1; level > 0; level--) {
		unsigned shift = level * SLOT_BITS;
		if ((hand & ((1ULL << shift) - 1)) == 0) {
			place_all(w, &w->slots[level][(hand >> shift) & (SLOTS - 1)]);
		}
	}
	place_all(w, &w->slots[0][hand & (SLOTS - 1)]);
}

bool wheel_pop(struct wheel *w, boot_s_t now, struct name *out) {
	if (!w->started) {
		w->started = true;
		w->hand = now;
		place_all(w, &w->due);
	}
	while (w->due.next == &w->due) {
		if (w->hand >= now) {
			return false;
		}
		step(w);
	}
	const struct node *n = (const struct node *)w->due.next;
	out->len = n->len;
	memcpy(out->text, n->text, n->len);
	out->text[n->len] = '\0';
	struct node **where = find(w, out, n->hash);
	drop(w, where);
	return true;
}

size_t wheel_count(const struct wheel *w) {
	return w->count;
}
