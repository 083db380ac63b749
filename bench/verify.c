// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/verify.h"

#include "base/bytes.h"

#include <string.h>

#define FIRST_STRING_MAX 180
#define ANSWER_MAX 1232
#define PLAIN_MAX 512
#define TTL_MAX 60
#define TEXT_MAX 1300
#define TYPE_TXT 16
#define TYPE_OPT 41
#define CLASS_IN 1
#define POINTER_TO_QUESTION 0xc00c

// The strings of the TXT record, joined.
struct text {
	size_t len;
	size_t first_len;
	size_t last_at; // where the last string begins
	char octets[TEXT_MAX];
};

struct tag {
	struct expect_text key;
	struct expect_text value;
	size_t end; // offset behind the value in the joined text
};

// Each of these tags stands at most once; mx is counted apart.
struct tags {
	struct tag v, r, mode, id, exp, fresh, n, why, retry, more;
	struct tag mx_first;
	unsigned mx_count;
	size_t verdict_end; // behind the last tag that is neither mx nor more
};

static const char *const fault_text[VERIFY_COUNT] = {
#define X(name, text) text,
	VERIFY_FAULTS(X)
#undef X
};

static const char *const verdict_text[VERIFY_VERDICTS] = {
	"policy",
	"none",
	"failed",
	"unknown",
	"pending",
};

const char *verify_fault_str(enum verify_fault fault) {
	return fault_text[fault];
}

const char *verify_verdict_str(enum verify_verdict v) {
	return verdict_text[v];
}

static bool is(struct expect_text t, const char *word) {
	return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

static bool same(struct expect_text a, struct expect_text b) {
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool number(struct expect_text t, uint64_t *out) {
	uint64_t v = 0;
	if (!t.len || t.len > 12 || (t.len > 1 && t.at[0] == '0'))
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t.at[i] - '0');
	}
	*out = v;
	return true;
}

static enum verify_fault
check_header(const struct verify_query *q, struct reader *r, unsigned *records) {
	uint16_t id = bytes_get_be16(r);
	uint16_t flags = bytes_get_be16(r);
	uint16_t questions = bytes_get_be16(r);
	uint16_t answers = bytes_get_be16(r);
	uint16_t authority = bytes_get_be16(r);
	uint16_t additional = bytes_get_be16(r);
	if (!r->ok)
		return VERIFY_SHORT;
	if (id != q->id)
		return VERIFY_ID;
	// QR and AA; RD and CD as asked; opcode, TC, RA, Z and AD clear.
	if ((flags & 0xfff0) != (0x8400 | (q->flags & 0x0110)))
		return VERIFY_FLAGS;
	if (flags & 15)
		return VERIFY_RCODE;
	*records = answers;
	if (questions != 1 || authority || additional != (q->edns_bytes ? 1 : 0))
		return VERIFY_COUNTS;
	const uint8_t *echoed = bytes_get(r, q->question_len);
	if (!echoed)
		return VERIFY_SHORT;
	return memcmp(echoed, q->question, q->question_len) ? VERIFY_QUESTION : VERIFY_OK;
}

// The owner of a single answer: a pointer to the question, or the name spelled out again.
static bool read_owner(const struct verify_query *q, struct reader *r) {
	size_t name_len = q->question_len - 4;
	if (bytes_left(r) >= 2 && (r->at[0] & 0xc0) == 0xc0)
		return bytes_get_be16(r) == POINTER_TO_QUESTION;
	const uint8_t *name = bytes_get(r, name_len);
	return name && memcmp(name, q->question, name_len) == 0;
}

static bool read_strings(struct reader *r, size_t len, struct text *t) {
	const uint8_t *rdata = bytes_get(r, len);
	if (!rdata || !len)
		return false;
	struct reader strings = bytes_reader(rdata, len);
	t->len = 0;
	for (bool first = true; bytes_left(&strings); first = false) {
		uint8_t string_len = bytes_get_u8(&strings);
		const uint8_t *string = bytes_get(&strings, string_len);
		if (!string || t->len + string_len > TEXT_MAX)
			return false;
		t->last_at = t->len;
		memcpy(t->octets + t->len, string, string_len);
		t->len += string_len;
		if (first)
			t->first_len = string_len;
	}
	return true;
}

// What follows the owner.
static enum verify_fault check_record(struct reader *r, struct text *t, uint32_t *ttl) {
	uint16_t type = bytes_get_be16(r);
	uint16_t class = bytes_get_be16(r);
	*ttl = bytes_get_be32(r);
	uint16_t len = bytes_get_be16(r);
	if (!r->ok || type != TYPE_TXT || class != CLASS_IN || !read_strings(r, len, t))
		return VERIFY_RECORD;
	return VERIFY_OK;
}

