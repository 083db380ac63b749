// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Reads generated TXT sets and policies with the appliance's readers and with
// one written as tables from the ABNF, and compares verdict and every value.
//
// Fails on a difference that is not in allowed[], when less than a quarter of
// the inputs are accepted by both, and when a decision of the grammar is not made
// in one of fifty inputs.
//
// Usage: differential [COUNT [SEED]]

#include "fetch/polparse.h"
#include "fetch/txtrec.h"
#include "tests/differential/generate.h"
#include "tests/differential/grammar.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT 500000
#define SEED_DEFAULT 20260101
#define SHOWN_MAX 10
#define ACCEPTED_PERCENT_MIN 25
#define ONE_IN_MAX 50

// Differences that are meant: how differ() words them, and the section that
// leaves the choice. There is none.
static const struct {
	const char *difference;
	const char *section;
} allowed[] = {
	{NULL, NULL},
};

static const char *const SECTION[] = {
#define SECTION_OF(name, section, what) [GRAMMAR_##name] = (section),
	GRAMMAR_DECISIONS(SECTION_OF)
#undef SECTION_OF
};

static const char *const WHAT[] = {
#define WHAT_OF(name, section, what) [GRAMMAR_##name] = (what),
	GRAMMAR_DECISIONS(WHAT_OF)
#undef WHAT_OF
};

struct tally {
	uint64_t accepted;
	uint64_t refused;
	uint64_t allowed;
	uint64_t differences;
	uint64_t decisions[GRAMMAR_COUNT];
};

static void print_escaped(const uint8_t *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (isprint(text[i]) && text[i] != '\\') {
			putchar(text[i]);
		} else {
			printf("\\x%02x", text[i]);
		}
	}
	putchar('\n');
}

static bool is_allowed(const char *difference) {
	for (size_t i = 0; allowed[i].difference != NULL; i++) {
		if (strcmp(allowed[i].difference, difference) == 0) {
			return true;
		}
	}
	return false;
}

static void
differ(struct tally *t, uint64_t number, const struct generate_input *in, const char *difference) {
	if (is_allowed(difference)) {
		t->allowed++;
		return;
	}
	if (t->differences++ >= SHOWN_MAX) {
		return;
	}
	printf("input %" PRIu64 ": %s\n", number, difference);
	for (size_t i = 0; i < in->count; i++) {
		printf("  ");
		print_escaped(in->text + in->at[i], in->len[i]);
	}
}

// @return What differs, or NULL; *accepted when both take the input.
static const char *
compare_sets(const struct generate_input *in, uint64_t *decisions, bool *accepted) {
	static const enum outcome_code codes[] = {
		[GRAMMAR_TXT_GOOD] = OUTCOME_OK,
		[GRAMMAR_TXT_ABSENT] = OUTCOME_ABSENT,
		[GRAMMAR_TXT_MANY] = OUTCOME_TXT_MULTIPLE,
		[GRAMMAR_TXT_BAD] = OUTCOME_TXT_SYNTAX,
	};
	struct txtrec_value ours[GENERATE_RECORDS_MAX];
	struct grammar_text theirs[GENERATE_RECORDS_MAX];
	for (size_t i = 0; i < in->count; i++) {
		const uint8_t *at = in->text + in->at[i];
		ours[i] = (struct txtrec_value){(const char *)at, in->len[i]};
		theirs[i] = (struct grammar_text){at, in->len[i]};
	}
	char id[POLICY_ID_MAX + 1] = "";
	struct grammar_set set;
	enum outcome_code code = txtrec_choose(ours, in->count, id);
	grammar_read_set(theirs, in->count, &set);
	*decisions = set.decisions;
	*accepted = code == OUTCOME_OK && set.verdict == GRAMMAR_TXT_GOOD;
	if (code != codes[set.verdict]) {
		return "TXT set: verdict";
	}
	return strcmp(id, set.id) != 0 ? "TXT set: id" : NULL;
}

static bool same_mx(const struct policy *ours, const struct grammar_policy *theirs) {
	const uint8_t *at = ours->mx;
	for (unsigned i = 0; i < theirs->mx_count; i++) {
		size_t len;
		const char *mx = policy_mx_next(ours, &at, &len);
		if (mx == NULL || len != strlen(theirs->mx[i])
		    || memcmp(mx, theirs->mx[i], len) != 0) {
			return false;
		}
	}
	return at == ours->mx + ours->mx_bytes;
}

