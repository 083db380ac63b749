// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/smanswer.h"

#include "app/netstring.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#define KEY_MAX 1024 // octets of UTF-8 that can still be a domain
#define SERVICE_MAX 32

// The key.

static bool is_alnum(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A port, as a number or a service name, behind the one colon of the key.
static size_t without_port(const char *key, size_t len) {
	const char *colon = memchr(key, ':', len);
	if (colon == NULL) {
		return len;
	}
	size_t port = len - (size_t)(colon - key) - 1;
	bool good = port > 0 && port <= SERVICE_MAX;
	for (size_t i = 1; good && i <= port; i++) {
		good = is_alnum(colon[i]) || colon[i] == '-';
	}
	return good ? (size_t)(colon - key) : len;
}

static bool is_ipv6(const char *key) {
	uint8_t octets[16];
	return inet_pton(AF_INET6, key, octets) == 1;
}

// U-labels become A-labels (UTS 46, not transitional), in place.
// @return False: it is no domain name in any spelling.
static bool to_a_labels(char key[KEY_MAX], size_t *len) {
	bool high = false;
	for (size_t i = 0; i < *len; i++) {
		high |= (unsigned char)key[i] >= 0x80;
	}
	if (!high) {
		return true;
	}
	uint8_t *ascii = NULL;
	int rc = idn2_lookup_u8(
		(const uint8_t *)key, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL
	);
	bool good = rc == IDN2_OK && strlen((const char *)ascii) < KEY_MAX;
	if (good) {
		*len = strlen((const char *)ascii);
		memcpy(key, ascii, *len + 1);
	}
	idn2_free(ascii);
	return good;
}

static enum smanswer_kind
judge(const struct lookup_zone *zone, char *key, size_t len, struct name *domain) {
	for (size_t i = 0; i < len; i++) {
		key[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] + ('a' - 'A') : key[i]);
	}
	enum name_verdict v = lookup_judge(zone, key, len);
	if (v == NAME_OK) {
		domain->len = (uint8_t)len;
		memcpy(domain->text, key, len);
		domain->text[len] = '\0';
		return SMANSWER_ASK;
	}
	return v == NAME_NOT_LDH || v == NAME_NOT_A_LABEL ? SMANSWER_NO_HOST : SMANSWER_LOCAL;
}

static enum smanswer_kind
parse_key(const struct lookup_zone *zone, const char *text, size_t len, struct name *domain) {
	char key[KEY_MAX];
	if (len == 0 || len >= sizeof(key) || memchr(text, '\0', len) != NULL) {
		return SMANSWER_NO_HOST;
	}
	memcpy(key, text, len);
	key[len] = '\0';
	if (key[0] == '[' || key[0] == '.' || is_ipv6(key)) {
		return SMANSWER_LOCAL;
	}
	len = without_port(key, len);
	key[len] = '\0';
	if (!to_a_labels(key, &len)) {
		return SMANSWER_NO_HOST;
	}
	if (len > 0 && key[len - 1] == '.') {
		len--;
	}
	return judge(zone, key, len, domain);
}

enum smanswer_kind smanswer_parse(
	const struct smanswer_map maps[],
	size_t map_count,
	const struct lookup_zone *zone,
	const uint8_t *text,
	size_t len,
	struct smanswer_request *out
) {
	const char *request = (const char *)text;
	const char *space = memchr(request, ' ', len);
	if (space == NULL || space == request) {
		return SMANSWER_BAD;
	}
	size_t name = (size_t)(space - request);
	for (size_t i = 0; i < map_count; i++) {
		if (strlen(maps[i].name) == name && memcmp(maps[i].name, request, name) == 0) {
			out->map = &maps[i];
			return parse_key(zone, space + 1, len - name - 1, &out->domain);
		}
	}
	return SMANSWER_BAD_MAP;
}

// Answers.

