// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/cache_load.h"
#include "cache/cache_publish.h"

#include <string.h>

#define KEEP_FAILED_S 3600 // their back-off must be remembered
#define FOLD_USE_AFTER_S 86400
#define FOLD_EVERY_S 3600
#define SWEEP_BUCKETS 128
#define SWEEP_EVERY_NS (5 * CLOCK_NS_PER_MS)
#define JUMP_S 1 // a wall clock that is set by less changes no answer

struct sweep {
	struct cache *cache;
	const struct cache_now *now;
};

static void fold_into_store(struct cache *c, const struct entry *e, const struct cache_now *now) {
	struct record rec;
	uint16_t hour = atomic_load_explicit(&e->used_h, memory_order_relaxed);
	if (hour == 0 || cache_read_stored(e, &rec) < 0 || rec.kind != RECORD_POLICY) {
		return;
	}
	boot_s_t stored = rec.used_at;
	cache_fold_use(e, &rec);
	if (rec.used_at - stored < FOLD_USE_AFTER_S || cache_find_pending(c, &rec.domain) != NULL) {
		return;
	}
	cache_store_lazy(c, &rec, now);
	cache_publish(c, &rec, now);
}

// A policy that was stored with another wall time is written anew, whole.
static void restamp(struct cache *c, const struct entry *e, const struct cache_now *now) {
	struct record rec;
	if (cache_read_entry(e, &rec) == 0 && rec.kind == RECORD_POLICY
	    && cache_find_pending(c, &rec.domain) == NULL) {
		cache_put(c, &rec, true, 0, now);
	}
}

static void sweep_entry(void *arg, const struct entry *e) {
	const struct sweep *s = arg;
	struct cache *c = s->cache;
	evict_note(c->evict, e, s->now->boot);
	bool passing = cache_publish_is_passing(e);
	boot_s_t ended = s->now->boot - (boot_s_t)e->ends_s;
	boot_s_t keep = e->kind == ENTRY_NONE || passing ? 0
			: e->kind == ENTRY_POLICY	 ? CACHE_LOAD_KEEP_ENDED_S
							 : KEEP_FAILED_S;
	if (ended < keep) {
		if (passing) {
			return;
		}
		if (e->kind == ENTRY_POLICY && c->restamp && ended < 0) {
			restamp(c, e, s->now);
		} else if (e->kind == ENTRY_POLICY && c->folds) {
			fold_into_store(c, e, s->now);
		}
		return;
	}
	struct name domain = {.len = e->name_len};
	memcpy(domain.text, e->name, e->name_len);
	if (cache_find_pending(c, &domain) != NULL) {
		return;
	}
	if (passing) {
		cache_publish_withdraw(c, e); // it is not on disk
		return;
	}
	if (e->kind == ENTRY_NONE) {
		cache_store_forget(c, STORE_NONE, &domain);
	} else if (cache_has_state(e)) {
		cache_store_forget(c, STORE_STATE, &domain);
	}
	if (e->kind == ENTRY_POLICY) {
		cache_store_forget(c, STORE_POLICY, &domain);
	}
	c->stats.swept += cache_publish_withdraw(c, e) ? 1 : 0;
}

static void render_again(void *arg, const struct entry *e) {
	const struct sweep *s = arg;
	struct record rec;
	// As it is stored: a use that was not folded into the store yet stays one.
	if (e->kind == ENTRY_POLICY && cache_read_stored(e, &rec) == 0) {
		cache_publish(s->cache, &rec, s->now);
	}
}

// The times in ready-made answers are the wall clock's: when it jumps, all are
// rendered anew, slice by slice.
static void follow_wall_clock(struct sweep *s) {
	struct cache *c = s->cache;
	int64_t shift = s->now->shown - s->now->boot;
	int64_t off = shift - c->shown_shift_s;
	if (!c->shows || off > JUMP_S || off < -JUMP_S) {
		c->rerender = c->shows;
		c->render_cursor = 0;
		c->shown_shift_s = shift;
		c->shows = true;
	}
	if (c->rerender) {
		table_scan(c->config.table, &c->render_cursor, SWEEP_BUCKETS, render_again, s);
		c->rerender = c->render_cursor != 0;
	}
}

static void sweep_slice(struct sweep *s) {
	struct cache *c = s->cache;
	if (c->sweep_cursor == 0) {
		// Records have to be read for it, so not in each pass.
		c->folds = s->now->boot >= c->fold_at;
		c->fold_at = c->folds ? s->now->boot + FOLD_EVERY_S : c->fold_at;
	}
	table_scan(c->config.table, &c->sweep_cursor, SWEEP_BUCKETS, sweep_entry, s);
	c->restamp = c->restamp && c->sweep_cursor != 0;
}

void cache_sweep(struct cache *c, const struct cache_now *now) {
	struct sweep s = {.cache = c, .now = now};
	follow_wall_clock(&s);
	// A busy loop turns ten thousand times a second: the sweep does not.
	if (now->mono >= c->sweep_at || c->restamp) {
		c->sweep_at = now->mono + SWEEP_EVERY_NS;
		sweep_slice(&s);
	}
	c->restamps = c->restamps
		      && (c->restamp || c->stats.pending > 0 || c->overrides.unconfirmed_count > 0);
}
