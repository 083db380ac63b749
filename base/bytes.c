// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/bytes.h"

#include <string.h>

struct reader bytes_reader(const void *buf, size_t len) {
	const uint8_t *at = buf;
	return (struct reader){.at = at, .end = at + len, .ok = true};
}

size_t bytes_left(const struct reader *r) {
	return r->ok ? (size_t)(r->end - r->at) : 0;
}

const uint8_t *bytes_get(struct reader *r, size_t len) {
	if (!r->ok || (size_t)(r->end - r->at) < len) {
		r->ok = false;
		return NULL;
	}
	const uint8_t *here = r->at;
	r->at += len;
	return here;
}

static uint64_t get_be(struct reader *r, size_t len) {
	const uint8_t *p = bytes_get(r, len);
	uint64_t v = 0;
	for (size_t i = 0; p != NULL && i < len; i++) {
		v = v << 8 | p[i];
	}
	return v;
}

uint8_t bytes_get_u8(struct reader *r) {
	return (uint8_t)get_be(r, 1);
}

uint16_t bytes_get_be16(struct reader *r) {
	return (uint16_t)get_be(r, 2);
}

uint32_t bytes_get_be32(struct reader *r) {
	return (uint32_t)get_be(r, 4);
}

uint64_t bytes_get_be64(struct reader *r) {
	return get_be(r, 8);
}

struct writer bytes_writer(void *buf, size_t cap) {
	uint8_t *at = buf;
	return (struct writer){.start = at, .at = at, .end = at + cap, .ok = true};
}

size_t bytes_written(const struct writer *w) {
	return (size_t)(w->at - w->start);
}

void bytes_put(struct writer *w, const void *from, size_t len) {
	if (!w->ok || (size_t)(w->end - w->at) < len) {
		w->ok = false;
		return;
	}
	if (len > 0) {
		memcpy(w->at, from, len);
		w->at += len;
	}
}

static void put_be(struct writer *w, uint64_t v, size_t len) {
	uint8_t b[8];
	for (size_t i = 0; i < len; i++) {
		b[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
	}
	bytes_put(w, b, len);
}

void bytes_put_u8(struct writer *w, uint8_t v) {
	put_be(w, v, 1);
}

void bytes_put_be16(struct writer *w, uint16_t v) {
	put_be(w, v, 2);
}

void bytes_put_be32(struct writer *w, uint32_t v) {
	put_be(w, v, 4);
}

void bytes_put_be64(struct writer *w, uint64_t v) {
	put_be(w, v, 8);
}
