// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/fill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int put_mx(const struct expect *e, struct fill_room *room, struct policy *p) {
	size_t at = 0;
	size_t used = 0;
	if (e->mx_count > POLICY_MX_COUNT_MAX)
		return -EINVAL;
	for (struct expect_text mx; (mx = expect_mx_next(e, &at)).at;) {
		if (mx.len > 253 || used + 1 + mx.len > sizeof(room->mx))
			return -EINVAL;
		room->mx[used++] = (uint8_t)mx.len;
		memcpy(room->mx + used, mx.at, mx.len);
		used += mx.len;
	}
	p->mx = room->mx;
	p->mx_bytes = (uint32_t)used;
	p->mx_count = (uint16_t)e->mx_count;
	return policy_mx_valid(p) ? 0 : -EINVAL;
}

// The body as a policy host would serve it (RFC 8461 3.2).
static uint32_t put_text(const struct expect *e, struct fill_room *room) {
	FILE *f = fmemopen(room->text, sizeof(room->text), "w");
	if (!f)
		return 0;
	(void)fprintf(f, "version: STSv1\nmode: %.*s\n", (int)e->mode.len, e->mode.at);
	size_t at = 0;
	for (struct expect_text mx; (mx = expect_mx_next(e, &at)).at;)
		(void)fprintf(f, "mx: %.*s\n", (int)mx.len, mx.at);
	(void)fprintf(f, "max_age: %u\n", e->max_age_s);
	long len = ftell(f);
	return fclose(f) == 0 && len > 0 ? (uint32_t)len : 0;
}

static int
put_policy(const struct expect *e, int64_t now_s, struct fill_room *room, struct record *rec) {
	memcpy(rec->id, e->id.at, e->id.len);
	rec->ends_at = (int64_t)e->exp_s;
	rec->next_check_at = rec->ends_at;
	rec->refresh_at = rec->ends_at;
	rec->fetched_at = rec->ends_at - e->max_age_s;
	rec->inserted_at = rec->fetched_at;
	rec->checked_at = now_s;
	rec->txt_ttl_s = 3600;
	rec->policy.max_age_s = e->max_age_s;
	if (e->max_age_s > POLICY_MAX_AGE_S
	    || !policy_mode_parse(e->mode.at, e->mode.len, &rec->policy.mode))
		return -EINVAL;
	rec->text = (const uint8_t *)room->text;
	rec->text_len = put_text(e, room);
	return rec->text_len ? put_mx(e, room, &rec->policy) : -ENOMEM;
}

int fill_record(
	const struct expect *e,
	int64_t now_s,
	int64_t none_s,
	struct fill_room *room,
	struct record *rec
) {
	memset(rec, 0, sizeof(*rec));
	if (name_parse(e->name.at, e->name.len, &rec->domain) != NAME_OK)
		return -EINVAL;
	rec->used_at = now_s;
	if (e->kind == EXPECT_POLICY) {
		rec->kind = RECORD_POLICY;
		return put_policy(e, now_s, room, rec);
	}
	rec->kind = RECORD_NONE;
	rec->ends_at = now_s + none_s;
	rec->next_check_at = CLOCK_NEVER;
	return e->kind == EXPECT_NONE ? 0 : -EINVAL;
}
