// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdatomic.h>
#include <stdint.h>

// A counter has one writing thread and any number of reading ones. The writer
// needs no atomic addition: nobody else adds, readers only want no torn value.
typedef _Atomic uint64_t counter_t;

static inline void counter_add(counter_t *c, uint64_t n) {
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed
	);
}

static inline uint64_t counter_get(const counter_t *c) {
	return atomic_load_explicit(c, memory_order_relaxed);
}
