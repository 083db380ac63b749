// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "fetch/txtrec.h"
#include "tests/edge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID32 "abcdefghijklmnopqrstuvwxyz012345"

// clang-format off
// Each decision of the grammar, with the section of RFC 8461 it is made for. Sets
// are given in one order and read in both. More cases: tests/vectors/txt.json.
static const struct {
	const char *section;
	const char *text[4];
	enum outcome_code code;
	const char *id;
} decisions[] = {
	// A record that begins exactly `v=STSv1;` is taken, any other discarded.
	{"3.1", {"v=STSv1; id=20160831085700Z;"}, OUTCOME_OK, "20160831085700Z"},
	{"3.1", {"v=STSv1;id=a"}, OUTCOME_OK, "a"},
	{"3.1", {"v=STSv1; id=1", "v=spf1 -all"}, OUTCOME_OK, "1"},
	{"3.1", {"v=STSv1; id=1", "v=STSv1"}, OUTCOME_OK, "1"},
	{"3.1", {"v=STSv1"}, OUTCOME_ABSENT, ""},
	{"3.1", {"v=STSv10; id=a"}, OUTCOME_ABSENT, ""},
	{"3.1", {"v=stsv1; id=a"}, OUTCOME_ABSENT, ""},
	{"3.1", {" v=STSv1; id=a"}, OUTCOME_ABSENT, ""},
	{"3.1", {"v=STSv1 id=a"}, OUTCOME_ABSENT, ""},
	{"3.1", {"id=a; v=STSv1;"}, OUTCOME_ABSENT, ""},
	{"3.1", {""}, OUTCOME_ABSENT, ""},
	{"3.1", {NULL}, OUTCOME_ABSENT, ""},
	// White space before the `;`: taken only if no exact one is there.
	{"3.1, erratum 6285", {"v=STSv1 ; id=a"}, OUTCOME_OK, "a"},
	{"3.1, erratum 6285", {"v=STSv1 \t; id=a", "v=spf1 -all"}, OUTCOME_OK, "a"},
	{"3.1, erratum 6285", {"v=STSv1; id=1", "v=STSv1 ; id=2"}, OUTCOME_OK, "1"},
	{"3.1, erratum 6285", {"v=STSv1; bogus", "v=STSv1 ; id=2"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1, erratum 6285", {"v=STSv1 ; id=1", "v=STSv1\t; id=2"}, OUTCOME_TXT_MULTIPLE, ""},
	// Exactly one must remain.
	{"3.1", {"v=STSv1; id=1", "v=STSv1; id=2"}, OUTCOME_TXT_MULTIPLE, ""},
	{"3.1", {"v=STSv1; id=1", "v=STSv1; id=1"}, OUTCOME_TXT_MULTIPLE, ""},
	{"3.1", {"v=STSv1; id=1", "v=STSv1; bogus"}, OUTCOME_TXT_MULTIPLE, ""},
	{"3.1", {"v=STSv1; id=1", "v=spf1 -all", "v=STSv1; bogus"}, OUTCOME_TXT_MULTIPLE, ""},
	// And it must parse: delimiters,
	{"3.1", {"v=STSv1; \t id=a  \t;"}, OUTCOME_OK, "a"},
	{"3.1", {"v=STSv1; id=a; "}, OUTCOME_OK, "a"},
	{"3.1", {"v=STSv1;"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1;; id=a"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a;;"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a "}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id =a"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a\n"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1;\n id=a"}, OUTCOME_TXT_SYNTAX, ""},
	// the id,
	{"3.1", {"v=STSv1; id=" ID32}, OUTCOME_OK, ID32},
	{"3.1", {"v=STSv1; id=" ID32 "6"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id="}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=test-123"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=\xc3\xa9"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; ID=a"}, OUTCOME_TXT_SYNTAX, ""},
	// and fields nobody knows, which are passed over.
	{"3.1", {"v=STSv1; more=1; id=a; x_y-z.1=\"q\""}, OUTCOME_OK, "a"},
	{"3.1", {"v=STSv1; id=a; a2345678901234567890123456789012=1"}, OUTCOME_OK, "a"},
	{"3.1", {"v=STSv1; id=a; a23456789012345678901234567890123=1"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; _x=1"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; -x=1"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; x="}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; x==b"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; x=b c"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.1", {"v=STSv1; id=a; x"}, OUTCOME_TXT_SYNTAX, ""},
	// The first of duplicate fields wins; later ones need only be fields.
	{"3.2, last paragraph", {"v=STSv1; id=a; id=b"}, OUTCOME_OK, "a"},
	{"3.2, last paragraph", {"v=STSv1; id=a; id=not-an-id"}, OUTCOME_OK, "a"},
	{"3.2, last paragraph", {"v=STSv1; id=a; id="}, OUTCOME_TXT_SYNTAX, ""},
	{"3.2, last paragraph", {"v=STSv1; id=!; id=a"}, OUTCOME_TXT_SYNTAX, ""},
	{"3.2, last paragraph", {"v=STSv1; id=a; v=STSv2"}, OUTCOME_OK, "a"},
};
// clang-format on

static void judge(size_t which, const struct txtrec_value values[], size_t count) {
	char got[POLICY_ID_MAX + 1] = "";
	enum outcome_code c = txtrec_choose(values, count, got);
	if (c != decisions[which].code || strcmp(got, decisions[which].id) != 0) {
		fail_msg(
			"%s: %s: %s, id \"%s\"",
			decisions[which].section,
			count > 0 ? decisions[which].text[0] : "-",
			outcome_str(c),
			got
		);
	}
}

static void every_decision_is_made(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(decisions); i++) {
		struct txtrec_value ahead[4];
		struct txtrec_value back[4];
		size_t count = 0;
		while (count < 4 && decisions[i].text[count] != NULL) {
			count++;
		}
		for (size_t k = 0; k < count; k++) {
			const char *text = decisions[i].text[k];
			ahead[k] = (struct txtrec_value){text, strlen(text)};
			back[count - 1 - k] = ahead[k];
		}
		judge(i, ahead, count);
		judge(i, back, count);
	}
}

static void nul_ends_nothing(void ** /*state*/) {
	char id[POLICY_ID_MAX + 1];
	static const char in_id[] = "v=STSv1; id=a\0b";
	struct txtrec_value v = {in_id, sizeof(in_id) - 1};
	assert_int_equal(txtrec_choose(&v, 1, id), OUTCOME_TXT_SYNTAX);
	static const char behind[] = "v=STSv1; id=a;\0";
	v = (struct txtrec_value){behind, sizeof(behind) - 1};
	assert_int_equal(txtrec_choose(&v, 1, id), OUTCOME_TXT_SYNTAX);
}

static void read_record(void * /*arg*/, const uint8_t *at, size_t len) {
	char id[POLICY_ID_MAX + 1];
	uint8_t out[64];
	struct txtrec_value v = {(const char *)at, len};
	enum outcome_code c = txtrec_choose(&v, 1, id);
	assert_true(c == OUTCOME_OK || c == OUTCOME_ABSENT || c == OUTCOME_TXT_SYNTAX);
	assert_true(txtrec_join(at, len, out, sizeof(out)) < (int)sizeof(out));
}

static void nothing_is_read_behind_the_end(void ** /*state*/) {
	static const char full[] = "v=STSv1 ; id=abc ; x_y-z.1=\"q\" ;";
	static const char strings[] = "\x05v=STS\x0bv1; id=abc;";
	edge_try(full, sizeof(full) - 1, read_record, NULL);
	edge_try(strings, sizeof(strings) - 1, read_record, NULL);
}

static void strings_are_joined(void ** /*state*/) {
	uint8_t out[64];
	static const uint8_t two[] = "\x05v=STS\x0bv1; id=abc;";
	int len = txtrec_join(two, sizeof(two) - 1, out, sizeof(out));
	assert_int_equal(len, 16);
	assert_memory_equal(out, "v=STSv1; id=abc;", 16);
	assert_int_equal(txtrec_join(two, sizeof(two) - 2, out, sizeof(out)), ERR_SYNTAX);
	assert_int_equal(txtrec_join(two, sizeof(two) - 1, out, 15), -ENOSPC);
	assert_int_equal(txtrec_join(two, 0, out, sizeof(out)), ERR_SYNTAX);
	static const uint8_t empty[] = {0, 0};
	assert_int_equal(txtrec_join(empty, sizeof(empty), out, sizeof(out)), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision_is_made),
		cmocka_unit_test(nul_ends_nothing),
		cmocka_unit_test(nothing_is_read_behind_the_end),
		cmocka_unit_test(strings_are_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
