// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/held.h"

#include "base/name.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum { LONG_HOLD, SHORT_HOLD, HOLDS };

struct question {
	void *frame;
	mono_ns_t until;
	struct held_client client;
	uint32_t slot;
	uint32_t next_in_slot; // also the free list
	uint32_t older;	       // in its FIFO
	uint32_t newer;
	uint8_t hold;
};

struct slot {
	uint32_t generation;
	uint32_t first;		 // question
	uint32_t next_in_bucket; // also the free list
	uint32_t hash;
	uint16_t count;
	bool recheck;
	uint8_t name_len;
	char name[NAME_DOMAIN_MAX];
};

struct held {
	struct question *questions;
	struct slot *slots;
	uint32_t *buckets; // a power of two
	uint32_t mask;
	uint32_t free_question;
	uint32_t free_slot;
	uint32_t count;
	uint32_t seed;
	uint32_t oldest[HOLDS];
	uint32_t newest[HOLDS];
	mono_ns_t hold_ns[HOLDS];
};

struct held *held_new(uint32_t max, mono_ns_t long_ns, mono_ns_t short_ns, uint32_t seed) {
	struct held *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		return NULL;
	}
	uint32_t buckets = 16;
	while (buckets < max * 2) {
		buckets *= 2;
	}
	h->questions = calloc(max, sizeof(*h->questions));
	h->slots = calloc(max, sizeof(*h->slots));
	h->buckets = calloc(buckets, sizeof(*h->buckets));
	if (h->questions == NULL || h->slots == NULL || h->buckets == NULL) {
		held_free(h);
		return NULL;
	}
	memset(h->buckets, 0xff, buckets * sizeof(*h->buckets));
	for (uint32_t i = 0; i < max; i++) {
		h->questions[i].next_in_slot = i + 1 < max ? i + 1 : NONE;
		h->slots[i].next_in_bucket = i + 1 < max ? i + 1 : NONE;
		h->slots[i].generation = 1;
	}
	h->mask = buckets - 1;
	h->seed = seed;
	h->hold_ns[LONG_HOLD] = long_ns;
	h->hold_ns[SHORT_HOLD] = short_ns;
	h->oldest[LONG_HOLD] = h->oldest[SHORT_HOLD] = NONE;
	h->newest[LONG_HOLD] = h->newest[SHORT_HOLD] = NONE;
	return h;
}

void held_free(struct held *h) {
	if (h != NULL) {
		free(h->questions);
		free(h->slots);
		free(h->buckets);
		free(h);
	}
}

// FNV-1a, seeded: the index is small and bounded, a table of strangers' names.
static uint32_t hash_of(const struct held *h, const struct held_query *q) {
	uint32_t v = 2166136261U ^ h->seed ^ (q->recheck ? 0x9e3779b9U : 0);
	for (unsigned i = 0; i < q->name_len; i++) {
		v = (v ^ (uint8_t)q->name[i]) * 16777619U;
	}
	return v ^ v >> 15;
}

static uint32_t find(const struct held *h, const struct held_query *q, uint32_t hash) {
	uint32_t i = h->buckets[hash & h->mask];
	while (i != NONE) {
		const struct slot *s = &h->slots[i];
		if (s->hash == hash && s->recheck == q->recheck && s->name_len == q->name_len
		    && memcmp(s->name, q->name, q->name_len) == 0) {
			return i;
		}
		i = s->next_in_bucket;
	}
	return NONE;
}

static uint32_t new_slot(struct held *h, const struct held_query *q, uint32_t hash) {
	uint32_t i = h->free_slot;
	struct slot *s = &h->slots[i];
	h->free_slot = s->next_in_bucket;
	s->first = NONE;
	s->hash = hash;
	s->count = 0;
	s->recheck = q->recheck;
	s->name_len = q->name_len;
	memcpy(s->name, q->name, q->name_len);
	uint32_t *bucket = &h->buckets[hash & h->mask];
	s->next_in_bucket = *bucket;
	*bucket = i;
	return i;
}

static void end_slot(struct held *h, uint32_t i) {
	struct slot *s = &h->slots[i];
	uint32_t *at = &h->buckets[s->hash & h->mask];
	while (*at != i) {
		at = &h->slots[*at].next_in_bucket;
	}
	*at = s->next_in_bucket;
	s->generation += s->generation == UINT32_MAX ? 2 : 1; // never 0
	s->next_in_bucket = h->free_slot;
	h->free_slot = i;
}

