// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/view.h"

#include "app/tlsrpt.h"
#include "app/utf8.h"

#include <string.h>

struct view_now view_now(void) {
	boot_s_t boot = clock_boot_s();
	return (struct view_now){.boot = boot, .wall = boot + clock_shift_s()};
}

static boot_s_t later(boot_s_t a, boot_s_t b) {
	return a > b ? a : b;
}

struct view_answer
view_answer(const struct record *rec, const struct override *override, boot_s_t now) {
	struct override_view v;
	bool overridden = override_view(override, rec, now, &v);
	const struct record *shown = overridden ? &v.shown : rec;
	bool live = (overridden ? v.ends_at : rec->ends_at) > now;
	bool policy = live && shown->kind == RECORD_POLICY;
	return (struct view_answer){
		.r = live ? record_kind_str(shown->kind) : "pending",
		.mode = policy ? policy_mode_str(shown->policy.mode) : NULL,
		.fresh = policy && record_is_fresh(rec, now),
		.overridden = overridden,
	};
}

const char *view_kind(const struct record *rec) {
	bool bare = rec->kind == RECORD_NONE && rec->ends_at == 0;
	return bare ? "unasked" : record_kind_str(rec->kind);
}

static void set_time(json_t *o, const char *key, boot_s_t t, const struct view_now *now) {
	if (t != 0 && t != CLOCK_NEVER) {
		json_object_set_new(o, key, json_integer((json_int_t)(t - now->boot + now->wall)));
	}
}

// Fields of the policy text that RFC 8461 3.2 does not name, as served.
static json_t *extensions(const struct record *rec) {
	static const char *const KNOWN[] = {"version:", "mode:", "mx:", "max_age:"};
	json_t *list = json_array();
	const uint8_t *at = rec->text;
	const uint8_t *end = at + rec->text_len;
	while (rec->text_len > 0 && at < end) {
		const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
		const uint8_t *stop = lf != NULL ? lf : end;
		size_t len = (size_t)(stop - at);
		len -= len > 0 && at[len - 1] == '\r' ? 1 : 0;
		bool known = len == 0;
		for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
			size_t n = strlen(KNOWN[i]);
			known |= len >= n && memcmp(at, KNOWN[i], n) == 0;
		}
		if (!known) {
			json_array_append_new(list, utf8_json(at, len));
		}
		at = stop + 1;
	}
	return list;
}

static void add_policy(json_t *o, const struct record *rec, const struct view_now *now) {
	json_object_set_new(o, "version", json_string("STSv1"));
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
	json_object_set_new(o, "extensions", extensions(rec));
	set_time(o, "inserted_at", rec->inserted_at, now);
	set_time(o, "fetched_at", rec->fetched_at, now);
	set_time(o, "updated_at", later(rec->fetched_at, rec->checked_at), now);
	set_time(o, "refresh_at", rec->refresh_at, now);
}

static void add_failure(json_t *o, const struct record_failure *f, const struct view_now *now) {
	json_t *failure = json_object();
	json_object_set_new(failure, "class", json_string(f->class));
	json_object_set_new(failure, "why", json_string(f->why));
	json_object_set_new(failure, "id", json_string(f->id));
	json_object_set_new(failure, "attempts", json_integer(f->attempts));
	set_time(failure, "at", f->at, now);
	set_time(failure, "since", f->since, now);
	set_time(failure, "retry_at", f->retry_at, now);
	json_object_set_new(o, "failure", failure);
}

json_t *
view_override(const struct override *o, const struct record *rec, const struct view_now *now) {
	struct override_view v;
	json_t *j = json_pack(
		"{s:s, s:b, s:b}",
		"mode",
		policy_mode_str(o->mode),
		"in_force",
		(int)override_view(o, rec, now->boot, &v),
		"durable",
		(int)o->durable
	);
	if (j != NULL) {
		set_time(j, "set_at", o->set_at, now);
		set_time(j, "ends_at", o->ends_at, now);
	}
	return j;
}

static json_t *sender(const struct record *rec, const struct view_answer *a, boot_s_t now) {
	json_t *j = json_pack("{s:s}", "r", a->r);
	if (a->mode != NULL) {
		json_object_set_new(j, "mode", json_string(a->mode));
		json_object_set_new(j, "fresh", json_boolean(a->fresh));
	}
	if (a->overridden) {
		json_object_set_new(j, "override", json_true());
	}
	bool fails = !a->overridden && rec->ends_at > now
		     && (rec->kind == RECORD_FAILED || rec->kind == RECORD_UNKNOWN);
	if (fails) {
		char why[RECORD_WHY_MAX + 1];
		record_why(rec, now, why, RECORD_WHY_MAX);
		json_object_set_new(j, "why", json_string(why));
		json_object_set_new(j, "retry", json_integer((json_int_t)(rec->ends_at - now)));
	}
	return j;
}

json_t *view_record(
	const struct record *rec,
	const struct override *override,
	const struct view_now *now,
	enum view_depth depth
) {
	json_t *o = json_pack("{s:s, s:s}", "domain", rec->domain.text, "kind", view_kind(rec));
	if (o == NULL) {
		return NULL;
	}
	if (rec->kind == RECORD_POLICY) {
		add_policy(o, rec, now);
	}
	if (rec->id[0] != '\0') {
		json_object_set_new(o, "id", json_string(rec->id));
	}
	set_time(o, "ends_at", rec->ends_at, now);
	if (rec->ends_at != 0) {
		json_object_set_new(o, "expired", json_boolean(rec->ends_at <= now->boot));
	}
	if (rec->kind != RECORD_NONE) {
		set_time(o, "checked_at", rec->checked_at, now);
		set_time(o, "next_check_at", rec->next_check_at, now);
	}
	set_time(o, "used_at", rec->used_at, now);
	if (rec->kind != RECORD_NONE && rec->failure.why[0] != '\0') {
		add_failure(o, &rec->failure, now);
	}
	if (rec->kind == RECORD_POLICY) {
		const char *alert = record_alert_str(record_alert(rec, now->boot));
		json_object_set_new(o, "alert", json_string(alert));
	}
	struct view_answer a = view_answer(rec, override, now->boot);
	json_object_set_new(o, "sender", sender(rec, &a, now->boot));
	if (override != NULL) {
		json_object_set_new(o, "override", view_override(override, rec, now));
	}
	if (depth == VIEW_WHOLE) {
		if (rec->text_len > 0) {
			json_object_set_new(o, "text", utf8_json(rec->text, rec->text_len));
		}
		if (rec->failed_text_len > 0) {
			json_object_set_new(
				o, "failed_text", utf8_json(rec->failed_text, rec->failed_text_len)
			);
		}
		json_object_set_new(o, "tlsrpt", tlsrpt_policy(rec, now->boot));
	}
	return o;
}
