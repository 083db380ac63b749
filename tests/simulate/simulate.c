// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// A year of stsd in minutes: the scheduler, the table and the store (its engine
// in memory) run as they do in the appliance, with a clock that is moved and an
// internet that is made up (populace.h). Prints a page of results and fails when
// a rule was broken.
//
// Usage: simulate [FRACTION]   1: the whole size; 100: a hundredth of everything

#include "cache/cache.h"
#include "cache/store_mem.h"
#include "fetch/sched.h"
#include "tests/simulate/populace.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600
#define DAY_S 86400
#define YEAR_S (365 * (boot_s_t)DAY_S)
#define TURN_S 4U     // the control loop's turn
#define STORE_TURNS 4 // from one look at the store to the next; what was put is in force then
#define POLICIES 70000UL
#define NONES 1000000UL
#define LOOKUPS 200000000ULL
#define RESTARTS 3
#define REFRESH_PER_S 50
#define FETCHES_MAX 256
#define JOBS_MAX 16384
#define MAX_BYTES 268435456UL // of memory
#define PAGES_BYTES 8388608UL // a page begun for each size is not less in a small memory
#define SLOTS 16	      // of the calendar, a turn each
#define PATIENCE_MS 60000
#define START_BOOT_S 1000
#define START_WALL_S 1800000000
#define ANSWER_MAX 4096

struct slot {
	struct task *list;
	size_t count;
	size_t cap;
};

// What we know of a policy that was kept, to find out when it lapsed.
struct shadow {
	boot_s_t ends_at; // 0: none kept, or its end was judged
	boot_s_t used_at;
	uint32_t max_age_s;
	bool enforce;
};

struct tally {
	uint64_t lookups;
	uint64_t hits;
	uint64_t answers[SCHED_PENDING + 1];
	uint64_t tasks[TASK_POLICY + 1];
	uint64_t turn_tasks[TASK_POLICY + 1]; // in this turn
	uint64_t peak_tasks[TASK_POLICY + 1]; // in any turn but of the first day
	uint64_t policy_changes;
	uint64_t peak_refreshes; // in one turn
	size_t peak_fetches;	 // in flight
	size_t peak_waiting;
	size_t peak_due; // refreshes that wait for their turn
	size_t peak_critical;
	size_t peak_jobs;
	uint64_t lapsed_short; // max_age under 20 min: not refreshed by itself
	uint64_t lapsed_unused;
	uint64_t lapsed_down;
	uint64_t lapsed_unrefreshed; // must be 0
	uint64_t forgotten;	     // an unexpired enforce policy that is not kept: must be 0
	size_t peak_bytes;
	size_t peak_names;
	size_t policies;
	uint64_t put;
	uint64_t put_lazy;
	uint64_t swept;
	uint64_t evicted;
	uint64_t refreshes;
	uint64_t downgrades;
	uint64_t alerts[RECORD_ALERT_LEVELS]; // policies that rose to it
};

struct simulation {
	unsigned fraction;
	struct populace *populace;
	struct store_mem *mem;
	struct store *store;
	struct table *table;
	struct cache *cache;
	struct sched *sched;
	struct cache_now now;
	uint64_t turn;
	struct slot slots[SLOTS];
	struct slot todo; // answers that are there at once
	struct shadow *shadows;
	uint64_t refreshes_before; // of this turn
	struct tally tally;
};

static void must(bool good, const char *what) {
	if (!good) {
		(void)fprintf(stderr, "simulate: %s\n", what);
		abort();
	}
}

// The internet.

static struct task *add(struct slot *s) {
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 64;
		s->list = reallocarray(s->list, s->cap, sizeof(s->list[0]));
		must(s->list != NULL, "no memory");
	}
	return &s->list[s->count++];
}

