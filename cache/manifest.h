// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A witness beside the store of how many policies it must hold and what their
// hashes add up to, because an engine that lost a part of its files may open
// without a word.
//
// The file is `<directory>/manifest`: lines of one fixed width
//
//     1 <batch> <count> <sum> <check>\n      hexadecimal, check is XXH3-64
//
// A line is appended and synced *before* the commit it tells of, and once more,
// without a sync, when that commit was made. So the store equals the last line
// or the line before it, whenever the process dies; and as both are the same
// most of the time, the loss of the very last commit is noticed too. A line that
// was torn, or was damaged later, is no line. Now and then the file is replaced
// by a shorter one that ends with the same two lines.

// Sum mod 2^128 of manifest_hash() over all policies.
typedef unsigned __int128 manifest_sum_t;

struct manifest_state {
	uint64_t batch; // number of the group commit, from 1
	uint64_t count; // policies after it
	manifest_sum_t sum;
};

// The hash of one record: XXH3-128 of the value, seeded by XXH3-64 of the key.
manifest_sum_t manifest_hash(const void *key, size_t key_len, const void *value, size_t value_len);

struct manifest;

// Reads what is there; a missing file is no fault.
// @return 0, negative errno, or ERR_VERSION.
[[nodiscard]] int manifest_open(const char *directory, struct manifest **out);
// Syncs what was settled. NULL is fine.
void manifest_close(struct manifest *m);

// Whether there is a file, readable or not: the store has been in use before.
bool manifest_exists(const struct manifest *m);

// The last good line, as read at open or written since.
// @return False: there is none.
bool manifest_last(const struct manifest *m, struct manifest_state *out);

// Whether count and sum are those of the last line or of the one before it.
bool manifest_agrees(const struct manifest *m, uint64_t count, manifest_sum_t sum);

// Replaces the file by one with this only line, synced. Needed before the first
// append and after a failed commit or append, when it is known again what the
// store holds.
// @return 0 or negative errno: the old file stands.
[[nodiscard]] int manifest_reset(struct manifest *m, const struct manifest_state *state);

// Appends the line of the commit to come. When it returns 0, the line is on disk.
// @return 0 or negative errno: reset comes next.
[[nodiscard]] int manifest_append(struct manifest *m, const struct manifest_state *state);

// The commit of the last line was made: from now on no line before it counts.
// Not synced; a power failure may forget it.
// @return 0 or negative errno: reset comes next.
[[nodiscard]] int manifest_settle(struct manifest *m);