struct smanswer smanswer_word(enum smanswer_word word) {
#define WORD(text) \
	{ (const uint8_t *)(text), sizeof(text) - 1 }
	static const struct smanswer WORDS[] = {
		[SMANSWER_NOTFOUND] = WORD("9:NOTFOUND ,"),
		[SMANSWER_TEMP] = WORD("5:TEMP ,"),
		[SMANSWER_PERM_MAP] = WORD("16:PERM unknown map,"),
		[SMANSWER_PERM_REQUEST] = WORD("25:PERM expected map and key,"),
		[SMANSWER_PERM_NETSTRING] = WORD("23:PERM expected netstring,"),
	};
#undef WORD
	return WORDS[word];
}

struct smanswer smanswer_unknown(const struct smanswer_map *map) {
	return smanswer_word(map->unknown_temp ? SMANSWER_TEMP : SMANSWER_NOTFOUND);
}

// Text that grows to SMANSWER_BYTES_MAX; what does not fit makes it `over`.
struct text {
	uint8_t *start;
	uint8_t *at;
	bool over;
};

static void put(struct text *t, const void *from, size_t len) {
	t->over |= (size_t)(t->at - t->start) + len > SMANSWER_BYTES_MAX;
	if (!t->over) {
		memcpy(t->at, from, len);
		t->at += len;
	}
}

static void put_str(struct text *t, const char *s) {
	put(t, s, strlen(s));
}

static void put_match(struct text *t, const struct policy *p) {
	const uint8_t *at = p->mx;
	size_t len;
	const char *mx;
	const char *before = " match=";
	while ((mx = policy_mx_next(p, &at, &len)) != NULL) {
		size_t star = mx[0] == '*' ? 1 : 0; // Postfix: a leading dot
		put_str(t, before);
		put(t, mx + star, len - star);
		before = ":";
	}
}

static void put_patterns(struct text *t, const struct record *rec) {
	put_str(t, " policy_type=sts policy_domain=");
	put(t, rec->domain.text, rec->domain.len);
	const uint8_t *at = rec->policy.mx;
	size_t len;
	const char *mx;
	while ((mx = policy_mx_next(&rec->policy, &at, &len)) != NULL) {
		put_str(t, " mx_host_pattern=");
		put(t, mx, len);
	}
}

// A brace would end the attribute, anything but plain ASCII the answer: Postfix
// refuses an answer that is no UTF-8.
static bool is_quotable(const uint8_t *line, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~' || line[i] == '{' || line[i] == '}') {
			return false;
		}
	}
	return len > 0;
}

// The lines of the policy as served (RFC 8460 4.4, policy-string). All of them
// or, where the answer would grow too long, none.
static void put_lines(struct text *t, const struct record *rec) {
	const struct text before = *t;
	const uint8_t *end = rec->text + rec->text_len;
	for (const uint8_t *line = rec->text; line < end;) {
		const uint8_t *stop = memchr(line, '\n', (size_t)(end - line));
		const uint8_t *next = stop != NULL ? stop + 1 : end;
		stop = stop != NULL ? stop : end;
		if (stop > line && stop[-1] == '\r') {
			stop--;
		}
		if (is_quotable(line, (size_t)(stop - line))) {
			put_str(t, " { policy_string = ");
			put(t, line, (size_t)(stop - line));
			put_str(t, " }");
		}
		line = next;
	}
	if (t->over) {
		*t = before;
	}
}

struct smanswer
smanswer_record(const struct smanswer_map *map, const struct record *rec, uint8_t *buf) {
	bool applies = rec->kind == RECORD_POLICY
		       && (rec->policy.mode == POLICY_MODE_ENFORCE
			   || (rec->policy.mode == POLICY_MODE_TESTING && map->strict_testing));
	if (rec->kind == RECORD_UNKNOWN) {
		return smanswer_unknown(map);
	}
	if (!applies) {
		return smanswer_word(SMANSWER_NOTFOUND);
	}
	uint8_t *content = buf + NETSTRING_HEAD_MAX;
	struct text t = {.start = content, .at = content};
	put_str(&t, "OK secure");
	put_match(&t, &rec->policy);
	if (map->servername) {
		put_str(&t, " servername=hostname");
	}
	if (map->tlsrpt) {
		put_patterns(&t, rec);
		put_lines(&t, rec);
	}
	struct smanswer a;
	a.at = netstring_frame(buf, (size_t)(t.at - content), &a.len);
	return a;
}
