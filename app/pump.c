// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/pump.h"

#define LOG_TOPIC "pump"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MISSES 64
#define BATCHES 64 // of MISSES, a turn
#define SAVE_CLOCK_EVERY_S 60
#define CONFIRM_MS 500
#define DOOR (1ULL << 63) // a token of pump_want(): the door is in the low bits

// Those who wait while a record is made durable, or while the store is asked.
struct batch {
	bool settles; // a job of the scheduler ends with it
	struct sched_reply reply;
	size_t count;
	struct sched_waiter waiters[];
};

struct pump {
	struct pump_config config;
	struct {
		pump_answer_fn *answer;
		void *arg;
	} doors[PUMP_DOORS];
	struct pump_stats stats;
	struct sched *sched;
	struct cache *cache;
	struct fetch *fetch;
	pump_operated_fn *operated;
	void *operated_arg;
	struct cache_now now;
	int64_t kept_shift_s; // the wall time of what is stored, minus the boot clock
	boot_s_t clock_saved;
};

static void read_clocks(struct pump *p) {
	p->now.mono = clock_mono_ns();
	p->now.boot = clock_boot_s();
	p->now.shown = p->now.boot + clock_shift_s();
	p->now.wall = p->now.boot + p->kept_shift_s;
}

static struct sched_waiter waiter_of(const struct miss *m) {
	return (struct sched_waiter){
		.token = {(uint64_t)m->worker << 32 | m->slot, m->generation},
		.client = m->client,
		.silent = m->generation == 0, // a name of a batch is `pending` at once
	};
}

static void
answer(struct pump *p,
       const struct sched_waiter *w,
       const struct name *domain,
       const struct sched_reply *reply) {
	if ((w->token[0] & DOOR) != 0) {
		unsigned door = (unsigned)(w->token[0] & ~DOOR);
		if (p->doors[door].answer != NULL) {
			p->doors[door].answer(p->doors[door].arg, w->token[1], domain, reply);
		}
		return;
	}
	if (w->silent) {
		return;
	}
	static const uint8_t VERDICT[] = {
		[SCHED_LOOK] = READY_LOOK,
		[SCHED_NONE] = READY_NONE,
		[SCHED_FAILED] = READY_FAILED,
		[SCHED_UNKNOWN] = READY_UNKNOWN,
		[SCHED_PENDING] = READY_PENDING,
	};
	struct ready token = {
		.slot = (uint32_t)w->token[0],
		.generation = (uint32_t)w->token[1],
		.retry_s = reply->retry_s,
		.verdict = VERDICT[reply->verdict],
	};
	memcpy(token.why, reply->why, sizeof(token.why));
	if (reply->verdict != SCHED_PENDING && override_hides(p->cache, domain)) {
		token.verdict = READY_LOOK; // the operator's answer stands in the table
	}
	unsigned worker = (unsigned)(w->token[0] >> 32);
	if (!dataplane_ready(p->config.dataplane, worker, &token)) {
		p->stats.ready_full++; // the hold time answers `pending`
	}
}

static void answer_all(struct pump *p, const struct batch *b, const struct name *domain) {
	for (size_t i = 0; i < b->count; i++) {
		answer(p, &b->waiters[i], domain, &b->reply);
	}
}

// What the scheduler asks for.

static bool start(void *arg, const struct task *task) {
	struct pump *p = arg;
	return fetch_submit(p->fetch, task);
}

static void cancel(void *arg, uint64_t task) {
	struct pump *p = arg;
	fetch_cancel(p->fetch, task);
}

static bool current(void *arg, const struct name *domain, struct record *out) {
	const struct pump *p = arg;
	return cache_current(p->cache, domain, out);
}

static void note_downgrade(const struct sched_settlement *s) {
	if (s->tell) {
		LOG(WARN,
		    "possible downgrade of %s (%s, %s): its policy stands",
		    s->domain.text,
		    sched_downgrade_str(s->downgrade),
		    s->record.failure.why);
	}
}

// RFC 8461 10.2: long before a policy ends that cannot be renewed.
static void
alert(void * /*arg*/, const struct name *domain, enum record_alert level, int64_t left_s) {
	if (level >= RECORD_ALERT_WARNING) {
		log_write(
			level == RECORD_ALERT_CRITICAL ? LOG_ERROR : LOG_WARN,
			LOG_TOPIC,
			"the policy of %s cannot be renewed and ends in %lld s (%s)",
			domain->text,
			(long long)left_s,
			record_alert_str(level)
		);
	}
}

