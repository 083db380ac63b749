// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// What arrives from the network: DNS replies, addresses, HTTP responses,
// queries and the frames around them.

#include "dataplane/frame.h"
#include "dataplane/lookup.h"
#include "dataplane/neigh.h"
#include "fetch/gate.h"
#include "fetch/http.h"
#include "fetch/polparse.h"
#include "fetch/txtrec.h"
#include "fetch/vet.h"
#include "tests/vectors/judge.h"

#include <arpa/inet.h>
#include <string.h>

#define ASKED_ID 0x1234
#define OUR_PORT 5300

static const char *text_of(const json_t *c, const char *key, const char *otherwise) {
	const char *text = json_string_value(json_object_get(c, key));
	return text != NULL ? text : otherwise;
}

// ---- DNS replies to a question for _mta-sts.example.com

static struct gate_question asked(const json_t *c) {
	static struct octets name;
	const char *type = text_of(c, "type", "TXT");
	json_t *piece = json_pack("{s:s}", "labels", text_of(c, "asked", "_mta-sts.example.com"));
	name.len = 0;
	(void)octets_add(&name, piece);
	json_decref(piece);
	struct gate_question q = {
		.id = ASKED_ID,
		.type = strcmp(type, "A") == 0	    ? GATE_A
			: strcmp(type, "AAAA") == 0 ? GATE_AAAA
						    : GATE_TXT,
		.name_len = (uint8_t)name.len,
	};
	memcpy(q.name, name.at, name.len);
	return q;
}

// The set as the resolver joins and judges it.
static void tell_txt(const struct gate_answer *a, json_t *got) {
	static uint8_t joined[GATE_BYTES_MAX];
	struct txtrec_value records[GATE_RECORDS_MAX];
	size_t at = 0;
	for (size_t i = 0; i < a->count; i++) {
		int len = txtrec_join(
			a->txt[i].strings, a->txt[i].len, joined + at, sizeof(joined) - at
		);
		if (len < 0) {
			json_object_set_new(got, "set", json_string("not joined"));
			return;
		}
		records[i] = (struct txtrec_value){(char *)joined + at, (size_t)len};
		at += (size_t)len;
	}
	char id[POLICY_ID_MAX + 1];
	enum outcome_code code = txtrec_choose(records, a->count, id);
	json_object_set_new(got, "set", json_string(outcome_str(code)));
	if (code == OUTCOME_OK) {
		json_object_set_new(got, "id", json_string(id));
	}
}

static void tell_addresses(const struct gate_answer *a, int family, json_t *got) {
	json_t *list = json_array();
	for (size_t i = 0; i < a->count; i++) {
		char text[INET6_ADDRSTRLEN];
		inet_ntop(family, a->addresses[i], text, sizeof(text));
		json_array_append_new(list, json_string(text));
	}
	json_object_set_new(got, "addresses", list);
}

static json_t *judge_dns(const json_t *c) {
	static const char *const verdicts[] = {
		[GATE_WRONG_ID] = "wrong-id",
		[GATE_STRANGER] = "stranger",
		[GATE_TRUNCATED] = "truncated",
		[GATE_BROKEN] = "broken",
	};
	struct gate_question q = asked(c);
	struct gate_answer a;
	const struct octets *m = judge_octets(c, "message");
	enum gate_verdict v = gate_read(&q, m->at, m->len, &a);
	if (v != GATE_ANSWER) {
		return json_string(verdicts[v]);
	}
	json_t *got = json_pack("{s:i}", "rcode", a.rcode);
	if (a.rcode != GATE_NOERROR && a.rcode != GATE_NXDOMAIN) {
		return got;
	}
	if (a.chain_too_long) {
		json_object_set_new(got, "chain", json_string("too long"));
		return got;
	}
	json_object_set_new(got, "ttl", json_integer(a.count > 0 ? a.ttl_s : a.negative_ttl_s));
	if (q.type == GATE_TXT) {
		tell_txt(&a, got);
	} else {
		tell_addresses(&a, q.type == GATE_A ? AF_INET : AF_INET6, got);
	}
	return got;
}

static json_t *judge_address(const json_t *c) {
	const char *text = text_of(c, "address", "");
	struct address a = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
	if (inet_pton(a.family, text, a.octets) != 1) {
		return NULL;
	}
	return json_string(vet_address(&a, NULL, 0) ? "allowed" : "refused");
}

// ---- HTTP responses

static json_t *done(const struct http *h) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	struct policy p;
	const char *fault;
	uint8_t mended;
	bool good = polparse(h->body, h->body_len, mx, &p, &fault, &mended);
	json_t *got = json_pack(
		"{s:I, s:s}", "body", (json_int_t)h->body_len, "policy", good ? "good" : "refused"
	);
	if (h->media_type_odd) {
		json_object_set_new(got, "media_type", json_string("odd"));
	}
	return got;
}

// "open": the connection stands; "orderly": closed by TLS; "cut": it broke.
static json_t *judge_http(const json_t *c) {
	static uint8_t body[POLICY_TEXT_MAX];
	static struct http h;
	const struct octets *r = judge_octets(c, "response");
	const char *end = text_of(c, "end", "open");
	http_init(&h, json_is_true(json_object_get(c, "require_text_plain")), body);
	enum http_state state = http_feed(&h, r->at, r->len);
	if (state == HTTP_MORE && strcmp(end, "open") != 0) {
		state = http_end(&h, strcmp(end, "orderly") == 0);
	}
	if (state == HTTP_DONE) {
		return done(&h);
	}
	return state == HTTP_MORE
		       ? json_string("more")
		       : json_pack(
			       "{s:s, s:s}", "failed", outcome_str(h.outcome), "detail", h.detail
		       );
}