static bool op_start(void *arg, const struct task *task) {
	struct simulation *s = arg;
	s->tally.tasks[task->kind]++;
	s->tally.turn_tasks[task->kind]++;
	unsigned delay = populace_delay(s->populace, task, s->now.boot);
	unsigned turns = (delay + TURN_S - 1) / TURN_S;
	struct slot *slot = turns == 0 ? &s->todo : &s->slots[(s->turn + turns) % SLOTS];
	*add(slot) = *task;
	return true;
}

static void op_cancel(void * /*arg*/, uint64_t /*task*/) {
	// Its answer finds nobody.
}

// Answers all tasks of a list, those that come up meanwhile included. What the
// internet says is asked for now: texts are borrowed.
static void answer_tasks(struct simulation *s, struct slot *slot) {
	for (size_t i = 0; i < slot->count; i++) {
		struct task task = slot->list[i];
		struct outcome o;
		populace_answer(s->populace, &task, s->now.boot, &o);
		sched_outcome(s->sched, &o, s->now.boot, s->now.mono);
	}
	slot->count = 0;
}

// The glue, as in the appliance.

static bool op_current(void *arg, const struct name *domain, struct record *out) {
	const struct simulation *s = arg;
	return cache_current(s->cache, domain, out);
}

static void note_policy(struct simulation *s, const struct record *r) {
	struct shadow *shadow = &s->shadows[populace_index(s->populace, &r->domain)];
	*shadow = (struct shadow){
		.ends_at = r->ends_at,
		.used_at = shadow->used_at,
		.max_age_s = r->policy.max_age_s,
		.enforce = r->policy.mode == POLICY_MODE_ENFORCE,
	};
}

static void op_settle(void *arg, const struct sched_settlement *st) {
	struct simulation *s = arg;
	s->tally.answers[st->reply.verdict] += st->waiter_count;
	cache_checked(s->cache, &st->domain);
	if (st->effect == SCHED_PUT) {
		s->tally.policy_changes += st->durable ? 1 : 0;
		if (st->record.kind == RECORD_POLICY) {
			note_policy(s, &st->record);
		}
		cache_put(s->cache, &st->record, st->durable, 1, &s->now);
		return;
	}
	struct name domain = st->domain;
	if (st->effect == SCHED_DROP) {
		cache_drop(s->cache, &domain);
		s->shadows[populace_index(s->populace, &domain)].ends_at = 0;
	}
	sched_settled(s->sched, &domain, s->now.boot, s->now.mono);
}

static void op_answer(
	void *arg,
	const struct sched_waiter * /*waiter*/,
	const struct name * /*domain*/,
	const struct sched_reply *reply
) {
	struct simulation *s = arg;
	s->tally.answers[reply->verdict]++;
}

static void op_alert(
	void *arg,
	const struct name * /*domain*/,
	enum record_alert level,
	int64_t /*left_s*/
) {
	struct simulation *s = arg;
	s->tally.alerts[level]++;
}

static const struct sched_ops ops = {
	.start = op_start,
	.cancel = op_cancel,
	.current = op_current,
	.settle = op_settle,
	.answer = op_answer,
	.alert = op_alert,
};

static void in_force(void *arg, const struct name *domain, uint64_t cookie) {
	struct simulation *s = arg;
	if (cookie != 0) {
		sched_settled(s->sched, domain, s->now.boot, s->now.mono);
	}
}

// Any answer would do; nobody reads it here.
static int
render(const struct record * /*rec*/,
       int64_t /*wall_shift_s*/,
       boot_s_t /*now*/,
       uint8_t *buf,
       size_t cap,
       uint16_t *fresh_at) {
	size_t usual = cap < 128 ? cap : 128;
	memset(buf, 0, usual);
	*fresh_at = 0;
	return (int)usual;
}

static void loaded(void *arg, const struct record *rec) {
	struct simulation *s = arg;
	sched_loaded(s->sched, rec, s->now.boot);
}

// Begin and end of the process.

