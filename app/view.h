// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/override.h"
#include "cache/record.h"

#include <jansson.h>
#include <stdbool.h>

// A domain as JSON: what is known of it, and what a sender is told. Times are wall
// seconds; texts of strangers are valid UTF-8.

struct view_now {
	boot_s_t boot;
	wall_s_t wall;
};

struct view_now view_now(void);

// How a sender is answered at this second. The strings are constant or the
// record's.
struct view_answer {
	const char *r;	  // as in the TXT answer; "pending": it will be looked for
	const char *mode; // NULL but for "policy"
	bool fresh;	  // of "policy"
	bool overridden;
};

struct view_answer
view_answer(const struct record *rec, const struct override *override, boot_s_t now);

// "none", "policy", "failed", "unknown"; "unasked" of a domain that only an
// override is there for.
const char *view_kind(const struct record *rec);

enum view_depth {
	VIEW_SHORT, // a line of a dump
	VIEW_WHOLE, // with the policy's text and what a TLS report says
};

// @param override  NULL: there is none.
// @return A new reference, or NULL when memory is short.
json_t *view_record(
	const struct record *rec,
	const struct override *override,
	const struct view_now *now,
	enum view_depth depth
);

json_t *
view_override(const struct override *o, const struct record *rec, const struct view_now *now);
