// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// Room on the disk. A ballast file keeps space that is given up when the disk is
// full after all, because an engine needs some to come back. Writes are refused
// while less than a guard is free, so that the engine hardly ever sees a full
// disk; and, once the ballast is gone, until there is room to make it again.

#define STORE_SPACE_GUARD_BYTES (8ULL << 20)
#define STORE_SPACE_BALLAST_BYTES (8ULL << 20)

struct store_space;

// Makes `<directory>/ballast` if there is room for it.
// @return NULL with errno set.
struct store_space *store_space_new(const char *directory);
// Leaves the file.
void store_space_free(struct store_space *s);

// Whether to write now; makes the ballast again when it can.
// @return 0, -ENOSPC, or another negative errno when the disk does not tell.
[[nodiscard]] int store_space_check(struct store_space *s);

// Gives the ballast up.
void store_space_release(struct store_space *s);
