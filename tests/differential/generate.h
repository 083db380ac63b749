// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Makes TXT sets and policies that are good, or bad in one telling way, and
// spoils some of them at random. The same seed and number make the same input.

#define GENERATE_TEXT_MAX 49152
#define GENERATE_RECORDS_MAX 6

enum generate_kind { GENERATE_SET, GENERATE_POLICY };

struct generate_input {
	enum generate_kind kind;
	size_t count; // of records; 1 for a policy
	size_t at[GENERATE_RECORDS_MAX];
	size_t len[GENERATE_RECORDS_MAX];
	uint8_t text[GENERATE_TEXT_MAX];
};

void generate_input(uint64_t seed, uint64_t number, struct generate_input *out);
