// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/polparse.h"
#include "tests/fuzz/fuzz.h"

// A body.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	struct policy p;
	const char *fault;
	uint8_t mended;
	bool good = polparse(data, size, mx, &p, &fault, &mended);
	must(good == (fault == NULL));
	must(!good || (policy_mx_valid(&p) && p.max_age_s <= POLICY_MAX_AGE_S));
	must(!good || p.mx_count > 0 || p.mode == POLICY_MODE_NONE);
	return 0;
}
