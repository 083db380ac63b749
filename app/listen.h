// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/value.h"

// A listening stream socket, TCP or UNIX: not blocking, closed at exec.
//
// A UNIX socket takes the place of one that nobody listens on any more; the
// directory is made (0755) where there is none, and everybody may connect who
// can reach it.
// @return The descriptor or negative errno.
[[nodiscard]] int listen_open(const struct value_endpoint *at);

// Removes what listen_open() left in the file system.
void listen_remove(const struct value_endpoint *at);
