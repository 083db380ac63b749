// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/bytes.h"
#include "base/err.h"
#include "cache/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

static const uint8_t mx_list[] = "\x0emx.example.com\x0d*.example.org";
#define MX_BYTES (sizeof(mx_list) - 1)
static const char body_text[] = "version: STSv1\nmode: enforce\nmx: mx.example.com\n"
				"mx: *.example.org\nmax_age: 604800\n";

static struct record policy_record(void) {
	struct record r = {
		.kind = RECORD_POLICY,
		.domain = {.len = 11, .text = "example.com"},
		.ends_at = 605000,
		.next_check_at = 3600,
		.used_at = -7200,
		.id = "20260101T000000Z",
		.policy = {POLICY_MODE_ENFORCE, 604800, 2, MX_BYTES, mx_list},
		.inserted_at = -100000,
		.fetched_at = 200,
		.checked_at = 300,
		.refresh_at = 86600,
		.txt_ttl_s = 300,
		.checks_failed = 4,
		.failure = {
			.class = "http-status",
			.why = "sts-policy-fetch-error/cannot-fetch-policy+status+503",
			.id = "1",
			.attempts = 3,
			.at = 900,
			.since = 400,
			.retry_at = 1200,
		},
		.backoff = {"2", 7, 1300},
		.text = (const uint8_t *)body_text,
		.text_len = sizeof(body_text) - 1,
		.failed_text = (const uint8_t *)"<html>",
		.failed_text_len = 6,
	};
	return r;
}

static struct record none_record(void) {
	struct record r = {
		.kind = RECORD_NONE,
		.ends_at = 3600,
		.next_check_at = CLOCK_NEVER,
		.used_at = 5,
	};
	return r;
}

static struct record failed_record(void) {
	struct record r = policy_record();
	r.kind = RECORD_FAILED;
	r.policy = (struct policy){0};
	r.text = NULL;
	r.text_len = 0;
	return r;
}

static struct record unknown_record(void) {
	struct record r = {
		.kind = RECORD_UNKNOWN,
		.ends_at = 20,
		.next_check_at = CLOCK_NEVER,
		.failure = {.why = "dns/servfail", .attempts = 1, .at = 10, .since = 10, .retry_at = 20},
	};
	return r;
}

static void assert_same(const struct record *a, const struct record *b) {
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->ends_at, b->ends_at);
	assert_int_equal(a->next_check_at, b->next_check_at);
	assert_int_equal(a->used_at, b->used_at);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->policy.mode, b->policy.mode);
	assert_int_equal(a->policy.max_age_s, b->policy.max_age_s);
	assert_int_equal(a->policy.mx_count, b->policy.mx_count);
	assert_int_equal(a->policy.mx_bytes, b->policy.mx_bytes);
	if (a->policy.mx_bytes > 0) {
		assert_memory_equal(a->policy.mx, b->policy.mx, a->policy.mx_bytes);
	}
	assert_int_equal(a->inserted_at, b->inserted_at);
	assert_int_equal(a->fetched_at, b->fetched_at);
	assert_int_equal(a->checked_at, b->checked_at);
	assert_int_equal(a->refresh_at, b->refresh_at);
	assert_int_equal(a->txt_ttl_s, b->txt_ttl_s);
	assert_int_equal(a->checks_failed, b->checks_failed);
	assert_string_equal(a->backoff.id, b->backoff.id);
	assert_int_equal(a->backoff.attempts, b->backoff.attempts);
	assert_int_equal(a->backoff.retry_at, b->backoff.retry_at);
	assert_string_equal(a->failure.class, b->failure.class);
	assert_string_equal(a->failure.why, b->failure.why);
	assert_string_equal(a->failure.id, b->failure.id);
	assert_int_equal(a->failure.attempts, b->failure.attempts);
	assert_int_equal(a->failure.at, b->failure.at);
	assert_int_equal(a->failure.since, b->failure.since);
	assert_int_equal(a->failure.retry_at, b->failure.retry_at);
	assert_int_equal(a->text_len, b->text_len);
	if (a->text_len > 0) {
		assert_memory_equal(a->text, b->text, a->text_len);
	}
	assert_int_equal(a->failed_text_len, b->failed_text_len);
	if (a->failed_text_len > 0) {
		assert_memory_equal(a->failed_text, b->failed_text, a->failed_text_len);
	}
}

