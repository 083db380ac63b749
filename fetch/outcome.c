// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/outcome.h"

#include "base/bytes.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// The form: task, code, detail, id, TTL, addresses, flags, mended, policy, text.
// Strings have one octet of length in front. It lives only between two processes
// of one binary, so it carries no version.

#define FLAG_MEDIA_TYPE_ODD 0x01U

static const struct {
	const char *name;
	const char *type;
	const char *reason;
} codes[OUTCOME_COUNT] = {
#define OUTCOME_ROW(code, name, type, reason) [OUTCOME_##code] = {name, type, reason},
	OUTCOME_LIST(OUTCOME_ROW)
#undef OUTCOME_ROW
};

const char *outcome_str(enum outcome_code code) {
	return codes[code].name;
}

void outcome_why(const struct outcome *o, char why[RECORD_REASON_MAX + 1]) {
	const char *plus = o->detail[0] != '\0' ? "+" : "";
	int len = snprintf(
		why,
		RECORD_REASON_MAX + 1,
		"%s/%s%s%s",
		codes[o->code].type,
		codes[o->code].reason,
		plus,
		o->detail
	);
	if (len < 0 || o->code == OUTCOME_OK) {
		why[0] = '\0';
	}
}

static void put_string(struct writer *w, const char *text, size_t len) {
	bytes_put_u8(w, (uint8_t)len);
	bytes_put(w, text, len);
}

int outcome_encode(const struct outcome *o, void *buf, size_t cap) {
	struct writer w = bytes_writer(buf, cap);
	bytes_put_be64(&w, o->task);
	bytes_put_u8(&w, (uint8_t)o->code);
	put_string(&w, o->detail, strlen(o->detail));
	put_string(&w, o->id, strlen(o->id));
	bytes_put_be32(&w, o->ttl_s);
	task_put_addresses(&w, o->addresses, o->address_count);
	bytes_put_u8(&w, o->media_type_odd ? FLAG_MEDIA_TYPE_ODD : 0);
	bytes_put_u8(&w, o->mended);
	bytes_put_u8(&w, (uint8_t)o->policy.mode);
	bytes_put_be32(&w, o->policy.max_age_s);
	bytes_put_be16(&w, o->policy.mx_count);
	bytes_put_be32(&w, o->policy.mx_bytes);
	bytes_put(&w, o->policy.mx, o->policy.mx_bytes);
	bytes_put_be32(&w, o->text_len);
	bytes_put(&w, o->text, o->text_len);
	return w.ok ? (int)bytes_written(&w) : -ENOSPC;
}

static bool is_alnum(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A short string of letters, digits and, where allowed, hyphens.
static bool get_word(struct reader *r, char *out, size_t max, bool hyphens) {
	size_t len = bytes_get_u8(r);
	const uint8_t *text = bytes_get(r, len);
	if (text == NULL || len > max) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = (char)text[i];
		if (!is_alnum(c) && !(hyphens && c == '-')) {
			return false;
		}
		out[i] = c;
	}
	out[len] = '\0';
	return true;
}

static bool get_policy(struct reader *r, struct policy *p) {
	uint8_t mode = bytes_get_u8(r);
	p->max_age_s = bytes_get_be32(r);
	p->mx_count = bytes_get_be16(r);
	p->mx_bytes = bytes_get_be32(r);
	p->mx = bytes_get(r, p->mx_bytes);
	if (p->mx == NULL || mode > POLICY_MODE_ENFORCE || p->max_age_s > POLICY_MAX_AGE_S) {
		return false;
	}
	p->mode = (enum policy_mode)mode;
	return policy_mx_valid(p) && (mode == POLICY_MODE_NONE || p->mx_count > 0);
}

int outcome_decode(const void *buf, size_t len, struct outcome *o) {
	struct reader r = bytes_reader(buf, len);
	*o = (struct outcome){.task = bytes_get_be64(&r)};
	uint8_t code = bytes_get_u8(&r);
	if (code >= OUTCOME_COUNT) {
		return ERR_SYNTAX;
	}
	o->code = (enum outcome_code)code;
	if (!get_word(&r, o->detail, sizeof(o->detail) - 1, true)
	    || !get_word(&r, o->id, POLICY_ID_MAX, false)) {
		return ERR_SYNTAX;
	}
	o->ttl_s = bytes_get_be32(&r);
	if (!task_get_addresses(&r, o->addresses, &o->address_count)) {
		return ERR_SYNTAX;
	}
	uint8_t flags = bytes_get_u8(&r);
	o->media_type_odd = (flags & FLAG_MEDIA_TYPE_ODD) != 0;
	o->mended = bytes_get_u8(&r);
	if (!get_policy(&r, &o->policy)) {
		return ERR_SYNTAX;
	}
	o->text_len = bytes_get_be32(&r);
	o->text = bytes_get(&r, o->text_len);
	bool good = r.ok && bytes_left(&r) == 0 && o->text_len <= POLICY_TEXT_MAX;
	return good ? 0 : ERR_SYNTAX;
}
