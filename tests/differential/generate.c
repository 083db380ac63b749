// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/differential/generate.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LINES_MAX 160
#define LINE_MAX 300
#define MX_MANY 128

// SplitMix64 (Steele, Lea, Flood 2014).
struct random {
	uint64_t state;
};

static uint64_t next(struct random *r) {
	uint64_t z = r->state += 0x9e3779b97f4a7c15U;
	z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31U);
}

static size_t below(struct random *r, size_t n) {
	return (size_t)(next(r) >> 33U) % n;
}

static bool one_in(struct random *r, size_t n) {
	return below(r, n) == 0;
}

// One of a list of words.
#define PICK(r, words) ((words)[below((r), COUNT(words))])

struct line {
	size_t len;
	char text[LINE_MAX];
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, args);
	va_end(args);
	l->len += (size_t)n;
	if (l->len >= sizeof(l->text)) {
		l->len = sizeof(l->text) - 1;
	}
}

static void say_from(struct random *r, struct line *l, const char *octets, size_t n) {
	size_t all = strlen(octets);
	for (size_t i = 0; i < n && l->len < LINE_MAX - 1; i++) {
		l->text[l->len++] = octets[below(r, all)];
	}
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static void say_label(struct random *r, struct line *l, size_t len) {
	say_from(r, l, LETTERS DIGITS, 1);
	if (len > 2) {
		say_from(r, l, LETTERS DIGITS "-", len - 2);
	}
	if (len > 1) {
		say_from(r, l, LETTERS "ABC" DIGITS, 1);
	}
}

static void say_domain(struct random *r, struct line *l) {
	static const char *const ends[] = {
		"example.com", "example.net", "test", "Example.ORG", "co.uk"};
	for (size_t labels = below(r, 3); labels > 0; labels--) {
		say_label(r, l, 1 + below(r, 8));
		say(l, ".");
	}
	say(l, "%s", PICK(r, ends));
}

// A name of so many octets in labels of up to 63.
static void say_long_domain(struct random *r, struct line *l, size_t len) {
	while (len > 64) {
		size_t label = len - 64 > 1 ? 63 : 62;
		say_label(r, l, label);
		say(l, ".");
		len -= label + 1;
	}
	size_t last = l->len;
	say_label(r, l, len);
	l->text[last] = 'z'; // no address
}

// ---- TXT sets

enum set_twist {
	SET_PLAIN,
	SET_LOOSE,
	SET_BESIDE_LOOSE,
	SET_NONE,
	SET_MANY,
	SET_BAD,
	SET_TWO_IDS,
	SET_UNKNOWN,
	SET_TWISTS
};

static void say_id(struct random *r, struct line *l) {
	static const size_t sizes[] = {1, 8, 15, 16, 31, 32};
	say(l, "id=");
	say_from(r, l, LETTERS "ABCZ" DIGITS, PICK(r, sizes));
}

static void say_unknown(struct random *r, struct line *l) {
	static const char *const names[] = {"v", "ext", "x-y.z_1", "ID", "i", "idx", "0"};
	static const char *const values[] = {"1", "STSv1", "\"q\"", "a:b/c?d", "%00", "~", "<>"};
	if (one_in(r, 4)) {
		say_from(r, l, LETTERS DIGITS, 1);
		say_from(r, l, LETTERS DIGITS "_-.", below(r, 32));
	} else {
		say(l, "%s", PICK(r, names));
	}
	say(l, "=%s", PICK(r, values));
}

static void say_delim(struct random *r, struct line *l) {
	static const char *const delims[] = {
		";", "; ", "; ", "; ", " ; ", "\t;", ";\t ", " \t ; \t"};
	say(l, "%s", PICK(r, delims));
}

static void say_fault(struct random *r, struct line *l) {
	static const char *const faults[] = {
		";",
		"; id=",
		"; x",
		"; =b",
		"; _x=1",
		"; -x=1",
		"; x=a=b",
		"; x =1",
		"; x= 1",
		"; x=1 2",
		"; x=\xc3\xa9",
		" ",
		", x=1",
		"; a%=1",
		"\n",
		"; x=\x7f",
		"; a23456789012345678901234567890123=1"};
	say(l, "%s", PICK(r, faults));
}

static void say_record(struct random *r, struct line *l, enum set_twist twist, bool loose) {
	static const char *const starts[] = {"v=STSv1 ;", "v=STSv1\t; ", "v=STSv1  \t;"};
	static const char *const bad_ids[] = {
		"id=",
		"id=a_b",
		"id=a.b",
		"id=\xc3\xa9",
		"ID=1",
		"id =1",
		"x=1",
		"id=012345678901234567890123456789012",
		"id=!"};
	if (loose) {
		say(l, "%s", PICK(r, starts));
	} else {
		say(l, "v=STSv1;%s", one_in(r, 3) ? "" : " ");
	}
	bool fault_ahead = twist == SET_BAD && one_in(r, 2);
	for (size_t n = twist == SET_UNKNOWN ? 1 + below(r, 3) : 0; n > 0; n--) {
		say_unknown(r, l);
		say_delim(r, l);
	}
	if (fault_ahead) {
		say(l, "%s", PICK(r, bad_ids));
	} else {
		say_id(r, l);
	}
	if (twist == SET_BAD && !fault_ahead) {
		say_fault(r, l);
	}
	if (twist == SET_TWO_IDS) {
		static const char *const later[] = {"id=b", "id=not-an-id", "id=b; id=c", "id=!"};
		say_delim(r, l);
		say(l, "%s", PICK(r, later));
	}
	if (one_in(r, 3)) {
		say_delim(r, l);
	}
}

static void say_foreign(struct random *r, struct line *l) {
	static const char *const foreign[] = {
		"",
		"v=spf1 -all",
		"v=STSv1",
		"v=STSv10; id=1",
		"v=STSv2; id=1",
		" v=STSv1; id=1",
		"v=stsv1; id=1",
		"id=1; v=STSv1;",
		"v=STSv1, id=1",
		"v=STSv1 id=1",
		"v",
		"V=STSv1; id=1",
		"v =STSv1; id=1",
		"v=STSv1\n; id=1"};
	say(l, "%s", PICK(r, foreign));
}

static size_t make_set(struct random *r, struct line lines[GENERATE_RECORDS_MAX]) {
	enum set_twist twist = (enum set_twist)below(r, SET_TWISTS);
	size_t n = 0;
	bool loose = twist == SET_LOOSE;
	size_t own = twist == SET_NONE ? 0 : twist == SET_MANY ? 2 + below(r, 2) : 1;
	loose |= twist == SET_MANY && one_in(r, 3);
	for (size_t i = 0; i < own; i++) {
		bool bad = twist == SET_MANY && one_in(r, 4);
		say_record(r, &lines[n++], bad ? SET_BAD : twist, loose);
	}
	if (twist == SET_BESIDE_LOOSE) {
		say_record(r, &lines[n++], SET_PLAIN, true);
	}
	while (n < GENERATE_RECORDS_MAX && one_in(r, 3)) {
		say_foreign(r, &lines[n++]);
	}
	for (size_t i = n; i > 1; i--) {
		size_t j = below(r, i);
		struct line kept = lines[i - 1];
		lines[i - 1] = lines[j];
		lines[j] = kept;
	}
	return n;
}

// ---- policies

enum twist {
	PLAIN,
	LATER,
	LATER_UNLIKE,
	LATER_BROKEN,
	AGE_ABOVE,
	AGE_TEN,
	AGE_ELEVEN,
	AGE_ZERO,
	BLANK_END,
	BLANK_MIDDLE,
	MX_BAD,
	MX_ALL_BAD,
	MX_ADDRESS,
	MX_DOT,
	MX_XN,
	MX_63,
	MX_64,
	MX_253,
	MX_254,
	MX_TWICE,
	MX_128,
	MX_129,
	BYTE_ORDER_MARK,
	ZERO_OCTET,
	LONE_CR,
	BAD_UTF8,
	UNKNOWN,
	NAME_32,
	NAME_33,
	TWISTS
};

struct draft {
	size_t count;
	struct line lines[LINES_MAX];
};

static struct line *begin_line(struct draft *d) {
	struct line *l = &d->lines[d->count++];
	l->len = 0;
	return l;
}

static void say_name(struct random *r, struct line *l, const char *name) {
	static const char *const gaps[] = {" ", " ", " ", "", "\t", "  \t"};
	say(l, "%s:%s", name, PICK(r, gaps));
}

static void add(struct random *r, struct draft *d, const char *name, const char *value) {
	struct line *l = begin_line(d);
	say_name(r, l, name);
	say(l, "%s", value);
}

static void add_age(struct random *r, struct draft *d, enum twist twist) {
	static const char *const ages[] = {
		"86400", "604800", "31557600", "1", "0000086400", "31557599"};
	static const char *const above[] = {
		"31557601", "99999999", "2147483648", "4294967296", "9999999999"};
	static const char *const ten[] = {"0000086400", "0000000001", "0031557600", "1000000000"};
	static const char *const eleven[] = {
		"00000086400", "31557600000", "18446744073709551616", "00000000000"};
	static const char *const zero[] = {"0", "00", "0000000000"};
	add(r,
	    d,
	    "max_age",
	    twist == AGE_ABOVE	  ? PICK(r, above)
	    : twist == AGE_TEN	  ? PICK(r, ten)
	    : twist == AGE_ELEVEN ? PICK(r, eleven)
	    : twist == AGE_ZERO	  ? PICK(r, zero)
				  : PICK(r, ages));
}

static void add_mx(struct random *r, struct draft *d) {
	struct line *l = begin_line(d);
	say_name(r, l, "mx");
	say(l, "%s", one_in(r, 3) ? "*." : "");
	say_domain(r, l);
}

static void add_bad_mx(struct random *r, struct draft *d) {
	static const char *const bad[] = {
		"",
		"*",
		"*.*.a.example",
		"**.example",
		"*a.example",
		"a.*.example",
		"a_b.example",
		"-a.test",
		"a-.test",
		"a..example",
		".example",
		"a.example..",
		"*.",
		".",
		"m\xc3\xb8x.example",
		"a.example, b.example",
		"a.example:25",
		"10 a.example",
		"[192.0.2.1]",
		"::1",
		"a\tb.test",
		"a.example;",
		"a.\xff"};
	add(r, d, "mx", PICK(r, bad));
}

static void add_long_mx(struct random *r, struct draft *d, size_t len) {
	struct line *l = begin_line(d);
	say_name(r, l, "mx");
	bool wild = one_in(r, 3);
	say(l, "%s", wild ? "*." : "");
	say_long_domain(r, l, len - (wild ? 2 : 0));
	say(l, "%s", one_in(r, 6) ? "." : "");
}

static void add_label_mx(struct random *r, struct draft *d, size_t label) {
	struct line *l = begin_line(d);
	say_name(r, l, "mx");
	say(l, "%s", one_in(r, 4) ? "*." : "");
	say_label(r, l, label);
	say(l, ".");
	say_domain(r, l);
}

static void add_many_mx(struct random *r, struct draft *d, size_t count) {
	size_t first = below(r, 1000);
	for (size_t i = 0; i < count; i++) {
		struct line *l = begin_line(d);
		say(l, "mx: %sm%zu.test", one_in(r, 8) ? "*." : "", first + i);
	}
}

// The twists that are a matter of single fields.
static void add_twist(struct random *r, struct draft *d, enum twist twist) {
	static const char *const once[] = {"version", "mode", "max_age"};
	static const char *const likes[] = {"STSv1", "none", "86400"};
	static const char *const unlikes[] = {
		"STSv9", "bogus", "-1", "one two", "caf\xc3\xa9", "0x1", "99999999999"};
	static const char *const broken[] = {"", "a\tb", "\x01", "a\x7f", "\xff", "a\xc3"};
	static const char *const xn[] = {
		"xn--mx-lka.example",
		"xn--a.example",
		"*.xn--p1ai",
		"ab--cd.xn--0.test",
		"XN--BCHER-KVA.example"};
	static const char *const addresses[] = {
		"192.0.2.1", "1", "a.1", "*.2", "192.0.2.1.", "127.0.0.255"};
	static const char *const not_utf8[] = {
		"caf\xe9",
		"\xc0\xaf",
		"\xed\xa0\x80",
		"\xf4\x90\x80\x80",
		"\xe2\x82",
		"\x80",
		"\xf5\x80\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"a \xc3 b",
		"\xc3\xa9\xc3"};
	static const char *const others[] = {
		"1",
		"hello: world",
		"caf\xc3\xa9 \xf0\x9f\x93\xa7",
		"a  b",
		"\xee\x80\x80",
		"\xed\x9f\xbf",
		"\xf4\x8f\xbf\xbf",
		"\xef\xbb\xbf",
		"https://example.com/?a=b"};
	static const char *const names[] = {
		"x", "x-report", "Version", "max-age", "mxx", "MX", "0", "a.b_c-d"};
	size_t which = below(r, COUNT(once));
	struct line *l;
	switch (twist) {
	case LATER:
		add(r, d, once[which], likes[which]);
		break;
	case LATER_UNLIKE:
		add(r, d, once[which], PICK(r, unlikes));
		break;
	case LATER_BROKEN:
		add(r, d, once[which], PICK(r, broken));
		break;
	case MX_BAD:
	case MX_ALL_BAD:
		add_bad_mx(r, d);
		break;
	case MX_ADDRESS:
		add(r, d, "mx", PICK(r, addresses));
		break;
	case MX_DOT:
		add_mx(r, d);
		say(&d->lines[d->count - 1], ".");
		break;
	case MX_XN:
		add(r, d, "mx", PICK(r, xn));
		break;
	case MX_63:
	case MX_64:
		add_label_mx(r, d, twist == MX_63 ? 63 : 64 + below(r, 3));
		break;
	case MX_253:
	case MX_254:
		add_long_mx(r, d, twist == MX_253 ? 253 : 254 + below(r, 3));
		break;
	case MX_TWICE:
		add_mx(r, d);
		l = begin_line(d);
		*l = d->lines[d->count - 2];
		say(l, "%s", one_in(r, 4) ? "." : "");
		break;
	case MX_128:
	case MX_129:
		add_many_mx(r, d, MX_MANY + (twist == MX_129 ? 1 + below(r, 3) : 0));
		break;
	case BAD_UTF8:
		add(r, d, PICK(r, names), PICK(r, not_utf8));
		break;
	case NAME_32:
	case NAME_33:
		l = begin_line(d);
		say_from(r, l, LETTERS DIGITS, 1);
		say_from(r, l, LETTERS DIGITS "-_.", twist == NAME_32 ? 31 : 32);
		say(l, ": %s", PICK(r, others));
		break;
	case UNKNOWN:
		add(r, d, PICK(r, names), PICK(r, others));
		break;
	default:
		break;
	}
}

// Everything after the first three fields may stand anywhere; so may they, but
// for fields that come a second time.
static void shuffle(struct random *r, struct draft *d, enum twist twist) {
	if (twist == LATER || twist == LATER_UNLIKE || twist == LATER_BROKEN || one_in(r, 2)) {
		return;
	}
	for (size_t i = d->count; i > 1; i--) {
		size_t j = below(r, i);
		struct line kept = d->lines[i - 1];
		d->lines[i - 1] = d->lines[j];
		d->lines[j] = kept;
	}
}

static void put_inside(struct random *r, struct draft *d, char octet) {
	struct line *l = &d->lines[below(r, d->count)];
	size_t at = below(r, l->len + 1);
	if (l->len < LINE_MAX - 1) {
		memmove(l->text + at + 1, l->text + at, l->len - at);
		l->text[at] = octet;
		l->len++;
	}
}

static void make_draft(struct random *r, struct draft *d, enum twist twist) {
	static const char *const modes[] = {"enforce", "enforce", "testing", "none"};
	d->count = 0;
	add(r, d, "version", "STSv1");
	add(r, d, "mode", PICK(r, modes));
	add_age(r, d, twist);
	bool no_good_mx = twist == MX_ALL_BAD || twist == MX_128 || twist == MX_129;
	for (size_t n = no_good_mx ? 0 : 1 + below(r, 3); n > 0; n--) {
		add_mx(r, d);
	}
	add_twist(r, d, twist);
	if (one_in(r, 5)) {
		add_twist(r, d, UNKNOWN);
	}
	shuffle(r, d, twist);
	if (twist == ZERO_OCTET) {
		put_inside(r, d, '\0');
	} else if (twist == LONE_CR) {
		put_inside(r, d, '\r');
	}
}

struct sink {
	uint8_t *at;
	size_t len;
};

static void put(struct sink *s, const char *text, size_t len) {
	if (s->len + len <= GENERATE_TEXT_MAX) {
		memcpy(s->at + s->len, text, len);
		s->len += len;
	}
}

static void put_text(struct sink *s, const char *text) {
	put(s, text, strlen(text));
}

static size_t make_policy(struct random *r, struct draft *d, uint8_t *out) {
	static const char *const blanks[] = {"\n", "\r\n", " \n", "\t\r\n"};
	static const char *const tails[] = {"", " ", "\t", " \t "};
	enum twist twist = one_in(r, 100) ? MX_ADDRESS : (enum twist)below(r, TWISTS);
	struct sink s = {.at = out};
	make_draft(r, d, twist);
	bool crlf = one_in(r, 2);
	bool mixed = one_in(r, 4);
	bool open = one_in(r, 4) && twist != BLANK_END;
	size_t blank_before = twist == BLANK_MIDDLE ? below(r, d->count) : SIZE_MAX;
	if (twist == BYTE_ORDER_MARK) {
		put_text(&s, "\xef\xbb\xbf");
	}
	for (size_t i = 0; i < d->count; i++) {
		if (i == blank_before) {
			put_text(&s, PICK(r, blanks));
		}
		put(&s, d->lines[i].text, d->lines[i].len);
		if (one_in(r, 5)) {
			put_text(&s, PICK(r, tails));
		}
		if (!open || i + 1 < d->count) {
			put_text(&s, crlf != (mixed && one_in(r, 2)) ? "\r\n" : "\n");
		}
	}
	if (twist == BLANK_END) {
		for (size_t n = 1 + below(r, 3); n > 0; n--) {
			put_text(&s, PICK(r, blanks));
		}
		put_text(&s, PICK(r, tails));
	}
	return s.len;
}

// ---- spoiling

// One change at a random place.
static size_t spoil(struct random *r, uint8_t *text, size_t len, size_t max) {
	static const char telling[] = ":;=\t\r\n\0.-*_\xc3\xa9\x80\xff"
				      "aZ09= vx";
	size_t at = len > 0 ? below(r, len) : 0;
	uint8_t octet = one_in(r, 4) ? (uint8_t)next(r)
				     : (uint8_t)telling[below(r, sizeof(telling) - 1)];
	switch (len > 0 ? below(r, 5) : 1) {
	case 0:
		text[at] = octet;
		return len;
	case 1:
		if (len < max) {
			memmove(text + at + 1, text + at, len - at);
			text[at] = octet;
			len++;
		}
		return len;
	case 2:
		memmove(text + at, text + at + 1, len - at - 1);
		return len - 1;
	case 3: // a piece twice
	{
		size_t n = 1 + below(r, len - at);
		n = n > max - len ? max - len : n;
		memmove(text + at + n, text + at, len - at);
		return len + n;
	}
	default: // cut
		return at;
	}
}

static void spoil_some(struct random *r, struct generate_input *in) {
	if (!one_in(r, 8)) {
		return;
	}
	for (size_t n = 1 + below(r, 3); n > 0; n--) {
		size_t last = in->count - 1;
		size_t max = GENERATE_TEXT_MAX - in->at[last];
		in->len[last] = spoil(r, in->text + in->at[last], in->len[last], max);
	}
}

void generate_input(uint64_t seed, uint64_t number, struct generate_input *out) {
	static struct draft draft;
	static struct line lines[GENERATE_RECORDS_MAX];
	struct random r = {seed * 0xd1342543de82ef95U + number};
	(void)next(&r);
	out->count = 1;
	out->at[0] = 0;
	if (below(&r, 10) < 7) {
		out->kind = GENERATE_POLICY;
		out->len[0] = make_policy(&r, &draft, out->text);
		spoil_some(&r, out);
		return;
	}
	out->kind = GENERATE_SET;
	for (size_t i = 0; i < GENERATE_RECORDS_MAX; i++) {
		lines[i].len = 0;
	}
	out->count = make_set(&r, lines);
	size_t at = 0;
	for (size_t i = 0; i < out->count; i++) {
		out->at[i] = at;
		out->len[i] = lines[i].len;
		memcpy(out->text + at, lines[i].text, lines[i].len);
		at += lines[i].len;
	}
	if (out->count > 0) {
		spoil_some(&r, out);
	}
}
