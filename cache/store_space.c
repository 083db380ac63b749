// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_space.h"

#define LOG_TOPIC "store"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct store_space {
	bool ballast; // it is there, at full size
	char directory[PATH_MAX];
	char path[PATH_MAX];
};

static int free_bytes(const struct store_space *s, uint64_t *out) {
	struct statvfs v;
	if (statvfs(s->directory, &v) < 0) {
		return -errno;
	}
	*out = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

// A file with holes keeps no space, so the blocks count, not the length.
static bool is_whole(const struct store_space *s) {
	struct stat st;
	return stat(s->path, &st) == 0 && st.st_size >= (off_t)STORE_SPACE_BALLAST_BYTES
	       && (uint64_t)st.st_blocks * 512 >= STORE_SPACE_BALLAST_BYTES;
}

static int make_ballast(struct store_space *s) {
	int fd = open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	int rc = -posix_fallocate(fd, 0, (off_t)STORE_SPACE_BALLAST_BYTES);
	close(fd);
	if (rc < 0) {
		(void)unlink(s->path);
		return rc;
	}
	s->ballast = true;
	return 0;
}

struct store_space *store_space_new(const char *directory) {
	struct store_space *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	if (snprintf(s->directory, PATH_MAX, "%s", directory) >= PATH_MAX
	    || snprintf(s->path, PATH_MAX, "%s/ballast", directory) >= PATH_MAX) {
		free(s);
		errno = ENAMETOOLONG;
		return NULL;
	}
	s->ballast = is_whole(s);
	if (store_space_check(s) < 0) {
		LOG(WARN, "%s: hardly any space is left", directory);
	}
	return s;
}

void store_space_free(struct store_space *s) {
	free(s);
}

int store_space_check(struct store_space *s) {
	uint64_t left = 0;
	int rc = free_bytes(s, &left);
	if (rc < 0) {
		return rc;
	}
	if (s->ballast) {
		return left >= STORE_SPACE_GUARD_BYTES ? 0 : -ENOSPC;
	}
	if (left < STORE_SPACE_GUARD_BYTES + STORE_SPACE_BALLAST_BYTES) {
		return -ENOSPC;
	}
	return make_ballast(s);
}

void store_space_release(struct store_space *s) {
	if (s->ballast && unlink(s->path) < 0) {
		LOG(WARN, "%s cannot be given up: %m", s->path);
	}
	s->ballast = false;
}