static struct record (*const makers[])(void) = {
	policy_record,
	none_record,
	failed_record,
	unknown_record,
};
#define MAKER_COUNT (sizeof(makers) / sizeof(makers[0]))

static void every_kind_comes_back(void ** /*state*/) {
	static const int64_t shifts[] = {0, 1790000000, -5};
	uint8_t buf[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		for (size_t s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
			struct record in = makers[k]();
			int len = record_encode(&in, shifts[s], buf, sizeof(buf));
			assert_true(len > 0);
			struct record out = {.domain = {.len = 3, .text = "a.b"}};
			assert_int_equal(record_decode(buf, (size_t)len, shifts[s], &out), 0);
			assert_same(&in, &out);
			assert_string_equal(out.domain.text, "a.b");
		}
	}
}

static void a_none_record_is_small(void ** /*state*/) {
	uint8_t buf[RECORD_NONE_BYTES];
	struct record in = none_record();
	in.domain.len = 60;
	assert_int_equal(record_encode(&in, 0, buf, sizeof(buf)), RECORD_NONE_BYTES);
}

static void a_shift_moves_every_time_but_never(void ** /*state*/) {
	uint8_t buf[2048];
	struct record in = policy_record();
	in.refresh_at = CLOCK_NEVER;
	int len = record_encode(&in, 1000, buf, sizeof(buf));
	struct record out = {0};
	assert_int_equal(record_decode(buf, (size_t)len, 0, &out), 0);
	assert_int_equal(out.ends_at, in.ends_at + 1000);
	assert_int_equal(out.used_at, in.used_at + 1000);
	assert_int_equal(out.failure.retry_at, in.failure.retry_at + 1000);
	assert_int_equal(out.backoff.retry_at, in.backoff.retry_at + 1000);
	assert_true(out.refresh_at == CLOCK_NEVER);
}

static void times_that_leave_int64_are_refused(void ** /*state*/) {
	uint8_t buf[2048];
	struct record in = none_record();
	in.ends_at = CLOCK_NEVER - 10;
	assert_int_equal(record_encode(&in, 10, buf, sizeof(buf)), -ERANGE);
	assert_int_equal(record_encode(&in, 11, buf, sizeof(buf)), -ERANGE);
	int len = record_encode(&in, 9, buf, sizeof(buf));
	assert_int_equal(len, RECORD_NONE_BYTES);
	struct record out = {0};
	assert_int_equal(record_decode(buf, (size_t)len, -1, &out), ERR_CORRUPT);
	assert_int_equal(record_decode(buf, (size_t)len, INT64_MIN, &out), ERR_CORRUPT);
	assert_int_equal(record_decode(buf, (size_t)len, 9, &out), 0);
}

static void every_short_buffer_is_refused(void ** /*state*/) {
	uint8_t buf[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		struct record in = makers[k]();
		int len = record_encode(&in, 0, buf, sizeof(buf));
		for (size_t cap = 0; cap < (size_t)len; cap++) {
			uint8_t *small = malloc(cap + (cap == 0));
			assert_non_null(small);
			assert_int_equal(record_encode(&in, 0, small, cap), -ENOSPC);
			free(small);
		}
	}
}

// Copies into an allocation of that very length, so that a sanitizer sees a
// read beyond it.
static int decode_copy(const uint8_t *buf, size_t len) {
	uint8_t *copy = malloc(len + (len == 0));
	assert_non_null(copy);
	memcpy(copy, buf, len);
	struct record out = {.domain = {.len = 77}};
	int code = record_decode(copy, len, 0, &out);
	assert_int_equal(out.domain.len, 77);
	assert_true(code == 0 || out.kind == 0);
	free(copy);
	return code;
}