static void settle(void *arg, const struct sched_settlement *s) {
	struct pump *p = arg;
	note_downgrade(s);
	cache_checked(p->cache, &s->domain);
	struct batch *b = malloc(sizeof(*b) + s->waiter_count * sizeof(b->waiters[0]));
	if (b == NULL) {
		abort(); // sts:main cannot go on without memory for an answer
	}
	*b = (struct batch){.settles = true, .reply = s->reply, .count = s->waiter_count};
	if (s->waiter_count > 0) {
		memcpy(b->waiters, s->waiters, s->waiter_count * sizeof(b->waiters[0]));
	}
	if (s->effect == SCHED_PUT) {
		cache_put(p->cache, &s->record, s->durable, (uint64_t)(uintptr_t)b, &p->now);
		return;
	}
	struct name domain = s->domain;
	if (s->effect == SCHED_DROP) {
		cache_drop(p->cache, &domain);
	}
	answer_all(p, b, &domain);
	free(b);
	sched_settled(p->sched, &domain, p->now.boot, p->now.mono);
}

static void answer_one(
	void *arg,
	const struct sched_waiter *w,
	const struct name *domain,
	const struct sched_reply *reply
) {
	answer(arg, w, domain, reply);
}

static const struct sched_ops OPS = {
	.start = start,
	.cancel = cancel,
	.current = current,
	.settle = settle,
	.answer = answer_one,
	.alert = alert,
};

static void
want(struct pump *p, const struct name *domain, enum sched_cause cause, const struct sched_waiter *w
) {
	if (!sched_want(p->sched, domain, cause, w, p->now.boot, p->now.mono)
	    && cause == SCHED_CHECK) {
		cache_checked(p->cache, domain);
	}
}

// A record is in force, or the store has been asked for a NONE record.
static void in_force(void *arg, const struct name *domain, uint64_t cookie) {
	struct pump *p = arg;
	struct batch *b = (struct batch *)(uintptr_t
	)cookie; // NOLINT(performance-no-int-to-ptr): round trip of a pointer
	if (b == NULL) {
		return;
	}
	struct record rec;
	bool look = b->settles
		    || (cache_current(p->cache, domain, &rec) && rec.ends_at > p->now.boot);
	if (look) {
		answer_all(p, b, domain);
	} else {
		want(p, domain, SCHED_MISS, &b->waiters[0]);
	}
	bool settles = b->settles;
	free(b);
	if (settles) {
		sched_settled(p->sched, domain, p->now.boot, p->now.mono);
	}
}

static void on_outcome(void *arg, const struct outcome *o) {
	struct pump *p = arg;
	read_clocks(p);
	sched_outcome(p->sched, o, p->now.boot, p->now.mono);
}

// Misses.

// While NONE records are being loaded the store may know the domain already.
static bool ask_store(struct pump *p, const struct name *domain, const struct sched_waiter *w) {
	struct record rec;
	if (cache_warm(p->cache) || cache_current(p->cache, domain, &rec)) {
		return false;
	}
	struct batch *b = malloc(sizeof(*b) + sizeof(b->waiters[0]));
	if (b == NULL) {
		return false;
	}
	*b = (struct batch){.count = 1, .reply.verdict = SCHED_LOOK};
	b->waiters[0] = *w;
	bool asked = cache_fetch_none(p->cache, domain, (uint64_t)(uintptr_t)b);
	if (!asked) {
		free(b);
	}
	return asked;
}

static void miss(struct pump *p, const struct name *domain, const struct sched_waiter *w) {
	if (!ask_store(p, domain, w)) {
		want(p, domain, SCHED_MISS, w);
	}
}

static void take_miss(struct pump *p, const struct miss *m) {
	struct name domain;
	if (m->name_len > NAME_DOMAIN_MAX) {
		return;
	}
	domain.len = m->name_len;
	memcpy(domain.text, m->name, m->name_len);
	domain.text[m->name_len] = '\0';
	struct sched_waiter w = waiter_of(m);
	switch (m->kind) {
	case MISS_LOOKUP:
		p->stats.misses++;
		miss(p, &domain, &w);
		break;
	case MISS_RECHECK:
		p->stats.rechecks++;
		want(p, &domain, SCHED_RECHECK, &w);
		break;
	default:
		p->stats.checks++;
		want(p, &domain, SCHED_CHECK, NULL);
		break;
	}
}

static void save_clock(struct pump *p) {
	if (p->now.boot - p->clock_saved < SAVE_CLOCK_EVERY_S || cache_restamps(p->cache)) {
		return;
	}
	p->clock_saved = p->now.boot;
	int rc = wallclock_save(p->config.store_directory, p->now.wall);
	if (rc < 0) {
		LOG(WARN, "the wall time cannot be saved: %s", err_str(rc));
	}
}

bool pump_turn(struct pump *p) {
	struct miss misses[MISSES];
	bool work = false;
	read_clocks(p);
	for (int batch = 0; batch < BATCHES; batch++) {
		size_t n = dataplane_misses(p->config.dataplane, misses, MISSES);
		for (size_t i = 0; i < n; i++) {
			take_miss(p, &misses[i]);
		}
		work |= n > 0;
		if (n < MISSES) {
			break;
		}
	}
	sched_tick(p->sched, p->now.boot, p->now.mono);
	cache_turn(p->cache, &p->now);
	save_clock(p);
	return work;
}

