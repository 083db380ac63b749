// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/packet.h"
#include "bench/question.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

// A trace of frames that a worker receives over and over, without a driver below
// it: a port of DPDK's net_null gives empty buffers, a callback on its receive
// queue copies the next frames into them, one on its transmit queue counts what
// the worker sends. What lies between is the worker's own turn and nothing else.

struct feed {
	uint8_t *trace; // frames, each behind its length at a multiple of 64 octets
	size_t room;
	size_t end;
	uint64_t frames;
	unsigned times; // 0: frames come one after the other; else as feed_add_message() says
	// All below: the worker's thread writes, any reads.
	_Alignas(64) size_t at;
	uint64_t left; // queries still to be given
	bool collecting;
	unsigned given_of_frame;
	_Atomic clockid_t worker_clock; // its CPU time; set before the first frame is given
	_Atomic uint64_t through;	// frames that were given `times` times
	_Atomic uint64_t given;
	_Atomic uint64_t sent;
};

// @param octets  At most that many of the trace, frames rounded up to 64.
// @return 0 or -ENOMEM.
[[nodiscard]] int feed_init(struct feed *f, size_t octets);
void feed_fini(struct feed *f);

// @return 0, or -ENOSPC: the trace is full.
[[nodiscard]] int
feed_add(struct feed *f, const struct packet_proto *proto, const struct question *q, uint32_t tag);

// Adds a whole DNS message, of at least its header's 12 octets, right or wrong as
// it is. When `times` is set each frame is given so often, in bursts of its own,
// and callgrind puts out what that took as `frame N`, N from 0.
// @return 0, -EINVAL: not of a length for one frame, or -ENOSPC.
[[nodiscard]] int feed_add_message(
	struct feed *f,
	const struct packet_proto *proto,
	const uint8_t *message,
	size_t len
);

// From now on queue 0 of the port receives the trace, `count` frames in all; the
// port is one of net_null.
// @return 0 or negative errno.
[[nodiscard]] int feed_attach(struct feed *f, uint16_t port, uint64_t count);
