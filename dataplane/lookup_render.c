// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRING_MAX 255
#define OVERRIDE "; override=1"

struct strings {
	uint8_t *at;
	uint8_t *end;
	bool ok;
};

static void put(struct strings *s, const char *text, size_t len) {
	while (s->ok && len > 0) {
		size_t part = len < STRING_MAX ? len : STRING_MAX;
		if ((size_t)(s->end - s->at) < part + 1) {
			s->ok = false;
			return;
		}
		*s->at++ = (uint8_t)part;
		memcpy(s->at, text, part);
		s->at += part;
		text += part;
		len -= part;
	}
}

static int
render_policy(const struct record *rec, int64_t shift_s, boot_s_t now, struct strings *s) {
	char first[LOOKUP_FIRST_STRING_MAX + 1];
	bool fresh = record_is_fresh(rec, now);
	int head = snprintf(
		first,
		sizeof(first),
		"v=STSQ1; r=policy; mode=%s; id=%s; exp=%" PRId64 "; fresh=",
		policy_mode_str(rec->policy.mode),
		rec->id,
		// One of max_age 0 is over, although those who wait may see it.
		(rec->policy.max_age_s > 0 ? rec->ends_at : rec->fetched_at) + shift_s
	);
	char why[RECORD_WHY_MAX + 1] = "";
	// The longest reason is cut by two octets when an override stands before it.
	if (!fresh) {
		record_why(rec, now, why, rec->overridden ? RECORD_WHY_MAX - 2 : RECORD_WHY_MAX);
	}
	int len = snprintf(
		first + head,
		sizeof(first) - (size_t)head,
		"%d; n=%u%s%s%s",
		fresh ? 1 : 0,
		(unsigned)rec->policy.mx_count,
		rec->overridden ? OVERRIDE : "",
		why[0] != '\0' ? "; why=" : "",
		why
	);
	put(s, first, (size_t)(head + len));
	const uint8_t *at = rec->policy.mx;
	size_t mx_len;
	const char *mx;
	while ((mx = policy_mx_next(&rec->policy, &at, &mx_len)) != NULL) {
		char tag[8 + 256];
		int n = snprintf(tag, sizeof(tag), "; mx=%.*s", (int)mx_len, mx);
		put(s, tag, (size_t)n);
	}
	return 1 + head; // behind the length octet
}

int lookup_render(
	const struct record *rec,
	int64_t wall_shift_s,
	boot_s_t now,
	uint8_t *buf,
	size_t cap,
	uint16_t *fresh_at
) {
	struct strings s = {.at = buf, .end = buf + cap, .ok = true};
	*fresh_at = 0;
	if (rec->kind == RECORD_POLICY) {
		*fresh_at = (uint16_t)render_policy(rec, wall_shift_s, now, &s);
	} else if (rec->kind == RECORD_NONE) {
		const char *text = rec->overridden ? "v=STSQ1; r=none" OVERRIDE : "v=STSQ1; r=none";
		put(&s, text, strlen(text));
	} else {
		char text[LOOKUP_FIRST_STRING_MAX + 1];
		char why[RECORD_WHY_MAX + 1];
		record_why(rec, now, why, RECORD_WHY_MAX);
		int n = snprintf(
			text,
			sizeof(text),
			"v=STSQ1; r=%s%s%s; retry=",
			record_kind_str(rec->kind),
			why[0] != '\0' ? "; why=" : "",
			why
		);
		put(&s, text, (size_t)n);
	}
	return s.ok ? (int)(s.at - buf) : -ENOSPC;
}
