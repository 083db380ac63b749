// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/record.h"

#include "base/bytes.h"
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <xxhash.h>

// The octets, network byte order:
//
//   all       version 1, kind 1, ends_at 8, next_check_at 8, used_at 8
//   not NONE  id, inserted_at 8, fetched_at 8, checked_at 8, refresh_at 8,
//             txt_ttl_s 4, why; with a why: id, attempts 1, at 8, since 8,
//             retry_at 8, class
//             checks_failed 1, back-off id; with an id: attempts 1, retry_at 8
//   POLICY    mode 1, max_age_s 4, mx_count 2, mx_bytes 4, mx
//   not NONE  text_len 4, text, failed_text_len 4, failed_text
//   all       XXH3-64 of all before, 8
//
// id, why and class are one octet of length and so many octets. The first octet
// and the checksum stay where they are in every later version. Version 1 has no
// class, no checks_failed, no back-off and no failed_text: its failure is the
// back-off when it has an id.

#define RECORD_VERSION 2
#define SUM_BYTES 8
#define HOUR_S 3600

static_assert(
	2 + 3 * 8 + 3 * (1 + POLICY_ID_MAX) + 4 * 8 + 4 + 2 + RECORD_REASON_MAX + RECORD_CLASS_MAX
			+ 1 + 3 * 8 + 10 + 11 + POLICY_MX_COUNT_MAX * 254 + 8 + POLICY_TEXT_MAX
			+ RECORD_FAILED_TEXT_MAX + SUM_BYTES
		<= RECORD_BYTES_MAX,
	"the largest record fits"
);

static_assert(2 + 3 * 8 + SUM_BYTES == RECORD_NONE_BYTES, "a NONE record has times only");

static const char *const kind_str[] = {
	[RECORD_NONE] = "none",
	[RECORD_POLICY] = "policy",
	[RECORD_FAILED] = "failed",
	[RECORD_UNKNOWN] = "unknown",
};

const char *record_kind_str(enum record_kind kind) {
	return kind_str[kind];
}

const char *record_alert_str(enum record_alert alert) {
	static const char *const alert_str[] = {"ok", "notice", "warning", "critical"};
	return alert_str[alert];
}

bool record_is_fresh(const struct record *rec, boot_s_t now) {
	return now < rec->next_check_at
	       && (rec->failure.why[0] == '\0' || rec->checked_at >= rec->failure.at);
}

static bool is_failing(const struct record *rec, boot_s_t now) {
	return rec->kind == RECORD_POLICY && now < rec->ends_at && rec->failure.why[0] != '\0'
	       && rec->policy.mode != POLICY_MODE_NONE;
}

enum record_alert record_alert(const struct record *rec, boot_s_t now) {
	if (!is_failing(rec, now)) {
		return RECORD_ALERT_OK;
	}
	int64_t left = rec->ends_at - now;
	if (left <= rec->policy.max_age_s / 4) {
		return RECORD_ALERT_CRITICAL;
	}
	bool lasting = now - rec->failure.since >= HOUR_S;
	return lasting && left <= rec->policy.max_age_s / 2 ? RECORD_ALERT_WARNING
							    : RECORD_ALERT_NOTICE;
}

static const char *why_suffix(const struct record *rec, boot_s_t now) {
	if (rec->kind == RECORD_POLICY) {
		return is_failing(rec, now) ? "+fallback-to-cached-policy" : "";
	}
	bool waits = rec->kind == RECORD_FAILED && now < rec->backoff.retry_at;
	return waits ? "+back-off-after-recent-fetch-error" : "";
}

void record_why(const struct record *rec, boot_s_t now, char *out, size_t max) {
	const char *why = rec->failure.why;
	bool silent = rec->kind == RECORD_POLICY && rec->policy.mode == POLICY_MODE_NONE;
	size_t len = silent ? 0 : strnlen(why, RECORD_REASON_MAX);
	if (len > max) {
		len = max;
		while (len > 0 && why[len] != '+' && why[len] != '-') {
			len--;
		}
	}
	memcpy(out, why, len);
	out[len] = '\0';
	const char *suffix = len > 0 && why[len] == '\0' ? why_suffix(rec, now) : "";
	if (len + strlen(suffix) <= max) {
		memcpy(out + len, suffix, strlen(suffix) + 1);
	}
}

// A bytes writer or reader with the clock shift and what went wrong with it.
struct encoder {
	struct writer w;
	int64_t shift_s;
	bool in_range;
};

struct decoder {
	struct reader r;
	uint8_t version;
	int64_t shift_s;
	bool valid;
};

