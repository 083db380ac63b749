// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/plainfile.h"

#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

FILE *plainfile_open(const char *path, const char **why) {
	struct stat st;
	FILE *f = fopen(path, "re");
	if (f == NULL) {
		*why = err_str(-errno);
		return NULL;
	}
	if (fstat(fileno(f), &st) < 0) {
		*why = err_str(-errno);
	} else if (S_ISDIR(st.st_mode)) {
		*why = "it is a directory";
	} else if (st.st_size > PLAINFILE_BYTES_MAX) {
		*why = "it is larger than 1 MiB";
	} else {
		return f;
	}
	(void)fclose(f);
	return NULL;
}
