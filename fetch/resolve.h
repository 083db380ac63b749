// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// `stsd: resolve`, the child that asks the DNS: TASK_TXT and TASK_ADDRESS.
//
// Every server is asked dns_tries times, in turn, for dns_try_ms each; one that
// answers with an error or refuses the connection is not asked again for this
// name. When nobody answers for sure the outcome is DNS_FAILED with the most
// telling of the failures, or LOCAL when not one query could be sent.

// Runs on a socket to sts:main (fetch/channel.h) until that is closed.
// Context: a process of its own, already confined but for its seccomp filter.
_Noreturn void resolve_run(int fd);
