// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/tsig.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// A query whose TSIG record may stand anywhere; then what is answered to it.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char KEY[] = "mta1.example:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	static struct tsig_keys keys;
	static uint8_t answer[1024] = {0x12, 0x34, 0x81};
	must(keys.count > 0 || tsig_key_parse(KEY, &keys.at[0]) == 0);
	keys.count = 1;
	for (size_t at = 12; at < size && size <= 4096; at++) {
		struct tsig t = {0};
		size_t bytes = tsig_read(data, size, at, &t);
		must(t.present == (bytes > 0) && bytes <= size - at);
		if (bytes > 0) {
			tsig_verify(&keys, data, 1700000000, &t);
			must(t.verdict != TSIG_NONE && t.tail_at < at + bytes);
			must(tsig_sign(&keys, &t, answer, 12, 0) == 12 + tsig_bytes(&t));
		}
	}
	return 0;
}