static void begin(struct simulation *s) {
	struct store_load_report report = {0};
	const struct store_config store = {.in_memory = true, .mem = s->mem};
	const struct table_config table = {.max_names = MAX_BYTES / EVICT_BYTES_MIN, .seed = 1};
	const struct sched_config sched = {
		.jobs_max = JOBS_MAX,
		.fetches_max = FETCHES_MAX,
		.per_address_max = 8,
		.per_network_max = 32,
		.refresh_per_s = REFRESH_PER_S,
		.unused_s = 180 * DAY_S,
		.client_per_s = 20000,
		.domain_per_s = 1000,
		.seed = 7,
	};
	must(store_open(&store, &s->store, &report) == 0, "no store");
	s->table = table_new(&table);
	must(s->table != NULL, "no table");
	const struct cache_config cache = {
		.table = s->table,
		.store = s->store,
		.render = render,
		.answer_max = ANSWER_MAX,
		.confirm_ms = PATIENCE_MS,
		.max_bytes = MAX_BYTES / s->fraction + PAGES_BYTES,
		.failed_percent = 10,
		.none_percent = 40,
		.seed = 1,
		.done = in_force,
		.arg = s,
	};
	s->cache = cache_new(&cache);
	s->sched = sched_new(&sched, &ops, s);
	must(s->cache != NULL && s->sched != NULL, "no memory");
	const struct wallclock clock = {.wall = s->now.wall, .kept = s->now.wall};
	must(cache_load(s->cache, &s->now, &clock, &report, loaded, s) == 0, "no load");
	must(report.complete, "the store is not complete");
	s->refreshes_before = 0;
}

static void wait_for_store(struct simulation *s) {
	struct cache_stats stats;
	cache_turn(s->cache, &s->now);
	for (cache_stats(s->cache, &stats); stats.pending > 0; cache_stats(s->cache, &stats)) {
		struct pollfd p = {.fd = store_fd(s->store), .events = POLLIN};
		must(poll(&p, 1, PATIENCE_MS) == 1, "the store says nothing");
		cache_turn(s->cache, &s->now);
	}
}

static void end(struct simulation *s) {
	wait_for_store(s);
	struct sched_stats sched;
	sched_stats(s->sched, &sched);
	s->tally.refreshes += sched.started[SCHED_REFRESH];
	for (unsigned i = 0; i < SCHED_DOWNGRADE_CAUSES; i++) {
		s->tally.downgrades += sched.downgrades[i];
	}
	struct cache_stats cache;
	cache_stats(s->cache, &cache);
	s->tally.put += cache.puts;
	s->tally.put_lazy += cache.puts_lazy;
	s->tally.swept += cache.swept;
	s->tally.evicted += cache.evicted;
	store_close(s->store);
	sched_free(s->sched);
	cache_free(s->cache);
	table_free(s->table);
	for (size_t i = 0; i < SLOTS; i++) {
		s->slots[i].count = 0; // whom these would tell is gone
	}
}

// One who writes mail, as a worker would treat him.
static void look_up(struct simulation *s) {
	size_t domain = populace_draw(s->populace);
	struct name name;
	populace_name(s->populace, domain, &name);
	s->tally.lookups++;
	if (populace_has_policy(s->populace, domain)) {
		s->shadows[domain].used_at = s->now.boot;
	}
	const struct entry *e = table_lookup(s->table, name.text, name.len);
	if (e == NULL || s->now.boot >= e->ends_s) {
		struct sched_waiter w = {.token = {1, 1}, .client = 1};
		(void)sched_want(s->sched, &name, SCHED_MISS, &w, s->now.boot, s->now.mono);
		answer_tasks(s, &s->todo);
		return;
	}
	s->tally.hits++;
	// Use and check are the two fields of an entry that change.
	// NOLINTNEXTLINE(performance-no-int-to-ptr): only drops const
	struct entry *marks = (struct entry *)(uintptr_t)e;
	atomic_store_explicit(
		&marks->used_h, (uint16_t)(s->now.boot / HOUR_S + 1), memory_order_relaxed
	);
	if (s->now.boot < e->check_s || atomic_exchange(&marks->checking, 1) != 0) {
		return;
	}
	if (!sched_want(s->sched, &name, SCHED_CHECK, NULL, s->now.boot, s->now.mono)) {
		cache_checked(s->cache, &name);
	}
	answer_tasks(s, &s->todo);
}

