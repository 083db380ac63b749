// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Draws ranks 0 .. n-1 with a likelihood of 1 / (rank + 1), in constant time
// (Walker's alias method).

struct zipf;

// @return NULL: out of memory.
struct zipf *zipf_new(size_t n);
void zipf_free(struct zipf *z);
size_t zipf_draw(const struct zipf *z, uint64_t *random);