static void put_time(struct encoder *e, boot_s_t t) {
	int64_t shifted = t;
	if (t != CLOCK_NEVER
	    && (__builtin_add_overflow(t, e->shift_s, &shifted) || shifted == CLOCK_NEVER)) {
		e->in_range = false;
	}
	bytes_put_be64(&e->w, (uint64_t)shifted);
}

static boot_s_t get_time(struct decoder *d) {
	int64_t t = (int64_t)bytes_get_be64(&d->r);
	int64_t shifted = t;
	if (t != CLOCK_NEVER
	    && (__builtin_sub_overflow(t, d->shift_s, &shifted) || shifted == CLOCK_NEVER)) {
		d->valid = false;
	}
	return shifted;
}

static void put_string(struct encoder *e, const char *text, size_t max) {
	size_t len = strnlen(text, max);
	bytes_put_u8(&e->w, (uint8_t)len);
	bytes_put(&e->w, text, len);
}

// @param out  max + 1 octets; ends with NUL afterwards.
static void get_string(struct decoder *d, char *out, size_t max, bool (*allowed)(uint8_t)) {
	size_t len = bytes_get_u8(&d->r);
	const uint8_t *text = bytes_get(&d->r, len);
	out[0] = '\0';
	if (text == NULL || len > max) {
		d->valid = false;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		d->valid = d->valid && allowed(text[i]);
		out[i] = (char)text[i];
	}
	out[len] = '\0';
}

