// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "cache/store.h"
#include "cache/store_rocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// The store on RocksDB: what a restart finds, whatever was done to the files.

enum { PATIENCE_MS = 20000, VALUE_BYTES = 200 };

static struct {
	char dir[64];
	char path[512];
} place;

static const char *in_dir(const char *leaf) {
	(void)snprintf(place.path, sizeof(place.path), "%s/%s", place.dir, leaf);
	return place.path;
}

static int make_place(void ** /*state*/) {
	(void)snprintf(place.dir, sizeof(place.dir), "%s", P_tmpdir "/stsd-store-XXXXXX");
	return mkdtemp(place.dir) == NULL ? -1 : 0;
}

// Runs a command in the directory.
static void shell(const char *command) {
	char line[512];
	(void)snprintf(line, sizeof(line), "cd '%s' && %s", place.dir, command);
	// NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): nothing from outside
	assert_int_equal(system(line), 0);
}

static int drop_place(void ** /*state*/) {
	shell("rm -rf \"$PWD\"");
	return 0;
}

static struct name domain_of(unsigned i) {
	struct name n;
	n.len = (uint8_t)snprintf(n.text, sizeof(n.text), "d%06u.example", i);
	return n;
}

// Every record tells its own number and version, and is hard to compress.
static void make_value(char out[VALUE_BYTES], unsigned i, unsigned version) {
	int n = snprintf(out, VALUE_BYTES, "%u %u ", i, version);
	unsigned x = i * 2654435761U + version;
	for (int at = n; at < VALUE_BYTES; at++) {
		x = x * 1664525U + 1013904223U;
		out[at] = (char)(x >> 24);
	}
}

struct found {
	unsigned n;
	unsigned wrong;
	unsigned version[30000];
};

static struct found found;

static bool see(void * /*arg*/, const struct name *domain, const void *value, size_t len) {
	char text[VALUE_BYTES + 1] = {0};
	char expected[VALUE_BYTES];
	memcpy(text, value, len < VALUE_BYTES ? len : VALUE_BYTES);
	char *end = text;
	unsigned i = (unsigned)strtoul(text, &end, 10);
	unsigned version = (unsigned)strtoul(end, &end, 10);
	bool ok = *end == ' ' && len == VALUE_BYTES && i < 30000;
	if (ok) {
		struct name n = domain_of(i);
		make_value(expected, i, version);
		ok = name_equal(&n, domain) && memcmp(expected, value, VALUE_BYTES) == 0;
	}
	if (!ok) {
		found.wrong++;
		return false;
	}
	found.n++;
	found.version[i] = version + 1;
	return true;
}

static int open_only(struct store **s, struct store_load_report *report) {
	const struct store_config config = {.directory = place.dir};
	return store_open(&config, s, report);
}

// Opens, reads all policies into `found`, starts.
static struct store *open_all(struct store_load_report *report) {
	struct store *s = NULL;
	memset(&found, 0, sizeof(found));
	assert_int_equal(open_only(&s, report), 0);
	assert_int_equal(store_load(s, STORE_POLICY, see, NULL, report), 0);
	assert_int_equal(report->damaged, found.wrong);
	assert_int_equal(report->complete, report->fault[0] == '\0');
	assert_int_equal(store_start(s), 0);
	return s;
}

static struct store *open_good(void) {
	struct store_load_report report;
	struct store *s = open_all(&report);
	assert_string_equal(report.fault, "");
	assert_int_equal(found.wrong, 0);
	return s;
}

static void await(struct store *s, unsigned n) {
	struct store_confirm c[64];
	while (n > 0) {
		size_t got = store_confirmed(s, c, n < 64 ? n : 64);
		for (size_t i = 0; i < got; i++) {
			assert_int_equal(c[i].status, 0);
		}
		n -= (unsigned)got;
		if (got == 0) {
			struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		}
	}
}

