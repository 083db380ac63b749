// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "base/name.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// What a job asks of the network: values that cross from sts:main to the
// children.

enum task_kind { TASK_TXT = 1, TASK_ADDRESS, TASK_POLICY };

#define TASK_ADDRESS_MAX 8

struct task {
	uint64_t id; // chosen by the sender, comes back in the outcome
	enum task_kind kind;
	struct name domain; // the mail domain; _mta-sts. or mta-sts. is put before it
	// TASK_POLICY: vetted addresses, tried in order.
	uint8_t address_count;
	struct address addresses[TASK_ADDRESS_MAX];
};

// Octets for the SEQPACKET sockets; at most TASK_BYTES_MAX.
// @return Octets written, or -ENOSPC.
[[nodiscard]] int task_encode(const struct task *t, void *buf, size_t cap);

// @return 0 or ERR_SYNTAX.
[[nodiscard]] int task_decode(const void *buf, size_t len, struct task *t);

#define TASK_BYTES_MAX 512

// A list of addresses, as tasks and outcomes carry it.
void task_put_addresses(struct writer *w, const struct address list[], uint8_t count);
// @return False when it is none, or has more than TASK_ADDRESS_MAX.
[[nodiscard]] bool
task_get_addresses(struct reader *r, struct address list[TASK_ADDRESS_MAX], uint8_t *count);
