// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/slab.h"

#include "cache/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define POISONING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONING 1
#endif
#endif

#ifdef POISONING
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

// A region is aligned to its size and begins with a head that knows the class
// of each of its pages: so a slot's class is found from its address alone, and
// no caller can give it back under a wrong size. A span is a run of pages cut
// into slots of one class.
#define REGION_BYTES 33554432UL
#define PAGE_BYTES 65536UL
#define REGION_PAGES (REGION_BYTES / PAGE_BYTES)

#define SPAN_BYTES_MAX 2097152UL
#define SPAN_SLOTS_MIN 8 // keeps the waste at the end of a span under 1/8

#define FINE_BYTES 16U // smallest slot
#define FINE_STEP 4U
#define FINE_CLASSES 13U // 16, 20 .. 64
#define COARSE_SHIFT 6	 // the first doubling begins above 1 << 6
#define STEPS 16U	 // a doubling
#define STEPS_SHIFT 4
#define DOUBLINGS 12U // up to SLAB_BYTES_MAX
#define CLASSES (FINE_CLASSES + STEPS * DOUBLINGS)

static_assert(CLASSES <= UINT8_MAX, "a class fits into a page's octet");
static_assert(1UL << (COARSE_SHIFT + DOUBLINGS) == SLAB_BYTES_MAX, "classes end where they should");
static_assert(SLAB_BYTES_MAX * SPAN_SLOTS_MIN <= SPAN_BYTES_MAX, "spans hold the largest slots");

struct region {
	struct region *next;
	uint8_t class_of[REGION_PAGES];
};

struct class {
	char *free;    // the first octets of a free slot lead to the next one
	char *cut;     // the newest span, not cut yet from here
	char *cut_end; // to here
	size_t span_bytes;
};

struct slab {
	struct region *regions; // the newest first; only that one has pages left
	size_t next_page;
	size_t live_bytes;
	size_t span_bytes;
	struct class classes[CLASSES];
};

static unsigned class_for(size_t bytes) {
	if (bytes <= FINE_BYTES) {
		return 0;
	}
	if (bytes <= 1U << COARSE_SHIFT) {
		return (unsigned)(bytes - FINE_BYTES + FINE_STEP - 1) / FINE_STEP;
	}
	size_t last = bytes - 1;
	unsigned top = 63U - (unsigned)__builtin_clzl(last);
	unsigned step = (unsigned)(last >> (top - STEPS_SHIFT)) - STEPS;
	return FINE_CLASSES + (top - COARSE_SHIFT) * STEPS + step;
}

static size_t class_bytes(unsigned c) {
	if (c < FINE_CLASSES) {
		return FINE_BYTES + (size_t)c * FINE_STEP;
	}
	unsigned coarse = c - FINE_CLASSES;
	unsigned shift = COARSE_SHIFT - STEPS_SHIFT + coarse / STEPS;
	return (size_t)(STEPS + coarse % STEPS + 1) << shift;
}

static unsigned class_of(const void *slot) {
	size_t offset = (uintptr_t)slot & (REGION_BYTES - 1);
	const char *start = (const char *)slot - offset;
	return ((const struct region *)(const void *)start)->class_of[offset / PAGE_BYTES];
}

struct slab *slab_new(void) {
	struct slab *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->next_page = REGION_PAGES;
	}
	return s;
}

void slab_free(struct slab *s) {
	if (s == NULL) {
		return;
	}
	while (s->regions != NULL) {
		struct region *r = s->regions;
		s->regions = r->next;
		ASAN_UNPOISON_MEMORY_REGION(r, REGION_BYTES);
		arena_unmap(r, REGION_BYTES);
	}
	free(s);
}

static bool add_region(struct slab *s) {
	struct region *r = arena_map(REGION_BYTES, REGION_BYTES);
	if (r == NULL) {
		return false;
	}
	r->next = s->regions;
	s->regions = r;
	s->next_page = 1; // the head has the first
	return true;
}

static size_t pages_of(size_t bytes) {
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

// Spans grow with their class, so that a class of few slots is cheap and one of
// many is seldom here.
static bool add_span(struct slab *s, unsigned c) {
	size_t least = pages_of(class_bytes(c) * SPAN_SLOTS_MIN);
	size_t pages = s->classes[c].span_bytes / 4 / PAGE_BYTES;
	pages = pages > SPAN_BYTES_MAX / PAGE_BYTES ? SPAN_BYTES_MAX / PAGE_BYTES : pages;
	pages = pages < least ? least : pages;
	if (REGION_PAGES - s->next_page < least && !add_region(s)) {
		return false;
	}
	if (pages > REGION_PAGES - s->next_page) {
		pages = REGION_PAGES - s->next_page;
	}
	memset(s->regions->class_of + s->next_page, (int)c, pages);
	char *at = (char *)s->regions + s->next_page * PAGE_BYTES;
	size_t bytes = pages * PAGE_BYTES;
	ASAN_POISON_MEMORY_REGION(at, bytes);
	s->next_page += pages;
	s->span_bytes += bytes;
	s->classes[c].span_bytes += bytes;
	s->classes[c].cut = at;
	s->classes[c].cut_end = at + bytes;
	return true;
}

void *slab_take(struct slab *s, size_t bytes) {
	assert(bytes <= SLAB_BYTES_MAX);
	unsigned c = class_for(bytes);
	struct class *k = &s->classes[c];
	size_t size = class_bytes(c);
	char *slot = k->free;
	if (slot != NULL) {
		// Slots are aligned to 4 only, the link is copied for that.
		ASAN_UNPOISON_MEMORY_REGION(slot, sizeof(k->free));
		memcpy(&k->free, slot, sizeof(k->free));
		ASAN_POISON_MEMORY_REGION(slot, size);
	} else {
		if ((size_t)(k->cut_end - k->cut) < size && !add_span(s, c)) {
			return NULL;
		}
		slot = k->cut;
		k->cut += size;
	}
	ASAN_UNPOISON_MEMORY_REGION(slot, bytes);
	s->live_bytes += size;
	return slot;
}

void slab_give(struct slab *s, void *slot) {
	unsigned c = class_of(slot);
	struct class *k = &s->classes[c];
	ASAN_UNPOISON_MEMORY_REGION(slot, sizeof(k->free));
	memcpy(slot, &k->free, sizeof(k->free));
	ASAN_POISON_MEMORY_REGION(slot, class_bytes(c));
	k->free = slot;
	s->live_bytes -= class_bytes(c);
}

size_t slab_slot_bytes(const void *slot) {
	return class_bytes(class_of(slot));
}

struct slab_stats slab_stats(const struct slab *s) {
	return (struct slab_stats){.live_bytes = s->live_bytes, .span_bytes = s->span_bytes};
}
