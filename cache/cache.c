// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache.h"

#define LOG_TOPIC "cache"
#include "base/log.h"
#include "cache/cache_load.h"

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
#define EVICT_BUCKETS 64
#define ROWS 64

struct cache *cache_new(const struct cache_config *config) {
	struct cache *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	c->config = *config;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->late);
	c->answer = malloc(config->answer_max);
	c->encoded = malloc(RECORD_BYTES_MAX);
	if (c->answer == NULL || c->encoded == NULL) {
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
	free(c->answer);
	free(c->encoded);
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
	if (p->late) {
		c->stats.not_durable--;
	}
	free(p);
}

// Publishing.

static uint32_t entry_time(boot_s_t s, uint32_t never) {
	if (s == CLOCK_NEVER) {
		return never;
	}
	return s <= 0 ? 0 : s >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)s;
}

static void evict_one(void *arg, const struct entry *e) {
	struct cache *c = arg;
	if (c->evict_cursor == UINT64_MAX || e->kind != ENTRY_NONE) {
		return;
	}
	if (table_remove(c->config.table, e->name, e->name_len)) {
		c->stats.evicted++;
		c->evict_cursor = UINT64_MAX; // one is enough
	}
}

// Makes room by giving up one NONE entry; a policy never goes for a NONE.
static bool make_room(struct cache *c) {
	uint64_t cursor = c->evict_cursor;
	c->evict_cursor = 0;
	table_scan(c->config.table, &cursor, EVICT_BUCKETS, evict_one, c);
	bool found = c->evict_cursor == UINT64_MAX;
	c->evict_cursor = cursor;
	return found;
}

static struct entry *entry_of_none(struct cache *c, const struct record *rec) {
	return table_entry_new(c->config.table, rec->domain.text, rec->domain.len, 0);
}

static struct entry *
entry_with_body(struct cache *c, const struct record *rec, const struct cache_now *now) {
	uint16_t fresh_at = 0;
	int answer = c->config.render(
		rec, now->shown - now->boot, now->boot, c->answer, c->config.answer_max, &fresh_at
	);
	int len = record_encode(rec, 0, c->encoded, RECORD_BYTES_MAX);
	if (answer < 0 || len < 0) {
		return NULL;
	}
	struct entry *e = table_entry_new(
		c->config.table, rec->domain.text, rec->domain.len, (size_t)answer + (size_t)len
	);
	if (e == NULL) {
		return NULL;
	}
	struct entry_body *body = table_entry_body(e);
	uint8_t *record = body->data + answer;
	memcpy(body->data, c->answer, (size_t)answer);
	memcpy(record, c->encoded, (size_t)len);
	body->answer_bytes = (uint16_t)answer;
	body->fresh_at = fresh_at;
	body->record_bytes = (uint32_t)len;
	struct record placed = {.domain = rec->domain};
	if (record_decode(record, (size_t)len, 0, &placed) == 0 && placed.text_len > 0) {
		body->text_at = (uint32_t)(placed.text - record);
		body->text_bytes = placed.text_len;
	}
	return e;
}

bool cache_publish(struct cache *c, const struct record *rec, const struct cache_now *now) {
	struct entry *e = rec->kind == RECORD_NONE ? entry_of_none(c, rec)
						   : entry_with_body(c, rec, now);
	if (e == NULL) {
		c->stats.not_kept++;
		return false;
	}
	e->kind = (uint8_t)rec->kind;
	e->ends_s = entry_time(rec->ends_at, UINT32_MAX);
	e->check_s = entry_time(rec->next_check_at, ENTRY_CHECK_NEVER);
	int rc = table_publish(c->config.table, e);
	if (rc == -ENOSPC && make_room(c)) {
		rc = table_publish(c->config.table, e);
	}
	if (rc < 0) {
		table_entry_discard(c->config.table, e);
		c->stats.not_kept++;
	}
	return rc == 0;
}

static void publish_put(struct cache *c, const struct put *p, const struct cache_now *now) {
	struct record rec = {.domain = p->domain};
	int rc = record_decode(p->record, p->len, 0, &rec);
	assert(rc == 0);
	(void)rc;
	cache_publish(c, &rec, now);
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
	if (e != NULL) {
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
		break; // nothing but a retry time
	}
	if (!ok) {
		LOG(DEBUG, "the store is busy; a lazy record is kept in memory only");
	}
}

static void forget_old_kind(struct cache *c, const struct record *rec) {
	const struct entry *old = table_lookup(c->config.table, rec->domain.text, rec->domain.len);
	if (old == NULL || old->kind == (uint8_t)rec->kind) {
		return;
	}
	if (old->kind == ENTRY_NONE) {
		cache_store_forget(c, STORE_NONE, &rec->domain);
	} else if (old->kind == ENTRY_FAILED) {
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
		.len = (uint32_t)len,
	};
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

void cache_put(
	struct cache *c,
	const struct record *rec,
	bool durable,
	uint64_t cookie,
	const struct cache_now *now
) {
	forget_old_kind(c, rec);
	// A policy that is not durable yet is written whole again.
	bool whole = rec->kind == RECORD_POLICY && cache_find_pending(c, &rec->domain) != NULL;
	if ((durable || whole) && put_durable(c, rec, cookie, now)) {
		return;
	}
	cache_store_lazy(c, rec, now);
	c->stats.puts_lazy++;
	cache_publish(c, rec, now);
	c->config.done(c->config.arg, &rec->domain, cookie);
}

bool cache_drop(struct cache *c, const struct name *domain) {
	struct put *p = cache_find_pending(c, domain);
	if (p != NULL && p->late) {
		forget_put(c, p);
	}
	bool kept = table_remove(c->config.table, domain->text, domain->len);
	for (int f = STORE_POLICY; f <= STORE_NONE; f++) {
		if (!store_put(c->config.store, (enum store_family)f, domain, NULL, 0, 0)) {
			LOG(WARN, "the store is busy; %s is forgotten in memory only", domain->text
			);
		}
	}
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

static void confirm(struct cache *c, const struct store_confirm *k, const struct cache_now *now) {
	struct put *p = find_ticket(&c->waiting, k->ticket);
	if (p == NULL) {
		p = find_ticket(&c->late, k->ticket);
	}
	if (p == NULL) {
		return; // superseded or purged
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
	while ((n = store_confirmed(c->config.store, confirms, ROWS)) > 0) {
		for (size_t i = 0; i < n; i++) {
			confirm(c, &confirms[i], now);
		}
	}
	cache_load_stream(c, now);
	chase_deadlines(c, now);
	cache_sweep(c, now);
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
}
