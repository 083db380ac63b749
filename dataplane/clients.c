// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/clients.h"

#include <string.h>
#include <sys/socket.h>

static void load(uint8_t family, const uint8_t *octets, uint64_t words[2]) {
	words[0] = words[1] = 0;
	memcpy(words, octets, family == AF_INET ? 4 : 16);
}

void clients_init(struct clients *c, const struct prefix *prefixes, unsigned count) {
	c->count = count;
	for (unsigned i = 0; i < count; i++) {
		uint8_t mask[16] = {0};
		for (unsigned b = 0; b < prefixes[i].bits; b++) {
			mask[b / 8] |= (uint8_t)(0x80 >> b % 8);
		}
		c->at[i].family = prefixes[i].address.family;
		load(AF_INET6, mask, c->at[i].mask);
		load(prefixes[i].address.family, prefixes[i].address.octets, c->at[i].bits);
		c->at[i].bits[0] &= c->at[i].mask[0];
		c->at[i].bits[1] &= c->at[i].mask[1];
	}
}

bool clients_match(const struct clients *c, uint8_t family, const uint8_t *octets) {
	uint64_t words[2];
	load(family, octets, words);
	for (unsigned i = 0; i < c->count; i++) {
		if (c->at[i].family == family
		    && ((words[0] & c->at[i].mask[0]) ^ c->at[i].bits[0]) == 0
		    && ((words[1] & c->at[i].mask[1]) ^ c->at[i].bits[1]) == 0) {
			return true;
		}
	}
	return false;
}
