// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/settle.h"

#include "fetch/backoff.h"

#include <string.h>

// Each settle_* function makes the whole of the settlement but the domain and the
// waiters.

#define CHECK_RETRY_S 60
#define PACED_WHY "sts-policy-fetch-error/back-off-after-recent-fetch-error"

static boot_s_t earlier(boot_s_t a, boot_s_t b) {
	return a < b ? a : b;
}

static void start_record(const struct job *j, const struct job_view *v, struct record *r) {
	const struct record *cur = v->current;
	*r = (struct record){
		.domain = j->domain,
		.used_at = j->used || cur == NULL ? v->now : cur->used_at,
		.refresh_at = CLOCK_NEVER,
		.next_check_at = CLOCK_NEVER,
	};
	if (cur != NULL && cur->kind != RECORD_NONE) {
		r->inserted_at = cur->inserted_at;
	}
}

// What is kept stays, with what the job learned written into it.
static struct record *
keep(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	out->effect = SCHED_PUT;
	out->record = *v->current;
	if (j->used) {
		out->record.used_at = v->now;
	}
	job_reply(&out->record, v->now, &out->reply);
	return &out->record;
}

static void put_none(
	const struct job *j,
	const struct job_view *v,
	int64_t for_s,
	struct sched_settlement *out
) {
	out->effect = SCHED_PUT;
	start_record(j, v, &out->record);
	out->record.kind = RECORD_NONE;
	out->record.inserted_at = 0;
	out->record.ends_at = v->now + for_s;
	out->reply = (struct sched_reply){.verdict = SCHED_NONE};
}

static void txt_why(const struct job *j, char why[RECORD_WHY_MAX + 1]) {
	struct outcome o = {.code = j->txt_code};
	memcpy(o.detail, j->txt_detail, sizeof(o.detail));
	outcome_why(&o, why);
}

static uint8_t one_more(uint8_t attempts) {
	return attempts < UINT8_MAX ? (uint8_t)(attempts + 1) : attempts;
}

// The last failure, for a record of its own or inside a policy.
static void
note_failure(struct record_failure *f, const char *why, const char *id, const struct job_view *v) {
	const struct record_failure *was = v->current != NULL ? &v->current->failure : NULL;
	bool in_row = was != NULL && was->why[0] != '\0';
	struct record_failure next = {
		.at = v->now,
		.since = in_row ? was->since : v->now,
		.attempts = 1,
		.retry_at = v->now,
	};
	memcpy(next.why, why, strnlen(why, RECORD_WHY_MAX));
	memcpy(next.id, id, strnlen(id, POLICY_ID_MAX));
	if (in_row && strcmp(was->id, id) == 0) {
		next.attempts = one_more(was->attempts);
	}
	*f = next;
}

static void
note_fetch_failure(struct record_failure *f, const struct job *j, const struct job_view *v) {
	char why[RECORD_WHY_MAX + 1];
	outcome_why(&j->result, why);
	note_failure(f, why, j->id, v);
	f->retry_at = v->now + backoff_fetch_s(f->attempts, v->random);
}

// A failure before any fetch. It must not make us forget an HTTPS back-off that
// is not over: then only its reason and time are replaced.
static void note_soft_failure(struct record_failure *f, const char *why, const struct job_view *v) {
	const struct record *cur = v->current;
	if (cur == NULL || cur->failure.id[0] == '\0' || cur->failure.retry_at <= v->now) {
		note_failure(f, why, "", v);
		return;
	}
	*f = cur->failure;
	f->at = v->now;
	memset(f->why, 0, sizeof(f->why));
	memcpy(f->why, why, strnlen(why, RECORD_WHY_MAX));
}

// When a check that failed is tried again: after 60 s, then twice the last wait,
// up to the interval.
static boot_s_t next_failed_check(const struct record *cur, boot_s_t now) {
	int64_t wait = CHECK_RETRY_S;
	bool failing = cur->failure.why[0] != '\0' && cur->checked_at < cur->failure.at;
	if (failing && cur->next_check_at != CLOCK_NEVER) {
		int64_t last = cur->next_check_at - cur->failure.at;
		wait = last * 2 > wait ? last * 2 : wait;
	}
	int64_t most = backoff_interval_s(cur->txt_ttl_s);
	return now + (wait < most ? wait : most);
}

static void mark_downgrade(const struct record *r, struct sched_settlement *out) {
	out->possible_downgrade = r->policy.mode != POLICY_MODE_NONE;
}

// The id was read and is the policy's: fresh, but no longer valid than before.
static void confirm(const struct job *j, const struct job_view *v, struct record *r) {
	r->checked_at = v->now;
	r->txt_ttl_s = j->ttl_s;
	r->next_check_at = v->now + backoff_interval_s(j->ttl_s);
	if (r->failure.id[0] == '\0' || strcmp(r->failure.id, r->id) != 0) {
		r->failure = (struct record_failure){0};
	}
}

