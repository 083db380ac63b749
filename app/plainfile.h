// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdio.h>

#define PLAINFILE_BYTES_MAX (1024 * 1024)

// Opens a configuration file, which must be no directory, and no larger than
// PLAINFILE_BYTES_MAX: a log or an image given by mistake is not read at length.
// @param why  Set to a constant text where NULL is returned.
FILE *plainfile_open(const char *path, const char **why);
