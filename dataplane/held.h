// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The queries of one worker that wait for a discovery: one slot for a name, up
// to HELD_PER_NAME questions chained to it. A slot's number and generation make
// the token that comes back; no generation is 0. Two first-in-first-out lists, one for each hold
// time, whose heads are the only timers. Memory is allocated once; every call
// is of constant cost. Context: the worker that owns it.

#define HELD_PER_NAME 16

struct held;

// Who asked, so that a repeat replaces what it repeats.
struct held_client {
	uint8_t address[16];
	uint16_t port;
	uint16_t id;
};

struct held_query {
	const char *name;
	uint8_t name_len;
	bool recheck; // waits for another answer than a plain lookup does
	bool short_hold;
	struct held_client client;
	void *frame;
};

enum held_result {
	HELD_FIRST, // a new slot: push a miss
	HELD_JOINED,
	HELD_REPLACED, // the older frame is in *replaced
	HELD_FULL,     // answer now: no place
};

// @param max  Questions held at once. @return NULL when memory is short.
struct held *held_new(uint32_t max, mono_ns_t long_ns, mono_ns_t short_ns, uint32_t seed);
// All frames have been taken out by then.
void held_free(struct held *h);

// Takes the frame over, unless the result is HELD_FULL.
enum held_result held_add(
	struct held *h,
	const struct held_query *q,
	mono_ns_t now,
	uint32_t *slot,
	uint32_t *generation,
	void **replaced
);

// Ends a slot: its frames go to the caller, at most HELD_PER_NAME.
// @return How many; 0 for a stale generation.
unsigned held_release(struct held *h, uint32_t slot, uint32_t generation, void *frames[]);

// Takes out one frame whose hold time is over. @return NULL when there is none.
void *held_expired(struct held *h, mono_ns_t now);

// Takes out any one frame, for the end. @return NULL when none is held.
void *held_any(struct held *h);

uint32_t held_count(const struct held *h);