static const char *
compare_policies(const struct generate_input *in, uint64_t *decisions, bool *accepted) {
	static const enum policy_mode modes[] = {
		[GRAMMAR_MODE_NONE] = POLICY_MODE_NONE,
		[GRAMMAR_MODE_TESTING] = POLICY_MODE_TESTING,
		[GRAMMAR_MODE_ENFORCE] = POLICY_MODE_ENFORCE,
	};
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	static struct grammar_policy theirs;
	struct policy ours;
	const char *fault;
	uint8_t mended;
	bool good = polparse(in->text, in->len[0], mx, &ours, &fault, &mended);
	grammar_read_policy(in->text, in->len[0], &theirs);
	*decisions = theirs.decisions;
	*accepted = good && theirs.good;
	if (good != theirs.good) {
		return good ? "policy: ours accepts" : "policy: ours refuses";
	}
	if (!good) {
		return NULL;
	}
	unsigned mends = (theirs.mx_dropped ? POLPARSE_MX_DROPPED : 0)
			 | (theirs.mx_dotted ? POLPARSE_MX_DOTTED : 0)
			 | (theirs.max_age_clamped ? POLPARSE_MAX_AGE_CLAMPED : 0);
	return ours.mode != modes[theirs.mode]			 ? "policy: mode"
	       : ours.max_age_s != theirs.max_age_s		 ? "policy: max_age"
	       : ours.mx_count != theirs.mx_count		 ? "policy: number of mx"
	       : theirs.mx_count > 0 && !same_mx(&ours, &theirs) ? "policy: mx"
	       : mended != mends				 ? "policy: mends"
								 : NULL;
}

static void run(uint64_t count, uint64_t seed, struct tally *t) {
	static struct generate_input in;
	for (uint64_t number = 0; number < count; number++) {
		generate_input(seed, number, &in);
		uint64_t decisions;
		bool accepted;
		const char *difference = in.kind == GENERATE_SET
						 ? compare_sets(&in, &decisions, &accepted)
						 : compare_policies(&in, &decisions, &accepted);
		for (unsigned d = 0; d < GRAMMAR_COUNT; d++) {
			t->decisions[d] += decisions >> d & 1;
		}
		if (difference != NULL) {
			differ(t, number, &in, difference);
		} else if (accepted) {
			t->accepted++;
		} else {
			t->refused++;
		}
	}
}

// @return Whether the run shows what it is for.
static bool report(uint64_t count, const struct tally *t) {
	bool good = t->differences == 0;
	uint64_t least = count / ONE_IN_MAX;
	double share = 100.0 * (double)t->accepted / (double)count;
	printf("%" PRIu64 " accepted by both (%.1f %%), %" PRIu64 " refused by both, %" PRIu64
	       " differ as allowed, %" PRIu64 " differ\n",
	       t->accepted,
	       share,
	       t->refused,
	       t->allowed,
	       t->differences);
	if (share < ACCEPTED_PERCENT_MIN) {
		printf("fewer than %d %% are accepted\n", ACCEPTED_PERCENT_MIN);
		good = false;
	}
	for (unsigned d = 0; d < GRAMMAR_COUNT; d++) {
		bool few = t->decisions[d] < least;
		printf("%10" PRIu64 "  %-15s %s%s\n",
		       t->decisions[d],
		       SECTION[d],
		       WHAT[d],
		       few ? ": too few" : "");
		good &= !few;
	}
	return good;
}

static uint64_t number_of(const char *text) {
	char *stop;
	uint64_t n = strtoull(text, &stop, 10);
	if (*stop != '\0' || text[0] < '0' || text[0] > '9') {
		fprintf(stderr, "usage: differential [COUNT [SEED]]\n");
		exit(2);
	}
	return n;
}

int main(int argc, char **argv) {
	uint64_t count = argc > 1 ? number_of(argv[1]) : COUNT_DEFAULT;
	uint64_t seed = argc > 2 ? number_of(argv[2]) : SEED_DEFAULT;
	static struct tally t;
	printf("%" PRIu64 " inputs, seed %" PRIu64 "\n", count, seed);
	run(count, seed, &t);
	return report(count, &t) ? 0 : 1;
}
