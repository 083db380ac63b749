// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/gate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_BYTES_MAX 320
#define QUERY_EDNS_BYTES 1232

// Unpredictable octets (getrandom).
void query_random(void *to, size_t len);

// Writes a DNS query: RD=1, a random id, letters in random case, EDNS with DO=0.
// @param host  Host name or name under _mta-sts, without a trailing dot; checked.
// @param question  What the reply must match.
// @return Octets written, or negative errno.
[[nodiscard]] int query_build(
	const char *host,
	enum gate_type type,
	bool edns,
	uint8_t buf[QUERY_BYTES_MAX],
	struct gate_question *question
);