// Judging.

static void judge_lapse(struct simulation *s, size_t domain, const struct shadow *shadow) {
	boot_s_t up = populace_up_since(s->populace, domain, shadow->ends_at);
	// A host that is back for so long has been tried again: back-off is at most 18 min.
	boot_s_t enough = shadow->max_age_s / 2 < HOUR_S ? shadow->max_age_s / 2 : HOUR_S;
	if (shadow->max_age_s < 20 * 60) {
		s->tally.lapsed_short++;
	} else if (shadow->ends_at - shadow->used_at > 180 * DAY_S - 2 * DAY_S) {
		s->tally.lapsed_unused++;
	} else if (up == CLOCK_NEVER || shadow->ends_at - up < enough) {
		s->tally.lapsed_down++;
	} else {
		s->tally.lapsed_unrefreshed++;
		(void)fprintf(
			stderr,
			"p%zu lapsed at %" PRId64 ": max_age %u, last used %" PRId64
			", host up since %" PRId64 "\n",
			domain,
			shadow->ends_at,
			shadow->max_age_s,
			shadow->used_at,
			up
		);
	}
}

static bool is_kept(const struct simulation *s, size_t domain, const struct shadow *shadow) {
	struct name name;
	struct record rec;
	populace_name(s->populace, domain, &name);
	return cache_current(s->cache, &name, &rec) && rec.kind == RECORD_POLICY
	       && rec.ends_at == shadow->ends_at;
}

// Every policy that has been kept has ended or, looked up where `whole`, is there.
static void judge_policies(struct simulation *s, bool whole) {
	size_t there = 0;
	for (size_t i = 0; i < POLICIES / s->fraction; i++) {
		struct shadow *shadow = &s->shadows[i];
		if (shadow->ends_at == 0) {
			continue;
		}
		if (shadow->ends_at <= s->now.boot) {
			judge_lapse(s, i, shadow);
			shadow->ends_at = 0;
			continue;
		}
		there++;
		s->tally.forgotten += whole && shadow->enforce && !is_kept(s, i, shadow) ? 1 : 0;
	}
	s->tally.policies = there;
}

static void peak(size_t *most, size_t n) {
	*most = n > *most ? n : *most;
}

static void watch(struct simulation *s) {
	struct tally *t = &s->tally;
	struct sched_stats sched;
	sched_stats(s->sched, &sched);
	uint64_t refreshes = sched.started[SCHED_REFRESH] - s->refreshes_before;
	s->refreshes_before = sched.started[SCHED_REFRESH];
	t->peak_refreshes = refreshes > t->peak_refreshes ? refreshes : t->peak_refreshes;
	peak(&t->peak_fetches, sched.fetches);
	peak(&t->peak_waiting, sched.waiting);
	peak(&t->peak_jobs, sched.jobs);
	peak(&t->peak_due, sched.due);
	peak(&t->peak_critical, sched.alerts[RECORD_ALERT_CRITICAL]);
	struct table_stats table = table_stats(s->table);
	peak(&t->peak_bytes, table.entry_bytes + table.bucket_bytes);
	peak(&t->peak_names, table.names);
	for (unsigned k = TASK_TXT; k <= TASK_POLICY; k++) {
		if (s->now.boot > START_BOOT_S + DAY_S && t->turn_tasks[k] > t->peak_tasks[k]) {
			t->peak_tasks[k] = t->turn_tasks[k];
		}
		t->turn_tasks[k] = 0;
	}
}

