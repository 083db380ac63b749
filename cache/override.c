// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/override.h"

#include "base/bytes.h"
#include "base/err.h"
#define LOG_TOPIC "override"
#include "base/log.h"
#include "cache/cache_load.h"
#include "cache/cache_publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

// On disk, network byte order: version 1, mode 1, set_at 8, ends_at 8 (wall
// seconds, INT64_MAX for never), XXH3-64 of all before 8.

#define VERSION 1
#define BODY_BYTES 18
#define VALUE_BYTES (BODY_BYTES + 8)
#define REWRITE_AFTER_NS CLOCK_NS_PER_S

// An override is taken away in the last second before its end. So its entry is
// replaced before a worker finds that it has ended, which would be a miss.
#define LEAD_S 1

struct override_slot {
	TAILQ_ENTRY(override_slot) link;
	TAILQ_ENTRY(override_slot) pending; // in `unconfirmed`
	bool is_pending;
	struct override_slot *next_in_bucket;
	struct override o;
	bool cleared; // only the deletion is to be confirmed yet
	uint64_t ticket;
	uint64_t cookie;
	mono_ns_t retry_at;
};

void override_init(struct override_set *s) {
	TAILQ_INIT(&s->list);
	TAILQ_INIT(&s->unconfirmed);
	s->next_end = CLOCK_NEVER;
}

void override_fini(struct override_set *s) {
	struct override_slot *slot;
	while ((slot = TAILQ_FIRST(&s->list)) != NULL) {
		TAILQ_REMOVE(&s->list, slot, link);
		free(slot);
	}
}

// The rules.

static boot_s_t earlier(boot_s_t a, boot_s_t b) {
	return a < b ? a : b;
}

static bool is_over(const struct override *o, boot_s_t now) {
	return o->ends_at != CLOCK_NEVER && now >= o->ends_at - LEAD_S;
}

bool override_view(
	const struct override *o,
	const struct record *rec,
	boot_s_t now,
	struct override_view *out
) {
	if (o == NULL || is_over(o, now)) {
		return false;
	}
	if (o->mode == POLICY_MODE_NONE) {
		// The check lets what is beneath be found, or found again.
		*out = (struct override_view){
			.shown = {.kind = RECORD_NONE, .domain = rec->domain},
			.ends_at = o->ends_at,
			.check_at = earlier(rec->next_check_at, rec->ends_at),
		};
	} else {
		bool in_force = rec->kind == RECORD_POLICY && rec->ends_at > now;
		if (!in_force || rec->policy.mx_count == 0) {
			return false;
		}
		*out = (struct override_view){
			.shown = *rec,
			.ends_at = earlier(o->ends_at, rec->ends_at),
			.check_at = rec->next_check_at,
		};
		out->shown.policy.mode = o->mode;
	}
	out->shown.overridden = true;
	return true;
}

// The set.

static size_t bucket_of(const struct name *domain) {
	return XXH3_64bits(domain->text, domain->len) % OVERRIDE_BUCKETS;
}

static struct override_slot *slot_of(const struct cache *c, const struct name *domain) {
	if (TAILQ_EMPTY(&c->overrides.list)) {
		return NULL;
	}
	struct override_slot *s = c->overrides.by_domain[bucket_of(domain)];
	while (s != NULL && !name_equal(&s->o.domain, domain)) {
		s = s->next_in_bucket;
	}
	return s;
}

const struct override *override_of(const struct cache *c, const struct name *domain) {
	const struct override_slot *s = slot_of(c, domain);
	return s != NULL && !s->cleared ? &s->o : NULL;
}

bool override_find(const struct cache *c, const struct name *domain, struct override *out) {
	const struct override *o = override_of(c, domain);
	if (o != NULL) {
		*out = *o;
	}
	return o != NULL;
}

