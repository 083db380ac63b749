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

#define RECORD_WHY_MAX 64     // of a reason in an answer
#define RECORD_REASON_MAX 176 // of a reason in full
#define RECORD_CLASS_MAX 16
// Of a body that failed, what is kept beside a policy that is in force.
#define RECORD_FAILED_TEXT_MAX 16384
// Room for the longest text and, beside it, the most and longest mx patterns and
// the body that failed.
#define RECORD_BYTES_MAX 118784U
#define RECORD_NONE_BYTES 34 // every NONE record is so long

enum record_kind {
	RECORD_NONE = 1, // the domain has no MTA-STS
	RECORD_POLICY,	 // a policy is in force until ends_at
	RECORD_FAILED,	 // it announces one, but none can be had and none is cached
	RECORD_UNKNOWN,	 // DNS failed, or we did
};

// The last failure. why[0] is NUL while there is none.
struct record_failure {
	char class[RECORD_CLASS_MAX + 1]; // what it was, in one word: "cert-expired"
	char why[RECORD_REASON_MAX + 1];  // "<RFC 8460 result type>/<reason>"
	char id[POLICY_ID_MAX + 1];	  // TXT id it happened under, "" if TXT itself failed
	uint8_t attempts;		  // in a row that failed in this way
	boot_s_t at;			  // the last one
	boot_s_t since;			  // the first one since all was well, whatever failed
	boot_s_t retry_at;		  // not tried again before
};

// The back-off of HTTPS fetches under one id (RFC 8461 3.3). It outlives failures
// of other kinds. id[0] is NUL while there is none.
struct record_backoff {
	char id[POLICY_ID_MAX + 1];
	uint8_t attempts; // failed in a row
	boot_s_t retry_at;
};

// How near a policy that cannot be renewed is to its end (RFC 8461 10.2).
enum record_alert {
	RECORD_ALERT_OK,
	RECORD_ALERT_NOTICE,   // something fails
	RECORD_ALERT_WARNING,  // and half of its life is over
	RECORD_ALERT_CRITICAL, // and three quarters of it are
	RECORD_ALERT_LEVELS,
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
	uint8_t checks_failed;	    // TXT checks in a row, POLICY only
	struct record_failure failure;
	struct record_backoff backoff;
	// The body as served: the policy's, else that of the last body that failed
	// to parse. Borrowed.
	const uint8_t *text;
	uint32_t text_len;
	// POLICY: the last body that failed to parse since the policy was fetched, at
	// most RECORD_FAILED_TEXT_MAX octets of it. Borrowed.
	const uint8_t *failed_text;
	uint32_t failed_text_len;
	// What is shown is the operator's decision (cache/override.h). Never encoded.
	bool overridden;
};

// "none", "policy", "failed", "unknown".
const char *record_kind_str(enum record_kind kind);

// "ok", "notice", "warning", "critical".
const char *record_alert_str(enum record_alert alert);

// OK unless there is a policy in force, of mode testing or enforce, and its checks
// or fetches fail. A failure younger than an hour is a notice at most, until three
// quarters of the policy's life are over.
enum record_alert record_alert(const struct record *rec, boot_s_t now);

// Whether the id of a policy was confirmed within its check interval, and nothing
// has failed since.
bool record_is_fresh(const struct record *rec, boot_s_t now);

// Why it fails, for an answer or a report (RFC 8460): the last failure's reason
// and, where it fits, "+fallback-to-cached-policy" while a policy is in force or
// "+back-off-after-recent-fetch-error" while no fetch is tried. "" when nothing
// fails, and of policies of mode none, of which nothing is to be reported (RFC 8461
// 6). What is too long is cut before a "+" or "-".
// @param max  Octets without the NUL: RECORD_WHY_MAX or RECORD_REASON_MAX.
void record_why(const struct record *rec, boot_s_t now, char *out, size_t max);

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
