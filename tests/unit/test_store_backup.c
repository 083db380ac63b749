// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store.h"
#include "cache/wallclock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// A copy of a store that is in use: it opens, agrees with its manifest, and has
// what was queued before it and nothing that came after.

enum { PATIENCE_MS = 20000, WALL = 1700000000 };

static char base[64];

static const char *in_base(const char *leaf) {
	static char path[2][128];
	static unsigned turn;
	turn ^= 1U;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", base, leaf);
	return path[turn];
}

static int make_base(void ** /*state*/) {
	(void)snprintf(base, sizeof(base), "%s", P_tmpdir "/stsd-backup-XXXXXX");
	return mkdtemp(base) == NULL ? -1 : 0;
}

static int drop_base(void ** /*state*/) {
	char line[128];
	(void)snprintf(line, sizeof(line), "rm -rf '%s'", base);
	// NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): nothing from outside
	return system(line);
}

static bool count(void *arg, const struct name * /*domain*/, const void * /*v*/, size_t /*len*/) {
	(*(unsigned *)arg)++;
	return true;
}

// Opens a directory, counts a family, starts.
static struct store *open_at(const char *directory, unsigned *policies, unsigned *others) {
	const struct store_config config = {.directory = directory};
	struct store_load_report report = {0};
	struct store *s = NULL;
	*policies = *others = 0;
	assert_int_equal(store_open(&config, &s, &report), 0);
	assert_int_equal(store_load(s, STORE_POLICY, count, policies, &report), 0);
	assert_true(report.complete);
	assert_string_equal(report.fault, "");
	assert_int_equal(store_load(s, STORE_NONE, count, others, &report), 0);
	assert_int_equal(store_load(s, STORE_OVERRIDE, count, others, &report), 0);
	assert_int_equal(store_start(s), 0);
	return s;
}

static int await(struct store *s, uint64_t ticket) {
	struct store_confirm c = {0};
	while (c.ticket != ticket) {
		if (store_confirmed(s, &c, 1) == 0) {
			struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		}
	}
	return c.status;
}

static void put(struct store *s, enum store_family family, unsigned i, uint64_t ticket) {
	struct name n;
	n.len = (uint8_t)snprintf(n.text, sizeof(n.text), "d%u.example", i);
	assert_true(store_put(s, family, &n, "value", 5, ticket));
}

static void a_copy_of_a_store_in_use(void ** /*state*/) {
	unsigned policies = 0;
	unsigned others = 0;
	struct store *s = open_at(in_base("store"), &policies, &others);
	for (unsigned i = 0; i < 3000; i++) {
		put(s, STORE_POLICY, i, i + 1);
	}
	for (unsigned i = 0; i < 500; i++) {
		put(s, i % 2 == 0 ? STORE_NONE : STORE_OVERRIDE, i, 0); // lazy ones too
	}
	assert_true(store_backup(s, in_base("copy"), WALL, 9000));
	assert_int_equal(await(s, 9000), 0);
	put(s, STORE_POLICY, 5000, 9001);
	assert_int_equal(await(s, 9001), 0);
	// Neither over itself, nor where something else is.
	assert_true(store_backup(s, in_base("copy"), WALL, 9002));
	assert_int_equal(await(s, 9002), -ENOTEMPTY);
	assert_true(store_backup(s, in_base("no/where"), WALL, 9003));
	assert_int_equal(await(s, 9003), -ENOENT);
	store_close(s);

	s = open_at(in_base("copy"), &policies, &others);
	assert_int_equal(policies, 3000);
	assert_int_equal(others, 500);
	put(s, STORE_POLICY, 6000, 1); // it goes on as a store of its own
	assert_int_equal(await(s, 1), 0);
	store_close(s);
	struct wallclock clock = wallclock_load(in_base("copy"), WALL - 5);
	assert_true(clock.behind);
	assert_int_equal(clock.wall, WALL);
	struct stat st;
	assert_int_equal(stat(in_base("copy"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	s = open_at(in_base("copy"), &policies, &others);
	assert_int_equal(policies, 3001);
	store_close(s);
	s = open_at(in_base("store"), &policies, &others);
	assert_int_equal(policies, 3001);
	store_close(s);
}

static void memory_has_no_files(void ** /*state*/) {
	const struct store_config config = {.in_memory = true};
	struct store_load_report report = {0};
	struct store *s = NULL;
	assert_int_equal(store_open(&config, &s, &report), 0);
	assert_int_equal(store_start(s), 0);
	assert_true(store_backup(s, in_base("copy"), WALL, 1));
	assert_int_equal(await(s, 1), -ENOTSUP);
	store_close(s);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_of_a_store_in_use),
		cmocka_unit_test(memory_has_no_files),
	};
	return cmocka_run_group_tests(tests, make_base, drop_base);
}
