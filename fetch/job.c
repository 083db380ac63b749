// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/job.h"

#include "fetch/vet.h"

#include <string.h>

#define MAX_AGE_0_S 300

bool job_is_live_policy(const struct record *r, boot_s_t now) {
	return r != NULL && r->kind == RECORD_POLICY && now < r->ends_at;
}

bool job_is_live(const struct record *current, boot_s_t now) {
	return current != NULL && now < current->ends_at;
}

void job_reply(const struct record *current, boot_s_t now, struct sched_reply *reply) {
	static const enum sched_verdict verdicts[] = {
		[RECORD_NONE] = SCHED_NONE,
		[RECORD_POLICY] = SCHED_LOOK,
		[RECORD_FAILED] = SCHED_FAILED,
		[RECORD_UNKNOWN] = SCHED_UNKNOWN,
	};
	*reply = (struct sched_reply){.verdict = verdicts[current->kind]};
	if (reply->verdict == SCHED_FAILED || reply->verdict == SCHED_UNKNOWN) {
		int64_t left = current->ends_at - now;
		reply->retry_s = left > 1 ? (uint32_t)left : 1;
		record_why(current, now, reply->why, RECORD_WHY_MAX);
	}
}

// A policy with max_age 0 has just been fetched: it is over, but not asked for
// again.
static boot_s_t max_age_0_until(const struct record *r) {
	return r != NULL && r->kind == RECORD_POLICY && r->policy.max_age_s == 0
		       ? r->fetched_at + MAX_AGE_0_S
		       : INT64_MIN;
}

static enum job_next deny(struct job *j, enum job_denial denial, int64_t for_s) {
	j->denial = denial;
	j->denied_s = for_s;
	return JOB_SETTLE;
}

enum job_next job_init(
	struct job *j,
	const struct name *domain,
	enum sched_cause cause,
	const struct job_view *v
) {
	*j = (struct job){.domain = *domain};
	job_join(j, cause);
	bool may_rest = cause == SCHED_MISS || cause == SCHED_CHECK;
	boot_s_t until = max_age_0_until(v->current);
	if (!may_rest || job_is_live(v->current, v->now) || v->now >= until) {
		return JOB_READ_TXT;
	}
	return deny(j, JOB_HELD, until - v->now);
}

void job_join(struct job *j, enum sched_cause cause) {
	j->force = j->force || cause == SCHED_REFRESH || cause == SCHED_PREFETCH;
	j->bypass = j->bypass || cause == SCHED_PREFETCH;
	j->used = j->used || (cause != SCHED_REFRESH && cause != SCHED_PREFETCH);
}

const struct record_backoff *job_backoff(const struct job_view *v) {
	const struct record *r = v->current;
	bool says = r != NULL && r->kind != RECORD_NONE && r->backoff.id[0] != '\0';
	return says ? &r->backoff : &v->pace.backoff;
}

bool job_backs_off(const struct job_view *v, const char *id) {
	const struct record_backoff *b = job_backoff(v);
	return b->id[0] != '\0' && strcmp(b->id, id) == 0 && v->now < b->retry_at;
}

// Whether `id` is news for a domain that another id counts for.
static bool is_new_id(const struct job_view *v, const char *id) {
	const struct record_backoff *b = job_backoff(v);
	bool policy_differs = job_is_live_policy(v->current, v->now)
			      && strcmp(v->current->id, id) != 0;
	return policy_differs || (b->id[0] != '\0' && strcmp(b->id, id) != 0);
}

// After a good TXT answer, or for a refresh after a bad one: fetch or not?
static enum job_next fetch_or_settle(struct job *j, const struct job_view *v) {
	if (j->bypass) {
		return JOB_RESOLVE;
	}
	if (job_backs_off(v, j->id)) {
		return deny(j, JOB_BACKS_OFF, job_backoff(v)->retry_at - v->now);
	}
	if (is_new_id(v, j->id) && v->pace.wait_s > 0) {
		return deny(j, JOB_PACED, v->pace.wait_s);
	}
	if (!job_is_live_policy(v->current, v->now) && v->pace.held_s > 0) {
		return deny(j, JOB_HELD, v->pace.held_s);
	}
	return JOB_RESOLVE;
}

static void keep_txt(struct job *j, const struct outcome *o) {
	j->txt_read = true;
	j->txt_code = o->code;
	j->ttl_s = o->ttl_s;
	memcpy(j->txt_detail, o->detail, sizeof(j->txt_detail));
	j->id[0] = '\0';
	if (o->code == OUTCOME_OK && o->id[0] == '\0') {
		j->txt_code = OUTCOME_LOCAL; // a child that breaks its word
	} else if (o->code == OUTCOME_OK) {
		memcpy(j->id, o->id, sizeof(j->id));
	}
}

enum job_next job_txt(struct job *j, const struct outcome *o, const struct job_view *v) {
	keep_txt(j, o);
	const struct record *r = v->current;
	bool live = job_is_live_policy(r, v->now);
	if (j->txt_code == OUTCOME_OK) {
		bool confirmed = live && strcmp(r->id, j->id) == 0;
		return confirmed && !j->force ? JOB_SETTLE : fetch_or_settle(j, v);
	}
	// RFC 8461 10.2: a live policy is fetched again whatever has become of the
	// TXT record, but for mode none, which its owner is taking down.
	bool removed = j->txt_code == OUTCOME_ABSENT && live && r->policy.mode == POLICY_MODE_NONE;
	if (!j->force || !live || removed) {
		return JOB_SETTLE;
	}
	memcpy(j->id, r->id, sizeof(j->id));
	return fetch_or_settle(j, v);
}

static void finish(struct job *j, const struct outcome *o, enum outcome_code code) {
	j->fetched = true;
	j->result = *o;
	j->result.code = code;
}

enum job_next job_address(struct job *j, const struct outcome *o, const struct job_view *v) {
	if (o->code != OUTCOME_OK || o->address_count == 0) {
		bool none = o->code == OUTCOME_OK || o->code == OUTCOME_ABSENT;
		finish(j, o, none ? OUTCOME_NO_HOST : o->code);
		return JOB_SETTLE;
	}
	j->address_count = 0;
	for (uint8_t i = 0; i < o->address_count; i++) {
		if (vet_address(&o->addresses[i], v->allow_private, v->allow_private_count)) {
			j->addresses[j->address_count++] = o->addresses[i];
		}
	}
	if (j->address_count > 0) {
		return JOB_FETCH;
	}
	finish(j, o, OUTCOME_BLOCKED_ADDRESS);
	return JOB_SETTLE;
}

void job_policy(struct job *j, const struct outcome *o) {
	bool broken = o->code == OUTCOME_OK && (o->text == NULL || o->text_len == 0);
	finish(j, o, broken ? OUTCOME_LOCAL : o->code);
}
