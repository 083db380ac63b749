// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsqwire.h"

#include <string.h>

// RFC 1035 4.1, RFC 6891 6.1.

#define HEADER_BYTES 12
#define LABEL_MAX 63
#define TYPE_TXT 16
#define TYPE_OPT 41
#define CLASS_IN 1
#define OPT_BYTES 11
#define POINTERS_MAX 8

static void put16(uint8_t *at, size_t v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *at) {
	return (unsigned)at[0] << 8 | at[1];
}

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

// Octets of labels that are known to be well formed, with the root label.
static size_t name_bytes(const uint8_t *name) {
	size_t n = 0;
	while (name[n] != 0) {
		n += 1U + name[n];
	}
	return n + 1;
}

size_t stsqwire_name(const char *text, uint8_t out[STSQWIRE_NAME_MAX]) {
	size_t at = 0;
	while (*text != '\0') {
		size_t n = strcspn(text, ".");
		if (n == 0 || n > LABEL_MAX || at + 1 + n + 1 > STSQWIRE_NAME_MAX) {
			return 0;
		}
		out[at] = (uint8_t)n;
		memcpy(out + at + 1, text, n);
		at += 1 + n;
		text += n + (text[n] == '.' ? 1 : 0);
	}
	out[at] = 0;
	return at > 0 ? at + 1 : 0;
}

void stsqwire_begin(
	struct stsqwire_request *r,
	uint16_t id,
	const uint8_t *name,
	const uint8_t *zone,
	bool batch
) {
	// RD is not set: a domain nobody knows is then held but for a moment.
	static const uint8_t HEAD[HEADER_BYTES] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
	static const uint8_t TAIL[] = {
		0,
		TYPE_TXT,
		0,
		CLASS_IN,
		0,
		0,
		TYPE_OPT,
		STSQWIRE_REQUEST_MAX >> 8,
		STSQWIRE_REQUEST_MAX & 0xff,
		0,
		0,
		0,
		0,
		0,
		0,
	};
	size_t labels = name_bytes(name) - 1;
	size_t rest = name_bytes(zone);
	uint8_t *at = r->octets;
	memcpy(at, HEAD, sizeof(HEAD));
	put16(at, id);
	at += sizeof(HEAD);
	memcpy(at, name, labels);
	memcpy(at + labels, zone, rest);
	at += labels + rest;
	memcpy(at, TAIL, sizeof(TAIL));
	at += sizeof(TAIL);
	r->question_len = labels + rest + 4;
	r->option_at = 0;
	r->count = 1;
	if (batch) {
		put16(at - 2, 4); // RDLENGTH
		r->option_at = (size_t)(at - r->octets);
		put16(at, STSQWIRE_OPTION);
		put16(at + 2, 0);
		at += 4;
	}
	r->len = (size_t)(at - r->octets);
}

bool stsqwire_add(struct stsqwire_request *r, const uint8_t *name) {
	size_t bytes = name_bytes(name);
	if (r->option_at == 0 || r->count == STSQWIRE_NAMES_MAX
	    || bytes > sizeof(r->octets) - r->len) {
		return false;
	}
	memcpy(r->octets + r->len, name, bytes);
	r->len += bytes;
	r->count++;
	uint8_t *option = r->octets + r->option_at;
	size_t data = r->len - r->option_at - 4;
	put16(option - 2, data + 4);
	put16(option + 2, data);
	return true;
}

// Reads a name, which may be compressed, and moves *at behind it.
// @return Octets written to out, 0: malformed.
static size_t
read_name(const uint8_t *octets, size_t len, size_t *at, uint8_t out[STSQWIRE_NAME_MAX]) {
	size_t from = *at;
	size_t used = 0;
	unsigned pointers = 0;
	for (;;) {
		if (from >= len) {
			return 0;
		}
		uint8_t n = octets[from];
		if (n >= 0xc0) {
			if (len - from < 2 || ++pointers > POINTERS_MAX) {
				return 0;
			}
			if (pointers == 1) {
				*at = from + 2;
			}
			size_t to = get16(octets + from) & 0x3fff;
			if (to >= from) {
				return 0; // only what came before is pointed at
			}
			from = to;
			continue;
		}
		if (n > LABEL_MAX || len - from < 1U + n || used + 1U + n > STSQWIRE_NAME_MAX) {
			return 0;
		}
		memcpy(out + used, octets + from, 1U + n);
		used += 1U + n;
		from += 1U + n;
		if (n == 0) {
			break;
		}
	}
	if (pointers == 0) {
		*at = from;
	}
	return used;
}

