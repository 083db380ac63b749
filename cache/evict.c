// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Entries with a body are on the roster of their segment and know their place.
// A NONE has no octet to spare for that: such are found by a scan of the table,
// where they are the vast majority whenever their share is full; its `checking`,
// which no reader touches for want of a check time, says that it left probation.

#include "cache/evict.h"

#define LOG_TOPIC "cache"
#include "base/log.h"
#include "cache/regdom.h"
#include "cache/roster.h"
#include "cache/sketch.h"
#include "cache/slab.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_PART 17U	       // octets of a name: a quarter of 64, and overflow buckets
#define BUCKETS_FIRST 65536UL  // octets that are there from the start
#define ROSTERS EVICT_NONE_NEW // segments below have one

#define PROBATION 10 // part of a share
#define RESERVE 16   // part of the policies' share, for what passes, and to be over
#define DOMAIN_PART 100
#define DOMAIN_LEAST 262144UL // of a small share a hundredth is not one large policy

#define LOOKS 16       // the hand passes so many for a victim
#define LOOKS_LONG 128 // as long as it meets only such as are none
#define SCAN_BUCKETS 4 // at once
#define SCAN_ROUNDS 64 // for a victim
#define ALARM_EVERY_S 60

struct evict {
	struct evict_config config;
	struct roster rosters[ROSTERS];
	struct sketch *owners; // octets of policies by registered domain
	size_t share[EVICT_SHARES];
	size_t held;		    // rooms
	const struct entry *spared; // no victim now
	uint64_t cursor;	    // of the scan for NONE
	uint64_t random;
	boot_s_t alarmed;
	struct evict_stats stats;
};

static const char *const segment_str[] = {
	[EVICT_ENDED] = "ended",
	[EVICT_MODE_NONE] = "mode_none",
	[EVICT_TESTING] = "testing",
	[EVICT_ENFORCE] = "enforce",
	[EVICT_PASSING] = "passing",
	[EVICT_UNKNOWN] = "unknown",
	[EVICT_FAILED_NEW] = "failed_new",
	[EVICT_FAILED] = "failed",
	[EVICT_NONE_NEW] = "none_new",
	[EVICT_NONE] = "none",
};

const char *evict_segment_str(enum evict_segment segment) {
	return segment_str[segment];
}

static const char *const refusal_str[] = {
	[EVICT_NO_FULL] = "full",
	[EVICT_NO_DOMAIN] = "domain",
	[EVICT_NO_GROWTH] = "growth",
	[EVICT_NO_FAILED] = "failed",
	[EVICT_NO_NONE] = "none",
	[EVICT_NO_LOAD] = "load",
};

const char *evict_refusal_str(enum evict_refusal refusal) {
	return refusal_str[refusal];
}

struct evict *evict_new(const struct evict_config *config) {
	struct evict *ev = calloc(1, sizeof(*ev));
	if (ev == NULL) {
		return NULL;
	}
	ev->config = *config;
	ev->share[EVICT_FAILURES] = config->max_bytes / 100 * config->failed_percent;
	ev->share[EVICT_NONES] = config->max_bytes / 100 * config->none_percent;
	ev->share[EVICT_POLICIES] = config->max_bytes - ev->share[EVICT_FAILURES]
				    - ev->share[EVICT_NONES];
	ev->alarmed = INT64_MIN / 2;
	ev->random = config->seed | 1;
	ev->owners = sketch_new(config->seed);
	if (ev->owners == NULL) {
		evict_free(ev);
		return NULL;
	}
	return ev;
}

void evict_free(struct evict *ev) {
	if (ev == NULL) {
		return;
	}
	for (size_t i = 0; i < ROSTERS; i++) {
		roster_fini(&ev->rosters[i]);
	}
	sketch_free(ev->owners);
	free(ev);
}

// What stands where.

size_t evict_bytes(const struct entry *e) {
	size_t place = e->kind == ENTRY_NONE ? 0 : sizeof(struct entry *);
	return slab_slot_bytes(e) + BUCKET_PART + place;
}

