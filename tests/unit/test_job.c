// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/job.h"
#include "fetch/settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NOW 1000000

static uint64_t random_state = 1;

static struct name domain(void) {
	struct name n;
	assert_int_equal(name_parse("a.example", 9, &n), NAME_OK);
	return n;
}

static struct job_view view(const struct record *current) {
	return (struct job_view){.current = current, .now = NOW, .random = &random_state};
}

static struct record policy(enum policy_mode mode, boot_s_t ends_at) {
	return (struct record){
		.kind = RECORD_POLICY,
		.domain = domain(),
		.ends_at = ends_at,
		.next_check_at = NOW,
		.used_at = NOW - 100,
		.id = "1",
		.policy = {.mode = mode, .max_age_s = 86400},
		.inserted_at = NOW - 5000,
		.fetched_at = NOW - 4000,
		.checked_at = NOW - 3600,
		.refresh_at = NOW + 40000,
		.txt_ttl_s = 600,
	};
}

static struct outcome txt(enum outcome_code code, const char *id) {
	struct outcome o = {.code = code, .ttl_s = 600};
	memcpy(o.id, id, strlen(id) + 1);
	return o;
}

// RFC 8461 3.3 and 5.1: what each TXT answer leads to, with each thing kept.
static void every_txt_answer_has_its_next_step(void ** /*state*/) {
	enum kept { NOTHING, ENFORCE, MODE_NONE, ENDED };
	static const struct {
		enum kept kept;
		enum sched_cause cause;
		enum outcome_code code;
		const char *id;
		enum job_next next;
	} cases[] = {
		{NOTHING, SCHED_MISS, OUTCOME_OK, "1", JOB_RESOLVE},
		{NOTHING, SCHED_MISS, OUTCOME_ABSENT, "", JOB_SETTLE},
		{NOTHING, SCHED_MISS, OUTCOME_TXT_MULTIPLE, "", JOB_SETTLE},
		{NOTHING, SCHED_MISS, OUTCOME_DNS_FAILED, "", JOB_SETTLE},
		{NOTHING, SCHED_PREFETCH, OUTCOME_ABSENT, "", JOB_SETTLE},
		{NOTHING, SCHED_MISS, OUTCOME_OK, "", JOB_SETTLE}, // OK without an id
		{ENFORCE, SCHED_CHECK, OUTCOME_OK, "1", JOB_SETTLE},
		{ENFORCE, SCHED_CHECK, OUTCOME_OK, "2", JOB_RESOLVE},
		{ENFORCE, SCHED_CHECK, OUTCOME_ABSENT, "", JOB_SETTLE},
		{ENFORCE, SCHED_RECHECK, OUTCOME_OK, "1", JOB_SETTLE},
		{ENFORCE, SCHED_REFRESH, OUTCOME_OK, "1", JOB_RESOLVE},
		{ENFORCE, SCHED_REFRESH, OUTCOME_ABSENT, "", JOB_RESOLVE},
		{ENFORCE, SCHED_REFRESH, OUTCOME_TXT_SYNTAX, "", JOB_RESOLVE},
		{ENFORCE, SCHED_REFRESH, OUTCOME_DNS_FAILED, "", JOB_RESOLVE},
		{ENFORCE, SCHED_PREFETCH, OUTCOME_OK, "1", JOB_RESOLVE},
		{MODE_NONE, SCHED_REFRESH, OUTCOME_ABSENT, "", JOB_SETTLE},
		{MODE_NONE, SCHED_REFRESH, OUTCOME_DNS_FAILED, "", JOB_RESOLVE},
		{ENDED, SCHED_MISS, OUTCOME_OK, "1", JOB_RESOLVE},
		{ENDED, SCHED_REFRESH, OUTCOME_ABSENT, "", JOB_SETTLE},
	};
	const struct name name = domain();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct record kept[] = {
			[ENFORCE] = policy(POLICY_MODE_ENFORCE, NOW + 1),
			[MODE_NONE] = policy(POLICY_MODE_NONE, NOW + 1),
			[ENDED] = policy(POLICY_MODE_ENFORCE, NOW),
		};
		bool nothing = cases[i].kept == NOTHING;
		struct job_view v = view(nothing ? NULL : &kept[cases[i].kept]);
		struct job j;
		assert_int_equal(job_init(&j, &name, cases[i].cause, &v), JOB_READ_TXT);
		struct outcome o = txt(cases[i].code, cases[i].id);
		enum job_next next = job_txt(&j, &o, &v);
		if (next != cases[i].next) {
			fail_msg("case %zu: step %d", i, (int)next);
		}
	}
}