void override_scan(
	const struct cache *c,
	unsigned *cursor,
	void (*fn)(void *arg, const struct override *o),
	void *arg
) {
	const struct override_slot *s = c->overrides.by_domain[*cursor];
	for (; s != NULL; s = s->next_in_bucket) {
		if (!s->cleared) {
			fn(arg, &s->o);
		}
	}
	*cursor = (*cursor + 1) % OVERRIDE_BUCKETS;
}

struct override_stats override_stats(const struct cache *c) {
	return (struct override_stats){
		.count = c->overrides.count, .not_durable = c->overrides.unconfirmed_count};
}

bool override_hides(const struct cache *c, const struct name *domain) {
	const struct override *o = override_of(c, domain);
	return o != NULL && o->mode == POLICY_MODE_NONE;
}

static struct override_slot *add_slot(struct cache *c, const struct name *domain) {
	struct override_slot *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		struct override_slot **bucket = &c->overrides.by_domain[bucket_of(domain)];
		s->o.domain = *domain;
		s->next_in_bucket = *bucket;
		*bucket = s;
		TAILQ_INSERT_TAIL(&c->overrides.list, s, link);
	}
	return s;
}

static void remove_slot(struct cache *c, struct override_slot *s) {
	struct override_slot **at = &c->overrides.by_domain[bucket_of(&s->o.domain)];
	while (*at != s) {
		at = &(*at)->next_in_bucket;
	}
	*at = s->next_in_bucket;
	TAILQ_REMOVE(&c->overrides.list, s, link);
	free(s);
}

// The table.

// A record for a domain of which nothing is known: ended long ago.
static struct record bare_record(const struct name *domain) {
	return (struct record){.kind = RECORD_NONE, .domain = *domain};
}

bool override_guards(const struct cache *c, const struct entry *e) {
	if (c->overrides.count == 0) {
		return false;
	}
	struct name domain = {.len = e->name_len};
	memcpy(domain.text, e->name, e->name_len);
	return override_of(c, &domain) != NULL;
}

int override_shown(const struct cache *c, const struct entry *e, boot_s_t now, struct record *out) {
	struct override_view view;
	int rc = cache_read_entry(e, out);
	if (rc == 0 && override_view(override_of(c, &out->domain), out, now, &view)) {
		*out = view.shown;
	}
	return rc;
}

bool override_is_bare(const struct cache *c, const struct entry *e) {
	struct record rec;
	return c->overrides.count > 0 && e->kind == ENTRY_POLICY && cache_read_stored(e, &rec) == 0
	       && rec.kind == RECORD_NONE && rec.ends_at == 0;
}

static bool publish_bare(struct cache *c, const struct name *domain, const struct cache_now *now) {
	struct record rec = bare_record(domain);
	return cache_publish(c, &rec, now);
}

// Answers what is kept of the domain as the override, or its absence, now says.
// @return False: the table has no place.
static bool show(struct cache *c, const struct name *domain, const struct cache_now *now) {
	const struct entry *e = table_lookup(c->config.table, domain->text, domain->len);
	struct record rec;
	if (e == NULL) {
		return !override_hides(c, domain) || publish_bare(c, domain, now);
	}
	if (cache_read_stored(e, &rec) < 0) {
		return false;
	}
	bool bare = rec.kind == RECORD_NONE && rec.ends_at == 0;
	if (bare && !override_hides(c, domain)) {
		(void)cache_publish_withdraw(c, e);
		return true;
	}
	return cache_publish(c, &rec, now);
}

void override_dropped(struct cache *c, const struct name *domain, const struct cache_now *now) {
	if (override_hides(c, domain)) {
		(void)publish_bare(c, domain, now);
	}
}

// The store.

