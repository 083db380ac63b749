// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/budget.h"

#include "dataplane/siphash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

struct place {
	uint64_t network; // the address, or the /64 of it
	uint64_t left;	  // octets that may still be sent
	mono_ns_t since;
	uint8_t family; // 0: nobody's
};

struct budget {
	uint8_t key[SIPHASH_KEY_BYTES]; // so that nobody chooses who meets whom
	uint32_t mask;
	struct place at[];
};

struct budget *budget_new(uint32_t places) {
	struct budget *b = calloc(1, sizeof(*b) + places * sizeof(b->at[0]));
	if (b != NULL) {
		b->mask = places - 1;
		if (getrandom(b->key, sizeof(b->key), 0) != (ssize_t)sizeof(b->key)) {
			free(b);
			b = NULL;
		}
	}
	return b;
}

void budget_free(struct budget *b) {
	free(b);
}

// The place of a source, from which what was earned too long ago is gone.
static struct place *find(struct budget *b, uint8_t family, const uint8_t *octets, mono_ns_t now) {
	uint8_t data[9] = {0};
	memcpy(data, octets, family == AF_INET ? 4 : 8);
	data[8] = family;
	struct place *p = &b->at[siphash(b->key, data, sizeof(data)) & b->mask];
	uint64_t network;
	memcpy(&network, data, sizeof(network));
	if (p->family != family || p->network != network || now - p->since >= BUDGET_SPAN_NS) {
		*p = (struct place){.network = network, .since = now, .family = family};
	}
	return p;
}

void budget_earn(
	struct budget *b,
	uint8_t family,
	const uint8_t *octets,
	size_t bytes,
	mono_ns_t now
) {
	find(b, family, octets, now)->left += bytes;
}

bool budget_spend(
	struct budget *b,
	uint8_t family,
	const uint8_t *octets,
	size_t bytes,
	mono_ns_t now
) {
	struct place *p = find(b, family, octets, now);
	bool enough = p->left >= bytes;
	p->left -= enough ? bytes : 0;
	return enough;
}
