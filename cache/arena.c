// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/arena.h"

#include <stdint.h>
#include <sys/mman.h>

void *arena_map(size_t bytes, size_t align) {
	// The kernel aligns to pages: take more and cut both ends off.
	size_t wide = bytes + align;
	char *at = mmap(
		NULL,
		wide,
		PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1,
		0
	);
	if (at == MAP_FAILED) {
		return NULL;
	}
	size_t before = (align - ((uintptr_t)at & (align - 1))) & (align - 1);
	if (before > 0) {
		munmap(at, before);
	}
	munmap(at + before + bytes, wide - before - bytes);
	// Advice only: a kernel without huge pages is slower, not wrong.
	(void)madvise(at + before, bytes, MADV_HUGEPAGE);
	return at + before;
}

void arena_unmap(void *at, size_t bytes) {
	if (at != NULL) {
		munmap(at, bytes);
	}
}
