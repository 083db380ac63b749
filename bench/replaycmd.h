// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// stsbench replay: frames through a worker of the data plane, no driver below.
// @return Exit status.
int replaycmd_run(int argc, char **argv);
