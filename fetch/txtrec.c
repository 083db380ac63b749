// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/txtrec.h"

#include "base/bytes.h"
#include "base/err.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define VERSION "v=STSv1"
#define VERSION_LEN (sizeof(VERSION) - 1)
#define FIELD_NAME_MAX 32

// sts-text-record is read from front to back; `at` never goes beyond len.
struct cursor {
	const char *text;
	size_t len;
	size_t at;
};

static bool is_alnum(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c) {
	return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

// sts-ext-value: visible ASCII but "=" and ";".
static bool is_value_char(char c) {
	return c > 0x20 && c < 0x7f && c != '=' && c != ';';
}

static void skip_wsp(struct cursor *c) {
	while (c->at < c->len && (c->text[c->at] == ' ' || c->text[c->at] == '\t')) {
		c->at++;
	}
}

// sts-field-delim = *WSP ";" *WSP
static bool take_delim(struct cursor *c) {
	skip_wsp(c);
	if (c->at == c->len || c->text[c->at] != ';') {
		return false;
	}
	c->at++;
	skip_wsp(c);
	return true;
}

static size_t take_while(struct cursor *c, bool (*in)(char)) {
	size_t start = c->at;
	while (c->at < c->len && in(c->text[c->at])) {
		c->at++;
	}
	return c->at - start;
}

static bool is_id(const char *value, size_t len) {
	if (len == 0 || len > POLICY_ID_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(value[i])) {
			return false;
		}
	}
	return true;
}

// One sts-field. The first id is kept; later ones are fields like any other
// (RFC 8461 3.2, last paragraph).
static bool take_field(struct cursor *c, char id[POLICY_ID_MAX + 1]) {
	const char *name = c->text + c->at;
	size_t name_len = take_while(c, is_name_char);
	if (name_len == 0 || name_len > FIELD_NAME_MAX || !is_alnum(name[0])) {
		return false;
	}
	if (c->at == c->len || c->text[c->at] != '=') {
		return false;
	}
	c->at++;
	const char *value = c->text + c->at;
	size_t value_len = take_while(c, is_value_char);
	if (value_len == 0) {
		return false;
	}
	if (name_len == 2 && memcmp(name, "id", 2) == 0 && id[0] == '\0') {
		if (!is_id(value, value_len)) {
			return false;
		}
		memcpy(id, value, value_len);
		id[value_len] = '\0';
	}
	return true;
}

// @return False when the record, which begins with the version, is no
//         sts-text-record or has no id.
static bool parse(const struct txtrec_value *rec, char id[POLICY_ID_MAX + 1]) {
	struct cursor c = {.text = rec->text, .len = rec->len, .at = VERSION_LEN};
	id[0] = '\0';
	if (!take_delim(&c)) {
		return false;
	}
	while (c.at < c.len) {
		if (!take_field(&c, id)) {
			return false;
		}
		if (c.at < c.len && !take_delim(&c)) {
			return false;
		}
	}
	return id[0] != '\0';
}

enum likeness { FOREIGN, LOOSE, EXACT };

// Whether a record is one of ours: `v=STSv1;`, or with white space before the
// delimiter.
static enum likeness likeness(const struct txtrec_value *rec) {
	if (rec->len <= VERSION_LEN || memcmp(rec->text, VERSION, VERSION_LEN) != 0) {
		return FOREIGN;
	}
	if (rec->text[VERSION_LEN] == ';') {
		return EXACT;
	}
	struct cursor c = {.text = rec->text, .len = rec->len, .at = VERSION_LEN};
	return take_delim(&c) ? LOOSE : FOREIGN;
}

int txtrec_join(const uint8_t *rdata, size_t rdata_len, uint8_t *out, size_t cap) {
	struct reader r = bytes_reader(rdata, rdata_len);
	struct writer w = bytes_writer(out, cap);
	do {
		size_t len = bytes_get_u8(&r);
		const uint8_t *string = bytes_get(&r, len);
		if (string == NULL) {
			return ERR_SYNTAX;
		}
		bytes_put(&w, string, len);
	} while (bytes_left(&r) > 0);
	return w.ok ? (int)bytes_written(&w) : -ENOSPC;
}

enum outcome_code
txtrec_choose(const struct txtrec_value records[], size_t count, char id[POLICY_ID_MAX + 1]) {
	const struct txtrec_value *found = NULL;
	enum likeness best = FOREIGN;
	size_t alike = 0;
	for (size_t i = 0; i < count; i++) {
		enum likeness l = likeness(&records[i]);
		if (l > best) {
			best = l;
			alike = 0;
		}
		if (l != FOREIGN && l == best) {
			found = &records[i];
			alike++;
		}
	}
	if (alike == 0) {
		return OUTCOME_ABSENT;
	}
	if (alike > 1) {
		return OUTCOME_TXT_MULTIPLE;
	}
	char parsed[POLICY_ID_MAX + 1];
	if (!parse(found, parsed)) {
		return OUTCOME_TXT_SYNTAX;
	}
	memcpy(id, parsed, sizeof(parsed));
	return OUTCOME_OK;
}
