// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>

// The order in which a dump gives its domains: the last used first, then by name
// from the end of the alphabet. It is filled and emptied piece by piece; each
// step costs about a microsecond, whatever has come before.

struct dumporder;

// @param expected  About so many names; more are taken.
// @return NULL: memory is short.
struct dumporder *dumporder_new(size_t expected);
void dumporder_free(struct dumporder *o);

// @return 0 or -ENOMEM. A name that was added before is not added again.
[[nodiscard]] int dumporder_add(struct dumporder *o, const struct name *domain, boot_s_t used_at);

// Takes the next one out. @return False: there is none left.
bool dumporder_pop(struct dumporder *o, struct name *out);

// Whether the name was added, whether or not it has been taken out again.
bool dumporder_has(const struct dumporder *o, const struct name *domain);
