// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/backoff.h"
#include "fetch/polparse.h"
#include "fetch/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// What the scenarios do not reach: stale tasks, failing starts, storms.

#define NAMES 300
#define TASKS_MAX 4096

struct fixture {
	struct sched *s;
	bool starts;
	bool confirms_later;
	boot_s_t now;
	mono_ns_t ns;
	size_t task_count;
	struct task tasks[TASKS_MAX];
	bool kept[NAMES];
	struct record records[NAMES];
	bool unconfirmed[NAMES];
	unsigned asked;
	unsigned answered;
	unsigned settled;
};

static struct name numbered(unsigned i) {
	struct name n;
	char text[32];
	int len = snprintf(text, sizeof(text), "d%u.example", i);
	assert_int_equal(name_parse(text, (size_t)len, &n), NAME_OK);
	return n;
}

static unsigned number_of(const struct name *n) {
	return (unsigned)strtoul(n->text + 1, NULL, 10);
}

static bool op_start(void *arg, const struct task *task) {
	struct fixture *f = arg;
	if (f->starts) {
		assert_true(f->task_count < TASKS_MAX);
		f->tasks[f->task_count++] = *task;
	}
	return f->starts;
}

static void op_cancel(void *arg, uint64_t task) {
	struct fixture *f = arg;
	for (size_t i = 0; i < f->task_count; i++) {
		if (f->tasks[i].id == task) {
			f->tasks[i] = f->tasks[--f->task_count];
			return;
		}
	}
	fail_msg("cancelled what is not out");
}

static bool op_current(void *arg, const struct name *domain, struct record *out) {
	const struct fixture *f = arg;
	unsigned i = number_of(domain);
	*out = f->records[i];
	return f->kept[i];
}

static void op_settle(void *arg, const struct sched_settlement *s) {
	struct fixture *f = arg;
	unsigned i = number_of(&s->domain);
	assert_false(f->unconfirmed[i]); // single flight
	if (s->effect == SCHED_PUT) {
		f->kept[i] = true;
		f->records[i] = s->record;
		f->records[i].policy.mx = NULL;
		f->records[i].text = (const uint8_t *)"version: STSv1\n";
		f->records[i].text_len = 4;
		f->records[i].failed_text_len = 0;
	} else if (s->effect == SCHED_DROP) {
		f->kept[i] = false;
	}
	f->answered += (unsigned)s->waiter_count;
	f->settled++;
	if (f->confirms_later) {
		f->unconfirmed[i] = true;
	} else {
		sched_settled(f->s, &s->domain, f->now, f->ns);
	}
}

static void op_answer(
	void *arg,
	const struct sched_waiter * /*waiter*/,
	const struct name * /*domain*/,
	const struct sched_reply *reply
) {
	struct fixture *f = arg;
	assert_true(reply->verdict <= SCHED_PENDING);
	f->answered++;
}

static void
op_alert(void *arg, const struct name *domain, enum record_alert level, int64_t left_s) {
	struct fixture *f = arg;
	assert_true(level > RECORD_ALERT_OK && level < RECORD_ALERT_LEVELS && left_s > 0);
	assert_true(f->kept[number_of(domain)]);
}

static const struct sched_ops ops = {
	.start = op_start,
	.cancel = op_cancel,
	.current = op_current,
	.settle = op_settle,
	.answer = op_answer,
	.alert = op_alert,
};

static struct fixture *open_fixture(size_t jobs_max, size_t fetches_max) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	const struct sched_config config = {
		.jobs_max = jobs_max,
		.fetches_max = fetches_max,
		.per_address_max = 2,
		.per_network_max = 4,
		.refresh_per_s = 10,
		.unused_s = 1000000,
		.seed = 3,
	};
	f->starts = true;
	f->now = 5000;
	f->ns = 1;
	f->s = sched_new(&config, &ops, f);
	assert_non_null(f->s);
	return f;
}

static void close_fixture(struct fixture *f) {
	sched_free(f->s);
	free(f);
}

static bool want(struct fixture *f, unsigned i, enum sched_cause cause, bool waits) {
	struct name n = numbered(i);
	struct sched_waiter waiter = {.token = {i, 0}};
	f->asked += waits ? 1 : 0;
	return sched_want(f->s, &n, cause, waits ? &waiter : NULL, f->now, f->ns);
}

static void deliver(struct fixture *f, size_t at, struct outcome *o) {
	o->task = f->tasks[at].id;
	f->tasks[at] = f->tasks[--f->task_count];
	sched_outcome(f->s, o, f->now, f->ns);
}