void pump_set_door(struct pump *p, enum pump_door door, pump_answer_fn *fn, void *arg) {
	p->doors[door].answer = fn;
	p->doors[door].arg = arg;
}

void pump_want(
	struct pump *p,
	enum pump_door door,
	const struct name *domain,
	enum sched_cause cause,
	uint64_t id
) {
	struct sched_waiter w = {.token = {DOOR | door, id}};
	read_clocks(p);
	if (cause == SCHED_MISS) {
		miss(p, domain, &w);
	} else {
		want(p, domain, cause, &w);
	}
}

void pump_check(struct pump *p, const struct name *domain) {
	p->stats.checks++;
	read_clocks(p);
	want(p, domain, SCHED_CHECK, NULL);
}

// What the operator decides.

static void operated(void *arg, uint64_t cookie, int status) {
	const struct pump *p = arg;
	if (p->operated != NULL) {
		p->operated(p->operated_arg, cookie, status);
	}
}

void pump_set_operated(struct pump *p, pump_operated_fn *fn, void *arg) {
	p->operated = fn;
	p->operated_arg = arg;
}

int pump_override(
	struct pump *p,
	const struct name *domain,
	enum policy_mode mode,
	int64_t for_s,
	uint64_t id
) {
	read_clocks(p);
	// The second that has begun is not counted.
	const struct override o = {
		.domain = *domain,
		.mode = mode,
		.set_at = p->now.boot,
		.ends_at = for_s > 0 ? p->now.boot + for_s + 1 : CLOCK_NEVER,
	};
	return override_set(p->cache, &o, id, &p->now);
}

bool pump_override_clear(struct pump *p, const struct name *domain, uint64_t id) {
	read_clocks(p);
	return override_clear(p->cache, domain, id, &p->now);
}

int pump_backup(struct pump *p, const char *directory, uint64_t id) {
	read_clocks(p);
	return cache_backup(p->cache, directory, id, &p->now);
}

// Loading.

static void loaded(void *arg, const struct record *rec) {
	struct pump *p = arg;
	sched_loaded(p->sched, rec, p->now.boot);
}

int pump_load(struct pump *p) {
	read_clocks(p);
	p->clock_saved = p->now.boot;
	struct wallclock clock = wallclock_load(p->config.store_directory, p->now.shown);
	p->kept_shift_s = clock.kept - p->now.boot;
	p->now.wall = clock.kept;
	if (clock.behind) {
		LOG(WARN, "the wall clock is behind its last saved value, which is used instead");
	}
	if (clock.suspect) {
		LOG(ERROR, "the wall clock is over 7 days ahead of its last saved value");
	}
	p->stats.clock_suspect = clock.suspect;
	struct store_load_report report = {0};
	int rc = cache_load(p->cache, &p->now, &clock, &report, loaded, p);
	p->stats.load_complete = report.complete;
	memcpy(p->stats.load_fault, report.fault, sizeof(p->stats.load_fault));
	if (rc == 0 && !report.complete) {
		LOG(ERROR, "the store is not complete: %s", report.fault);
	}
	return rc;
}

int pump_open(const struct pump_config *config, struct pump **out) {
	struct pump *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return -ENOMEM;
	}
	p->config = *config;
	read_clocks(p);
	struct cache_config cache = {
		.table = config->table,
		.store = config->store,
		.render = lookup_render,
		.answer_max = LOOKUP_RENDER_MAX,
		.confirm_ms = CONFIRM_MS,
		.max_bytes = config->cache_bytes,
		.failed_percent = config->share_failed,
		.none_percent = config->share_none,
		.seed = config->seed,
		.done = in_force,
		.operated = operated,
		.arg = p,
	};
	p->cache = cache_new(&cache);
	p->sched = sched_new(&config->sched, &OPS, p);
	int rc = p->cache == NULL || p->sched == NULL ? -ENOMEM : 0;
	if (rc == 0) {
		rc = fetch_open(
			&config->fetch, config->base, config->spawner, on_outcome, p, &p->fetch
		);
	}
	if (rc < 0) {
		pump_close(p);
		return rc;
	}
	*out = p;
	return 0;
}

void pump_close(struct pump *p) {
	if (p->fetch != NULL) {
		fetch_close(p->fetch);
	}
	if (p->sched != NULL) {
		sched_free(p->sched);
	}
	cache_free(p->cache);
	free(p);
}

void pump_stats(const struct pump *p, struct pump_stats *out) {
	*out = p->stats;
	sched_stats(p->sched, &out->sched);
	cache_stats(p->cache, &out->cache);
	out->overrides = override_stats(p->cache);
}

struct cache *pump_cache(struct pump *p) {
	return p->cache;
}

struct fetch *pump_fetch(struct pump *p) {
	return p->fetch;
}
