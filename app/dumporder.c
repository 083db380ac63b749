// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/dumporder.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A binary heap of pointers. The names stand in chunks that are given up together,
// and in a hash set of chains that is made once: growing it would be a step of
// milliseconds. The heap's array grows by realloc(), which moves pages.

#define CHUNK_BYTES ((size_t)256 << 10)
#define BUCKETS_MIN 1024

struct node {
	struct node *next; // in its bucket
	boot_s_t used_at;
	uint8_t len;
	char name[];
};

struct chunk {
	struct chunk *next;
	size_t used;
	_Alignas(8) char octets[];
};

struct dumporder {
	struct node **heap;
	size_t count;
	size_t cap;
	struct chunk *chunks;
	size_t mask;
	struct node *buckets[];
};

struct dumporder *dumporder_new(size_t expected) {
	size_t buckets = BUCKETS_MIN;
	while (buckets < expected) {
		buckets *= 2;
	}
	struct dumporder *o = calloc(1, sizeof(*o) + buckets * sizeof(o->buckets[0]));
	if (o != NULL) {
		o->mask = buckets - 1;
	}
	return o;
}

void dumporder_free(struct dumporder *o) {
	if (o == NULL) {
		return;
	}
	while (o->chunks != NULL) {
		struct chunk *c = o->chunks;
		o->chunks = c->next;
		free(c);
	}
	free(o->heap);
	free(o);
}

// FNV-1a. The names are those of the table, whose own hash is keyed; a long chain
// here makes one dump slow.
static size_t bucket_of(const struct dumporder *o, const char *name, size_t len) {
	uint64_t h = 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < len; i++) {
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL;
	}
	return (h ^ h >> 32) & o->mask;
}

bool dumporder_has(const struct dumporder *o, const struct name *domain) {
	const struct node *n = o->buckets[bucket_of(o, domain->text, domain->len)];
	while (n != NULL && (n->len != domain->len || memcmp(n->name, domain->text, n->len) != 0)) {
		n = n->next;
	}
	return n != NULL;
}

static struct node *new_node(struct dumporder *o, size_t name_len) {
	size_t bytes = (offsetof(struct node, name) + name_len + 7) / 8 * 8;
	if (o->chunks == NULL || o->chunks->used + bytes > CHUNK_BYTES - sizeof(struct chunk)) {
		struct chunk *c = malloc(CHUNK_BYTES);
		if (c == NULL) {
			return NULL;
		}
		c->next = o->chunks;
		c->used = 0;
		o->chunks = c;
	}
	struct node *n = (struct node *)(void *)(o->chunks->octets + o->chunks->used);
	o->chunks->used += bytes;
	return n;
}

// Whether a is given before b.
static bool is_first(const struct node *a, const struct node *b) {
	if (a->used_at != b->used_at) {
		return a->used_at > b->used_at;
	}
	int order = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);
	return order > 0 || (order == 0 && a->len > b->len);
}

static bool grow(struct dumporder *o) {
	size_t cap = o->cap == 0 ? 1024 : o->cap * 2;
	struct node **heap = realloc(o->heap, cap * sizeof(heap[0]));
	if (heap != NULL) {
		o->heap = heap;
		o->cap = cap;
	}
	return heap != NULL;
}

int dumporder_add(struct dumporder *o, const struct name *domain, boot_s_t used_at) {
	if (dumporder_has(o, domain)) {
		return 0;
	}
	struct node *n = o->count < o->cap || grow(o) ? new_node(o, domain->len) : NULL;
	if (n == NULL) {
		return -ENOMEM;
	}
	size_t bucket = bucket_of(o, domain->text, domain->len);
	n->used_at = used_at;
	n->len = domain->len;
	memcpy(n->name, domain->text, domain->len);
	n->next = o->buckets[bucket];
	o->buckets[bucket] = n;
	size_t at = o->count++;
	while (at > 0 && is_first(n, o->heap[(at - 1) / 2])) {
		o->heap[at] = o->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	o->heap[at] = n;
	return 0;
}

bool dumporder_pop(struct dumporder *o, struct name *out) {
	if (o->count == 0) {
		return false;
	}
	const struct node *top = o->heap[0];
	out->len = top->len;
	memcpy(out->text, top->name, top->len);
	out->text[top->len] = '\0';
	struct node *last = o->heap[--o->count];
	size_t at = 0;
	for (size_t child; (child = 2 * at + 1) < o->count; at = child) {
		if (child + 1 < o->count && is_first(o->heap[child + 1], o->heap[child])) {
			child++;
		}
		if (!is_first(o->heap[child], last)) {
			break;
		}
		o->heap[at] = o->heap[child];
	}
	if (o->count > 0) {
		o->heap[at] = last;
	}
	return true;
}
