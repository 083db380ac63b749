// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/bytes.h"
#include "cache/record.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <xxhash.h>

// A record without its checksum, which is added: it would keep all else out.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t buf[RECORD_BYTES_MAX];
	static uint8_t again[RECORD_BYTES_MAX];
	struct record r = {0};
	if (size + 8 > sizeof(buf)) {
		return 0;
	}
	memcpy(buf, data, size);
	struct writer w = bytes_writer(buf + size, 8);
	bytes_put_be64(&w, XXH3_64bits(buf, size));
	if (record_decode(buf, size + 8, 0, &r) == 0) {
		must(policy_mx_valid(&r.policy) && r.text_len <= POLICY_TEXT_MAX);
		must(record_encode(&r, 0, again, sizeof(again)) > 0);
	}
	return 0;
}
