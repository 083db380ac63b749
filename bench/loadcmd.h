// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>

// `stsbench load` asks a server, `stsbench echo` sends the same kind of frames
// to something that sends them back.
// @return Exit status: 0, 1 wrong answers or none at all, 2 usage, 3 could not
//         start.
int loadcmd_run(int argc, char **argv, bool echo);
