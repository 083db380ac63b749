// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/fetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Values of the configuration: from text, and back.

struct value_unit {
	const char *suffix; // NULL: the end of the list
	uint64_t factor;
};

extern const struct value_unit VALUE_MS[];    // ms s m h d
extern const struct value_unit VALUE_BYTES[]; // KiB MiB GiB
extern const struct value_unit VALUE_PLAIN[];

// Digits and one of the units. @return False for anything else, or too large.
bool value_number(const char *text, const struct value_unit *units, uint64_t *out);

// ADDRESS or ADDRESS/BITS.
bool value_prefix(const char *text, struct prefix *out);

// ADDRESS or ADDRESS@PORT; the port is 53 where none is given.
bool value_upstream(const char *text, struct fetch_upstream *out);

// Where a door listens: ADDRESS@PORT, or unix:PATH.
struct value_endpoint {
	char path[108]; // "": not a UNIX socket
	struct address address;
	uint16_t port;
};

#define VALUE_ENDPOINTS_MAX 8

struct value_endpoints {
	unsigned count;
	struct value_endpoint at[VALUE_ENDPOINTS_MAX];
};

bool value_endpoint(const char *text, struct value_endpoint *out);

// Just so many octets in hex.
bool value_secret(const char *text, uint8_t *out, size_t bytes);

#define VALUE_TEXT_MAX 128

// The largest unit that divides the number.
void value_number_str(uint64_t v, const struct value_unit *units, char out[VALUE_TEXT_MAX]);
void value_prefix_str(const struct prefix *p, char out[VALUE_TEXT_MAX]);
void value_upstream_str(const struct fetch_upstream *u, char out[VALUE_TEXT_MAX]);
void value_endpoint_str(const struct value_endpoint *e, char out[VALUE_TEXT_MAX]);
