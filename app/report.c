// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/report.h"

#include "fetch/spawn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *number(uint64_t v) {
	return json_integer((json_int_t)v);
}

static json_t *children(struct pump *pump) {
	json_t *list = json_array();
	struct fetch_child c[72];
	size_t n = fetch_children(pump_fetch(pump), c, sizeof(c) / sizeof(c[0]));
	for (size_t i = 0; i < n && i < sizeof(c) / sizeof(c[0]); i++) {
		json_array_append_new(
			list,
			json_pack(
				"{s:s, s:i, s:i, s:i}",
				"kind",
				c[i].kind == SPAWN_RESOLVE ? "resolve" : "fetch",
				"pid",
				(int)c[i].pid,
				"tasks",
				(int)c[i].tasks,
				"restarts",
				(int)c[i].restarts
			)
		);
	}
	return list;
}

static size_t memory_bytes(const struct evict_stats *m) {
	size_t sum = m->bytes[EVICT_PASSING];
	for (int i = 0; i < EVICT_SHARES; i++) {
		sum += m->used[i];
	}
	return sum;
}

json_t *report_status(const struct report_source *s) {
	struct pump_stats p;
	pump_stats(s->pump, &p);
	struct table_stats t = table_stats(s->table);
	struct store_stats st = store_stats(s->store);
	const struct evict_stats *m = &p.cache.memory;
	bool full = m->entries[EVICT_PASSING] > 0 || m->refused[EVICT_NO_LOAD] > 0;
	bool degraded = st.degraded || p.cache.not_durable > 0 || !p.load_complete
			|| p.clock_suspect || full;
	json_t *o = json_pack(
		"{s:s, s:b, s:b, s:b, s:I, s:i, s:i, s:s, s:i}",
		"version",
		REPORT_VERSION,
		"serving",
		(int)s->serving,
		"warm",
		(int)cache_warm(pump_cache(s->pump)),
		"degraded",
		(int)degraded,
		"uptime_s",
		(json_int_t)(clock_boot_s() - s->started),
		"pid",
		(int)getpid(),
		"spawner_pid",
		(int)spawn_pid(),
		"driver",
		port_driver_str((enum port_driver)s->config->driver),
		"workers",
		(int)s->config->workers
	);
	if (o == NULL) {
		return NULL;
	}
	json_object_set_new(o, "policies", number(t.by_kind[ENTRY_POLICY]));
	json_object_set_new(o, "none", number(t.by_kind[ENTRY_NONE]));
	json_object_set_new(o, "failed", number(t.by_kind[ENTRY_FAILED]));
	json_object_set_new(o, "unknown", number(t.by_kind[ENTRY_UNKNOWN]));
	json_object_set_new(o, "not_durable", number(p.cache.not_durable));
	json_object_set_new(o, "cache_full", json_boolean(full));
	json_object_set_new(o, "cache_passing", number(m->entries[EVICT_PASSING]));
	json_object_set_new(o, "cache_not_loaded", number(m->refused[EVICT_NO_LOAD]));
	json_object_set_new(o, "cache_max_bytes", number(s->config->cache_bytes));
	json_object_set_new(o, "cache_bytes", number(memory_bytes(m)));
	json_object_set_new(o, "overrides", number(p.overrides.count));
	json_object_set_new(o, "jobs", number(p.sched.jobs));
	json_object_set_new(o, "load_complete", json_boolean(p.load_complete));
	json_object_set_new(o, "load_fault", json_string(p.load_fault));
	json_object_set_new(o, "clock_suspect", json_boolean(p.clock_suspect));
	json_object_set_new(o, "children", children(s->pump));
	return o;
}

static void
add_counter(void *arg, const char *name, int /*worker*/, const char * /*help*/, uint64_t value) {
	json_t *o = arg;
	uint64_t sum = (uint64_t)json_integer_value(json_object_get(o, name)) + value;
	json_object_set_new(o, name, number(sum));
}

// Of labelled counters: family{label}, the sum of them and each.
static void add_judged(json_t *o, const struct sched_stats *s) {
	char name[80];
	uint64_t sum = 0;
	for (int i = SCHED_NO_DOWNGRADE + 1; i < SCHED_DOWNGRADE_CAUSES; i++) {
		const char *cause = sched_downgrade_str((enum sched_downgrade)i);
		snprintf(name, sizeof(name), "stsd_possible_downgrades_total{%s}", cause);
		json_object_set_new(o, name, number(s->downgrades[i]));
		sum += s->downgrades[i];
	}
	json_object_set_new(o, "stsd_possible_downgrades_total", number(sum));
	for (int i = RECORD_ALERT_OK + 1; i < RECORD_ALERT_LEVELS; i++) {
		const char *level = record_alert_str((enum record_alert)i);
		snprintf(name, sizeof(name), "stsd_policies_alert{%s}", level);
		json_object_set_new(o, name, number(s->alerts[i]));
	}
}

