// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/door.h"

// A DPDK port, driven by this thread. Starts EAL: once in a process. What went
// wrong is written to standard error.
//
// net_memif of DPDK 22.11 crashes a process whose peer leaves while it polls:
// close when the peer has stopped polling, or stop it first.
//
// @return The door with its link up and the peer's MAC known, or NULL.
struct door *pmd_open(const struct door_config *config);
