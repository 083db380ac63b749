// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsbench socketmap`: asks a socketmap server in a closed loop.
// @return The exit status of the process.
int smapcmd_run(int argc, char **argv);
