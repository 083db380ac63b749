// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/stock.h"

#include "base/clock.h"
#include "bench/dice.h"
#include "bench/fill.h"
#include "cache/cache_publish.h"
#include "dataplane/lookup.h"

#include <errno.h>
#include <stdlib.h>

#define TABLE_SEED 0x5eed // the same table every time
#define NONE_S 604800
#define BATCH 64

struct stock {
	const struct expect_set *set;
	struct table *table;
	struct cache *cache;
	struct cache_now now;
	struct dice dice;
	struct fill_room room;
};

static void look_at_clock(struct stock *s) {
	s->now = (struct cache_now){clock_mono_ns(), clock_boot_s(), clock_wall_s(), 0};
	s->now.shown = s->now.wall;
}

int stock_publish(struct stock *s, uint32_t index) {
	struct expect e = expect_get(s->set, index);
	struct record rec;
	int rc = fill_record(&e, s->now.wall, NONE_S, &s->room, &rec);
	if (rc)
		return rc;
	int64_t shift = s->now.wall - s->now.boot;
	rec.ends_at -= shift;
	rec.checked_at -= shift;
	rec.fetched_at -= shift;
	rec.inserted_at -= shift;
	rec.refresh_at -= shift;
	if (rec.next_check_at != CLOCK_NEVER)
		rec.next_check_at -= shift;
	return cache_publish(s->cache, &rec, &s->now) ? 0 : -ENOMEM;
}

int stock_open(const struct expect_set *set, struct stock **out) {
	struct stock *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->set = set;
	s->table = table_new(&(struct table_config){.max_names = set->count, .seed = TABLE_SEED});
	s->cache = !s->table ? NULL
			     : cache_new(&(struct cache_config){
				     .table = s->table,
				     .render = lookup_render,
				     .answer_max = LOOKUP_RENDER_MAX,
				     .max_bytes = SIZE_MAX,
				     .failed_percent = 10,
				     .none_percent = 40,
			     });
	int rc = s->cache ? 0 : -ENOMEM;
	look_at_clock(s);
	for (uint32_t i = 0; i < set->count && !rc; i++)
		rc = stock_publish(s, i);
	if (rc)
		stock_close(s);
	else
		*out = s;
	return rc;
}

void stock_close(struct stock *s) {
	if (s->cache)
		cache_free(s->cache);
	table_free(s->table);
	free(s);
}

struct table *stock_table(struct stock *s) {
	return s->table;
}

int64_t stock_publish_on(struct stock *s, double per_s, double seconds) {
	mono_ns_t begin = clock_mono_ns();
	int64_t done = 0;
	for (;;) {
		double at = (double)(clock_mono_ns() - begin) / CLOCK_NS_PER_S;
		if (at >= seconds)
			return done;
		if (at * per_s < (double)done)
			continue;
		look_at_clock(s);
		for (unsigned i = 0; i < BATCH; i++) {
			int rc = stock_publish(s, dice_below(&s->dice, s->set->count));
			if (rc)
				return rc;
		}
		table_turn(s->table);
		done += BATCH;
	}
}
