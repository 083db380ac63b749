// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ctl_inner.h"
#include "app/dumporder.h"
#include "app/view.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

// A dump has three parts:
//
//  1. All entries that are no NONE record are put in order.
//  2. They are given in that order, as they are by then.
//  3. A pass over the table gives all names that were not in part 1.
//
// So a name that is kept throughout is given exactly once, whatever becomes of it
// meanwhile: table_scan() gives it once in each pass, in part 3 unless in part 1.
// A filter can only keep it from both.

#define SCAN_BUCKETS 4

struct filter {
	char kind[16]; // "": any
	char mode[16]; // of the policy
	char told[16]; // mode a sender is told
	char match[256];
	bool expired;
	bool overridden;
};

enum part { PART_ORDER, PART_FIRST, PART_REST };

struct dump {
	struct filter filter;
	enum part part;
	bool failed;
	uint64_t cursor;
	struct dumporder *order;
	struct ctl_connection *c; // of the slice that runs
	struct view_now now;
};

static struct cache *cache_of(const struct dump *d) {
	return pump_cache(ctl_source(d->c)->pump);
}

// The filter.

static bool is_word(const char *wanted, const char *word) {
	return wanted[0] == '\0' || (word != NULL && strcmp(wanted, word) == 0);
}

static bool
matches(const struct dump *d, const struct record *rec, const struct override *override) {
	const struct filter *f = &d->filter;
	bool policy = rec->kind == RECORD_POLICY;
	if ((f->overridden && override == NULL) || (f->expired && rec->ends_at > d->now.boot)
	    || !is_word(f->kind, view_kind(rec))
	    || !is_word(f->mode, policy ? policy_mode_str(rec->policy.mode) : NULL)
	    || (f->match[0] != '\0' && fnmatch(f->match, rec->domain.text, FNM_CASEFOLD) != 0)) {
		return false;
	}
	return f->told[0] == '\0' || is_word(f->told, view_answer(rec, override, d->now.boot).mode);
}

// @param out  What is to be shown with the record, or NULL. Borrowed from *o.
static bool
wanted(const struct dump *d, const struct record *rec, struct override *o, struct override **out) {
	*out = override_find(cache_of(d), &rec->domain, o) ? o : NULL;
	return matches(d, rec, *out);
}

static void send_if_wanted(struct dump *d, const struct record *rec) {
	struct override o;
	struct override *override;
	if (wanted(d, rec, &o, &override)) {
		ctl_send(d->c, view_record(rec, override, &d->now, VIEW_SHORT));
	}
}

// The parts.

static void put_in_order(void *arg, const struct entry *e) {
	struct dump *d = arg;
	struct record rec;
	struct override o;
	struct override *override;
	if (e->kind == ENTRY_NONE || cache_read_entry(e, &rec) < 0
	    || !wanted(d, &rec, &o, &override)) {
		return;
	}
	d->failed |= dumporder_add(d->order, &rec.domain, rec.used_at) < 0;
}

static void give_rest(void *arg, const struct entry *e) {
	struct dump *d = arg;
	struct record rec;
	if (cache_read_entry(e, &rec) == 0 && !dumporder_has(d->order, &rec.domain)) {
		send_if_wanted(d, &rec);
	}
}

static void give_first(struct dump *d) {
	struct name domain;
	if (!dumporder_pop(d->order, &domain)) {
		d->part = PART_REST;
		return;
	}
	struct table *t = ctl_source(d->c)->table;
	const struct entry *e = table_lookup(t, domain.text, domain.len);
	struct record rec;
	if (e != NULL && cache_read_entry(e, &rec) == 0) {
		send_if_wanted(d, &rec);
	}
}

// @return False: that was the last one.
static bool step(struct dump *d) {
	struct table *t = ctl_source(d->c)->table;
	switch (d->part) {
	case PART_ORDER:
		table_scan(t, &d->cursor, SCAN_BUCKETS, put_in_order, d);
		d->part = d->cursor == 0 ? PART_FIRST : PART_ORDER;
		return !d->failed;
	case PART_FIRST:
		give_first(d);
		return true;
	default:
		table_scan(t, &d->cursor, SCAN_BUCKETS, give_rest, d);
		return d->cursor != 0;
	}
}

static bool slice(struct ctl_connection *c, void *state, mono_ns_t until) {
	struct dump *d = state;
	d->c = c;
	d->now = view_now();
	bool more = true;
	do {
		more = step(d);
	} while (more && !ctl_is_full(c) && clock_mono_ns() < until);
	if (d->failed) {
		ctl_fail(c, 1, "memory is short");
	}
	return more;
}

static void free_dump(void *state) {
	struct dump *d = state;
	dumporder_free(d->order);
	free(d);
}

static bool copy_word(char *out, size_t cap, const struct ctl_request *r, const char *key) {
	const char *word = ctl_word(r, key);
	return word == NULL || (size_t)snprintf(out, cap, "%s", word) < cap;
}

void ctl_dump_start(struct ctl_connection *c, const struct ctl_request *r) {
	static const struct ctl_work WORK = {.slice = slice, .free = free_dump};
	struct table_stats t = table_stats(ctl_source(c)->table);
	struct dump *d = calloc(1, sizeof(*d));
	if (d != NULL) {
		d->order = dumporder_new(t.names - t.by_kind[ENTRY_NONE]);
	}
	if (d == NULL || d->order == NULL) {
		free(d);
		ctl_fail(c, 1, "memory is short");
		return;
	}
	struct filter *f = &d->filter;
	f->expired = ctl_flag(r, "expired");
	f->overridden = ctl_flag(r, "overrides");
	bool fits = copy_word(f->kind, sizeof(f->kind), r, "kind")
		    && copy_word(f->mode, sizeof(f->mode), r, "mode")
		    && copy_word(f->told, sizeof(f->told), r, "told")
		    && copy_word(f->match, sizeof(f->match), r, "match");
	if (!fits) {
		free_dump(d);
		ctl_fail(c, 2, "a filter is too long");
		return;
	}
	ctl_start(c, &WORK, d);
}
