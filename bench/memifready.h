// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdbool.h>

// Whether a memif server would take a client now. net_memif of DPDK 22.11 tries
// to connect only once when its port is started, and a zero-copy client that
// was turned away has closed the descriptors of its own memory and cannot come
// again. So a stranger knocks first: it says who it is, waits for the answer
// and leaves before any ring exists.

// @return True when the server was ready before `until`, and has had time to
//         forget the stranger.
bool memifready_wait(const char *path, mono_ns_t until);
