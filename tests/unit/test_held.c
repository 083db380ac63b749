// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#define LONG_NS 1500
#define SHORT_NS 200

static int frames[4096];

static struct held_query question(const char *name, unsigned who, void *frame) {
	return (struct held_query){
		.name = name,
		.name_len = (uint8_t)strlen(name),
		.client = {.port = (uint16_t)who, .id = (uint16_t)(who >> 16)},
		.frame = frame,
	};
}

static void first_joins_replaces(void ** /*state*/) {
	struct held *h = held_new(64, LONG_NS, SHORT_NS, 7);
	uint32_t slot;
	uint32_t generation;
	void *old = NULL;
	struct held_query q = question("a.example", 1, &frames[0]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FIRST);
	q = question("a.example", 2, &frames[1]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_JOINED);
	q = question("a.example", 1, &frames[2]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_REPLACED);
	assert_ptr_equal(old, &frames[0]);
	// A recheck waits for another answer: a slot of its own.
	uint32_t other;
	q.recheck = true;
	q.frame = &frames[3];
	uint32_t g;
	assert_int_equal(held_add(h, &q, 0, &other, &g, &old), HELD_FIRST);
	assert_int_not_equal(other, slot);

	void *out[HELD_PER_NAME];
	assert_int_equal(held_release(h, slot, generation, out), 2);
	assert_int_equal(held_release(h, slot, generation, out), 0); // stale now
	assert_int_equal(held_count(h), 1);
	assert_ptr_equal(held_any(h), &frames[3]);
	assert_null(held_any(h));
	held_free(h);
}

static void places_are_bounded(void ** /*state*/) {
	struct held *h = held_new(20, LONG_NS, SHORT_NS, 7);
	uint32_t slot;
	uint32_t generation;
	void *old;
	for (unsigned i = 0; i < HELD_PER_NAME; i++) {
		struct held_query q = question("a.example", i, &frames[i]);
		assert_int_not_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FULL);
	}
	struct held_query q = question("a.example", 99, &frames[99]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FULL);
	for (unsigned i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%u.example", i);
		q = question(name, 1, &frames[100 + i]);
		assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FIRST);
	}
	q = question("last.example", 1, &frames[110]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FULL);
	while (held_any(h) != NULL) {}
	held_free(h);
}

static void holds_end_in_order(void ** /*state*/) {
	struct held *h = held_new(64, LONG_NS, SHORT_NS, 7);
	uint32_t slot;
	uint32_t generation;
	void *old;
	struct held_query q = question("long.example", 1, &frames[0]);
	assert_int_equal(held_add(h, &q, 0, &slot, &generation, &old), HELD_FIRST);
	q = question("short.example", 1, &frames[1]);
	q.short_hold = true;
	uint32_t short_slot;
	uint32_t short_generation;
	assert_int_equal(held_add(h, &q, 10, &short_slot, &short_generation, &old), HELD_FIRST);
	assert_null(held_expired(h, SHORT_NS + 9));
	assert_ptr_equal(held_expired(h, SHORT_NS + 10), &frames[1]);
	void *out[HELD_PER_NAME];
	assert_int_equal(held_release(h, short_slot, short_generation, out), 0);
	assert_null(held_expired(h, LONG_NS - 1));
	assert_ptr_equal(held_expired(h, LONG_NS), &frames[0]);
	assert_int_equal(held_count(h), 0);
	held_free(h);
}

// Every frame that went in comes out exactly once, whatever the order.
static void no_frame_is_lost(void ** /*state*/) {
	struct held *h = held_new(256, LONG_NS, SHORT_NS, 7);
	static uint8_t in[4096];
	uint32_t slots[64] = {0};
	uint32_t generations[64] = {0};
	uint32_t r = 3;
	size_t next = 0;
	void *out[HELD_PER_NAME];
	for (mono_ns_t now = 0; now < 200000; now += 7) {
		r = r * 1664525U + 1013904223U;
		unsigned n = (r >> 16) % 64;
		char name[16];
		snprintf(name, sizeof(name), "n%u.example", n);
		if ((r >> 8) % 3 != 0 && !in[next % 4096]) {
			size_t i = next++ % 4096;
			struct held_query q = question(name, r >> 4, &frames[i]);
			q.short_hold = (r & 1) != 0;
			void *old = NULL;
			uint32_t slot;
			uint32_t generation;
			enum held_result res = held_add(h, &q, now, &slot, &generation, &old);
			in[i] = res != HELD_FULL;
			if (res == HELD_REPLACED) {
				in[(int *)old - frames]--;
			}
			if (res == HELD_FIRST) {
				slots[n] = slot;
				generations[n] = generation;
			}
		} else if (generations[n] != 0) {
			unsigned f = held_release(h, slots[n], generations[n], out);
			for (unsigned k = 0; k < f; k++) {
				assert_int_equal(in[(int *)out[k] - frames]--, 1);
			}
		}
		int *late;
		while ((late = held_expired(h, now)) != NULL) {
			assert_int_equal(in[late - frames]--, 1);
		}
	}
	int *rest;
	while ((rest = held_any(h)) != NULL) {
		assert_int_equal(in[rest - frames]--, 1);
	}
	for (size_t i = 0; i < sizeof(in); i++) {
		assert_int_equal(in[i], 0);
	}
	held_free(h);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_joins_replaces),
		cmocka_unit_test(places_are_bounded),
		cmocka_unit_test(holds_end_in_order),
		cmocka_unit_test(no_frame_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
