// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/sched.h"

#include "fetch/backoff.h"
#include "fetch/flight.h"
#include "fetch/job.h"
#include "fetch/limits.h"
#include "fetch/pace.h"
#include "fetch/polparse.h"
#include "fetch/settle.h"
#include "fetch/wheel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A job goes TXT -> ADDRESS -> (WAITING ->) POLICY -> SETTLING, and may settle
// after any of them. ops->settle() may call sched_settled() before it returns, so
// a flight is not touched after its settlement was handed over, and walks over
// lists begin again after every job that ended.

#define TXT_LIMIT_NS (60 * CLOCK_NS_PER_S) // the child has given up long before
#define FETCH_LIMIT_NS (60 * CLOCK_NS_PER_S)
#define YIELD_AFTER_NS (10 * CLOCK_NS_PER_S)
#define PENDING_RETRY_S 2
#define MAX_AGE_0_S 300
#define REFRESH_RETRY_S 60
#define ADMIT_SCAN_MAX 128
#define DUE_MAX 512

// A domain that is due for a proactive fetch, and how urgently.
struct due {
	struct name domain;
	enum policy_mode mode;
	uint32_t life_left; // parts of 65536 of max_age
};

struct sched {
	struct sched_config config;
	const struct sched_ops *ops;
	void *arg;
	uint64_t random;
	struct flight_pool *flights;
	struct limits *limits;
	struct pace *pace;
	struct wheel *wheel;
	size_t due_count;
	struct due due[DUE_MAX];
	mono_ns_t refresh_from_ns; // what a second's refreshes are paid from
	bool refresh_started;
	struct sched_stats stats;
};

// The time of one call.
struct turn {
	boot_s_t now;
	mono_ns_t ns;
};

static void free_parts(struct sched *s) {
	wheel_free(s->wheel);
	pace_free(s->pace);
	limits_free(s->limits);
	flight_pool_free(s->flights);
}

struct sched *sched_new(const struct sched_config *config, const struct sched_ops *ops, void *arg) {
	struct sched *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	s->config = *config;
	s->ops = ops;
	s->arg = arg;
	s->random = config->seed;
	s->flights = flight_pool_new(config->jobs_max, backoff_random(&s->random));
	// Fetches in flight, and those that want to be.
	s->limits = limits_new(
		config->jobs_max,
		config->per_address_max,
		config->per_network_max,
		backoff_random(&s->random)
	);
	s->pace = pace_new(backoff_random(&s->random));
	s->wheel = wheel_new(backoff_random(&s->random));
	if (s->flights == NULL || s->limits == NULL || s->pace == NULL || s->wheel == NULL) {
		free_parts(s);
		free(s);
		errno = ENOMEM;
		return NULL;
	}
	return s;
}

void sched_free(struct sched *s) {
	if (s == NULL) {
		return;
	}
	free_parts(s);
	free(s);
}

static struct job_view
view(struct sched *s, const struct name *domain, struct record *cur, boot_s_t now) {
	bool kept = s->ops->current(s->arg, domain, cur);
	return (struct job_view){
		.current = kept ? cur : NULL,
		.now = now,
		.paced_s = pace_wait_s(s->pace, domain, now),
		.held_s = pace_held_s(s->pace, domain, now),
		.allow_private = s->config.allow_private,
		.allow_private_count = s->config.allow_private_count,
		.random = &s->random,
	};
}

static void
answer(struct sched *s,
       const struct sched_waiter *waiter,
       const struct name *domain,
       const struct sched_reply *reply) {
	if (waiter != NULL) {
		s->ops->answer(s->arg, waiter, domain, reply);
	}
}

static void
answer_pending(struct sched *s, const struct sched_waiter *waiter, const struct name *domain) {
	struct sched_reply reply = {.verdict = SCHED_PENDING, .retry_s = PENDING_RETRY_S};
	answer(s, waiter, domain, &reply);
}

// The wheel's time of a domain follows its record.
static void arm(struct sched *s, const struct sched_settlement *st) {
	bool due = st->effect == SCHED_PUT && st->record.kind == RECORD_POLICY
		   && st->record.refresh_at != CLOCK_NEVER;
	if (due) {
		sched_arm(s, &st->domain, st->record.refresh_at);
	} else if (st->effect != SCHED_KEEP) {
		(void)wheel_disarm(s->wheel, &st->domain);
	}
}

