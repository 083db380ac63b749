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

static void reply_retry(
	struct sched_reply *reply,
	enum sched_verdict verdict,
	int64_t retry_s,
	const char *why
) {
	*reply = (struct sched_reply){
		.verdict = verdict,
		.retry_s = retry_s > 1 ? (uint32_t)retry_s : 1,
	};
	memcpy(reply->why, why, strnlen(why, RECORD_WHY_MAX));
}

void job_reply(const struct record *current, boot_s_t now, struct sched_reply *reply) {
	int64_t left = current->ends_at - now;
	switch (current->kind) {
	case RECORD_NONE:
		*reply = (struct sched_reply){.verdict = SCHED_NONE};
		break;
	case RECORD_FAILED:
		reply_retry(reply, SCHED_FAILED, left, current->failure.why);
		break;
	case RECORD_UNKNOWN:
		reply_retry(reply, SCHED_UNKNOWN, left, current->failure.why);
		break;
	case RECORD_POLICY:
		*reply = (struct sched_reply){.verdict = SCHED_LOOK};
		break;
	}
}

// A policy with max_age 0 has just been fetched: it is over, but not asked for
// again.
static boot_s_t max_age_0_until(const struct record *r) {
	return r != NULL && r->kind == RECORD_POLICY && r->policy.max_age_s == 0
		       ? r->fetched_at + MAX_AGE_0_S
		       : INT64_MIN;
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
	j->denied_s = until - v->now;
	return JOB_SETTLE;
}

void job_join(struct job *j, enum sched_cause cause) {
	j->force = j->force || cause == SCHED_REFRESH || cause == SCHED_PREFETCH;
	j->bypass = j->bypass || cause == SCHED_PREFETCH;
	j->used = j->used || (cause != SCHED_REFRESH && cause != SCHED_PREFETCH);
}

// The HTTPS back-off of (domain, id). A failure that the TXT lookup itself made
// has no id.
static const struct record_failure *failure_of(const struct record *r, const char *id) {
	bool same = r != NULL && r->failure.why[0] != '\0' && r->failure.id[0] != '\0'
		    && strcmp(r->failure.id, id) == 0;
	return same ? &r->failure : NULL;
}

bool job_backs_off(const struct record *r, const char *id, boot_s_t now) {
	const struct record_failure *f = failure_of(r, id);
	return f != NULL && now < f->retry_at;
}

// Whether `id` is news for a domain that another id counts for.
static bool is_new_id(const struct record *r, const char *id, boot_s_t now) {
	if (r == NULL || r->kind == RECORD_NONE) {
		return false;
	}
	bool policy_differs = job_is_live_policy(r, now) && strcmp(r->id, id) != 0;
	bool failure_differs = r->failure.id[0] != '\0' && strcmp(r->failure.id, id) != 0;
	return policy_differs || failure_differs;
}

// After a good TXT answer, or for a refresh after a bad one: fetch or not?
static enum job_next fetch_or_settle(struct job *j, const struct job_view *v) {
	if (j->bypass) {
		return JOB_RESOLVE;
	}
	const struct record *r = v->current;
	if (job_backs_off(r, j->id, v->now)) {
		j->denied_s = r->failure.retry_at - v->now;
		return JOB_SETTLE;
	}
	if (is_new_id(r, j->id, v->now) && v->paced_s > 0) {
		j->denied_s = v->paced_s;
		return JOB_SETTLE;
	}
	if (!job_is_live_policy(r, v->now) && v->held_s > 0) {
		j->denied_s = v->held_s;
		return JOB_SETTLE;
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
