// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/alert.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 16384U
#define SLICE 64
#define LOOK_EVERY_S 60
#define TELL_EVERY_S 3600

struct node {
	TAILQ_ENTRY(node) link;
	struct node *chain;
	boot_s_t ends_at;
	boot_s_t since;
	boot_s_t tell_at; // not before
	boot_s_t look_at; // not before
	uint32_t max_age_s;
	enum policy_mode mode;
	enum record_alert level;
	uint8_t len;
	char text[];
};

struct alert {
	TAILQ_HEAD(, node) nodes; // in order of look_at
	size_t counts[RECORD_ALERT_LEVELS];
	struct node *buckets[BUCKETS];
};

struct alert *alert_new(void) {
	struct alert *a = calloc(1, sizeof(*a));
	if (a != NULL) {
		TAILQ_INIT(&a->nodes);
	}
	return a;
}

void alert_free(struct alert *a) {
	struct node *n;
	while (a != NULL && (n = TAILQ_FIRST(&a->nodes)) != NULL) {
		TAILQ_REMOVE(&a->nodes, n, link);
		free(n);
	}
	free(a);
}

// To be here a domain must have a policy: a collision is worth nobody's while.
static struct node **find(struct alert *a, const struct name *domain) {
	struct node **at = &a->buckets[name_hash(domain->text, domain->len, 0) % BUCKETS];
	while (*at != NULL
	       && ((*at)->len != domain->len || memcmp((*at)->text, domain->text, domain->len) != 0)
	) {
		at = &(*at)->chain;
	}
	return at;
}

static void drop(struct alert *a, struct node **where) {
	struct node *n = *where;
	*where = n->chain;
	a->counts[n->level]--;
	TAILQ_REMOVE(&a->nodes, n, link);
	free(n);
}

static struct node *add(struct alert *a, struct node **where, const struct name *domain) {
	struct node *n = malloc(sizeof(*n) + domain->len);
	if (n == NULL) {
		return NULL; // one that is not watched
	}
	*n = (struct node){.chain = *where, .len = domain->len};
	memcpy(n->text, domain->text, domain->len);
	*where = n;
	a->counts[n->level]++;
	TAILQ_INSERT_HEAD(&a->nodes, n, link);
	return n;
}

static enum record_alert level_of(const struct node *n, boot_s_t now) {
	struct record r = {
		.kind = RECORD_POLICY,
		.ends_at = n->ends_at,
		.policy = {.mode = n->mode, .max_age_s = n->max_age_s},
		.failure = {.why = "?", .since = n->since},
	};
	return record_alert(&r, now);
}

void alert_note(struct alert *a, const struct record *rec, boot_s_t now) {
	struct node **where = find(a, &rec->domain);
	struct node *n = *where;
	if (record_alert(rec, now) == RECORD_ALERT_OK) {
		if (n != NULL) {
			drop(a, where);
		}
		return;
	}
	n = n != NULL ? n : add(a, where, &rec->domain);
	if (n != NULL) {
		TAILQ_REMOVE(&a->nodes, n, link);
		TAILQ_INSERT_HEAD(&a->nodes, n, link);
		n->look_at = INT64_MIN;
		n->ends_at = rec->ends_at;
		n->since = rec->failure.since;
		n->max_age_s = rec->policy.max_age_s;
		n->mode = rec->policy.mode;
	}
}

void alert_forget(struct alert *a, const struct name *domain) {
	if (TAILQ_EMPTY(&a->nodes)) {
		return;
	}
	struct node **where = find(a, domain);
	if (*where != NULL) {
		drop(a, where);
	}
}

bool alert_may_tell(struct alert *a, const struct name *domain, boot_s_t now) {
	struct node *n = *find(a, domain);
	if (n == NULL) {
		return true;
	}
	bool may = now >= n->tell_at;
	n->tell_at = may ? now + TELL_EVERY_S : n->tell_at;
	return may;
}

void alert_turn(
	struct alert *a,
	boot_s_t now,
	void (*risen
	)(void *arg, const struct name *domain, enum record_alert level, int64_t left_s),
	void *arg
) {
	for (unsigned i = 0; i < SLICE; i++) {
		struct node *n = TAILQ_FIRST(&a->nodes);
		if (n == NULL || now < n->look_at) {
			return;
		}
		n->look_at = now + LOOK_EVERY_S;
		TAILQ_REMOVE(&a->nodes, n, link);
		TAILQ_INSERT_TAIL(&a->nodes, n, link);
		struct name domain = {.len = n->len};
		memcpy(domain.text, n->text, n->len);
		enum record_alert level = level_of(n, now);
		if (level == RECORD_ALERT_OK) {
			alert_forget(a, &domain);
			continue;
		}
		enum record_alert was = n->level;
		a->counts[was]--;
		a->counts[level]++;
		n->level = level;
		if (level > was) {
			risen(arg, &domain, level, n->ends_at - now);
		}
	}
}

size_t alert_count(const struct alert *a, enum record_alert level) {
	return level == RECORD_ALERT_OK ? 0 : a->counts[level];
}
