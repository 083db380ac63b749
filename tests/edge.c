// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint8_t *map_edge(void) {
	size_t guard = 65536; // whatever the size of a page
	uint8_t *at = mmap(
		NULL, EDGE_MAX + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	);
	if (at == MAP_FAILED || mprotect(at + EDGE_MAX, guard, PROT_NONE) != 0) {
		perror("edge");
		abort();
	}
	return at + EDGE_MAX;
}

uint8_t *edge_copy(const void *octets, size_t len) {
	static uint8_t *edge;
	if (edge == NULL) {
		edge = map_edge();
	}
	if (len > EDGE_MAX) {
		abort();
	}
	if (len > 0) {
		memcpy(edge - len, octets, len);
	}
	return edge - len;
}

void edge_try(const void *octets, size_t len, edge_reader read, void *arg) {
	for (size_t cut = 0; cut <= len; cut++) {
		read(arg, edge_copy(octets, cut), cut);
	}
	uint8_t *kept = malloc(len + 1);
	if (kept == NULL) {
		abort();
	}
	for (size_t out = 0; out < len; out++) {
		memcpy(kept, octets, out);
		memcpy(kept + out, (const uint8_t *)octets + out + 1, len - out - 1);
		read(arg, edge_copy(kept, len - 1), len - 1);
	}
	free(kept);
}
