// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/fetch.h"
#include "fetch/outcome.h"

#include <stdbool.h>
#include <stdint.h>

// The socket between sts:main and one child, one SEQPACKET message a piece:
//
//   main to child   struct channel_config, once, first
//                   a task (task_encode)
//                   eight octets: the id of a task no longer wanted
//   child to main   an outcome (outcome_encode)

struct event_base;
struct channel;

#define CHANNEL_CANCEL_BYTES 8
#define CHANNEL_PREFIXES_MAX 64
#define CHANNEL_PATH_MAX 1024

// What a child is told at its start; the numbers are those of struct
// fetch_config. Both ends are one program, so it crosses as it lies in memory.
struct channel_config {
	uint32_t upstream_count; // 0: /etc/resolv.conf
	struct fetch_upstream upstreams[FETCH_UPSTREAM_MAX];
	uint32_t dns_try_ms;
	uint32_t dns_tries;
	uint32_t connect_ms;
	uint32_t handshake_ms;
	uint32_t first_byte_ms;
	uint32_t total_ms;
	uint16_t https_port;
	bool require_text_plain;
	uint32_t allow_private_count;
	struct prefix allow_private[CHANNEL_PREFIXES_MAX];
	char ca_file[CHANNEL_PATH_MAX];
};

// The child's end of it.
struct channel_ops {
	void (*task)(void *arg, const struct task *task);
	void (*cancel)(void *arg, uint64_t task);
};

// @param config  All numbers checked by whoever read them.
// @return 0, -E2BIG when a list or path does not fit.
[[nodiscard]] int channel_pack(const struct fetch_config *config, struct channel_config *out);

// Takes the first message, for which it waits; ends the process when there is none.
void channel_take_config(int fd, struct channel_config *out);

// Reads tasks until the other end is closed, which ends the process.
// @return NULL with errno set.
struct channel *
channel_new(struct event_base *base, int fd, const struct channel_ops *ops, void *arg);

// Sends an outcome; while sts:main is behind with reading it is kept, and no
// more tasks are taken. Ends the process when there is no memory for that.
void channel_send(struct channel *c, const struct outcome *o);