static void settle(struct sched *s, struct flight *fl, struct turn t) {
	struct record cur;
	struct job_view v = view(s, &fl->job.domain, &cur, t.now);
	struct sched_settlement st;
	settle_job(&fl->job, &v, &st);
	if (fl->job.fetched && fl->job.result.code != OUTCOME_LOCAL) {
		pace_note(s->pace, &st.domain, t.now);
		if (fl->job.result.code == OUTCOME_OK && st.record.policy.max_age_s == 0) {
			pace_hold(s->pace, &st.domain, t.now + MAX_AGE_0_S, t.now);
		}
	}
	arm(s, &st);
	s->stats.possible_downgrades += st.possible_downgrade ? 1 : 0;
	struct flight_waiters waiters = fl->waiters;
	fl->waiters = (struct flight_waiters){0};
	st.waiters = waiters.list;
	st.waiter_count = waiters.count;
	flight_enter(s->flights, fl, FLIGHT_SETTLING, t.ns);
	s->ops->settle(s->arg, &st);
	free(waiters.list);
}

static void
take_outcome(struct sched *s, struct flight *fl, const struct outcome *o, struct turn t);

// Sends the task of the stage the flight has entered. A task that cannot start
// ends at once as a fault of our own.
static void send_task(struct sched *s, struct flight *fl, enum task_kind kind, struct turn t) {
	struct task task = {
		.id = flight_task(s->flights, fl),
		.kind = kind,
		.domain = fl->job.domain,
	};
	if (kind == TASK_POLICY) {
		task.address_count = fl->target_count;
		memcpy(task.addresses, fl->targets, sizeof(task.addresses));
	}
	if (!s->ops->start(s->arg, &task)) {
		struct outcome o = {.task = task.id, .code = OUTCOME_LOCAL, .detail = "no-worker"};
		take_outcome(s, fl, &o, t);
	}
}

// Starts the fetch of a flight that may wait for it.
// @return False when there is no room.
static bool admit(struct sched *s, struct flight *fl, struct turn t) {
	if (flight_count(s->flights, FLIGHT_POLICY) >= s->config.fetches_max) {
		return false;
	}
	const struct job *j = &fl->job;
	fl->target_count = limits_pick(s->limits, j->addresses, j->address_count, fl->targets);
	if (fl->target_count == 0) {
		return false;
	}
	if (fl->stage == FLIGHT_WAITING) {
		limits_unwant(s->limits, j->addresses, j->address_count);
	} else {
		fl->spent_ns = t.ns - fl->since_ns;
	}
	limits_take(s->limits, fl->targets, fl->target_count);
	flight_enter(s->flights, fl, FLIGHT_POLICY, t.ns);
	send_task(s, fl, TASK_POLICY, t);
	return true;
}

static void fetch_or_wait(struct sched *s, struct flight *fl, struct turn t) {
	if (admit(s, fl, t)) {
		return;
	}
	fl->spent_ns = t.ns - fl->since_ns;
	limits_want(s->limits, fl->job.addresses, fl->job.address_count);
	flight_enter(s->flights, fl, FLIGHT_WAITING, t.ns);
}

// Lets fetches begin that wait for room, oldest first.
static void admit_waiting(struct sched *s, size_t scan_max, struct turn t) {
	struct flight *fl = TAILQ_FIRST(flight_in(s->flights, FLIGHT_WAITING));
	for (size_t i = 0; fl != NULL && i < scan_max; i++) {
		if (flight_count(s->flights, FLIGHT_POLICY) >= s->config.fetches_max) {
			return;
		}
		// Whether it starts, waits on or ends at once: no other flight leaves
		// the list in this call.
		struct flight *next = TAILQ_NEXT(fl, stage_link);
		(void)admit(s, fl, t);
		fl = next;
	}
}

