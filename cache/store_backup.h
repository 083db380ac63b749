// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/store_inner.h"

// A copy of the store in another directory, made between two commits, with which
// it must agree.

// @param directory  Absolute; new, or empty.
// @return 0; -ENOTEMPTY: something is there; -ENOTSUP: the engine has no files;
//         or another negative code. On an error the directory may be left half.
// Context: the store's thread; blocks on disk.
[[nodiscard]] int store_backup_make(const struct store *s, const char *directory, wall_s_t wall);
