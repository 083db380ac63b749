// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/engine.h"

#include <stdint.h>

// The engine for tests: a sorted array in memory, with faults to order. The data
// outlive the engine, so that closing and opening again is a restart.

struct store_mem;

// @return NULL: out of memory.
struct store_mem *store_mem_new(void);
// No engine on it is open any more.
void store_mem_free(struct store_mem *m);

// Of the commits to come, `after` succeed, then `times` fail with `code`.
// Context: any thread.
void store_mem_fail(struct store_mem *m, unsigned after, unsigned times, int code);

// Commits asked for so far, failed ones included.
// Context: any thread.
uint64_t store_mem_commits(struct store_mem *m);

// @return NULL: out of memory.
struct engine *store_mem_open(struct store_mem *m);