static void put(struct store *s, unsigned i, unsigned version) {
	struct name n = domain_of(i);
	char v[VALUE_BYTES];
	make_value(v, i, version);
	assert_true(store_put(s, STORE_POLICY, &n, v, sizeof(v), i + 1));
}

static void drop(struct store *s, unsigned i) {
	struct name n = domain_of(i);
	assert_true(store_put(s, STORE_POLICY, &n, NULL, 0, i + 1));
}

static void put_many(struct store *s, unsigned from, unsigned to, unsigned version) {
	for (unsigned i = from; i < to; i++) {
		put(s, i, version);
		if (i % 1000 == 999) {
			await(s, 1000);
		}
	}
	await(s, (to - from) % 1000);
}

// Policies 0 .. n-1, closed in good order; with `settled` they are in tables,
// else in the log.
static void fill(unsigned n, bool settled) {
	struct store *s = open_good();
	put_many(s, 0, n, 0);
	store_close(s);
	if (settled) {
		store_close(open_good()); // replays the log into a table
	}
}

static void comes_back_as_it_was(void ** /*state*/) {
	struct store *s = open_good();
	assert_int_equal(found.n, 0);
	put_many(s, 0, 100, 1);
	put(s, 5, 2);
	put(s, 5, 3);
	drop(s, 6);
	drop(s, 7);
	put(s, 7, 4);
	drop(s, 200); // never was there
	await(s, 6);
	store_close(s);
	for (int again = 0; again < 3; again++) {
		s = open_good();
		assert_int_equal(found.n, 99);
		assert_int_equal(found.version[5], 4);
		assert_int_equal(found.version[6], 0);
		assert_int_equal(found.version[7], 5);
		put(s, 5, 3);
		await(s, 1);
		store_close(s);
	}
	s = open_good();
	for (unsigned i = 0; i < 100; i++) {
		drop(s, i);
	}
	await(s, 100);
	store_close(s);
	store_close(open_good());
	assert_int_equal(found.n, 0);
}