static void go_on(struct sched *s, struct flight *fl, enum job_next next, struct turn t) {
	switch (next) {
	case JOB_READ_TXT:
		send_task(s, fl, TASK_TXT, t);
		break;
	case JOB_RESOLVE:
		flight_enter(s->flights, fl, FLIGHT_ADDRESS, t.ns);
		send_task(s, fl, TASK_ADDRESS, t);
		break;
	case JOB_FETCH:
		fetch_or_wait(s, fl, t);
		break;
	case JOB_SETTLE:
		settle(s, fl, t);
		break;
	}
}

static void count_mends(struct sched_stats *stats, const struct outcome *o) {
	stats->mx_dropped += (o->mended & POLPARSE_MX_DROPPED) != 0;
	stats->mx_dotted += (o->mended & POLPARSE_MX_DOTTED) != 0;
	stats->max_age_clamped += (o->mended & POLPARSE_MAX_AGE_CLAMPED) != 0;
	stats->media_type_odd += o->media_type_odd;
}

static void
take_outcome(struct sched *s, struct flight *fl, const struct outcome *o, struct turn t) {
	s->stats.outcomes[o->code]++;
	struct record cur;
	struct job_view v = view(s, &fl->job.domain, &cur, t.now);
	switch (fl->stage) {
	case FLIGHT_TXT:
		go_on(s, fl, job_txt(&fl->job, o, &v), t);
		break;
	case FLIGHT_ADDRESS:
		go_on(s, fl, job_address(&fl->job, o, &v), t);
		break;
	case FLIGHT_POLICY:
		limits_give(s->limits, fl->targets, fl->target_count);
		if (o->code == OUTCOME_OK) {
			count_mends(&s->stats, o);
		}
		job_policy(&fl->job, o);
		settle(s, fl, t);
		break;
	case FLIGHT_WAITING:
	case FLIGHT_SETTLING:
	case FLIGHT_STAGES:
		break;
	}
}

static bool
begin(struct sched *s,
      const struct name *domain,
      enum sched_cause cause,
      struct flight_waiters waiters,
      struct turn t) {
	struct flight *fl = flight_open(s->flights, domain, t.ns);
	if (fl == NULL) {
		return false;
	}
	s->stats.started[cause]++;
	struct record cur;
	struct job_view v = view(s, domain, &cur, t.now);
	fl->waiters = waiters;
	go_on(s, fl, job_init(&fl->job, domain, cause, &v), t);
	return true;
}

// Whether a job past its TXT step cannot answer this question.
static bool must_follow(const struct flight *fl, enum sched_cause cause) {
	if (cause == SCHED_RECHECK) {
		return fl->stage != FLIGHT_TXT;
	}
	return cause == SCHED_PREFETCH && fl->stage == FLIGHT_SETTLING && !fl->job.fetched;
}

static void
join(struct sched *s, struct flight *fl, enum sched_cause cause, const struct sched_waiter *waiter
) {
	s->stats.joined++;
	struct flight_waiters *queue = &fl->waiters;
	if (must_follow(fl, cause)) {
		bool stronger = !fl->follow || cause == SCHED_PREFETCH;
		fl->follow_cause = stronger ? cause : fl->follow_cause;
		fl->follow = true;
		queue = &fl->followers;
	} else if (fl->stage == FLIGHT_TXT) {
		job_join(&fl->job, cause);
	}
	if (waiter != NULL && !flight_wait(queue, waiter)) {
		answer_pending(s, waiter, &fl->job.domain);
	}
}

// Background work leaves a quarter of the places to questions that wait.
static bool has_place(const struct sched *s, enum sched_cause cause) {
	size_t max = s->config.jobs_max;
	if (cause == SCHED_CHECK || cause == SCHED_REFRESH) {
		max -= max / 4;
	}
	return flight_total(s->flights) < max;
}