static void every_truncation_is_refused(void ** /*state*/) {
	uint8_t buf[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		struct record in = makers[k]();
		size_t len = (size_t)record_encode(&in, 0, buf, sizeof(buf));
		for (size_t cut = 0; cut < len; cut++) {
			assert_int_equal(decode_copy(buf, cut), ERR_CORRUPT);
		}
		buf[len] = 0;
		assert_int_equal(decode_copy(buf, len + 1), ERR_CORRUPT);
	}
}

static void every_corrupt_octet_is_refused(void ** /*state*/) {
	uint8_t buf[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		struct record in = makers[k]();
		size_t len = (size_t)record_encode(&in, 0, buf, sizeof(buf));
		for (size_t at = 0; at < len; at++) {
			for (unsigned flip = 1; flip < 256; flip++) {
				buf[at] ^= (uint8_t)flip;
				assert_int_equal(decode_copy(buf, len), ERR_CORRUPT);
				buf[at] ^= (uint8_t)flip;
			}
		}
	}
}

static void reseal(uint8_t *buf, size_t len) {
	struct writer w = bytes_writer(buf + len - 8, 8);
	bytes_put_be64(&w, XXH3_64bits(buf, len - 8));
}

// With the checksum made good again, a change is refused by the checks behind
// it, or the record still keeps every bound.
static void assert_bounded(const struct record *r) {
	assert_true(r->kind >= RECORD_NONE && r->kind <= RECORD_UNKNOWN);
	assert_true(strlen(r->id) <= POLICY_ID_MAX);
	assert_true(strlen(r->failure.why) <= RECORD_REASON_MAX);
	assert_true(strlen(r->failure.class) <= RECORD_CLASS_MAX);
	assert_true(strlen(r->backoff.id) <= POLICY_ID_MAX);
	assert_true(r->failed_text_len <= RECORD_FAILED_TEXT_MAX);
	assert_true(r->policy.max_age_s <= POLICY_MAX_AGE_S);
	assert_true(r->policy.mode <= POLICY_MODE_ENFORCE);
	assert_true(policy_mx_valid(&r->policy));
	assert_true(r->text_len <= POLICY_TEXT_MAX);
}

static void decode_resealed(uint8_t *buf, size_t len) {
	reseal(buf, len);
	struct record out = {0};
	int code = record_decode(buf, len, 0, &out);
	assert_true(code == 0 || code == ERR_CORRUPT || code == ERR_VERSION);
	if (code == 0) {
		assert_bounded(&out);
	}
}

static void resealed_corruption_stays_in_bounds(void ** /*state*/) {
	uint8_t buf[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		struct record in = makers[k]();
		size_t len = (size_t)record_encode(&in, 0, buf, sizeof(buf));
		uint8_t *copy = malloc(len);
		assert_non_null(copy);
		for (size_t i = 0; i < (len - 8) * 256; i++) {
			memcpy(copy, buf, len);
			copy[i / 256] = (uint8_t)i;
			decode_resealed(copy, len);
		}
		free(copy);
	}
}

static void resealed_truncation_is_refused(void ** /*state*/) {
	uint8_t buf[2048];
	uint8_t copy[2048];
	for (size_t k = 0; k < MAKER_COUNT; k++) {
		struct record in = makers[k]();
		size_t len = (size_t)record_encode(&in, 0, buf, sizeof(buf));
		for (size_t cut = 9; cut < len; cut++) {
			memcpy(copy, buf, cut);
			reseal(copy, cut);
			assert_int_equal(decode_copy(copy, cut), ERR_CORRUPT);
		}
		memcpy(copy, buf, len);
		reseal(copy, len + 1);
		assert_int_equal(decode_copy(copy, len + 1), ERR_CORRUPT);
	}
}

