// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// A restart of the world: what is kept goes through the real cache and store (the
// engine in memory) and the real judgement of the wall clock, as it does when
// the process ends and begins again.

#include "cache/cache.h"
#include "cache/store_mem.h"
#include "tests/scenario/world.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BOOT_AGAIN_S 30
#define PATIENCE_MS 20000
#define ANSWER_MAX 8

struct store_of_world {
	struct store *store;
	struct table *table;
	struct cache *cache;
	struct store_load_report report;
};

static void must(bool good, const char *what) {
	if (!good) {
		(void)fprintf(stderr, "restart: %s\n", what);
		abort();
	}
}

static int
render(const struct record * /*rec*/,
       int64_t /*wall_shift_s*/,
       boot_s_t /*now*/,
       uint8_t *buf,
       size_t /*cap*/,
       uint16_t *fresh_at) {
	*buf = 0;
	*fresh_at = 0;
	return 1;
}

static void done(void * /*arg*/, const struct name * /*domain*/, uint64_t /*cookie*/) {}

static void loaded(void *arg, const struct record *rec) {
	struct world *w = arg;
	sched_loaded(w->sched, rec, w->now);
}

static struct cache_now now_of(const struct world *w) {
	return (struct cache_now){
		.mono = w->ns,
		.boot = w->now,
		.wall = w->now + w->saved_shift_s,
		.shown = w->now + w->wall_shift_s,
	};
}

static void open_store(struct world *w, struct store_mem *mem, struct store_of_world *o) {
	const struct store_config store = {.in_memory = true, .mem = mem};
	const struct table_config table = {.max_names = WORLD_DOMAINS_MAX, .seed = 1};
	must(store_open(&store, &o->store, &o->report) == 0, "no store");
	o->table = table_new(&table);
	must(o->table != NULL, "no table");
	const struct cache_config config = {
		.table = o->table,
		.store = o->store,
		.render = render,
		.answer_max = ANSWER_MAX,
		.confirm_ms = PATIENCE_MS,
		.max_bytes = w->cache_bytes,
		.failed_percent = 10,
		.none_percent = 2,
		.seed = 1,
		.done = done,
		.arg = w,
	};
	o->cache = cache_new(&config);
	must(o->cache != NULL, "no cache");
}

static void close_store(struct store_of_world *o) {
	store_close(o->store);
	cache_free(o->cache);
	table_free(o->table);
}

static void turn_until_written(struct world *w, struct store_of_world *o) {
	struct cache_now now = now_of(w);
	struct cache_stats stats;
	cache_turn(o->cache, &now);
	for (cache_stats(o->cache, &stats); stats.pending > 0; cache_stats(o->cache, &stats)) {
		struct pollfd p = {.fd = store_fd(o->store), .events = POLLIN};
		must(poll(&p, 1, PATIENCE_MS) == 1, "the store says nothing");
		cache_turn(o->cache, &now);
	}
}

// Writes what is kept: policies whole and durable, then what was learnt of them.
static void write_all(struct world *w, struct store_mem *mem) {
	struct store_of_world o = {0};
	open_store(w, mem, &o);
	struct cache_now now = now_of(w);
	const struct wallclock clock = {.wall = now.wall, .kept = now.wall};
	must(cache_load(o.cache, &now, &clock, &o.report, loaded, w) == 0, "no first load");
	for (size_t i = 0; i < w->domain_count; i++) {
		const struct world_domain *d = w->domains[i];
		bool durable = d->kept && d->record.kind == RECORD_POLICY;
		if (d->kept) {
			cache_put(o.cache, &d->record, durable, 0, &now);
		}
		if (durable) {
			turn_until_written(w, &o);
			cache_put(o.cache, &d->record, false, 0, &now);
		}
	}
	close_store(&o);
}

static void read_all(struct world *w, struct store_mem *mem, const struct wallclock *clock) {
	struct store_of_world o = {0};
	open_store(w, mem, &o);
	struct cache_now now = now_of(w);
	must(cache_load(o.cache, &now, clock, &o.report, loaded, w) == 0, "no load");
	must(o.report.complete, "the store is not complete");
	while (!cache_warm(o.cache)) {
		struct pollfd p = {.fd = store_fd(o.store), .events = POLLIN};
		must(poll(&p, 1, PATIENCE_MS) == 1, "the stream does not end");
		cache_turn(o.cache, &now);
	}
	for (size_t i = 0; i < w->domain_count; i++) {
		struct record rec;
		w->domains[i]->kept = false;
		if (cache_current(o.cache, &w->domains[i]->name, &rec)) {
			world_keep(w->domains[i], &rec);
		}
	}
	close_store(&o);
}

void world_restart(struct world *w, int64_t off_s) {
	char directory[] = "/tmp/scenario-XXXXXX";
	must(mkdtemp(directory) != NULL, "no directory");
	struct store_mem *mem = store_mem_new();
	must(mem != NULL, "no memory");
	must(w->task_count == 0, "tasks are out");
	write_all(w, mem);
	must(wallclock_save(directory, w->now + w->saved_shift_s) == 0, "no clock file");

	// Off, and up again: another boot clock, and the wall clock as it is now.
	wall_s_t wall = w->now + w->wall_shift_s + off_s;
	w->now = BOOT_AGAIN_S;
	w->wall_shift_s = wall - w->now;
	struct wallclock clock = wallclock_load(directory, wall);
	w->saved_shift_s = clock.kept - w->now;
	world_new_sched(w);
	read_all(w, mem, &clock);

	char file[sizeof(directory) + 8];
	(void)snprintf(file, sizeof(file), "%s/clock", directory);
	(void)unlink(file);
	(void)rmdir(directory);
	store_mem_free(mem);
}
