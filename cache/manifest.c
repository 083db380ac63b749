// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/manifest.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

// "1 batch count sum check\n": 2 + 17 + 17 + 33 + 16 + 1
#define LINE_BYTES 86
#define CHECK_AT 69
#define VERSION_OURS '1'

// The file is made at full size, of zeros, so that syncing a line writes one
// block and no metadata. A slot of zeros is a line not yet written.
#define SLOTS 1024
#define FILE_BYTES ((size_t)SLOTS * LINE_BYTES)

struct manifest {
	int fd; // -1: to be reset first
	bool exists;
	bool has_last;
	bool has_before; // the line just before the last one is good too
	unsigned slot;	 // next to write
	struct manifest_state last;
	struct manifest_state before;
	char path[PATH_MAX];
	char fresh[PATH_MAX];
	char directory[PATH_MAX];
};

manifest_sum_t manifest_hash(const void *key, size_t key_len, const void *value, size_t value_len) {
	XXH128_hash_t h = XXH3_128bits_withSeed(value, value_len, XXH3_64bits(key, key_len));
	return ((manifest_sum_t)h.high64 << 64) | h.low64;
}

// Lines.

static void write_line(char line[LINE_BYTES], const struct manifest_state *s) {
	char text[LINE_BYTES + 1];
	(void)snprintf(
		text,
		sizeof(text),
		"%c %016llx %016llx %016llx%016llx ",
		VERSION_OURS,
		(unsigned long long)s->batch,
		(unsigned long long)s->count,
		(unsigned long long)(uint64_t)(s->sum >> 64),
		(unsigned long long)(uint64_t)s->sum
	);
	(void)snprintf(
		text + CHECK_AT,
		sizeof(text) - CHECK_AT,
		"%016llx\n",
		(unsigned long long)XXH3_64bits(text, CHECK_AT)
	);
	memcpy(line, text, LINE_BYTES);
}

// Strict: 16 digits as we write them, nothing else.
static bool read_hex(const char *at, uint64_t *out) {
	uint64_t v = 0;
	for (int i = 0; i < 16; i++) {
		char c = at[i];
		unsigned digit = 16;
		if (c >= '0' && c <= '9') {
			digit = (unsigned)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			digit = (unsigned)(c - 'a') + 10;
		}
		if (digit == 16) {
			return false;
		}
		v = v << 4 | digit;
	}
	*out = v;
	return true;
}

// @return 1: a good line, 0: none, ERR_VERSION: good, but above ours.
static int read_line(const char line[LINE_BYTES], struct manifest_state *s) {
	uint64_t check;
	if (line[LINE_BYTES - 1] != '\n' || !read_hex(line + CHECK_AT, &check)
	    || check != XXH3_64bits(line, CHECK_AT)) {
		return 0;
	}
	if (line[0] != VERSION_OURS) {
		return ERR_VERSION;
	}
	uint64_t high;
	uint64_t low;
	if (!read_hex(line + 2, &s->batch) || !read_hex(line + 19, &s->count)
	    || !read_hex(line + 36, &high) || !read_hex(line + 52, &low)) {
		return 0;
	}
	s->sum = ((manifest_sum_t)high << 64) | low;
	return 1;
}

// The file.

