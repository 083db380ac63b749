// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsbench make`: names, policies and expected answers into a file.
// @return Exit status.
int makecmd_run(int argc, char **argv);
