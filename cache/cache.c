// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache.h"

#define LOG_TOPIC "cache"
#include "base/log.h"
#include "cache/cache_load.h"
#include "cache/cache_publish.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

// A durable put runs: encoded -> queued at the store -> confirmed -> published
// -> done. When the store fails or is late, it is published and done first and
// stays on the `late` list until the store has confirmed it after all: our disk
// must never downgrade anybody.

#define REWRITE_AFTER_NS CLOCK_NS_PER_S
#define ROWS 64

struct cache *cache_new(const struct cache_config *config) {
	struct cache *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	c->config = *config;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->late);
	override_init(&c->overrides);
	c->answer = malloc(config->answer_max);
	c->encoded = malloc(RECORD_BYTES_MAX);
	c->evict = evict_new(&(struct evict_config){
		.table = config->table,
		.max_bytes = config->max_bytes,
		.failed_percent = config->failed_percent,
		.none_percent = config->none_percent,
		.seed = config->seed,
		.stays = cache_publish_stays,
		.give_up = cache_publish_give_up,
		.arg = c,
	});
	if (c->answer == NULL || c->encoded == NULL || c->evict == NULL) {
		cache_free(c);
		errno = ENOMEM;
		return NULL;
	}
	return c;
}

static void free_list(struct put_list *list) {
	while (!TAILQ_EMPTY(list)) {
		struct put *p = TAILQ_FIRST(list);
		TAILQ_REMOVE(list, p, link);
		free(p);
	}
}

void cache_free(struct cache *c) {
	if (c == NULL) {
		return;
	}
	free_list(&c->waiting);
	free_list(&c->late);
	override_fini(&c->overrides);
	free(c->answer);
	free(c->encoded);
	evict_free(c->evict);
	free(c);
}

// Puts under way, by domain.

static struct put **bucket_of(struct cache *c, const struct name *domain) {
	return &c->by_domain[XXH3_64bits(domain->text, domain->len) % CACHE_PENDING_BUCKETS];
}

struct put *cache_find_pending(const struct cache *c, const struct name *domain) {
	struct put *p = c->by_domain
				[XXH3_64bits(domain->text, domain->len) % CACHE_PENDING_BUCKETS];
	while (p != NULL && !name_equal(&p->domain, domain)) {
		p = p->next_in_bucket;
	}
	return p;
}

static void forget_put(struct cache *c, struct put *p) {
	struct put **at = bucket_of(c, &p->domain);
	while (*at != p) {
		at = &(*at)->next_in_bucket;
	}
	*at = p->next_in_bucket;
	TAILQ_REMOVE(p->late ? &c->late : &c->waiting, p, link);
	c->stats.pending--;
	evict_let_go(c->evict, p->room);
	if (p->late) {
		c->stats.not_durable--;
	}
	free(p);
}

// A policy that was admitted.
static void publish_put(struct cache *c, struct put *p, const struct cache_now *now) {
	struct record rec = {.domain = p->domain};
	int rc = record_decode(p->record, p->len, 0, &rec);
	assert(rc == 0);
	(void)rc;
	evict_let_go(c->evict, p->room);
	p->room = 0;
	struct entry *e = cache_publish_make(c, &rec, now);
	if (e == NULL) {
		c->stats.not_kept++;
		return;
	}
	(void)cache_publish_entry(c, e, rec.policy.mode, false, now);
}

// What is kept now.

void cache_fold_use(const struct entry *e, struct record *rec) {
	uint16_t hour = atomic_load_explicit(&e->used_h, memory_order_relaxed);
	boot_s_t used = hour == 0 ? 0 : (boot_s_t)(hour - 1) * 3600;
	if (hour != 0 && used > rec->used_at) {
		rec->used_at = used;
	}
}

