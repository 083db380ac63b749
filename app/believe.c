// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/believe.h"

#include <string.h>

static void list(const struct config_prefixes *from, struct clients *to) {
	clients_init(to, from->at, from->count);
}

void believe_make(
	const struct config *config,
	const uint8_t secret[COOKIE_SECRET_BYTES],
	struct trust *out
) {
	list(&config->allow, &out->allow);
	list(&config->resolvers, &out->resolvers);
	list(&config->untrusted, &out->untrusted);
	list(&config->cookies_require, &out->cookies_required);
	out->cookies = config->cookie_secrets;
	if (out->cookies.count == 0) {
		out->cookies.count = 1;
		memcpy(out->cookies.at[0], secret, COOKIE_SECRET_BYTES);
	}
	out->keys = config->tsig_keys;
	out->signed_tcp = config->tsig_require_tcp != 0;
}

static bool overlap(const struct prefix *a, const struct prefix *b) {
	unsigned bits = a->bits < b->bits ? a->bits : b->bits;
	const uint8_t *x = a->address.octets;
	const uint8_t *y = b->address.octets;
	unsigned rest = bits % 8;
	return a->address.family == b->address.family && memcmp(x, y, bits / 8) == 0
	       && (rest == 0 || (x[bits / 8] ^ y[bits / 8]) >> (8 - rest) == 0);
}

static bool all_meet(const struct config_prefixes *some, const struct config_prefixes *others) {
	for (unsigned i = 0; i < some->count; i++) {
		bool meets = false;
		for (unsigned j = 0; j < others->count; j++) {
			meets |= overlap(&some->at[i], &others->at[j]);
		}
		if (!meets) {
			return false;
		}
	}
	return true;
}

static bool key_twice(const struct tsig_keys *keys) {
	for (unsigned i = 0; i < keys->count; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (keys->at[i].name_len == keys->at[j].name_len
			    && memcmp(keys->at[i].name, keys->at[j].name, keys->at[i].name_len)
				       == 0) {
				return true;
			}
		}
	}
	return false;
}

const char *believe_fault(const struct config *config, const char **key) {
	static const char WITHIN[] = "expected networks within clients.allow";
	static const char KEYS[] = "expected keys (tsig.keys) to verify with";
	const struct {
		bool wrong;
		const char *key;
		const char *what;
	} RULES[] = {
		{!all_meet(&config->untrusted, &config->allow), "clients.untrusted", WITHIN},
		{!all_meet(&config->cookies_require, &config->allow), "cookies.require", WITHIN},
		{key_twice(&config->tsig_keys), "tsig.keys", "expected each name once"},
		{config->tsig_require_tcp != 0 && config->tsig_keys.count == 0,
		 "tsig.require_tcp",
		 KEYS},
		{config->tsig_udp != 0 && config->tsig_keys.count == 0, "tsig.udp", KEYS},
	};
	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
		if (RULES[i].wrong) {
			*key = RULES[i].key;
			return RULES[i].what;
		}
	}
	return NULL;
}