// The next proactive fetch, where there are any for this policy.
static void postpone_refresh(struct record *r, boot_s_t at) {
	if (r->refresh_at != CLOCK_NEVER) {
		r->refresh_at = at;
	}
}

// An unexpired policy whose check failed in the way `why` says.
static void keep_stale(
	const struct job *j,
	const struct job_view *v,
	const char *why,
	struct sched_settlement *out
) {
	struct record *r = keep(j, v, out);
	r->next_check_at = next_failed_check(v->current, v->now);
	r->checked_at = earlier(r->checked_at, v->now - 1);
	note_soft_failure(&r->failure, why, v);
}

static void settle_local(
	const struct job *j,
	const struct job_view *v,
	const char *why,
	struct sched_settlement *out
) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		keep_stale(j, v, why, out);
		if (j->force) {
			postpone_refresh(&out->record, v->now + CHECK_RETRY_S);
		}
		return;
	}
	if (job_is_live(cur, v->now) && cur->kind == RECORD_FAILED) {
		keep(j, v, out)->next_check_at = v->now + CHECK_RETRY_S;
		return;
	}
	out->effect = SCHED_PUT;
	start_record(j, v, &out->record);
	struct record *r = &out->record;
	r->kind = RECORD_UNKNOWN;
	note_soft_failure(&r->failure, why, v);
	bool local = j->fetched || j->txt_code == OUTCOME_LOCAL;
	int64_t wait = local ? backoff_local_s(r->failure.attempts)
			     : backoff_dns_s(r->failure.attempts);
	if (r->failure.id[0] != '\0') {
		wait = CHECK_RETRY_S; // attempts counts something else
	} else {
		r->failure.retry_at = v->now + wait;
	}
	r->ends_at = v->now + wait;
	job_reply(r, v->now, &out->reply);
}

static void
settle_absent(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	if (!job_is_live_policy(cur, v->now)) {
		put_none(j, v, backoff_negative_s(j->ttl_s), out);
		return;
	}
	if (cur->policy.mode == POLICY_MODE_NONE) {
		out->effect = SCHED_DROP;
		out->durable = true;
		out->reply = (struct sched_reply){.verdict = SCHED_NONE};
		return;
	}
	char why[RECORD_WHY_MAX + 1];
	txt_why(j, why);
	keep_stale(j, v, why, out);
	mark_downgrade(cur, out);
}

static void
settle_invalid(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	char why[RECORD_WHY_MAX + 1];
	txt_why(j, why);
	if (job_is_live_policy(cur, v->now)) {
		keep_stale(j, v, why, out);
		mark_downgrade(cur, out);
		return;
	}
	out->effect = SCHED_PUT;
	start_record(j, v, &out->record);
	struct record *r = &out->record;
	r->kind = RECORD_FAILED;
	r->txt_ttl_s = j->ttl_s;
	r->ends_at = v->now + backoff_negative_s(j->ttl_s);
	r->next_check_at = r->ends_at;
	note_soft_failure(&r->failure, why, v);
	if (r->failure.id[0] == '\0') {
		r->failure.retry_at = r->ends_at;
	}
	job_reply(r, v->now, &out->reply);
}

static void
settle_dns_failed(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	char why[RECORD_WHY_MAX + 1];
	txt_why(j, why);
	settle_local(j, v, why, out);
	if (job_is_live_policy(v->current, v->now)) {
		mark_downgrade(v->current, out);
	}
}

// A good TXT answer that was not followed by a fetch because one is not allowed
// yet.
static void
settle_denied(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		struct record *r = keep(j, v, out);
		bool same = j->txt_code == OUTCOME_OK && strcmp(cur->id, j->id) == 0;
		if (same) {
			confirm(j, v, r);
		} else if (job_backs_off(cur, j->id, v->now)) {
			r->next_check_at = next_failed_check(cur, v->now);
			r->checked_at = earlier(r->checked_at, cur->failure.at - 1);
		} else {
			keep_stale(j, v, PACED_WHY, out);
			r->next_check_at = earlier(r->next_check_at, v->now + j->denied_s);
		}
		if (j->force) {
			postpone_refresh(r, v->now + j->denied_s);
		}
		return;
	}
	if (cur == NULL || cur->failure.why[0] == '\0') {
		put_none(j, v, j->denied_s, out);
		return;
	}
	out->effect = SCHED_PUT;
	out->record = *cur;
	struct record *r = &out->record;
	r->kind = RECORD_FAILED;
	r->policy = (struct policy){0};
	r->refresh_at = CLOCK_NEVER;
	r->checked_at = v->now;
	r->txt_ttl_s = j->ttl_s;
	r->ends_at = v->now + j->denied_s;
	r->next_check_at = v->now + CHECK_RETRY_S;
	r->used_at = j->used ? v->now : cur->used_at;
	if (cur->kind == RECORD_POLICY) {
		r->text = NULL; // it is no body that failed
		r->text_len = 0;
	}
	job_reply(r, v->now, &out->reply);
}

