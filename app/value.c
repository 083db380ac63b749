// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct value_unit VALUE_MS[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60000},
	{"h", 3600000},
	{"d", 86400000},
	{NULL, 0}};
const struct value_unit VALUE_BYTES[] = {
	{"", 1},
	{"KiB", 1024},
	{"MiB", 1ULL << 20},
	{"GiB", 1ULL << 30},
	{NULL, 0}};
const struct value_unit VALUE_PLAIN[] = {{"", 1}, {NULL, 0}};

bool value_number(const char *text, const struct value_unit *units, uint64_t *out) {
	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	char *end;
	errno = 0;
	uint64_t v = strtoull(text, &end, 10);
	for (; errno == 0 && units->suffix != NULL; units++) {
		if (strcmp(end, units->suffix) == 0 && v <= UINT64_MAX / units->factor) {
			*out = v * units->factor;
			return true;
		}
	}
	return false;
}

bool value_prefix(const char *text, struct prefix *out) {
	char address[INET6_ADDRSTRLEN + 4];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	if (len >= sizeof(address)) {
		return false;
	}
	memcpy(address, text, len);
	address[len] = '\0';
	struct prefix p = {0};
	p.address.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(p.address.family, address, p.address.octets) != 1) {
		return false;
	}
	uint64_t bits = p.address.family == AF_INET ? 32 : 128;
	uint64_t most = bits;
	if (slash != NULL && (!value_number(slash + 1, VALUE_PLAIN, &bits) || bits > most)) {
		return false;
	}
	p.bits = (uint8_t)bits;
	*out = p;
	return true;
}

bool value_upstream(const char *text, struct fetch_upstream *out) {
	char address[INET6_ADDRSTRLEN + 4];
	const char *mark = strchr(text, '@');
	size_t len = mark != NULL ? (size_t)(mark - text) : strlen(text);
	uint64_t port = 53;
	if (len >= sizeof(address) || (mark != NULL && !value_number(mark + 1, VALUE_PLAIN, &port))
	    || port == 0 || port > UINT16_MAX) {
		return false;
	}
	memcpy(address, text, len);
	address[len] = '\0';
	struct prefix p;
	if (strchr(address, '/') != NULL || !value_prefix(address, &p)) {
		return false;
	}
	*out = (struct fetch_upstream){.address = p.address, .port = (uint16_t)port};
	return true;
}

bool value_endpoint(const char *text, struct value_endpoint *out) {
	struct value_endpoint e = {0};
	struct fetch_upstream u;
	if (strncmp(text, "unix:", 5) == 0) {
		size_t len = strlen(text + 5);
		if (text[5] != '/' || len >= sizeof(e.path)) {
			return false;
		}
		memcpy(e.path, text + 5, len);
	} else if (strchr(text, '@') != NULL && value_upstream(text, &u)) {
		e.address = u.address;
		e.port = u.port;
	} else {
		return false;
	}
	*out = e;
	return true;
}

static int hex_digit(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool value_secret(const char *text, uint8_t *out, size_t bytes) {
	if (strlen(text) != 2 * bytes) {
		return false;
	}
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void value_number_str(uint64_t v, const struct value_unit *units, char out[VALUE_TEXT_MAX]) {
	const struct value_unit *best = units;
	for (const struct value_unit *u = units; u->suffix != NULL; u++) {
		if (v % u->factor == 0 && v / u->factor > 0) {
			best = u;
		}
	}
	snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 "%s", v / best->factor, best->suffix);
}

static void address_str(const struct address *a, char out[INET6_ADDRSTRLEN]) {
	if (inet_ntop(a->family, a->octets, out, INET6_ADDRSTRLEN) == NULL) {
		out[0] = '\0';
	}
}

void value_prefix_str(const struct prefix *p, char out[VALUE_TEXT_MAX]) {
	char address[INET6_ADDRSTRLEN];
	address_str(&p->address, address);
	snprintf(out, VALUE_TEXT_MAX, "%s/%u", address, (unsigned)p->bits);
}

void value_upstream_str(const struct fetch_upstream *u, char out[VALUE_TEXT_MAX]) {
	char address[INET6_ADDRSTRLEN];
	address_str(&u->address, address);
	snprintf(out, VALUE_TEXT_MAX, "%s@%u", address, (unsigned)u->port);
}

void value_endpoint_str(const struct value_endpoint *e, char out[VALUE_TEXT_MAX]) {
	const struct fetch_upstream u = {.address = e->address, .port = e->port};
	if (e->path[0] != '\0') {
		snprintf(out, VALUE_TEXT_MAX, "unix:%s", e->path);
	} else {
		value_upstream_str(&u, out);
	}
}
