// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Queries on their way. Each carries a tag of up to 24 bits (DNS id and source
// port); tags count up and around, so an answer that comes after its query was
// given up finds another tag in the slot and is a stray one.

#define INFLIGHT_TAG_BITS_MAX 24

struct inflight_slot {
	uint64_t at_ns; // when it was, or was to be, sent
	uint32_t index; // the name's number
	uint32_t tag;	// INFLIGHT_FREE when nothing is on its way
};
#define INFLIGHT_FREE UINT32_MAX

struct inflight {
	struct inflight_slot *slots;
	uint64_t next;	 // queries sent so far
	uint64_t oldest; // all before are answered or given up
	uint64_t lost;
	uint32_t slot_mask;
	uint32_t tag_mask;
	uint32_t count; // on their way now
};

// @param slots     A power of two, at most half of the tags.
// @param tag_bits  At most INFLIGHT_TAG_BITS_MAX.
// @return 0 or -ENOMEM.
[[nodiscard]] int inflight_init(struct inflight *f, uint32_t slots, unsigned tag_bits);
void inflight_fini(struct inflight *f);

// The tag of the n-th query from now on.
static inline uint32_t inflight_tag(const struct inflight *f, uint32_t n) {
	return (uint32_t)(f->next + n) & f->tag_mask;
}

// A query with the next tag was sent. Whatever still held the slot is lost.
static inline void inflight_put(struct inflight *f, uint64_t at_ns, uint32_t index) {
	uint32_t tag = inflight_tag(f, 0);
	struct inflight_slot *s = &f->slots[tag & f->slot_mask];
	if (s->tag == INFLIGHT_FREE)
		f->count++;
	else
		f->lost++;
	*s = (struct inflight_slot){at_ns, index, tag};
	f->next++;
}

// Whether a query with this tag is on its way; an answer to a part of it came.
static inline bool inflight_waits(const struct inflight *f, uint32_t tag) {
	return f->slots[tag & f->slot_mask].tag == tag;
}

// An answer with this tag came.
// @return False when no query waits for it.
static inline bool inflight_take(struct inflight *f, uint32_t tag, struct inflight_slot *out) {
	struct inflight_slot *s = &f->slots[tag & f->slot_mask];
	if (s->tag != tag)
		return false;
	*out = *s;
	s->tag = INFLIGHT_FREE;
	f->count--;
	return true;
}

// Gives up what was sent before; a few steps a call unless there is much to do.
void inflight_expire(struct inflight *f, uint64_t before_ns);