static void
settle_policy(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	out->effect = SCHED_PUT;
	out->durable = true;
	start_record(j, v, &out->record);
	struct record *r = &out->record;
	r->kind = RECORD_POLICY;
	memcpy(r->id, j->id, sizeof(r->id));
	r->policy = j->result.policy;
	r->text = j->result.text;
	r->text_len = j->result.text_len;
	r->fetched_at = v->now;
	if (cur == NULL || cur->kind == RECORD_NONE || cur->inserted_at == 0) {
		r->inserted_at = v->now;
	}
	// max_age 0 is over at once, but those who wait shall see it.
	uint32_t max_age_s = r->policy.max_age_s;
	r->ends_at = v->now + (max_age_s > 0 ? max_age_s : 1);
	int64_t refresh_s = backoff_refresh_s(max_age_s, v->random);
	r->refresh_at = refresh_s == CLOCK_NEVER ? CLOCK_NEVER : v->now + refresh_s;
	out->reply = (struct sched_reply){.verdict = SCHED_LOOK};
	if (j->txt_code == OUTCOME_OK) {
		r->checked_at = v->now;
		r->txt_ttl_s = j->ttl_s;
		r->next_check_at = v->now + backoff_interval_s(j->ttl_s);
		return;
	}
	// A refresh under the old id: the policy is new, the id is not confirmed.
	bool known = cur != NULL && cur->kind == RECORD_POLICY;
	r->checked_at = known ? earlier(cur->checked_at, v->now - 1) : v->now - 1;
	r->txt_ttl_s = known ? cur->txt_ttl_s : 0;
	r->next_check_at = known ? next_failed_check(cur, v->now) : v->now + CHECK_RETRY_S;
	char why[RECORD_WHY_MAX + 1];
	txt_why(j, why);
	note_failure(&r->failure, why, "", v);
	mark_downgrade(r, out);
}

static void
settle_failed(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		struct record *r = keep(j, v, out);
		note_fetch_failure(&r->failure, j, v);
		if (j->txt_code == OUTCOME_OK && strcmp(cur->id, j->id) == 0) {
			confirm(j, v, r);
		} else {
			r->next_check_at = next_failed_check(cur, v->now);
			r->checked_at = earlier(r->checked_at, v->now - 1);
		}
		// RFC 8461 3.3: a refresh that failed is tried again before the end.
		if (j->force || r->refresh_at < r->failure.retry_at) {
			postpone_refresh(r, r->failure.retry_at);
		}
		mark_downgrade(cur, out);
		return;
	}
	out->effect = SCHED_PUT;
	start_record(j, v, &out->record);
	struct record *r = &out->record;
	r->kind = RECORD_FAILED;
	r->txt_ttl_s = j->ttl_s;
	r->checked_at = v->now;
	note_fetch_failure(&r->failure, j, v);
	r->ends_at = r->failure.retry_at;
	r->next_check_at = v->now + CHECK_RETRY_S;
	if (j->result.code == OUTCOME_BAD_BODY) {
		r->text = j->result.text;
		r->text_len = j->result.text_len;
	}
	job_reply(r, v->now, &out->reply);
}

static void
settle_fetched(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	if (j->result.code == OUTCOME_OK) {
		settle_policy(j, v, out);
	} else if (j->result.code == OUTCOME_LOCAL) {
		char why[RECORD_WHY_MAX + 1];
		outcome_why(&j->result, why);
		settle_local(j, v, why, out);
	} else {
		settle_failed(j, v, out);
	}
}

static void
settle_txt(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	char why[RECORD_WHY_MAX + 1];
	switch (j->txt_code) {
	case OUTCOME_OK:
		// Not denied and not fetched: the id is that of the unexpired policy.
		// Should that policy be gone since, the next question starts anew.
		if (job_is_live_policy(v->current, v->now)) {
			confirm(j, v, keep(j, v, out));
		} else {
			out->effect = SCHED_KEEP;
			out->reply = (struct sched_reply){.verdict = SCHED_PENDING, .retry_s = 1};
		}
		break;
	case OUTCOME_ABSENT:
		settle_absent(j, v, out);
		break;
	case OUTCOME_TXT_MULTIPLE:
	case OUTCOME_TXT_SYNTAX:
	case OUTCOME_TXT_OVERSIZE:
		settle_invalid(j, v, out);
		break;
	case OUTCOME_LOCAL:
	case OUTCOME_CHILD_KILLED:
		txt_why(j, why);
		settle_local(j, v, why, out);
		break;
	default:
		settle_dns_failed(j, v, out);
		break;
	}
}

void settle_job(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	*out = (struct sched_settlement){.domain = j->domain};
	if (j->fetched) {
		settle_fetched(j, v, out);
	} else if (!j->txt_read) {
		put_none(j, v, j->denied_s, out);
	} else if (j->denied_s > 0) {
		settle_denied(j, v, out);
	} else {
		settle_txt(j, v, out);
	}
}
