// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache_load.h"

#include "base/err.h"
#include "cache/cache_publish.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 64
#define STREAM_BATCHES 64

struct loading {
	struct cache *cache;
	const struct cache_now *now;
	int64_t shift_s; // of the records on disk
	void (*loaded)(void *arg, const struct record *rec);
	void *arg;
};

// No stored time may lie ahead of what its own record allows.
static void clamp_times(struct record *rec, boot_s_t now) {
	if (rec->fetched_at > now) {
		rec->fetched_at = now;
	}
	boot_s_t last = rec->fetched_at + rec->policy.max_age_s;
	if (rec->ends_at > last) {
		rec->ends_at = last;
	}
	if (rec->checked_at > now) {
		rec->checked_at = now;
	}
	if (rec->used_at > now) {
		rec->used_at = now;
	}
}

static bool load_policy(void *arg, const struct name *domain, const void *value, size_t len) {
	const struct loading *l = arg;
	struct record rec = {.domain = *domain};
	if (record_decode(value, len, l->shift_s, &rec) < 0 || rec.kind != RECORD_POLICY) {
		return false;
	}
	clamp_times(&rec, l->now->boot);
	if (l->now->boot - rec.ends_at >= CACHE_LOAD_KEEP_ENDED_S) {
		cache_store_forget(l->cache, STORE_POLICY, domain);
		return true;
	}
	if (cache_publish(l->cache, &rec, l->now)) {
		l->loaded(l->arg, &rec);
	}
	return true;
}

// What was learnt of a policy after it was written whole.
static void join_state(struct record *rec, const struct record *state) {
	rec->next_check_at = state->next_check_at;
	rec->used_at = state->used_at;
	rec->checked_at = state->checked_at;
	rec->refresh_at = state->refresh_at;
	rec->txt_ttl_s = state->txt_ttl_s;
	rec->checks_failed = state->checks_failed;
	rec->failure = state->failure;
	rec->backoff = state->backoff;
	rec->failed_text = state->failed_text;
	rec->failed_text_len = state->failed_text_len;
}

// Whether it is newer than the policy as it was written whole, and not what was
// learnt of the fetch before.
static bool is_state_of(const struct record *state, const struct record *rec) {
	return strcmp(state->id, rec->id) == 0 && state->checked_at >= rec->checked_at
	       && state->fetched_at >= rec->fetched_at;
}

static bool load_state(void *arg, const struct name *domain, const void *value, size_t len) {
	const struct loading *l = arg;
	struct record state = {.domain = *domain};
	if (record_decode(value, len, l->shift_s, &state) < 0) {
		return false;
	}
	struct record rec;
	bool has = cache_current(l->cache, domain, &rec) && rec.kind == RECORD_POLICY;
	bool waits = state.kind == RECORD_FAILED || state.kind == RECORD_UNKNOWN;
	if (waits && (!has || rec.ends_at <= l->now->boot)) {
		cache_publish(l->cache, &state, l->now);
	} else if (state.kind == RECORD_POLICY && has && is_state_of(&state, &rec)) {
		join_state(&rec, &state);
		clamp_times(&rec, l->now->boot);
		// The record stands in the entry that this replaces: copy it first.
		int n = record_encode(&rec, 0, l->cache->encoded, RECORD_BYTES_MAX);
		uint8_t *copy = n < 0 ? NULL : malloc((size_t)n);
		if (copy != NULL) {
			memcpy(copy, l->cache->encoded, (size_t)n);
			if (record_decode(copy, (size_t)n, 0, &rec) == 0
			    && cache_publish(l->cache, &rec, l->now)) {
				l->loaded(l->arg, &rec);
			}
		}
		free(copy);
	}
	return true;
}

int cache_load(
	struct cache *c,
	const struct cache_now *now,
	const struct wallclock *clock,
	struct store_load_report *report,
	void (*loaded)(void *arg, const struct record *rec),
	void *arg
) {
	struct loading l = {
		.cache = c,
		.now = now,
		.shift_s = clock->wall - now->boot,
		.loaded = loaded,
		.arg = arg,
	};
	c->keep_on_disk = clock->suspect;
	c->restamp = clock->suspect;
	c->restamps = clock->suspect;
	c->load_shift_s = l.shift_s;
	c->loading = true;
	c->now = *now;
	int rc = override_load(c, now, clock, report);
	if (rc == 0) {
		rc = store_load(c->config.store, STORE_POLICY, load_policy, &l, report);
	}
	if (rc == 0) {
		rc = store_load(c->config.store, STORE_STATE, load_state, &l, report);
	}
	c->loading = false;
	if (rc == 0) {
		override_loaded(c, now);
	}
	if (rc == 0) {
		rc = store_start(c->config.store);
	}
	if (rc == 0 && !store_stream(c->config.store, STORE_NONE)) {
		rc = ERR_STORE;
	}
	return rc;
}

// A NONE record of the store is published unless something newer is known.
static void take_none(struct cache *c, const struct store_row *row, const struct cache_now *now) {
	struct record rec = {.domain = row->domain};
	const struct entry *e = table_lookup(c->config.table, rec.domain.text, rec.domain.len);
	if (row->status != 0 || row->len == 0 || row->len > sizeof(row->value)
	    || record_decode(row->value, row->len, c->load_shift_s, &rec) < 0
	    || rec.kind != RECORD_NONE || (e != NULL && !override_is_bare(c, e))) {
		return;
	}
	if (rec.ends_at <= now->boot) {
		cache_store_forget(c, STORE_NONE, &rec.domain);
	} else if (cache_publish(c, &rec, now)) {
		c->stats.streamed++;
	}
}

void cache_load_stream(struct cache *c, const struct cache_now *now) {
	struct store_row rows[ROWS];
	for (int batch = 0; batch < STREAM_BATCHES; batch++) {
		size_t n = store_streamed(c->config.store, rows, ROWS);
		for (size_t i = 0; i < n; i++) {
			take_none(c, &rows[i], now);
			c->warm |= rows[i].last;
			if (rows[i].ticket != 0) {
				c->config.done(c->config.arg, &rows[i].domain, rows[i].ticket);
			}
		}
		if (n == 0) {
			return;
		}
	}
}
