// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/report.h"

#include "fetch/spawn.h"

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

json_t *report_status(const struct report_source *s) {
	struct pump_stats p;
	pump_stats(s->pump, &p);
	struct table_stats t = table_stats(s->table);
	struct store_stats st = store_stats(s->store);
	bool degraded = st.degraded || p.cache.not_durable > 0 || !p.load_complete
			|| p.clock_suspect;
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
	json_object_set_new(o, "stsd_jobs", number(s->jobs));
	json_object_set_new(o, "stsd_jobs_joined_total", number(s->joined));
	json_object_set_new(o, "stsd_jobs_refused_total", number(s->refused));
	json_object_set_new(o, "stsd_fetches", number(s->fetches));
	json_object_set_new(o, "stsd_fetches_waiting", number(s->waiting));
	json_object_set_new(o, "stsd_refresh_armed", number(s->armed));
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
	json_object_set_new(o, "stsd_possible_downgrades_total", number(p.possible_downgrades));
	return o;
}

// Octets that are no valid UTF-8 become U+FFFD, so that JSON stays JSON.
static json_t *text_of(const uint8_t *text, size_t len) {
	json_t *whole = json_stringn((const char *)text, len);
	if (whole != NULL) {
		return whole;
	}
	char *plain = malloc(len * 3 + 1);
	size_t n = 0;
	for (size_t i = 0; plain != NULL && i < len; i++) {
		if (text[i] < 0x80) {
			plain[n++] = (char)text[i];
		} else {
			memcpy(plain + n, "\xef\xbf\xbd", 3);
			n += 3;
		}
	}
	whole = plain == NULL ? NULL : json_stringn(plain, n);
	free(plain);
	return whole;
}

static void set_time(json_t *o, const char *key, boot_s_t t) {
	if (t != 0 && t != CLOCK_NEVER) {
		json_object_set_new(
			o, key, json_integer((json_int_t)(t - clock_boot_s() + clock_wall_s()))
		);
	}
}

static void add_policy(json_t *o, const struct record *rec) {
	json_object_set_new(o, "mode", json_string(policy_mode_str(rec->policy.mode)));
	json_object_set_new(o, "max_age", json_integer((json_int_t)rec->policy.max_age_s));
	json_t *list = json_array();
	const uint8_t *at = rec->policy.mx;
	size_t len;
	const char *mx;
	while ((mx = policy_mx_next(&rec->policy, &at, &len)) != NULL) {
		json_array_append_new(list, json_stringn(mx, len));
	}
	json_object_set_new(o, "mx", list);
	set_time(o, "inserted_at", rec->inserted_at);
	set_time(o, "fetched_at", rec->fetched_at);
	set_time(o, "refresh_at", rec->refresh_at);
}

static void add_failure(json_t *o, const struct record_failure *f) {
	json_t *failure = json_object();
	json_object_set_new(failure, "why", json_string(f->why));
	json_object_set_new(failure, "id", json_string(f->id));
	json_object_set_new(failure, "attempts", json_integer(f->attempts));
	set_time(failure, "at", f->at);
	set_time(failure, "since", f->since);
	set_time(failure, "retry_at", f->retry_at);
	json_object_set_new(o, "failure", failure);
}

json_t *report_record(const struct record *rec, bool with_text) {
	json_t *o = json_pack(
		"{s:s, s:s}", "domain", rec->domain.text, "kind", record_kind_str(rec->kind)
	);
	if (o == NULL) {
		return NULL;
	}
	if (rec->kind == RECORD_POLICY) {
		add_policy(o, rec);
	}
	if (rec->id[0] != '\0') {
		json_object_set_new(o, "id", json_string(rec->id));
	}
	set_time(o, "ends_at", rec->ends_at);
	if (rec->kind != RECORD_NONE) {
		set_time(o, "checked_at", rec->checked_at);
		set_time(o, "next_check_at", rec->next_check_at);
	}
	set_time(o, "used_at", rec->used_at);
	if (rec->kind != RECORD_NONE && rec->failure.why[0] != '\0') {
		add_failure(o, &rec->failure);
	}
	if (with_text && rec->text_len > 0) {
		json_object_set_new(o, "text", text_of(rec->text, rec->text_len));
	}
	return o;
}
