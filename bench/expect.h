// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The file of names and of what should be answered for each. One line a name,
// columns parted by tabs, names in order of popularity, '#' begins a comment:
//
//   example.com  p  enforce  20160831085700Z  1767225600  604800  mail.example.com,*.example.net
//   example.org  n
//   example.net
//
// p: a policy with mode, id, end (seconds since 1970), max_age and mx patterns
// in policy order. n: no MTA-STS. A name alone: any well-formed verdict will do.

enum expect_kind { EXPECT_ANY, EXPECT_NONE, EXPECT_POLICY };

struct expect_text {
	const char *at; // borrowed from the set, no NUL
	size_t len;
};

struct expect {
	enum expect_kind kind;
	struct expect_text name;
	// The rest: only of a policy.
	struct expect_text mode;
	struct expect_text id;
	uint64_t exp_s;
	uint32_t max_age_s;
	unsigned mx_count;
	struct expect_text mx; // patterns joined by commas
};

// Steps through the patterns: *at starts as 0 and moves on.
// @return One pattern; its `at` is NULL at the end.
struct expect_text expect_mx_next(const struct expect *e, size_t *at);

struct expect_set {
	char *text;
	size_t bytes;
	uint64_t *lines; // where each name's line starts
	uint32_t count;
	uint32_t policies;
	uint64_t ends_first_s; // the earliest end of a policy; UINT64_MAX without any
	bool mapped;
};

// Reads and checks every line.
// @param line  Of a fault: its number from 1; else 0.
// @return 0, negative errno, or ERR_SYNTAX.
[[nodiscard]] int expect_open(const char *path, struct expect_set *set, uint64_t *line);

// The same from memory, which the set takes over and frees (also on a fault).
[[nodiscard]] int expect_take(char *text, size_t bytes, struct expect_set *set, uint64_t *line);

void expect_close(struct expect_set *set);

// The index-th name; index is below set->count.
struct expect expect_get(const struct expect_set *set, uint32_t index);
