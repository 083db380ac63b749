// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many fetches are in flight per address and per network (/24 or /48), and
// who would like to be. A fetch counts on every address it may try. Memory is
// fixed: all that fetches in flight and waiting can need.

struct limits;

// @param sets_max  Address lists taken and wanted at once.
// @return NULL with errno set.
struct limits *
limits_new(size_t sets_max, uint32_t per_address_max, uint32_t per_network_max, uint64_t seed);
void limits_free(struct limits *l);

// Writes those addresses to out, in their order, that have room.
// @return How many.
uint8_t limits_pick(
	const struct limits *l,
	const struct address in[],
	uint8_t count,
	struct address out[TASK_ADDRESS_MAX]
);

// A fetch to these addresses begins, or has ended.
void limits_take(struct limits *l, const struct address list[], uint8_t count);
void limits_give(struct limits *l, const struct address list[], uint8_t count);

// A fetch to these addresses waits for room, or no longer does.
void limits_want(struct limits *l, const struct address list[], uint8_t count);
void limits_unwant(struct limits *l, const struct address list[], uint8_t count);

// Whether one of these addresses or its network is full while others wait for it.
bool limits_contended(const struct limits *l, const struct address list[], uint8_t count);
