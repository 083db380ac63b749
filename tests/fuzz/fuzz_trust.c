// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/trust.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// A query as it is judged, from an address that has to show a cookie, and its answer.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char KEY[] = "mta1.example:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	static const struct trust_sender from = {2, (const uint8_t *)"abcd", 7, false};
	static const struct lookup_status status = {.version = "0", .tcp = ""};
	static struct lookup_zone zone = {.nsid_len = 2, .nsid = "ab", .signatures = true};
	static struct trust trust = {.cookies.count = 2, .keys.count = 1};
	static struct trust_counters counters;
	static uint8_t buf[65536];
	must(zone.wire_len > 0 || lookup_zone_parse("sts.", &zone) == 0);
	must(trust.keys.at[0].name_len > 0 || tsig_key_parse(KEY, &trust.keys.at[0]) == 0);
	struct lookup_query q;
	memset(&q, 0xa5, sizeof(q));
	lookup_parse(&zone, data, size, &q);
	if (q.kind != LOOKUP_DROP) {
		trust_judge(&trust, &from, data, 1700000000, &q);
		trust_admit(&trust, &from, &q, &counters);
		memcpy(buf, data, size);
		size_t n = q.kind <= LOOKUP_COOKIE ? lookup_answer_error(&q, buf, &zone)
			   : q.kind < LOOKUP_NAME_FAULT
				   ? lookup_answer_zone(&q, buf, &zone, &status)
				   : lookup_answer_short(&q, buf, &zone, "none", "", 0);
		size_t all = trust_sign(&trust, &q, buf, n, 1700000000, &counters);
		must(q.tsig.present ? all <= LOOKUP_UDP_MAX : all == n && n <= q.size_max);
	}
	return 0;
}
