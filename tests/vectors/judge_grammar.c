// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// TXT sets, policy bodies, MX hosts and names of domains.

#include "base/name.h"
#include "fetch/polparse.h"
#include "fetch/txtrec.h"
#include "tests/vectors/judge.h"

#include <string.h>

#define RECORDS_MAX 64

static json_t *judge_txt(const json_t *c) {
	static struct octets all;
	struct txtrec_value records[RECORDS_MAX];
	const json_t *list = json_object_get(c, "records");
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count > RECORDS_MAX) {
		return NULL;
	}
	all.len = 0;
	for (size_t i = 0; i < count; i++) {
		size_t start = all.len;
		if (!octets_add(&all, json_array_get(list, i))) {
			return NULL;
		}
		records[i] = (struct txtrec_value){(char *)all.at + start, all.len - start};
	}
	char id[POLICY_ID_MAX + 1];
	enum outcome_code code = txtrec_choose(records, count, id);
	return code == OUTCOME_OK ? json_pack("{s:s}", "id", id) : json_string(outcome_str(code));
}

static bool read_policy(const json_t *c, struct policy *p, uint8_t *mended) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	const struct octets *body = judge_octets(c, "policy");
	const char *fault;
	return polparse(body->at, body->len, mx, p, &fault, mended);
}

static json_t *mends(uint8_t mended) {
	json_t *list = json_array();
	if ((mended & POLPARSE_MX_DROPPED) != 0) {
		json_array_append_new(list, json_string("mx-dropped"));
	}
	if ((mended & POLPARSE_MX_DOTTED) != 0) {
		json_array_append_new(list, json_string("mx-dotted"));
	}
	if ((mended & POLPARSE_MAX_AGE_CLAMPED) != 0) {
		json_array_append_new(list, json_string("max-age-clamped"));
	}
	return list;
}

static json_t *judge_policy(const json_t *c) {
	struct policy p;
	uint8_t mended;
	if (!read_policy(c, &p, &mended)) {
		return json_string("refused");
	}
	json_t *got = json_pack(
		"{s:s, s:I}", "mode", policy_mode_str(p.mode), "max_age", (json_int_t)p.max_age_s
	);
	json_t *list = json_array();
	const uint8_t *at = p.mx;
	for (uint16_t i = 0; i < p.mx_count; i++) {
		size_t len;
		const char *mx = policy_mx_next(&p, &at, &len);
		json_array_append_new(list, json_stringn(mx, len));
	}
	json_object_set_new(got, "mx", list);
	if (mended != 0) {
		json_object_set_new(got, "mended", mends(mended));
	}
	return got;
}

static json_t *judge_match(const json_t *c) {
	struct policy p;
	uint8_t mended;
	const char *host = json_string_value(json_object_get(c, "host"));
	if (host == NULL || !read_policy(c, &p, &mended)) {
		return NULL;
	}
	return json_boolean(policy_match_mx(&p, host, strlen(host)));
}

static json_t *judge_name(const json_t *c) {
	const struct octets *text = judge_octets(c, "domain");
	struct name name;
	enum name_verdict v = name_parse((const char *)text->at, text->len, &name);
	return v == NAME_OK ? json_pack("{s:s}", "name", name.text)
			    : json_string(name_verdict_str(v));
}

const struct judge JUDGE_GRAMMAR[] = {
	{"txt", "records", judge_txt},
	{"policy", "policy", judge_policy},
	{"match", "policy host", judge_match},
	{"name", "domain", judge_name},
	{NULL, NULL, NULL},
};
