// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Rates of the counters, a second apart.

#define CLEAR "\033[H\033[2J"

struct sample {
	json_t *status;
	json_t *stats;
	struct timespec at;
};

static void keep_line(void *arg, json_t *o, const char * /*line*/) {
	json_t **to = arg;
	json_decref(*to);
	*to = json_incref(o);
}

static int take(struct stsctl *s, struct sample *out) {
	*out = (struct sample){0};
	clock_gettime(CLOCK_MONOTONIC, &out->at);
	int status = stsctl_client_ask(s, "status", NULL, NULL, keep_line, &out->status);
	return status != STSCTL_DONE
		       ? status
		       : stsctl_client_ask(s, "stats", NULL, NULL, keep_line, &out->stats);
}

static void drop(struct sample *s) {
	json_decref(s->status);
	json_decref(s->stats);
}

static double number(const struct sample *s, const char *key) {
	json_t *v = json_object_get(s->stats, key);
	return (double)json_integer_value(v != NULL ? v : json_object_get(s->status, key));
}

static double rate(const struct sample *a, const struct sample *b, const char *key) {
	double took = (double)(b->at.tv_sec - a->at.tv_sec)
		      + (double)(b->at.tv_nsec - a->at.tv_nsec) / 1e9;
	return took > 0 ? (number(b, key) - number(a, key)) / took : 0;
}

struct row {
	const char *title;
	const char *key;
	bool rated; // a counter, shown a second; else a figure
};

static const struct row ROWS[] = {
	{"questions/s", "stsd_queries_total", true},
	{"  from memory/s", "stsd_hits_total", true},
	{"  held/s", "stsd_held_total", true},
	{"  pending/s", "stsd_answers_pending_total", true},
	{"answers policy/s", "stsd_answers_policy_total", true},
	{"answers none/s", "stsd_answers_none_total", true},
	{"answers failed/s", "stsd_answers_failed_total", true},
	{"answers unknown/s", "stsd_answers_unknown_total", true},
	{"discoveries/s", "stsd_jobs_miss_total", true},
	{"checks/s", "stsd_jobs_check_total", true},
	{"refreshes/s", "stsd_jobs_refresh_total", true},
	{"store writes/s", "stsd_store_writes_total", true},
	{"discoveries now", "stsd_jobs", false},
	{"fetches now", "stsd_fetches", false},
	{"policies", "policies", false},
	{"none", "none", false},
	{"failed", "failed", false},
	{"overrides", "overrides", false},
	{"not durable", "not_durable", false},
};

static void show_json(const struct sample *a, const struct sample *b) {
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *r = &ROWS[i];
		char key[80];
		size_t len = strlen(r->key);
		bool total = len > 6 && strcmp(r->key + len - 6, "_total") == 0;
		snprintf(
			key,
			sizeof(key),
			"%.*s%s",
			(int)(total ? len - 6 : len),
			r->key,
			r->rated ? "_per_s" : ""
		);
		json_object_set_new(
			o,
			key,
			r->rated ? json_real(rate(a, b, r->key))
				 : json_integer((json_int_t)number(b, r->key))
		);
	}
	(void)json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(o);
}

static void show(const struct sample *a, const struct sample *b, bool clear) {
	printf("%sstsd %s%s, up %.0f s\n\n",
	       clear ? CLEAR : "",
	       stsctl_print_word(b->status, "version"),
	       json_is_true(json_object_get(b->status, "degraded")) ? " DEGRADED" : "",
	       number(b, "uptime_s"));
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *r = &ROWS[i];
		double v = r->rated ? rate(a, b, r->key) : number(b, r->key);
		printf("%-20s %12.*f\n", r->title, r->rated ? 1 : 0, v);
	}
}

int stsctl_top(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	static const struct timespec SECOND = {.tv_sec = 1};
	bool clear = isatty(STDOUT_FILENO) == 1 && !s->flags.once;
	struct sample old;
	int status = take(s, &old);
	while (status == STSCTL_DONE) {
		struct sample now;
		(void)nanosleep(&SECOND, NULL);
		status = take(s, &now);
		if (status == STSCTL_DONE && s->flags.json) {
			show_json(&old, &now);
		} else if (status == STSCTL_DONE) {
			show(&old, &now, clear);
		}
		drop(&old);
		old = now;
		if (s->flags.once || fflush(stdout) != 0) {
			break;
		}
	}
	drop(&old);
	return status;
}
