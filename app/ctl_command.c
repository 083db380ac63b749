// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ctl_inner.h"
#include "app/value.h"
#include "app/view.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>

// The commands of the control socket. Each answers with lines, and says by
// ctl_fail() when it is not done.

#define FORCE_WANTED "an enforce policy that has not ended: wants --force"

static struct pump *pump_of(const struct ctl_connection *c) {
	return ctl_source(c)->pump;
}

static struct cache *cache_of(const struct ctl_connection *c) {
	return pump_cache(pump_of(c));
}

static void
send_fault(struct ctl_connection *c, const char *domain, const char *error, int status) {
	ctl_send(c, json_pack("{s:s, s:s}", "domain", domain, "error", error));
	ctl_fail(c, status, error);
}

// An error line for what is no domain.
static bool read_domain(struct ctl_connection *c, const json_t *arg, struct name *out) {
	const char *text = json_string_value(arg);
	enum name_verdict v = NAME_NOT_LDH;
	if (text != NULL) {
		v = name_parse(text, strlen(text), out);
	}
	if (v != NAME_OK) {
		char error[64];
		snprintf(error, sizeof(error), "no mail domain: %s", name_verdict_str(v));
		send_fault(c, text != NULL ? text : "", error, 2);
	}
	return v == NAME_OK;
}

static bool
read_only_domain(struct ctl_connection *c, const struct ctl_request *r, struct name *out) {
	if (json_array_size(r->args) != 1) {
		ctl_fail(c, 2, "expected one domain");
		return false;
	}
	return read_domain(c, json_array_get(r->args, 0), out);
}

json_t *ctl_command_line(struct ctl_connection *c, const struct record *rec) {
	struct view_now now = view_now();
	struct override o;
	bool has = override_find(cache_of(c), &rec->domain, &o);
	return view_record(rec, has ? &o : NULL, &now, VIEW_SHORT);
}

void ctl_command_override(struct ctl_connection *c, const struct override *o) {
	struct record rec;
	struct view_now now = view_now();
	if (!cache_current(cache_of(c), &o->domain, &rec)) {
		rec = (struct record){.kind = RECORD_NONE, .domain = o->domain};
	}
	ctl_send(c, view_record(&rec, o, &now, VIEW_SHORT));
}

static void cmd_status(struct ctl_connection *c, const struct ctl_request * /*r*/) {
	ctl_send(c, report_status(ctl_source(c)));
}

static void cmd_stats(struct ctl_connection *c, const struct ctl_request * /*r*/) {
	ctl_send(c, report_stats(ctl_source(c)));
}

static void cmd_show(struct ctl_connection *c, const struct ctl_request *r) {
	struct name domain;
	struct record rec;
	struct override o;
	if (!read_only_domain(c, r, &domain)) {
		return;
	}
	bool has = override_find(cache_of(c), &domain, &o);
	if (!cache_current(cache_of(c), &domain, &rec)) {
		if (!has) {
			ctl_fail(c, 3, "nothing is known of this domain");
			return;
		}
		rec = (struct record){.kind = RECORD_NONE, .domain = domain};
	}
	struct view_now now = view_now();
	ctl_send(c, view_record(&rec, has ? &o : NULL, &now, VIEW_WHOLE));
}

// Purge.

static bool is_guarded(struct ctl_connection *c, const struct name *domain) {
	struct record rec;
	return cache_current(cache_of(c), domain, &rec) && rec.kind == RECORD_POLICY
	       && rec.policy.mode == POLICY_MODE_ENFORCE && rec.ends_at > clock_boot_s();
}

static void
purge_one(struct ctl_connection *c, const struct ctl_request *r, const struct name *domain) {
	struct record rec;
	if (is_guarded(c, domain) && !ctl_flag(r, "force")) {
		send_fault(c, domain->text, FORCE_WANTED, 1);
		return;
	}
	bool dry = ctl_flag(r, "dry_run");
	bool known = cache_current(cache_of(c), domain, &rec)
		     && (rec.kind != RECORD_NONE || rec.ends_at != 0);
	bool kept = dry ? known : cache_drop(cache_of(c), domain) && known;
	if (!kept) {
		send_fault(c, domain->text, "nothing is known of this domain", 3);
		return;
	}
	ctl_send(
		c,
		json_pack("{s:s, s:b, s:b}", "domain", domain->text, "purged", !dry, "dry_run", dry)
	);
}

static void cmd_purge(struct ctl_connection *c, const struct ctl_request *r) {
	size_t i;
	json_t *arg;
	if (ctl_flag(r, "expired")) {
		ctl_walk_purge(c, ctl_flag(r, "dry_run"));
		return;
	}
	json_array_foreach(r->args, i, arg) {
		struct name domain;
		if (read_domain(c, arg, &domain)) {
			purge_one(c, r, &domain);
		}
	}
}

