// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "fetch/txtrec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID32 "abcdefghijklmnopqrstuvwxyz012345"

// clang-format off
// One record alone (RFC 8461 3.1).
static const struct {
	const char *text;
	enum outcome_code code;
	const char *id;
} singles[] = {
	{"v=STSv1; id=20160831085700Z;", OUTCOME_OK, "20160831085700Z"},
	{"v=STSv1; \t id=20160831085700Z  \t;", OUTCOME_OK, "20160831085700Z"},
	{"v=STSv1; id=a", OUTCOME_OK, "a"},
	{"v=STSv1; id=a; more=a; ext=2", OUTCOME_OK, "a"},
	{"v=STSv0", OUTCOME_ABSENT, ""},
	{"v=STSv10", OUTCOME_ABSENT, ""},
	{"v=STSv2", OUTCOME_ABSENT, ""},
	{"v=STSv1", OUTCOME_ABSENT, ""},
	{"v=STSv1;", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; ext=1", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=012345678901234567890123456789012", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=test-123", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; more=", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; a12345678901234567890123456789012=1", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; 1%=a", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; test==", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a;;", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1;id=a", OUTCOME_OK, "a"},
	{"v=STSv1 ; id=a", OUTCOME_OK, "a"},
	{" v=STSv1; id=a", OUTCOME_ABSENT, ""},
	{"v=stsv1; id=a", OUTCOME_ABSENT, ""},
	{"v=STSv1 id=a", OUTCOME_ABSENT, ""},
	{"v=STSv1; more=1; id=a", OUTCOME_OK, "a"},
	{"v=STSv1; id=a; id=b", OUTCOME_OK, "a"},
	{"v=STSv1; id=a; v=STSv1", OUTCOME_OK, "a"},
	{"v=STSv1; id=a ", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1;; id=a", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id =a", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; x", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; x=b c", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=\xc3\xa9", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; -x=1", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; _x=1", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; x_y-z.1=\"q\"", OUTCOME_OK, "a"},
	{"v=STSv1; id=a; a1234567890123456789012345678901=1", OUTCOME_OK, "a"},
	{"v=STSv1; id=a\n", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=" ID32 ";", OUTCOME_OK, ID32},
	{"v=STSv1; id=a; foo=bar; ", OUTCOME_OK, "a"},
	{"v=STSv1\t; id=a", OUTCOME_OK, "a"},
	{"v=STSv1 ; id=", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=;", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; id=", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; id=not-an-id", OUTCOME_OK, "a"},
	{"v=STSv1; id=a_b", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a.b", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a b", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; ID=a", OUTCOME_TXT_SYNTAX, ""},
	{"v=STS1; id=a", OUTCOME_ABSENT, ""},
	{"v=STSv2; id=a", OUTCOME_ABSENT, ""},
	{"id=a; v=STSv1;", OUTCOME_ABSENT, ""},
	{"v=STSv1, id=a", OUTCOME_ABSENT, ""},
	{"v=STSv1;\n id=a", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; foo==b", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a; =b", OUTCOME_TXT_SYNTAX, ""},
	{"v=STSv1; id=a junk", OUTCOME_TXT_SYNTAX, ""},
	{"v=spf1 -all", OUTCOME_ABSENT, ""},
	{"", OUTCOME_ABSENT, ""},
	{"v", OUTCOME_ABSENT, ""},
};

// Whole sets: the order of the records decides nothing.
static const struct {
	const char *text[4];
	enum outcome_code code;
	const char *id;
} sets[] = {
	{{NULL}, OUTCOME_ABSENT, ""},
	{{"bogus", "more"}, OUTCOME_ABSENT, ""},
	{{"v=STSv1; id=1", "bogus"}, OUTCOME_OK, "1"},
	{{"bogus", "v=STSv1; id=1"}, OUTCOME_OK, "1"},
	{{"v=STSv1; bogus"}, OUTCOME_TXT_SYNTAX, ""},
	{{"v=STSv1; id=1", "v=STSv1; id=2"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1; id=1", "v=STSv1; id=1"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1; id=1", "v=STSv1; bogus"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1; bogus", "v=STSv1; id=1"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1; bogus", "v=STSv1; id=1", "v=STSv1; id=2"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1; id=1", "v=STSv1 ; id=2"}, OUTCOME_OK, "1"},
	{{"v=STSv1 ; id=2", "v=STSv1; id=1"}, OUTCOME_OK, "1"},
	{{"v=STSv1 ; id=1", "v=STSv1\t; id=2"}, OUTCOME_TXT_MULTIPLE, ""},
	{{"v=STSv1 ; id=2", "v=STSv1; bogus"}, OUTCOME_TXT_SYNTAX, ""},
	{{"v=STSv1", "v=STSv1; id=1"}, OUTCOME_OK, "1"},
};
// clang-format on

static void judge(const char *const text[], size_t count, enum outcome_code code, const char *id) {
	struct txtrec_value values[4] = {0};
	for (size_t i = 0; i < count; i++) {
		values[i] = (struct txtrec_value){text[i], strlen(text[i])};
	}
	char got[POLICY_ID_MAX + 1] = "";
	enum outcome_code c = txtrec_choose(values, count, got);
	if (c != code || strcmp(got, id) != 0) {
		fail_msg("%s: %s, id \"%s\"", count > 0 ? text[0] : "-", outcome_str(c), got);
	}
}

static void single_records(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(singles); i++) {
		judge(&singles[i].text, 1, singles[i].code, singles[i].id);
	}
}

static void sets_of_records(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(sets); i++) {
		size_t count = 0;
		while (count < 4 && sets[i].text[count] != NULL) {
			count++;
		}
		judge(sets[i].text, count, sets[i].code, sets[i].id);
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

// Each prefix of a record, the octet behind it unmapped.
static void prefixes_stay_inside(void ** /*state*/) {
	static const char full[] = "v=STSv1 ; id=abc ; x_y-z.1=\"q\" ;";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map = mmap(
		NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	for (size_t len = 0; len < sizeof(full); len++) {
		char *at = map + page - len;
		memcpy(at, full, len);
		char id[POLICY_ID_MAX + 1];
		struct txtrec_value v = {at, len};
		enum outcome_code c = txtrec_choose(&v, 1, id);
		assert_true(c == OUTCOME_OK || c == OUTCOME_ABSENT || c == OUTCOME_TXT_SYNTAX);
	}
	munmap(map, 2 * page);
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
		cmocka_unit_test(single_records),
		cmocka_unit_test(sets_of_records),
		cmocka_unit_test(nul_ends_nothing),
		cmocka_unit_test(prefixes_stay_inside),
		cmocka_unit_test(strings_are_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