static void add_sched(json_t *o, const struct sched_stats *s) {
	static const char *const CAUSE[] = {
		"stsd_jobs_miss_total",
		"stsd_jobs_check_total",
		"stsd_jobs_recheck_total",
		"stsd_jobs_refresh_total",
		"stsd_jobs_prefetch_total",
	};
	for (size_t i = 0; i < sizeof(CAUSE) / sizeof(CAUSE[0]); i++) {
		json_object_set_new(o, CAUSE[i], number(s->started[i]));
	}
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		char name[80];
		snprintf(
			name,
			sizeof(name),
			"stsd_outcome_%s_total",
			outcome_str((enum outcome_code)i)
		);
		for (char *c = name; *c != '\0'; c++) {
			*c = *c == '-' ? '_' : *c;
		}
		json_object_set_new(o, name, number(s->outcomes[i]));
	}
	json_object_set_new(o, "stsd_policy_mx_dropped_total", number(s->mx_dropped));
	json_object_set_new(o, "stsd_policy_mx_dotted_total", number(s->mx_dotted));
	json_object_set_new(o, "stsd_policy_max_age_clamped_total", number(s->max_age_clamped));
	json_object_set_new(o, "stsd_policy_media_type_odd_total", number(s->media_type_odd));
	json_object_set_new(o, "stsd_jobs", number(s->jobs));
	json_object_set_new(o, "stsd_jobs_joined_total", number(s->joined));
	json_object_set_new(o, "stsd_jobs_refused_total", number(s->refused));
	json_object_set_new(o, "stsd_jobs_refused_client_total", number(s->refused_client));
	json_object_set_new(o, "stsd_jobs_refused_domain_total", number(s->refused_domain));
	json_object_set_new(o, "stsd_fetches", number(s->fetches));
	json_object_set_new(o, "stsd_fetches_waiting", number(s->waiting));
	json_object_set_new(o, "stsd_refresh_armed", number(s->armed));
	json_object_set_new(o, "stsd_refresh_due", number(s->due));
	json_object_set_new(o, "stsd_refresh_deferred_total", number(s->deferred));
	add_judged(o, s);
}

__attribute__((format(printf, 3, 4))) static void
add_named(json_t *o, uint64_t value, const char *form, ...) {
	char name[80];
	va_list args;
	va_start(args, form);
	vsnprintf(name, sizeof(name), form, args);
	va_end(args);
	json_object_set_new(o, name, number(value));
}

static void add_memory(json_t *o, const struct evict_stats *m) {
	static const char *const SHARE[] = {
		[EVICT_POLICIES] = "policies",
		[EVICT_FAILURES] = "failures",
		[EVICT_NONES] = "nones",
	};
	for (int i = 0; i < EVICT_SHARES; i++) {
		add_named(o, m->used[i], "stsd_cache_share_%s_bytes", SHARE[i]);
		add_named(o, m->limit[i], "stsd_cache_share_%s_limit_bytes", SHARE[i]);
	}
	for (int i = 0; i < EVICT_SEGMENTS; i++) {
		const char *what = evict_segment_str((enum evict_segment)i);
		add_named(o, m->entries[i], "stsd_cache_%s_entries", what);
		add_named(o, m->bytes[i], "stsd_cache_%s_bytes", what);
		add_named(o, m->evicted[i], "stsd_cache_evicted_%s_total", what);
	}
	for (int i = 0; i < EVICT_REFUSALS; i++) {
		const char *why = evict_refusal_str((enum evict_refusal)i);
		add_named(o, m->refused[i], "stsd_cache_refused_%s_total", why);
	}
}

static void add_cache(json_t *o, const struct report_source *s, const struct cache_stats *c) {
	struct table_stats t = table_stats(s->table);
	struct store_stats st = store_stats(s->store);
	json_object_set_new(o, "stsd_names", number(t.names));
	json_object_set_new(o, "stsd_policies", number(t.by_kind[ENTRY_POLICY]));
	json_object_set_new(o, "stsd_table_entry_bytes", number(t.entry_bytes));
	json_object_set_new(o, "stsd_table_bucket_bytes", number(t.bucket_bytes));
	json_object_set_new(o, "stsd_table_retired", number(t.retired));
	json_object_set_new(o, "stsd_puts_total", number(c->puts));
	json_object_set_new(o, "stsd_puts_lazy_total", number(c->puts_lazy));
	json_object_set_new(o, "stsd_puts_late_total", number(c->late));
	json_object_set_new(o, "stsd_puts_not_durable", number(c->not_durable));
	json_object_set_new(o, "stsd_not_kept_total", number(c->not_kept));
	json_object_set_new(o, "stsd_swept_total", number(c->swept));
	json_object_set_new(o, "stsd_evicted_total", number(c->evicted));
	json_object_set_new(o, "stsd_none_loaded_total", number(c->streamed));
	add_memory(o, &c->memory);
	json_object_set_new(o, "stsd_store_commits_total", number(st.commits));
	json_object_set_new(o, "stsd_store_writes_total", number(st.writes));
	json_object_set_new(o, "stsd_store_errors_total", number(st.errors));
	json_object_set_new(o, "stsd_store_reopened_total", number(st.reopened));
	json_object_set_new(o, "stsd_store_queued", number(st.queued));
	json_object_set_new(o, "stsd_store_commit_ns_max", number(st.commit_ns_max));
}

json_t *report_stats(const struct report_source *s) {
	json_t *o = json_object();
	if (o == NULL) {
		return NULL;
	}
	struct pump_stats p;
	pump_stats(s->pump, &p);
	dataplane_counters(s->dataplane, add_counter, o);
	doors_counters(s->doors, add_counter, o);
	add_sched(o, &p.sched);
	add_cache(o, s, &p.cache);
	json_object_set_new(o, "stsd_misses_total", number(p.misses));
	json_object_set_new(o, "stsd_rechecks_total", number(p.rechecks));
	json_object_set_new(o, "stsd_checks_total", number(p.checks));
	json_object_set_new(o, "stsd_ready_full_total", number(p.ready_full));
	json_object_set_new(o, "stsd_overrides", number(p.overrides.count));
	json_object_set_new(o, "stsd_overrides_not_durable", number(p.overrides.not_durable));
	json_object_set_new(o, "stsd_dump_slice_ns_max", number(s->slice_ns_max));
	return o;
}
