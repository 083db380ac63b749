// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/name.h"

#include <stddef.h>

// Who stands behind a name: the public suffix of the Public Suffix List, private
// section included, and one label more. What is shared out per owner is counted
// by it.

// @param len  Set to the length of what is returned.
// @return A pointer into name->text: its registered domain, or all of it where it
//         is a public suffix itself. It ends with NUL like the name.
// Context: any thread; neither allocates nor blocks.
const char *regdom_of(const struct name *name, size_t *len);