static bool is_alnum(uint8_t c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(uint8_t c) {
	return is_alnum(c) || c == '-';
}

static bool is_print(uint8_t c) {
	return c >= 0x20 && c < 0x7f;
}

static void put_failure(struct encoder *e, const struct record_failure *f) {
	put_string(e, f->why, RECORD_REASON_MAX);
	if (f->why[0] == '\0') {
		return;
	}
	put_string(e, f->id, POLICY_ID_MAX);
	bytes_put_u8(&e->w, f->attempts);
	put_time(e, f->at);
	put_time(e, f->since);
	put_time(e, f->retry_at);
	put_string(e, f->class, RECORD_CLASS_MAX);
}

static void get_failure(struct decoder *d, struct record_failure *f) {
	get_string(d, f->why, RECORD_REASON_MAX, is_print);
	if (f->why[0] == '\0') {
		return;
	}
	get_string(d, f->id, POLICY_ID_MAX, is_alnum);
	f->attempts = bytes_get_u8(&d->r);
	f->at = get_time(d);
	f->since = get_time(d);
	f->retry_at = get_time(d);
	if (d->version > 1) {
		get_string(d, f->class, RECORD_CLASS_MAX, is_word);
	}
}

static void put_backoff(struct encoder *e, const struct record *rec) {
	bytes_put_u8(&e->w, rec->checks_failed);
	put_string(e, rec->backoff.id, POLICY_ID_MAX);
	if (rec->backoff.id[0] != '\0') {
		bytes_put_u8(&e->w, rec->backoff.attempts);
		put_time(e, rec->backoff.retry_at);
	}
}

static void get_backoff(struct decoder *d, struct record *rec) {
	struct record_backoff *b = &rec->backoff;
	if (d->version == 1) {
		const struct record_failure *f = &rec->failure;
		memcpy(b->id, f->id, sizeof(b->id));
		b->attempts = f->id[0] != '\0' ? f->attempts : 0;
		b->retry_at = f->id[0] != '\0' ? f->retry_at : 0;
		return;
	}
	rec->checks_failed = bytes_get_u8(&d->r);
	get_string(d, b->id, POLICY_ID_MAX, is_alnum);
	if (b->id[0] != '\0') {
		b->attempts = bytes_get_u8(&d->r);
		b->retry_at = get_time(d);
	}
}

static void put_policy(struct encoder *e, const struct policy *p) {
	bytes_put_u8(&e->w, (uint8_t)p->mode);
	bytes_put_be32(&e->w, p->max_age_s);
	bytes_put_be16(&e->w, p->mx_count);
	bytes_put_be32(&e->w, p->mx_bytes);
	bytes_put(&e->w, p->mx, p->mx_bytes);
}

// Only mode none may stand without mx (RFC 8461 3.2).
static void get_policy(struct decoder *d, struct policy *p) {
	uint8_t mode = bytes_get_u8(&d->r);
	p->max_age_s = bytes_get_be32(&d->r);
	p->mx_count = bytes_get_be16(&d->r);
	p->mx_bytes = bytes_get_be32(&d->r);
	p->mx = bytes_get(&d->r, p->mx_bytes);
	if (!d->r.ok || mode > POLICY_MODE_ENFORCE || p->max_age_s > POLICY_MAX_AGE_S
	    || (mode != POLICY_MODE_NONE && p->mx_count == 0) || !policy_mx_valid(p)) {
		d->valid = false;
		return;
	}
	p->mode = (enum policy_mode)mode;
}

static void put_details(struct encoder *e, const struct record *rec) {
	put_string(e, rec->id, POLICY_ID_MAX);
	put_time(e, rec->inserted_at);
	put_time(e, rec->fetched_at);
	put_time(e, rec->checked_at);
	put_time(e, rec->refresh_at);
	bytes_put_be32(&e->w, rec->txt_ttl_s);
	put_failure(e, &rec->failure);
	put_backoff(e, rec);
	if (rec->kind == RECORD_POLICY) {
		put_policy(e, &rec->policy);
	}
	bytes_put_be32(&e->w, rec->text_len);
	bytes_put(&e->w, rec->text, rec->text_len);
	bytes_put_be32(&e->w, rec->failed_text_len);
	bytes_put(&e->w, rec->failed_text, rec->failed_text_len);
}

static void get_details(struct decoder *d, struct record *rec) {
	get_string(d, rec->id, POLICY_ID_MAX, is_alnum);
	rec->inserted_at = get_time(d);
	rec->fetched_at = get_time(d);
	rec->checked_at = get_time(d);
	rec->refresh_at = get_time(d);
	rec->txt_ttl_s = bytes_get_be32(&d->r);
	get_failure(d, &rec->failure);
	get_backoff(d, rec);
	if (rec->kind == RECORD_POLICY) {
		get_policy(d, &rec->policy);
	}
	rec->text_len = bytes_get_be32(&d->r);
	rec->text = bytes_get(&d->r, rec->text_len);
	if (d->version > 1) {
		rec->failed_text_len = bytes_get_be32(&d->r);
		rec->failed_text = bytes_get(&d->r, rec->failed_text_len);
	}
	d->valid = d->valid && rec->text_len <= POLICY_TEXT_MAX
		   && rec->failed_text_len <= RECORD_FAILED_TEXT_MAX;
}

int record_encode(const struct record *rec, int64_t shift_s, void *buf, size_t cap) {
	struct encoder e = {.w = bytes_writer(buf, cap), .shift_s = shift_s, .in_range = true};
	bytes_put_u8(&e.w, RECORD_VERSION);
	bytes_put_u8(&e.w, (uint8_t)rec->kind);
	put_time(&e, rec->ends_at);
	put_time(&e, rec->next_check_at);
	put_time(&e, rec->used_at);
	if (rec->kind != RECORD_NONE) {
		put_details(&e, rec);
	}
	bytes_put_be64(&e.w, XXH3_64bits(buf, bytes_written(&e.w)));
	if (!e.w.ok) {
		return -ENOSPC;
	}
	return e.in_range ? (int)bytes_written(&e.w) : -ERANGE;
}

int record_decode(const void *buf, size_t len, int64_t shift_s, struct record *rec) {
	if (len <= SUM_BYTES || len > RECORD_BYTES_MAX) {
		return ERR_CORRUPT;
	}
	size_t body_len = len - SUM_BYTES;
	struct reader sum = bytes_reader((const uint8_t *)buf + body_len, SUM_BYTES);
	if (bytes_get_be64(&sum) != XXH3_64bits(buf, body_len)) {
		return ERR_CORRUPT;
	}
	struct decoder d = {.r = bytes_reader(buf, body_len), .shift_s = shift_s, .valid = true};
	uint8_t version = bytes_get_u8(&d.r);
	if (version > RECORD_VERSION) {
		return ERR_VERSION;
	}
	uint8_t kind = bytes_get_u8(&d.r);
	if (version == 0 || kind < RECORD_NONE || kind > RECORD_UNKNOWN) {
		return ERR_CORRUPT;
	}
	d.version = version;
	struct record out = {.kind = (enum record_kind)kind, .domain = rec->domain};
	out.ends_at = get_time(&d);
	out.next_check_at = get_time(&d);
	out.used_at = get_time(&d);
	if (out.kind != RECORD_NONE) {
		get_details(&d, &out);
	}
	if (!d.r.ok || !d.valid || bytes_left(&d.r) != 0) {
		return ERR_CORRUPT;
	}
	*rec = out;
	return 0;
}
