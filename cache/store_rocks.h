// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/engine.h"

#include <stdbool.h>

// RocksDB behind the engine's operations. All of its strings are translated
// into codes here.

// @param create  Begin a new database if there is none.
// @return 0, ERR_CORRUPT (it cannot be opened for what its files hold),
//         ERR_VERSION, or negative errno.
[[nodiscard]] int store_rocks_open(const char *path, bool create, struct engine **out);

// Removes a database that is not open, with its directory.
// @return 0 or a negative code; 0 too if there is none.
[[nodiscard]] int store_rocks_destroy(const char *path);
