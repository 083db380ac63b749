// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/name.h"
#include "cache/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What crosses between workers and the control core, by value.

enum miss_kind { MISS_LOOKUP = 1, MISS_RECHECK, MISS_CHECK };

// Ring elements are multiples of 4 octets.
struct miss {
	uint32_t slot;	     // of the worker's held queries; not for CHECK
	uint32_t generation; // 0: nobody waits
	uint64_t client;     // address, of IPv6 the first 64 bits; 0 for CHECK
	uint16_t worker;
	uint8_t kind;
	uint8_t name_len;
	char name[NAME_DOMAIN_MAX];
};
_Static_assert(sizeof(struct miss) % 4 == 0, "rte_ring element");
_Static_assert(sizeof(struct miss) <= 272, "a miss stays small");

struct worker;

// Gives a miss to the control core, and wakes that where it waits. The caller has
// filled all but worker and name.
// @return False: the ring is full. That is counted, and the miss is lost.
// Context: the worker.
bool miss_push(struct worker *w, struct miss *m, const char *name, size_t len);

struct entry;

// Has a domain checked whose entry entry_use() has claimed. With a full ring the
// next use may claim it again.
void miss_check(struct worker *w, const struct entry *e);

enum ready_verdict {
	READY_LOOK = 1, // look in the table
	READY_NONE,
	READY_FAILED,
	READY_UNKNOWN,
	READY_PENDING,
};

struct ready {
	uint32_t slot;
	uint32_t generation; // a stale one is counted and dropped
	uint32_t retry_s;
	uint8_t verdict;
	char why[RECORD_WHY_MAX + 1];
	uint8_t pad[2];
};
_Static_assert(sizeof(struct ready) % 4 == 0, "rte_ring element");
