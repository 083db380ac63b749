// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/pace.h"

#include <stdlib.h>

#define SETS 4096U
#define WAYS 4U
#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define PER_HOUR_MAX 10

// A name is known by 64 bits of a keyed hash: two names in one entry would only
// share a limit.
struct entry {
	uint64_t tag; // 0: free
	boot_s_t last;
	boot_s_t window; // start of the hour that `count` counts
	boot_s_t held_until;
	uint32_t count;
	struct record_backoff backoff;
};

struct pace {
	uint64_t seed;
	struct entry entries[SETS][WAYS];
};

struct pace *pace_new(uint64_t seed) {
	struct pace *p = calloc(1, sizeof(*p));
	if (p != NULL) {
		p->seed = seed;
	}
	return p;
}

void pace_free(struct pace *p) {
	free(p);
}

static uint64_t tag_of(const struct pace *p, const struct name *domain) {
	return name_hash(domain->text, domain->len, p->seed) | 1;
}

static const struct entry *find(const struct pace *p, const struct name *domain) {
	uint64_t tag = tag_of(p, domain);
	const struct entry *set = p->entries[(tag >> 32U) % SETS];
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].tag == tag) {
			return &set[i];
		}
	}
	return NULL;
}

// The entry of the domain, or the quietest of its set made new for it.
static struct entry *claim(struct pace *p, const struct name *domain, boot_s_t now) {
	uint64_t tag = tag_of(p, domain);
	struct entry *set = p->entries[(tag >> 32U) % SETS];
	struct entry *quietest = &set[0];
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].tag == tag) {
			return &set[i];
		}
		if (quietest->tag != 0 && (set[i].tag == 0 || set[i].last < quietest->last)) {
			quietest = &set[i];
		}
	}
	*quietest = (struct entry){
		.tag = tag,
		.last = now - HOUR_S,
		.window = now,
		.held_until = now,
	};
	return quietest;
}

void pace_note(struct pace *p, const struct name *domain, boot_s_t now) {
	struct entry *e = claim(p, domain, now);
	if (now - e->window >= HOUR_S) {
		e->window = now;
		e->count = 0;
	}
	e->last = now;
	e->count++;
}

void pace_hold(struct pace *p, const struct name *domain, boot_s_t until, boot_s_t now) {
	claim(p, domain, now)->held_until = until;
}

void pace_remember(
	struct pace *p,
	const struct name *domain,
	const struct record_backoff *backoff,
	boot_s_t now
) {
	bool any = backoff->id[0] != '\0';
	if (any || find(p, domain) != NULL) {
		claim(p, domain, now)->backoff = *backoff;
	}
}

static int64_t wait_s(const struct entry *e, boot_s_t now) {
	boot_s_t at = e->last + MINUTE_S;
	if (e->count >= PER_HOUR_MAX && e->window + HOUR_S > at) {
		at = e->window + HOUR_S;
	}
	if (e->held_until > at) {
		at = e->held_until;
	}
	return at > now ? at - now : 0;
}

struct pace_state pace_look(const struct pace *p, const struct name *domain, boot_s_t now) {
	const struct entry *e = find(p, domain);
	struct pace_state state = {0};
	if (e == NULL) {
		return state;
	}
	state.wait_s = wait_s(e, now);
	state.held_s = e->held_until > now ? e->held_until - now : 0;
	if (now - e->backoff.retry_at < DAY_S) {
		state.backoff = e->backoff;
	}
	return state;
}
