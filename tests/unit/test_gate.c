// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/gate.h"
#include "tests/edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Every message begins with a header and this question, 38 octets in all, so
// that records start at offset 0x26 and the name is at 0x0c.
#define QNAME              \
	"\x08_mta-sts\x07" \
	"example\x03"      \
	"com\x00"
#define QUESTION QNAME "\x00\x10\x00\x01"
#define AT_QNAME "\xc0\x0c"
#define TTL "\x00\x00\x01\x2c"

#define TXT_RR                                         \
	AT_QNAME "\x00\x10\x00\x01" TTL "\x00\x04\x03" \
		 "abc"
#define OPT_RR "\x00\x00\x29\x04\xd0\x00\x00\x00\x00"
#define SOA_DATA                                           \
	"\x00\x16\x00\x00"                                 \
	"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01" \
	"\x00\x00\x00\x01\x00\x00\x00\x4d"
#define SOA_RR(owner) owner "\x00\x06\x00\x01" TTL SOA_DATA
#define STRINGS_16 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define LABEL_63 \
	"\x3f"   \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CNAME_TO_B                                     \
	"\x00\x05\x00\x01\x00\x00\x00\x0a\x00\x03\x01" \
	"b\x00"

#define NO 0xffff // count is not looked at

struct message {
	const char *name;
	uint16_t flags;
	uint16_t counts[3]; // answer, authority, additional
	const char *records;
	size_t len;
	enum gate_verdict verdict;
	uint16_t count;
	uint16_t rcode;
	uint32_t ttl_s; // negative_ttl_s when count is 0
};

#define RECORDS(text) text, sizeof(text) - 1

