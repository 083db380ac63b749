// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

// RFC 3629 4: the octets of one character.
// @return How many, or 0 when they are none.
static size_t decode(const uint8_t *at, size_t left, uint32_t *out) {
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t lead = at[0];
	size_t n = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
	if (n == 0 || n > left || lead > 0xf4) {
		return 0;
	}
	uint32_t c = n == 1 ? lead : lead & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
		c = c << 6 | (at[i] & 0x3fU);
	}
	*out = c;
	return c >= LEAST[n] && c <= 0x10ffff ? n : 0;
}

static bool is_allowed(uint32_t c) {
	bool surrogate = c >= 0xd800 && c <= 0xdfff;
	bool noncharacter = (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
	return !surrogate && !noncharacter;
}

json_t *utf8_json(const void *text, size_t len) {
	const uint8_t *at = text;
	char *out = malloc(len * 3 + 1);
	if (out == NULL) {
		return NULL;
	}
	size_t n = 0;
	for (size_t i = 0; i < len;) {
		uint32_t c = 0;
		size_t took = decode(at + i, len - i, &c);
		if (took > 0 && is_allowed(c)) {
			memcpy(out + n, at + i, took);
			n += took;
		} else {
			memcpy(out + n, REPLACEMENT, 3);
			n += 3;
		}
		i += took > 0 ? took : 1;
	}
	json_t *whole = json_stringn(out, n);
	free(out);
	return whole;
}
