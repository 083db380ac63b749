// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// What libFuzzer calls, and what replay.c calls with the corpus. A target traps
// when the code breaks a promise of its header.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int holds) {
	if (!holds) {
		__builtin_trap();
	}
}
