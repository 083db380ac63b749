// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void slots_hold_what_was_asked_for(void ** /*state*/) {
	struct slab *s = slab_new();
	assert_non_null(s);
	for (size_t bytes = 1; bytes <= SLAB_BYTES_MAX; bytes += bytes < 2048 ? 1 : bytes / 7) {
		void *slot = slab_take(s, bytes);
		assert_non_null(slot);
		memset(slot, 0xa5, bytes);
		size_t size = slab_slot_bytes(slot);
		assert_true(size >= bytes);
		assert_true(bytes < 16 || size - bytes <= 3 || size - bytes <= size / 16);
		uintptr_t at = (uintptr_t)slot;
		assert_int_equal(at % 4, 0);
		assert_true(bytes % 8 != 0 || at % 8 == 0);
		assert_int_equal(slab_stats(s).live_bytes, size);
		slab_give(s, slot);
		assert_int_equal(slab_stats(s).live_bytes, 0);
	}
	void *largest = slab_take(s, SLAB_BYTES_MAX);
	assert_int_equal(slab_slot_bytes(largest), SLAB_BYTES_MAX);
	slab_free(s);
}

static void a_cache_line_is_aligned(void ** /*state*/) {
	struct slab *s = slab_new();
	assert_non_null(s);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal((uintptr_t)slab_take(s, 64) % 64, 0);
	}
	slab_free(s);
}

static void free_slots_are_used_again(void ** /*state*/) {
	struct slab *s = slab_new();
	assert_non_null(s);
	void *a = slab_take(s, 29);
	void *b = slab_take(s, 30);
	size_t span = slab_stats(s).span_bytes;
	slab_give(s, a);
	slab_give(s, b);
	assert_ptr_equal(slab_take(s, 31), b);
	assert_ptr_equal(slab_take(s, 32), a);
	assert_int_equal(slab_stats(s).span_bytes, span);
	slab_free(s);
}

// Every slot is filled with its number; an overlap would change one.
static void slots_do_not_overlap(void ** /*state*/) {
	enum { SLOTS = 60000 };
	struct slab *s = slab_new();
	uint32_t **slots = calloc(SLOTS, sizeof(*slots));
	size_t *words = calloc(SLOTS, sizeof(*words));
	assert_non_null(s);
	assert_non_null(slots);
	assert_non_null(words);
	uint32_t random = 1;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < SLOTS; i++) {
			random = random * 1664525 + 1013904223;
			if (slots[i] != NULL && random >> 31 != 0) {
				slab_give(s, slots[i]);
				slots[i] = NULL;
			}
			if (slots[i] == NULL) {
				words[i] = 4 + (random >> 16) % (i % 100 == 0 ? 5000 : 60);
				slots[i] = slab_take(s, words[i] * 4);
				assert_non_null(slots[i]);
			}
			for (size_t w = 0; w < words[i]; w++) {
				slots[i][w] = i;
			}
		}
		for (uint32_t i = 0; i < SLOTS; i++) {
			assert_int_equal(slots[i][0], i);
			assert_int_equal(slots[i][words[i] - 1], i);
		}
	}
	assert_true(slab_stats(s).live_bytes <= slab_stats(s).span_bytes);
	free(words);
	free(slots);
	slab_free(s);
}

// Names of one length after another: what was free of one size serves the next.
static void a_page_serves_another_size(void ** /*state*/) {
	enum { BYTES = 8000000 };
	struct slab *s = slab_new();
	void **slots = calloc(BYTES / 16, sizeof(*slots));
	assert_non_null(s);
	assert_non_null(slots);
	for (size_t bytes = 16; bytes <= 8192; bytes = bytes < 64 ? bytes + 4 : 2 * bytes) {
		size_t count = BYTES / bytes;
		for (size_t i = 0; i < count; i++) {
			slots[i] = slab_take(s, bytes);
			assert_non_null(slots[i]);
			memset(slots[i], (int)bytes, bytes);
		}
		// Every second one first, so that no page is empty before the end.
		for (size_t i = 0; i < count; i += 2) {
			slab_give(s, slots[i]);
		}
		for (size_t i = 1; i < count; i += 2) {
			slab_give(s, slots[i]);
		}
		assert_int_equal(slab_stats(s).live_bytes, 0);
	}
	assert_true(slab_stats(s).span_bytes < BYTES + BYTES / 4);
	free(slots);
	slab_free(s);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_hold_what_was_asked_for),
		cmocka_unit_test(a_cache_line_is_aligned),
		cmocka_unit_test(free_slots_are_used_again),
		cmocka_unit_test(slots_do_not_overlap),
		cmocka_unit_test(a_page_serves_another_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