static void encode(const struct override *o, int64_t shift_s, uint8_t value[VALUE_BYTES]) {
	struct writer w = bytes_writer(value, VALUE_BYTES);
	bytes_put_u8(&w, VERSION);
	bytes_put_u8(&w, (uint8_t)o->mode);
	bytes_put_be64(&w, (uint64_t)(o->set_at + shift_s));
	bool ends = o->ends_at != CLOCK_NEVER;
	bytes_put_be64(&w, ends ? (uint64_t)(o->ends_at + shift_s) : (uint64_t)CLOCK_NEVER);
	bytes_put_be64(&w, XXH3_64bits(value, BODY_BYTES));
}

static bool decode(const void *value, size_t len, int64_t shift_s, struct override *o) {
	struct reader r = bytes_reader(value, len);
	uint8_t version = bytes_get_u8(&r);
	uint8_t mode = bytes_get_u8(&r);
	int64_t set_at = (int64_t)bytes_get_be64(&r);
	int64_t ends_at = (int64_t)bytes_get_be64(&r);
	uint64_t sum = bytes_get_be64(&r);
	if (!r.ok || bytes_left(&r) != 0 || sum != XXH3_64bits(value, BODY_BYTES)
	    || version != VERSION || mode > POLICY_MODE_ENFORCE
	    || __builtin_sub_overflow(set_at, shift_s, &o->set_at)) {
		return false;
	}
	o->mode = (enum policy_mode)mode;
	o->ends_at = CLOCK_NEVER;
	return ends_at == CLOCK_NEVER || !__builtin_sub_overflow(ends_at, shift_s, &o->ends_at);
}

static void write_slot(struct cache *c, struct override_slot *s, const struct cache_now *now) {
	uint8_t value[VALUE_BYTES];
	encode(&s->o, now->wall - now->boot, value);
	uint64_t ticket = ++c->ticket;
	bool taken = store_put(
		c->config.store,
		STORE_OVERRIDE,
		&s->o.domain,
		s->cleared ? NULL : value,
		sizeof(value),
		ticket
	);
	s->ticket = taken ? ticket : 0;
	s->retry_at = now->mono + REWRITE_AFTER_NS;
}

// Something is to be written; whoever waited for what was before waits no more.
static void
change(struct cache *c, struct override_slot *s, uint64_t cookie, const struct cache_now *now) {
	uint64_t old = s->cookie;
	if (!s->is_pending) {
		s->is_pending = true;
		c->overrides.unconfirmed_count++;
		TAILQ_INSERT_TAIL(&c->overrides.unconfirmed, s, pending);
	}
	s->o.durable = false;
	s->cookie = cookie;
	write_slot(c, s, now);
	if (old != 0) {
		c->config.operated(c->config.arg, old, -ECANCELED);
	}
}

static void note_end(struct cache *c, boot_s_t ends_at) {
	c->overrides.next_end = earlier(c->overrides.next_end, ends_at);
}

int override_set(
	struct cache *c,
	const struct override *o,
	uint64_t cookie,
	const struct cache_now *now
) {
	struct override_slot *s = slot_of(c, &o->domain);
	struct override_slot before = {.cleared = true};
	if (s != NULL) {
		before = *s;
	} else if (c->overrides.count >= OVERRIDE_MAX) {
		return -E2BIG;
	} else if ((s = add_slot(c, &o->domain)) == NULL) {
		return -ENOMEM;
	}
	s->o.mode = o->mode;
	s->o.set_at = o->set_at;
	s->o.ends_at = o->ends_at;
	s->cleared = false;
	c->overrides.count += before.cleared ? 1 : 0;
	if (!show(c, &o->domain, now)) {
		c->overrides.count -= before.cleared ? 1 : 0;
		s->o = before.o;
		s->cleared = before.cleared;
		if (before.o.domain.len == 0) {
			s->o.domain = o->domain;
			remove_slot(c, s);
		}
		return -ENOSPC;
	}
	note_end(c, o->ends_at);
	change(c, s, cookie, now);
	return 0;
}

static void
clear(struct cache *c, struct override_slot *s, uint64_t cookie, const struct cache_now *now) {
	struct name domain = s->o.domain;
	s->cleared = true;
	c->overrides.count--;
	(void)show(c, &domain, now);
	change(c, s, cookie, now);
}

