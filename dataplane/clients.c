// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/clients.h"

#include <string.h>
#include <sys/socket.h>

static void make_mask(uint8_t *mask, unsigned bits) {
	for (unsigned b = 0; b < bits; b++) {
		mask[b / 8] |= (uint8_t)(0x80 >> b % 8);
	}
}

void clients_init(struct clients *c, const struct prefix *prefixes, unsigned count) {
	c->count4 = c->count6 = 0;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *octets = prefixes[i].address.octets;
		uint8_t mask[16] = {0};
		make_mask(mask, prefixes[i].bits);
		if (prefixes[i].address.family == AF_INET) {
			unsigned n = c->count4++;
			memcpy(&c->at4[n].mask, mask, 4);
			memcpy(&c->at4[n].bits, octets, 4);
			c->at4[n].bits &= c->at4[n].mask;
		} else {
			unsigned n = c->count6++;
			memcpy(c->at6[n].mask, mask, 16);
			memcpy(c->at6[n].bits, octets, 16);
			c->at6[n].bits[0] &= c->at6[n].mask[0];
			c->at6[n].bits[1] &= c->at6[n].mask[1];
		}
	}
}

static bool match4(const struct clients *c, const uint8_t *octets) {
	uint32_t word;
	memcpy(&word, octets, sizeof(word));
	for (unsigned i = 0; i < c->count4; i++) {
		if ((word & c->at4[i].mask) == c->at4[i].bits) {
			return true;
		}
	}
	return false;
}

static bool match6(const struct clients *c, const uint8_t *octets) {
	uint64_t words[2];
	memcpy(words, octets, sizeof(words));
	for (unsigned i = 0; i < c->count6; i++) {
		if ((words[0] & c->at6[i].mask[0]) == c->at6[i].bits[0]
		    && (words[1] & c->at6[i].mask[1]) == c->at6[i].bits[1]) {
			return true;
		}
	}
	return false;
}

bool clients_match(const struct clients *c, uint8_t family, const uint8_t *octets) {
	return family == AF_INET ? match4(c, octets) : match6(c, octets);
}
