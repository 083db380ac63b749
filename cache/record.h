// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is known of one domain, and its form as octets.
//
// In memory all times are boot seconds (base/clock.h), so that no step of the
// wall clock moves them. The form on disk has wall seconds: encoding adds
// `shift_s` to every time, decoding takes it off again.

#define RECORD_WHY_MAX 64
// Room for the longest text and, beside it, the most and longest mx patterns.
#define RECORD_BYTES_MAX 102400U
#define RECORD_NONE_BYTES 34 // every NONE record is so long

enum record_kind {
	RECORD_NONE = 1, // the domain has no MTA-STS
	RECORD_POLICY,	 // a policy is in force until ends_at
	RECORD_FAILED,	 // it announces one, but none can be had and none is cached
	RECORD_UNKNOWN,	 // DNS failed, or we did
};

// The last failure. why[0] is NUL while there is none.
struct record_failure {
	char why[RECORD_WHY_MAX + 1]; // "<RFC 8460 result type>/<reason>"
	char id[POLICY_ID_MAX + 1];   // TXT id it happened under, "" if TXT itself failed
	uint8_t attempts;	      // in a row under this id
	boot_s_t at;		      // the last one
	boot_s_t since;		      // the first one of the row
	boot_s_t retry_at;	      // no fetch for this id before
};

struct record {
	enum record_kind kind;
	struct name domain;
	// When the verdict ends: POLICY fetched_at + max_age (RFC 8461 3.2: from
	// the HTTPS fetch), NONE the negative time to live, FAILED and UNKNOWN the
	// next attempt.
	boot_s_t ends_at;
	// From then on a use starts a background TXT check; CLOCK_NEVER for NONE
	// and UNKNOWN.
	boot_s_t next_check_at;
	boot_s_t used_at; // last use, coarse
	// All below: not for NONE.
	char id[POLICY_ID_MAX + 1]; // TXT id the policy was fetched under
	struct policy policy;	    // POLICY only
	boot_s_t inserted_at;	    // POLICY: first time this domain had one
	boot_s_t fetched_at;	    // POLICY: last good HTTPS fetch
	boot_s_t checked_at;	    // last good TXT check
	boot_s_t refresh_at;	    // POLICY: next proactive fetch
	uint32_t txt_ttl_s;	    // as last seen
	struct record_failure failure;
	// The body as served: the policy's, else that of the last body that failed
	// to parse. Borrowed.
	const uint8_t *text;
	uint32_t text_len;
	// What is shown is the operator's decision (cache/override.h). Never encoded.
	bool overridden;
};

// "none", "policy", "failed", "unknown".
const char *record_kind_str(enum record_kind kind);

// The domain is not among the octets: it is the key they are kept under. So a
// NONE record is small whatever its name.
//
// Version octet, fields, checksum (XXH3-64) at the end.
// @return Octets written, -ENOSPC (cap is too small), or -ERANGE (a time leaves
//         int64 by the shift). CLOCK_NEVER is written as it is.
[[nodiscard]] int record_encode(const struct record *rec, int64_t shift_s, void *buf, size_t cap);

// Trusts nothing in buf: bounds, mx patterns, ids and reasons are checked behind
// the checksum too.
// @param rec  Its mx and text point into buf afterwards; the domain is not
//             touched, the caller sets it. On an error nothing is.
// @return 0, ERR_CORRUPT (checksum, length or a field out of bounds), or
//         ERR_VERSION (checksum good, version above ours).
[[nodiscard]] int record_decode(const void *buf, size_t len, int64_t shift_s, struct record *rec);
