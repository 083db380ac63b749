// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/batch.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// A query: what is a batch is read and answered. No name is known.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct lookup_zone zone;
	static struct batch b;
	struct lookup_query q;
	must(zone.wire_len > 0 || lookup_zone_parse("sts.", &zone) == 0);
	lookup_parse(&zone, data, size, &q);
	if (q.kind < LOOKUP_NAME_FAULT || !batch_is_asked(&q) || !batch_read(&zone, &q, data, &b)) {
		return 0;
	}
	must(b.count >= 1 && b.count <= BATCH_NAMES_MAX);
	must(b.count == 1 || b.names[1].at <= q.question_bytes);
	unsigned next = 0;
	while (next < b.count) {
		uint8_t buf[LOOKUP_UDP_MAX + LOOKUP_SLACK];
		unsigned first = next;
		memcpy(buf, data, 12U + q.question_bytes);
		size_t n = batch_write(&b, &q, &zone, (struct lookup_now){1}, &next, buf);
		must(next > first && n > 12U + q.question_bytes && n <= LOOKUP_UDP_MAX);
		must(buf[7] == next - first);
	}
	return 0;
}