// Whatever fails, and however: an unexpired policy is what it was.
static void no_failure_replaces_a_policy(void ** /*state*/) {
	const struct name name = domain();
	for (unsigned code = OUTCOME_OK + 1; code < OUTCOME_COUNT; code++) {
		for (unsigned step = TASK_TXT; step <= TASK_POLICY; step++) {
			struct record kept = policy(POLICY_MODE_ENFORCE, NOW + 1);
			struct job_view v = view(&kept);
			struct job j;
			kept.checked_at = NOW; // even in the second it was checked in
			(void)job_init(&j, &name, SCHED_RECHECK, &v);
			struct outcome bad = txt((enum outcome_code)code, "");
			struct outcome good = txt(OUTCOME_OK, "2");
			(void)job_txt(&j, step == TASK_TXT ? &bad : &good, &v);
			if (step == TASK_ADDRESS) {
				assert_int_equal(job_address(&j, &bad, &v), JOB_SETTLE);
			} else if (step == TASK_POLICY) {
				job_policy(&j, &bad);
			}
			struct sched_settlement s;
			settle_job(&j, &v, &s);
			assert_int_equal(s.effect, SCHED_PUT);
			assert_false(s.durable);
			assert_int_equal(s.record.kind, RECORD_POLICY);
			assert_int_equal(s.record.ends_at, kept.ends_at);
			assert_int_equal(s.record.fetched_at, kept.fetched_at);
			assert_string_equal(s.record.id, "1");
			assert_true(s.record.failure.why[0] != '\0');
			assert_true(s.record.checked_at < s.record.failure.at);
			assert_int_equal(s.reply.verdict, SCHED_LOOK);
			bool ours = code == OUTCOME_LOCAL
				    || (step == TASK_TXT && code == OUTCOME_CHILD_KILLED);
			assert_true((s.downgrade == SCHED_NO_DOWNGRADE) == ours);
			assert_true(
				step == TASK_TXT || ours || s.downgrade == SCHED_DOWNGRADE_FETCH
			);
			bool no_host = step == TASK_ADDRESS && code == OUTCOME_ABSENT;
			assert_string_equal(
				s.record.failure.class,
				outcome_str(no_host ? OUTCOME_NO_HOST : bad.code)
			);
		}
	}
}

// The policy ends, or is gone, between the last answer and the settlement.
static void what_is_kept_at_settling_decides(void ** /*state*/) {
	const struct name name = domain();
	struct record kept = policy(POLICY_MODE_ENFORCE, NOW + 1);
	struct job_view v = view(&kept);
	struct job j;
	struct outcome o = txt(OUTCOME_OK, "1");
	(void)job_init(&j, &name, SCHED_CHECK, &v);
	assert_int_equal(job_txt(&j, &o, &v), JOB_SETTLE);
	kept.ends_at = NOW;
	struct sched_settlement s;
	settle_job(&j, &v, &s);
	assert_int_equal(s.effect, SCHED_KEEP);
	assert_int_equal(s.reply.verdict, SCHED_PENDING);

	v.current = NULL;
	o = txt(OUTCOME_CANNOT_CONNECT, "");
	job_policy(&j, &o);
	settle_job(&j, &v, &s);
	assert_int_equal(s.record.kind, RECORD_FAILED);
	// A policy that came meanwhile is not replaced by that failure.
	kept.ends_at = NOW + 10;
	v.current = &kept;
	settle_job(&j, &v, &s);
	assert_int_equal(s.record.kind, RECORD_POLICY);
	assert_int_equal(s.record.ends_at, NOW + 10);
}

