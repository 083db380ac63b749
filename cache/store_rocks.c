// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_rocks.h"

#include "base/err.h"
#define LOG_TOPIC "store"
#include "base/log.h"

#include <rocksdb/c.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What the settings below keep off:
//
// - A full disk. The library is built with assertions, and one of them ends the
//   process when its info log cannot be written; and a write buffer that cannot
//   be flushed must fit into what little space comes back. So the log has almost
//   nothing to say, and the buffer is small.
// - Damage passed over in silence. Point-in-time recovery replays the log up to
//   the first record that is damaged or missing. That opens after a crash, where
//   only the unsynced tail can be torn, and it keeps what lies before a flipped
//   byte instead of giving up everything. That something is missing is for
//   the manifest to notice. Stricter modes turn a torn tail, or one bad octet,
//   into the loss of all records.
// - Faults that later versions have mended: recycled logs, compressed logs,
//   manual flushing, tracked logs, many background jobs.
#define WRITE_BUFFER_BYTES ((size_t)4 << 20)
#define BLOCK_CACHE_BYTES ((size_t)8 << 20)
#define INFO_LOG_FATAL 4
#define BACKGROUND_JOBS 2
#define BLOOM_BITS 10
#define READAHEAD_BYTES ((size_t)256 << 10)

struct rocks {
	struct engine head; // first: an engine pointer is ours
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *lazily;
	rocksdb_writeoptions_t *synced;
	rocksdb_readoptions_t *point;
	rocksdb_readoptions_t *scan;
};

struct engine_iter {
	rocksdb_iterator_t *it;
	bool backward;
	bool begun;
};

static struct rocks *rocks_of(struct engine *e) {
	return (struct rocks *)e;
}

// Codes. The C API has nothing but text, which begins with the kind of the
// status and carries strerror() of what the system said.

static const struct {
	const char *part;
	int code;
} codes[] = {
	// First, because such statuses are "Corruption" by kind.
	{"newer version of RocksDB", ERR_VERSION},
	{"No space left on device", -ENOSPC},
	{"Disk quota exceeded", -EDQUOT},
	{"Read-only file system", -EROFS},
	{"Permission denied", -EACCES},
	{"Too many open files", -EMFILE},
	{"Cannot allocate memory", -ENOMEM},
	{"lock file", -EBUSY},
	{"lock hold by current process", -EBUSY},
	// A file that must be there and is not, or is no file.
	{"No such file or directory", ERR_CORRUPT},
	{"Is a directory", ERR_CORRUPT},
	{"Input/output error", -EIO},
	{"Corruption", ERR_CORRUPT},
	{"Invalid argument", ERR_CORRUPT},
	{"IO error", -EIO},
};

// Takes the text over. @return 0 if there is none.
static int code_of(char *err) {
	if (err == NULL) {
		return 0;
	}
	int code = ERR_STORE;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strstr(err, codes[i].part) != NULL) {
			code = codes[i].code;
			break;
		}
	}
	LOG(WARN, "rocksdb: %s", err);
	rocksdb_free(err);
	return code;
}

static int commit(struct engine *e, const struct engine_write w[], size_t n, bool sync) {
	struct rocks *r = rocks_of(e);
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	for (size_t i = 0; i < n; i++) {
		if (w[i].value == NULL) {
			rocksdb_writebatch_delete(batch, w[i].key, w[i].key_len);
		} else {
			rocksdb_writebatch_put(
				batch, w[i].key, w[i].key_len, w[i].value, w[i].value_len
			);
		}
	}
	char *err = NULL;
	rocksdb_write(r->db, sync ? r->synced : r->lazily, batch, &err);
	rocksdb_writebatch_destroy(batch);
	return code_of(err);
}

static int
get(struct engine *e,
    const void *key,
    size_t key_len,
    void (*fn)(void *arg, const void *value, size_t len),
    void *arg) {
	struct rocks *r = rocks_of(e);
	char *err = NULL;
	rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(r->db, r->point, key, key_len, &err);
	if (err != NULL) {
		return code_of(err);
	}
	if (slice == NULL) {
		return -ENOENT;
	}
	size_t len = 0;
	const char *value = rocksdb_pinnableslice_value(slice, &len);
	fn(arg, value, len);
	rocksdb_pinnableslice_destroy(slice);
	return 0;
}

