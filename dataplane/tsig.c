// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/tsig.h"

#include "base/bytes.h"
#include "base/err.h"

#include <mbedtls/base64.h>
#include <mbedtls/platform_util.h>

#include <string.h>

#define HEADER_BYTES 12
#define LABEL_MAX 63
#define TYPE_TSIG 250
#define CLASS_ANY 255
#define FUDGE_S 300 // RFC 8945 10
#define MAC_BYTES_MIN 16
#define OTHER_BYTES 6 // of BADTIME: our time

static const uint8_t SHA256[] = "\013hmac-sha256"; // with the root label

static const uint8_t ERRORS[] = {
	[TSIG_BADSIG] = 16,
	[TSIG_BADKEY] = 17,
	[TSIG_BADTIME] = 18,
	[TSIG_BADTRUNC] = 22,
};

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

// Keys.

static bool read_key_name(const char *text, size_t len, struct tsig_key *out) {
	len -= len > 0 && text[len - 1] == '.' ? 1 : 0;
	if (len == 0 || len + 2 > sizeof(out->name)) {
		return false;
	}
	uint8_t *label = out->name;
	uint8_t *at = out->name + 1;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.') {
			*at++ = lower((uint8_t)text[i]);
			continue;
		}
		size_t n = (size_t)(at - label - 1);
		if (n == 0 || n > LABEL_MAX) {
			return false;
		}
		*label = (uint8_t)n;
		label = at++;
	}
	*label = 0;
	out->name_len = (uint8_t)(at - out->name);
	return true;
}

int tsig_key_parse(const char *text, struct tsig_key *out) {
	static const char PREFIX[] = "hmac-sha256:";
	if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) == 0) {
		text += sizeof(PREFIX) - 1;
	}
	const char *mark = strchr(text, ':');
	uint8_t secret[HMAC_SECRET_MAX];
	size_t len = 0;
	memset(out, 0, sizeof(*out));
	bool ok = mark != NULL && read_key_name(text, (size_t)(mark - text), out)
		  && mbedtls_base64_decode(
			     secret,
			     sizeof(secret),
			     &len,
			     (const unsigned char *)mark + 1,
			     strlen(mark + 1)
		     ) == 0
		  && len >= TSIG_SECRET_MIN && hmac_key_init(&out->hmac, secret, len);
	mbedtls_platform_zeroize(secret, sizeof(secret));
	return ok ? 0 : ERR_SYNTAX;
}

static const struct tsig_key *find_key(const struct tsig_keys *keys, const struct tsig *t) {
	if (t->algorithm_len != sizeof(SHA256)
	    || memcmp(t->algorithm, SHA256, sizeof(SHA256)) != 0) {
		return NULL;
	}
	for (unsigned i = 0; i < keys->count; i++) {
		const struct tsig_key *k = &keys->at[i];
		if (k->name_len == t->name_len && memcmp(k->name, t->name, k->name_len) == 0) {
			return k;
		}
	}
	return NULL;
}

// Reading.

// A name as it is copied, in lower case.
struct copy {
	uint8_t *at;
	uint8_t cap;
	uint8_t len;
};

// A pointer has to lead to before what was read last, so there is an end to them.
// @param pointers  Whether there may be any.
// @return The offset behind the name, or 0.
static size_t
read_name(const uint8_t *msg, size_t len, size_t at, bool pointers, struct copy *out) {
	size_t end = 0; // behind the first pointer
	size_t from = at;
	size_t n = 0;
	while (at < len) {
		uint8_t c = msg[at];
		if (c >= 0xc0) {
			size_t to = at + 1 < len ? (size_t)(c & 0x3f) << 8 | msg[at + 1] : len;
			if (!pointers || to >= from || to < HEADER_BYTES) {
				return 0;
			}
			end = end == 0 ? at + 2 : end;
			at = from = to;
			continue;
		}
		if (c > LABEL_MAX || c >= len - at || n + 1 + c > out->cap) {
			return 0;
		}
		out->at[n++] = c;
		for (unsigned i = 1; i <= c; i++) {
			out->at[n++] = lower(msg[at + i]);
		}
		at += 1U + c;
		if (c == 0) {
			out->len = (uint8_t)n;
			return end == 0 ? at : end;
		}
	}
	return 0;
}

static wall_s_t get48(struct reader *r) {
	uint64_t high = bytes_get_be16(r);
	return (wall_s_t)(high << 32 | bytes_get_be32(r));
}