static void versions(void ** /*state*/) {
	uint8_t buf[2048];
	struct record in = policy_record();
	size_t len = (size_t)record_encode(&in, 0, buf, sizeof(buf));
	buf[0] = 3;
	assert_int_equal(decode_copy(buf, len), ERR_CORRUPT); // checksum comes first
	reseal(buf, len);
	assert_int_equal(decode_copy(buf, len), ERR_VERSION);
	buf[0] = 0;
	reseal(buf, len);
	assert_int_equal(decode_copy(buf, len), ERR_CORRUPT);
}

// A policy as version 1 wrote it.
static size_t version_1(uint8_t *buf, size_t cap, const struct record *r) {
	struct writer w = bytes_writer(buf, cap);
	bytes_put_u8(&w, 1);
	bytes_put_u8(&w, RECORD_POLICY);
	bytes_put_be64(&w, (uint64_t)r->ends_at);
	bytes_put_be64(&w, (uint64_t)r->next_check_at);
	bytes_put_be64(&w, (uint64_t)r->used_at);
	bytes_put_u8(&w, (uint8_t)strlen(r->id));
	bytes_put(&w, r->id, strlen(r->id));
	bytes_put_be64(&w, (uint64_t)r->inserted_at);
	bytes_put_be64(&w, (uint64_t)r->fetched_at);
	bytes_put_be64(&w, (uint64_t)r->checked_at);
	bytes_put_be64(&w, (uint64_t)r->refresh_at);
	bytes_put_be32(&w, r->txt_ttl_s);
	bytes_put_u8(&w, (uint8_t)strlen(r->failure.why));
	bytes_put(&w, r->failure.why, strlen(r->failure.why));
	bytes_put_u8(&w, (uint8_t)strlen(r->failure.id));
	bytes_put(&w, r->failure.id, strlen(r->failure.id));
	bytes_put_u8(&w, r->failure.attempts);
	bytes_put_be64(&w, (uint64_t)r->failure.at);
	bytes_put_be64(&w, (uint64_t)r->failure.since);
	bytes_put_be64(&w, (uint64_t)r->failure.retry_at);
	bytes_put_u8(&w, (uint8_t)r->policy.mode);
	bytes_put_be32(&w, r->policy.max_age_s);
	bytes_put_be16(&w, r->policy.mx_count);
	bytes_put_be32(&w, r->policy.mx_bytes);
	bytes_put(&w, r->policy.mx, r->policy.mx_bytes);
	bytes_put_be32(&w, r->text_len);
	bytes_put(&w, r->text, r->text_len);
	bytes_put_be64(&w, XXH3_64bits(buf, bytes_written(&w)));
	assert_true(w.ok);
	return bytes_written(&w);
}

static void version_1_is_read(void ** /*state*/) {
	uint8_t buf[2048];
	struct record in = policy_record();
	size_t len = version_1(buf, sizeof(buf), &in);
	struct record out = {0};
	assert_int_equal(record_decode(buf, len, 0, &out), 0);
	// What it has not, and its failure, which was the back-off.
	in.checks_failed = 0;
	in.failure.class[0] = '\0';
	in.backoff = (struct record_backoff){"1", 3, 1200};
	in.failed_text_len = 0;
	assert_same(&in, &out);
}

static void class_with_blank(struct record *r) {
	r->failure.class[0] = ' ';
}

static void backoff_id_with_blank(struct record *r) {
	r->backoff.id[0] = ' ';
}

static void failed_text_over(struct record *r) {
	static const uint8_t text[RECORD_FAILED_TEXT_MAX + 1];
	r->failed_text = text;
	r->failed_text_len = sizeof(text);
}

static void max_age_over(struct record *r) {
	r->policy.max_age_s = POLICY_MAX_AGE_S + 1;
}

static void mx_miscounted(struct record *r) {
	r->policy.mx_count = 3;
}

static void enforce_without_mx(struct record *r) {
	r->policy.mx_count = 0;
	r->policy.mx_bytes = 0;
}

static void id_with_blank(struct record *r) {
	r->id[0] = ' ';
}

static void why_with_line_feed(struct record *r) {
	r->failure.why[1] = '\n';
}

static void failure_id_high(struct record *r) {
	r->failure.id[0] = '\x80';
}

