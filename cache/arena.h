// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>

// Stretches of zeroed memory that cost address space until they are written,
// and then come in huge pages where the kernel has them.

#define ARENA_HUGE_BYTES 2097152UL

// @param bytes  A multiple of ARENA_HUGE_BYTES.
// @param align  A power of two, at least ARENA_HUGE_BYTES.
// @return The memory, or NULL with errno set.
void *arena_map(size_t bytes, size_t align);
void arena_unmap(void *at, size_t bytes);
