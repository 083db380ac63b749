// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/value.h"
#include "base/address.h"

// Listening sockets of a door. Context: sts:main.

struct accept;
struct event_base;

// A new connection; the descriptor is the callee's.
// @param from  family AF_UNIX: no address.
typedef void accept_fn(void *arg, int fd, const struct address *from);

// @param at  Borrowed until the call returns.
// @param what  In log lines; outlives it.
// @return 0 or a negative code; what failed has been logged.
[[nodiscard]] int accept_open(
	struct event_base *base,
	const char *what,
	const struct value_endpoints *at,
	accept_fn *fn,
	void *arg,
	struct accept **out
);
void accept_close(struct accept *a);
