// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/name.h"
#include "cache/record.h"
#include "dataplane/lookup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a socketmap request asks, and what it is answered (docs/senders/):
// pure, octets in and out. Answers are whole netstrings.

#define SMANSWER_REQUEST_MAX 10000 // content; what Postfix may ask
#define SMANSWER_BYTES_MAX 100000  // content; what Postfix takes
#define SMANSWER_ROOM (SMANSWER_BYTES_MAX + 16)

// A map by its name, and how its answers are made.
struct smanswer_map {
	const char *name;
	bool strict_testing; // a testing policy is answered as an enforced one
	bool servername;     // "servername=hostname": Postfix >= 3.4
	bool tlsrpt;	     // attributes for TLSRPT and MX patterns: Postfix >= 3.10
	bool unknown_temp;   // unknown and pending are TEMP, not NOTFOUND
};

enum smanswer_kind {
	SMANSWER_ASK,	  // for the policy of *domain
	SMANSWER_LOCAL,	  // NOTFOUND: an address, a host, a parent, or no mail domain
	SMANSWER_NO_HOST, // NOTFOUND: no host name at all, such as a path
	SMANSWER_BAD_MAP, // PERM, close
	SMANSWER_BAD,	  // PERM, close: no map name and key
};

struct smanswer_request {
	const struct smanswer_map *map; // of ASK, LOCAL and NO_HOST
	struct name domain;		// of ASK
};

// Reads `<map> <key>`.
enum smanswer_kind smanswer_parse(
	const struct smanswer_map maps[],
	size_t map_count,
	const struct lookup_zone *zone,
	const uint8_t *text,
	size_t len,
	struct smanswer_request *out
);

// Answers that no record is needed for.
enum smanswer_word {
	SMANSWER_NOTFOUND,
	SMANSWER_TEMP,
	SMANSWER_PERM_MAP,
	SMANSWER_PERM_REQUEST,
	SMANSWER_PERM_NETSTRING,
};

struct smanswer {
	const uint8_t *at;
	size_t len;
};

struct smanswer smanswer_word(enum smanswer_word word);

// Nobody can say what the domain wants.
struct smanswer smanswer_unknown(const struct smanswer_map *map);

// What a record that is in force says.
// @param buf  SMANSWER_ROOM octets; the answer may stand in it.
struct smanswer
smanswer_record(const struct smanswer_map *map, const struct record *rec, uint8_t *buf);
