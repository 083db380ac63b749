// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache_publish.h"

#include "base/sum.h"

#include <errno.h>
#include <string.h>

static uint32_t entry_time(boot_s_t s, uint32_t never) {
	if (s == CLOCK_NEVER) {
		return never;
	}
	return s <= 0 ? 0 : s >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)s;
}

static struct entry *entry_of_none(struct cache *c, const struct record *rec) {
	return table_entry_new(c->config.table, rec->domain.text, rec->domain.len, 0);
}

// @param shown  What is answered. @param rec  What is kept.
static struct entry *entry_with_body(
	struct cache *c,
	const struct record *shown,
	const struct record *rec,
	const struct cache_now *now
) {
	uint16_t fresh_at = 0;
	int answer = c->config.render(
		shown, now->shown - now->boot, now->boot, c->answer, c->config.answer_max, &fresh_at
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
	body->answer_sum = (uint16_t)~sum_fold(sum_octets(body->data, (size_t)answer, 0));
	body->fresh_at = fresh_at;
	body->record_bytes = (uint32_t)len;
	struct record placed = {.domain = rec->domain};
	if (record_decode(record, (size_t)len, 0, &placed) == 0 && placed.text_len > 0) {
		body->text_at = (uint32_t)(placed.text - record);
		body->text_bytes = placed.text_len;
	}
	return e;
}

struct entry *
cache_publish_make(struct cache *c, const struct record *rec, const struct cache_now *now) {
	struct override_view view;
	bool overridden = override_view(override_of(c, &rec->domain), rec, now->boot, &view);
	if (!overridden) {
		view.shown = *rec;
		view.ends_at = rec->ends_at;
		view.check_at = rec->next_check_at;
	}
	bool small = rec->kind == RECORD_NONE && !overridden;
	if (small && !evict_may_make(c->evict, rec->domain.len, now->boot)) {
		return NULL;
	}
	struct entry *e = small ? entry_of_none(c, rec) : entry_with_body(c, &view.shown, rec, now);
	if (e != NULL) {
		// A worker answers an override like a policy: with the ready-made text.
		e->kind = overridden ? ENTRY_POLICY : (uint8_t)rec->kind;
		e->ends_s = entry_time(view.ends_at, UINT32_MAX);
		e->check_s = entry_time(view.check_at, ENTRY_CHECK_NEVER);
	}
	return e;
}

bool cache_publish_is_passing(const struct entry *e) {
	return e != NULL && evict_segment_of(e) == EVICT_PASSING;
}

static bool was_established(const struct entry *old, uint8_t kind) {
	if (old == NULL || old->kind != kind) {
		return false;
	}
	enum evict_segment segment = evict_segment_of(old);
	return segment == EVICT_FAILED || segment == EVICT_NONE
	       || atomic_load_explicit(&old->used_h, memory_order_relaxed) != 0;
}

// Publishes, or gives the entry back.
bool cache_publish_entry(
	struct cache *c,
	struct entry *e,
	enum policy_mode mode,
	bool passing,
	const struct cache_now *now
) {
	const struct entry *old = table_lookup(c->config.table, e->name, e->name_len);
	enum evict_segment segment = old != NULL ? evict_segment_of(old) : EVICT_SEGMENTS;
	bool established = was_established(old, e->kind);
	if (old != NULL) {
		evict_leave(c->evict, old);
	}
	int rc = evict_enter(c->evict, e, mode, passing, established) ? 0 : -ENOMEM;
	if (rc == 0) {
		rc = table_publish(c->config.table, e);
		if (rc < 0) {
			evict_leave(c->evict, e);
		}
	}
	if (rc < 0) {
		if (old != NULL) {
			evict_return(c->evict, old, segment);
		}
		table_entry_discard(c->config.table, e);
		c->stats.not_kept++;
		return false;
	}
	evict_note(c->evict, e, now->boot);
	return true;
}

// What is not kept is in force for a while, and is not checked.
bool cache_publish_passing(struct cache *c, const struct record *rec, const struct cache_now *now) {
	struct record brief = *rec;
	brief.next_check_at = CLOCK_NEVER;
	brief.refresh_at = CLOCK_NEVER;
	if (brief.ends_at > now->boot + EVICT_PASSING_S) {
		brief.ends_at = now->boot + EVICT_PASSING_S;
	}
	struct entry *e = cache_publish_make(c, &brief, now);
	if (e == NULL) {
		c->stats.not_kept++;
		return false;
	}
	return cache_publish_entry(c, e, rec->policy.mode, true, now);
}

enum evict_verdict cache_publish_admit(
	struct cache *c,
	const struct record *rec,
	const struct entry *e,
	const struct cache_now *now
) {
	const struct evict_ask ask = {
		.e = e,
		.domain = &rec->domain,
		.mode = rec->policy.mode,
		.old = table_lookup(c->config.table, rec->domain.text, rec->domain.len),
		.loading = c->loading,
	};
	return evict_admit(c->evict, &ask, now->boot);
}

bool cache_publish(struct cache *c, const struct record *rec, const struct cache_now *now) {
	const struct entry *old = table_lookup(c->config.table, rec->domain.text, rec->domain.len);
	if (rec->kind == RECORD_POLICY && cache_publish_is_passing(old)) {
		return cache_publish_passing(c, rec, now);
	}
	struct entry *e = cache_publish_make(c, rec, now);
	if (e == NULL) {
		c->stats.not_kept++;
		return false;
	}
	switch (cache_publish_admit(c, rec, e, now)) {
	case EVICT_KEPT:
		return cache_publish_entry(c, e, rec->policy.mode, false, now);
	case EVICT_PASSES:
		table_entry_discard(c->config.table, e);
		return cache_publish_passing(c, rec, now);
	default:
		table_entry_discard(c->config.table, e);
		return false;
	}
}

bool cache_publish_withdraw(struct cache *c, const struct entry *e) {
	evict_leave(c->evict, e);
	return table_remove(c->config.table, e->name, e->name_len);
}

static struct name name_of(const struct entry *e) {
	struct name domain = {.len = e->name_len};
	memcpy(domain.text, e->name, e->name_len);
	return domain;
}

bool cache_publish_stays(void *arg, const struct entry *e) {
	const struct cache *c = arg;
	struct name domain = name_of(e);
	return override_guards(c, e) || cache_find_pending(c, &domain) != NULL;
}

// What memory gives up goes from disk too, or it would come back at the next
// start in place of what was learnt since. While the store is being loaded it
// stays there: more memory may be given to the next start.
bool cache_publish_give_up(void *arg, const struct entry *e) {
	struct cache *c = arg;
	struct name domain = name_of(e);
	bool stored = !c->loading && !c->keep_on_disk && e->kind != ENTRY_UNKNOWN
		      && !cache_publish_is_passing(e);
	if (stored && e->kind == ENTRY_POLICY
	    && !store_put(c->config.store, STORE_POLICY, &domain, NULL, 0, 0)) {
		return false; // the store is busy: another time
	}
	if (stored) {
		cache_store_forget(c, e->kind == ENTRY_NONE ? STORE_NONE : STORE_STATE, &domain);
	}
	return cache_publish_withdraw(c, e);
}
