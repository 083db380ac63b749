// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/table.h"
#include "dataplane/lookup.h"
#include "dataplane/plain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Many names asked in one question (docs/wire.md, Batches), as octets: no mbuf,
// no socket. The first name is that of the question, the others stand in an EDNS
// option; lookup_parse() tells where.

#define BATCH_NAMES_MAX TABLE_BURST_MAX
#define BATCH_DATAGRAMS_MAX 16 // what is left is not answered
#define BATCH_OPTION_MAX 1232  // octets of the option; a request is not larger

enum batch_fate {
	BATCH_DOMAIN,  // to be looked up
	BATCH_FAULT,   // cannot be a mail domain
	BATCH_SPECIAL, // `_recheck.` or `_policy.`: not taken in a batch
};

struct batch_name {
	uint16_t at;	// of its labels, as they came, in `wire`
	uint8_t bytes;	// with the root label
	uint8_t fate;	// enum batch_fate
	uint8_t fault;	// enum name_verdict of BATCH_FAULT
	uint16_t shown; // octets of the owner before the pointer to the zone
};

struct batch {
	unsigned count; // 1 to BATCH_NAMES_MAX
	// For table_lookup_bulk(): lower-case text; of no octets where the fate is
	// not BATCH_DOMAIN.
	struct table_key keys[BATCH_NAMES_MAX];
	// What it found. The caller sets to NULL what is not in force.
	const struct entry *found[BATCH_NAMES_MAX];
	struct batch_name names[BATCH_NAMES_MAX];
	uint8_t wire[NAME_DOMAIN_MAX + 12 + BATCH_OPTION_MAX + PLAIN_PAD];
	char text[NAME_DOMAIN_MAX + 12 + BATCH_OPTION_MAX + PLAIN_PAD];
};

// Whether a query that lookup_parse() took for a TXT question below the zone is
// a batch: it has the option, and its client takes answers of full size.
static inline bool batch_is_asked(const struct lookup_query *q) {
	return q->batch_at != 0 && q->size_max == LOOKUP_UDP_MAX && !q->any_type;
}

// Reads the names. Constant work for any input.
// @param msg  The query; it may be overwritten afterwards.
// @return False: malformed, to be answered FORMERR.
[[nodiscard]] bool batch_read(
	const struct lookup_zone *zone,
	const struct lookup_query *q,
	const uint8_t *msg,
	struct batch *b
);

// Writes one message: the records of as many names as fit, from *next on, at
// least one; *next becomes the first one left. To be called until it is b->count,
// always with header and question of the query at the start of buf, which has
// room as for lookup_answer_entry().
// @return Octets of the message.
size_t batch_write(
	const struct batch *b,
	const struct lookup_query *q,
	const struct lookup_zone *zone,
	struct lookup_now now,
	unsigned *next,
	uint8_t *buf
);
