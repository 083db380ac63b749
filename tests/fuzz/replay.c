// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Gives a fuzz target what fuzzing has found: every file of a folder, each of
// its prefixes, and the file without each of its octets, always at the edge of
// mapped memory.
//
// Usage: replay_TARGET FOLDER

#include "tests/edge.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX 4096 // of which every prefix is tried

static void run_one(void * /*arg*/, const uint8_t *at, size_t len) {
	(void)LLVMFuzzerTestOneInput(at, len);
}

static void replay(const char *folder, const char *name) {
	static uint8_t octets[FILE_MAX + 1];
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "rbe");
	size_t len = f != NULL ? fread(octets, 1, sizeof(octets), f) : 0;
	if (f == NULL || ferror(f) != 0 || len > FILE_MAX) {
		fprintf(stderr, "%s: cannot be read, or has more than %d octets\n", path, FILE_MAX);
		exit(1);
	}
	(void)fclose(f);
	edge_try(octets, len, run_one, NULL);
}

int main(int argc, char **argv) {
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned files = 0;
	const struct dirent *e;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.') {
			replay(argv[1], e->d_name);
			files++;
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	printf("%u files\n", files);
	return files > 0 ? 0 : 1;
}
