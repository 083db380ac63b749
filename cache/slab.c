// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/slab.h"

#include "cache/arena.h"

#include <assert.h>
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
// no caller can give it back under a wrong size.
//
// Small slots are cut from single pages. A page knows its free slots; those of a
// class that have some are on its list, the one that was full last in front, so
// that pages of which little is used are left alone and become empty. An empty
// page serves any class of small slots. Large slots are cut from spans of pages
// which stay with their class.
#define REGION_BYTES 33554432UL
#define PAGE_BYTES 65536UL
#define REGION_PAGES (REGION_BYTES / PAGE_BYTES)

#define SPAN_SLOTS_MIN 8 // keeps the waste at the end of a span under 1/8
#define SMALL_BYTES_MAX (PAGE_BYTES / SPAN_SLOTS_MIN)
#define SPAN_BYTES_MAX (SLAB_BYTES_MAX * SPAN_SLOTS_MIN)

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

// Of one with small slots.
struct page {
	struct page *before; // on the list of its class
	struct page *next;   // there, or on that of empty pages
	char *start;
	char *free; // the first octets of a free slot lead to the next one
	char *cut;  // not cut yet from here
	uint32_t live;
};

struct region {
	struct region *next;
	uint8_t class_of[REGION_PAGES];
	struct page pages[REGION_PAGES];
};

static_assert(sizeof(struct region) <= PAGE_BYTES, "the head is a page");
static_assert(SPAN_BYTES_MAX < REGION_BYTES, "a span fits behind the head");

struct class {
	struct page *open; // of small slots: pages that have some
	// Of large slots.
	char *free;
	char *cut;     // the newest span, not cut yet from here
	char *cut_end; // to here
};

struct slab {
	struct region *regions; // the newest first; only that one has pages left
	size_t next_page;
	struct page *empty;
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

static struct region *region_of(void *slot) {
	char *start = (char *)slot - ((uintptr_t)slot & (REGION_BYTES - 1));
	return (struct region *)(void *)start;
}

static size_t page_index(const void *slot) {
	return ((uintptr_t)slot & (REGION_BYTES - 1)) / PAGE_BYTES;
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

// @return The first of so many pages of this class, or NULL.
static char *take_pages(struct slab *s, unsigned c, size_t pages) {
	if (REGION_PAGES - s->next_page < pages && !add_region(s)) {
		return NULL;
	}
	memset(s->regions->class_of + s->next_page, (int)c, pages);
	char *at = (char *)s->regions + s->next_page * PAGE_BYTES;
	ASAN_POISON_MEMORY_REGION(at, pages * PAGE_BYTES);
	s->next_page += pages;
	s->span_bytes += pages * PAGE_BYTES;
	return at;
}

// Slots are aligned to 4 only, the link is copied for that.
#define LINK_BYTES sizeof(char *)

static char *pop(char **free_slots, size_t size) {
	char *slot = *free_slots;
	ASAN_UNPOISON_MEMORY_REGION(slot, LINK_BYTES);
	memcpy(free_slots, slot, LINK_BYTES);
	ASAN_POISON_MEMORY_REGION(slot, size);
	return slot;
}

static void push(char **free_slots, char *slot, size_t size) {
	ASAN_UNPOISON_MEMORY_REGION(slot, LINK_BYTES);
	memcpy(slot, free_slots, LINK_BYTES);
	ASAN_POISON_MEMORY_REGION(slot, size);
	*free_slots = slot;
}

// Small slots.

static void open_page(struct class *k, struct page *p) {
	p->before = NULL;
	p->next = k->open;
	if (k->open != NULL) {
		k->open->before = p;
	}
	k->open = p;
}

static void close_page(struct class *k, struct page *p) {
	*(p->before != NULL ? &p->before->next : &k->open) = p->next;
	if (p->next != NULL) {
		p->next->before = p->before;
	}
}

static bool is_full(const struct page *p, size_t size) {
	return p->free == NULL && p->start + PAGE_BYTES < p->cut + size;
}

static struct page *new_page(struct slab *s, unsigned c) {
	struct page *p = s->empty;
	if (p != NULL) {
		s->empty = p->next;
		region_of(p)->class_of[page_index(p->start)] = (uint8_t)c;
	} else {
		char *at = take_pages(s, c, 1);
		if (at == NULL) {
			return NULL;
		}
		p = &region_of(at)->pages[page_index(at)];
		p->start = at;
	}
	p->free = NULL;
	p->cut = p->start;
	p->live = 0;
	open_page(&s->classes[c], p);
	return p;
}

static char *take_small(struct slab *s, unsigned c, size_t size) {
	struct page *p = s->classes[c].open;
	if (p == NULL && (p = new_page(s, c)) == NULL) {
		return NULL;
	}
	char *slot = p->cut;
	if (p->free != NULL) {
		slot = pop(&p->free, size);
	} else {
		p->cut += size;
	}
	p->live++;
	if (is_full(p, size)) {
		close_page(&s->classes[c], p);
	}
	return slot;
}

static void give_small(struct slab *s, unsigned c, size_t size, char *slot) {
	struct page *p = &region_of(slot)->pages[page_index(slot)];
	struct class *k = &s->classes[c];
	if (is_full(p, size)) {
		open_page(k, p);
	}
	push(&p->free, slot, size);
	p->live--;
	// The last open page stays, so that coming and going costs nothing.
	if (p->live == 0 && (p->before != NULL || p->next != NULL)) {
		close_page(k, p);
		p->next = s->empty;
		s->empty = p;
	}
}

// Large slots.

static char *take_large(struct slab *s, unsigned c, size_t size) {
	struct class *k = &s->classes[c];
	if (k->free != NULL) {
		return pop(&k->free, size);
	}
	if ((size_t)(k->cut_end - k->cut) < size) {
		size_t pages = pages_of(size * SPAN_SLOTS_MIN);
		char *at = take_pages(s, c, pages);
		if (at == NULL) {
			return NULL;
		}
		k->cut = at;
		k->cut_end = at + pages * PAGE_BYTES;
	}
	char *slot = k->cut;
	k->cut += size;
	return slot;
}

void *slab_take(struct slab *s, size_t bytes) {
	assert(bytes <= SLAB_BYTES_MAX);
	unsigned c = class_for(bytes);
	size_t size = class_bytes(c);
	char *slot = size <= SMALL_BYTES_MAX ? take_small(s, c, size) : take_large(s, c, size);
	if (slot != NULL) {
		ASAN_UNPOISON_MEMORY_REGION(slot, bytes);
		s->live_bytes += size;
	}
	return slot;
}

void slab_give(struct slab *s, void *slot) {
	unsigned c = class_of(slot);
	size_t size = class_bytes(c);
	if (size <= SMALL_BYTES_MAX) {
		give_small(s, c, size, slot);
	} else {
		push(&s->classes[c].free, slot, size);
	}
	s->live_bytes -= size;
}

bool slab_fits(const struct slab *s, size_t bytes) {
	unsigned c = class_for(bytes);
	const struct class *k = &s->classes[c];
	if (class_bytes(c) <= SMALL_BYTES_MAX) {
		return k->open != NULL || s->empty != NULL;
	}
	return k->free != NULL || (size_t)(k->cut_end - k->cut) >= class_bytes(c);
}

size_t slab_slot_bytes(const void *slot) {
	return class_bytes(class_of(slot));
}

struct slab_stats slab_stats(const struct slab *s) {
	return (struct slab_stats){.live_bytes = s->live_bytes, .span_bytes = s->span_bytes};
}
