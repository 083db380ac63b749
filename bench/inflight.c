// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/inflight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int inflight_init(struct inflight *f, uint32_t slots, unsigned tag_bits) {
	assert(slots && !(slots & (slots - 1)));
	assert(tag_bits <= INFLIGHT_TAG_BITS_MAX && slots <= 1U << (tag_bits - 1));

	*f = (struct inflight){.slot_mask = slots - 1, .tag_mask = (1U << tag_bits) - 1};
	f->slots = malloc(slots * sizeof(*f->slots));
	if (!f->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < slots; i++)
		f->slots[i] = (struct inflight_slot){.tag = INFLIGHT_FREE};
	return 0;
}

void inflight_fini(struct inflight *f) {
	free(f->slots);
}

void inflight_expire(struct inflight *f, uint64_t before_ns) {
	if (f->next - f->oldest > f->slot_mask)
		f->oldest = f->next - f->slot_mask - 1;
	for (; f->oldest < f->next; f->oldest++) {
		uint32_t tag = (uint32_t)f->oldest & f->tag_mask;
		struct inflight_slot *s = &f->slots[tag & f->slot_mask];
		if (s->tag != tag)
			continue;
		if (s->at_ns >= before_ns)
			return;
		s->tag = INFLIGHT_FREE;
		f->count--;
		f->lost++;
	}
}