bool override_clear(
	struct cache *c,
	const struct name *domain,
	uint64_t cookie,
	const struct cache_now *now
) {
	struct override_slot *s = slot_of(c, domain);
	if (s == NULL || s->cleared) {
		return false;
	}
	clear(c, s, cookie, now);
	return true;
}

bool override_confirm(struct cache *c, const struct store_confirm *k, const struct cache_now *now) {
	struct override_slot *s = TAILQ_FIRST(&c->overrides.unconfirmed);
	while (s != NULL && s->ticket != k->ticket) {
		s = TAILQ_NEXT(s, pending);
	}
	if (s == NULL) {
		return false;
	}
	uint64_t cookie = s->cookie;
	s->cookie = 0;
	s->ticket = 0;
	if (k->status < 0) {
		s->retry_at = now->mono + REWRITE_AFTER_NS;
	} else {
		s->o.durable = true;
		s->is_pending = false;
		c->overrides.unconfirmed_count--;
		TAILQ_REMOVE(&c->overrides.unconfirmed, s, pending);
	}
	if (k->status >= 0 && s->cleared) {
		remove_slot(c, s);
	}
	if (cookie != 0) {
		c->config.operated(c->config.arg, cookie, k->status);
	}
	return true;
}

static void end_those_over(struct cache *c, const struct cache_now *now) {
	struct override_slot *s;
	c->overrides.next_end = CLOCK_NEVER;
	TAILQ_FOREACH (s, &c->overrides.list, link) {
		if (s->cleared) {
			continue;
		}
		if (is_over(&s->o, now->boot)) {
			LOG(INFO, "the override of %s has ended", s->o.domain.text);
			clear(c, s, 0, now);
		} else {
			note_end(c, s->o.ends_at);
		}
	}
}

void override_turn(struct cache *c, const struct cache_now *now) {
	if (c->overrides.next_end != CLOCK_NEVER && now->boot >= c->overrides.next_end - LEAD_S) {
		end_those_over(c, now);
	}
	struct override_slot *s;
	TAILQ_FOREACH (s, &c->overrides.unconfirmed, pending) {
		if (s->ticket == 0 && s->retry_at <= now->mono) {
			write_slot(c, s, now);
		}
	}
}

// Loading.

struct loading {
	struct cache *cache;
	const struct cache_now *now;
	const struct wallclock *clock;
};

static bool load_one(void *arg, const struct name *domain, const void *value, size_t len) {
	const struct loading *l = arg;
	struct cache *c = l->cache;
	struct override o = {.domain = *domain};
	if (!decode(value, len, l->clock->wall - l->now->boot, &o)) {
		return false;
	}
	struct override_slot *s = c->overrides.count < OVERRIDE_MAX ? add_slot(c, domain) : NULL;
	if (s == NULL) {
		return false;
	}
	s->o = o;
	s->o.durable = true;
	c->overrides.count++;
	note_end(c, o.ends_at);
	if (l->clock->suspect) {
		change(c, s, 0, l->now); // with the wall time kept from now on
	}
	return true;
}

int override_load(
	struct cache *c,
	const struct cache_now *now,
	const struct wallclock *clock,
	struct store_load_report *report
) {
	struct loading l = {.cache = c, .now = now, .clock = clock};
	return store_load(c->config.store, STORE_OVERRIDE, load_one, &l, report);
}

void override_loaded(struct cache *c, const struct cache_now *now) {
	struct override_slot *s;
	TAILQ_FOREACH (s, &c->overrides.list, link) {
		const struct name *n = &s->o.domain;
		if (!is_over(&s->o, now->boot)
		    && table_lookup(c->config.table, n->text, n->len) == NULL && !show(c, n, now)) {
			LOG(WARN, "no place for the override of %s", n->text);
		}
	}
}
