// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "dataplane/tsig.h"
#include "tests/edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TIME 1700000000
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" // the octets 0 to 31

// Queries, answers without and with a signature: as dnspython writes them.
static const struct {
	enum tsig_verdict verdict;
	wall_s_t now;
	const char *query;
	const char *answer;
	const char *signed_answer;
} VECTORS[] = {
	// A plain question.
	{TSIG_GOOD,
	 TIME + 0,
	 "12340100000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "00201e05abe7858c72ee84adeb4dee1a9e0a8a8f7032ea1df39d90589c7c2308399a12340000"
	 "0000",
	 "12348500000100000000000004676f6f640474657374037374730000100001",
	 "12348500000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "0020d873c4ae8d9b98e9f99de8a89882c311aba5c0e37bc770b3a90367dee02cda6912340000"
	 "0000"},
	// With an OPT before it; the name of the key in capitals.
	{TSIG_GOOD,
	 TIME + 0,
	 "12340100000100000000000204676f6f64047465737403737473000010000100002904d00000"
	 "0000000c000a00083132333435363738044d544131074578616d706c650000fa00ff00000000"
	 "003d0b686d61632d7368613235360000006553f100012c00202b50a565a79eff61835804bf5d"
	 "64be8cf7316415e9f19d47e6c032dc5e4ab07b123400000000",
	 "12348500000100000000000004676f6f640474657374037374730000100001",
	 "12348500000100000000000104676f6f640474657374037374730000100001044d5441310745"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "0020e66bb81112f0eeb4f0110ae98db61b5ff35084b3942d0fa469b5960d6a9e6bb912340000"
	 "0000"},
	// The name of the key ends in a pointer into the question.
	{TSIG_GOOD,
	 TIME + 0,
	 "12340100000100000000000104676f6f640474657374037374730000100001016bc01100fa00"
	 "ff00000000003d0b686d61632d7368613235360000006553f100012c0020c67d5ef798b9da0d"
	 "0be7a3096c9fd14a2a9ee0a8c4b3037defc5e362181a5615123400000000",
	 "12348500000100000000000004676f6f640474657374037374730000100001",
	 "12348500000100000000000104676f6f640474657374037374730000100001016bc01100fa00"
	 "ff00000000003d0b686d61632d7368613235360000006553f100012c00206fd38d65aeb9fcf4"
	 "9b236e715ea6b9fe7789a9c3e45fb95afa56cec3b9cee75a123400000000"},
	// Sent on under another id.
	{TSIG_GOOD,
	 TIME + 0,
	 "abcd0100000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "00201e05abe7858c72ee84adeb4dee1a9e0a8a8f7032ea1df39d90589c7c2308399a12340000"
	 "0000",
	 "abcd8500000100000000000004676f6f640474657374037374730000100001",
	 "abcd8500000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "0020143f8a8d0270a6bda4a706f69105ac6a0008b18434cdbcc7184a94bcefa7b739abcd0000"
	 "0000"},
	// Too late: the time is the client's, and ours follows.
	{TSIG_BADTIME,
	 TIME + 301,
	 "12340100000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "00201e05abe7858c72ee84adeb4dee1a9e0a8a8f7032ea1df39d90589c7c2308399a12340000"
	 "0000",
	 "12348509000100000000000004676f6f640474657374037374730000100001",
	 "12348509000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff0000000000430b686d61632d7368613235360000006553f100012c"
	 "00200b939f227f52b9ce61b64a95fb8b9921c74ed02ffb1d4aacd2faeb452265bf8a12340012"
	 "000600006553f22d"},
	// Too early.
	{TSIG_BADTIME,
	 TIME + -301,
	 "12340100000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "00201e05abe7858c72ee84adeb4dee1a9e0a8a8f7032ea1df39d90589c7c2308399a12340000"
	 "0000",
	 "12348509000100000000000004676f6f640474657374037374730000100001",
	 "12348509000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff0000000000430b686d61632d7368613235360000006553f100012c"
	 "00207231f06010ffa7bcae0fe0057907051859d12342455c854f293a71f645162a9a12340012"
	 "000600006553efd3"},
	// Just in time.
	{TSIG_GOOD,
	 TIME + 300,
	 "12340100000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c"
	 "00201e05abe7858c72ee84adeb4dee1a9e0a8a8f7032ea1df39d90589c7c2308399a12340000"
	 "0000",
	 "12348500000100000000000004676f6f640474657374037374730000100001",
	 "12348500000100000000000104676f6f640474657374037374730000100001046d7461310765"
	 "78616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f22c012c"
	 "0020b497522d2c7a6e2e85459201f54d535808ed7311606d328832362318a4664beb12340000"
	 "0000"},
};

