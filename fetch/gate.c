// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/gate.h"

#include "base/bytes.h"

#include <string.h>

#define HEADER_BYTES 12
#define LABELS_MAX 127
#define CLASS_IN 1
#define TYPE_SIG 24
#define TYPE_OPT 41
#define TYPE_TSIG 250
#define OPTION_EDE 15

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTIONS };

// A name in lower case, its pointers followed.
struct wire_name {
	size_t len;
	uint8_t octets[GATE_NAME_MAX];
};

struct record {
	enum section section;
	uint16_t type;
	uint16_t class;
	uint32_t ttl_s;
	uint16_t owner; // offset in the message
	uint16_t data;
	uint16_t data_len;
};

struct message {
	const uint8_t *octets;
	size_t len;
	size_t count;
	bool has_opt;
	bool has_ede;
	uint16_t ede;
	uint16_t rcode;
	struct record records[GATE_RECORDS_MAX];
};

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static void put_label(struct wire_name *name, const uint8_t *label, size_t len) {
	for (size_t i = 0; i < len; i++) {
		name->octets[name->len++] = lower(label[i]);
	}
}

// Reads the name at an offset. A pointer must lead before the part it ends, so
// every jump goes down and the walk is finite (RFC 1035 4.1.4).
// @param name  NULL: only step over it.
// @return Octets it takes where it stands, or 0 when it is not well formed.
static size_t read_name(const struct message *m, size_t at, struct wire_name *name) {
	struct wire_name into = {.len = 0};
	size_t start = at;
	size_t floor = at;
	size_t taken = 0;
	for (unsigned labels = 0; labels <= LABELS_MAX + 1; labels++) {
		if (at >= m->len) {
			return 0;
		}
		size_t len = m->octets[at];
		while ((len & 0xc0) == 0xc0) {
			if (at + 2 > m->len) {
				return 0;
			}
			size_t target = ((len & 0x3f) << 8) | m->octets[at + 1];
			taken = taken == 0 ? at + 2 - start : taken;
			if (target < HEADER_BYTES || target >= floor) {
				return 0;
			}
			at = target;
			floor = target;
			len = m->octets[at];
		}
		if (len > 63 || at + 1 + len > m->len || into.len + 1 + len > GATE_NAME_MAX) {
			return 0;
		}
		put_label(&into, m->octets + at, 1 + len);
		at += 1 + len;
		if (len == 0) {
			if (name != NULL) {
				*name = into;
			}
			return taken == 0 ? at - start : taken;
		}
	}
	return 0;
}

// Lengths of 63 or less and letters cannot be mistaken for each other: the
// length octets are below 'A'.
static bool same_name(const struct wire_name *a, const struct wire_name *b) {
	return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0;
}

static bool is_ancestor(const struct wire_name *above, const struct wire_name *name) {
	for (size_t at = 0; at < name->len; at += 1 + (size_t)name->octets[at]) {
		if (name->len - at == above->len) {
			return memcmp(name->octets + at, above->octets, above->len) == 0;
		}
	}
	return false;
}

static bool txt_is_sound(const struct message *m, const struct record *r) {
	size_t at = 0;
	unsigned strings = 0;
	while (at < r->data_len) {
		at += 1 + (size_t)m->octets[r->data + at];
		strings++;
	}
	return at == r->data_len && strings >= 1 && strings <= GATE_STRINGS_MAX;
}

static bool soa_is_sound(const struct message *m, const struct record *r) {
	size_t mname = read_name(m, r->data, NULL);
	if (mname == 0 || mname >= r->data_len) {
		return false;
	}
	size_t rname = read_name(m, r->data + mname, NULL);
	return rname != 0 && mname + rname + 20 == r->data_len;
}

// RFC 8914 2: a code, then text, which is not looked at.
static bool take_ede(struct message *m, const uint8_t *data, uint16_t len) {
	if (len < 2) {
		return false;
	}
	if (!m->has_ede) {
		m->has_ede = true;
		m->ede = (uint16_t)(data[0] << 8 | data[1]);
	}
	return true;
}