static int read_whole(int fd, char *buf, size_t cap, size_t *len) {
	*len = 0;
	while (*len < cap) {
		ssize_t n = pread(fd, buf + *len, cap - *len, (off_t)*len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		*len += (size_t)n;
	}
	return 0;
}

static int write_whole(int fd, const char *buf, size_t len, off_t at) {
	while (len > 0) {
		ssize_t n = pwrite(fd, buf, len, at);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? -errno : -EIO;
		}
		buf += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

// Two neighbours are the last line and the one before it; a damaged slot
// between two good ones makes the older one worthless, for the store has
// certainly gone past it.
static int read_slots(struct manifest *m, const char *buf, size_t len) {
	bool adjacent = false;
	for (size_t at = 0; at + LINE_BYTES <= len; at += LINE_BYTES) {
		struct manifest_state s;
		int rc = read_line(buf + at, &s);
		if (rc < 0) {
			return rc;
		}
		if (rc == 0) {
			adjacent = false;
			continue;
		}
		m->has_before = adjacent && m->has_last;
		m->before = m->last;
		m->last = s;
		m->has_last = true;
		adjacent = true;
	}
	return 0;
}

static int load(struct manifest *m) {
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	m->exists = true;
	size_t len = 0;
	char *buf = malloc(FILE_BYTES);
	int rc = buf == NULL ? -ENOMEM : read_whole(fd, buf, FILE_BYTES, &len);
	if (rc == 0) {
		rc = read_slots(m, buf, len);
	}
	free(buf);
	close(fd);
	return rc;
}

int manifest_open(const char *directory, struct manifest **out) {
	struct manifest *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return -ENOMEM;
	}
	m->fd = -1;
	int rc = -ENAMETOOLONG;
	if (snprintf(m->directory, PATH_MAX, "%s", directory) < PATH_MAX
	    && snprintf(m->path, PATH_MAX, "%s/manifest", directory) < PATH_MAX
	    && snprintf(m->fresh, PATH_MAX, "%s/manifest.new", directory) < PATH_MAX) {
		rc = load(m);
	}
	if (rc < 0) {
		free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void manifest_close(struct manifest *m) {
	if (m == NULL) {
		return;
	}
	if (m->fd >= 0) {
		(void)fdatasync(m->fd);
		close(m->fd);
	}
	free(m);
}

bool manifest_exists(const struct manifest *m) {
	return m->exists;
}

bool manifest_last(const struct manifest *m, struct manifest_state *out) {
	if (m->has_last) {
		*out = m->last;
	}
	return m->has_last;
}

static bool equal(const struct manifest_state *s, uint64_t count, manifest_sum_t sum) {
	return s->count == count && s->sum == sum;
}

bool manifest_agrees(const struct manifest *m, uint64_t count, manifest_sum_t sum) {
	return (m->has_last && equal(&m->last, count, sum))
	       || (m->has_before && equal(&m->before, count, sum));
}

// Writing.

static int sync_directory(const char *path) {
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int fill(int fd, const struct manifest_state *lines, unsigned n) {
	char *buf = calloc(1, FILE_BYTES);
	if (buf == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		write_line(buf + (size_t)i * LINE_BYTES, &lines[i]);
	}
	int rc = write_whole(fd, buf, FILE_BYTES, 0);
	free(buf);
	return rc < 0 ? rc : fsync(fd) < 0 ? -errno : 0;
}

static int replace(struct manifest *m, const struct manifest_state *lines, unsigned n) {
	int fd = open(m->fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	int rc = fill(fd, lines, n);
	if (rc == 0 && rename(m->fresh, m->path) < 0) {
		rc = -errno;
	}
	if (rc < 0) {
		(void)unlink(m->fresh);
		close(fd);
		return rc;
	}
	if (m->fd >= 0) {
		close(m->fd);
	}
	m->fd = fd;
	m->exists = true;
	m->slot = n;
	return sync_directory(m->directory);
}

// No append until the file has been replaced.
static int give_up(struct manifest *m, int rc) {
	if (m->fd >= 0) {
		close(m->fd);
	}
	m->fd = -1;
	return rc;
}

int manifest_reset(struct manifest *m, const struct manifest_state *state) {
	int rc = replace(m, state, 1);
	if (rc < 0) {
		return give_up(m, rc);
	}
	m->last = *state;
	m->has_last = true;
	m->has_before = false;
	return 0;
}

static int append_line(struct manifest *m, const struct manifest_state *state) {
	char line[LINE_BYTES];
	write_line(line, state);
	return write_whole(m->fd, line, LINE_BYTES, (off_t)m->slot++ * LINE_BYTES);
}

int manifest_append(struct manifest *m, const struct manifest_state *state) {
	if (m->fd < 0) {
		return -EIO;
	}
	int rc;
	if (m->slot + 2 <= SLOTS) { // there is room to settle it
		rc = append_line(m, state);
		if (rc == 0 && fdatasync(m->fd) < 0) {
			rc = -errno;
		}
	} else {
		const struct manifest_state both[2] = {m->last, *state};
		rc = replace(m, both, 2);
	}
	if (rc < 0) {
		return give_up(m, rc);
	}
	m->before = m->last;
	m->has_before = m->has_last;
	m->last = *state;
	return 0;
}

int manifest_settle(struct manifest *m) {
	if (m->fd < 0) {
		return -EIO;
	}
	int rc = append_line(m, &m->last);
	if (rc < 0) {
		return give_up(m, rc);
	}
	m->before = m->last;
	m->has_before = true;
	return 0;
}