#define VECTOR_COUNT (sizeof(VECTORS) / sizeof(VECTORS[0]))

struct message {
	size_t len;
	uint8_t octets[700];
};

static struct message unhex(const char *text) {
	struct message m = {0};
	unsigned octet;
	for (; sscanf(text + 2 * m.len, "%2x", &octet) == 1; m.len++) {
		m.octets[m.len] = (uint8_t)octet;
	}
	return m;
}

static struct tsig_keys keys;

static int make_keys(void ** /*state*/) {
	static const char *const TEXTS[] = {
		"other.example:" SECRET,
		"mta1.example.:" SECRET,
		"hmac-sha256:K.test.STS:" SECRET,
	};
	for (size_t i = 0; i < 3; i++) {
		if (tsig_key_parse(TEXTS[i], &keys.at[i]) < 0) {
			return -1;
		}
	}
	keys.count = 3;
	return 0;
}

static size_t skip_name(const struct message *m, size_t at) {
	while (m->octets[at] != 0 && m->octets[at] < 0xc0) {
		at += 1U + m->octets[at];
	}
	return at + (m->octets[at] == 0 ? 1 : 2);
}

// Where the last additional record of a query or an answer without records is.
static size_t record_at(const struct message *m) {
	size_t at = skip_name(m, 12) + 4;
	if (m->octets[11] == 2) {
		at += 11U + (unsigned)(m->octets[at + 9] << 8 | m->octets[at + 10]);
	}
	return at;
}

static struct tsig read_last(const struct message *m) {
	struct tsig t = {0};
	size_t at = record_at(m);
	assert_int_equal(tsig_read(m->octets, m->len, at, &t), m->len - at);
	assert_true(t.present);
	return t;
}

static void known_answers(void ** /*state*/) {
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		struct message query = unhex(VECTORS[i].query);
		struct message answer = unhex(VECTORS[i].answer);
		struct message want = unhex(VECTORS[i].signed_answer);
		struct tsig t = read_last(&query);
		tsig_verify(&keys, query.octets, VECTORS[i].now, &t);
		assert_int_equal(t.verdict, VECTORS[i].verdict);
		size_t bytes = answer.len;
		answer.len = tsig_sign(&keys, &t, answer.octets, bytes, VECTORS[i].now);
		assert_int_equal(answer.len, bytes + tsig_bytes(&t));
		// The other writes the name otherwise: the same for all that is signed.
		assert_memory_equal(answer.octets, want.octets, bytes);
		struct tsig ours = read_last(&answer);
		struct tsig theirs = read_last(&want);
		assert_int_equal(ours.time_s, theirs.time_s);
		assert_int_equal(ours.fudge_s, theirs.fudge_s);
		assert_int_equal(ours.mac_bytes, HMAC_BYTES);
		assert_memory_equal(ours.mac, theirs.mac, HMAC_BYTES);
		size_t tail = want.len - theirs.tail_at;
		assert_int_equal(answer.len - ours.tail_at, tail);
		assert_memory_equal(
			answer.octets + ours.tail_at, want.octets + theirs.tail_at, tail
		);
	}
}

