// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsbench cores`: how long a cache line takes from one CPU to another and
// back. Two virtual CPUs may be neighbours in one minute and far apart in the
// next; rates over shared memory follow that, so they are told together.
// @return Exit status.
int corelag_run(int argc, char **argv);
