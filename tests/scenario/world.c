// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/scenario/world.h"

#include "fetch/txtrec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_PER_S 2
#define CACHE_BYTES 16777216

static struct world_domain *find(struct world *w, const struct name *name) {
	for (size_t i = 0; i < w->domain_count; i++) {
		if (name_equal(&w->domains[i]->name, name)) {
			return w->domains[i];
		}
	}
	return NULL;
}

// Of a domain that the scheduler can only know from us.
static struct world_domain *known(struct world *w, const struct name *name) {
	struct world_domain *d = find(w, name);
	if (d == NULL) {
		(void)fprintf(stderr, "the scheduler made up a domain: %s\n", name->text);
		abort();
	}
	return d;
}

struct world_domain *world_domain(struct world *w, const char *text) {
	struct name name;
	if (name_parse(text, strlen(text), &name) != NAME_OK) {
		(void)fprintf(stderr, "not a domain: %s\n", text);
		abort();
	}
	struct world_domain *d = find(w, &name);
	if (d != NULL) {
		return d;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL || w->domain_count == WORLD_DOMAINS_MAX) {
		abort();
	}
	d->name = name;
	d->txt_code = OUTCOME_ABSENT;
	d->host_code = OUTCOME_NO_HOST;
	d->policy_code = OUTCOME_CANNOT_CONNECT;
	w->domains[w->domain_count++] = d;
	return d;
}

static bool op_start(void *arg, const struct task *task) {
	struct world *w = arg;
	struct world_domain *d = known(w, &task->domain);
	d->asked[task->kind]++;
	enum world_mood mood = task->kind == TASK_TXT ? d->txt_mood : d->policy_mood;
	if (task->kind != TASK_ADDRESS && mood == WORLD_REFUSES) {
		return false;
	}
	if (w->task_count == WORLD_DOMAINS_MAX) {
		abort();
	}
	w->tasks[w->task_count++] = *task;
	return true;
}

static void remove_task(struct world *w, size_t i) {
	memmove(&w->tasks[i], &w->tasks[i + 1], (w->task_count - i - 1) * sizeof(w->tasks[0]));
	w->task_count--;
}

static void op_cancel(void *arg, uint64_t id) {
	struct world *w = arg;
	for (size_t i = 0; i < w->task_count; i++) {
		if (w->tasks[i].id == id) {
			known(w, &w->tasks[i].domain)->cancelled++;
			remove_task(w, i);
			return;
		}
	}
	(void)fprintf(stderr, "a task was cancelled that is not out\n");
	abort();
}

static bool op_current(void *arg, const struct name *name, struct record *out) {
	const struct world_domain *d = find(arg, name);
	if (d == NULL || !d->kept) {
		return false;
	}
	*out = d->record;
	return true;
}

void world_keep(struct world_domain *d, const struct record *r) {
	struct record kept = *r;
	if (r->policy.mx_bytes > 0) {
		memmove(d->mx, r->policy.mx, r->policy.mx_bytes);
	}
	kept.policy.mx = d->mx;
	if (r->text_len > 0) {
		memmove(d->text, r->text, r->text_len);
	}
	kept.text = d->text;
	if (r->failed_text_len > 0) {
		memmove(d->failed_text, r->failed_text, r->failed_text_len);
	}
	kept.failed_text = d->failed_text;
	d->record = kept;
	d->kept = true;
	d->checking = false;
	d->puts++;
}

static void take_answer(
	struct world *w,
	struct world_domain *d,
	const struct sched_reply *reply,
	bool recheck
) {
	d->answers++;
	d->last = (struct world_answer){
		.there = true,
		.recheck = recheck,
		.at = w->now,
		.reply = *reply,
	};
	const struct record *live = world_live(w, d);
	if (reply->verdict == SCHED_LOOK && live != NULL) {
		d->last.kept = true;
		d->last.record = *live;
	}
}

static void op_answer(
	void *arg,
	const struct sched_waiter *waiter,
	const struct name *name,
	const struct sched_reply *reply
) {
	take_answer(arg, known(arg, name), reply, waiter->token[1] != 0);
}

static void op_settle(void *arg, const struct sched_settlement *s) {
	struct world *w = arg;
	struct world_domain *d = known(w, &s->domain);
	d->checking = false;
	d->told += s->tell ? 1 : 0;
	if (s->effect == SCHED_PUT) {
		world_keep(d, &s->record);
	} else if (s->effect == SCHED_DROP) {
		d->kept = false;
	}
	for (size_t i = 0; i < s->waiter_count; i++) {
		take_answer(w, d, &s->reply, s->waiters[i].token[1] != 0);
	}
	if (w->confirms_later) {
		d->unconfirmed = true;
	} else {
		sched_settled(w->sched, &s->domain, w->now, w->ns);
	}
}

static void
op_alert(void *arg, const struct name *name, enum record_alert level, int64_t /*left_s*/) {
	known(arg, name)->alert = level;
}

