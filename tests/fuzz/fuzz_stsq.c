// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsq.h"
#include "client/stsqwire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// What a client receives, to the question that it repeats.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct stsqwire_record record;
	static const uint8_t QUESTION[] = "\7example\3com\3sts\0\0\x10\0\1";
	struct stsqwire_reply r;
	if (!stsqwire_read(&r, data, size, QUESTION, sizeof(QUESTION) - 1)) {
		return 0;
	}
	unsigned records = r.records;
	unsigned seen = 0;
	while (stsqwire_next(&r, &record)) {
		seen++;
		must(record.owner_len > 0 && record.owner_len <= STSQWIRE_NAME_MAX);
		(void)stsqwire_is_of(&record, (const uint8_t *)"\7example\3com", QUESTION + 12);
		struct stsq_text t;
		if (!record.is_txt || stsq_parse(record.text, record.text_len, &t) < 0) {
			continue;
		}
		must(t.verdict != STSQ_SILENT && t.mx_count <= STSQ_MX_MAX);
		must(*t.id == '\0' || strlen(t.id) <= record.text_len);
	}
	must(seen == records && r.at <= size);
	return 0;
}
