// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A list of entries without an order, and a hand that goes round in it like that
// of a clock. Whoever is on it knows its place, so that it can leave at once. It
// grows in chunks: nothing is ever copied, and no step takes longer for its size.
// Context: the writer.

struct entry;

struct roster {
	const struct entry ***chunks;
	size_t chunk_count;
	size_t chunk_room;
	size_t count;
	size_t hand;
};

// All zero is an empty roster.
void roster_fini(struct roster *r);

// Makes room for one more. @return False: out of memory.
[[nodiscard]] bool roster_reserve(struct roster *r);

// Adds; there is room.
// @return Its place.
uint32_t roster_add(struct roster *r, const struct entry *e);

// Whoever stands at a place below count.
const struct entry *roster_at(const struct roster *r, size_t place);

// Puts another entry into a place.
void roster_set(struct roster *r, size_t place, const struct entry *e);

// Takes out the one at the place.
// @return The one that stands there now, whose place changed, or NULL.
const struct entry *roster_remove(struct roster *r, size_t place);

// Moves the hand on. @return Whom it passes; NULL: nobody is there.
const struct entry *roster_pass(struct roster *r);