// Each octet is signed, but for the id, in whose place the original one is, and the
// case of the letters of the names in the record.
static void another_bit_is_another_message(void ** /*state*/) {
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		struct message query = unhex(VECTORS[i].query);
		const struct tsig good = read_last(&query);
		for (size_t bit = 16; bit < 8 * query.len; bit++) {
			struct message m = query;
			m.octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
			struct tsig t = {0};
			if (tsig_read(m.octets, m.len, good.at, &t) == 0) {
				continue;
			}
			tsig_verify(&keys, m.octets, TIME, &t);
			bool same_names = bit / 8 >= good.at && t.name_len == good.name_len
					  && memcmp(t.name, good.name, good.name_len) == 0
					  && memcmp(t.algorithm, good.algorithm, 13) == 0;
			bool cased = bit % 8 == 5 && same_names && t.tail_at == good.tail_at
				     && memcmp(t.mac, good.mac, HMAC_BYTES) == 0
				     && t.time_s == good.time_s && t.fudge_s == good.fudge_s
				     && memcmp(m.octets + t.tail_at, query.octets + t.tail_at, 6)
						== 0;
			assert_int_equal(t.verdict == TSIG_GOOD, cased);
		}
	}
}

// RFC 8945 5.2.2.1 and 5.2.4: of what length the code is.
static void every_length_of_the_code(void ** /*state*/) {
	struct message query = unhex(VECTORS[0].query);
	struct tsig good = read_last(&query);
	size_t mac_at = good.tail_at - (size_t)HMAC_BYTES;
	size_t rdlen_at = record_at(&query) + good.name_len + 8U;
	for (size_t len = 0; len <= 64; len++) {
		struct message m = query;
		m.len = query.len - HMAC_BYTES + len;
		memset(m.octets + mac_at + HMAC_BYTES, 0, 64);
		memcpy(m.octets + mac_at + len, query.octets + good.tail_at, 6);
		m.octets[mac_at - 1] = (uint8_t)len;
		m.octets[rdlen_at + 1] = (uint8_t)(query.octets[rdlen_at + 1] - HMAC_BYTES + len);
		struct tsig t = read_last(&m);
		tsig_verify(&keys, m.octets, TIME, &t);
		assert_int_equal(
			t.verdict,
			len < 16 || len > 32 ? TSIG_SHORT
			: len < 32	     ? TSIG_BADTRUNC
					     : TSIG_GOOD
		);
		// Out of time and too short: time comes first.
		tsig_verify(&keys, m.octets, TIME + 400, &t);
		assert_int_equal(t.verdict, len < 16 || len > 32 ? TSIG_SHORT : TSIG_BADTIME);
	}
}

// RFC 8945 5.3.2: BADKEY and BADSIG are told without a signature.
static void errors_without_a_signature(void ** /*state*/) {
	struct message query = unhex(VECTORS[0].query);
	for (int unknown = 0; unknown < 2; unknown++) {
		struct message m = query;
		struct tsig t = read_last(&m);
		const struct tsig_keys none = {0};
		m.octets[t.tail_at - 1] ^= 1;
		t = read_last(&m);
		tsig_verify(unknown ? &none : &keys, m.octets, TIME, &t);
		assert_int_equal(t.verdict, unknown ? TSIG_BADKEY : TSIG_BADSIG);
		struct message answer = unhex(VECTORS[0].answer);
		answer.len = tsig_sign(&keys, &t, answer.octets, answer.len, TIME + 5);
		struct tsig told = read_last(&answer);
		assert_int_equal(told.mac_bytes, 0);
		assert_int_equal(told.time_s, TIME + 5);
		assert_memory_equal(told.name, t.name, t.name_len);
		assert_memory_equal(told.algorithm, t.algorithm, t.algorithm_len);
		const uint8_t *tail = answer.octets + told.tail_at;
		assert_int_equal(tail[2] << 8 | tail[3], unknown ? 17 : 16);
	}
}

// The right secret of a key, with another algorithm: as if the key were not there.
static void another_algorithm(void ** /*state*/) {
	struct message query = unhex(
		"12340100000100000000000104676f6f640474657374037374730000100001046d746131076578616d706c6500"
		"00fa00ff00000000005d0b686d61632d7368613531320000006553f100012c0040b4be3bdc7431ca750bb23763"
		"dbd563a56b2041b06a39889119f3bba31fbd6bff8a48afb33735ae7411903edc2ec182798d96b486b30af7a1c4"
		"791adf934d8279123400000000"
	);
	struct tsig t = read_last(&query);
	tsig_verify(&keys, query.octets, TIME, &t);
	assert_int_equal(t.verdict, TSIG_BADKEY);
}