static void turn(struct simulation *s, uint64_t lookups) {
	s->turn++;
	s->now.boot += TURN_S;
	s->now.wall += TURN_S;
	s->now.shown += TURN_S;
	s->now.mono += TURN_S * CLOCK_NS_PER_S;
	answer_tasks(s, &s->slots[s->turn % SLOTS]);
	answer_tasks(s, &s->todo);
	while (s->tally.lookups < lookups) {
		look_up(s);
	}
	sched_tick(s->sched, s->now.boot, s->now.mono);
	answer_tasks(s, &s->todo);
	if (s->turn % STORE_TURNS == 0) {
		wait_for_store(s);
	}
	watch(s);
}

static void live_a_year(struct simulation *s) {
	uint64_t turns = YEAR_S / TURN_S;
	uint64_t lookups = LOOKUPS / s->fraction;
	begin(s);
	for (uint64_t i = 1; i <= turns; i++) {
		turn(s, lookups * i / turns);
		if (i % (HOUR_S / TURN_S) == 0) {
			bool day = i % (DAY_S / TURN_S) == 0;
			judge_policies(s, day);
		}
		if (i % (turns / 20) == 0) {
			(void)fprintf(stderr, "%u %%\n", (unsigned)(i * 100 / turns));
		}
		if (i % (turns / (RESTARTS + 1)) == 0 && i != turns) {
			end(s);
			begin(s);
		}
	}
	end(s);
}

// The page.

static void __attribute__((format(printf, 2, 3))) row(const char *what, const char *form, ...) {
	char text[128];
	va_list args;
	va_start(args, form);
	(void)vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	(void)printf("| %s | %s |\n", what, text);
}

static double per_s(uint64_t n) {
	return (double)n / (double)YEAR_S;
}

static double in_turn(uint64_t n) {
	return (double)n / TURN_S;
}

static void print_page(const struct simulation *s) {
	const struct tally *t = &s->tally;
	const uint64_t *a = t->answers;
	(void)printf("| quantity | value |\n|---|---|\n");
	row("fraction of the whole size", "1/%u", s->fraction);
	row("domains with a policy, and without",
	    "%lu, %lu",
	    POLICIES / s->fraction,
	    NONES / s->fraction);
	row("lookups, by Zipf", "%" PRIu64 " (%.2f/s)", t->lookups, per_s(t->lookups));
	row("answered from memory", "%.2f %%", 100.0 * (double)t->hits / (double)t->lookups);
	row("answered after asking: look, none, failed, unknown, pending",
	    "%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64,
	    a[SCHED_LOOK],
	    a[SCHED_NONE],
	    a[SCHED_FAILED],
	    a[SCHED_UNKNOWN],
	    a[SCHED_PENDING]);
	row("TXT queries",
	    "%" PRIu64 " (%.2f/s; most in %u s: %.1f/s)",
	    t->tasks[TASK_TXT],
	    per_s(t->tasks[TASK_TXT]),
	    TURN_S,
	    in_turn(t->peak_tasks[TASK_TXT]));
	row("policy fetches",
	    "%" PRIu64 " (%.2f/s; most in %u s: %.1f/s)",
	    t->tasks[TASK_POLICY],
	    per_s(t->tasks[TASK_POLICY]),
	    TURN_S,
	    in_turn(t->peak_tasks[TASK_POLICY]));
	row("of them proactive refreshes",
	    "%" PRIu64 " (%.2f/s; most in %u s: %.1f/s; limit %u/s)",
	    t->refreshes,
	    per_s(t->refreshes),
	    TURN_S,
	    in_turn(t->peak_refreshes),
	    REFRESH_PER_S);
	row("fetches in flight, most", "%zu (limit %u)", t->peak_fetches, FETCHES_MAX);
	row("fetches that waited for room, most at once", "%zu", t->peak_waiting);
	row("refreshes that waited for their turn, most at once", "%zu", t->peak_due);
	row("discoveries at once, most", "%zu (limit %u)", t->peak_jobs, JOBS_MAX);
	row("policies kept at the end", "%zu", t->policies);
	row("possible downgrades seen", "%" PRIu64, t->downgrades);
	row("policies that rose to notice, warning, critical",
	    "%" PRIu64 ", %" PRIu64 ", %" PRIu64,
	    t->alerts[RECORD_ALERT_NOTICE],
	    t->alerts[RECORD_ALERT_WARNING],
	    t->alerts[RECORD_ALERT_CRITICAL]);
	row("policies critical at once, most", "%zu", t->peak_critical);
	row("policies that ended: max_age under 20 min", "%" PRIu64, t->lapsed_short);
	row("policies that ended: not used for 180 days", "%" PRIu64, t->lapsed_unused);
	row("policies that ended: host away, or given up", "%" PRIu64, t->lapsed_down);
	row("policies that ended for want of a refresh", "%" PRIu64, t->lapsed_unrefreshed);
	row("unexpired enforce policies missing", "%" PRIu64, t->forgotten);
	row("names in memory, most", "%zu", t->peak_names);
	row("memory of entries and buckets, most",
	    "%.1f MiB (bound %.1f MiB)",
	    (double)t->peak_bytes / 1048576.0,
	    (double)MAX_BYTES / s->fraction / 1048576.0);
	row("durable and lazy writes", "%" PRIu64 ", %" PRIu64, t->put, t->put_lazy);
	row("ended entries removed, unended given up", "%" PRIu64 ", %" PRIu64, t->swept, t->evicted
	);
	row("restarts", "%u", RESTARTS);
}

