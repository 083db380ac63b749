// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/expect.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_OCTETS 253

// One column, cut off the front of the line.
static struct expect_text column(struct expect_text *line) {
	struct expect_text out = {line->at, line->len};
	const char *tab = memchr(line->at, '\t', line->len);
	if (!tab) {
		line->at += line->len;
		line->len = 0;
		return out;
	}
	out.len = (size_t)(tab - line->at);
	line->at += out.len + 1;
	line->len -= out.len + 1;
	return out;
}

static bool number(struct expect_text t, uint64_t max, uint64_t *out) {
	uint64_t v = 0;
	if (!t.len || t.len > 18)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t.at[i] - '0');
	}
	*out = v;
	return v <= max;
}

static bool is(struct expect_text t, const char *word) {
	return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

static bool parse_policy(struct expect_text line, struct expect *e) {
	e->mode = column(&line);
	e->id = column(&line);
	uint64_t max_age = 0;
	if (!number(column(&line), UINT64_MAX, &e->exp_s))
		return false;
	if (!number(column(&line), UINT32_MAX, &max_age))
		return false;
	e->max_age_s = (uint32_t)max_age;
	e->mx = line;
	e->mx_count = 0;
	size_t at = 0;
	for (struct expect_text mx; (mx = expect_mx_next(e, &at)).at; e->mx_count++)
		if (!mx.len || mx.len > NAME_MAX_OCTETS + 2)
			return false;
	return (is(e->mode, "enforce") || is(e->mode, "testing") || is(e->mode, "none"))
	       && e->id.len >= 1 && e->id.len <= 32;
}

static bool parse(struct expect_text line, struct expect *e) {
	memset(e, 0, sizeof(*e));
	e->name = column(&line);
	if (!e->name.len || e->name.len > NAME_MAX_OCTETS)
		return false;
	if (!line.len)
		return true;
	struct expect_text kind = column(&line);
	if (is(kind, "n")) {
		e->kind = EXPECT_NONE;
		return !line.len;
	}
	e->kind = EXPECT_POLICY;
	return is(kind, "p") && parse_policy(line, e);
}

struct expect_text expect_mx_next(const struct expect *e, size_t *at) {
	if (!e->mx.len || *at > e->mx.len)
		return (struct expect_text){0};
	struct expect_text out = {e->mx.at + *at, e->mx.len - *at};
	const char *comma = memchr(out.at, ',', out.len);
	if (comma)
		out.len = (size_t)(comma - out.at);
	*at += out.len + 1;
	return out;
}

static struct expect_text line_at(const struct expect_set *set, uint64_t start) {
	struct expect_text line = {set->text + start, set->bytes - start};
	const char *end = memchr(line.at, '\n', line.len);
	if (end)
		line.len = (size_t)(end - line.at);
	return line;
}

static int add_line(struct expect_set *set, uint64_t start, size_t *room) {
	if (set->count == UINT32_MAX)
		return -EFBIG;
	if (set->count == *room) {
		size_t more = *room ? *room * 2 : 1024;
		uint64_t *lines = realloc(set->lines, more * sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		set->lines = lines;
		*room = more;
	}
	set->lines[set->count++] = start;
	return 0;
}

// Fills set->lines from set->text.
static int index_lines(struct expect_set *set, uint64_t *line) {
	size_t room = 0;
	set->ends_first_s = UINT64_MAX;
	for (uint64_t at = 0; at < set->bytes;) {
		++*line;
		struct expect_text text = line_at(set, at);
		uint64_t start = at;
		at += text.len + 1;
		if (!text.len || text.at[0] == '#')
			continue;
		struct expect e;
		if (!parse(text, &e))
			return ERR_SYNTAX;
		int rc = add_line(set, start, &room);
		if (rc)
			return rc;
		if (e.kind == EXPECT_POLICY) {
			set->policies++;
			if (e.exp_s < set->ends_first_s)
				set->ends_first_s = e.exp_s;
		}
	}
	*line = 0;
	return set->count ? 0 : -ENODATA;
}

int expect_take(char *text, size_t bytes, struct expect_set *set, uint64_t *line) {
	memset(set, 0, sizeof(*set));
	*line = 0;
	set->text = text;
	set->bytes = bytes;
	int rc = index_lines(set, line);
	if (rc)
		expect_close(set);
	return rc;
}

static int map_file(const char *path, struct expect_set *set) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	int rc = fstat(fd, &st) ? -errno : 0;
	if (!rc && !st.st_size)
		rc = -ENODATA;
	if (!rc) {
		void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED) {
			rc = -errno;
		} else {
			set->text = at;
			set->bytes = (size_t)st.st_size;
			set->mapped = true;
		}
	}
	close(fd);
	return rc;
}

int expect_open(const char *path, struct expect_set *set, uint64_t *line) {
	memset(set, 0, sizeof(*set));
	*line = 0;
	int rc = map_file(path, set);
	if (!rc)
		rc = index_lines(set, line);
	if (rc)
		expect_close(set);
	return rc;
}

void expect_close(struct expect_set *set) {
	free(set->lines);
	if (set->mapped)
		munmap(set->text, set->bytes);
	else
		free(set->text);
	memset(set, 0, sizeof(*set));
}

struct expect expect_get(const struct expect_set *set, uint32_t index) {
	struct expect e;
	// The line was read once already: it cannot fail now.
	(void)parse(line_at(set, set->lines[index]), &e);
	return e;
}
