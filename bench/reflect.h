// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsbench reflect`: sends every datagram back to where it came from, over one
// kernel socket, 32 at once. No server over such a socket can be faster.
// @return Exit status; only when it could not start.
int reflect_run(int argc, char **argv);
