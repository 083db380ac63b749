// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/roster.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK 4096
#define CHUNKS_FIRST 16
#define AHEAD 8

void roster_fini(struct roster *r) {
	for (size_t i = 0; i < r->chunk_count; i++) {
		free(r->chunks[i]);
	}
	free(r->chunks);
	*r = (struct roster){0};
}

bool roster_reserve(struct roster *r) {
	if (r->count < r->chunk_count * CHUNK) {
		return true;
	}
	if (r->chunk_count == r->chunk_room) {
		size_t room = r->chunk_room > 0 ? 2 * r->chunk_room : CHUNKS_FIRST;
		const struct entry ***more = reallocarray(r->chunks, room, sizeof(*more));
		if (more == NULL) {
			return false;
		}
		r->chunks = more;
		r->chunk_room = room;
	}
	r->chunks[r->chunk_count] = malloc(CHUNK * sizeof(struct entry *));
	if (r->chunks[r->chunk_count] == NULL) {
		return false;
	}
	r->chunk_count++;
	return true;
}

static const struct entry **slot(const struct roster *r, size_t place) {
	assert(place < r->count);
	return &r->chunks[place / CHUNK][place % CHUNK];
}

uint32_t roster_add(struct roster *r, const struct entry *e) {
	assert(r->count < r->chunk_count * CHUNK && r->count < UINT32_MAX);
	size_t place = r->count++;
	*slot(r, place) = e;
	return (uint32_t)place;
}

const struct entry *roster_at(const struct roster *r, size_t place) {
	return *slot(r, place);
}

void roster_set(struct roster *r, size_t place, const struct entry *e) {
	*slot(r, place) = e;
}

const struct entry *roster_remove(struct roster *r, size_t place) {
	const struct entry *last = *slot(r, r->count - 1);
	*slot(r, place) = last;
	r->count--;
	// One empty chunk stays, so that coming and going at its edge costs nothing.
	if (r->chunk_count * CHUNK - r->count > 2UL * CHUNK) {
		free(r->chunks[--r->chunk_count]);
	}
	return place == r->count ? NULL : last;
}

const struct entry *roster_pass(struct roster *r) {
	if (r->count == 0) {
		return NULL;
	}
	r->hand = r->hand < r->count ? r->hand : 0;
	// Whoever comes soon is asked for now.
	__builtin_prefetch(*slot(r, (r->hand + AHEAD) % r->count));
	return *slot(r, r->hand++);
}
