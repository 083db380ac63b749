// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/gate.h"
#include "tests/fuzz/fuzz.h"

// A reply to the question for _mta-sts.example.com TXT with id 0x1234.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct gate_question q = {
		.id = 0x1234,
		.type = GATE_TXT,
		.name_len = 22,
		.name = "\x08_mta-sts\x07"
			"example\x03"
			"com",
	};
	static struct gate_answer a;
	enum gate_verdict v = gate_read(&q, data, size, &a);
	must(a.count <= GATE_RECORDS_MAX && (v == GATE_ANSWER || a.count == 0));
	for (size_t i = 0; i < a.count; i++) {
		must(a.txt[i].strings >= data && a.txt[i].strings + a.txt[i].len <= data + size);
	}
	return 0;
}
