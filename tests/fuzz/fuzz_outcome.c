// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/outcome.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// What a child sends.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t again[OUTCOME_BYTES_MAX];
	static struct outcome o;
	static struct outcome p;
	if (size > sizeof(again) || outcome_decode(data, size, &o) != 0) {
		return 0;
	}
	char why[RECORD_REASON_MAX + 1];
	outcome_why(&o, why);
	int len = outcome_encode(&o, again, sizeof(again));
	must(len == (int)size && outcome_decode(again, size, &p) == 0);
	must(strcmp(o.id, p.id) == 0 && o.policy.mx_count == p.policy.mx_count);
	return 0;
}