size_t tsig_read(const uint8_t *msg, size_t len, size_t at, struct tsig *t) {
	struct copy name = {.at = t->name, .cap = sizeof(t->name)};
	struct copy algorithm = {.at = t->algorithm, .cap = sizeof(t->algorithm)};
	size_t next = read_name(msg, len, at, true, &name);
	if (next == 0) {
		return 0;
	}
	struct reader r = bytes_reader(msg + next, len - next);
	bool fixed = bytes_get_be16(&r) == TYPE_TSIG;
	fixed &= bytes_get_be16(&r) == CLASS_ANY;
	fixed &= bytes_get_be32(&r) == 0;
	size_t rdlen = bytes_get_be16(&r);
	if (!r.ok || !fixed || rdlen > bytes_left(&r)) {
		return 0;
	}
	size_t rdata = (size_t)(r.at - msg);
	size_t end = rdata + rdlen;
	next = read_name(msg, end, rdata, false, &algorithm);
	if (next == 0) {
		return 0;
	}
	r = bytes_reader(msg + next, end - next);
	t->time_s = get48(&r);
	t->fudge_s = bytes_get_be16(&r);
	t->mac_bytes = bytes_get_be16(&r);
	const uint8_t *mac = bytes_get(&r, t->mac_bytes);
	const uint8_t *tail = r.at;
	(void)bytes_get(&r, 4); // original id, error
	size_t other = bytes_get_be16(&r);
	if (!r.ok || bytes_left(&r) != other) {
		return 0;
	}
	t->name_len = name.len;
	t->algorithm_len = algorithm.len;
	memcpy(t->mac, mac, t->mac_bytes < HMAC_BYTES ? t->mac_bytes : HMAC_BYTES);
	t->at = (uint16_t)at;
	t->tail_at = (uint16_t)(tail - msg);
	t->verdict = TSIG_NONE;
	t->present = true;
	return end - at;
}

// Judging.

static void put48(uint8_t out[6], wall_s_t v) {
	for (int i = 0; i < 6; i++) {
		out[i] = (uint8_t)(v >> (40 - 8 * i));
	}
}

// RFC 8945 4.3.3: the variables, without what stands behind the fudge.
static void add_variables(struct hmac *h, const struct tsig *t, wall_s_t time_s, unsigned fudge_s) {
	uint8_t time[8];
	put48(time, time_s);
	time[6] = (uint8_t)(fudge_s >> 8);
	time[7] = (uint8_t)fudge_s;
	hmac_add(h, t->name, t->name_len);
	hmac_add(h, (uint8_t[]){0, CLASS_ANY, 0, 0, 0, 0}, 6);
	hmac_add(h, t->algorithm, t->algorithm_len);
	hmac_add(h, time, sizeof(time));
}

// The code of a query: the message as it was before the record was added.
static bool code_query(
	const struct tsig_key *key,
	const uint8_t *msg,
	const struct tsig *t,
	uint8_t mac[HMAC_BYTES]
) {
	uint8_t header[HEADER_BYTES];
	memcpy(header, msg, sizeof(header));
	memcpy(header, msg + t->tail_at, 2); // the original id
	unsigned count = (unsigned)(header[10] << 8 | header[11]) - 1;
	header[10] = (uint8_t)(count >> 8);
	header[11] = (uint8_t)count;
	const uint8_t *error = msg + t->tail_at + 2;
	struct hmac h;
	hmac_start(&h, &key->hmac);
	hmac_add(&h, header, sizeof(header));
	hmac_add(&h, msg + HEADER_BYTES, t->at - (size_t)HEADER_BYTES);
	add_variables(&h, t, t->time_s, t->fudge_s);
	hmac_add(&h, error, 4U + (unsigned)(error[2] << 8 | error[3]));
	return hmac_end(&h, mac);
}

// In a time that does not tell where they differ.
static bool same(const uint8_t *a, const uint8_t *b, size_t len) {
	unsigned off = 0;
	for (size_t i = 0; i < len; i++) {
		off |= a[i] ^ b[i];
	}
	return off == 0;
}