static void append(struct held *h, uint32_t i, uint8_t hold) {
	struct question *q = &h->questions[i];
	q->hold = hold;
	q->newer = NONE;
	q->older = h->newest[hold];
	if (q->older != NONE) {
		h->questions[q->older].newer = i;
	} else {
		h->oldest[hold] = i;
	}
	h->newest[hold] = i;
}

// Out of its FIFO and back to the free list. @return Its frame.
static void *end_question(struct held *h, uint32_t i) {
	struct question *q = &h->questions[i];
	if (q->older != NONE) {
		h->questions[q->older].newer = q->newer;
	} else {
		h->oldest[q->hold] = q->newer;
	}
	if (q->newer != NONE) {
		h->questions[q->newer].older = q->older;
	} else {
		h->newest[q->hold] = q->older;
	}
	q->next_in_slot = h->free_question;
	h->free_question = i;
	h->count--;
	return q->frame;
}

static struct question *
find_client(struct held *h, const struct slot *s, const struct held_client *c) {
	for (uint32_t i = s->first; i != NONE; i = h->questions[i].next_in_slot) {
		struct question *q = &h->questions[i];
		if (q->client.id == c->id && q->client.port == c->port
		    && memcmp(q->client.address, c->address, sizeof(c->address)) == 0) {
			return q;
		}
	}
	return NULL;
}

enum held_result held_add(
	struct held *h,
	const struct held_query *q,
	mono_ns_t now,
	uint32_t *slot,
	uint32_t *generation,
	void **replaced
) {
	uint32_t hash = hash_of(h, q);
	uint32_t i = find(h, q, hash);
	bool first = i == NONE;
	if (!first) {
		struct question *same = find_client(h, &h->slots[i], &q->client);
		if (same != NULL) {
			*replaced = same->frame;
			same->frame = q->frame;
			return HELD_REPLACED;
		}
	}
	if (h->free_question == NONE || (!first && h->slots[i].count >= HELD_PER_NAME)) {
		return HELD_FULL;
	}
	if (first) {
		i = new_slot(h, q, hash);
	}
	struct slot *s = &h->slots[i];
	uint32_t n = h->free_question;
	struct question *new = &h->questions[n];
	h->free_question = new->next_in_slot;
	uint8_t hold = q->short_hold ? SHORT_HOLD : LONG_HOLD;
	new->frame = q->frame;
	new->until = now + h->hold_ns[hold];
	new->client = q->client;
	new->slot = i;
	new->next_in_slot = s->first;
	s->first = n;
	s->count++;
	h->count++;
	append(h, n, hold);
	*slot = i;
	*generation = s->generation;
	return first ? HELD_FIRST : HELD_JOINED;
}

unsigned held_release(struct held *h, uint32_t slot, uint32_t generation, void *frames[]) {
	struct slot *s = &h->slots[slot];
	if (s->generation != generation) {
		return 0;
	}
	unsigned n = 0;
	uint32_t i = s->first;
	while (i != NONE) {
		uint32_t next = h->questions[i].next_in_slot;
		frames[n++] = end_question(h, i);
		i = next;
	}
	end_slot(h, slot);
	return n;
}

static void *take_out(struct held *h, uint32_t i) {
	uint32_t slot = h->questions[i].slot;
	struct slot *s = &h->slots[slot];
	uint32_t *at = &s->first;
	while (*at != i) {
		at = &h->questions[*at].next_in_slot;
	}
	*at = h->questions[i].next_in_slot;
	void *frame = end_question(h, i);
	if (--s->count == 0) {
		end_slot(h, slot);
	}
	return frame;
}

void *held_expired(struct held *h, mono_ns_t now) {
	for (int hold = 0; hold < HOLDS; hold++) {
		uint32_t i = h->oldest[hold];
		if (i != NONE && h->questions[i].until <= now) {
			return take_out(h, i);
		}
	}
	return NULL;
}

void *held_any(struct held *h) {
	return held_expired(h, UINT64_MAX);
}

uint32_t held_count(const struct held *h) {
	return h->count;
}
