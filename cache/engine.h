// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>

// What the store asks of an ordered key-value engine. Keys and values are
// octets. One thread at a time uses an engine and its iterators.
//
// Codes: 0, -ENOENT where said, ERR_CORRUPT for data that cannot be trusted any
// more, else negative errno or ERR_STORE. After a failed commit only
// reads and close are allowed.

struct engine;
struct engine_iter;

struct engine_write {
	const void *key;
	size_t key_len;
	const void *value; // NULL deletes
	size_t value_len;
};

// Borrowed until the iterator moves.
struct engine_row {
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len;
};

struct engine_ops {
	// All or nothing; with sync it is on disk when 0 is returned.
	int (*commit)(struct engine *e, const struct engine_write w[], size_t n, bool sync);
	// Calls fn with the value. @return -ENOENT: there is none.
	int (*get
	)(struct engine *e,
	  const void *key,
	  size_t key_len,
	  void (*fn)(void *arg, const void *value, size_t len),
	  void *arg);
	// At the first key >= key, or the last one <= key when backward. The
	// data is as of now. @return NULL: out of memory.
	struct engine_iter *(*iter
	)(struct engine *e, const void *key, size_t key_len, bool backward);
	// Gives the row and moves on. @return False: at the end, or failed.
	bool (*next)(struct engine_iter *it, struct engine_row *out);
	// @return 0, or why the iterator ended early.
	int (*iter_end)(struct engine_iter *it);
	// A copy that can be opened, in a directory that is not there yet. NULL for
	// an engine that has no files.
	int (*checkpoint)(struct engine *e, const char *path);
	void (*close)(struct engine *e);
};

// The head of every engine.
struct engine {
	const struct engine_ops *ops;
};
