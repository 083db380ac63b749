// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/due.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536U
#define SHARE_ONE (1U << 24U)

struct node {
	struct node *chain;
	size_t at; // in the heap
	uint64_t key;
	uint64_t hash;
	boot_s_t ends_at;
	uint32_t max_age_s;
	enum policy_mode mode;
	uint8_t len;
	char text[];
};

struct due {
	uint64_t seed;
	size_t count;
	size_t cap;
	size_t cursor; // of due_age()
	struct node **heap;
	struct node *buckets[BUCKETS];
};

struct due *due_new(uint64_t seed) {
	struct due *d = calloc(1, sizeof(*d));
	if (d != NULL) {
		d->seed = seed;
	}
	return d;
}

void due_free(struct due *d) {
	for (size_t i = 0; d != NULL && i < d->count; i++) {
		free(d->heap[i]);
	}
	if (d != NULL) {
		free(d->heap);
	}
	free(d);
}

static uint64_t hash_of(const struct due *d, const struct name *domain) {
	return name_hash(domain->text, domain->len, d->seed);
}

static struct node **find(struct due *d, const struct name *domain, uint64_t hash) {
	struct node **at = &d->buckets[hash % BUCKETS];
	while (*at != NULL
	       && ((*at)->hash != hash || (*at)->len != domain->len
		   || memcmp((*at)->text, domain->text, domain->len) != 0)) {
		at = &(*at)->chain;
	}
	return at;
}

// The least key is the most urgent one.
static uint64_t key_of(const struct node *n, boot_s_t now) {
	int64_t left = n->ends_at > now ? n->ends_at - now : 0;
	uint64_t share = (uint64_t)left * SHARE_ONE / ((uint64_t)n->max_age_s + 1);
	return (uint64_t)(POLICY_MODE_ENFORCE - n->mode) << 48U | share;
}

static void set(struct due *d, size_t at, struct node *n) {
	d->heap[at] = n;
	n->at = at;
}

static void sift_up(struct due *d, struct node *n) {
	size_t at = n->at;
	while (at > 0 && n->key < d->heap[(at - 1) / 2]->key) {
		set(d, at, d->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(d, at, n);
}

static void sift_down(struct due *d, struct node *n) {
	size_t at = n->at;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < d->count && d->heap[child + 1]->key < d->heap[child]->key) {
			child++;
		}
		if (child >= d->count || n->key <= d->heap[child]->key) {
			break;
		}
		set(d, at, d->heap[child]);
		at = child;
	}
	set(d, at, n);
}

static void judge(struct due *d, struct node *n, boot_s_t now) {
	n->key = key_of(n, now);
	sift_up(d, n);
	sift_down(d, n);
}

static bool grow(struct due *d) {
	if (d->count < d->cap) {
		return true;
	}
	size_t cap = d->cap > 0 ? 2 * d->cap : 64;
	struct node **grown = reallocarray(d->heap, cap, sizeof(struct node *));
	if (grown != NULL) {
		d->heap = grown;
		d->cap = cap;
	}
	return grown != NULL;
}

int due_push(struct due *d, const struct due_policy *policy, boot_s_t now) {
	uint64_t hash = hash_of(d, &policy->domain);
	struct node **where = find(d, &policy->domain, hash);
	struct node *n = *where;
	if (n == NULL) {
		n = grow(d) ? malloc(sizeof(*n) + policy->domain.len) : NULL;
		if (n == NULL) {
			return -ENOMEM;
		}
		*n = (struct node){.hash = hash, .len = policy->domain.len, .at = d->count};
		memcpy(n->text, policy->domain.text, n->len);
		*where = n;
		d->heap[d->count++] = n;
	}
	n->ends_at = policy->ends_at;
	n->max_age_s = policy->max_age_s;
	n->mode = policy->mode;
	judge(d, n, now);
	return 0;
}

static void drop(struct due *d, struct node **where) {
	struct node *n = *where;
	*where = n->chain;
	struct node *last = d->heap[--d->count];
	if (last != n) {
		set(d, n->at, last);
		sift_up(d, last);
		sift_down(d, last);
	}
	free(n);
}

bool due_drop(struct due *d, const struct name *domain) {
	if (d->count == 0) {
		return false;
	}
	struct node **where = find(d, domain, hash_of(d, domain));
	if (*where == NULL) {
		return false;
	}
	drop(d, where);
	return true;
}

bool due_pop(struct due *d, struct name *out) {
	if (d->count == 0) {
		return false;
	}
	const struct node *n = d->heap[0];
	out->len = n->len;
	memcpy(out->text, n->text, n->len);
	out->text[n->len] = '\0';
	drop(d, find(d, out, n->hash));
	return true;
}

void due_age(struct due *d, size_t max, boot_s_t now) {
	for (size_t i = 0; i < max && i < d->count; i++) {
		d->cursor = d->cursor + 1 < d->count ? d->cursor + 1 : 0;
		judge(d, d->heap[d->cursor], now);
	}
}

size_t due_count(const struct due *d) {
	return d->count;
}
