// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>
#include <sys/types.h>

// The spawner: a small process forked before anything else, which keeps the
// right to change uid, makes and confines every child, and hands back a
// SEQPACKET socket. Children have only that socket (and what they open before
// they lock themselves in), die with their parent, run at nice 10 with all CPUs
// but the workers' in their mask, under an unprivileged uid, with limits on
// memory, CPU and descriptors, and with a seccomp filter.

enum spawn_kind { SPAWN_RESOLVE = 1, SPAWN_FETCH };

struct spawn_event {
	uint32_t slot; // as asked for
	enum spawn_kind kind;
	pid_t pid;
	int fd;	    // >= 0: the child is there. -1: it ended
	int status; // of waitpid(), when it ended
};

// Forks. Must be the first act of main(): no thread, no EAL, no library yet.
// @param user  Account of the children, e.g. "nobody"; when not root, the
//              children keep our uid and this is ignored.
// @return Socket to the spawner, or negative errno.
[[nodiscard]] int spawn_start(const char *user);

// The spawner's own pid, for status and tests.
pid_t spawn_pid(void);

// Asks for a child; the answer comes as an event.
// @return 0 or negative errno.
[[nodiscard]] int spawn_request(int spawner, uint32_t slot, enum spawn_kind kind);

// Ends a child (SIGKILL) that hangs; its event follows.
[[nodiscard]] int spawn_kill(int spawner, pid_t pid);

// Takes one event. @return 1, 0 when there is none, negative errno when the
// spawner is gone.
[[nodiscard]] int spawn_poll(int spawner, struct spawn_event *event);