enum evict_segment evict_segment_of(const struct entry *e) {
	if (e->kind == ENTRY_NONE) {
		return atomic_load_explicit(&e->checking, memory_order_relaxed) != 0
			       ? EVICT_NONE
			       : EVICT_NONE_NEW;
	}
	return (enum evict_segment)entry_body(e)->segment;
}

static bool is_kept_policy(const struct entry *e) {
	return e->kind == ENTRY_POLICY && evict_segment_of(e) <= EVICT_ENFORCE;
}

static bool is_ended(const struct entry *e, boot_s_t now) {
	return e->ends_s <= now;
}

static uint16_t used_of(const struct entry *e) {
	return atomic_load_explicit(&e->used_h, memory_order_relaxed);
}

static const char *owner_of(const struct entry *e, struct name *room, size_t *len) {
	room->len = e->name_len;
	memcpy(room->text, e->name, e->name_len);
	room->text[e->name_len] = '\0';
	return regdom_of(room, len);
}

static void add(struct evict *ev, struct entry *e, enum evict_segment segment) {
	ev->stats.entries[segment]++;
	ev->stats.bytes[segment] += evict_bytes(e);
	if (e->kind == ENTRY_NONE) {
		atomic_store_explicit(&e->checking, segment == EVICT_NONE, memory_order_relaxed);
		return;
	}
	struct entry_body *body = table_entry_body(e);
	body->segment = (uint8_t)segment;
	body->place = roster_add(&ev->rosters[segment], e);
}

static void take(struct evict *ev, const struct entry *e) {
	enum evict_segment segment = evict_segment_of(e);
	ev->stats.entries[segment]--;
	ev->stats.bytes[segment] -= evict_bytes(e);
	if (e->kind == ENTRY_NONE) {
		return;
	}
	uint32_t place = entry_body(e)->place;
	const struct entry *moved = roster_remove(&ev->rosters[segment], place);
	if (moved != NULL) {
		// `place` is the writer's alone.
		table_entry_body((struct entry *)(uintptr_t)moved)->place = place;
	}
}

// Puts an entry on another roster. Where memory is short it stays where it is.
static void move(struct evict *ev, const struct entry *e, enum evict_segment to) {
	if (to < ROSTERS && !roster_reserve(&ev->rosters[to])) {
		return;
	}
	take(ev, e);
	add(ev, (struct entry *)(uintptr_t)e, to);
}

static enum evict_segment
segment_for(const struct entry *e, enum policy_mode mode, bool passing, bool established) {
	static const enum evict_segment BY_MODE[] = {
		[POLICY_MODE_NONE] = EVICT_MODE_NONE,
		[POLICY_MODE_TESTING] = EVICT_TESTING,
		[POLICY_MODE_ENFORCE] = EVICT_ENFORCE,
	};
	switch (e->kind) {
	case ENTRY_POLICY:
		return passing ? EVICT_PASSING : BY_MODE[mode];
	case ENTRY_FAILED:
		return established ? EVICT_FAILED : EVICT_FAILED_NEW;
	case ENTRY_NONE:
		return established ? EVICT_NONE : EVICT_NONE_NEW;
	default:
		return EVICT_UNKNOWN;
	}
}

void evict_return(struct evict *ev, const struct entry *e, enum evict_segment segment) {
	add(ev, (struct entry *)(uintptr_t)e, segment);
	if (segment <= EVICT_ENFORCE) {
		struct name room;
		size_t len;
		const char *owner = owner_of(e, &room, &len);
		sketch_add(ev->owners, owner, len, evict_bytes(e));
	}
}

bool evict_enter(
	struct evict *ev,
	struct entry *e,
	enum policy_mode mode,
	bool passing,
	bool established
) {
	enum evict_segment segment = segment_for(e, mode, passing, established);
	if (segment < ROSTERS && !roster_reserve(&ev->rosters[segment])) {
		return false;
	}
	evict_return(ev, e, segment);
	return true;
}