bool sched_want(
	struct sched *s,
	const struct name *domain,
	enum sched_cause cause,
	const struct sched_waiter *waiter,
	boot_s_t now,
	mono_ns_t now_ns
) {
	struct flight *fl = flight_find(s->flights, domain);
	if (fl != NULL) {
		join(s, fl, cause, waiter);
		return true;
	}
	struct record cur;
	if (cause == SCHED_MISS && s->ops->current(s->arg, domain, &cur)
	    && job_is_live(&cur, now)) {
		struct sched_reply reply;
		job_reply(&cur, now, &reply);
		answer(s, waiter, domain, &reply);
		return true;
	}
	struct flight_waiters waiters = {0};
	bool taken = has_place(s, cause) && (waiter == NULL || flight_wait(&waiters, waiter));
	struct turn t = {.now = now, .ns = now_ns};
	if (taken && begin(s, domain, cause, waiters, t)) {
		return true;
	}
	free(waiters.list);
	s->stats.refused++;
	answer_pending(s, waiter, domain);
	return false;
}

void sched_outcome(struct sched *s, const struct outcome *o, boot_s_t now, mono_ns_t now_ns) {
	struct flight *fl = flight_of_task(s->flights, o->task);
	if (fl == NULL) {
		return;
	}
	struct turn t = {.now = now, .ns = now_ns};
	bool frees_room = fl->stage == FLIGHT_POLICY;
	take_outcome(s, fl, o, t);
	if (frees_room) {
		admit_waiting(s, ADMIT_SCAN_MAX, t);
	}
}

void sched_settled(struct sched *s, const struct name *domain, boot_s_t now, mono_ns_t now_ns) {
	struct flight *fl = flight_find(s->flights, domain);
	if (fl == NULL || fl->stage != FLIGHT_SETTLING) {
		return;
	}
	struct name own = *domain; // may be the flight's
	struct flight_waiters late = fl->waiters;
	struct flight_waiters followers = fl->followers;
	bool follow = fl->follow;
	enum sched_cause cause = fl->follow_cause;
	fl->waiters = (struct flight_waiters){0};
	fl->followers = (struct flight_waiters){0};
	flight_close(s->flights, fl);
	struct turn t = {.now = now, .ns = now_ns};
	if (follow) {
		bool begun = begin(s, &own, cause, followers, t);
		assert(begun); // in the place just given back
		(void)begun;
	}
	const struct sched_reply look = {.verdict = SCHED_LOOK};
	for (size_t i = 0; i < late.count; i++) {
		answer(s, &late.list[i], &own, &look);
	}
	free(late.list);
}

void sched_arm(struct sched *s, const struct name *domain, boot_s_t refresh_at) {
	// Without memory the policy is found again by its next check on use.
	(void)!wheel_arm(s->wheel, domain, refresh_at);
}

// Ends what a child owes an answer for.
static void give_up(struct sched *s, struct flight *fl, enum outcome_code code, struct turn t) {
	struct outcome o = {
		.code = code,
		.detail = "timed-out",
	};
	if (code == OUTCOME_TIMED_OUT) {
		o.detail[0] = '\0';
	}
	s->ops->cancel(s->arg, flight_task_now(s->flights, fl));
	take_outcome(s, fl, &o, t);
}

static void end_late(struct sched *s, enum flight_stage stage, mono_ns_t limit, struct turn t) {
	enum outcome_code code = stage == FLIGHT_TXT ? OUTCOME_DNS_FAILED : OUTCOME_TIMED_OUT;
	struct flight *fl;
	while ((fl = TAILQ_FIRST(flight_in(s->flights, stage))) != NULL
	       && t.ns - fl->since_ns >= limit) {
		give_up(s, fl, code, t);
	}
}

// The oldest fetch that is over its time, or that stands in the way of others.
static struct flight *overdue_fetch(const struct sched *s, mono_ns_t ns) {
	bool full = flight_count(s->flights, FLIGHT_POLICY) >= s->config.fetches_max
		    && flight_count(s->flights, FLIGHT_WAITING) > 0;
	struct flight *fl;
	TAILQ_FOREACH (fl, flight_in(s->flights, FLIGHT_POLICY), stage_link) {
		mono_ns_t age = ns - fl->since_ns;
		if (age + fl->spent_ns >= FETCH_LIMIT_NS) {
			return fl;
		}
		if (age <= YIELD_AFTER_NS) {
			continue; // its time at the policy host may still be over
		}
		if (full || limits_contended(s->limits, fl->targets, fl->target_count)) {
			return fl;
		}
	}
	return NULL;
}

