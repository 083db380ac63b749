// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

// The spawner: a small process forked before anything else, which keeps the
// right to change uid, makes and confines every child, and hands back a
// SEQPACKET socket. Children have only that socket (and what they open before
// they lock themselves in), die with their parent, run at nice 10 with all CPUs
// but the workers' in their mask, under an unprivileged uid, with limits on
// memory and descriptors, and with a seccomp filter. CPU time has no limit of
// its own: one who burns it answers late, and is killed for that (fetch.h).

enum spawn_kind { SPAWN_RESOLVE = 1, SPAWN_FETCH };

#define SPAWN_USER_MAX 32

// What children made from now on may have. The spawner starts before the
// configuration is read, so this travels in a message of its own.
struct spawn_config {
	char user[SPAWN_USER_MAX + 1]; // account; "": as given to spawn_start()
	cpu_set_t cpus;		       // may run on these; none set: as inherited
	uint64_t memory_bytes;	       // of private memory; 0: 256 MiB
	uint32_t files;		       // descriptors; 0: 8448
};

struct spawn_event {
	uint32_t slot; // as asked for
	enum spawn_kind kind;
	pid_t pid;  // 0: it could not be made
	int fd;	    // >= 0: the child is there, the caller owns this. -1: it ended
	int status; // of waitpid(), when it ended
};

// Forks. Must be the first act of main(): no thread, no EAL, no library yet.
// The spawner ends when the socket is closed or the calling thread ends.
// @param user  Account of the children, e.g. "nobody"; when not root, the
//              children keep our uid and this is ignored.
// @return Socket to the spawner, or negative errno.
[[nodiscard]] int spawn_start(const char *user);

// The spawner's own pid, for status and tests; 0 before spawn_start().
pid_t spawn_pid(void);

// Settings for the children to come. Call it when the CPUs of the workers are
// known, before the first request.
// @return 0 or negative errno.
[[nodiscard]] int spawn_configure(int spawner, const struct spawn_config *config);

// Asks for a child; the answer comes as an event.
// @return 0 or negative errno; -EAGAIN: ask later.
[[nodiscard]] int spawn_request(int spawner, uint32_t slot, enum spawn_kind kind);

// Ends a child (SIGKILL) that hangs; its event follows.
// @return 0 or negative errno; -EAGAIN: ask later.
[[nodiscard]] int spawn_kill(int spawner, pid_t pid);

// Takes one event. @return 1, 0 when there is none, negative errno when the
// spawner is gone.
[[nodiscard]] int spawn_poll(int spawner, struct spawn_event *event);
