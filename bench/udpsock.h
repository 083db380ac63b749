// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/door.h"

// Kernel UDP sockets, connected to the peer: one for known names, one for those
// nobody has heard of. What went wrong is written to standard error.
// @return The door, or NULL.
struct door *udpsock_open(const struct door_config *config);