// ---- queries

static const char *const KINDS[] = {
	[LOOKUP_DROP] = "drop",
	[LOOKUP_ERROR] = "error",
	[LOOKUP_COOKIE] = "cookie",
	[LOOKUP_NODATA] = "nodata",
	[LOOKUP_SOA] = "soa",
	[LOOKUP_NS] = "ns",
	[LOOKUP_ADDRESS] = "address",
	[LOOKUP_STATUS] = "status",
	[LOOKUP_NAME_FAULT] = "name",
	[LOOKUP_VERDICT] = "verdict",
	[LOOKUP_RECHECK] = "recheck",
	[LOOKUP_POLICY_TEXT] = "policy-text",
};

// The header of the answer in hex, its length, and whether it holds the
// question as it was sent.
static void tell_answer(
	const struct lookup_zone *zone,
	const struct lookup_query *q,
	const struct octets *query,
	json_t *got
) {
	static uint8_t buf[OCTETS_MAX];
	static const struct lookup_status status = {.version = "0", .tcp = ""};
	memcpy(buf, query->at, query->len);
	size_t len = q->kind <= LOOKUP_COOKIE ? lookup_answer_error(q, buf, zone)
		     : q->kind < LOOKUP_NAME_FAULT
			     ? lookup_answer_zone(q, buf, zone, &status)
			     : lookup_answer_short(q, buf, zone, "none", "", 0);
	char flags[5];
	(void)snprintf(flags, sizeof(flags), "%02x%02x", buf[2], buf[3]);
	json_object_set_new(got, "flags", json_string(flags));
	json_object_set_new(got, "octets", json_integer((json_int_t)len));
	bool echoed = q->has_question && memcmp(buf + 12, query->at + 12, q->question_bytes) == 0;
	json_object_set_new(got, "echoed", json_boolean(echoed));
}

static json_t *judge_query(const json_t *c) {
	struct lookup_zone zone = {0};
	struct lookup_query q;
	const struct octets *m = judge_octets(c, "query");
	if (lookup_zone_parse("sts.", &zone) < 0) {
		return NULL;
	}
	zone.nsid_len = 4;
	memcpy(zone.nsid, "test", 4);
	lookup_parse(&zone, m->at, m->len, &q);
	if (q.kind == LOOKUP_DROP) {
		return json_string("drop");
	}
	json_t *got = json_pack("{s:s}", "kind", KINDS[q.kind]);
	if (q.kind == LOOKUP_ERROR) {
		json_object_set_new(got, "rcode", json_integer(q.edns_rcode << 4 | q.rcode));
	} else if (q.kind == LOOKUP_NAME_FAULT) {
		json_object_set_new(
			got, "why", json_string(name_verdict_str((enum name_verdict)q.fault))
		);
	} else if (q.kind > LOOKUP_NAME_FAULT) {
		json_object_set_new(got, "domain", json_string(q.domain));
	}
	tell_answer(&zone, &q, m, got);
	return got;
}

// ---- frames

static const char *const VERDICTS[] = {
#define VERDICT_ROW(code, counter, help) [FRAME_DROP_##code] = "drop " #code,
	FRAME_DROP_LIST(VERDICT_ROW)
#undef VERDICT_ROW
		[FRAME_QUERY]
	= "query",
	[FRAME_ARP] = "arp",
	[FRAME_ICMP4] = "icmp4",
	[FRAME_ICMP6] = "icmp6",
};

// Of a query the octets of its payload, of what neighbours ask those of the answer.
// We are 02:00:00:00:00:01, 192.0.2.53 and 2001:db8::53, port 5300.
static json_t *judge_frame(const json_t *c) {
	struct frame_owner owner = {
		.mac = {2, 0, 0, 0, 0, 1},
		.udp_port = OUR_PORT,
		.vlan = (uint16_t)json_integer_value(json_object_get(c, "vlan")),
		.address_count = 2,
		.addresses = {{.family = AF_INET}, {.family = AF_INET6}},
	};
	inet_pton(AF_INET, "192.0.2.53", owner.addresses[0].octets);
	inet_pton(AF_INET6, "2001:db8::53", owner.addresses[1].octets);
	const struct octets *f = judge_octets(c, "frame");
	struct frame_view view;
	enum frame_verdict v = frame_parse(&owner, f->at, f->len, false, &view);
	if (v < FRAME_QUERY) {
		return json_string(VERDICTS[v]);
	}
	static uint8_t copy[OCTETS_MAX];
	size_t octets = view.payload_bytes;
	if (v != FRAME_QUERY) {
		memcpy(copy, f->at, f->len);
		frame_parse(&owner, copy, f->len, false, &view); // points into the copy
		octets = neigh_answer(&owner, v, &view, copy, f->len, sizeof(copy));
	}
	return json_pack("{s:I}", VERDICTS[v], (json_int_t)octets);
}

const struct judge JUDGE_WIRE[] = {
	{"dns", "asked type message", judge_dns},
	{"address", "address", judge_address},
	{"http", "response end require_text_plain", judge_http},
	{"query", "query", judge_query},
	{"frame", "frame vlan", judge_frame},
	{NULL, NULL, NULL},
};
