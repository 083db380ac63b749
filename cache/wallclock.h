// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdbool.h>

// The last wall time, kept in a small file beside the store, because a wall
// clock that starts behind it would let policies live longer than they may.

struct wallclock {
	wall_s_t wall; // what to load with: the later of the clock and the file
	bool behind;   // the clock is behind the file
	bool suspect;  // the clock is ahead of the file by more than 7 days
};

// @param directory  Of the store.
// @return The judgement; a missing or damaged file leaves the clock as it is.
struct wallclock wallclock_load(const char *directory, wall_s_t now);

// Replaces the file in one step. @return 0 or negative errno.
[[nodiscard]] int wallclock_save(const char *directory, wall_s_t now);
