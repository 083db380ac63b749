// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/frame.h"

// Which frames of an interface come to AF_XDP: those of an owner, by a program of
// ours (dataplane/xdp/steer.bpf.c); the kernel keeps the rest.

struct steer {
	int object; // the program for the driver's loader, -1: none
	int link;   // keeps the program on the interface, -1: none
	int device; // its index, 0: every frame comes
};

#define STEER_PATH_MAX 32

// Lays out the program for DPDK, which loads it and puts the queues into it.
// @param path  Where it can be read until steer_loaded().
// @return 0, ERR_PORT where this build has no program or another one is on the
// device; what failed has been logged.
[[nodiscard]] int steer_open(struct steer *s, const char *device, char path[STEER_PATH_MAX]);
void steer_loaded(struct steer *s);

// Frames of the owner come in from now on. The program leaves the interface with
// steer_close(), or with the process, however it ends.
// @return 0 or ERR_PORT; what failed has been logged.
[[nodiscard]] int steer_take(struct steer *s, const struct frame_owner *owner);
void steer_close(struct steer *s);