static struct engine_iter *iter(struct engine *e, const void *key, size_t key_len, bool backward) {
	struct rocks *r = rocks_of(e);
	struct engine_iter *it = calloc(1, sizeof(*it));
	if (it == NULL) {
		return NULL;
	}
	it->it = rocksdb_create_iterator(r->db, r->scan);
	it->backward = backward;
	if (backward) {
		rocksdb_iter_seek_for_prev(it->it, key, key_len);
	} else {
		rocksdb_iter_seek(it->it, key, key_len);
	}
	return it;
}

static bool next(struct engine_iter *it, struct engine_row *out) {
	if (it->begun && it->backward) {
		rocksdb_iter_prev(it->it);
	} else if (it->begun) {
		rocksdb_iter_next(it->it);
	}
	it->begun = true;
	if (!rocksdb_iter_valid(it->it)) {
		it->begun = false; // stays at the end
		return false;
	}
	out->key = rocksdb_iter_key(it->it, &out->key_len);
	out->value = rocksdb_iter_value(it->it, &out->value_len);
	return true;
}

// An iterator that meets a damaged block just ends; only this tells.
static int iter_end(struct engine_iter *it) {
	char *err = NULL;
	rocksdb_iter_get_error(it->it, &err);
	rocksdb_iter_destroy(it->it);
	free(it);
	return code_of(err);
}

static int checkpoint(struct engine *e, const char *path) {
	char *err = NULL;
	rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(rocks_of(e)->db, &err);
	if (err == NULL) {
		rocksdb_checkpoint_create(c, path, 0, &err);
		rocksdb_checkpoint_object_destroy(c);
	}
	return code_of(err);
}

static void release(struct rocks *r) {
	if (r->db != NULL) {
		rocksdb_close(r->db);
	}
	rocksdb_readoptions_destroy(r->scan);
	rocksdb_readoptions_destroy(r->point);
	rocksdb_writeoptions_destroy(r->synced);
	rocksdb_writeoptions_destroy(r->lazily);
	rocksdb_options_destroy(r->options);
	free(r);
}

static void close_rocks(struct engine *e) {
	release(rocks_of(e));
}

static const struct engine_ops rocks_ops = {
	.commit = commit,
	.get = get,
	.iter = iter,
	.next = next,
	.iter_end = iter_end,
	.checkpoint = checkpoint,
	.close = close_rocks,
};

static void set_tables(rocksdb_options_t *o) {
	rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
	rocksdb_cache_t *cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
	rocksdb_block_based_options_set_block_cache(t, cache);
	// The filter answers for most of the domains that are not there yet. The
	// options own it afterwards.
	rocksdb_block_based_options_set_filter_policy(
		t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS)
	);
	rocksdb_options_set_block_based_table_factory(o, t);
	rocksdb_cache_destroy(cache); // our share
	rocksdb_block_based_options_destroy(t);
}

static rocksdb_options_t *make_options(bool create) {
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(o, create);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_wal_recovery_mode(o, rocksdb_point_in_time_recovery);
	rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER_BYTES);
	rocksdb_options_set_max_write_buffer_number(o, 2);
	rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
	rocksdb_options_set_info_log_level(o, INFO_LOG_FATAL);
	rocksdb_options_set_keep_log_file_num(o, 1);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	rocksdb_options_set_recycle_log_file_num(o, 0);
	rocksdb_options_set_manual_wal_flush(o, 0);
	set_tables(o);
	return o;
}

static struct rocks *make_rocks(bool create) {
	struct rocks *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->head.ops = &rocks_ops;
	r->options = make_options(create);
	r->lazily = rocksdb_writeoptions_create();
	r->synced = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->synced, 1);
	r->point = rocksdb_readoptions_create();
	rocksdb_readoptions_set_verify_checksums(r->point, 1);
	r->scan = rocksdb_readoptions_create();
	rocksdb_readoptions_set_verify_checksums(r->scan, 1);
	rocksdb_readoptions_set_fill_cache(r->scan, 0);
	rocksdb_readoptions_set_readahead_size(r->scan, READAHEAD_BYTES);
	return r;
}

int store_rocks_open(const char *path, bool create, struct engine **out) {
	struct rocks *r = make_rocks(create);
	if (r == NULL) {
		return -ENOMEM;
	}
	char *err = NULL;
	r->db = rocksdb_open(r->options, path, &err);
	if (err != NULL) {
		r->db = NULL;
		release(r);
		return code_of(err);
	}
	*out = &r->head;
	return 0;
}

int store_rocks_destroy(const char *path) {
	if (access(path, F_OK) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	rocksdb_options_t *o = rocksdb_options_create();
	char *err = NULL;
	rocksdb_destroy_db(o, path, &err);
	rocksdb_options_destroy(o);
	return code_of(err);
}
