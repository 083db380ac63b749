// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/name.h"

#include <stddef.h>

// The registered domain of a name: the label below its public suffix, and that
// suffix. The list of suffixes is the one compiled into libpsl. One look costs
// about a microsecond.

// @return Where in domain->text it begins; the whole name when that is a public
//         suffix itself.
const char *regdom_of(const struct name *domain);
