// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "tests/vectors/octets.h"

#include <jansson.h>

// What the code makes of a case. A kind knows the keys of its cases; a judge
// runs the code on one and tells the outcome in the form that `expect` has.
struct judge {
	const char *kind;
	const char *keys; // beside kind, name, section and expect; parted by blanks
	json_t *(*run)(const json_t *c);
};

// Each ends with a row without kind.
extern const struct judge JUDGE_GRAMMAR[]; // txt policy match name
extern const struct judge JUDGE_WIRE[];	   // dns address http query frame
extern const struct judge JUDGE_KEPT[];	   // record config

// Builds the octets a case has under a key, into the one buffer there is for
// them; the next call makes them anew. Aborts on a case that is wrong itself.
const struct octets *judge_octets(const json_t *c, const char *key);
