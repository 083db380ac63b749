// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"

#include <stdbool.h>

// The appliance as a whole: started in stages, run, stopped in reverse.

// Everything from the environment of DPDK to the control socket. What failed
// has been logged.
// @param path  Configuration file to read again at a reload, or NULL.
// @return The exit status of the process: 0 after a stop that was asked for.
// Context: the main thread, once, after spawn_start().
int launch_run(struct config *config, const char *path, int spawner);