static bool broken(const char *rule, bool is_broken) {
	if (is_broken) {
		(void)fprintf(stderr, "broken: %s\n", rule);
	}
	return is_broken;
}

static int verdict(const struct tally *t, unsigned fraction) {
	bool bad = broken("a policy ended for want of a refresh", t->lapsed_unrefreshed > 0);
	bad |= broken("an unexpired enforce policy is missing", t->forgotten > 0);
	bad |= broken(
		"too many refreshes a second", t->peak_refreshes > REFRESH_PER_S * (uint64_t)TURN_S
	);
	bad |= broken("too many fetches in flight", t->peak_fetches > FETCHES_MAX);
	bad |= broken(
		"more TXT queries than lookups and refreshes",
		t->tasks[TASK_TXT] > t->lookups + t->refreshes
	);
	bad |= broken("somebody was put off", t->answers[SCHED_PENDING] > 0);
	bad |= broken("nothing was refreshed", t->refreshes == 0);
	bad |= broken("somebody had to be given up", t->evicted > 0);
	bad |= broken("memory outside its budget", t->peak_bytes > MAX_BYTES / fraction);
	return bad ? 1 : 0;
}

int main(int argc, char **argv) {
	static struct simulation s;
	s.fraction = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	must(s.fraction >= 1 && s.fraction <= 1000, "usage: simulate [FRACTION]");
	s.now = (struct cache_now){
		.mono = CLOCK_NS_PER_S,
		.boot = START_BOOT_S,
		.wall = START_WALL_S,
		.shown = START_WALL_S,
	};
	s.populace = populace_new(&(struct populace_config){
		.policies = POLICIES / s.fraction,
		.nones = NONES / s.fraction,
		.seed = 20,
		.start = START_BOOT_S,
	});
	s.mem = store_mem_new();
	s.shadows = calloc((POLICIES + NONES) / s.fraction, sizeof(s.shadows[0]));
	must(s.populace != NULL && s.mem != NULL && s.shadows != NULL, "no memory");
	live_a_year(&s);
	print_page(&s);
	for (size_t i = 0; i < SLOTS; i++) {
		free(s.slots[i].list);
	}
	free(s.todo.list);
	free(s.shadows);
	store_mem_free(s.mem);
	populace_free(s.populace);
	return verdict(&s.tally, s.fraction);
}
