// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ctl_inner.h"

#include <stdlib.h>

// Commands that do something to all domains of a kind: names are gathered from the
// table, then dealt with, because the table must not change much under a scan.

#define SCAN_BUCKETS 8
#define GATHERED_MAX ((size_t)SCAN_BUCKETS * 64)

struct walk {
	uint64_t cursor;
	bool begun;
	bool stale_only;
	bool dry_run;
	bool (*wants)(const struct walk *w, const struct record *rec);
	void (*deal)(struct ctl_connection *c, const struct walk *w, const struct name *domain);
	boot_s_t now;
	size_t count; // gathered, of which `next` is to be dealt with
	size_t next;
	struct name gathered[GATHERED_MAX];
};

static struct pump *pump_of(const struct ctl_connection *c) {
	return ctl_source(c)->pump;
}

static void gather(void *arg, const struct entry *e) {
	struct walk *w = arg;
	struct record rec;
	if (w->count < GATHERED_MAX && cache_read_entry(e, &rec) == 0 && w->wants(w, &rec)) {
		w->gathered[w->count++] = rec.domain;
	}
}

static bool walk_slice(struct ctl_connection *c, void *state, mono_ns_t until) {
	struct walk *w = state;
	w->now = clock_boot_s();
	do {
		if (w->next < w->count) {
			w->deal(c, w, &w->gathered[w->next++]);
			continue;
		}
		if (w->begun && w->cursor == 0) {
			return false;
		}
		w->begun = true;
		w->count = 0;
		w->next = 0;
		table_scan(ctl_source(c)->table, &w->cursor, SCAN_BUCKETS, gather, w);
	} while (c->awaited < CTL_AWAITED_MAX && !ctl_is_full(c) && clock_mono_ns() < until);
	return true;
}

static const struct ctl_work WALK = {.slice = walk_slice, .free = free};

// Refresh.

static bool is_stale(const struct record *rec, boot_s_t now) {
	const struct record_failure *f = &rec->failure;
	return rec->kind != RECORD_POLICY || rec->next_check_at <= now
	       || (f->why[0] != '\0' && rec->checked_at < f->at);
}

static bool wants_refresh(const struct walk *w, const struct record *rec) {
	bool known = rec->kind != RECORD_NONE;
	return known && (!w->stale_only || is_stale(rec, w->now));
}

static void
refresh(struct ctl_connection *c, const struct walk * /*w*/, const struct name *domain) {
	c->awaited++;
	pump_want(pump_of(c), PUMP_OPERATOR, domain, SCHED_PREFETCH, c->id);
}

void ctl_walk_refresh(struct ctl_connection *c, bool stale_only) {
	struct walk *w = calloc(1, sizeof(*w));
	if (w != NULL) {
		w->stale_only = stale_only;
		w->wants = wants_refresh;
		w->deal = refresh;
	}
	ctl_start(c, &WALK, w);
}

// Purge. An entry that stands for an override alone is nothing to be purged.

static bool has_ended(const struct walk *w, const struct record *rec) {
	return rec->ends_at <= w->now && rec->ends_at != 0;
}

static void purge(struct ctl_connection *c, const struct walk *w, const struct name *domain) {
	if (w->dry_run || cache_drop(pump_cache(pump_of(c)), domain)) {
		ctl_send(
			c,
			json_pack(
				"{s:s, s:b, s:b}",
				"domain",
				domain->text,
				"purged",
				(int)!w->dry_run,
				"dry_run",
				(int)w->dry_run
			)
		);
	}
}

void ctl_walk_purge(struct ctl_connection *c, bool dry_run) {
	struct walk *w = calloc(1, sizeof(*w));
	if (w != NULL) {
		w->dry_run = dry_run;
		w->wants = has_ended;
		w->deal = purge;
	}
	ctl_start(c, &WALK, w);
}

// Overrides.

static void give_override(void *arg, const struct override *o) {
	ctl_command_override(arg, o);
}

static bool overrides_slice(struct ctl_connection *c, void *state, mono_ns_t until) {
	unsigned *cursor = state;
	do {
		override_scan(pump_cache(pump_of(c)), cursor, give_override, c);
	} while (*cursor != 0 && !ctl_is_full(c) && clock_mono_ns() < until);
	return *cursor != 0;
}

void ctl_walk_overrides(struct ctl_connection *c) {
	static const struct ctl_work WORK = {.slice = overrides_slice, .free = free};
	ctl_start(c, &WORK, calloc(1, sizeof(unsigned)));
}
