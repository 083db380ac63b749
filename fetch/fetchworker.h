// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsd: fetch`, the child that gets policies: TASK_POLICY (RFC 8461 3.3).
//
// One connection per task, to the task's addresses in their order until one
// takes it; what happens behind that, TLS or HTTP, is the outcome. Each address
// is vetted once more here. A certificate that takes a second to verify stops
// the other connections of this child for that long, and nobody else's.

// Runs on a socket to sts:main (fetch/channel.h) until that is closed.
// Context: a process of its own, already confined but for its seccomp filter.
_Noreturn void fetchworker_run(int fd);
