// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>

// Waiting for grace periods, in a thread of its own. The writer retires slots
// of its slab; they go in batches to `sts:reclaim`, which waits until no reader
// can hold them, and come back to the slab in reclaim_turn().

struct slab;
struct reclaim;

// Starts the thread.
// @param slab  Borrowed; outlives the reclaimer.
// @return The reclaimer, or NULL with errno set.
struct reclaim *reclaim_new(struct slab *slab);

// Stops the thread. What still waits is not given back: the slab goes next.
// All readers are unregistered by then.
void reclaim_free(struct reclaim *r);

// Takes a slot that no reader can find any more.
// Context: the writer. Does not wait, but when not even 4 KiB for a batch can be
// had: then it waits for a grace period here and gives the slots back itself.
void reclaim_retire(struct reclaim *r, void *slot);

// Hands on what was retired and takes back, of what is free by now, at most
// RECLAIM_TURN_SLOTS.
// Context: the writer, once a turn of its loop; never waits.
void reclaim_turn(struct reclaim *r);
#define RECLAIM_TURN_SLOTS 1020

// Slots that are retired and not given back yet.
size_t reclaim_pending(const struct reclaim *r);

int reclaim_tid(const struct reclaim *r);
