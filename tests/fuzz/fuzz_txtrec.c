// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/txtrec.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// Records, parted by 0xff.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct txtrec_value records[8];
	size_t count = 0;
	for (const uint8_t *at = data, *end = data + size; at < end && count < 8;) {
		const uint8_t *stop = memchr(at, 0xff, (size_t)(end - at));
		size_t len = (size_t)((stop != NULL ? stop : end) - at);
		records[count++] = (struct txtrec_value){(const char *)at, len};
		at += len + (stop != NULL ? 1 : 0);
	}
	char id[POLICY_ID_MAX + 1] = "";
	enum outcome_code code = txtrec_choose(records, count, id);
	must((code == OUTCOME_OK) == (id[0] != '\0') && strlen(id) <= POLICY_ID_MAX);
	uint8_t joined[64];
	int len = txtrec_join(data, size, joined, sizeof(joined));
	must(len <= (int)sizeof(joined) && len < (int)size + (size == 0));
	return 0;
}