static enum verify_fault check_opt(struct reader *r) {
	uint8_t owner = bytes_get_u8(r);
	uint16_t type = bytes_get_be16(r);
	uint16_t size = bytes_get_be16(r);
	uint32_t rest = bytes_get_be32(r); // extended RCODE, version, DO, Z
	uint16_t len = bytes_get_be16(r);
	if (!r->ok || owner || type != TYPE_OPT || size < PLAIN_MAX || rest || len)
		return VERIFY_OPT;
	return VERIFY_OK;
}

// One `key=value` of the list, up to "; " or the end.
static bool next_tag(const struct text *t, size_t *at, struct tag *tag) {
	const char *start = t->octets + *at;
	size_t left = t->len - *at;
	const char *end = memmem(start, left, "; ", 2);
	size_t len = end ? (size_t)(end - start) : left;
	const char *equals = memchr(start, '=', len);
	if (!equals || equals == start)
		return false;
	tag->key = (struct expect_text){start, (size_t)(equals - start)};
	tag->value = (struct expect_text){equals + 1, len - tag->key.len - 1};
	tag->end = *at + len;
	*at = end ? tag->end + 2 : t->len;
	// A separator at the very end stands before nothing.
	return tag->value.len && !(end && *at == t->len);
}

static bool keep_tag(struct tags *tags, const struct tag *tag) {
	const struct {
		const char *key;
		struct tag *to;
	} known[] = {
		{"v", &tags->v},
		{"r", &tags->r},
		{"mode", &tags->mode},
		{"id", &tags->id},
		{"exp", &tags->exp},
		{"fresh", &tags->fresh},
		{"n", &tags->n},
		{"why", &tags->why},
		{"retry", &tags->retry},
		{"more", &tags->more},
	};
	if (tags->more.key.at)
		return false; // it is the last one
	if (is(tag->key, "mx")) {
		if (!tags->mx_count++)
			tags->mx_first = *tag;
		return true;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!is(tag->key, known[i].key))
			continue;
		if (known[i].to->key.at)
			return false;
		*known[i].to = *tag;
		if (known[i].to == &tags->more)
			return true;
		tags->verdict_end = tag->end;
		return !tags->mx_count; // the patterns come after the verdict
	}
	return false;
}

static enum verify_fault read_tags(const struct text *t, struct tags *tags) {
	memset(tags, 0, sizeof(*tags));
	size_t at = 0;
	for (unsigned i = 0; at < t->len; i++) {
		struct tag tag;
		if (!next_tag(t, &at, &tag) || !keep_tag(tags, &tag))
			return VERIFY_TAGS;
		if (i == 0 && !tags->v.key.at)
			return VERIFY_TAGS;
	}
	if (!tags->v.key.at || !is(tags->v.value, "STSQ1") || !tags->r.key.at)
		return VERIFY_TAGS;
	// Who reads the first string only has the whole verdict.
	if (t->first_len > FIRST_STRING_MAX || tags->verdict_end > t->first_len)
		return VERIFY_STRINGS;
	return VERIFY_OK;
}

static bool read_verdict(struct expect_text word, enum verify_verdict *out) {
	for (unsigned i = 0; i < VERIFY_VERDICTS; i++) {
		if (!is(word, verdict_text[i]))
			continue;
		*out = (enum verify_verdict)i;
		return true;
	}
	return false;
}

// The patterns that are there stand in policy order from the first one on; if
// some are missing, `more` says so and the next one would not have fit.
static enum verify_fault check_mx(
	const struct tags *tags,
	const struct text *t,
	const struct expect *e,
	size_t octets_left
) {
	size_t at = tags->mx_count ? (size_t)(tags->mx_first.key.at - t->octets) : t->len;
	size_t want_at = 0;
	struct expect_text want;
	for (unsigned i = 0; i < tags->mx_count; i++) {
		struct tag tag;
		want = expect_mx_next(e, &want_at);
		if (!next_tag(t, &at, &tag) || !want.at || !same(tag.value, want))
			return VERIFY_MX;
	}
	want = expect_mx_next(e, &want_at);
	if (!want.at)
		return tags->more.key.at ? VERIFY_MORE : VERIFY_OK;
	if (!tags->more.key.at)
		return VERIFY_MX;
	return octets_left >= 1 + strlen("; mx=") + want.len ? VERIFY_MORE : VERIFY_OK;
}