static void stale_outcomes_find_nobody(void ** /*state*/) {
	struct fixture *f = open_fixture(4, 4);
	assert_true(want(f, 1, SCHED_MISS, true));
	uint64_t task = f->tasks[0].id;
	struct outcome o = {.code = OUTCOME_ABSENT};
	deliver(f, 0, &o);
	assert_int_equal(f->answered, 1);
	f->kept[1] = false;
	assert_true(want(f, 1, SCHED_MISS, true)); // in the same place
	o.task = task;
	sched_outcome(f->s, &o, f->now, f->ns);
	o.task = UINT64_MAX;
	sched_outcome(f->s, &o, f->now, f->ns);
	o.task = 0;
	sched_outcome(f->s, &o, f->now, f->ns);
	assert_int_equal(f->answered, 1);
	assert_int_equal(f->settled, 1);
	close_fixture(f);
}

// A name of a batch: the question starts the job, or joins it, and is forgotten.
static void who_has_an_answer_already_is_not_kept(void ** /*state*/) {
	struct fixture *f = open_fixture(4, 4);
	struct name n = numbered(1);
	const struct sched_waiter silent = {.client = 7, .silent = true};
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(sched_want(f->s, &n, SCHED_MISS, &silent, f->now, f->ns));
	}
	assert_true(want(f, 1, SCHED_MISS, true));
	assert_int_equal(f->task_count, 1);
	struct outcome o = {.code = OUTCOME_ABSENT};
	deliver(f, 0, &o);
	assert_int_equal(f->answered, 1);
	close_fixture(f);
}

static void settled_of_nothing_is_nothing(void ** /*state*/) {
	struct fixture *f = open_fixture(4, 4);
	struct name n = numbered(1);
	sched_settled(f->s, &n, f->now, f->ns);
	assert_true(want(f, 1, SCHED_MISS, true));
	sched_settled(f->s, &n, f->now, f->ns); // not settled yet
	struct sched_stats stats;
	sched_stats(f->s, &stats);
	assert_int_equal(stats.jobs, 1);
	close_fixture(f);
}

static void nothing_starts(void ** /*state*/) {
	struct fixture *f = open_fixture(4, 4);
	f->starts = false;
	assert_true(want(f, 1, SCHED_MISS, true));
	assert_true(want(f, 2, SCHED_RECHECK, true));
	assert_int_equal(f->answered, 2);
	assert_int_equal(f->records[1].kind, RECORD_UNKNOWN);
	struct sched_stats stats;
	sched_stats(f->s, &stats);
	assert_int_equal(stats.jobs, 0);
	assert_int_equal(stats.outcomes[OUTCOME_LOCAL], 2);
	close_fixture(f);
}

static void background_work_leaves_places(void ** /*state*/) {
	struct fixture *f = open_fixture(8, 8);
	unsigned taken = 0;
	for (unsigned i = 0; i < 8; i++) {
		taken += want(f, i, SCHED_CHECK, false) ? 1 : 0;
	}
	assert_int_equal(taken, 6);
	assert_true(want(f, 100, SCHED_MISS, true));
	assert_true(want(f, 101, SCHED_RECHECK, true));
	assert_false(want(f, 102, SCHED_MISS, true));
	assert_int_equal(f->answered, 1);
	close_fixture(f);
}

// Any answer to any task.
static void random_outcome(const struct task *t, uint64_t *random, struct outcome *o) {
	static const uint8_t mx[] = "\x09"
				    "a.example";
	*o = (struct outcome){.ttl_s = (uint32_t)(backoff_random(random) % 4000)};
	bool good = backoff_random(random) % 3 != 0;
	o->code = good ? OUTCOME_OK : (enum outcome_code)(backoff_random(random) % OUTCOME_COUNT);
	if (t->kind == TASK_TXT) {
		o->id[0] = (char)('a' + backoff_random(random) % 3);
	} else if (t->kind == TASK_ADDRESS) {
		o->address_count = (uint8_t)(1 + backoff_random(random) % TASK_ADDRESS_MAX);
		for (uint8_t i = 0; i < o->address_count; i++) {
			uint64_t r = backoff_random(random) % 16;
			o->addresses[i] = (struct address){
				AF_INET, {8, 8, (uint8_t)(r / 4), (uint8_t)r}};
		}
	} else {
		o->policy = (struct policy){
			.mode = (enum policy_mode)(backoff_random(random) % 3),
			.max_age_s = (uint32_t)(backoff_random(random) % 5000),
			.mx_count = 1,
			.mx_bytes = sizeof(mx) - 1,
			.mx = mx,
		};
		o->text = mx;
		o->text_len = 1;
	}
}