// RFC 8945 4.2, 5.2: what cannot be read is no TSIG.
static void what_is_not_read(void ** /*state*/) {
	const struct message query = unhex(VECTORS[0].query);
	size_t at = record_at(&query);
	struct tsig good = read_last(&query);
	size_t fixed = at + good.name_len;
	const struct {
		size_t at;
		uint8_t value;
	} WRONG[] = {
		{fixed + 1, 16},	  // type
		{fixed + 3, 1},		  // class
		{fixed + 7, 1},		  // TTL
		{fixed + 9, 0x3c},	  // octets of the data: one less
		{fixed + 9, 0x3e},	  // one more
		{fixed + 10, 0xc0},	  // a pointer in the name of the algorithm
		{good.tail_at + 5, 1},	  // octets of other data
		{good.tail_at - 33U, 33}, // octets of the code
		{at, 64},		  // a label too long
		{at, 0xc0},		  // a pointer to what is no name
	};
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		struct message m = query;
		struct tsig t = {0};
		m.octets[WRONG[i].at] = WRONG[i].value;
		if (tsig_read(m.octets, m.len, at, &t) != 0 || t.present) {
			fail_msg("row %zu is read", i);
		}
	}
	// Pointers in a ring, and to themselves.
	struct message m = query;
	struct tsig t = {0};
	memcpy(m.octets + at, (uint8_t[]){0xc0, (uint8_t)at}, 2);
	assert_int_equal(tsig_read(m.octets, m.len, at, &t), 0);
	memcpy(m.octets + 12, (uint8_t[]){1, 'a', 0xc0, 12}, 4);
	memcpy(m.octets + at, (uint8_t[]){0xc0, 12}, 2);
	assert_int_equal(tsig_read(m.octets, m.len, at, &t), 0);
}

static void read_at_the_edge(void *arg, const uint8_t *at, size_t len) {
	struct tsig t = {0};
	const size_t *from = arg;
	if (len >= *from && tsig_read(at, len, *from, &t) > 0) {
		tsig_verify(&keys, at, TIME, &t);
	}
}

static void nothing_beyond_the_message(void ** /*state*/) {
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		struct message query = unhex(VECTORS[i].query);
		size_t at = record_at(&query);
		edge_try(query.octets, query.len, read_at_the_edge, &at);
	}
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void keys_as_they_are_written(void ** /*state*/) {
	static const struct {
		const char *text;
		bool good;
	} TEXTS[] = {
		{"a:" SECRET, true},
		{"a.:" SECRET, true},
		{"_a-b.c:" SECRET, true},
		{"hmac-sha256:a.b.:" SECRET, true},
		{LABEL_63 ".example:" SECRET, true},
		{LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63 ":" SECRET, false},
		{"x" LABEL_63 ".example:" SECRET, false},
		{"hmac-sha512:a.b.:" SECRET, false},
		{"a", false},
		{":" SECRET, false},
		{".:" SECRET, false},
		{"a..b:" SECRET, false},
		{".a:" SECRET, false},
		{"a:", false},
		{"a:AAECAwQFBgcICQoLDA0ODw==", true}, // 16 octets
		{"a:AAECAwQFBgcICQoLDA0O", false},    // 15
		{"a:AAECAwQFBgcICQoLDA0ODw=", false},
		{"a:not base64", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct tsig_key k;
		int rc = tsig_key_parse(TEXTS[i].text, &k);
		if (rc != (TEXTS[i].good ? 0 : ERR_SYNTAX)) {
			fail_msg("%s: %d", TEXTS[i].text, rc);
		}
	}
	struct tsig_key k;
	assert_int_equal(tsig_key_parse("Mta1.Example:" SECRET, &k), 0);
	assert_int_equal(k.name_len, 14);
	assert_memory_equal(k.name, "\4mta1\7example", 14);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(another_bit_is_another_message),
		cmocka_unit_test(every_length_of_the_code),
		cmocka_unit_test(errors_without_a_signature),
		cmocka_unit_test(another_algorithm),
		cmocka_unit_test(what_is_not_read),
		cmocka_unit_test(nothing_beyond_the_message),
		cmocka_unit_test(keys_as_they_are_written),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