// What belongs to a policy and to nothing else, whatever was expected.
static enum verify_fault check_policy_form(const struct tags *tags, const struct text *t) {
	uint64_t v = 0;
	if (!tags->mode.key.at)
		return VERIFY_MODE;
	if (!tags->id.key.at || tags->id.value.len > 32)
		return VERIFY_ID_TAG;
	if (!tags->exp.key.at || !number(tags->exp.value, &v))
		return VERIFY_EXP;
	if (!tags->fresh.key.at || !(is(tags->fresh.value, "0") || is(tags->fresh.value, "1")))
		return VERIFY_FRESH;
	if (!tags->n.key.at || !number(tags->n.value, &v) || v < tags->mx_count)
		return VERIFY_N;
	if ((v > tags->mx_count) != (tags->more.key.at != NULL))
		return VERIFY_MORE;
	// more=1 is a string of its own.
	if (tags->more.key.at
	    && (!is(tags->more.value, "1")
		|| (size_t)(tags->more.key.at - t->octets) > t->last_at + 2))
		return VERIFY_MORE;
	return VERIFY_OK;
}

static enum verify_fault check_policy(
	const struct tags *tags,
	const struct text *t,
	const struct expect *e,
	size_t octets_left
) {
	uint64_t v = 0;
	if (!same(tags->mode.value, e->mode))
		return VERIFY_MODE;
	if (!same(tags->id.value, e->id))
		return VERIFY_ID_TAG;
	if (!number(tags->exp.value, &v) || v != e->exp_s)
		return VERIFY_EXP;
	if (!number(tags->n.value, &v) || v != e->mx_count)
		return VERIFY_N;
	return check_mx(tags, t, e, octets_left);
}

static enum verify_fault
check_ttl(enum verify_verdict verdict, uint32_t ttl, const struct tags *tags, uint64_t now_s) {
	uint64_t v = 0;
	if (verdict == VERIFY_PENDING)
		return ttl ? VERIFY_TTL : VERIFY_OK;
	if (ttl < 1 || ttl > TTL_MAX)
		return VERIFY_TTL;
	// One second of grace: the clocks are read at two places.
	if (verdict == VERIFY_POLICY && number(tags->exp.value, &v) && now_s + ttl > v + 1)
		return VERIFY_TTL;
	if (tags->retry.key.at && number(tags->retry.value, &v) && v && ttl > v)
		return VERIFY_TTL;
	return VERIFY_OK;
}

static enum verify_fault check_verdict(
	const struct verify_query *q,
	const struct tags *tags,
	const struct text *t,
	const struct expect *e,
	struct verify_seen *seen
) {
	if (!read_verdict(tags->r.value, &seen->verdict))
		return VERIFY_VERDICT;
	enum verify_verdict got = seen->verdict;
	if (e->kind == EXPECT_POLICY && got != VERIFY_POLICY)
		return VERIFY_VERDICT;
	if (e->kind == EXPECT_NONE && got != VERIFY_NONE)
		return VERIFY_VERDICT;
	if (q->unheard_of && got == VERIFY_POLICY)
		return VERIFY_VERDICT;
	if (got != VERIFY_POLICY) {
		if (tags->mode.key.at || tags->id.key.at || tags->exp.key.at || tags->n.key.at
		    || tags->fresh.key.at || tags->mx_count || tags->more.key.at)
			return VERIFY_TAGS;
		bool retries = got != VERIFY_NONE;
		return retries == (tags->retry.key.at != NULL) ? VERIFY_OK : VERIFY_RETRY;
	}
	enum verify_fault fault = check_policy_form(tags, t);
	seen->fresh = tags->fresh.key.at && is(tags->fresh.value, "1");
	seen->more = tags->more.key.at != NULL;
	return fault;
}

static size_t answer_limit(const struct verify_query *q) {
	if (q->edns_bytes <= PLAIN_MAX)
		return PLAIN_MAX;
	return q->edns_bytes < ANSWER_MAX ? q->edns_bytes : ANSWER_MAX;
}

static enum verify_fault check_text(
	const struct verify_query *q,
	const struct text *t,
	const struct expect *expect,
	size_t octets_left,
	struct verify_seen *seen
) {
	struct tags tags;
	enum verify_fault fault = read_tags(t, &tags);
	if (!fault)
		fault = check_verdict(q, &tags, t, expect, seen);
	if (!fault && expect->kind == EXPECT_POLICY)
		fault = check_policy(&tags, t, expect, octets_left);
	if (!fault)
		fault = check_ttl(seen->verdict, seen->ttl_s, &tags, q->now_s);
	return fault;
}