int cache_read_stored(const struct entry *e, struct record *out) {
	*out = (struct record){.kind = RECORD_NONE, .domain.len = e->name_len};
	memcpy(out->domain.text, e->name, e->name_len);
	out->ends_at = e->ends_s;
	out->next_check_at = CLOCK_NEVER;
	if (e->kind != ENTRY_NONE) {
		const struct entry_body *body = entry_body(e);
		int rc = record_decode(body->data + body->answer_bytes, body->record_bytes, 0, out);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int cache_read_entry(const struct entry *e, struct record *out) {
	int rc = cache_read_stored(e, out);
	if (rc == 0) {
		cache_fold_use(e, out);
	}
	return rc;
}

bool cache_current(const struct cache *c, const struct name *domain, struct record *out) {
	const struct put *p = cache_find_pending(c, domain);
	if (p != NULL) {
		*out = (struct record){.domain = p->domain};
		return record_decode(p->record, p->len, 0, out) == 0;
	}
	const struct entry *e = table_lookup(c->config.table, domain->text, domain->len);
	return e != NULL && cache_read_entry(e, out) == 0;
}

void cache_checked(struct cache *c, const struct name *domain) {
	const struct entry *e = table_lookup(c->config.table, domain->text, domain->len);
	// The bit of a NONE entry is another one: cache/evict.c.
	if (e != NULL && e->kind != ENTRY_NONE) {
		entry_unclaim(e);
	}
}

// Writing to the store.

static bool store_record(
	struct cache *c,
	enum store_family family,
	const struct record *rec,
	uint64_t ticket,
	const struct cache_now *now
) {
	int len = record_encode(rec, now->wall - now->boot, c->encoded, RECORD_BYTES_MAX);
	return len >= 0
	       && store_put(c->config.store, family, &rec->domain, c->encoded, (size_t)len, ticket);
}

void cache_store_forget(struct cache *c, enum store_family family, const struct name *domain) {
	if (!c->keep_on_disk && !store_put(c->config.store, family, domain, NULL, 0, 0)) {
		LOG(DEBUG, "the store is busy; an old record stays until the next sweep");
	}
}

// The state of a policy is its record without patterns and text: small, and
// joined to the policy again at load.
void cache_store_lazy(struct cache *c, const struct record *rec, const struct cache_now *now) {
	struct record small = *rec;
	bool ok = true;
	switch (rec->kind) {
	case RECORD_NONE:
		ok = store_record(c, STORE_NONE, rec, 0, now);
		break;
	case RECORD_POLICY:
		small.policy.mode = POLICY_MODE_NONE; // the one that may stand without mx
		small.policy.mx_count = 0;
		small.policy.mx_bytes = 0;
		small.text_len = 0;
		ok = store_record(c, STORE_STATE, &small, 0, now);
		break;
	case RECORD_FAILED:
		ok = store_record(c, STORE_STATE, rec, 0, now);
		break;
	case RECORD_UNKNOWN:
		// Nothing but a retry time, or also a back-off that must be remembered.
		ok = rec->backoff.id[0] == '\0' || store_record(c, STORE_STATE, rec, 0, now);
		break;
	}
	if (!ok) {
		LOG(DEBUG, "the store is busy; a lazy record is kept in memory only");
	}
}

bool cache_has_state(const struct entry *e) {
	struct record rec;
	bool knows = e->kind == ENTRY_UNKNOWN && cache_read_stored(e, &rec) == 0;
	return e->kind == ENTRY_POLICY || e->kind == ENTRY_FAILED
	       || (knows && rec.backoff.id[0] != '\0');
}

static void forget_old_kind(struct cache *c, const struct record *rec) {
	const struct entry *old = table_lookup(c->config.table, rec->domain.text, rec->domain.len);
	if (old == NULL) {
		return;
	}
	int kind = old->kind;
	struct record was;
	if (kind == ENTRY_POLICY && cache_read_stored(old, &was) == 0) {
		kind = (int)was.kind; // an override may hide another one
	}
	if (kind == (int)rec->kind) {
		return;
	}
	if (kind == RECORD_NONE) {
		cache_store_forget(c, STORE_NONE, &rec->domain);
	} else if (kind != RECORD_POLICY && cache_has_state(old)) {
		cache_store_forget(c, STORE_STATE, &rec->domain);
	}
}

static void queue_put(struct cache *c, struct put *p, const struct cache_now *now) {
	struct record rec = {.domain = p->domain};
	if (record_decode(p->record, p->len, 0, &rec) == 0) {
		p->ticket = ++c->ticket;
		p->queued = store_record(c, STORE_POLICY, &rec, p->ticket, now);
	}
}

static bool put_durable(
	struct cache *c,
	const struct record *rec,
	size_t room,
	uint64_t cookie,
	const struct cache_now *now
) {
	int len = record_encode(rec, 0, c->encoded, RECORD_BYTES_MAX);
	struct put *p = len < 0 ? NULL : malloc(sizeof(*p) + (size_t)len);
	if (p == NULL) {
		return false;
	}
	struct put *older = cache_find_pending(c, &rec->domain);
	if (older != NULL) {
		assert(older->late); // single flight: only a published one can be there
		forget_put(c, older);
	}
	*p = (struct put){
		.cookie = cookie,
		.deadline = now->mono + c->config.confirm_ms * CLOCK_NS_PER_MS,
		.domain = rec->domain,
		.room = room,
		.len = (uint32_t)len,
	};
	evict_hold(c->evict, room);
	memcpy(p->record, c->encoded, (size_t)len);
	struct put **bucket = bucket_of(c, &p->domain);
	p->next_in_bucket = *bucket;
	*bucket = p;
	TAILQ_INSERT_TAIL(&c->waiting, p, link);
	c->stats.pending++;
	c->stats.puts++;
	queue_put(c, p, now);
	return true;
}

// What is answered and not kept is not on disk either.
static void put_passing(struct cache *c, const struct record *rec, const struct cache_now *now) {
	struct put *older = cache_find_pending(c, &rec->domain);
	if (older != NULL) {
		forget_put(c, older);
	}
	cache_store_forget(c, STORE_POLICY, &rec->domain);
	cache_store_forget(c, STORE_STATE, &rec->domain);
	(void)cache_publish_passing(c, rec, now);
}

// Room beyond what the policy that is there takes.
static size_t room_for(const struct cache *c, const struct entry *e) {
	const struct entry *old = table_lookup(c->config.table, e->name, e->name_len);
	bool known = old != NULL && old->kind == ENTRY_POLICY && !cache_publish_is_passing(old);
	size_t saved = known ? evict_bytes(old) : 0;
	size_t bytes = evict_bytes(e);
	return bytes > saved ? bytes - saved : 0;
}

static void
put_lazy(struct cache *c, const struct record *rec, struct entry *e, const struct cache_now *now) {
	cache_store_lazy(c, rec, now);
	c->stats.puts_lazy++;
	(void)cache_publish_entry(c, e, rec->policy.mode, false, now);
}

void cache_put(
	struct cache *c,
	const struct record *rec,
	bool durable,
	uint64_t cookie,
	const struct cache_now *now
) {
	forget_old_kind(c, rec);
	// A policy that is not durable yet is written whole again.
	bool whole = durable
		     || (rec->kind == RECORD_POLICY && cache_find_pending(c, &rec->domain) != NULL);
	const struct entry *old = table_lookup(c->config.table, rec->domain.text, rec->domain.len);
	struct entry *e = cache_publish_make(c, rec, now);
	enum evict_verdict v = EVICT_REFUSED;
	if (e == NULL) {
		c->stats.not_kept++;
	} else {
		// What passes goes on to, until the policy is fetched anew.
		bool passes = rec->kind == RECORD_POLICY && !durable
			      && cache_publish_is_passing(old);
		v = passes ? EVICT_PASSES : cache_publish_admit(c, rec, e, now);
	}
	if (v == EVICT_KEPT && whole && put_durable(c, rec, room_for(c, e), cookie, now)) {
		table_entry_discard(c->config.table, e);
		return;
	}
	if (v == EVICT_KEPT) {
		put_lazy(c, rec, e, now);
	} else if (e != NULL) {
		table_entry_discard(c->config.table, e);
	}
	if (v == EVICT_PASSES) {
		put_passing(c, rec, now);
	}
	c->config.done(c->config.arg, &rec->domain, cookie);
}

bool cache_drop(struct cache *c, const struct name *domain) {
	struct put *p = cache_find_pending(c, domain);
	if (p != NULL && p->late) {
		forget_put(c, p);
	}
	const struct entry *e = table_lookup(c->config.table, domain->text, domain->len);
	bool kept = e != NULL && cache_publish_withdraw(c, e);
	for (int f = STORE_POLICY; f <= STORE_NONE; f++) {
		if (!store_put(c->config.store, (enum store_family)f, domain, NULL, 0, 0)) {
			LOG(WARN, "the store is busy; %s is forgotten in memory only", domain->text
			);
		}
	}
	override_dropped(c, domain, &c->now);
	return kept;
}

bool cache_fetch_none(struct cache *c, const struct name *domain, uint64_t cookie) {
	return store_get(c->config.store, STORE_NONE, domain, cookie);
}

// Confirmations.

static struct put *find_ticket(struct put_list *list, uint64_t ticket) {
	struct put *p = TAILQ_FIRST(list);
	while (p != NULL && p->ticket != ticket) {
		p = TAILQ_NEXT(p, link);
	}
	return p;
}

static void make_late(struct cache *c, struct put *p, const struct cache_now *now) {
	publish_put(c, p, now);
	TAILQ_REMOVE(&c->waiting, p, link);
	p->late = true;
	p->deadline = now->mono + REWRITE_AFTER_NS;
	TAILQ_INSERT_TAIL(&c->late, p, link);
	c->stats.late++;
	c->stats.not_durable++;
	struct name domain = p->domain;
	c->config.done(c->config.arg, &domain, p->cookie);
}

int cache_backup(
	struct cache *c,
	const char *directory,
	uint64_t cookie,
	const struct cache_now *now
) {
	if (c->restamps || c->backup_ticket != 0) {
		return -EBUSY;
	}
	uint64_t ticket = ++c->ticket;
	if (!store_backup(c->config.store, directory, now->wall, ticket)) {
		return -EBUSY;
	}
	c->backup_ticket = ticket;
	c->backup_cookie = cookie;
	return 0;
}

static void
confirm_operation(struct cache *c, const struct store_confirm *k, const struct cache_now *now) {
	if (k->ticket == c->backup_ticket) {
		c->backup_ticket = 0;
		c->config.operated(c->config.arg, c->backup_cookie, k->status);
	} else {
		(void)override_confirm(c, k, now);
	}
}

static void confirm(struct cache *c, const struct store_confirm *k, const struct cache_now *now) {
	struct put *p = find_ticket(&c->waiting, k->ticket);
	if (p == NULL) {
		p = find_ticket(&c->late, k->ticket);
	}
	if (p == NULL) {
		confirm_operation(c, k, now); // or superseded, or purged
		return;
	}
	p->queued = false;
	if (k->status < 0) {
		if (!p->late) {
			make_late(c, p, now);
		} else {
			p->deadline = now->mono + REWRITE_AFTER_NS;
		}
		return;
	}
	struct name domain = p->domain;
	uint64_t cookie = p->cookie;
	bool was_late = p->late;
	if (!was_late) {
		publish_put(c, p, now);
	}
	forget_put(c, p);
	if (!was_late) {
		c->config.done(c->config.arg, &domain, cookie);
	}
}

static void chase_deadlines(struct cache *c, const struct cache_now *now) {
	struct put *p;
	while ((p = TAILQ_FIRST(&c->waiting)) != NULL && p->deadline <= now->mono) {
		make_late(c, p, now);
	}
	// Oldest first; those written again go to the end.
	p = TAILQ_FIRST(&c->late);
	if (p != NULL && !p->queued && p->deadline <= now->mono) {
		TAILQ_REMOVE(&c->late, p, link);
		TAILQ_INSERT_TAIL(&c->late, p, link);
		p->deadline = now->mono + REWRITE_AFTER_NS;
		queue_put(c, p, now);
	}
	TAILQ_FOREACH (p, &c->waiting, link) {
		if (p->queued) {
			break; // the rest was queued after it
		}
		queue_put(c, p, now);
	}
}

void cache_turn(struct cache *c, const struct cache_now *now) {
	struct store_confirm confirms[ROWS];
	size_t n;
	c->now = *now;
	override_turn(c, now);
	while ((n = store_confirmed(c->config.store, confirms, ROWS)) > 0) {
		for (size_t i = 0; i < n; i++) {
			confirm(c, &confirms[i], now);
		}
	}
	cache_load_stream(c, now);
	chase_deadlines(c, now);
	cache_sweep(c, now);
	evict_turn(c->evict, now->boot);
	table_turn(c->config.table);
}

bool cache_restamps(const struct cache *c) {
	return c->restamps;
}

bool cache_warm(const struct cache *c) {
	return c->warm;
}

void cache_stats(const struct cache *c, struct cache_stats *out) {
	*out = c->stats;
	evict_stats(c->evict, &out->memory);
	for (int i = 0; i < EVICT_SEGMENTS; i++) {
		out->evicted += i == EVICT_ENDED || i == EVICT_PASSING ? 0 : out->memory.evicted[i];
	}
	out->not_kept += out->memory.refused[EVICT_NO_FAILED] + out->memory.refused[EVICT_NO_NONE]
			 + out->memory.refused[EVICT_NO_FULL] + out->memory.refused[EVICT_NO_DOMAIN]
			 + out->memory.refused[EVICT_NO_GROWTH];
}
