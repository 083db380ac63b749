// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Octets at the very end of mapped memory: who reads one more ends the test.

#define EDGE_MAX 65536

// A copy; the next one takes its place.
// @param len  At most EDGE_MAX.
uint8_t *edge_copy(const void *octets, size_t len);

typedef void (*edge_reader)(void *arg, const uint8_t *at, size_t len);

// Has every prefix read, the empty and the whole one too, and the whole without
// each of its octets.
void edge_try(const void *octets, size_t len, edge_reader read, void *arg);