// clang-format off
static const struct message MESSAGES[] = {
	{"one TXT", 0x8180, {1, 0, 0}, RECORDS(TXT_RR), GATE_ANSWER, 1, 0, 300},
	{"two TXT", 0x8180, {2, 0, 0}, RECORDS(TXT_RR TXT_RR), GATE_ANSWER, 2, 0, 300},
	{"with OPT", 0x8180, {1, 0, 1}, RECORDS(TXT_RR OPT_RR "\x00\x00"), GATE_ANSWER, 1, 0, 300},
	{"OPT with CHAIN", 0x8180, {1, 0, 1}, RECORDS(TXT_RR OPT_RR "\x00\x06\x00\x0d\x00\x02\x00\x00"), GATE_ANSWER, 1, 0, 300},
	{"BADVERS", 0x8180, {0, 0, 1}, RECORDS("\x00\x00\x29\x04\xd0\x01\x00\x00\x00\x00\x00"), GATE_ANSWER, 0, GATE_BADVERS, NO},
	{"owner in capitals", 0x8180, {1, 0, 0}, RECORDS("\x08_MTA-STS\xc0\x15\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_ANSWER, 1, 0, 300},
	{"16 strings", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01" TTL "\x00\x10" STRINGS_16), GATE_ANSWER, 1, 0, 300},
	{"17 strings", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01" TTL "\x00\x11" STRINGS_16 "\x00"), GATE_BROKEN, NO, 0, 0},
	{"no string", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01" TTL "\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"string over RDATA", 0x8180, {2, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01" TTL "\x00\x02\x09" "a" TXT_RR), GATE_BROKEN, NO, 0, 0},
	{"negative TTL is zero", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01\xff\x00\x00\x00\x00\x01\x00"), GATE_ANSWER, 1, 0, 0},
	// who is meant
	{"another owner", 0x8180, {1, 0, 0}, RECORDS("\x01x\xc0\x0c\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_ANSWER, 0, 0, 60},
	{"class CH", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x03" TTL "\x00\x01\x00"), GATE_ANSWER, 0, 0, 60},
	{"TXT in authority", 0x8180, {0, 1, 0}, RECORDS(TXT_RR), GATE_ANSWER, 0, 0, 60},
	{"TXT in additional", 0x8180, {0, 0, 1}, RECORDS(TXT_RR), GATE_ANSWER, 0, 0, 60},
	{"another type", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x01\x00\x01" TTL "\x00\x04\x01\x02\x03\x04"), GATE_ANSWER, 0, 0, 60},
	{"CNAME", 0x8180, {2, 0, 0}, RECORDS(AT_QNAME CNAME_TO_B "\x01" "B\x00\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_ANSWER, 1, 0, 10},
	{"CNAME out of order", 0x8180, {2, 0, 0}, RECORDS("\x01" "b\x00\x00\x10\x00\x01" TTL "\x00\x01\x00" AT_QNAME CNAME_TO_B), GATE_ANSWER, 1, 0, 10},
	{"CNAME and TXT at one name", 0x8180, {2, 0, 0}, RECORDS(TXT_RR AT_QNAME CNAME_TO_B), GATE_ANSWER, 0, 0, 60},
	{"CNAME to nothing", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME CNAME_TO_B), GATE_ANSWER, 0, 0, 60},
	// saying no
	{"NODATA, SOA", 0x8180, {0, 1, 0}, RECORDS(SOA_RR("\xc0\x15")), GATE_ANSWER, 0, 0, 77},
	{"NXDOMAIN, SOA", 0x8183, {0, 1, 0}, RECORDS(SOA_RR("\xc0\x15")), GATE_ANSWER, 0, 3, 77},
	{"NXDOMAIN, SOA of the root", 0x8183, {0, 1, 0}, RECORDS(SOA_RR("\x00")), GATE_ANSWER, 0, 3, 77},
	{"NXDOMAIN, SOA of a stranger", 0x8183, {0, 1, 0}, RECORDS(SOA_RR("\x03" "org\x00")), GATE_ANSWER, 0, 3, 60},
	{"NXDOMAIN, SOA below", 0x8183, {0, 1, 0}, RECORDS(SOA_RR("\x01x\xc0\x0c")), GATE_ANSWER, 0, 3, 60},
	{"NXDOMAIN, SOA in answer", 0x8183, {1, 0, 0}, RECORDS(SOA_RR("\xc0\x15")), GATE_ANSWER, 0, 3, 60},
	{"NXDOMAIN, no SOA", 0x8183, {0, 0, 0}, RECORDS(""), GATE_ANSWER, 0, 3, 60},
	{"NXDOMAIN, TXT", 0x8183, {1, 0, 0}, RECORDS(TXT_RR), GATE_ANSWER, 0, 3, 60},
	{"NXDOMAIN behind CNAME, SOA of the end", 0x8183, {1, 1, 0}, RECORDS(AT_QNAME CNAME_TO_B SOA_RR("\x01" "b\x00")), GATE_ANSWER, 0, 3, 77},
	{"NXDOMAIN behind CNAME, SOA of the start", 0x8183, {1, 1, 0}, RECORDS(AT_QNAME CNAME_TO_B SOA_RR("\xc0\x15")), GATE_ANSWER, 0, 3, 60},
	{"SERVFAIL", 0x8182, {0, 0, 0}, RECORDS(""), GATE_ANSWER, 0, 2, NO},
	{"SERVFAIL, TXT", 0x8182, {1, 0, 0}, RECORDS(TXT_RR), GATE_ANSWER, 0, 2, NO},
	// not ours
	{"QR=0", 0x0180, {1, 0, 0}, RECORDS(TXT_RR), GATE_STRANGER, NO, 0, 0},
	{"opcode NOTIFY", 0xa180, {1, 0, 0}, RECORDS(TXT_RR), GATE_STRANGER, NO, 0, 0},
	{"TC", 0x8380, {1, 0, 0}, RECORDS(TXT_RR), GATE_TRUNCATED, NO, 0, 0},
	{"TC and nonsense", 0x8380, {9, 0, 0}, RECORDS("\xff"), GATE_TRUNCATED, NO, 0, 0},
	// names
	{"pointer to itself", 0x8180, {1, 0, 0}, RECORDS("\xc0\x26\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"pointer forward", 0x8180, {2, 0, 0}, RECORDS("\xc0\x33\x00\x10\x00\x01" TTL "\x00\x01\x00" TXT_RR), GATE_BROKEN, NO, 0, 0},
	{"pointer round", 0x8180, {1, 0, 0}, RECORDS("\x01" "a\xc0\x26\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"pointer into the header", 0x8180, {1, 0, 0}, RECORDS("\xc0\x02\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"half a pointer", 0x8180, {1, 0, 0}, RECORDS("\xc0"), GATE_BROKEN, NO, 0, 0},
	{"label type 01", 0x8180, {1, 0, 0}, RECORDS("\x41" "a\x00\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"label type 10", 0x8180, {1, 0, 0}, RECORDS("\x81" "a\x00\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"name of 256 octets", 0x8180, {1, 0, 0}, RECORDS(LABEL_63 LABEL_63 LABEL_63 LABEL_63 "\x00\x00\x10\x00\x01" TTL "\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"CNAME longer than its RDATA", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x05\x00\x01" TTL "\x00\x02\x01" "b\x00"), GATE_BROKEN, NO, 0, 0},
	{"CNAME shorter than its RDATA", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x05\x00\x01" TTL "\x00\x04\x01" "b\x00\x00"), GATE_BROKEN, NO, 0, 0},
	// records
	{"ANCOUNT 65535", 0x8180, {65535, 0, 0}, RECORDS(TXT_RR), GATE_BROKEN, NO, 0, 0},
	{"one more than there is", 0x8180, {2, 0, 0}, RECORDS(TXT_RR), GATE_BROKEN, NO, 0, 0},
	{"octet behind the end", 0x8180, {1, 0, 0}, RECORDS(TXT_RR "\x00"), GATE_BROKEN, NO, 0, 0},
	{"RDLENGTH 65535", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x10\x00\x01" TTL "\xff\xff\x00"), GATE_BROKEN, NO, 0, 0},
	{"A of 5 octets", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x01\x00\x01" TTL "\x00\x05\x01\x02\x03\x04\x05"), GATE_BROKEN, NO, 0, 0},
	{"AAAA of 4 octets", 0x8180, {1, 0, 0}, RECORDS(AT_QNAME "\x00\x1c\x00\x01" TTL "\x00\x04\x01\x02\x03\x04"), GATE_BROKEN, NO, 0, 0},
	{"SOA cut", 0x8180, {0, 1, 0}, RECORDS(AT_QNAME "\x00\x06\x00\x01" TTL "\x00\x06\x00\x00\x00\x00\x00\x01"), GATE_BROKEN, NO, 0, 0},
	{"TSIG", 0x8180, {0, 0, 1}, RECORDS("\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"SIG(0)", 0x8180, {0, 0, 1}, RECORDS("\x00\x00\x18\x00\xff\x00\x00\x00\x00\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"EDE of one octet", 0x8182, {0, 0, 1}, RECORDS(OPT_RR "\x00\x05\x00\x0f\x00\x01\x00"), GATE_BROKEN, NO, 0, 0},
	{"two OPT", 0x8180, {0, 0, 2}, RECORDS(OPT_RR "\x00\x00" OPT_RR "\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"OPT as answer", 0x8180, {1, 0, 0}, RECORDS(OPT_RR "\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"OPT with an owner", 0x8180, {0, 0, 1}, RECORDS(AT_QNAME "\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"), GATE_BROKEN, NO, 0, 0},
	{"OPT option over its RDATA", 0x8180, {0, 0, 1}, RECORDS(OPT_RR "\x00\x04\x00\x0d\x00\x02"), GATE_BROKEN, NO, 0, 0},
	{"unknown type", 0x8180, {2, 0, 0}, RECORDS(AT_QNAME "\xff\x00\x00\x01" TTL "\x00\x03\x01\x02\x03" TXT_RR), GATE_ANSWER, 1, 0, 300},
};
// clang-format on

static const struct gate_question QUESTION_ASKED = {
	.id = 0x1234,
	.type = GATE_TXT,
	.name_len = sizeof(QNAME) - 1,
	.name = QNAME,
};

static size_t build(const struct message *m, uint8_t *to) {
	// Octets, not text. NOLINTNEXTLINE(bugprone-not-null-terminated-result)
	memcpy(to, "\x12\x34\x00\x00\x00\x01", 6);
	to[2] = (uint8_t)(m->flags >> 8);
	to[3] = (uint8_t)m->flags;
	for (size_t i = 0; i < 3; i++) {
		to[6 + 2 * i] = (uint8_t)(m->counts[i] >> 8);
		to[7 + 2 * i] = (uint8_t)m->counts[i];
	}
	memcpy(to + 12, QUESTION, sizeof(QUESTION) - 1);
	memcpy(to + 12 + sizeof(QUESTION) - 1, m->records, m->len);
	return 12 + sizeof(QUESTION) - 1 + m->len;
}

static void messages_are_judged(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(MESSAGES) / sizeof(MESSAGES[0]); i++) {
		const struct message *m = &MESSAGES[i];
		uint8_t octets[1024];
		struct gate_answer a;
		size_t len = build(m, octets);
		enum gate_verdict v = gate_read(&QUESTION_ASKED, octets, len, &a);
		uint32_t ttl = a.count > 0 ? a.ttl_s : a.negative_ttl_s;
		bool right = v == m->verdict
			     && (m->count == NO || (a.count == m->count && a.rcode == m->rcode))
			     && (m->count == NO || m->ttl_s == NO || ttl == m->ttl_s);
		if (!right) {
			fail_msg(
				"%s: verdict %d count %zu rcode %u ttl %u",
				m->name,
				v,
				a.count,
				a.rcode,
				ttl
			);
		}
	}
}

// RFC 8914: the first one counts; its text does not.
static void extended_errors_are_read(void ** /*state*/) {
	static const struct {
		struct message m;
		bool has_ede;
		uint16_t ede;
	} cases[] = {
		{{"none", 0x8182, {0, 0, 1}, RECORDS(OPT_RR "\x00\x00"), 0, 0, 0, 0}, false, 0},
		{{"code alone",
		  0x8182,
		  {0, 0, 1},
		  RECORDS(OPT_RR "\x00\x06\x00\x0f\x00\x02\x00\x09"),
		  0,
		  0,
		  0,
		  0},
		 true,
		 9},
		{{"text, and another",
		  0x8182,
		  {0, 0, 1},
		  RECORDS(OPT_RR "\x00\x0f\x00\x0f\x00\x05\x01\x02"
				 "abc\x00\x0f\x00\x02\x00\x07"),
		  0,
		  0,
		  0,
		  0},
		 true,
		 258},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[1024];
		struct gate_answer a;
		size_t len = build(&cases[i].m, octets);
		assert_int_equal(gate_read(&QUESTION_ASKED, octets, len, &a), GATE_ANSWER);
		assert_int_equal(a.rcode, GATE_SERVFAIL);
		assert_int_equal(a.has_ede, cases[i].has_ede);
		assert_int_equal(a.ede, cases[i].ede);
	}
}

static void read_prefix(void *arg, const uint8_t *at, size_t len) {
	const struct message *m = arg;
	uint8_t octets[1024];
	struct gate_answer a;
	enum gate_verdict v = gate_read(&QUESTION_ASKED, at, len, &a);
	// What is too long may become right by a cut.
	bool prefix = len < build(m, octets) && (len == 0 || memcmp(at, octets, len) == 0);
	assert_true(!prefix || v != GATE_ANSWER || m->verdict == GATE_BROKEN);
}

static void nothing_is_read_behind_the_end(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(MESSAGES) / sizeof(MESSAGES[0]); i++) {
		struct message m = MESSAGES[i];
		uint8_t octets[1024];
		size_t len = build(&m, octets);
		edge_try(octets, len, read_prefix, &m);
	}
}

static void only_the_question_counts(void ** /*state*/) {
	uint8_t octets[1024];
	struct gate_answer a;
	size_t len = build(&MESSAGES[0], octets);
	for (size_t i = 0; i < 12 + sizeof(QUESTION) - 1; i++) {
		bool id = i < 2;
		bool question = i >= 12 || i == 4 || i == 5;
		if (!id && !question) {
			continue;
		}
		octets[i] ^= 0x20; // for letters: the case alone
		assert_int_equal(
			gate_read(&QUESTION_ASKED, octets, len, &a),
			id ? GATE_WRONG_ID : GATE_STRANGER
		);
		octets[i] ^= 0x20;
	}
}

static void errors_may_leave_the_question_out(void ** /*state*/) {
	static const struct {
		uint8_t rcode;
		enum gate_verdict verdict;
	} cases[] = {
		{GATE_NOERROR, GATE_STRANGER},
		{GATE_FORMERR, GATE_ANSWER},
		{GATE_SERVFAIL, GATE_STRANGER},
		{GATE_NXDOMAIN, GATE_STRANGER},
		{GATE_NOTIMP, GATE_ANSWER},
		{GATE_REFUSED, GATE_STRANGER},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[12] = {0x12, 0x34, 0x81, 0x80};
		octets[3] |= cases[i].rcode;
		struct gate_answer a;
		assert_int_equal(
			gate_read(&QUESTION_ASKED, octets, sizeof(octets), &a), cases[i].verdict
		);
		assert_int_equal(a.rcode, cases[i].verdict == GATE_ANSWER ? cases[i].rcode : 0);
	}
}

static void size_is_bounded(void ** /*state*/) {
	// One TXT record of 16 strings and another type's data fill a message to any length.
	uint8_t octets[GATE_BYTES_MAX + 1] = {0};
	static const char head[] = AT_QNAME "\xff\x00\x00\x01" TTL;
	const struct message m = {.flags = 0x8180, .counts = {2, 0, 0}, RECORDS(TXT_RR)};
	size_t at = build(&m, octets);
	memcpy(octets + at, head, sizeof(head) - 1);
	for (size_t len = GATE_BYTES_MAX; len <= sizeof(octets); len++) {
		size_t data = len - at - (sizeof(head) - 1) - 2;
		octets[at + sizeof(head) - 1] = (uint8_t)(data >> 8);
		octets[at + sizeof(head)] = (uint8_t)data;
		struct gate_answer a;
		assert_int_equal(
			gate_read(&QUESTION_ASKED, octets, len, &a),
			len <= GATE_BYTES_MAX ? GATE_ANSWER : GATE_BROKEN
		);
	}
}

// Writes a chain of CNAMEs of one letter each: the question, then a, b, ...
static size_t build_chain(uint8_t *octets, unsigned links, bool loop) {
	const struct message m = {
		.flags = 0x8180, .counts = {(uint16_t)(links + 1), 0, 0}, RECORDS("")};
	size_t at = build(&m, octets);
	for (unsigned i = 0; i < links; i++) {
		static const char middle[] = "\x00\x05\x00\x01" TTL "\x00\x03\x01";
		if (i == 0) {
			memcpy(octets + at, AT_QNAME, 2);
			at += 2;
		} else {
			memcpy(octets + at, (uint8_t[]){1, (uint8_t)('a' + i - 1), 0}, 3);
			at += 3;
		}
		memcpy(octets + at, middle, sizeof(middle) - 1);
		at += sizeof(middle) - 1;
		octets[at++] = (uint8_t)(loop ? 'a' : 'a' + i);
		octets[at++] = 0;
	}
	static const char txt[] = "\x00\x10\x00\x01" TTL "\x00\x01\x00";
	memcpy(octets + at, (uint8_t[]){1, (uint8_t)('a' + links - 1), 0}, 3);
	memcpy(octets + at + 3, txt, sizeof(txt) - 1);
	return at + 3 + sizeof(txt) - 1;
}

static void chains_are_bounded(void ** /*state*/) {
	uint8_t octets[2048];
	struct gate_answer a;
	size_t len = build_chain(octets, GATE_CHAIN_MAX, false);
	assert_int_equal(gate_read(&QUESTION_ASKED, octets, len, &a), GATE_ANSWER);
	assert_int_equal(a.count, 1);
	assert_false(a.chain_too_long);
	len = build_chain(octets, GATE_CHAIN_MAX + 1, false);
	assert_int_equal(gate_read(&QUESTION_ASKED, octets, len, &a), GATE_ANSWER);
	assert_int_equal(a.count, 0);
	assert_true(a.chain_too_long);
	len = build_chain(octets, 3, true);
	assert_int_equal(gate_read(&QUESTION_ASKED, octets, len, &a), GATE_ANSWER);
	assert_true(a.chain_too_long);
}

static void addresses_are_taken_up_to_eight(void ** /*state*/) {
	struct gate_question q = QUESTION_ASKED;
	uint8_t octets[1024];
	q.type = GATE_A;
	const struct message m = {.flags = 0x8180, .counts = {9, 0, 0}, RECORDS("")};
	size_t len = build(&m, octets);
	octets[12 + sizeof(QNAME)] = GATE_A;
	for (uint8_t i = 0; i < 9; i++) {
		static const char head[] = AT_QNAME "\x00\x01\x00\x01" TTL "\x00\x04\xc0\x00\x02";
		memcpy(octets + len, head, sizeof(head) - 1);
		len += sizeof(head) - 1;
		octets[len++] = i;
	}
	struct gate_answer a;
	assert_int_equal(gate_read(&q, octets, len, &a), GATE_ANSWER);
	assert_int_equal(a.count, GATE_ADDRESS_MAX);
	assert_memory_equal(a.addresses[7], "\xc0\x00\x02\x07", 4);
}

// Mutated and cut messages must come to an end, whatever they say; the
// sanitizers watch the rest.
static void noise_is_survived(void ** /*state*/) {
	uint32_t seed = 1;
	for (unsigned round = 0; round < 200000; round++) {
		uint8_t octets[1024];
		const struct message *m = &MESSAGES
						  [round
						   % (sizeof(MESSAGES) / sizeof(MESSAGES[0]))];
		size_t len = build(m, octets);
		for (unsigned i = 0; i < 3; i++) {
			seed = seed * 1664525 + 1013904223;
			octets[38 + (seed >> 8) % (len - 37)] = (uint8_t)(seed >> 24);
		}
		uint8_t *exact = malloc(len);
		memcpy(exact, octets, len);
		struct gate_answer a;
		(void)gate_read(&QUESTION_ASKED, exact, len, &a);
		free(exact);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_judged),
		cmocka_unit_test(extended_errors_are_read),
		cmocka_unit_test(nothing_is_read_behind_the_end),
		cmocka_unit_test(only_the_question_counts),
		cmocka_unit_test(errors_may_leave_the_question_out),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(chains_are_bounded),
		cmocka_unit_test(addresses_are_taken_up_to_eight),
		cmocka_unit_test(noise_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
