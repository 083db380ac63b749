// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"

#include <stdbool.h>
#include <stddef.h>

// Options that are good each by itself and cannot be meant together.

#define CLASH_TEXT_MAX 192

// Looks for a CPU that is given two threads which poll or must not wait, and
// for a DNS server that is the appliance itself.
// @param key   The option to blame, constant.
// @param what  What was expected, a text for the operator.
// @return Whether there is one.
bool clash_find(const struct config *c, const char **key, char what[CLASH_TEXT_MAX]);
