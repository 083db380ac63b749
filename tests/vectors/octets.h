// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Octets as a case describes them, a piece being one of
//
//	"text"                        its UTF-8
//	{"hex": "c0 0c"}              blanks are skipped
//	{"labels": "a.example"}       a name on the wire (RFC 1035 3.1)
//	{"times": 3, "of": PIECE}     repeated
//	{"sized": PIECE}              behind its length in two octets
//	[PIECE, ...]                  joined

#define OCTETS_MAX (2 * 1024 * 1024)

struct octets {
	size_t len;
	uint8_t at[OCTETS_MAX];
};

// Adds a piece. @return False when it is none, or does not fit.
bool octets_add(struct octets *o, const json_t *piece);
