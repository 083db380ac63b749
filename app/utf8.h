// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <jansson.h>
#include <stddef.h>

// Text of strangers as a JSON string: what is no valid UTF-8, and what I-JSON
// forbids (RFC 7493 2.1: surrogates, noncharacters), becomes U+FFFD, one for each
// octet that cannot be read or each code point that may not be.
// @return A new reference, or NULL when memory is short.
json_t *utf8_json(const void *text, size_t len);
