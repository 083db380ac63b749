// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/policy.h"
#include "fetch/outcome.h"

#include <stddef.h>
#include <stdint.h>

// The TXT records at `_mta-sts.<domain>` (RFC 8461 3.1).

// One record, its strings joined; need not end with NUL and may hold any octets.
struct txtrec_value {
	const char *text;
	size_t len;
};

// Joins the character-strings of TXT RDATA (RFC 1035 3.3.14) without anything
// between them.
// @return Octets written, ERR_SYNTAX when the lengths do not add up (an RDATA
//         without any string too), or -ENOSPC.
[[nodiscard]] int txtrec_join(const uint8_t *rdata, size_t rdata_len, uint8_t *out, size_t cap);

// Judges the whole set, whatever the order of its records. Records that begin
// exactly `v=STSv1;` are taken; only if there is none, those with white space
// before the `;` (erratum 6285). Exactly one must remain, and it must parse.
// @param id  Written when the set is good.
// @return OUTCOME_OK, OUTCOME_ABSENT, OUTCOME_TXT_MULTIPLE or OUTCOME_TXT_SYNTAX.
enum outcome_code
txtrec_choose(const struct txtrec_value records[], size_t count, char id[POLICY_ID_MAX + 1]);
