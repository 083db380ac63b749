// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

// How a process gives up what it does not need. Each step is for the calling
// process and cannot be taken back.

struct confine_limits {
	uid_t uid; // taken only by root
	gid_t gid;
	const cpu_set_t *cpus; // NULL: as inherited
	uint64_t memory_bytes;
	uint32_t files;
};

// Names the process for ps and top.
// @param title  Also the name of its main thread, without the blank.
void confine_title(const char *title);

// Closes every descriptor but one and puts /dev/null in place of the standard
// ones.
// @return The kept descriptor's new number, or negative errno.
[[nodiscard]] int confine_files(int keep);

// The spawner's own share: only what making and ending children takes.
// @return 0 or negative errno.
[[nodiscard]] int confine_spawner(void);

// Uid, limits, nice 10, CPU mask, capabilities, no_new_privs, and SIGKILL when
// the parent ends.
// @param parent  Who the parent was before the fork.
// @return 0 or negative errno.
[[nodiscard]] int confine_child(const struct confine_limits *limits, pid_t parent);

// The seccomp filter: sockets of the internet, waiting, memory; anything else
// kills the process. All files must have been opened and read before.
// @return 0 or negative errno.
[[nodiscard]] int confine_lock(void);
