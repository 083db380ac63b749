// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Sums per key in 512 KiB, however many keys there are: a count-min sketch
// (Cormode and Muthukrishnan 2005). Each key has one of 16384 cells in each of
// four rows; the least of its cells is its sum, or a little more: each row is off
// by a 16384th of all that is counted on average, and the least of four is off
// by a hundredth of it once in a thousand million keys. Never less, while what is
// taken away was added before.

struct sketch;

// @param seed  Of the keyed hash; random per start.
// @return NULL: out of memory.
struct sketch *sketch_new(uint64_t seed);
void sketch_free(struct sketch *s);

void sketch_add(struct sketch *s, const char *key, size_t len, uint64_t amount);
void sketch_take(struct sketch *s, const char *key, size_t len, uint64_t amount);
uint64_t sketch_sum(const struct sketch *s, const char *key, size_t len);
