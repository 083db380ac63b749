// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/sched.h"

#include "fetch/alert.h"
#include "fetch/backoff.h"
#include "fetch/flight.h"
#include "fetch/job.h"
#include "fetch/limits.h"
#include "fetch/pace.h"
#include "fetch/polparse.h"
#include "fetch/quota.h"
#include "fetch/refresh.h"
#include "fetch/settle.h"

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

struct sched {
	struct sched_config config;
	const struct sched_ops *ops;
	void *arg;
	uint64_t random;
	struct flight_pool *flights;
	struct limits *limits;
	struct pace *pace;
	struct refresh *refresh;
	struct quota *quota;
	struct alert *alert;
	struct sched_stats stats;
};

// The time of one call.
struct turn {
	boot_s_t now;
	mono_ns_t ns;
};

const char *sched_downgrade_str(enum sched_downgrade cause) {
	static const char *const downgrade_str[] = {
		[SCHED_NO_DOWNGRADE] = "none",
		[SCHED_DOWNGRADE_ABSENT] = "txt-absent",
		[SCHED_DOWNGRADE_INVALID] = "txt-invalid",
		[SCHED_DOWNGRADE_DNS] = "dns-failed",
		[SCHED_DOWNGRADE_FETCH] = "fetch-failed",
	};
	return downgrade_str[cause];
}

static void free_parts(struct sched *s) {
	alert_free(s->alert);
	quota_free(s->quota);
	refresh_free(s->refresh);
	pace_free(s->pace);
	limits_free(s->limits);
	flight_pool_free(s->flights);
}

static bool current(void *arg, const struct name *domain, struct record *out) {
	const struct sched *s = arg;
	return s->ops->current(s->arg, domain, out);
}

// @return Whether there was memory for all.
static bool make_parts(struct sched *s) {
	const struct sched_config *c = &s->config;
	s->flights = flight_pool_new(c->jobs_max, backoff_random(&s->random));
	// Fetches in flight, and those that want to be.
	s->limits = limits_new(
		c->jobs_max, c->per_address_max, c->per_network_max, backoff_random(&s->random)
	);
	s->pace = pace_new(backoff_random(&s->random));
	s->refresh = refresh_new(&(struct refresh_config){
		.per_s = c->refresh_per_s,
		.unused_s = c->unused_s,
		.seed = backoff_random(&s->random),
		.current = current,
		.arg = s,
	});
	s->quota = quota_new(&(struct quota_config){
		.client_per_s = c->client_per_s,
		.domain_per_s = c->domain_per_s,
		.places = c->jobs_max,
		.seed = backoff_random(&s->random),
	});
	s->alert = alert_new();
	return s->flights != NULL && s->limits != NULL && s->pace != NULL && s->refresh != NULL
	       && s->quota != NULL && s->alert != NULL;
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
	if (!make_parts(s)) {
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
		.pace = pace_look(s->pace, domain, now),
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

// What follows from what is kept from now on.
static void follow(struct sched *s, struct sched_settlement *st, boot_s_t now) {
	const struct record *r = &st->record;
	if (st->effect == SCHED_KEEP) {
		return;
	}
	bool policy = st->effect == SCHED_PUT && r->kind == RECORD_POLICY;
	if (policy && r->refresh_at != CLOCK_NEVER) {
		refresh_arm(s->refresh, &st->domain, r->refresh_at);
	} else {
		refresh_disarm(s->refresh, &st->domain);
	}
	if (policy) {
		alert_note(s->alert, r, now);
	} else {
		alert_forget(s->alert, &st->domain);
	}
	if (st->effect == SCHED_PUT && r->kind != RECORD_NONE) {
		pace_remember(s->pace, &st->domain, &r->backoff, now);
	}
	if (st->downgrade != SCHED_NO_DOWNGRADE) {
		s->stats.downgrades[st->downgrade]++;
		st->tell = alert_may_tell(s->alert, &st->domain, now);
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
	follow(s, &st, t.now);
	quota_give(s->quota, &fl->ticket);
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
      struct quota_ticket ticket,
      struct turn t) {
	struct flight *fl = flight_open(s->flights, domain, t.ns);
	if (fl == NULL) {
		return false;
	}
	fl->ticket = ticket;
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

// Whether one who waits may start a job.
static bool has_quota(
	struct sched *s,
	const struct name *domain,
	enum sched_cause cause,
	const struct sched_waiter *waiter,
	mono_ns_t now_ns,
	struct quota_ticket *ticket
) {
	bool limited = waiter != NULL && (cause == SCHED_MISS || cause == SCHED_RECHECK);
	enum quota_verdict verdict = QUOTA_TAKEN;
	if (limited) {
		size_t jobs = flight_total(s->flights);
		verdict = quota_take(s->quota, waiter->client, domain, jobs, now_ns, ticket);
	}
	s->stats.refused_client += verdict == QUOTA_CLIENT ? 1 : 0;
	s->stats.refused_domain += verdict == QUOTA_DOMAIN ? 1 : 0;
	return verdict == QUOTA_TAKEN;
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
	struct quota_ticket ticket = {0};
	bool taken = has_place(s, cause) && has_quota(s, domain, cause, waiter, now_ns, &ticket)
		     && (waiter == NULL || flight_wait(&waiters, waiter));
	struct turn t = {.now = now, .ns = now_ns};
	if (taken && begin(s, domain, cause, waiters, ticket, t)) {
		return true;
	}
	quota_give(s->quota, &ticket);
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
		bool begun = begin(s, &own, cause, followers, (struct quota_ticket){0}, t);
		assert(begun); // in the place just given back
		(void)begun;
	}
	const struct sched_reply look = {.verdict = SCHED_LOOK};
	for (size_t i = 0; i < late.count; i++) {
		answer(s, &late.list[i], &own, &look);
	}
	free(late.list);
}

void sched_loaded(struct sched *s, const struct record *policy, boot_s_t now) {
	if (policy->refresh_at != CLOCK_NEVER) {
		refresh_arm(s->refresh, &policy->domain, policy->refresh_at);
	}
	alert_note(s->alert, policy, now);
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

static void refresh_due(struct sched *s, struct turn t) {
	struct name domain;
	refresh_turn(s->refresh, t.now);
	while (has_place(s, SCHED_REFRESH) && refresh_next(s->refresh, t.now, t.ns, &domain)) {
		// A job settles with a refresh_at of its own; should it not, this comes
		// again.
		refresh_arm(s->refresh, &domain, t.now + REFRESH_RETRY_S);
		if (flight_find(s->flights, &domain) == NULL) {
			(void)!sched_want(s, &domain, SCHED_REFRESH, NULL, t.now, t.ns);
		}
	}
}

void sched_tick(struct sched *s, boot_s_t now, mono_ns_t now_ns) {
	struct turn t = {.now = now, .ns = now_ns};
	end_overdue(s, t);
	admit_waiting(s, SIZE_MAX, t);
	refresh_due(s, t);
	alert_turn(s->alert, now, s->ops->alert, s->arg);
}

void sched_stats(const struct sched *s, struct sched_stats *out) {
	*out = s->stats;
	out->jobs = flight_total(s->flights);
	out->fetches = flight_count(s->flights, FLIGHT_POLICY);
	out->waiting = flight_count(s->flights, FLIGHT_WAITING);
	struct refresh_stats refresh = refresh_stats(s->refresh);
	out->armed = refresh.armed;
	out->due = refresh.due;
	out->deferred = refresh.deferred;
	for (unsigned level = 0; level < RECORD_ALERT_LEVELS; level++) {
		out->alerts[level] = alert_count(s->alert, (enum record_alert)level);
	}
}