static void storm_step(struct fixture *f, uint64_t *random) {
	static const enum sched_cause causes[] = {
		SCHED_MISS,
		SCHED_MISS,
		SCHED_CHECK,
		SCHED_RECHECK,
		SCHED_PREFETCH,
	};
	unsigned i = (unsigned)(backoff_random(random) % NAMES);
	enum sched_cause cause = causes[backoff_random(random) % COUNT(causes)];
	(void)want(f, i, cause, cause == SCHED_MISS || cause == SCHED_RECHECK);
	while (f->task_count > 0 && backoff_random(random) % 8 != 0) {
		size_t at = backoff_random(random) % f->task_count;
		struct outcome o;
		random_outcome(&f->tasks[at], random, &o);
		deliver(f, at, &o);
	}
	for (i = 0; i < NAMES; i++) {
		if (f->unconfirmed[i] && backoff_random(random) % 4 == 0) {
			f->unconfirmed[i] = false;
			struct name n = numbered(i);
			sched_settled(f->s, &n, f->now, f->ns);
		}
	}
	f->ns += CLOCK_NS_PER_MS * (backoff_random(random) % 2000);
	f->now = 5000 + (boot_s_t)(f->ns / CLOCK_NS_PER_S);
	sched_tick(f->s, f->now, f->ns);
}

static void calm(struct fixture *f) {
	f->confirms_later = false;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < NAMES; i++) {
			if (f->unconfirmed[i]) {
				f->unconfirmed[i] = false;
				struct name n = numbered(i);
				sched_settled(f->s, &n, f->now, f->ns);
			}
		}
		while (f->task_count > 0) {
			struct outcome o = {.code = OUTCOME_ABSENT};
			deliver(f, 0, &o);
		}
	}
}

// Thousands of random events in random order: every waiter is answered exactly
// once, caps hold, and nothing is left behind.
static void storm(bool confirms_later) {
	struct fixture *f = open_fixture(64, 8);
	f->confirms_later = confirms_later;
	uint64_t random = confirms_later ? 11 : 12;
	for (unsigned round = 0; round < 30000; round++) {
		storm_step(f, &random);
		struct sched_stats stats;
		sched_stats(f->s, &stats);
		assert_true(stats.jobs <= 64 && stats.fetches <= 8);
		assert_true(f->answered <= f->asked);
	}
	calm(f);
	struct sched_stats stats;
	sched_stats(f->s, &stats);
	assert_int_equal(stats.jobs, 0);
	assert_int_equal(f->answered, f->asked);
	assert_true(stats.started[SCHED_REFRESH] > 0);
	close_fixture(f);
}

static void storm_confirmed_at_once(void ** /*state*/) {
	storm(false);
}

static void storm_confirmed_later(void ** /*state*/) {
	storm(true);
}

static void mended_policies_are_counted(void ** /*state*/) {
	struct fixture *f = open_fixture(4, 4);
	assert_true(want(f, 1, SCHED_MISS, true));
	struct outcome txt = {.code = OUTCOME_OK, .id = "1", .ttl_s = 300};
	deliver(f, 0, &txt);
	struct outcome host = {
		.code = OUTCOME_OK,
		.address_count = 1,
		.addresses = {{.family = AF_INET, .octets = {9, 9, 9, 9}}}};
	deliver(f, 0, &host);
	struct outcome policy = {
		.code = OUTCOME_OK,
		.policy = {.mode = POLICY_MODE_NONE, .max_age_s = 86400},
		.mended = POLPARSE_MX_DROPPED | POLPARSE_MAX_AGE_CLAMPED,
		.media_type_odd = true,
		.text = (const uint8_t *)"x",
		.text_len = 1,
	};
	deliver(f, 0, &policy);
	assert_int_equal(f->records[1].kind, RECORD_POLICY);
	struct sched_stats stats;
	sched_stats(f->s, &stats);
	assert_int_equal(stats.mx_dropped, 1);
	assert_int_equal(stats.mx_dotted, 0);
	assert_int_equal(stats.max_age_clamped, 1);
	assert_int_equal(stats.media_type_odd, 1);
	close_fixture(f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_outcomes_find_nobody),
		cmocka_unit_test(who_has_an_answer_already_is_not_kept),
		cmocka_unit_test(settled_of_nothing_is_nothing),
		cmocka_unit_test(nothing_starts),
		cmocka_unit_test(mended_policies_are_counted),
		cmocka_unit_test(background_work_leaves_places),
		cmocka_unit_test(storm_confirmed_at_once),
		cmocka_unit_test(storm_confirmed_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