static bool opt_is_sound(struct message *m, const struct record *r) {
	if (m->has_opt || r->section != SECTION_ADDITIONAL || m->octets[r->owner] != 0) {
		return false;
	}
	m->has_opt = true;
	m->rcode = (uint16_t)(m->rcode | (r->ttl_s >> 24) << 4);
	struct reader options = bytes_reader(m->octets + r->data, r->data_len);
	while (bytes_left(&options) > 0 && options.ok) {
		uint16_t code = bytes_get_be16(&options);
		uint16_t len = bytes_get_be16(&options);
		const uint8_t *data = bytes_get(&options, len);
		if (code == OPTION_EDE && data != NULL && !take_ede(m, data, len)) {
			return false;
		}
	}
	return options.ok;
}

static bool data_is_sound(struct message *m, const struct record *r) {
	switch (r->type) {
	case TYPE_TSIG:
	case TYPE_SIG:
		return false;
	case TYPE_OPT:
		return opt_is_sound(m, r);
	default:
		break;
	}
	if (r->class != CLASS_IN) {
		return true; // never looked at
	}
	switch (r->type) {
	case GATE_A:
		return r->data_len == 4;
	case GATE_AAAA:
		return r->data_len == 16;
	case GATE_CNAME:
		return read_name(m, r->data, NULL) == r->data_len;
	case GATE_SOA:
		return soa_is_sound(m, r);
	case GATE_TXT:
		return txt_is_sound(m, r);
	default:
		return true;
	}
}

static bool read_record(struct message *m, enum section section, size_t *at) {
	struct record *r = &m->records[m->count++];
	size_t owner = read_name(m, *at, NULL);
	if (owner == 0) {
		return false;
	}
	struct reader in = bytes_reader(m->octets + *at + owner, m->len - *at - owner);
	r->section = section;
	r->owner = (uint16_t)*at;
	r->type = bytes_get_be16(&in);
	r->class = bytes_get_be16(&in);
	r->ttl_s = bytes_get_be32(&in);
	r->data_len = bytes_get_be16(&in);
	if (bytes_get(&in, r->data_len) == NULL || !in.ok) {
		return false;
	}
	*at = (size_t)(in.at - m->octets);
	r->data = (uint16_t)(*at - r->data_len);
	if (!data_is_sound(m, r)) {
		return false;
	}
	// RFC 2181 8: the top bit set means zero. OPT has no TTL there.
	if (r->type != TYPE_OPT && r->ttl_s > INT32_MAX) {
		r->ttl_s = 0;
	}
	return true;
}

static bool read_records(struct message *m, size_t at, const uint16_t counts[SECTIONS]) {
	size_t all = (size_t)counts[0] + counts[1] + counts[2];
	if (m->len > GATE_BYTES_MAX || all > GATE_RECORDS_MAX) {
		return false;
	}
	for (unsigned section = 0; section < SECTIONS; section++) {
		for (unsigned i = 0; i < counts[section]; i++) {
			if (!read_record(m, (enum section)section, &at)) {
				return false;
			}
		}
	}
	return at == m->len;
}

// @return The next record of the answer section with this owner and type.
static const struct record *
find_record(const struct message *m, const struct wire_name *owner, uint16_t type, size_t *from) {
	for (; *from < m->count; (*from)++) {
		const struct record *r = &m->records[*from];
		struct wire_name name;
		if (r->section == SECTION_ANSWER && r->class == CLASS_IN && r->type == type
		    && read_name(m, r->owner, &name) != 0 && same_name(&name, owner)) {
			(*from)++;
			return r;
		}
	}
	return NULL;
}

static void
add_data(const struct message *m, const struct record *r, uint16_t type, struct gate_answer *out) {
	if (type == GATE_TXT) {
		out->txt[out->count++] = (struct gate_txt){m->octets + r->data, r->data_len};
	} else if (out->count < GATE_ADDRESS_MAX) {
		memcpy(out->addresses[out->count++], m->octets + r->data, r->data_len);
	}
}

static uint32_t least(uint32_t a, uint32_t b) {
	return a < b ? a : b;
}

static void
collect(const struct message *m,
	const struct wire_name *owner,
	uint16_t type,
	struct gate_answer *out) {
	const struct record *r;
	size_t from = 0;
	while ((r = find_record(m, owner, type, &from)) != NULL) {
		add_data(m, r, type, out);
		out->ttl_s = least(out->ttl_s, r->ttl_s);
	}
}