enum verify_fault verify_answer(
	const struct verify_query *q,
	const uint8_t *msg,
	size_t len,
	const struct expect *expect,
	struct verify_seen *seen
) {
	memset(seen, 0, sizeof(*seen));
	struct reader r = bytes_reader(msg, len);
	struct text t = {.len = 0};
	unsigned records = 0;
	enum verify_fault fault = check_header(q, &r, &records);
	if (!fault && records != 1)
		fault = VERIFY_COUNTS;
	if (!fault && !read_owner(q, &r))
		fault = VERIFY_RECORD;
	if (!fault)
		fault = check_record(&r, &t, &seen->ttl_s);
	if (!fault && q->edns_bytes)
		fault = check_opt(&r);
	if (fault)
		return fault;
	if (bytes_left(&r))
		return VERIFY_TRAILING;
	if (len > answer_limit(q))
		return VERIFY_SIZE;
	return check_text(q, &t, expect, answer_limit(q) - len, seen);
}

#define BATCH_OPT_BYTES 17

// The OPT record at the very end, with the one option.
static enum verify_fault check_batch_opt(
	const struct verify_batch *b,
	const uint8_t *msg,
	size_t len,
	unsigned records,
	unsigned *first
) {
	static const uint8_t HEAD[] = {0, 0, TYPE_OPT, 0x04, 0xd0, 0, 0, 0, 0, 0, 6};
	if (len < BATCH_OPT_BYTES)
		return VERIFY_SHORT;
	const uint8_t *opt = msg + len - BATCH_OPT_BYTES;
	struct reader r = bytes_reader(opt + sizeof(HEAD), BATCH_OPT_BYTES - sizeof(HEAD));
	if (memcmp(opt, HEAD, sizeof(HEAD)) || bytes_get_be16(&r) != 65461
	    || bytes_get_be16(&r) != 2 || bytes_get_u8(&r) != b->count)
		return VERIFY_OPT;
	*first = bytes_get_u8(&r);
	return !records || *first + records > b->count ? VERIFY_COUNTS : VERIFY_OK;
}

static size_t labels_len(const uint8_t *name) {
	size_t n = 0;
	while (name[n])
		n += 1U + name[n];
	return n;
}

// The question for the first name; for others their labels as they were asked, and
// a pointer to the zone in the question.
static bool
read_batch_owner(const struct verify_batch *b, const uint8_t *name, unsigned i, struct reader *r) {
	if (i == 0)
		return bytes_get_be16(r) == POINTER_TO_QUESTION;
	size_t labels = labels_len(name);
	const uint8_t *owner = bytes_get(r, labels);
	return owner && memcmp(owner, name, labels) == 0
	       && bytes_get_be16(r) == (0xc000 | b->zone_at);
}

enum verify_fault verify_batch(
	const struct verify_query *q,
	const struct verify_batch *b,
	const uint8_t *msg,
	size_t len,
	struct verify_seen seen[],
	unsigned *first,
	unsigned *records
) {
	struct reader r = bytes_reader(msg, len);
	unsigned count = 0;
	*first = *records = 0;
	enum verify_fault fault = check_header(q, &r, &count);
	if (!fault)
		fault = len > ANSWER_MAX ? VERIFY_SIZE : check_batch_opt(b, msg, len, count, first);
	if (fault)
		return fault;
	r.end -= BATCH_OPT_BYTES;
	const uint8_t *name = b->names;
	for (unsigned i = 1; i < *first; i++)
		name += labels_len(name) + 1;
	for (unsigned i = *first; !fault && i < *first + count; i++) {
		struct text t = {.len = 0};
		if (!read_batch_owner(b, name, i, &r))
			return VERIFY_RECORD;
		memset(&seen[i], 0, sizeof(seen[i]));
		fault = check_record(&r, &t, &seen[i].ttl_s);
		if (fault)
			return fault;
		// The first record of a message may be cut; the message was empty then.
		size_t left = i == *first ? ANSWER_MAX - BATCH_OPT_BYTES - (size_t)(r.at - msg)
					  : SIZE_MAX;
		struct expect e = b->expect(b->arg, i);
		fault = check_text(q, &t, &e, left, &seen[i]);
		name += i > 0 ? labels_len(name) + 1 : 0;
	}
	if (!fault && bytes_left(&r))
		return VERIFY_TRAILING;
	*records = count;
	return fault;
}
