// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/settle.h"

#include "fetch/backoff.h"

#include <string.h>

// Each settle_* function makes the whole of the settlement but the domain and the
// waiters. A policy is fresh while its last good check is not older than its last
// failure: checked_at >= failure.at.

#define CHECK_RETRY_S 60
#define CHECKS_DOUBLED_MAX 10
#define BACK_OFF_CLASS "back-off"
#define BACK_OFF_WHY "sts-policy-fetch-error/back-off-after-recent-fetch-error"

static boot_s_t earlier(boot_s_t a, boot_s_t b) {
	return a < b ? a : b;
}

// A record in place of what is kept. What failed and how often stays known until
// the job says otherwise.
static struct record *
start_record(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	struct record *r = &out->record;
	out->effect = SCHED_PUT;
	*r = (struct record){
		.domain = j->domain,
		.used_at = j->used || cur == NULL ? v->now : cur->used_at,
		.refresh_at = CLOCK_NEVER,
		.next_check_at = CLOCK_NEVER,
		.backoff = *job_backoff(v),
	};
	if (cur != NULL && cur->kind != RECORD_NONE) {
		bool policy = cur->kind == RECORD_POLICY;
		r->inserted_at = cur->inserted_at;
		r->failure = cur->failure;
		r->text = policy ? cur->failed_text : cur->text;
		r->text_len = policy ? cur->failed_text_len : cur->text_len;
	}
	return r;
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
	struct record *r = start_record(j, v, out);
	*r = (struct record){
		.kind = RECORD_NONE,
		.domain = j->domain,
		.used_at = r->used_at,
		.refresh_at = CLOCK_NEVER,
		.next_check_at = CLOCK_NEVER,
		.ends_at = v->now + for_s,
	};
	out->reply = (struct sched_reply){.verdict = SCHED_NONE};
}

static uint8_t one_more(uint8_t attempts) {
	return attempts < UINT8_MAX ? (uint8_t)(attempts + 1) : attempts;
}

static void copy_text(char *to, const char *from, size_t max) {
	memset(to, 0, max + 1);
	memcpy(to, from, strnlen(from, max));
}

// The last failure. Since when all is not well does not change by another one.
// @param id  "": before any fetch.
static void note_failure(
	struct record *r,
	const char *class,
	const char *why,
	const char *id,
	const struct job_view *v
) {
	struct record_failure *f = &r->failure;
	bool fails = f->why[0] != '\0';
	bool again = fails && strcmp(f->class, class) == 0 && strcmp(f->id, id) == 0;
	f->attempts = again ? one_more(f->attempts) : 1;
	f->since = fails ? f->since : v->now;
	f->at = v->now;
	f->retry_at = v->now;
	if (r->kind == RECORD_POLICY && r->checked_at >= f->at) {
		f->at = r->checked_at + 1;
	}
	copy_text(f->class, class, RECORD_CLASS_MAX);
	copy_text(f->why, why, RECORD_REASON_MAX);
	copy_text(f->id, id, POLICY_ID_MAX);
}

static void
note_outcome(struct record *r, const struct outcome *o, const char *id, const struct job_view *v) {
	char why[RECORD_REASON_MAX + 1];
	outcome_why(o, why);
	note_failure(r, outcome_str(o->code), why, id, v);
}

static void note_txt_failure(struct record *r, const struct job *j, const struct job_view *v) {
	struct outcome o = {.code = j->txt_code};
	memcpy(o.detail, j->txt_detail, sizeof(o.detail));
	note_outcome(r, &o, "", v);
}

static void note_fetch_failure(struct record *r, const struct job *j, const struct job_view *v) {
	struct record_backoff next = *job_backoff(v);
	bool again = strcmp(next.id, j->id) == 0;
	next.attempts = again ? one_more(next.attempts) : 1;
	next.retry_at = v->now + backoff_fetch_s(next.attempts, v->random);
	copy_text(next.id, j->id, POLICY_ID_MAX);
	r->backoff = next;
	note_outcome(r, &j->result, j->id, v);
	r->failure.attempts = next.attempts;
	r->failure.retry_at = next.retry_at;
	if (j->result.code != OUTCOME_BAD_BODY) {
		return;
	}
	if (r->kind == RECORD_POLICY) {
		r->failed_text = j->result.text;
		r->failed_text_len = j->result.text_len < RECORD_FAILED_TEXT_MAX
					     ? j->result.text_len
					     : RECORD_FAILED_TEXT_MAX;
	} else {
		r->text = j->result.text;
		r->text_len = j->result.text_len;
	}
}

// A check that failed is made again after 60 s, then after twice the last wait, up
// to the interval.
static void fail_check(struct record *r, boot_s_t now) {
	int64_t wait = (int64_t)CHECK_RETRY_S << r->checks_failed;
	int64_t most = backoff_interval_s(r->txt_ttl_s);
	r->next_check_at = now + (wait < most ? wait : most);
	if (r->checks_failed < CHECKS_DOUBLED_MAX) {
		r->checks_failed++;
	}
}

