// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/store_inner.h"

// The directory, and the life of the engine in it: opened, compared with the
// manifest, moved aside when it is damaged, copied when a part of it is.

// Makes and locks the directory, opens engine and manifest.
// @return As store_open(); what was made until then is left to store_disk_close().
[[nodiscard]] int store_disk_open(
	struct store *s,
	const struct store_config *config,
	struct store_load_report *report
);

// Calls fn for all rows of a family that can be read.
// @return 0, or why some could not.
[[nodiscard]] int store_disk_scan(
	struct engine *e,
	enum store_family family,
	void (*fn)(void *arg, const struct engine_row *row),
	void *arg
);

// Adds up the policies, calling fn for each (may be NULL), and compares them
// with the manifest: s->state and report->complete are set.
void store_disk_compare(
	struct store *s,
	void (*fn)(void *arg, const struct engine_row *row),
	void *arg,
	struct store_load_report *report
);

// One attempt to make the store fit for commits: reopens an engine that failed,
// copies what can be read of a damaged one, makes sure of what it holds, of
// space and of a write, and begins a new manifest with that.
// @return 0 or a negative code: still down.
[[nodiscard]] int store_disk_revive(struct store *s);

// Closes engine, manifest and directory.
void store_disk_close(struct store *s);
