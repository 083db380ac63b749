// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEADER_BYTES 12
#define NOW_S 1000

static struct lookup_zone zone;

struct message {
	uint8_t octets[4096];
	size_t len;
};

static void add(struct message *m, const void *octets, size_t len) {
	memcpy(m->octets + m->len, octets, len);
	m->len += len;
}

static void add16(struct message *m, unsigned v) {
	add(m, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

// Labels of a dotted name, with the root label.
static void add_name(struct message *m, const char *text) {
	while (*text != '\0') {
		size_t n = strcspn(text, ".");
		add(m, &(uint8_t){(uint8_t)n}, 1);
		add(m, text, n);
		text += n + (text[n] == '.' ? 1 : 0);
	}
	add(m, "", 1);
}

// A TXT question with an option of these octets.
static struct message request(const char *name, const void *option, size_t len) {
	struct message m = {.octets = {0x12, 0x34, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 1}, .len = 12};
	char whole[300];
	snprintf(whole, sizeof(whole), "%s.sts", name);
	add_name(&m, whole);
	add16(&m, 16);
	add16(&m, 1);
	add(&m, "\0\0\x29\x04\xd0\0\0\x80\0", 9);
	add16(&m, (unsigned)len + 4);
	add16(&m, LOOKUP_BATCH_OPTION);
	add16(&m, (unsigned)len);
	add(&m, option, len);
	return m;
}

static struct lookup_query parse(const struct message *m) {
	struct lookup_query q;
	memset(&q, 0xa5, sizeof(q));
	lookup_parse(&zone, m->octets, m->len, &q);
	return q;
}

// docs/wire.md, Batches: requests, and how many names each has; 0: FORMERR.
static const struct {
	const char *first;
	const char *option;
	size_t len;
	unsigned count;
} REQUESTS[] = {
	{"example.com", "", 0, 1},
	{"example.com", "\7example\3org\0", 13, 2},
	{"example.com", "\7example\3org\0\1a\1b\0", 18, 3},
	{"localhost", "\1a\1b\0", 5, 2},
	{"_recheck.example.com", "\1a\1b\0", 5, 2},
	{"example.com", "\7example\3org", 12, 0},     // no root label
	{"example.com", "\7example\3or", 11, 0},      // a label that does not end
	{"example.com", "\7example\300\14\0", 11, 0}, // a pointer
	{"example.com", "\100example\3org\0", 14, 0}, // a label type
	{"example.com", "\0", 1, 0},		      // no label at all
	{"example.com", "\1a\1b\0\0", 6, 0},	      // no label behind a name
	{"example.com", "\1a\1b\0\1", 6, 0},
};

static void requests_are_read_or_refused(void ** /*state*/) {
	static struct batch b;
	for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(REQUESTS[0]); i++) {
		struct message m = request(REQUESTS[i].first, REQUESTS[i].option, REQUESTS[i].len);
		struct lookup_query q = parse(&m);
		assert_true(q.kind >= LOOKUP_NAME_FAULT && batch_is_asked(&q));
		bool good = batch_read(&zone, &q, m.octets, &b);
		if (good != (REQUESTS[i].count > 0) || (good && b.count != REQUESTS[i].count)) {
			fail_msg("request %zu: %d, %u names", i, good, b.count);
		}
	}
}

// The option counts with a TXT question and room for whole answers.
static void other_questions_are_no_batch(void ** /*state*/) {
	struct message m = request("example.com", "\1a\1b\0", 5);
	m.octets[HEADER_BYTES + 18] = 255; // ANY
	struct lookup_query q = parse(&m);
	assert_true(q.any_type && !batch_is_asked(&q));
	m = request("example.com", "\1a\1b\0", 5);
	m.octets[HEADER_BYTES + 17 + 4 + 3] = 2; // a size of 720 octets
	q = parse(&m);
	assert_int_equal(q.size_max, 720);
	assert_false(batch_is_asked(&q));
	m = request("example.com", "\1a\1b\0", 5);
	m.octets[HEADER_BYTES + 17 + 4 + 11] ^= 1; // another option
	q = parse(&m);
	assert_false(batch_is_asked(&q));
}

static void there_are_not_more_than_64_names(void ** /*state*/) {
	static struct batch b;
	uint8_t option[5 * BATCH_NAMES_MAX];
	for (unsigned i = 0; i < BATCH_NAMES_MAX; i++) {
		memcpy(option + 5 * (size_t)i, "\1a\1b\0", 5);
	}
	struct message m = request("example.com", option, 5 * (BATCH_NAMES_MAX - 1));
	struct lookup_query q = parse(&m);
	assert_true(batch_read(&zone, &q, m.octets, &b));
	assert_int_equal(b.count, BATCH_NAMES_MAX);
	m = request("example.com", option, sizeof(option));
	q = parse(&m);
	assert_false(batch_read(&zone, &q, m.octets, &b));
}

// RFC 1035 3.1: 255 octets with the zone and the root label.
static void names_end_at_255_octets(void ** /*state*/) {
	static struct batch b;
	for (unsigned last = 57; last <= 58; last++) {
		uint8_t option[256] = {0};
		size_t at = 0;
		for (unsigned label = 0; label < 3; label++) {
			option[at] = 63;
			memset(option + at + 1, 'a', 63);
			at += 64;
		}
		option[at] = (uint8_t)last;
		memset(option + at + 1, 'b', last);
		struct message m = request("example.com", option, at + last + 2);
		struct lookup_query q = parse(&m);
		assert_int_equal(batch_read(&zone, &q, m.octets, &b), last == 57);
	}
}

static uint32_t roll(uint32_t *r) {
	*r = *r * 1664525U + 1013904223U;
	return *r >> 8;
}

// A name that is nearly usual.
static void draw_name(uint32_t *r, char out[200]) {
	static const char OCTETS[] = "abcxyzABCXYZ0189-abcdefghijklmnopqrstuvwxyz_@[`{/:\x80\xff ";
	static const char *const ENDS[] = {
		"com",
		"net",
		"de",
		"org",
		"info",
		"local",
		"localhost",
		"onion",
		"INVALID",
		"alt",
		"internal",
		"arpa",
		"io",
		"42",
		"lan.internal",
		"local1",
	};
	static const char *const STARTS[] = {"_recheck.", "_policy.", "_Policy.", "_other."};
	size_t n = 0;
	if (roll(r) % 32 == 0) {
		n = (size_t)snprintf(out, 200, "%s", STARTS[roll(r) % 4]);
	}
	for (unsigned labels = roll(r) % 4; labels > 0; labels--) {
		unsigned longest = roll(r) % 16 == 0 ? 60 : 12;
		out[n++] = OCTETS[roll(r) % 17];
		for (unsigned i = roll(r) % longest; i > 0 && n < 120; i--) {
			unsigned any = roll(r) % 64 == 0 ? sizeof(OCTETS) - 1 : 17;
			out[n++] = OCTETS[roll(r) % any];
		}
		out[n++] = '.';
	}
	snprintf(out + n, 200 - n, "%s", ENDS[roll(r) % 16]);
}

static enum batch_fate fate_of(const struct lookup_query *q) {
	return q->kind == LOOKUP_VERDICT      ? BATCH_DOMAIN
	       : q->kind == LOOKUP_NAME_FAULT ? BATCH_FAULT
					      : BATCH_SPECIAL;
}

// Each name of a batch is read as it is when it is asked alone.
static void names_are_read_as_in_single_questions(void ** /*state*/) {
	static struct batch b;
	uint32_t r = 5;
	unsigned domains = 0;
	for (int turn = 0; turn < 20000; turn++) {
		char names[12][200];
		struct message option = {.len = 0};
		unsigned count = 1 + roll(&r) % 12;
		for (unsigned i = 0; i < count; i++) {
			draw_name(&r, names[i]);
			if (i > 0 && option.len + strlen(names[i]) + 2 > 900) {
				count = i;
			} else if (i > 0) {
				add_name(&option, names[i]);
			}
		}
		struct message m = request(names[0], option.octets, option.len);
		struct lookup_query q = parse(&m);
		assert_true(batch_read(&zone, &q, m.octets, &b));
		assert_int_equal(b.count, count);
		for (unsigned i = 0; i < count; i++) {
			struct message single = request(names[i], "", 0);
			struct lookup_query alone = parse(&single);
			enum batch_fate want = fate_of(&alone);
			if (b.names[i].fate != want || b.names[i].bytes != strlen(names[i]) + 2
			    || (want == BATCH_FAULT && b.names[i].fault != alone.fault)
			    || (want == BATCH_DOMAIN
				&& (b.keys[i].len != alone.domain_len
				    || memcmp(b.keys[i].name, alone.domain, b.keys[i].len) != 0))
			    || (want != BATCH_DOMAIN && b.keys[i].len != 0)) {
				fail_msg("%s", names[i]);
			}
			domains += want == BATCH_DOMAIN;
		}
	}
	assert_true(domains > 20000);
}

// Entries of all kinds.

struct kept {
	_Alignas(8) uint8_t memory[3000];
};

static const struct entry *make_entry(struct kept *k, uint32_t *r) {
	static const uint8_t KINDS[] = {
		ENTRY_NONE,
		ENTRY_NONE,
		ENTRY_POLICY,
		ENTRY_POLICY,
		ENTRY_POLICY,
		ENTRY_FAILED,
		ENTRY_UNKNOWN};
	struct entry *e = (struct entry *)(void *)k->memory;
	memset(k, 0, sizeof(*k));
	e->kind = KINDS[roll(r) % sizeof(KINDS)];
	e->ends_s = NOW_S + 1 + roll(r) % 100;
	e->check_s = roll(r) % (2 * NOW_S);
	e->name_len = (uint8_t)(1 + roll(r) % 60);
	if (e->kind == ENTRY_NONE) {
		return e;
	}
	struct entry_body *body = (struct entry_body *)(uintptr_t)entry_body(e);
	uint8_t *at = body->data;
	int first = e->kind == ENTRY_POLICY
			    ? snprintf((char *)at + 1, 180, "v=STSQ1; r=policy; fresh=1; n=9")
			    : snprintf((char *)at + 1, 180, "v=STSQ1; r=failed; why=a/b; retry=");
	*at = (uint8_t)first;
	at += 1 + first;
	if (e->kind == ENTRY_POLICY) {
		body->fresh_at = roll(r) % 2 == 0 ? 0 : 27;
		for (unsigned mx = roll(r) % (roll(r) % 16 == 0 ? 30 : 4); mx > 0; mx--) {
			int n = snprintf(
				(char *)at + 1,
				100,
				"; mx=%.*s.example",
				(int)(roll(r) % 60),
				"mailmailmailmailmailmailmailmailmailmailmailmailmailmailmail"
			);
			*at = (uint8_t)n;
			at += 1 + n;
		}
	}
	body->answer_bytes = (uint16_t)(at - body->data);
	return e;
}

// What the name is answered alone, behind its owner.
static struct message single(const char *name, const struct entry *e, unsigned size) {
	struct message m = request(name, "", 0);
	m.octets[11] = 0; // without OPT
	struct lookup_query q = parse(&m);
	enum lookup_kind kind = q.kind;
	q.kind = LOOKUP_VERDICT;
	q.size_max = (uint16_t)size;
	uint8_t buf[4096];
	memcpy(buf, m.octets, m.len);
	struct lookup_now now = {NOW_S};
	size_t n = kind == LOOKUP_NAME_FAULT ? lookup_answer_name_fault(&q, buf, &zone)
		   : kind != LOOKUP_VERDICT  ? lookup_answer_short(
			      &q, buf, &zone, "unknown", "name/not-in-a-batch", 0
		      )
		   : e == NULL ? lookup_answer_short(&q, buf, &zone, "pending", "", 2)
			       : lookup_answer_entry(&q, buf, &zone, e, now);
	struct message out = {.len = 0};
	size_t before = HEADER_BYTES + (size_t)q.question_bytes + 2;
	add(&out, buf + before, n - before);
	return out;
}

static size_t owner_bytes(const uint8_t *at) {
	size_t n = 0;
	while ((at[n] & 0xc0) == 0) {
		n += 1U + at[n];
	}
	return n + 2;
}

struct asked {
	struct message query;
	char names[BATCH_NAMES_MAX][200];
	struct kept kept[BATCH_NAMES_MAX];
	struct batch b;
	struct lookup_query q;
	unsigned cuts;
	unsigned messages;
};

static void check_record(struct asked *a, unsigned i, const uint8_t **at, bool may_be_cut) {
	const uint8_t *owner = *at;
	size_t shown = owner_bytes(owner) - 2;
	struct message labels = {.len = 0};
	add_name(&labels, a->names[i]);
	size_t zone_at = HEADER_BYTES + strlen(a->names[0]) + 1;
	unsigned pointer = (owner[shown] & 0x3fU) << 8 | owner[shown + 1];
	if (i == 0) {
		assert_int_equal(shown, 0);
		assert_int_equal(pointer, HEADER_BYTES);
	} else {
		assert_int_equal(shown, labels.len - 1);
		assert_memory_equal(owner, labels.octets, shown);
		assert_int_equal(pointer, zone_at);
	}
	const uint8_t *rest = owner + shown + 2;
	size_t bytes = 10U + (size_t)(rest[8] << 8 | rest[9]);
	struct message want = single(a->names[i], a->b.found[i], 4000);
	if (may_be_cut && bytes != want.len) {
		a->cuts++;
		size_t question = HEADER_BYTES + strlen(a->names[i]) + 1 + zone.wire_len + 4 + 2;
		want = single(a->names[i], a->b.found[i], (unsigned)(question + bytes));
	}
	assert_int_equal(bytes, want.len);
	assert_memory_equal(rest, want.octets, bytes);
	*at = rest + bytes;
}

// One message: header, question, whole records, the option; nothing behind it.
static unsigned check_message(struct asked *a, const uint8_t *buf, size_t len, unsigned first) {
	assert_true(len <= LOOKUP_UDP_MAX);
	assert_memory_equal(buf, "\x12\x34\x85\x10\0\1\0", 7);
	assert_memory_equal(buf + 8, "\0\0\0\1", 4);
	size_t question = a->q.question_bytes;
	assert_memory_equal(buf + HEADER_BYTES, a->query.octets + HEADER_BYTES, question);
	const uint8_t *at = buf + HEADER_BYTES + question;
	unsigned records = buf[7];
	assert_true(records > 0);
	for (unsigned i = 0; i < records; i++) {
		check_record(a, first + i, &at, i == 0);
	}
	assert_memory_equal(at, "\0\0\x29\x04\xd0\0\0\x80\0\0\6", 11);
	struct message option = {.len = 0};
	add16(&option, LOOKUP_BATCH_OPTION);
	add16(&option, 2);
	add(&option, (uint8_t[]){(uint8_t)a->b.count, (uint8_t)first}, 2);
	assert_memory_equal(at + 11, option.octets, 6);
	assert_ptr_equal(at + 17, buf + len);
	return first + records;
}

static void ask(struct asked *a, uint32_t *r) {
	struct message option = {.len = 0};
	unsigned count = 1 + roll(r) % BATCH_NAMES_MAX;
	unsigned i = 0;
	for (; i < count; i++) {
		draw_name(r, a->names[i]);
		if (i > 0 && option.len + strlen(a->names[i]) + 2 > 900) {
			break;
		}
		if (i > 0) {
			add_name(&option, a->names[i]);
		}
	}
	a->query = request(a->names[0], option.octets, option.len);
	a->q = parse(&a->query);
	assert_true(batch_read(&zone, &a->q, a->query.octets, &a->b));
	assert_int_equal(a->b.count, i);
	for (i = 0; i < a->b.count; i++) {
		bool known = a->b.names[i].fate == BATCH_DOMAIN && roll(r) % 4 != 0;
		a->b.found[i] = known ? make_entry(&a->kept[i], r) : NULL;
	}
}

// Every record is the one of the single answer, all names come, in order, and no
// record would have fit into the message before.
static void answers_are_those_to_single_questions(void ** /*state*/) {
	static struct asked a;
	uint32_t r = 3;
	for (int turn = 0; turn < 4000; turn++) {
		ask(&a, &r);
		unsigned next = 0;
		size_t before = LOOKUP_UDP_MAX;
		while (next < a.b.count) {
			uint8_t buf[LOOKUP_UDP_MAX + 200];
			unsigned first = next;
			memset(buf, 0x5a, sizeof(buf));
			size_t head = HEADER_BYTES + (size_t)a.q.question_bytes;
			memcpy(buf, a.query.octets, head);
			size_t len = batch_write(
				&a.b, &a.q, &zone, (struct lookup_now){NOW_S}, &next, buf
			);
			assert_int_equal(check_message(&a, buf, len, first), next);
			for (size_t i = LOOKUP_UDP_MAX + LOOKUP_SLACK; i < sizeof(buf); i++) {
				assert_int_equal(buf[i], 0x5a);
			}
			const uint8_t *owner = buf + head;
			size_t bytes = owner_bytes(owner);
			bytes += 10U + (size_t)(owner[bytes + 8] << 8 | owner[bytes + 9]);
			assert_true(first == 0 || before + bytes > LOOKUP_UDP_MAX);
			before = len;
			a.messages++;
		}
	}
	assert_true(a.messages > 8000 && a.cuts > 20);
}

static int set_up(void ** /*state*/) {
	int rc = lookup_zone_parse("sts.", &zone);
	zone.allow_count = 1;
	snprintf(zone.allow[0].text, sizeof(zone.allow[0].text), "lan.internal");
	zone.allow[0].len = 12;
	return rc;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_or_refused),
		cmocka_unit_test(other_questions_are_no_batch),
		cmocka_unit_test(there_are_not_more_than_64_names),
		cmocka_unit_test(names_end_at_255_octets),
		cmocka_unit_test(names_are_read_as_in_single_questions),
		cmocka_unit_test(answers_are_those_to_single_questions),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
