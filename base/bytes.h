// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bounded reading and writing of octets, network byte order. Both carry a
// sticky error: after the first step beyond the end `ok` is false, reads give
// zero and writes do nothing, so a caller checks once, at the end.

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool ok;
};

struct writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool ok;
};

struct reader bytes_reader(const void *buf, size_t len);
size_t bytes_left(const struct reader *r);
uint8_t bytes_get_u8(struct reader *r);
uint16_t bytes_get_be16(struct reader *r);
uint32_t bytes_get_be32(struct reader *r);
uint64_t bytes_get_be64(struct reader *r);
// @return The next len octets where they lie, or NULL when there are fewer.
const uint8_t *bytes_get(struct reader *r, size_t len);

struct writer bytes_writer(void *buf, size_t cap);
size_t bytes_written(const struct writer *w);
void bytes_put_u8(struct writer *w, uint8_t v);
void bytes_put_be16(struct writer *w, uint16_t v);
void bytes_put_be32(struct writer *w, uint32_t v);
void bytes_put_be64(struct writer *w, uint64_t v);
void bytes_put(struct writer *w, const void *from, size_t len);