static void mode_unknown(struct record *r) {
	r->policy.mode = (enum policy_mode)3;
}

static void (*const spoilers[])(struct record *) = {
	max_age_over,
	mx_miscounted,
	enforce_without_mx,
	id_with_blank,
	why_with_line_feed,
	failure_id_high,
	mode_unknown,
	class_with_blank,
	backoff_id_with_blank,
	failed_text_over,
};

// What record_encode() writes when it is given what a decoder must not take.
static void bad_fields_are_refused(void ** /*state*/) {
	static uint8_t buf[RECORD_BYTES_MAX];
	for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
		struct record in = policy_record();
		spoilers[i](&in);
		int len = record_encode(&in, 0, buf, sizeof(buf));
		assert_true(len > 0);
		assert_int_equal(decode_copy(buf, (size_t)len), ERR_CORRUPT);
	}
}

static void mode_none_may_stand_alone(void ** /*state*/) {
	uint8_t buf[2048];
	struct record in = policy_record();
	enforce_without_mx(&in);
	in.policy.mode = POLICY_MODE_NONE;
	in.id[0] = '\0';
	int len = record_encode(&in, 0, buf, sizeof(buf));
	assert_int_equal(decode_copy(buf, (size_t)len), 0);
}

static void the_largest_record_fits(void ** /*state*/) {
	static uint8_t buf[RECORD_BYTES_MAX];
	static uint8_t text[POLICY_TEXT_MAX + 1];
	static uint8_t mx[POLICY_MX_COUNT_MAX * 254];
	for (size_t i = 0; i < sizeof(mx); i++) {
		size_t at = i % 254;
		mx[i] = at == 0 ? 253 : at % 64 == 0 ? '.' : 'a';
	}
	struct record in = policy_record();
	in.policy.mx = mx;
	in.policy.mx_count = POLICY_MX_COUNT_MAX;
	in.policy.mx_bytes = sizeof(mx);
	in.text = text;
	in.text_len = POLICY_TEXT_MAX;
	memset(in.id, 'i', POLICY_ID_MAX);
	memset(in.failure.why, 'w', RECORD_REASON_MAX);
	memset(in.failure.class, 'c', RECORD_CLASS_MAX);
	memset(in.failure.id, 'i', POLICY_ID_MAX);
	memset(in.backoff.id, 'i', POLICY_ID_MAX);
	in.failed_text = text;
	in.failed_text_len = RECORD_FAILED_TEXT_MAX;
	int len = record_encode(&in, 0, buf, sizeof(buf));
	assert_true(len > 0);
	struct record out = {0};
	assert_int_equal(record_decode(buf, (size_t)len, 0, &out), 0);
	assert_same(&in, &out);
	in.text_len++;
	len = record_encode(&in, 0, buf, sizeof(buf));
	assert_int_equal(decode_copy(buf, (size_t)len), ERR_CORRUPT);
}

static void kinds_have_names(void ** /*state*/) {
	assert_string_equal(record_kind_str(RECORD_NONE), "none");
	assert_string_equal(record_kind_str(RECORD_POLICY), "policy");
	assert_string_equal(record_kind_str(RECORD_FAILED), "failed");
	assert_string_equal(record_kind_str(RECORD_UNKNOWN), "unknown");
}

