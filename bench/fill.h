// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/expect.h"
#include "cache/record.h"

#include <stdint.h>

// Records for a store out of the file of names, so that a server starts with
// what a bench expects of it. An input path only: what answers are compared
// with never passes through here.

#define FILL_MX_BYTES (POLICY_MX_COUNT_MAX * 254)
#define FILL_TEXT_BYTES (FILL_MX_BYTES + POLICY_MX_COUNT_MAX * 8 + 64)

// Where the borrowed parts of a record are put.
struct fill_room {
	uint8_t mx[FILL_MX_BYTES];
	char text[FILL_TEXT_BYTES];
};

// The record of one name, all times wall seconds (shift 0). Policies end when
// the file says, a `none` holds for `none_s` from now; nothing becomes due
// before that.
// @param rec  Borrows from room.
// @return 0, -EINVAL: no verdict is written for the name, or it cannot be one.
[[nodiscard]] int fill_record(
	const struct expect *e,
	int64_t now_s,
	int64_t none_s,
	struct fill_room *room,
	struct record *rec
);