static void end_overdue(struct sched *s, struct turn t) {
	end_late(s, FLIGHT_TXT, TXT_LIMIT_NS, t);
	end_late(s, FLIGHT_ADDRESS, FETCH_LIMIT_NS, t);
	struct flight *fl;
	while ((fl = overdue_fetch(s, t.ns)) != NULL) {
		give_up(s, fl, OUTCOME_TIMED_OUT, t);
		admit_waiting(s, ADMIT_SCAN_MAX, t);
	}
}

// Whether a domain whose time has come shall be fetched. One in back-off gets its
// later time; one that nobody uses is left to its end.
static bool
wants_refresh(struct sched *s, const struct name *domain, boot_s_t now, struct due *out) {
	struct record cur;
	if (!s->ops->current(s->arg, domain, &cur) || cur.kind != RECORD_POLICY
	    || now >= cur.ends_at || now - cur.used_at > (int64_t)s->config.unused_s) {
		return false;
	}
	bool backs_off = cur.failure.id[0] != '\0' && strcmp(cur.failure.id, cur.id) == 0
			 && now < cur.failure.retry_at;
	if (backs_off) {
		sched_arm(s, domain, cur.failure.retry_at);
		return false;
	}
	int64_t left = (cur.ends_at - now) * 65536 / (cur.policy.max_age_s + 1);
	*out = (struct due){
		.domain = *domain,
		.mode = cur.policy.mode,
		.life_left = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left,
	};
	return true;
}

static bool is_more_urgent(const struct due *a, const struct due *b) {
	return a->mode != b->mode ? a->mode > b->mode : a->life_left < b->life_left;
}

static void refresh_most_urgent(struct sched *s, struct turn t) {
	size_t best = 0;
	for (size_t i = 1; i < s->due_count; i++) {
		if (is_more_urgent(&s->due[i], &s->due[best])) {
			best = i;
		}
	}
	struct name domain = s->due[best].domain;
	struct due again;
	s->due[best] = s->due[--s->due_count];
	if (!wants_refresh(s, &domain, t.now, &again)) {
		return;
	}
	// A job that runs already settles with a refresh_at of its own; should it
	// not, this comes again.
	sched_arm(s, &domain, t.now + REFRESH_RETRY_S);
	if (flight_find(s->flights, &domain) == NULL) {
		(void)!sched_want(s, &domain, SCHED_REFRESH, NULL, t.now, t.ns);
	}
}

// Starts what is due, at most refresh_per_s a second: each refresh takes its part
// of a second from the time that has passed, of which at most one second is kept.
static void refresh_due(struct sched *s, struct turn t) {
	struct name domain;
	while (s->due_count < DUE_MAX && wheel_pop(s->wheel, t.now, &domain)) {
		s->due_count += wants_refresh(s, &domain, t.now, &s->due[s->due_count]) ? 1 : 0;
	}
	if (s->config.refresh_per_s == 0) {
		return;
	}
	mono_ns_t price = CLOCK_NS_PER_S / s->config.refresh_per_s;
	if (!s->refresh_started || t.ns - s->refresh_from_ns > CLOCK_NS_PER_S) {
		s->refresh_from_ns = s->refresh_started ? t.ns - CLOCK_NS_PER_S : t.ns - price;
		s->refresh_started = true;
	}
	while (s->due_count > 0 && t.ns - s->refresh_from_ns >= price && has_place(s, SCHED_REFRESH)
	) {
		s->refresh_from_ns += price;
		refresh_most_urgent(s, t);
	}
}

void sched_tick(struct sched *s, boot_s_t now, mono_ns_t now_ns) {
	struct turn t = {.now = now, .ns = now_ns};
	end_overdue(s, t);
	admit_waiting(s, SIZE_MAX, t);
	refresh_due(s, t);
}

void sched_stats(const struct sched *s, struct sched_stats *out) {
	*out = s->stats;
	out->jobs = flight_total(s->flights);
	out->fetches = flight_count(s->flights, FLIGHT_POLICY);
	out->waiting = flight_count(s->flights, FLIGHT_WAITING);
	out->armed = wheel_count(s->wheel) + s->due_count;
}
