// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/vectors/octets.h"

#include <string.h>

static bool put(struct octets *o, const void *from, size_t len) {
	if (len > OCTETS_MAX - o->len) {
		return false;
	}
	memcpy(o->at + o->len, from, len);
	o->len += len;
	return true;
}

static int digit(char c) {
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

static bool put_hex(struct octets *o, const char *text) {
	while (*text != '\0') {
		if (*text == ' ') {
			text++;
			continue;
		}
		int high = digit(text[0]);
		int low = high < 0 ? -1 : digit(text[1]);
		uint8_t octet = (uint8_t)(high << 4 | low);
		if (low < 0 || !put(o, &octet, 1)) {
			return false;
		}
		text += 2;
	}
	return true;
}

static bool put_labels(struct octets *o, const char *text) {
	while (*text != '\0') {
		size_t len = strcspn(text, ".");
		uint8_t octet = (uint8_t)len;
		if (len == 0 || len > 63 || !put(o, &octet, 1) || !put(o, text, len)) {
			return false;
		}
		text += len + (text[len] == '.' ? 1 : 0);
	}
	return put(o, "", 1);
}

static bool put_sized(struct octets *o, const json_t *piece) {
	size_t start = o->len;
	if (!put(o, "\0", 2) || !octets_add(o, piece)) {
		return false;
	}
	size_t len = o->len - start - 2;
	o->at[start] = (uint8_t)(len >> 8);
	o->at[start + 1] = (uint8_t)len;
	return len <= UINT16_MAX;
}

static bool put_times(struct octets *o, const json_t *piece) {
	json_int_t times = json_integer_value(json_object_get(piece, "times"));
	bool good = times > 0;
	for (json_int_t i = 0; i < times && good; i++) {
		good = octets_add(o, json_object_get(piece, "of"));
	}
	return good;
}

static bool put_object(struct octets *o, const json_t *piece) {
	const char *hex = json_string_value(json_object_get(piece, "hex"));
	const char *labels = json_string_value(json_object_get(piece, "labels"));
	const json_t *sized = json_object_get(piece, "sized");
	if (json_object_get(piece, "of") != NULL) {
		return json_object_size(piece) == 2 && put_times(o, piece);
	}
	if (json_object_size(piece) != 1) {
		return false;
	}
	return hex != NULL	? put_hex(o, hex)
	       : labels != NULL ? put_labels(o, labels)
	       : sized != NULL	? put_sized(o, sized)
				: false;
}

bool octets_add(struct octets *o, const json_t *piece) {
	if (json_is_string(piece)) {
		return put(o, json_string_value(piece), json_string_length(piece));
	}
	if (!json_is_array(piece)) {
		return json_is_object(piece) && put_object(o, piece);
	}
	bool good = true;
	for (size_t i = 0; i < json_array_size(piece) && good; i++) {
		good = octets_add(o, json_array_get(piece, i));
	}
	return good;
}