static const struct sched_ops ops = {
	.start = op_start,
	.cancel = op_cancel,
	.current = op_current,
	.settle = op_settle,
	.answer = op_answer,
	.alert = op_alert,
};

void world_init(struct world *w) {
	*w = (struct world){
		.now = 1000000,
		.ns = 77 * CLOCK_NS_PER_S,
		.wall_shift_s = 1700000000,
		.saved_shift_s = 1700000000,
		.config = {
			.jobs_max = 1024,
			.fetches_max = 256,
			.per_address_max = 8,
			.per_network_max = 32,
			.refresh_per_s = 50,
			.unused_s = 180 * 86400,
			.seed = 1,
		},
		.cache_bytes = CACHE_BYTES,
	};
}

void world_fini(struct world *w) {
	sched_free(w->sched);
	for (size_t i = 0; i < w->domain_count; i++) {
		free(w->domains[i]);
	}
}

void world_new_sched(struct world *w) {
	sched_free(w->sched);
	w->config.allow_private = w->allow;
	w->sched = sched_new(&w->config, &ops, w);
	if (w->sched == NULL) {
		abort();
	}
}

static void start(struct world *w) {
	if (w->sched == NULL) {
		world_new_sched(w);
	}
}

const struct record *world_live(const struct world *w, const struct world_domain *d) {
	return d->kept && w->now < d->record.ends_at ? &d->record : NULL;
}

void world_want(struct world *w, struct world_domain *d, enum sched_cause cause, bool waits) {
	start(w);
	struct sched_waiter waiter = {
		.token = {1, cause == SCHED_RECHECK},
		.client = w->client,
	};
	(void)sched_want(w->sched, &d->name, cause, waits ? &waiter : NULL, w->now, w->ns);
}

void world_query(struct world *w, struct world_domain *d) {
	start(w);
	d->last.there = false;
	const struct record *live = world_live(w, d);
	if (live == NULL) {
		world_want(w, d, SCHED_MISS, true);
		return;
	}
	const struct sched_reply look = {.verdict = SCHED_LOOK};
	take_answer(w, d, &look, false);
	d->record.used_at = w->now;
	if (w->now >= live->next_check_at && !d->checking) {
		d->checking = true;
		world_want(w, d, SCHED_CHECK, false);
	}
}

static void answer_txt(const struct world_domain *d, struct outcome *o) {
	struct txtrec_value values[WORLD_TXT_MAX] = {0};
	o->ttl_s = d->ttl_s;
	o->code = d->txt_code;
	if (d->txt_code != OUTCOME_OK) {
		return;
	}
	for (size_t i = 0; i < d->text_count; i++) {
		values[i] = (struct txtrec_value){d->texts[i], strlen(d->texts[i])};
	}
	o->code = txtrec_choose(values, d->text_count, o->id);
}

static void answer_policy(const struct world_domain *d, struct outcome *o) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	const char *fault;
	o->code = d->policy_code;
	memcpy(o->detail, d->policy_detail, sizeof(o->detail));
	if (d->policy_code != OUTCOME_OK) {
		return;
	}
	o->text = (const uint8_t *)d->body;
	o->text_len = (uint32_t)strlen(d->body);
	if (!polparse(o->text, o->text_len, mx, &o->policy, &fault, &o->mended)) {
		o->code = OUTCOME_BAD_BODY;
		memcpy(o->detail, fault, strlen(fault) + 1);
	}
}

static bool is_answered(struct world *w, const struct task *t, struct outcome *o) {
	const struct world_domain *d = known(w, &t->domain);
	*o = (struct outcome){.task = t->id};
	if (t->kind == TASK_TXT) {
		answer_txt(d, o);
		return d->txt_mood != WORLD_SILENT;
	}
	if (t->kind == TASK_ADDRESS) {
		o->code = d->host_code;
		o->address_count = d->address_count;
		memcpy(o->addresses, d->addresses, sizeof(o->addresses));
		return true;
	}
	answer_policy(d, o);
	return d->policy_mood != WORLD_SILENT;
}

void world_run(struct world *w) {
	size_t i = 0;
	while (i < w->task_count) {
		struct outcome o;
		if (!is_answered(w, &w->tasks[i], &o)) {
			i++;
			continue;
		}
		remove_task(w, i);
		sched_outcome(w->sched, &o, w->now, w->ns);
		i = 0; // new tasks may have come
	}
}

void world_confirm(struct world *w, struct world_domain *d) {
	if (d->unconfirmed) {
		d->unconfirmed = false;
		sched_settled(w->sched, &d->name, w->now, w->ns);
	}
}

void world_pass(struct world *w, int64_t seconds) {
	start(w);
	for (int64_t i = 0; i < seconds * TICKS_PER_S; i++) {
		w->ns += CLOCK_NS_PER_S / TICKS_PER_S;
		if (i % TICKS_PER_S == TICKS_PER_S - 1) {
			w->now++;
		}
		sched_tick(w->sched, w->now, w->ns);
		world_run(w);
	}
}