static enum sched_downgrade txt_cause(enum outcome_code code) {
	switch (code) {
	case OUTCOME_ABSENT:
		return SCHED_DOWNGRADE_ABSENT;
	case OUTCOME_TXT_MULTIPLE:
	case OUTCOME_TXT_SYNTAX:
	case OUTCOME_TXT_OVERSIZE:
		return SCHED_DOWNGRADE_INVALID;
	case OUTCOME_LOCAL:
	case OUTCOME_CHILD_KILLED:
		return SCHED_NO_DOWNGRADE; // nobody's but ours
	default:
		return SCHED_DOWNGRADE_DNS;
	}
}

// RFC 8461 10.2: somebody may be taking the policy away. Mode none protects nobody.
static void
mark_downgrade(const struct record *r, enum sched_downgrade cause, struct sched_settlement *out) {
	out->downgrade = r->policy.mode != POLICY_MODE_NONE ? cause : SCHED_NO_DOWNGRADE;
}

// The id was read and is the policy's: fresh, but no longer valid than before.
// Should fetches under this very id fail, that goes on.
static void confirm(const struct job *j, const struct job_view *v, struct record *r) {
	r->checked_at = v->now;
	r->txt_ttl_s = j->ttl_s;
	r->next_check_at = v->now + backoff_interval_s(j->ttl_s);
	r->checks_failed = 0;
	if (strcmp(r->backoff.id, r->id) != 0) {
		r->failure = (struct record_failure){0};
	} else {
		r->failure.at = earlier(r->failure.at, v->now);
	}
}

// The next proactive fetch, where there are any for this policy.
static void postpone_refresh(struct record *r, boot_s_t at) {
	if (r->refresh_at != CLOCK_NEVER) {
		r->refresh_at = at;
	}
}

// DNS failed, or we did: with what `o` says.
static void settle_unknown(
	const struct job *j,
	const struct job_view *v,
	const struct outcome *o,
	bool local,
	struct sched_settlement *out
) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		struct record *r = keep(j, v, out);
		fail_check(r, v->now);
		note_outcome(r, o, "", v);
		if (j->force) {
			postpone_refresh(r, v->now + CHECK_RETRY_S);
		}
		return;
	}
	if (job_is_live(cur, v->now) && cur->kind == RECORD_FAILED) {
		keep(j, v, out)->next_check_at = v->now + CHECK_RETRY_S;
		return;
	}
	struct record *r = start_record(j, v, out);
	r->kind = RECORD_UNKNOWN;
	note_outcome(r, o, "", v);
	uint8_t n = r->failure.attempts;
	r->ends_at = v->now + (local ? backoff_local_s(n) : backoff_dns_s(n));
	r->failure.retry_at = r->ends_at;
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
	struct record *r = keep(j, v, out);
	fail_check(r, v->now);
	note_txt_failure(r, j, v);
	mark_downgrade(cur, txt_cause(j->txt_code), out);
}

static void
settle_invalid(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		struct record *r = keep(j, v, out);
		fail_check(r, v->now);
		note_txt_failure(r, j, v);
		mark_downgrade(cur, txt_cause(j->txt_code), out);
		return;
	}
	struct record *r = start_record(j, v, out);
	r->kind = RECORD_FAILED;
	r->txt_ttl_s = j->ttl_s;
	r->ends_at = v->now + backoff_negative_s(j->ttl_s);
	r->next_check_at = r->ends_at;
	note_txt_failure(r, j, v);
	r->failure.retry_at = r->ends_at;
	job_reply(r, v->now, &out->reply);
}

static void
settle_dns_failed(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	struct outcome o = {.code = j->txt_code};
	memcpy(o.detail, j->txt_detail, sizeof(o.detail));
	bool local = o.code == OUTCOME_LOCAL || o.code == OUTCOME_CHILD_KILLED;
	settle_unknown(j, v, &o, local, out);
	if (job_is_live_policy(v->current, v->now)) {
		mark_downgrade(v->current, txt_cause(j->txt_code), out);
	}
}

static void
keep_denied(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	struct record *r = keep(j, v, out);
	if (j->txt_code == OUTCOME_OK && strcmp(cur->id, j->id) == 0) {
		confirm(j, v, r);
	} else {
		fail_check(r, v->now);
		bool told = cur->failure.why[0] != '\0' && cur->checked_at < cur->failure.at;
		if (!told) {
			note_failure(r, BACK_OFF_CLASS, BACK_OFF_WHY, "", v);
		}
		if (j->denial == JOB_PACED) {
			r->next_check_at = earlier(r->next_check_at, v->now + j->denied_s);
		}
	}
	if (j->force) {
		postpone_refresh(r, v->now + j->denied_s);
	}
}

