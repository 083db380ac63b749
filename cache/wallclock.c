// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/wallclock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define SUSPECT_AFTER_S (7 * 86400)

static int path_of(char path[PATH_MAX], const char *directory, const char *leaf) {
	int n = snprintf(path, PATH_MAX, "%s/%s", directory, leaf);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

struct wallclock wallclock_load(const char *directory, wall_s_t now) {
	struct wallclock judged = {.wall = now, .kept = now};
	char path[PATH_MAX];
	if (path_of(path, directory, "clock") < 0) {
		return judged;
	}
	FILE *f = fopen(path, "re");
	if (f == NULL) {
		return judged;
	}
	char line[32] = "";
	long long saved = 0;
	char end = '\0';
	if (fgets(line, sizeof(line), f) != NULL && sscanf(line, "%lld%c", &saved, &end) == 2
	    && end == '\n' && saved > 0) {
		judged.behind = now < saved;
		judged.suspect = now - saved > SUSPECT_AFTER_S;
		judged.wall = judged.behind || judged.suspect ? saved : now;
		judged.kept = judged.behind ? saved : now;
	}
	(void)fclose(f);
	return judged;
}

int wallclock_save(const char *directory, wall_s_t now) {
	char path[PATH_MAX];
	char temp[PATH_MAX];
	int rc = path_of(path, directory, "clock");
	if (rc == 0) {
		rc = path_of(temp, directory, "clock.new");
	}
	if (rc < 0) {
		return rc;
	}
	FILE *f = fopen(temp, "we");
	if (f == NULL) {
		return -errno;
	}
	bool ok = fprintf(f, "%lld\n", (long long)now) > 0;
	ok = fclose(f) == 0 && ok;
	if (!ok || rename(temp, path) < 0) {
		return errno != 0 ? -errno : -EIO;
	}
	return 0;
}
