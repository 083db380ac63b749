// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsbench fill`: the names of a file into a store that no server has open.
// @return Exit status.
int fillcmd_run(int argc, char **argv);
