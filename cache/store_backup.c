// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_backup.h"

#include "cache/wallclock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int must_be_empty(const char *path) {
	DIR *d = opendir(path);
	if (d == NULL) {
		return -errno;
	}
	const struct dirent *found;
	int rc = 0;
	while (rc == 0 && (found = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe): own DIR
		bool self = strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0;
		rc = self ? 0 : -ENOTEMPTY;
	}
	closedir(d);
	return rc;
}

static int sync_directory(const char *path) {
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int write_manifest(const char *directory, const struct manifest_state *state) {
	struct manifest *m = NULL;
	int rc = manifest_open(directory, &m);
	if (rc == 0) {
		rc = manifest_reset(m, state);
	}
	manifest_close(m);
	return rc;
}

int store_backup_make(const struct store *s, const char *directory, wall_s_t wall) {
	char db[PATH_MAX];
	if (s->engine == NULL || s->engine->ops->checkpoint == NULL) {
		return -ENOTSUP;
	}
	if (snprintf(db, sizeof(db), "%s/db", directory) >= (int)sizeof(db)) {
		return -ENAMETOOLONG;
	}
	int rc = mkdir(directory, 0700) < 0 && errno != EEXIST ? -errno : must_be_empty(directory);
	if (rc == 0) {
		rc = s->engine->ops->checkpoint(s->engine, db);
	}
	if (rc == 0) {
		rc = write_manifest(directory, &s->state);
	}
	if (rc == 0) {
		rc = wallclock_save(directory, wall);
	}
	return rc == 0 ? sync_directory(directory) : rc;
}
