// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/expect.h"
#include "cache/table.h"

#include <stdint.h>

// A table with the names of a file in it, as stsd would have loaded them, and
// what publishes them anew. The thread that opens it is the table's writer.

struct stock;

// @param set  Borrowed until stock_close().
// @return 0 or negative errno.
[[nodiscard]] int stock_open(const struct expect_set *set, struct stock **out);
// The table is nobody's any more.
void stock_close(struct stock *s);

struct table *stock_table(struct stock *s);

// Publishes the verdict on a name again, as found just now.
// @return 0 or negative errno.
[[nodiscard]] int stock_publish(struct stock *s, uint32_t index);

// Publishes names at random for so many seconds, in batches by the clock.
// @param per_s  Records a second.
// @return Records published, or negative errno.
[[nodiscard]] int64_t stock_publish_on(struct stock *s, double per_s, double seconds);