void evict_leave(struct evict *ev, const struct entry *e) {
	if (is_kept_policy(e)) {
		struct name room;
		size_t len;
		const char *owner = owner_of(e, &room, &len);
		sketch_take(ev->owners, owner, len, evict_bytes(e));
	}
	take(ev, e);
}

void evict_note(struct evict *ev, const struct entry *e, boot_s_t now) {
	enum evict_segment segment = evict_segment_of(e);
	bool ends = segment > EVICT_ENDED && segment <= EVICT_ENFORCE && is_ended(e, now);
	bool proven = (segment == EVICT_FAILED_NEW || segment == EVICT_NONE_NEW) && used_of(e) != 0;
	if (ends) {
		move(ev, e, EVICT_ENDED);
	} else if (proven) {
		move(ev, e, segment + 1);
	}
}

// What is used, and what may be.

static size_t kept_bytes(const struct evict *ev) {
	const size_t *b = ev->stats.bytes;
	return b[EVICT_ENDED] + b[EVICT_MODE_NONE] + b[EVICT_TESTING] + b[EVICT_ENFORCE] + ev->held;
}

// Buckets stay when names go: those that no name pays for are `none`'s, who had
// the most.
static size_t idle_buckets(const struct evict *ev) {
	struct table_stats t = table_stats(ev->config.table);
	size_t paid = BUCKETS_FIRST + t.names * BUCKET_PART;
	return t.bucket_bytes > paid ? t.bucket_bytes - paid : 0;
}

static size_t used(const struct evict *ev, enum evict_share share) {
	const size_t *b = ev->stats.bytes;
	switch (share) {
	case EVICT_POLICIES:
		return kept_bytes(ev);
	case EVICT_FAILURES:
		return b[EVICT_UNKNOWN] + b[EVICT_FAILED_NEW] + b[EVICT_FAILED];
	default:
		return b[EVICT_NONE_NEW] + b[EVICT_NONE] + idle_buckets(ev);
	}
}

static size_t limit(const struct evict *ev, enum evict_share share) {
	size_t own = ev->share[share];
	if (share == EVICT_POLICIES) {
		return own - own / RESERVE;
	}
	size_t policies = kept_bytes(ev);
	if (share == EVICT_NONES && policies > ev->share[EVICT_POLICIES]) {
		size_t over = policies - ev->share[EVICT_POLICIES];
		size_t least = own / 8;
		return over < own - least ? own - over : least;
	}
	return own;
}

// Victims.

// Between a half and one and a half of n. A hand that always takes the same number
// of steps would choose among the same neighbours each time round, and the first of
// equals would always be the same one.
static unsigned about(struct evict *ev, unsigned n) {
	ev->random = ev->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return n / 2 + (unsigned)(ev->random >> 33) % (n + 1);
}

// The lower, the sooner given up.
static uint64_t worth(const struct entry *e, enum evict_segment segment, boot_s_t now) {
	if (is_ended(e, now)) {
		return 0;
	}
	uint16_t hour = segment == EVICT_PASSING ? 0 : used_of(e);
	return (uint64_t)hour << 32 | e->ends_s;
}

static bool stays(const struct evict *ev, const struct entry *e) {
	return e == ev->spared || ev->config.stays(ev->config.arg, e);
}

static bool give_up(struct evict *ev, const struct entry *e) {
	enum evict_segment segment = evict_segment_of(e);
	if (!ev->config.give_up(ev->config.arg, e)) {
		return false;
	}
	ev->stats.evicted[segment]++;
	return true;
}

// Of those that the hand passes the least worth.
static const struct entry *least_of(struct evict *ev, enum evict_segment segment, boot_s_t now) {
	struct roster *r = &ev->rosters[segment];
	const struct entry *least = NULL;
	uint64_t least_worth = UINT64_MAX;
	unsigned looks = about(ev, LOOKS);
	for (unsigned i = 0; i < LOOKS_LONG && i < r->count; i++) {
		if (i >= looks && least != NULL) {
			break;
		}
		const struct entry *e = roster_pass(r);
		evict_note(ev, e, now);
		if (evict_segment_of(e) != segment) {
			continue;
		}
		uint64_t w = worth(e, segment, now);
		if (w < least_worth && !stays(ev, e)) {
			least = e;
			least_worth = w;
		}
	}
	return least;
}

