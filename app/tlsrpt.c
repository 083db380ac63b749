// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/tlsrpt.h"

#include "app/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FALLBACK "+fallback-to-cached-policy"

// The body as lines: a last line feed does not begin another one, and a carriage
// return before a line feed or at the end is not part of its line.
static json_t *policy_strings(const uint8_t *text, size_t len) {
	json_t *list = json_array();
	const uint8_t *end = text + len;
	if (len > 0 && end[-1] == '\n') {
		end--;
	}
	while (len > 0 && text <= end) {
		const uint8_t *lf = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
		const uint8_t *stop = lf != NULL ? lf : end;
		size_t n = (size_t)(stop - text);
		n -= n > 0 && text[n - 1] == '\r' ? 1 : 0;
		json_array_append_new(list, utf8_json(text, n));
		text = stop + 1;
	}
	return list;
}

static json_t *mx_hosts(const struct policy *p) {
	json_t *list = json_array();
	const uint8_t *at = p->mx;
	size_t len;
	const char *mx;
	while ((mx = policy_mx_next(p, &at, &len)) != NULL) {
		json_array_append_new(list, json_stringn(mx, len));
	}
	return list;
}

// "<result type>/<reason>"; what is our own fault is nobody's report.
static bool is_reported(const struct record_failure *f) {
	return strncmp(f->why, "sts-", 4) == 0 && strchr(f->why, '/') != NULL;
}

// Of a fetch there is no session: no host and no address to be named.
static json_t *failure_details(const struct record_failure *f, bool fallback) {
	json_t *list = json_array();
	if (!is_reported(f)) {
		return list;
	}
	const char *slash = strchr(f->why, '/');
	char reason[RECORD_REASON_MAX + sizeof(FALLBACK)];
	snprintf(reason, sizeof(reason), "%s%s", slash + 1, fallback ? FALLBACK : "");
	json_array_append_new(
		list,
		json_pack(
			"{s:s%, s:s, s:s, s:s, s:i, s:s, s:s}",
			"result-type",
			f->why,
			(size_t)(slash - f->why),
			"sending-mta-ip",
			"",
			"receiving-mx-hostname",
			"",
			"receiving-ip",
			"",
			"failed-session-count",
			1,
			"additional-information",
			"",
			"failure-reason-code",
			reason
		)
	);
	return list;
}

json_t *tlsrpt_policy(const struct record *rec, boot_s_t now) {
	static const struct record_failure NO_FAILURE;
	static const struct policy NO_POLICY;
	bool live = rec->kind == RECORD_POLICY && rec->ends_at > now;
	bool cached = live && rec->policy.mode != POLICY_MODE_NONE;
	bool fails = !live && rec->kind != RECORD_NONE && is_reported(&rec->failure);
	bool has_body = cached || (fails && rec->kind == RECORD_FAILED);
	const struct record_failure *failure = cached || fails ? &rec->failure : &NO_FAILURE;
	return json_pack(
		"{s:{s:s, s:o, s:s, s:o}, s:{s:i, s:i}, s:o}",
		"policy",
		"policy-type",
		cached || fails ? "sts" : "no-policy-found",
		"policy-string",
		policy_strings(rec->text, has_body ? rec->text_len : 0),
		"policy-domain",
		rec->domain.text,
		"mx-host",
		mx_hosts(cached ? &rec->policy : &NO_POLICY),
		"summary",
		"total-successful-session-count",
		0,
		"total-failure-session-count",
		0,
		"failure-details",
		failure_details(failure, cached)
	);
}
