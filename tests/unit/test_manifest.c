// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "cache/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

enum { LINE = 86, SLOTS = 1024 };

struct place {
	char dir[64];
	char path[96];
};

static int make_place(void **state) {
	struct place *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), P_tmpdir "/stsd-manifest-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->path, sizeof(p->path), "%s/manifest", p->dir);
	*state = p;
	return 0;
}

static int drop_place(void **state) {
	struct place *p = *state;
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0); // nothing else was left behind
	free(p);
	return 0;
}

static struct manifest_state state_of(uint64_t batch) {
	return (struct manifest_state){
		.batch = batch,
		.count = batch * 10,
		.sum = manifest_hash(&batch, sizeof(batch), "v", 1),
	};
}

static struct manifest *open_at(const struct place *p) {
	struct manifest *m = NULL;
	assert_int_equal(manifest_open(p->dir, &m), 0);
	return m;
}

// A file with lines 1..n.
static void write_lines(const struct place *p, uint64_t n) {
	struct manifest *m = open_at(p);
	struct manifest_state s = state_of(1);
	assert_int_equal(manifest_reset(m, &s), 0);
	for (uint64_t i = 2; i <= n; i++) {
		s = state_of(i);
		assert_int_equal(manifest_append(m, &s), 0);
	}
	manifest_close(m);
}

static bool agrees(const struct manifest *m, uint64_t batch) {
	struct manifest_state s = state_of(batch);
	return manifest_agrees(m, s.count, s.sum);
}

static uint64_t last_batch(const struct manifest *m) {
	struct manifest_state s = {0};
	return manifest_last(m, &s) ? s.batch : 0;
}