// A good TXT answer that was not followed by a fetch because one is not allowed
// yet.
static void
settle_denied(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	if (job_is_live_policy(v->current, v->now)) {
		keep_denied(j, v, out);
		return;
	}
	if (j->denial == JOB_HELD) {
		put_none(j, v, j->denied_s, out);
		return;
	}
	struct record *r = start_record(j, v, out);
	r->kind = RECORD_FAILED;
	r->checked_at = v->now;
	r->txt_ttl_s = j->ttl_s;
	r->ends_at = v->now + j->denied_s;
	r->next_check_at = v->now + CHECK_RETRY_S;
	if (r->failure.id[0] == '\0') {
		note_failure(r, BACK_OFF_CLASS, BACK_OFF_WHY, j->id, v);
		r->failure.retry_at = r->ends_at;
	}
	job_reply(r, v->now, &out->reply);
}

// RFC 8461 8.1: the owner may have announced the new id before the new policy could
// be had. So it is looked for once more when the TXT record may be trusted to have
// reached everybody.
static bool is_old_body(const struct job *j, const struct job_view *v) {
	const struct record *cur = v->current;
	return job_is_live_policy(cur, v->now) && j->txt_code == OUTCOME_OK
	       && strcmp(cur->id, j->id) != 0 && cur->text_len == j->result.text_len
	       && memcmp(cur->text, j->result.text, cur->text_len) == 0;
}

static boot_s_t
refresh_time(const struct job *j, const struct job_view *v, const struct record *r) {
	int64_t wait = backoff_refresh_s(r->policy.max_age_s, v->random);
	boot_s_t at = wait == CLOCK_NEVER ? CLOCK_NEVER : v->now + wait;
	boot_s_t again = v->now + backoff_interval_s(j->ttl_s);
	return is_old_body(j, v) && again < r->ends_at ? earlier(at, again) : at;
}

static void
settle_policy(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	struct record *r = start_record(j, v, out);
	out->durable = true;
	r->kind = RECORD_POLICY;
	memcpy(r->id, j->id, sizeof(r->id));
	r->policy = j->result.policy;
	r->text = j->result.text;
	r->text_len = j->result.text_len;
	r->fetched_at = v->now;
	r->inserted_at = r->inserted_at != 0 ? r->inserted_at : v->now;
	// max_age 0 is over at once, but those who wait shall see it.
	uint32_t max_age_s = r->policy.max_age_s;
	r->ends_at = v->now + (max_age_s > 0 ? max_age_s : 1);
	r->refresh_at = refresh_time(j, v, r);
	r->backoff = (struct record_backoff){0};
	out->reply = (struct sched_reply){.verdict = SCHED_LOOK};
	if (j->txt_code == OUTCOME_OK) {
		confirm(j, v, r);
		return;
	}
	// A refresh under the old id: the policy is new, the id is not confirmed.
	bool known = cur != NULL && cur->kind == RECORD_POLICY;
	r->checked_at = known ? cur->checked_at : v->now - 1;
	r->txt_ttl_s = known ? cur->txt_ttl_s : 0;
	r->checks_failed = known ? cur->checks_failed : 0;
	fail_check(r, v->now);
	note_txt_failure(r, j, v);
	mark_downgrade(r, txt_cause(j->txt_code), out);
}

static void
settle_failed(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	const struct record *cur = v->current;
	if (job_is_live_policy(cur, v->now)) {
		struct record *r = keep(j, v, out);
		note_fetch_failure(r, j, v);
		if (j->txt_code == OUTCOME_OK && strcmp(cur->id, j->id) == 0) {
			confirm(j, v, r);
		} else {
			fail_check(r, v->now);
		}
		// RFC 8461 3.3: a refresh that failed is tried again before the end.
		if (j->force || r->refresh_at < r->backoff.retry_at) {
			postpone_refresh(r, r->backoff.retry_at);
		}
		mark_downgrade(cur, SCHED_DOWNGRADE_FETCH, out);
		return;
	}
	struct record *r = start_record(j, v, out);
	r->kind = RECORD_FAILED;
	r->txt_ttl_s = j->ttl_s;
	r->checked_at = v->now;
	note_fetch_failure(r, j, v);
	r->ends_at = r->backoff.retry_at;
	r->next_check_at = v->now + CHECK_RETRY_S;
	job_reply(r, v->now, &out->reply);
}

static void
settle_fetched(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
	if (j->result.code == OUTCOME_OK) {
		settle_policy(j, v, out);
	} else if (j->result.code == OUTCOME_LOCAL) {
		settle_unknown(j, v, &j->result, true, out);
	} else {
		settle_failed(j, v, out);
	}
}

static void
settle_txt(const struct job *j, const struct job_view *v, struct sched_settlement *out) {
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
	} else if (j->denial != JOB_ALLOWED) {
		settle_denied(j, v, out);
	} else {
		settle_txt(j, v, out);
	}
}