static bool give_up_from(struct evict *ev, enum evict_segment segment, boot_s_t now) {
	const struct entry *e = least_of(ev, segment, now);
	return e != NULL && give_up(ev, e);
}

// Lets the hand look for policies that have ended since the sweep came by.
static void find_ended(struct evict *ev, enum evict_segment segment, unsigned looks, boot_s_t now) {
	struct roster *r = &ev->rosters[segment];
	for (unsigned i = 0; i < looks && i < r->count; i++) {
		evict_note(ev, roster_pass(r), now);
	}
}

// @param most  The policy that wants the room is of this segment: none of a higher
//              one makes room for it.
static bool give_up_policy(struct evict *ev, enum evict_segment most, boot_s_t now) {
	for (enum evict_segment s = EVICT_MODE_NONE; s <= EVICT_ENFORCE; s++) {
		if (ev->rosters[EVICT_ENDED].count == 0) {
			find_ended(ev, s, LOOKS, now);
		}
	}
	for (enum evict_segment s = EVICT_ENDED; s <= EVICT_TESTING && s <= most; s++) {
		if (give_up_from(ev, s, now)) {
			return true;
		}
	}
	find_ended(ev, EVICT_ENFORCE, LOOKS_LONG, now);
	return give_up_from(ev, EVICT_ENDED, now);
}

// Whether one on probation goes, of a share that is full.
static bool on_probation(const struct evict *ev, enum evict_share share, size_t need) {
	enum evict_segment fresh = share == EVICT_NONES ? EVICT_NONE_NEW : EVICT_FAILED_NEW;
	size_t tenth = limit(ev, share) / PROBATION;
	return ev->stats.entries[fresh] > 0
	       && (ev->stats.entries[fresh + 1] == 0 || ev->stats.bytes[fresh] + need > tenth);
}

static bool give_up_failure(struct evict *ev, size_t need, boot_s_t now) {
	if (ev->stats.entries[EVICT_UNKNOWN] > 0 && give_up_from(ev, EVICT_UNKNOWN, now)) {
		return true;
	}
	bool fresh = on_probation(ev, EVICT_FAILURES, need);
	size_t proven = ev->stats.entries[EVICT_FAILED];
	return give_up_from(ev, fresh ? EVICT_FAILED_NEW : EVICT_FAILED, now)
	       || (ev->stats.entries[EVICT_FAILED] > proven && give_up_from(ev, EVICT_FAILED, now));
}

struct hunt {
	struct evict *ev;
	boot_s_t now;
	enum evict_segment wanted;
	const struct entry *found[2]; // not of the wanted segment, and of it
	uint64_t worth[2];
};

static void look_at_none(void *arg, const struct entry *e) {
	struct hunt *h = arg;
	evict_note(h->ev, e, h->now);
	if (e->kind != ENTRY_NONE) {
		return;
	}
	enum evict_segment segment = evict_segment_of(e);
	// What has ended goes before all, wherever it stands.
	int which = segment == h->wanted || is_ended(e, h->now);
	uint64_t w = worth(e, segment, h->now);
	bool less = h->found[which] == NULL || w < h->worth[which];
	if (less && !stays(h->ev, e)) {
		h->found[which] = e;
		h->worth[which] = w;
	}
}

