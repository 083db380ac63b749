// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/feed.h"

#include <stdint.h>

// A file of DNS messages, right or wrong, one a line: a name, a blank, its octets
// in hex.

// Adds each of them to the feed's trace.
// @param line  Of a fault: its number from 1; else 0.
// @return 0, negative errno, or ERR_SYNTAX.
[[nodiscard]] int
message_add_all(const char *path, const struct packet_proto *proto, struct feed *f, uint64_t *line);
