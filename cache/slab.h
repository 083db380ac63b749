// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>

// Slots of many sizes for one thread. Sizes go in steps of 4 octets up to 64,
// then in sixteenths of a power of two, so at most 1/16 of a slot is unused.
//
// Memory is never returned to the system before slab_free(). A page of 64 KiB of
// which no slot is left serves slots of any size up to 8 KiB; that of larger ones
// stays theirs. Free slots are poisoned under AddressSanitizer.

#define SLAB_BYTES_MAX 262144UL

struct slab;

struct slab_stats {
	size_t live_bytes; // slots in use
	size_t span_bytes; // cut into slots so far, used or not
};

// @return The slab, or NULL with errno set.
struct slab *slab_new(void);
// Every slot is gone afterwards.
void slab_free(struct slab *s);

// @param bytes  At most SLAB_BYTES_MAX.
// @return A slot with undefined contents, or NULL when memory is short. It is
//         aligned to the largest power of two in its size, at least 4: asked
//         for a multiple of 8 to 8, asked for 64 to 64.
void *slab_take(struct slab *s, size_t bytes);
void slab_give(struct slab *s, void *slot);

// Whether a slot of so many octets can be had of memory that is here already.
bool slab_fits(const struct slab *s, size_t bytes);

// The whole size of a slot in use.
size_t slab_slot_bytes(const void *slot);

struct slab_stats slab_stats(const struct slab *s);