// Walks from the question to the name the data is looked for at. Where a CNAME
// stands nothing else does (RFC 1034 3.6.2), whatever the message says. With
// NXDOMAIN data does not count: the code speaks of the end of the chain (RFC
// 6604 3).
static void follow_chain(
	const struct message *m,
	uint16_t type,
	struct wire_name *name,
	struct gate_answer *out
) {
	out->ttl_s = UINT32_MAX;
	for (unsigned i = 0; i <= GATE_CHAIN_MAX; i++) {
		size_t from = 0;
		const struct record *r = find_record(m, name, GATE_CNAME, &from);
		if (r == NULL) {
			if (m->rcode == GATE_NOERROR) {
				collect(m, name, type, out);
			}
			return;
		}
		out->ttl_s = least(out->ttl_s, r->ttl_s);
		(void)read_name(m, r->data, name);
	}
	out->chain_too_long = true;
}

// RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM field.
static uint32_t negative_ttl(const struct message *m, const struct wire_name *name) {
	for (size_t i = 0; i < m->count; i++) {
		const struct record *r = &m->records[i];
		struct wire_name owner;
		if (r->section == SECTION_AUTHORITY && r->type == GATE_SOA && r->class == CLASS_IN
		    && read_name(m, r->owner, &owner) != 0 && is_ancestor(&owner, name)) {
			struct reader in = bytes_reader(m->octets + r->data + r->data_len - 4, 4);
			return least(r->ttl_s, bytes_get_be32(&in));
		}
	}
	return GATE_NEGATIVE_TTL_S;
}

static void interpret(struct message *m, const struct gate_question *q, struct gate_answer *out) {
	struct wire_name name = {.len = 0};
	put_label(&name, q->name, q->name_len);
	out->rcode = m->rcode;
	out->has_ede = m->has_ede;
	out->ede = m->ede;
	if (m->rcode != GATE_NOERROR && m->rcode != GATE_NXDOMAIN) {
		return;
	}
	follow_chain(m, (uint16_t)q->type, &name, out);
	if (out->count == 0) {
		out->negative_ttl_s = negative_ttl(m, &name);
	}
}

static bool same_question(struct reader *in, const struct gate_question *q) {
	const uint8_t *name = bytes_get(in, q->name_len);
	uint16_t type = bytes_get_be16(in);
	uint16_t class = bytes_get_be16(in);
	return in->ok && memcmp(name, q->name, q->name_len) == 0 && type == q->type
	       && class == CLASS_IN;
}

enum gate_verdict gate_read(
	const struct gate_question *question,
	const void *msg,
	size_t len,
	struct gate_answer *out
) {
	memset(out, 0, sizeof(*out));
	struct reader in = bytes_reader(msg, len < GATE_BYTES_MAX ? len : GATE_BYTES_MAX);
	uint16_t id = bytes_get_be16(&in);
	uint16_t flags = bytes_get_be16(&in);
	uint16_t questions = bytes_get_be16(&in);
	uint16_t counts[SECTIONS];
	for (unsigned i = 0; i < SECTIONS; i++) {
		counts[i] = bytes_get_be16(&in);
	}
	const bool response = (flags & 0x8000) != 0;
	const bool is_query_opcode = (flags & 0x7800) == 0;
	if (!in.ok || !response) {
		return GATE_STRANGER;
	}
	if (id != question->id) {
		return GATE_WRONG_ID;
	}
	struct message m = {.octets = msg, .len = len, .rcode = flags & 0x0f};
	// A server that could not read the question may leave it out.
	if (questions == 0 && (m.rcode == GATE_FORMERR || m.rcode == GATE_NOTIMP)) {
		out->rcode = m.rcode;
		return GATE_ANSWER;
	}
	if (!is_query_opcode || questions != 1 || !same_question(&in, question)) {
		return GATE_STRANGER;
	}
	if ((flags & 0x0200) != 0) {
		return GATE_TRUNCATED;
	}
	if (!read_records(&m, (size_t)(in.at - m.octets), counts)) {
		return GATE_BROKEN;
	}
	interpret(&m, question, out);
	return GATE_ANSWER;
}
