// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Tables that a name's verdict can be looked up in, behind one set of calls: ours
// and what one would take instead. Each holds a `none`: name, and the two times of
// struct entry.

struct rival {
	const char *name;
	// @return A table for so many names, or NULL: out of memory.
	void *(*open)(size_t names, uint64_t seed);
	void (*close)(void *t);
	// Inserts or replaces. Context: the one writer.
	// @return 0 or negative errno.
	int (*put)(void *t, const char *name, size_t len, uint32_t ends_s);
	// Once per batch of the writer's.
	void (*turn)(void *t);
	// Around the lookups of a thread; of a writer's calls too, if it looks itself.
	void (*begin)(void *t);
	void (*end)(void *t);
	bool writer_looks;
	// @return How many of them are there with an end in the future, 0.
	uint64_t (*look)(void *t, const struct table_key keys[], unsigned n);
	// Memory beyond what the kernel counts as resident.
	size_t (*huge_bytes)(void *t);
};

extern const struct rival RIVAL_TABLE; // table_lookup_bulk()
extern const struct rival RIVAL_ALONE; // table_lookup(), on a table of RIVAL_TABLE
extern const struct rival RIVAL_LFHT;  // liburcu's cds_lfht, one at a time: it has no other way
extern const struct rival RIVAL_HASH;  // DPDK's rte_hash_lookup_bulk_data()