static void a_policy_is_put_whole(void ** /*state*/) {
	static const uint8_t mx[] = "\x09"
				    "a.example";
	const struct name name = domain();
	struct record kept = policy(POLICY_MODE_TESTING, NOW + 5);
	kept.failure = (struct record_failure){.why = "x/y", .id = "2", .attempts = 3};
	struct job_view v = view(&kept);
	struct job j;
	(void)job_init(&j, &name, SCHED_REFRESH, &v);
	struct outcome o = txt(OUTCOME_OK, "2");
	assert_int_equal(job_txt(&j, &o, &v), JOB_RESOLVE);
	o = (struct outcome){
		.code = OUTCOME_OK,
		.policy = {POLICY_MODE_ENFORCE, 604800, 1, sizeof(mx) - 1, mx},
		.text = (const uint8_t *)"text",
		.text_len = 4,
	};
	job_policy(&j, &o);
	struct sched_settlement s;
	settle_job(&j, &v, &s);
	assert_int_equal(s.effect, SCHED_PUT);
	assert_true(s.durable);
	assert_int_equal(s.record.ends_at, NOW + 604800);
	assert_int_equal(s.record.fetched_at, NOW);
	assert_int_equal(s.record.checked_at, NOW);
	assert_int_equal(s.record.next_check_at, NOW + 600);
	assert_int_equal(s.record.inserted_at, kept.inserted_at);
	assert_int_equal(s.record.used_at, kept.used_at); // a refresh is no use
	assert_string_equal(s.record.id, "2");
	assert_int_equal(s.record.policy.mode, POLICY_MODE_ENFORCE);
	assert_int_equal(s.record.failure.why[0], '\0');
	assert_in_range(s.record.refresh_at, NOW + 64800, NOW + 108000);
	// An OK without a body is a child that breaks its word.
	o.text_len = 0;
	job_policy(&j, &o);
	settle_job(&j, &v, &s);
	assert_int_equal(s.record.fetched_at, kept.fetched_at);
}

static void addresses_are_vetted(void ** /*state*/) {
	const struct prefix allow = {{AF_INET, {10, 1}}, 16};
	const struct name name = domain();
	struct job_view v = view(NULL);
	v.allow_private = &allow;
	v.allow_private_count = 1;
	struct job j;
	(void)job_init(&j, &name, SCHED_MISS, &v);
	struct outcome o = txt(OUTCOME_OK, "1");
	assert_int_equal(job_txt(&j, &o, &v), JOB_RESOLVE);
	o = (struct outcome){.code = OUTCOME_OK, .address_count = 3};
	o.addresses[0] = (struct address){AF_INET, {127, 0, 0, 1}};
	o.addresses[1] = (struct address){AF_INET, {10, 1, 2, 3}};
	o.addresses[2] = (struct address){AF_INET, {8, 8, 8, 8}};
	assert_int_equal(job_address(&j, &o, &v), JOB_FETCH);
	assert_int_equal(j.address_count, 2);
	assert_memory_equal(&j.addresses[0], &o.addresses[1], sizeof(struct address));
	o.address_count = 1;
	assert_int_equal(job_address(&j, &o, &v), JOB_SETTLE);
	assert_int_equal(j.result.code, OUTCOME_BLOCKED_ADDRESS);
	o.address_count = 0;
	assert_int_equal(job_address(&j, &o, &v), JOB_SETTLE);
	assert_int_equal(j.result.code, OUTCOME_NO_HOST);
}

static void attempts_do_not_wrap(void ** /*state*/) {
	const struct name name = domain();
	struct record kept = {.kind = RECORD_FAILED, .domain = name, .ends_at = NOW, .id = ""};
	kept.failure = (struct record_failure){
		.why = "x/y",
		.id = "1",
		.attempts = UINT8_MAX,
		.since = 7,
		.retry_at = NOW,
	};
	kept.backoff = (struct record_backoff){"1", UINT8_MAX, NOW};
	struct job_view v = view(&kept);
	struct job j;
	(void)job_init(&j, &name, SCHED_MISS, &v);
	struct outcome o = txt(OUTCOME_OK, "1");
	assert_int_equal(job_txt(&j, &o, &v), JOB_RESOLVE);
	o = txt(OUTCOME_TLS, "");
	job_policy(&j, &o);
	struct sched_settlement s;
	settle_job(&j, &v, &s);
	assert_int_equal(s.record.failure.attempts, UINT8_MAX);
	assert_int_equal(s.record.failure.since, 7);
	assert_in_range(s.record.ends_at, NOW + 900, NOW + 1080);
}

// What the fetch of a policy that is kept came to.
static struct sched_settlement fetched(const struct job_view *v, const char *id, struct outcome o) {
	const struct name name = domain();
	static struct job j;
	struct sched_settlement s;
	(void)job_init(&j, &name, SCHED_CHECK, v);
	struct outcome found = txt(OUTCOME_OK, id);
	assert_int_equal(job_txt(&j, &found, v), JOB_RESOLVE);
	job_policy(&j, &o);
	settle_job(&j, v, &s);
	return s;
}

