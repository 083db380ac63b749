// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/frame.h"
#include "dataplane/neigh.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

// A frame for 02:00:00:00:00:01, 192.0.2.53 and 2001:db8::53, checksums taken as good.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct frame_owner owner = {
		.mac = {2, 0, 0, 0, 0, 1},
		.udp_port = 5300,
		.address_count = 2,
		.addresses = {{AF_INET, {192, 0, 2, 53}}, {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 0x53}}},
	};
	static uint8_t copy[8192];
	struct frame_view v;
	memcpy(copy, data, size);
	enum frame_verdict verdict = frame_parse(&owner, copy, size, true, &v);
	must(verdict != FRAME_QUERY || (size_t)v.payload + v.payload_bytes <= size);
	size_t n = verdict == FRAME_QUERY  ? frame_turn(&v, copy, v.payload_bytes)
		   : verdict > FRAME_QUERY ? neigh_answer(&owner, verdict, &v, copy, size, 4096)
					   : 0;
	must(n <= sizeof(copy));
	return 0;
}
