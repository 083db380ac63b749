// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What may be sent to addresses that may be forged: no more octets than have come
// from there in at most 10 s. A table of fixed size, one place for a source (IPv6:
// /64); two sources that meet in a place take it from each other, and who comes
// back to it begins at nothing, so that a collision never earns anybody anything.
// Context: the worker that owns it.

#define BUDGET_SPAN_NS (10 * CLOCK_NS_PER_S)

struct budget;

// @param places  A power of two. @return NULL when memory is short.
struct budget *budget_new(uint32_t places);
void budget_free(struct budget *b);

// Octets have come from there.
// @param octets  4 or 16, by family.
void budget_earn(
	struct budget *b,
	uint8_t family,
	const uint8_t *octets,
	size_t bytes,
	mono_ns_t now
);

// Whether so many may go there. They are taken off then.
bool budget_spend(
	struct budget *b,
	uint8_t family,
	const uint8_t *octets,
	size_t bytes,
	mono_ns_t now
);
