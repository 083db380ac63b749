// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/lookup.h"

// The fast half of lookup_parse_padded(): the usual question, TXT IN of a plain
// mail domain of up to 62 octets with at most an empty OPT, read in one pass.
// LOOKUP_PAD octets behind len may be read.
// @return False for anything else; *q is undefined then.
bool lookup_usual_read(
	const struct lookup_zone *zone,
	const uint8_t *msg,
	size_t len,
	struct lookup_query *q
);