static bool give_up_none(struct evict *ev, size_t need, boot_s_t now) {
	struct hunt h = {
		.ev = ev,
		.now = now,
		.wanted = on_probation(ev, EVICT_NONES, need) ? EVICT_NONE_NEW : EVICT_NONE,
	};
	size_t proven = ev->stats.entries[EVICT_NONE];
	for (int i = 0; i < SCAN_ROUNDS && h.found[1] == NULL; i++) {
		// On probation all are alike, so the first bucket that has one will do.
		unsigned buckets = h.wanted == EVICT_NONE_NEW ? 1 : about(ev, SCAN_BUCKETS);
		table_scan(ev->config.table, &ev->cursor, buckets, look_at_none, &h);
	}
	// One that was used again never goes for one on probation, but when those on
	// probation that were met had all been used again.
	bool other = h.found[1] == NULL
		     && (h.wanted == EVICT_NONE || ev->stats.entries[EVICT_NONE] > proven);
	const struct entry *victim = h.found[other ? 0 : 1];
	return victim != NULL && give_up(ev, victim);
}

// Gives up until `need` octets more fit below `most`.
// @return False: there are no victims, or the step is over and too much is left.
static bool
make_room(struct evict *ev, enum evict_segment segment, size_t need, size_t most, boot_s_t now) {
	enum evict_share share = segment <= EVICT_PASSING  ? EVICT_POLICIES
				 : segment <= EVICT_FAILED ? EVICT_FAILURES
							   : EVICT_NONES;
	for (int i = 0; i < EVICT_STEP_MAX && used(ev, share) + need > most; i++) {
		bool gone = share == EVICT_POLICIES   ? give_up_policy(ev, segment, now)
			    : share == EVICT_FAILURES ? give_up_failure(ev, need, now)
						      : give_up_none(ev, need, now);
		if (!gone) {
			return false;
		}
	}
	// What a large entry leaves over is for the turns that follow.
	return used(ev, share) + need <= most + most / RESERVE;
}

static bool make_room_to_pass(struct evict *ev, size_t need, boot_s_t now) {
	size_t most = ev->share[EVICT_POLICIES] / RESERVE;
	for (int i = 0; i < EVICT_STEP_MAX && ev->stats.bytes[EVICT_PASSING] + need > most; i++) {
		if (!give_up_from(ev, EVICT_PASSING, now)) {
			break;
		}
	}
	return ev->stats.bytes[EVICT_PASSING] + need <= most;
}

// Admission.

static void alarm_full(struct evict *ev, const char *why, const struct name *domain, boot_s_t now) {
	if (now - ev->alarmed < ALARM_EVERY_S) {
		return;
	}
	ev->alarmed = now;
	const uint64_t *n = ev->stats.refused;
	LOG(ERROR,
	    "cache-full (%s): %s is not kept, like %llu policies before: raise cache.max_bytes",
	    why,
	    domain->text,
	    (unsigned long long
	    )(n[EVICT_NO_FULL] + n[EVICT_NO_DOMAIN] + n[EVICT_NO_GROWTH] + n[EVICT_NO_LOAD] - 1));
}

static enum evict_verdict
refuse(struct evict *ev, enum evict_refusal why, const struct evict_ask *ask, boot_s_t now) {
	ev->stats.refused[why]++;
	if (why <= EVICT_NO_GROWTH || why == EVICT_NO_LOAD) {
		alarm_full(ev, refusal_str[why], ask->domain, now);
	}
	if (why == EVICT_NO_GROWTH) {
		return EVICT_STANDS;
	}
	bool passes = (why == EVICT_NO_FULL || why == EVICT_NO_DOMAIN)
		      && make_room_to_pass(ev, evict_bytes(ask->e), now);
	return passes ? EVICT_PASSES : EVICT_REFUSED;
}

// A renewal may take twice the part of its registered domain.
static bool
owner_has_part(const struct evict *ev, const struct evict_ask *ask, size_t need, bool renewal) {
	size_t part = ev->share[EVICT_POLICIES] / DOMAIN_PART;
	part = (part > DOMAIN_LEAST ? part : DOMAIN_LEAST) * (renewal ? 2 : 1);
	size_t len;
	const char *owner = regdom_of(ask->domain, &len);
	return need > 0 && sketch_sum(ev->owners, owner, len) + need > part;
}