// Refresh and prefetch: a line for each domain as its answer comes.

static void
want_all(struct ctl_connection *c, const struct ctl_request *r, enum sched_cause cause) {
	size_t i;
	json_t *arg;
	json_array_foreach(r->args, i, arg) {
		struct name domain;
		if (read_domain(c, arg, &domain)) {
			c->awaited++;
			pump_want(pump_of(c), PUMP_OPERATOR, &domain, cause, c->id);
		}
	}
}

static void cmd_refresh(struct ctl_connection *c, const struct ctl_request *r) {
	if (ctl_flag(r, "all") || ctl_flag(r, "stale")) {
		ctl_walk_refresh(c, !ctl_flag(r, "all"));
	} else {
		want_all(c, r, SCHED_PREFETCH);
	}
}

static void cmd_prefetch(struct ctl_connection *c, const struct ctl_request *r) {
	want_all(c, r, SCHED_MISS);
}

// Overrides.

static void clear_override(struct ctl_connection *c, const struct name *domain) {
	c->awaited++;
	if (!pump_override_clear(pump_of(c), domain, c->id)) {
		c->awaited--;
		ctl_fail(c, 3, "there is no override for this domain");
	} else {
		ctl_send(c, json_pack("{s:s, s:b}", "domain", domain->text, "cleared", 1));
	}
}

static void cmd_override(struct ctl_connection *c, const struct ctl_request *r) {
	struct name domain;
	enum policy_mode mode;
	uint64_t for_ms = 0;
	const char *word = ctl_word(r, "mode");
	const char *time = ctl_word(r, "for");
	if (!read_only_domain(c, r, &domain)) {
		return;
	}
	if (ctl_flag(r, "clear")) {
		clear_override(c, &domain);
		return;
	}
	if (word == NULL || !policy_mode_parse(word, strlen(word), &mode)) {
		ctl_fail(c, 2, "expected none, testing or enforce");
		return;
	}
	bool good = time == NULL
		    || (value_number(time, VALUE_MS, &for_ms) && for_ms >= 1000
			&& for_ms <= 1000ULL * 86400 * 3660);
	if (!good) {
		ctl_fail(c, 2, "expected a time from 1s to 3660d, such as 90m or 24h");
		return;
	}
	c->awaited++;
	int rc = pump_override(pump_of(c), &domain, mode, (int64_t)(for_ms / 1000), c->id);
	if (rc < 0) {
		c->awaited--;
		ctl_fail(c, 1, rc == -ENOSPC ? "the table is full" : err_str(rc));
		return;
	}
	struct override o;
	if (override_find(cache_of(c), &domain, &o)) {
		ctl_command_override(c, &o);
	}
}

static void cmd_overrides(struct ctl_connection *c, const struct ctl_request * /*r*/) {
	ctl_walk_overrides(c);
}

static void cmd_backup(struct ctl_connection *c, const struct ctl_request *r) {
	const char *directory = json_string_value(json_array_get(r->args, 0));
	if (json_array_size(r->args) != 1 || directory == NULL || directory[0] != '/') {
		ctl_fail(c, 2, "expected one absolute path");
		return;
	}
	c->awaited++;
	int rc = pump_backup(pump_of(c), directory, c->id);
	if (rc < 0) {
		c->awaited--;
		ctl_fail(c, 1, err_str(rc));
	}
}

static void cmd_reload(struct ctl_connection *c, const struct ctl_request * /*r*/) {
	char note[1024] = "";
	if (ctl_reload(c, note, sizeof(note)) == 0) {
		ctl_send(c, json_pack("{s:s}", "note", note));
	} else {
		ctl_fail(c, 1, note);
	}
}

static const struct {
	const char *name;
	void (*run)(struct ctl_connection *c, const struct ctl_request *r);
} COMMANDS[] = {
	{"status", cmd_status},
	{"stats", cmd_stats},
	{"show", cmd_show},
	{"dump", ctl_dump_start},
	{"refresh", cmd_refresh},
	{"purge", cmd_purge},
	{"prefetch", cmd_prefetch},
	{"override", cmd_override},
	{"overrides", cmd_overrides},
	{"backup", cmd_backup},
	{"reload", cmd_reload},
};

void ctl_command_run(struct ctl_connection *c, const char *command, const struct ctl_request *r) {
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
		if (strcmp(COMMANDS[i].name, command) == 0) {
			COMMANDS[i].run(c, r);
			return;
		}
	}
	ctl_fail(c, 2, "no such command");
}