struct fixed {
	unsigned type;
	unsigned class;
	uint32_t ttl;
	unsigned len;
	size_t at; // of RDATA
};

// Reads a record but for its RDATA, and moves *at behind all of it.
// @return Octets of the owner, 0: malformed.
static size_t read_record(
	const uint8_t *octets,
	size_t len,
	size_t *at,
	uint8_t owner[STSQWIRE_NAME_MAX],
	struct fixed *f
) {
	size_t owner_len = read_name(octets, len, at, owner);
	if (owner_len == 0 || len - *at < 10) {
		return 0;
	}
	const uint8_t *p = octets + *at;
	*f = (struct fixed){
		.type = get16(p),
		.class = get16(p + 2),
		.ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6),
		.len = get16(p + 8),
		.at = *at + 10,
	};
	if (len - f->at < f->len) {
		return 0;
	}
	*at = f->at + f->len;
	return owner_len;
}

static bool read_options(struct stsqwire_reply *r, const uint8_t *at, size_t len) {
	while (len > 0) {
		if (len < 4 || len - 4 < get16(at + 2)) {
			return false;
		}
		size_t bytes = get16(at + 2);
		if (get16(at) == STSQWIRE_OPTION && bytes >= 2) {
			r->batch = true;
			r->count = at[4];
			r->first = at[5];
		}
		at += 4 + bytes;
		len -= 4 + bytes;
	}
	return true;
}

bool stsqwire_read(
	struct stsqwire_reply *r,
	const uint8_t *octets,
	size_t len,
	const uint8_t *question,
	size_t question_len
) {
	if (len < HEADER_BYTES || (octets[2] & 0xf8) != 0x80) {
		return false;
	}
	if (get16(octets + 4) == 0 && (octets[3] & 15) != 0) {
		// Who understands nothing of a question may not repeat it.
		*r = (struct stsqwire_reply){.rcode = octets[3] & 15};
		return true;
	}
	if (len < HEADER_BYTES + question_len || get16(octets + 4) != 1
	    || memcmp(octets + HEADER_BYTES, question, question_len) != 0) {
		return false;
	}
	*r = (struct stsqwire_reply){
		.octets = octets,
		.len = len,
		.rcode = octets[3] & 15,
		.records = get16(octets + 6),
		.at = HEADER_BYTES + question_len,
	};
	size_t answers = r->records;
	size_t all = answers + get16(octets + 8) + get16(octets + 10);
	size_t at = r->at;
	for (size_t i = 0; i < all; i++) {
		uint8_t owner[STSQWIRE_NAME_MAX];
		struct fixed f;
		if (read_record(octets, len, &at, owner, &f) == 0) {
			return false;
		}
		if (i < answers || f.type != TYPE_OPT) {
			continue;
		}
		r->rcode = (octets[3] & 15U) | (unsigned)(f.ttl >> 24) << 4;
		if (!read_options(r, octets + f.at, f.len)) {
			return false;
		}
	}
	return true;
}

// Joins the strings of a TXT record. @return False: malformed or too long.
static bool join(const uint8_t *at, size_t len, struct stsqwire_record *out) {
	out->text_len = 0;
	while (len > 0) {
		size_t n = at[0];
		if (len < 1 + n || out->text_len + n >= sizeof(out->text)) {
			return false;
		}
		memcpy(out->text + out->text_len, at + 1, n);
		out->text_len += n;
		at += 1 + n;
		len -= 1 + n;
	}
	out->text[out->text_len] = '\0';
	return true;
}

bool stsqwire_next(struct stsqwire_reply *r, struct stsqwire_record *out) {
	struct fixed f;
	if (r->records == 0) {
		return false;
	}
	r->records--;
	out->owner_len = read_record(r->octets, r->len, &r->at, out->owner, &f);
	out->ttl_s = f.ttl;
	out->is_txt = f.type == TYPE_TXT && f.class == CLASS_IN
		      && join(r->octets + f.at, f.len, out);
	return true;
}

bool stsqwire_is_of(const struct stsqwire_record *r, const uint8_t *name, const uint8_t *zone) {
	size_t labels = name_bytes(name) - 1;
	size_t rest = name_bytes(zone);
	if (r->owner_len != labels + rest) {
		return false;
	}
	for (size_t i = 0; i < r->owner_len; i++) {
		uint8_t want = i < labels ? name[i] : zone[i - labels];
		if (lower(r->owner[i]) != lower(want)) {
			return false;
		}
	}
	return true;
}