// RFC 8461 10.2.
static void alerts_grow_towards_the_end(void ** /*state*/) {
	struct record r = policy_record();
	r.policy.max_age_s = 100000;
	r.fetched_at = 0;
	r.ends_at = 100000;
	static const struct {
		boot_s_t since;
		boot_s_t now;
		enum record_alert alert;
	} cases[] = {
		{400, 400, RECORD_ALERT_NOTICE},
		{400, 49999, RECORD_ALERT_NOTICE},
		{400, 50000, RECORD_ALERT_WARNING},
		{49999, 50000, RECORD_ALERT_NOTICE}, // perhaps only a hiccup
		{49999, 53599, RECORD_ALERT_WARNING},
		{400, 74999, RECORD_ALERT_WARNING},
		{74999, 75000, RECORD_ALERT_CRITICAL},
		{400, 99999, RECORD_ALERT_CRITICAL},
		{400, 100000, RECORD_ALERT_OK}, // over
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r.failure.since = cases[i].since;
		enum record_alert alert = record_alert(&r, cases[i].now);
		if (alert != cases[i].alert) {
			fail_msg("case %zu: %s", i, record_alert_str(alert));
		}
	}
	r.policy.mode = POLICY_MODE_NONE;
	assert_int_equal(record_alert(&r, 99999), RECORD_ALERT_OK);
	r.policy.mode = POLICY_MODE_TESTING;
	r.failure.why[0] = '\0';
	assert_int_equal(record_alert(&r, 99999), RECORD_ALERT_OK);
	struct record f = failed_record();
	assert_int_equal(record_alert(&f, 0), RECORD_ALERT_OK);
}

static void set_why(struct record *r, const char *why) {
	(void)snprintf(r->failure.why, sizeof(r->failure.why), "%s", why);
}

static void assert_why(const struct record *r, boot_s_t now, const char *brief, const char *full) {
	char why[RECORD_REASON_MAX + 1];
	record_why(r, now, why, RECORD_WHY_MAX);
	assert_string_equal(why, brief);
	record_why(r, now, why, RECORD_REASON_MAX);
	assert_string_equal(why, full);
}

static void reasons_say_what_is_in_force(void ** /*state*/) {
#define FETCH "sts-policy-fetch-error/"
	struct record r = policy_record();
	set_why(&r, "sts-webpki-invalid/certificate-expired");
	// 64 octets: it just fits.
	assert_why(
		&r,
		1000,
		"sts-webpki-invalid/certificate-expired+fallback-to-cached-policy",
		"sts-webpki-invalid/certificate-expired+fallback-to-cached-policy"
	);
	set_why(&r, FETCH "no-mta-sts-dns-txt-record");
	assert_why(
		&r,
		1000,
		FETCH "no-mta-sts-dns-txt-record",
		FETCH "no-mta-sts-dns-txt-record+fallback-to-cached-policy"
	);
	set_why(&r, FETCH "dns-lookup+dns-extended-error-22-no-reachable-authority");
	assert_why(
		&r,
		1000,
		FETCH "dns-lookup+dns-extended-error-22-no",
		FETCH "dns-lookup+dns-extended-error-22-no-reachable-authority"
		      "+fallback-to-cached-policy"
	);
	// Over: no policy to fall back to.
	assert_why(
		&r,
		r.ends_at,
		FETCH "dns-lookup+dns-extended-error-22-no",
		FETCH "dns-lookup+dns-extended-error-22-no-reachable-authority"
	);
	r.policy.mode = POLICY_MODE_NONE;
	assert_why(&r, 1000, "", "");

	struct record f = failed_record();
	set_why(&f, FETCH "no-policy-served+404");
	assert_why(
		&f,
		1000,
		FETCH "no-policy-served+404",
		FETCH "no-policy-served+404+back-off-after-recent-fetch-error"
	);
	assert_why(
		&f, f.backoff.retry_at, FETCH "no-policy-served+404", FETCH "no-policy-served+404"
	);
	f.failure.why[0] = '\0';
	assert_why(&f, 1000, "", "");
#undef FETCH
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(a_none_record_is_small),
		cmocka_unit_test(a_shift_moves_every_time_but_never),
		cmocka_unit_test(times_that_leave_int64_are_refused),
		cmocka_unit_test(every_short_buffer_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_corrupt_octet_is_refused),
		cmocka_unit_test(resealed_corruption_stays_in_bounds),
		cmocka_unit_test(resealed_truncation_is_refused),
		cmocka_unit_test(versions),
		cmocka_unit_test(version_1_is_read),
		cmocka_unit_test(alerts_grow_towards_the_end),
		cmocka_unit_test(reasons_say_what_is_in_force),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(mode_none_may_stand_alone),
		cmocka_unit_test(the_largest_record_fits),
		cmocka_unit_test(kinds_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
