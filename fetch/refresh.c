// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/refresh.h"

#include "cache/regdom.h"
#include "fetch/backoff.h"
#include "fetch/due.h"
#include "fetch/wheel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_A_TURN 1024
#define AGED_A_TURN 256
#define DEFERRED_AT_ONCE 256
// A hundredth of the rate is a whole number over a hundred seconds.
#define WINDOW_S 100
#define SETS 4096U
#define WAYS 4U

// What a registered domain has had in this window. Two that share 64 bits of a
// keyed hash share their part.
struct part {
	uint64_t tag; // 0: free
	boot_s_t window;
	uint32_t count;
};

struct refresh {
	struct refresh_config config;
	uint64_t random;
	struct wheel *wheel;
	struct due *due;
	mono_ns_t from_ns; // what a second's refreshes are paid from
	bool started;
	uint64_t deferred;
	struct part parts[SETS][WAYS];
};

struct refresh *refresh_new(const struct refresh_config *config) {
	struct refresh *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->config = *config;
	r->random = config->seed;
	r->wheel = wheel_new(backoff_random(&r->random));
	r->due = due_new(backoff_random(&r->random));
	if (r->wheel == NULL || r->due == NULL) {
		refresh_free(r);
		errno = ENOMEM;
		return NULL;
	}
	return r;
}

void refresh_free(struct refresh *r) {
	if (r == NULL) {
		return;
	}
	wheel_free(r->wheel);
	due_free(r->due);
	free(r);
}

void refresh_arm(struct refresh *r, const struct name *domain, boot_s_t at) {
	(void)due_drop(r->due, domain);
	// Without memory the policy is found again by its next check on use.
	(void)!wheel_arm(r->wheel, domain, at);
}

void refresh_disarm(struct refresh *r, const struct name *domain) {
	(void)due_drop(r->due, domain);
	(void)wheel_disarm(r->wheel, domain);
}

// Whether a domain whose time has come shall be fetched. One whose time is later
// after all gets that; one that nobody uses is left to its end.
static bool
wants(struct refresh *r, const struct name *domain, boot_s_t now, struct due_policy *out) {
	struct record cur;
	if (!r->config.current(r->config.arg, domain, &cur) || cur.kind != RECORD_POLICY
	    || now >= cur.ends_at || now - cur.used_at > (int64_t)r->config.unused_s
	    || cur.refresh_at == CLOCK_NEVER) {
		return false;
	}
	*out = (struct due_policy){
		.domain = *domain,
		.mode = cur.policy.mode,
		.max_age_s = cur.policy.max_age_s,
		.ends_at = cur.ends_at,
	};
	return true;
}

void refresh_turn(struct refresh *r, boot_s_t now) {
	struct name domain;
	struct due_policy policy;
	for (size_t i = 0; i < TAKEN_A_TURN && wheel_pop(r->wheel, now, &domain); i++) {
		if (wants(r, &domain, now, &policy) && due_push(r->due, &policy, now) != 0) {
			(void)!wheel_arm(r->wheel, &domain, now + WINDOW_S);
		}
	}
	due_age(r->due, AGED_A_TURN, now);
}

static uint64_t tag_of(const struct refresh *r, const struct name *domain) {
	size_t len;
	const char *at = regdom_of(domain, &len);
	return name_hash(at, len, r->config.seed) | 1;
}

// The part of the registered domain, or that of the set whose window is oldest,
// made new for it.
static struct part *part_of(struct refresh *r, const struct name *domain, boot_s_t now) {
	uint64_t tag = tag_of(r, domain);
	struct part *set = r->parts[(tag >> 32U) % SETS];
	struct part *found = &set[0];
	for (unsigned i = 0; i < WAYS && found->tag != tag; i++) {
		if (set[i].tag == tag || set[i].window < found->window) {
			found = &set[i];
		}
	}
	if (found->tag != tag || now - found->window >= WINDOW_S) {
		*found = (struct part){.tag = tag, .window = now};
	}
	return found;
}

// @return Whether it may be fetched; else it is put off until the window is over.
static bool takes_part(struct refresh *r, const struct name *domain, bool is_short, boot_s_t now) {
	struct part *p = part_of(r, domain, now);
	if (!is_short || p->count < r->config.per_s) {
		p->count++;
		return true;
	}
	boot_s_t over = p->window + WINDOW_S;
	(void
	)!wheel_arm(r->wheel, domain, backoff_spread(over + WINDOW_S - now, 50, &r->random) + now);
	r->deferred++;
	return false;
}

// Each refresh takes its part of a second from the time that has passed, of which
// at most one second is kept.
static bool pay(struct refresh *r, mono_ns_t now_ns) {
	mono_ns_t price = CLOCK_NS_PER_S / r->config.per_s;
	if (!r->started || now_ns - r->from_ns > CLOCK_NS_PER_S) {
		r->from_ns = r->started ? now_ns - CLOCK_NS_PER_S : now_ns - price;
		r->started = true;
	}
	if (now_ns - r->from_ns < price) {
		return false;
	}
	r->from_ns += price;
	return true;
}

bool refresh_next(struct refresh *r, boot_s_t now, mono_ns_t now_ns, struct name *out) {
	struct due_policy policy;
	if (r->config.per_s == 0 || due_count(r->due) == 0 || !pay(r, now_ns)) {
		return false;
	}
	bool is_short = due_count(r->due) > r->config.per_s;
	for (size_t i = 0; i < DEFERRED_AT_ONCE && due_pop(r->due, out); i++) {
		if (wants(r, out, now, &policy) && takes_part(r, out, is_short, now)) {
			return true;
		}
	}
	return false;
}

struct refresh_stats refresh_stats(const struct refresh *r) {
	return (struct refresh_stats){
		.armed = wheel_count(r->wheel) + due_count(r->due),
		.due = due_count(r->due),
		.deferred = r->deferred,
	};
}