static void is_private_and_single(void ** /*state*/) {
	struct store *s = open_good();
	struct store *other = NULL;
	struct store_load_report report;
	struct stat st;
	assert_int_equal(open_only(&other, &report), -EBUSY);
	// Also when the engine's own lock was taken away.
	assert_int_equal(unlink(in_dir("db/LOCK")), 0);
	assert_int_equal(open_only(&other, &report), -EBUSY);
	store_close(s);
	assert_int_equal(rmdir(in_dir("db")), -1);
	assert_int_equal(stat(in_dir("manifest"), &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void makes_its_directory(void ** /*state*/) {
	struct stat st;
	char kept[sizeof(place.dir)];
	memcpy(kept, place.dir, sizeof(kept));
	(void)snprintf(place.dir, sizeof(place.dir), "%.50s/new", kept);
	store_close(open_good());
	assert_int_equal(stat(place.dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	memcpy(place.dir, kept, sizeof(kept));
	// One level only: a wrong path is to be noticed.
	const struct store_config config = {.directory = "/nowhere/at/all"};
	struct store_load_report report;
	struct store *s = NULL;
	assert_int_equal(store_open(&config, &s, &report), -ENOENT);
	assert_null(s);
}

// Damage.

// The one file of this kind in db/, the largest when there are several.
static void find_file(const char *suffix, char out[512]) {
	DIR *d = opendir(in_dir("db"));
	off_t largest = -1;
	assert_non_null(d);
	struct dirent *e;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
	while ((e = readdir(d)) != NULL) {
		char path[512];
		struct stat st;
		size_t len = strlen(e->d_name);
		(void)snprintf(path, sizeof(path), "%s/db/%.200s", place.dir, e->d_name);
		bool fits = suffix[0] == '.' ? len > 4 && strcmp(e->d_name + len - 4, suffix) == 0
					     : strncmp(e->d_name, suffix, strlen(suffix)) == 0;
		if (fits && stat(path, &st) == 0 && st.st_size > largest) {
			largest = st.st_size;
			memcpy(out, path, sizeof(path));
		}
	}
	closedir(d);
	assert_true(largest >= 0);
}

static off_t size_of(const char *path) {
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void flip(const char *path, off_t at) {
	char c;
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 0x10);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static bool in_quarantine(void) {
	return access(in_dir("quarantine-1"), F_OK) == 0;
}

// After the damage was reported once, the store is whole again, with what it
// has, and takes writes.
static void expect_recovery(void) {
	unsigned kept = found.n;
	struct store *s = open_good();
	assert_int_equal(found.n, kept);
	put(s, 29999, 9);
	await(s, 1);
	store_close(s);
	store_close(open_good());
	assert_int_equal(found.n, kept + 1);
	assert_int_equal(access(in_dir("db.new"), F_OK), -1);
}

static void notices_a_flip_in_the_log(void ** /*state*/) {
	enum { N = 3000 };
	fill(N, false);
	char log[512];
	find_file(".log", log);
	flip(log, size_of(log) / 2);
	struct store_load_report report;
	store_close(open_all(&report));
	assert_false(report.complete);
	assert_non_null(strstr(report.fault, "3000"));
	assert_true(found.n > 0 && found.n < N);
	assert_int_equal(found.wrong, 0);
	expect_recovery();
}

static void takes_a_torn_tail(void ** /*state*/) {
	fill(100, false);
	struct store *s = open_good();
	struct name n = domain_of(500);
	assert_true(store_put(s, STORE_NONE, &n, "lazy", 4, 0));
	store_close(s);
	// Only what was not synced can be torn: the lazy record at the end.
	char log[512];
	find_file(".log", log);
	assert_int_equal(truncate(log, size_of(log) - 3), 0);
	store_close(open_good());
	assert_int_equal(found.n, 100);
	assert_false(in_quarantine());
	// Garbage behind the end is no part of the log either.
	s = open_good();
	put(s, 500, 1);
	await(s, 1);
	store_close(s);
	find_file(".log", log);
	int fd = open(log, O_WRONLY | O_APPEND);
	char junk[5000];
	memset(junk, 0x5a, sizeof(junk));
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	store_close(open_good());
	assert_int_equal(found.n, 101);
}

static void notices_a_lost_log(void ** /*state*/) {
	// One commit is all that was made, or one of several.
	for (unsigned n = 1; n <= 3000; n += 2999) {
		fill(n, false);
		char log[512];
		find_file(".log", log);
		assert_int_equal(unlink(log), 0);
		struct store_load_report report;
		store_close(open_all(&report));
		assert_false(report.complete);
		assert_int_equal(found.n, 0);
		expect_recovery();
		assert_int_equal(drop_place(NULL), 0);
		assert_int_equal(make_place(NULL), 0);
	}
}

static void saves_what_is_around_a_bad_block(void ** /*state*/) {
	enum { N = 20000 };
	static const unsigned at_percent[] = {1, 50, 90};
	for (unsigned i = 0; i < 3; i++) {
		fill(N, true);
		char table[512];
		find_file(".sst", table);
		flip(table, size_of(table) / 100 * at_percent[i]);
		struct store_load_report report;
		store_close(open_all(&report));
		assert_false(report.complete);
		// A block has some twenty records.
		assert_true(found.n < N && found.n > N - 200);
		assert_int_equal(found.wrong, 0);
		assert_true(in_quarantine());
		expect_recovery();
		assert_int_equal(drop_place(NULL), 0);
		assert_int_equal(make_place(NULL), 0);
	}
}

static void cut_table(void) {
	char path[512];
	find_file(".sst", path);
	assert_int_equal(truncate(path, size_of(path) / 2), 0);
}

static void delete_table(void) {
	char path[512];
	find_file(".sst", path);
	assert_int_equal(unlink(path), 0);
}

static void cut_manifest(void) {
	char path[512];
	find_file("MANIFEST", path);
	assert_int_equal(truncate(path, size_of(path) / 2), 0);
}

static void delete_manifest(void) {
	char path[512];
	find_file("MANIFEST", path);
	assert_int_equal(unlink(path), 0);
}

static void empty_current(void) {
	assert_int_equal(truncate(in_dir("db/CURRENT"), 0), 0);
}

static void delete_current(void) {
	assert_int_equal(unlink(in_dir("db/CURRENT")), 0);
}

static void stray_directory(void) {
	assert_int_equal(mkdir(in_dir("db/000099.sst"), 0700), 0);
	delete_current();
}

static void file_for_directory(void) {
	shell("rm -r db");
	int fd = open(in_dir("db"), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void moves_aside_what_does_not_open(void ** /*state*/) {
	static void (*const damage[])(void) = {
		cut_table,
		delete_table,
		delete_manifest,
		empty_current,
		delete_current,
		stray_directory,
		file_for_directory,
	};
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		fill(1000, true);
		damage[i]();
		struct store_load_report report;
		store_close(open_all(&report));
		assert_false(report.complete);
		assert_non_null(strstr(report.fault, "quarantine"));
		assert_int_equal(found.n, 0);
		assert_true(in_quarantine());
		expect_recovery();
		assert_int_equal(drop_place(NULL), 0);
		assert_int_equal(make_place(NULL), 0);
	}
}

// RocksDB's own list of tables opens when it is cut, with the tables before.
static void notices_a_cut_list_of_tables(void ** /*state*/) {
	fill(1000, true);
	cut_manifest();
	struct store_load_report report;
	store_close(open_all(&report));
	assert_false(report.complete);
	assert_true(found.n < 1000);
	expect_recovery();
}

static void notices_a_lost_engine(void ** /*state*/) {
	fill(10, true);
	shell("rm -r db");
	struct store_load_report report;
	store_close(open_all(&report));
	assert_false(report.complete);
	expect_recovery();
}

static void distrusts_a_bad_manifest(void ** /*state*/) {
	struct store_load_report report;
	fill(10, true);
	flip(in_dir("manifest"), 5); // the only line
	store_close(open_all(&report));
	assert_false(report.complete);
	assert_int_equal(found.n, 10);
	expect_recovery();
	assert_int_equal(unlink(in_dir("manifest")), 0);
	store_close(open_all(&report));
	assert_false(report.complete);
	assert_int_equal(found.n, 11);
	store_close(open_good());
}

// Takes a whole older engine for the present one.
static void notices_an_older_engine(void ** /*state*/) {
	fill(10, false);
	shell("cp -a db kept");
	struct store *s = open_good();
	put(s, 3, 7);
	await(s, 1);
	drop(s, 4);
	await(s, 1);
	store_close(s);
	shell("rm -r db && mv kept db");
	struct store_load_report report;
	store_close(open_all(&report));
	assert_false(report.complete);
	assert_int_equal(found.n, 10);
	expect_recovery();
}

static void set_format(const void *value, size_t len) {
	struct engine *e = NULL;
	const struct engine_write w = {"!format", 7, value, len};
	assert_int_equal(store_rocks_open(in_dir("db"), false, &e), 0);
	assert_int_equal(e->ops->commit(e, &w, 1, true), 0);
	e->ops->close(e);
}

static void leaves_a_newer_store_alone(void ** /*state*/) {
	struct store_load_report report;
	struct store *s = NULL;
	fill(10, true);
	set_format("\0\0\0\2", 4);
	assert_int_equal(open_only(&s, &report), ERR_VERSION);
	assert_null(s);
	assert_false(in_quarantine());
	set_format("\0\0\0\1", 4);
	store_close(open_good());
	assert_int_equal(found.n, 10);
}

static void renews_a_lost_format(void ** /*state*/) {
	fill(10, true);
	set_format(NULL, 0);
	store_close(open_good());
	assert_int_equal(found.n, 10);
	assert_true(in_quarantine()); // the old one is kept all the same
	expect_recovery();
}

// Deaths in the middle of making a copy.
static void finishes_or_drops_a_copy(void ** /*state*/) {
	fill(10, true);
	assert_int_equal(mkdir(in_dir("db.new"), 0700), 0);
	int fd = open(in_dir("db.new/000004.log"), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	store_close(open_good());
	assert_int_equal(found.n, 10);
	assert_int_equal(access(in_dir("db.new"), F_OK), -1);
	// The copy is whole, the damaged one is gone already.
	char from[512];
	(void)snprintf(from, sizeof(from), "%s", in_dir("db"));
	assert_int_equal(rename(from, in_dir("db.new")), 0);
	store_close(open_good());
	assert_int_equal(found.n, 10);
}

// Any flips at all: never a crash, never a wrong record, never silent loss.
static void survives_random_flips(void ** /*state*/) {
	static const char *const kinds[] = {".sst", ".log", "MANIFEST", "CURRENT", "OPTIONS"};
	enum { N = 500 };
	unsigned x = 1;
	for (unsigned round = 0; round < 25; round++) {
		fill(N, round % 2 == 0);
		struct store *s = open_good();
		put_many(s, N, N + 50, 1);
		store_close(s);
		char path[512];
		find_file(kinds[round % 5], path);
		for (unsigned i = 0; i <= round % 4; i++) {
			x = x * 1664525U + 1013904223U;
			flip(path, (off_t)(x >> 8) % size_of(path));
		}
		struct store_load_report report;
		store_close(open_all(&report));
		assert_int_equal(found.wrong, 0);
		assert_int_equal(report.complete, found.n == N + 50);
		expect_recovery();
		assert_int_equal(drop_place(NULL), 0);
		assert_int_equal(make_place(NULL), 0);
	}
}

// What was damaged while it runs.
static void mends_itself_while_running(void ** /*state*/) {
	enum { N = 20000 };
	fill(N, true);
	struct store *s = open_good();
	char table[512];
	find_file(".sst", table);
	for (off_t at = 4096; at + 4096 < size_of(table); at += 4096) {
		flip(table, at); // more than the page cache of the engine hides
	}
	unsigned refused = 0;
	struct store_confirm c = {.status = 0};
	for (unsigned i = 0; i < N && c.status == 0; i += 100) {
		put(s, i, 1);
		while (store_confirmed(s, &c, 1) == 0) {
			struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		}
		refused += c.status < 0 ? 1 : 0;
	}
	assert_int_equal(refused, 1);
	while (c.status < 0) {
		put(s, 1, 5);
		while (store_confirmed(s, &c, 1) == 0) {
			struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		}
	}
	struct store_stats stats = store_stats(s);
	assert_true(stats.lost > 0);
	assert_false(stats.degraded);
	store_close(s);
	store_close(open_good());
	assert_int_equal(found.version[1], 6);
	assert_int_equal(found.n, N - stats.lost + 1);
	assert_true(in_quarantine());
}

#define AT_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void) {
	const struct CMUnitTest tests[] = {
		AT_PLACE(comes_back_as_it_was),
		AT_PLACE(is_private_and_single),
		AT_PLACE(makes_its_directory),
		AT_PLACE(notices_a_flip_in_the_log),
		AT_PLACE(takes_a_torn_tail),
		AT_PLACE(notices_a_lost_log),
		AT_PLACE(saves_what_is_around_a_bad_block),
		AT_PLACE(moves_aside_what_does_not_open),
		AT_PLACE(notices_a_cut_list_of_tables),
		AT_PLACE(notices_a_lost_engine),
		AT_PLACE(distrusts_a_bad_manifest),
		AT_PLACE(notices_an_older_engine),
		AT_PLACE(leaves_a_newer_store_alone),
		AT_PLACE(renews_a_lost_format),
		AT_PLACE(finishes_or_drops_a_copy),
		AT_PLACE(survives_random_flips),
		AT_PLACE(mends_itself_while_running),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
