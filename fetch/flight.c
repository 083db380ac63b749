// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/flight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct flight_pool {
	uint64_t seed;
	size_t max;
	size_t bucket_mask;
	struct flight **buckets;
	struct flight *places;
	struct flight *free; // by chain
	size_t counts[FLIGHT_STAGES];
	struct flight_list stages[FLIGHT_STAGES];
};

struct flight_pool *flight_pool_new(size_t max, uint64_t seed) {
	struct flight_pool *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return NULL;
	}
	size_t buckets = 64;
	while (buckets < max) {
		buckets *= 2;
	}
	f->seed = seed;
	f->max = max;
	f->bucket_mask = buckets - 1;
	f->buckets = calloc(buckets, sizeof(struct flight *));
	f->places = calloc(max, sizeof(struct flight));
	if (f->buckets == NULL || f->places == NULL) {
		flight_pool_free(f);
		return NULL;
	}
	for (size_t i = max; i > 0; i--) {
		f->places[i - 1].chain = f->free;
		f->free = &f->places[i - 1];
	}
	for (unsigned s = 0; s < FLIGHT_STAGES; s++) {
		TAILQ_INIT(&f->stages[s]);
	}
	return f;
}

void flight_pool_free(struct flight_pool *f) {
	if (f == NULL) {
		return;
	}
	for (size_t i = 0; f->places != NULL && i < f->max; i++) {
		free(f->places[i].waiters.list);
		free(f->places[i].followers.list);
	}
	free(f->places);
	free(f->buckets);
	free(f);
}

static struct flight **bucket(const struct flight_pool *f, const struct name *domain) {
	return &f->buckets[name_hash(domain->text, domain->len, f->seed) & f->bucket_mask];
}

struct flight *flight_find(const struct flight_pool *f, const struct name *domain) {
	struct flight *fl = *bucket(f, domain);
	while (fl != NULL && !name_equal(&fl->job.domain, domain)) {
		fl = fl->chain;
	}
	return fl;
}

struct flight *flight_open(struct flight_pool *f, const struct name *domain, mono_ns_t now_ns) {
	struct flight *fl = f->free;
	if (fl == NULL) {
		return NULL;
	}
	f->free = fl->chain;
	*fl = (struct flight){
		.generation = fl->generation,
		.since_ns = now_ns,
		.stage = FLIGHT_TXT,
		.job.domain = *domain,
	};
	struct flight **b = bucket(f, domain);
	fl->chain = *b;
	*b = fl;
	TAILQ_INSERT_TAIL(&f->stages[FLIGHT_TXT], fl, stage_link);
	f->counts[FLIGHT_TXT]++;
	return fl;
}

void flight_close(struct flight_pool *f, struct flight *fl) {
	assert(fl->waiters.list == NULL && fl->followers.list == NULL);
	struct flight **at = bucket(f, &fl->job.domain);
	while (*at != fl) {
		at = &(*at)->chain;
	}
	*at = fl->chain;
	TAILQ_REMOVE(&f->stages[fl->stage], fl, stage_link);
	f->counts[fl->stage]--;
	fl->generation++; // a task that is still out finds nobody
	fl->stage = FLIGHT_STAGES;
	fl->chain = f->free;
	f->free = fl;
}

void flight_enter(
	struct flight_pool *f,
	struct flight *fl,
	enum flight_stage stage,
	mono_ns_t now_ns
) {
	TAILQ_REMOVE(&f->stages[fl->stage], fl, stage_link);
	f->counts[fl->stage]--;
	fl->stage = stage;
	fl->since_ns = now_ns;
	TAILQ_INSERT_TAIL(&f->stages[stage], fl, stage_link);
	f->counts[stage]++;
}

const struct flight_list *flight_in(const struct flight_pool *f, enum flight_stage stage) {
	return &f->stages[stage];
}

size_t flight_count(const struct flight_pool *f, enum flight_stage stage) {
	return f->counts[stage];
}

size_t flight_total(const struct flight_pool *f) {
	size_t n = 0;
	for (unsigned s = 0; s < FLIGHT_STAGES; s++) {
		n += f->counts[s];
	}
	return n;
}

uint64_t flight_task(const struct flight_pool *f, struct flight *fl) {
	fl->generation++;
	return flight_task_now(f, fl);
}

uint64_t flight_task_now(const struct flight_pool *f, const struct flight *fl) {
	return (uint64_t)fl->generation << 32U | (uint64_t)(fl - f->places);
}

struct flight *flight_of_task(const struct flight_pool *f, uint64_t task) {
	size_t place = task & UINT32_MAX;
	if (place >= f->max) {
		return NULL;
	}
	struct flight *fl = &f->places[place];
	bool out = fl->stage == FLIGHT_TXT || fl->stage == FLIGHT_ADDRESS
		   || fl->stage == FLIGHT_POLICY;
	return out && fl->generation == task >> 32U ? fl : NULL;
}

bool flight_wait(struct flight_waiters *w, const struct sched_waiter *waiter) {
	if (waiter->silent) {
		return true;
	}
	if (w->count == w->cap) {
		size_t cap = w->cap > 0 ? 2 * w->cap : 4;
		struct sched_waiter *grown = reallocarray(w->list, cap, sizeof(*grown));
		if (grown == NULL) {
			return false;
		}
		w->list = grown;
		w->cap = cap;
	}
	w->list[w->count++] = *waiter;
	return true;
}
