// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdbool.h>

// The wall time that stored times are meant in. It is the wall clock's at start,
// and goes on with the boot clock, so that what happens to the wall clock while
// we run touches nothing that is kept. The last one is saved in a small file
// beside the store: a wall clock that starts behind it would let policies live
// longer than they may, one that starts far ahead of it would end them.

struct wallclock {
	wall_s_t wall; // what the stored times are to be read with
	wall_s_t kept; // what to write them with from now on, at the same moment
	bool behind;   // the clock is behind the file: the file's time counts
	// The clock is ahead of the file by more than 7 days. The file's time counts
	// for what is stored, and is written anew with the clock's: should that be
	// right, policies live longer by the time we were off, once.
	bool suspect;
};

// @param directory  Of the store.
// @return The judgement; a missing or damaged file leaves the clock as it is.
struct wallclock wallclock_load(const char *directory, wall_s_t now);

// Replaces the file in one step. @return 0 or negative errno.
[[nodiscard]] int wallclock_save(const char *directory, wall_s_t now);