static enum evict_verdict
admit_policy(struct evict *ev, const struct evict_ask *ask, boot_s_t now) {
	const struct entry *old = ask->old;
	bool known = old != NULL && is_kept_policy(old);
	bool renewal = known && !is_ended(old, now);
	size_t bytes = evict_bytes(ask->e);
	size_t saved = known ? evict_bytes(old) : 0;
	size_t need = bytes > saved ? bytes - saved : 0;
	enum evict_segment segment = is_ended(ask->e, now)
					     ? EVICT_ENDED
					     : segment_for(ask->e, ask->mode, false, false);
	bool may_stand = renewal && evict_segment_of(old) == EVICT_ENFORCE;
	if (!ask->loading && owner_has_part(ev, ask, need, renewal)) {
		return refuse(ev, may_stand ? EVICT_NO_GROWTH : EVICT_NO_DOMAIN, ask, now);
	}
	if (need == 0 || make_room(ev, segment, need, limit(ev, EVICT_POLICIES), now)) {
		return EVICT_KEPT;
	}
	bool above = renewal || (ask->loading && segment == EVICT_ENFORCE);
	if (above && kept_bytes(ev) + need <= ev->config.max_bytes) {
		return EVICT_KEPT;
	}
	return refuse(
		ev,
		ask->loading ? EVICT_NO_LOAD
		: may_stand  ? EVICT_NO_GROWTH
			     : EVICT_NO_FULL,
		ask,
		now
	);
}

static enum evict_verdict
admit_negative(struct evict *ev, const struct evict_ask *ask, boot_s_t now) {
	enum evict_segment segment = segment_for(ask->e, ask->mode, false, false);
	bool none = ask->e->kind == ENTRY_NONE;
	bool same = ask->old != NULL && ask->old->kind != ENTRY_POLICY
		    && (ask->old->kind == ENTRY_NONE) == none;
	size_t bytes = evict_bytes(ask->e);
	size_t saved = same ? evict_bytes(ask->old) : 0;
	size_t need = bytes > saved ? bytes - saved : 0;
	size_t most = limit(ev, none ? EVICT_NONES : EVICT_FAILURES);
	if (need == 0 || make_room(ev, segment, need, most, now)) {
		return EVICT_KEPT;
	}
	return refuse(ev, none ? EVICT_NO_NONE : EVICT_NO_FAILED, ask, now);
}

enum evict_verdict evict_admit(struct evict *ev, const struct evict_ask *ask, boot_s_t now) {
	ev->spared = ask->old;
	enum evict_verdict v = ask->e->kind == ENTRY_POLICY ? admit_policy(ev, ask, now)
							    : admit_negative(ev, ask, now);
	ev->spared = NULL;
	return v;
}

bool evict_may_make(struct evict *ev, size_t name_len, boot_s_t now) {
	struct table_stats t = table_stats(ev->config.table);
	if (t.span_bytes + t.bucket_bytes <= ev->config.max_bytes
	    || table_none_fits(ev->config.table, name_len)) {
		return true;
	}
	(void)(give_up_none(ev, 0, now) && give_up_none(ev, 0, now));
	ev->stats.refused[EVICT_NO_NONE]++;
	return false;
}

void evict_hold(struct evict *ev, size_t room) {
	ev->held += room;
}

void evict_let_go(struct evict *ev, size_t room) {
	ev->held -= room;
}

void evict_turn(struct evict *ev, boot_s_t now) {
	static const enum evict_segment LAST[] = {
		[EVICT_POLICIES] = EVICT_ENFORCE,
		[EVICT_FAILURES] = EVICT_FAILED,
		[EVICT_NONES] = EVICT_NONE,
	};
	for (int share = 0; share < EVICT_SHARES; share++) {
		(void)make_room(ev, LAST[share], 0, limit(ev, (enum evict_share)share), now);
	}
}

void evict_stats(const struct evict *ev, struct evict_stats *out) {
	*out = ev->stats;
	for (int share = 0; share < EVICT_SHARES; share++) {
		out->used[share] = used(ev, (enum evict_share)share);
		out->limit[share] = limit(ev, (enum evict_share)share);
	}
}
