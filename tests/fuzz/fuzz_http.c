// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/http.h"
#include "tests/fuzz/fuzz.h"

// How many octets come at once, how it ends, then a response.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t body[POLICY_TEXT_MAX];
	static struct http h;
	if (size < 2) {
		return 0;
	}
	http_init(&h, (data[1] & 2) != 0, body);
	size_t step = 1 + (size_t)data[0];
	enum http_state state = HTTP_MORE;
	for (size_t at = 2; at < size && state == HTTP_MORE; at += step) {
		state = http_feed(&h, data + at, size - at < step ? size - at : step);
	}
	state = state == HTTP_MORE ? http_end(&h, (data[1] & 1) != 0) : state;
	must(state != HTTP_MORE && h.body_len <= POLICY_TEXT_MAX);
	must(state == HTTP_DONE || h.outcome != OUTCOME_OK);
	return 0;
}
