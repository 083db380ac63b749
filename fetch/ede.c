// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/ede.h"

#include <stddef.h>
#include <stdio.h>

// By code.
static const char *const names[] = {
	"other-error",
	"unsupported-dnskey-algorithm",
	"unsupported-ds-digest-type",
	"stale-answer",
	"forged-answer",
	"dnssec-indeterminate",
	"dnssec-bogus",
	"signature-expired",
	"signature-not-yet-valid",
	"dnskey-missing",
	"rrsigs-missing",
	"no-zone-key-bit-set",
	"nsec-missing",
	"cached-error",
	"not-ready",
	"blocked",
	"censored",
	"filtered",
	"prohibited",
	"stale-nxdomain-answer",
	"not-authoritative",
	"not-supported",
	"no-reachable-authority",
	"network-error",
	"invalid-data",
};

void ede_detail(uint16_t code, char detail[OUTCOME_DETAIL_MAX + 1]) {
	bool known = code < sizeof(names) / sizeof(names[0]);
	(void)snprintf(
		detail,
		OUTCOME_DETAIL_MAX + 1,
		"dns-extended-error-%u%s%s",
		code,
		known ? "-" : "",
		known ? names[code] : ""
	);
}
