// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/limits.h"

#include "fetch/backoff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// An open-addressed table of groups: addresses, and networks as addresses with
// zeroed ends and fewer bits. At most half full; deletion shifts back, so there
// are no tombstones.

struct group {
	uint8_t family; // 0: free
	uint8_t bits;
	uint8_t octets[16];
	uint32_t used;
	uint32_t wanted;
};

struct limits {
	uint64_t seed;
	uint32_t per_address_max;
	uint32_t per_network_max;
	size_t mask;
	struct group groups[];
};

enum count { USED, WANTED };

struct limits *
limits_new(size_t sets_max, uint32_t per_address_max, uint32_t per_network_max, uint64_t seed) {
	size_t slots = 64;
	while (slots < 4 * sets_max * TASK_ADDRESS_MAX) {
		slots *= 2;
	}
	struct limits *l = calloc(1, sizeof(*l) + slots * sizeof(l->groups[0]));
	if (l == NULL) {
		return NULL;
	}
	l->seed = seed;
	l->per_address_max = per_address_max;
	l->per_network_max = per_network_max;
	l->mask = slots - 1;
	return l;
}

void limits_free(struct limits *l) {
	free(l);
}

static struct group address_key(const struct address *a) {
	bool v4 = a->family == AF_INET;
	struct group key = {.family = a->family, .bits = v4 ? 32 : 128};
	memcpy(key.octets, a->octets, v4 ? 4 : 16);
	return key;
}

static struct group network_key(const struct address *a) {
	bool v4 = a->family == AF_INET;
	struct group key = {.family = a->family, .bits = v4 ? 24 : 48};
	memcpy(key.octets, a->octets, v4 ? 3 : 6);
	return key;
}

static bool same(const struct group *a, const struct group *b) {
	return a->family == b->family && a->bits == b->bits
	       && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

static size_t home(const struct limits *l, const struct group *key) {
	uint64_t half[2];
	memcpy(half, key->octets, sizeof(half));
	uint64_t h = l->seed ^ ((uint64_t)key->family << 8U | key->bits);
	h = backoff_random(&h) ^ half[0];
	h = backoff_random(&h) ^ half[1];
	return backoff_random(&h) & l->mask;
}

// The slot of the key, or the free one where it belongs.
static size_t slot_of(const struct limits *l, const struct group *key) {
	size_t i = home(l, key);
	while (l->groups[i].family != 0 && !same(&l->groups[i], key)) {
		i = (i + 1) & l->mask;
	}
	return i;
}

static void vacate(struct limits *l, size_t hole) {
	size_t i = hole;
	for (;;) {
		i = (i + 1) & l->mask;
		if (l->groups[i].family == 0) {
			break;
		}
		size_t want = home(l, &l->groups[i]);
		if (((i - want) & l->mask) >= ((i - hole) & l->mask)) {
			l->groups[hole] = l->groups[i];
			hole = i;
		}
	}
	l->groups[hole] = (struct group){0};
}

static void bump(struct limits *l, const struct group *key, enum count which, int step) {
	size_t i = slot_of(l, key);
	struct group *g = &l->groups[i];
	if (g->family == 0) {
		assert(step > 0);
		*g = *key;
	}
	uint32_t *n = which == USED ? &g->used : &g->wanted;
	assert(step > 0 || *n > 0);
	*n = (uint32_t)((int64_t)*n + step);
	if (g->used == 0 && g->wanted == 0) {
		vacate(l, i);
	}
}

// Whether list[i] lies in the network of an earlier one: a fetch counts once on
// a network.
static bool network_seen(const struct address list[], uint8_t i) {
	struct group key = network_key(&list[i]);
	for (uint8_t j = 0; j < i; j++) {
		struct group other = network_key(&list[j]);
		if (same(&key, &other)) {
			return true;
		}
	}
	return false;
}

static void
bump_all(struct limits *l, const struct address list[], uint8_t count, enum count which, int step) {
	for (uint8_t i = 0; i < count; i++) {
		struct group key = address_key(&list[i]);
		bump(l, &key, which, step);
		if (!network_seen(list, i)) {
			key = network_key(&list[i]);
			bump(l, &key, which, step);
		}
	}
}

uint8_t limits_pick(
	const struct limits *l,
	const struct address in[],
	uint8_t count,
	struct address out[TASK_ADDRESS_MAX]
) {
	uint8_t n = 0;
	for (uint8_t i = 0; i < count; i++) {
		struct group a = address_key(&in[i]);
		struct group net = network_key(&in[i]);
		if (l->groups[slot_of(l, &a)].used < l->per_address_max
		    && l->groups[slot_of(l, &net)].used < l->per_network_max) {
			out[n++] = in[i];
		}
	}
	return n;
}

void limits_take(struct limits *l, const struct address list[], uint8_t count) {
	bump_all(l, list, count, USED, 1);
}

void limits_give(struct limits *l, const struct address list[], uint8_t count) {
	bump_all(l, list, count, USED, -1);
}

void limits_want(struct limits *l, const struct address list[], uint8_t count) {
	bump_all(l, list, count, WANTED, 1);
}

void limits_unwant(struct limits *l, const struct address list[], uint8_t count) {
	bump_all(l, list, count, WANTED, -1);
}

bool limits_contended(const struct limits *l, const struct address list[], uint8_t count) {
	for (uint8_t i = 0; i < count; i++) {
		struct group a = address_key(&list[i]);
		struct group net = network_key(&list[i]);
		const struct group *ga = &l->groups[slot_of(l, &a)];
		const struct group *gn = &l->groups[slot_of(l, &net)];
		if ((ga->wanted > 0 && ga->used >= l->per_address_max)
		    || (gn->wanted > 0 && gn->used >= l->per_network_max)) {
			return true;
		}
	}
	return false;
}
