// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/lookup.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// A query.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct lookup_zone zone = {.nsid_len = 2, .nsid = "ab"};
	static const struct lookup_status status = {.version = "0", .tcp = ""};
	static uint8_t buf[65536];
	struct lookup_query q;
	must(zone.wire_len > 0 || lookup_zone_parse("sts.", &zone) == 0);
	lookup_parse(&zone, data, size, &q);
	memcpy(buf, data, size);
	size_t n = q.kind == LOOKUP_DROP    ? 12
		   : q.kind == LOOKUP_ERROR ? lookup_answer_error(&q, buf, &zone)
		   : q.kind < LOOKUP_NAME_FAULT
			   ? lookup_answer_zone(&q, buf, &zone, &status)
			   : lookup_answer_short(&q, buf, &zone, "none", "", 0);
	must(n >= 12 && n <= q.size_max && q.size_max <= LOOKUP_UDP_MAX);
	return 0;
}