void tsig_verify(const struct tsig_keys *keys, const uint8_t *msg, wall_s_t now, struct tsig *t) {
	const struct tsig_key *key = find_key(keys, t);
	uint8_t mac[HMAC_BYTES];
	wall_s_t off = t->time_s > now ? t->time_s - now : now - t->time_s;
	if (key == NULL) {
		t->verdict = TSIG_BADKEY;
	} else if (t->mac_bytes > HMAC_BYTES || t->mac_bytes < MAC_BYTES_MIN) {
		t->verdict = TSIG_SHORT;
	} else if (!code_query(key, msg, t, mac) || !same(mac, t->mac, t->mac_bytes)) {
		t->verdict = TSIG_BADSIG;
	} else if (off > t->fudge_s) {
		t->verdict = TSIG_BADTIME;
	} else {
		t->verdict = t->mac_bytes < HMAC_BYTES ? TSIG_BADTRUNC : TSIG_GOOD;
	}
}

// Signing.

static bool is_signed(const struct tsig *t) {
	return t->verdict == TSIG_GOOD || t->verdict == TSIG_BADTIME || t->verdict == TSIG_BADTRUNC;
}

size_t tsig_bytes(const struct tsig *t) {
	const size_t fixed = 10 + 6 + 2 + 2 + 2 + 2 + 2; // RR, time, fudge, lengths, id, error
	return fixed + t->name_len + t->algorithm_len + (is_signed(t) ? HMAC_BYTES : 0)
	       + (t->verdict == TSIG_BADTIME ? OTHER_BYTES : 0);
}

// What stands behind the code in an answer: error, and other data.
struct tail {
	wall_s_t time_s;
	size_t bytes;
	uint8_t octets[4 + OTHER_BYTES];
};

// Of BADTIME the time is the client's, and ours is told behind (RFC 8945 5.2.3).
static struct tail make_tail(const struct tsig *t, wall_s_t now) {
	bool bad_time = t->verdict == TSIG_BADTIME;
	struct tail tail = {
		.time_s = bad_time ? t->time_s : now,
		.bytes = bad_time ? sizeof(tail.octets) : 4,
	};
	tail.octets[1] = t->verdict < sizeof(ERRORS) ? ERRORS[t->verdict] : 0;
	tail.octets[3] = bad_time ? OTHER_BYTES : 0;
	put48(tail.octets + 4, now);
	return tail;
}

// RFC 8945 5.3: over the query's MAC, the answer and the variables.
static bool code_answer(
	const struct tsig_key *key,
	const struct tsig *t,
	const uint8_t *msg,
	size_t len,
	const struct tail *tail,
	uint8_t mac[HMAC_BYTES]
) {
	struct hmac h;
	hmac_start(&h, &key->hmac);
	hmac_add(&h, (uint8_t[]){0, (uint8_t)t->mac_bytes}, 2);
	hmac_add(&h, t->mac, t->mac_bytes);
	hmac_add(&h, msg, len);
	add_variables(&h, t, tail->time_s, FUDGE_S);
	hmac_add(&h, tail->octets, tail->bytes);
	return hmac_end(&h, mac);
}

size_t tsig_sign(
	const struct tsig_keys *keys,
	const struct tsig *t,
	uint8_t *msg,
	size_t len,
	wall_s_t now
) {
	const struct tail tail = make_tail(t, now);
	const struct tsig_key *key = is_signed(t) ? find_key(keys, t) : NULL;
	uint8_t mac[HMAC_BYTES];
	bool coded = key != NULL && code_answer(key, t, msg, len, &tail, mac);
	size_t mac_bytes = coded ? HMAC_BYTES : 0;
	struct writer w = bytes_writer(msg + len, tsig_bytes(t));
	bytes_put(&w, t->name, t->name_len);
	bytes_put_be16(&w, TYPE_TSIG);
	bytes_put_be16(&w, CLASS_ANY);
	bytes_put_be32(&w, 0);
	bytes_put_be16(&w, (uint16_t)(t->algorithm_len + 12U + mac_bytes + tail.bytes));
	bytes_put(&w, t->algorithm, t->algorithm_len);
	bytes_put_be16(&w, (uint16_t)((uint64_t)tail.time_s >> 32));
	bytes_put_be32(&w, (uint32_t)tail.time_s);
	bytes_put_be16(&w, FUDGE_S);
	bytes_put_be16(&w, (uint16_t)mac_bytes);
	bytes_put(&w, mac, mac_bytes);
	bytes_put(&w, msg, 2); // the original id
	bytes_put(&w, tail.octets, tail.bytes);
	unsigned count = (unsigned)(msg[10] << 8 | msg[11]) + 1;
	msg[10] = (uint8_t)(count >> 8);
	msg[11] = (uint8_t)count;
	return len + bytes_written(&w);
}