static void overwrite(const struct place *p, off_t at, const void *bytes, size_t len) {
	int fd = open(p->path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void flip(const struct place *p, off_t at) {
	int fd = open(p->path, O_RDWR);
	char c;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 1);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void begins_empty(void **state) {
	struct manifest *m = open_at(*state);
	assert_false(manifest_exists(m));
	assert_int_equal(last_batch(m), 0);
	assert_false(manifest_agrees(m, 0, 0));
	// Nothing can be appended before it is known what the store holds.
	struct manifest_state s = state_of(1);
	assert_true(manifest_append(m, &s) < 0);
	manifest_close(m);
}

static void agrees_with_the_last_two(void **state) {
	write_lines(*state, 5);
	struct manifest *m = open_at(*state);
	assert_true(manifest_exists(m));
	assert_int_equal(last_batch(m), 5);
	assert_true(agrees(m, 5));
	assert_true(agrees(m, 4));
	assert_false(agrees(m, 3));
	assert_false(agrees(m, 6));
	struct manifest_state s = state_of(5);
	assert_false(manifest_agrees(m, s.count + 1, s.sum));
	assert_false(manifest_agrees(m, s.count, s.sum + 1));
	manifest_close(m);
}

static void ignores_a_torn_last_line(void **state) {
	const struct place *p = *state;
	write_lines(p, 3);
	char saved[LINE];
	int fd = open(p->path, O_RDONLY);
	assert_int_equal(pread(fd, saved, LINE, (off_t)2 * LINE), LINE);
	close(fd);
	for (size_t keep = 0; keep < LINE; keep++) {
		char torn[LINE] = {0};
		memcpy(torn, saved, keep);
		overwrite(p, (off_t)2 * LINE, torn, LINE);
		struct manifest *m = open_at(p);
		assert_int_equal(last_batch(m), 2);
		assert_true(agrees(m, 2));
		assert_true(agrees(m, 1));
		assert_false(agrees(m, 3));
		manifest_close(m);
	}
	// A file that was cut is read as far as it goes.
	for (off_t cut = 0; cut <= LINE; cut += LINE / 2) {
		assert_int_equal(truncate(p->path, cut), 0);
		struct manifest *m = open_at(p);
		assert_int_equal(last_batch(m), cut == LINE ? 1 : 0);
		assert_true(manifest_exists(m));
		manifest_close(m);
		write_lines(p, 3);
	}
}

static void notices_every_flip(void **state) {
	const struct place *p = *state;
	for (off_t at = 0; at < LINE; at++) {
		// In the last line: the two before it are left.
		write_lines(p, 4);
		flip(p, (off_t)3 * LINE + at);
		struct manifest *m = open_at(p);
		assert_false(agrees(m, 4));
		assert_true(agrees(m, 3));
		manifest_close(m);
		// Between: the store is past the older one for certain.
		write_lines(p, 4);
		flip(p, (off_t)2 * LINE + at);
		m = open_at(p);
		assert_true(agrees(m, 4));
		assert_false(agrees(m, 3));
		assert_false(agrees(m, 2));
		manifest_close(m);
	}
}

static void settles_the_last_line(void **state) {
	const struct place *p = *state;
	write_lines(p, 4);
	struct manifest *m = open_at(p);
	struct manifest_state s = state_of(4);
	assert_int_equal(manifest_reset(m, &s), 0);
	s = state_of(5);
	assert_int_equal(manifest_append(m, &s), 0);
	assert_true(agrees(m, 4));
	assert_int_equal(manifest_settle(m), 0);
	assert_false(agrees(m, 4));
	manifest_close(m);
	m = open_at(p);
	assert_true(agrees(m, 5));
	assert_false(agrees(m, 4));
	manifest_close(m);
	// Torn, it says nothing.
	overwrite(p, (off_t)2 * LINE, "\0\0", 2);
	m = open_at(p);
	assert_true(agrees(m, 5));
	assert_true(agrees(m, 4));
	manifest_close(m);
}

static void goes_on_after_reset(void **state) {
	write_lines(*state, 4);
	struct manifest *m = open_at(*state);
	// The crash fell between line 4 and its commit: the store is at 3.
	assert_true(agrees(m, 3));
	struct manifest_state s = state_of(3);
	s.batch = 5;
	assert_int_equal(manifest_reset(m, &s), 0);
	s = state_of(6);
	assert_int_equal(manifest_append(m, &s), 0);
	manifest_close(m);
	m = open_at(*state);
	assert_true(agrees(m, 3));
	assert_true(agrees(m, 6));
	assert_false(agrees(m, 4));
	manifest_close(m);
}

static void compacts(void **state) {
	const struct place *p = *state;
	// The line that no longer fits begins a new file with its forerunner.
	for (uint64_t n = SLOTS - 1; n <= SLOTS + 2; n++) {
		write_lines(p, n);
		struct manifest *m = open_at(p);
		assert_int_equal(last_batch(m), n);
		assert_true(agrees(m, n));
		assert_true(agrees(m, n - 1));
		assert_false(agrees(m, n - 2));
		manifest_close(m);
		struct stat st;
		assert_int_equal(stat(p->path, &st), 0);
		assert_int_equal(st.st_size, SLOTS * LINE);
	}
}

static void refuses_a_newer_version(void **state) {
	const struct place *p = *state;
	write_lines(p, 2);
	char line[LINE + 1];
	(void)snprintf(line, sizeof(line), "2 %016x %016x %032x ", 9, 9, 9);
	(void)snprintf(
		line + 69, sizeof(line) - 69, "%016llx\n", (unsigned long long)XXH3_64bits(line, 69)
	);
	overwrite(p, (off_t)2 * LINE, line, LINE);
	struct manifest *m = NULL;
	assert_int_equal(manifest_open(p->dir, &m), ERR_VERSION);
	assert_null(m);
}

static void reports_what_the_disk_refuses(void **state) {
	const struct place *p = *state;
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/manifest.new", p->dir);
	struct manifest *m = open_at(p);
	struct manifest_state s = state_of(1);
	// A directory stands where the new file would be written.
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(manifest_reset(m, &s), -EISDIR);
	assert_true(manifest_append(m, &s) < 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(manifest_reset(m, &s), 0);
	manifest_close(m);
}

static void tells_key_from_value(void ** /*state*/) {
	assert_true(manifest_hash("ab", 2, "c", 1) != manifest_hash("a", 1, "bc", 2));
	assert_true(manifest_hash("ab", 2, "", 0) != manifest_hash("a", 1, "b", 1));
	assert_true(manifest_hash("ab", 2, "c", 1) == manifest_hash("ab", 2, "c", 1));
}

#define AT_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void) {
	const struct CMUnitTest tests[] = {
		AT_PLACE(begins_empty),
		AT_PLACE(agrees_with_the_last_two),
		AT_PLACE(ignores_a_torn_last_line),
		AT_PLACE(notices_every_flip),
		AT_PLACE(settles_the_last_line),
		AT_PLACE(goes_on_after_reset),
		AT_PLACE(compacts),
		AT_PLACE(refuses_a_newer_version),
		AT_PLACE(reports_what_the_disk_refuses),
		cmocka_unit_test(tells_key_from_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
