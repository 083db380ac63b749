// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The body of a policy (RFC 8461 3.2).
//
// Where implementations differ: the first of duplicate fields wins and later
// ones need only be shaped like a field. max_age over the maximum is clamped, up
// to ten digits. Blank lines are accepted at the end, refused elsewhere. A
// malformed mx among good ones is dropped, because fewer allowed hosts are the
// safe side; none left is a fault. A trailing dot of an mx is dropped. xn--
// labels are opaque. More than POLICY_MX_COUNT_MAX different mx are a fault.

#define POLPARSE_MX_BYTES_MAX (POLICY_MX_COUNT_MAX * 256)

// What was mended in an accepted body, for warnings.
#define POLPARSE_MX_DROPPED 0x01U // a malformed mx
#define POLPARSE_MX_DOTTED 0x02U  // a trailing dot of an mx
#define POLPARSE_MAX_AGE_CLAMPED 0x04U

// @param mx      Takes the patterns, which out->mx points to afterwards;
//                POLPARSE_MX_BYTES_MAX octets.
// @param fault   Of a refused body: a constant word, LDH, e.g. "too-many-mx".
// @param mended  Of an accepted one: POLPARSE_* flags.
// @return Whether the body is a policy.
// Context: any thread; neither blocks nor allocates.
[[nodiscard]] bool polparse(
	const uint8_t *text,
	size_t len,
	uint8_t *mx,
	struct policy *out,
	const char **fault,
	uint8_t *mended
);