static struct outcome body(enum outcome_code code, const char *text, uint32_t max_age_s) {
	return (struct outcome){
		.code = code,
		.policy = {POLICY_MODE_ENFORCE, max_age_s, 0, 0, NULL},
		.text = (const uint8_t *)text,
		.text_len = (uint32_t)strlen(text),
	};
}

// RFC 8461 8.1: the old body under a new id is looked at once more.
static void an_old_body_is_looked_at_again(void ** /*state*/) {
	struct record kept = policy(POLICY_MODE_ENFORCE, NOW + 50000);
	kept.text = (const uint8_t *)"old";
	kept.text_len = 3;
	struct job_view v = view(&kept);
	struct sched_settlement s = fetched(&v, "2", body(OUTCOME_OK, "old", 604800));
	assert_int_equal(s.record.refresh_at, NOW + 600); // the TTL
	s = fetched(&v, "2", body(OUTCOME_OK, "new", 604800));
	assert_true(s.record.refresh_at > NOW + 3600);
	// One that is never refreshed else, too, unless it will be over.
	s = fetched(&v, "2", body(OUTCOME_OK, "old", 1000));
	assert_int_equal(s.record.refresh_at, NOW + 600);
	s = fetched(&v, "2", body(OUTCOME_OK, "old", 600));
	assert_true(s.record.refresh_at == CLOCK_NEVER);
	s = fetched(&v, "2", body(OUTCOME_OK, "old", 0));
	assert_true(s.record.refresh_at == CLOCK_NEVER);
}

// The body that failed is kept beside that of the policy; what failed, and since
// when, survives failures of other kinds.
static void failures_are_remembered(void ** /*state*/) {
	static char large[RECORD_FAILED_TEXT_MAX + 2];
	memset(large, 'x', sizeof(large) - 1);
	struct record kept = policy(POLICY_MODE_ENFORCE, NOW + 50000);
	kept.text = (const uint8_t *)"good";
	kept.text_len = 4;
	struct job_view v = view(&kept);
	struct sched_settlement s = fetched(&v, "2", body(OUTCOME_BAD_BODY, large, 0));
	assert_int_equal(s.record.text_len, 4);
	assert_int_equal(s.record.failed_text_len, RECORD_FAILED_TEXT_MAX);
	assert_string_equal(s.record.failure.class, "bad-body");
	assert_string_equal(s.record.backoff.id, "2");

	// DNS fails in between: the back-off of the id stays, and so does its beginning.
	kept = s.record;
	boot_s_t began = NOW;
	v.now = NOW + 10000;
	const struct name name = domain();
	struct job j;
	struct outcome o = txt(OUTCOME_DNS_FAILED, "");
	(void)job_init(&j, &name, SCHED_CHECK, &v);
	(void)job_txt(&j, &o, &v);
	settle_job(&j, &v, &s);
	assert_string_equal(s.record.failure.class, "dns-failed");
	assert_int_equal(s.record.failure.since, began);
	assert_int_equal(s.record.backoff.attempts, 1);
	assert_int_equal(s.record.failed_text_len, RECORD_FAILED_TEXT_MAX);

	kept = s.record;
	s = fetched(&v, "2", txt(OUTCOME_TLS, ""));
	assert_int_equal(s.record.backoff.attempts, 2);
	assert_int_equal(s.record.failure.since, began);

	// The policy ends; the body that failed is the one that is left.
	kept = s.record;
	kept.backoff.retry_at = 0;
	v.now = kept.ends_at;
	s = fetched(&v, "2", txt(OUTCOME_TLS, ""));
	assert_int_equal(s.record.kind, RECORD_FAILED);
	assert_int_equal(s.record.backoff.attempts, 3);
	assert_int_equal(s.record.text_len, RECORD_FAILED_TEXT_MAX);
	assert_int_equal(s.record.failure.since, began);

	// All is well.
	s = fetched(&v, "3", body(OUTCOME_OK, "text", 86400));
	assert_int_equal(s.record.failure.why[0], '\0');
	assert_int_equal(s.record.backoff.id[0], '\0');
	assert_int_equal(s.record.failed_text_len, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_txt_answer_has_its_next_step),
		cmocka_unit_test(no_failure_replaces_a_policy),
		cmocka_unit_test(what_is_kept_at_settling_decides),
		cmocka_unit_test(a_policy_is_put_whole),
		cmocka_unit_test(addresses_are_vetted),
		cmocka_unit_test(attempts_do_not_wrap),
		cmocka_unit_test(an_old_body_is_looked_at_again),
		cmocka_unit_test(failures_are_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
