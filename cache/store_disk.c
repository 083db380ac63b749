// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_disk.h"

#include "base/bytes.h"
#include "base/err.h"
#define LOG_TOPIC "store"
#include "base/log.h"
#include "cache/store_mem.h"
#include "cache/store_rocks.h"
#include "cache/store_space.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// The directory:
//
//     lock          flock()ed by the process that has it open
//     db/           the engine
//     manifest      what db/ must hold
//     ballast       space in reserve
//     db.new/       a copy under way; whole only when there is no db/
//     quarantine-N/ damaged engines, for people to look at

#define FORMAT_KEY "!format" // before all families
#define FORMAT_OURS 1U
#define OPEN_TRIES 3
#define COPY_ROWS 256
#define COPY_BYTES ((size_t)256 << 10)
#define QUARANTINE_MAX 10000

// Scanning.

struct span {
	void (*fn)(void *arg, const struct engine_row *row);
	void *arg;
	uint8_t letter;
	uint8_t last[STORE_KEY_MAX]; // the last key seen from the front
	size_t last_len;
};

static bool is_ours(const struct span *s, const struct engine_row *row) {
	return row->key_len > 0 && *(const uint8_t *)row->key == s->letter;
}

static void remember(struct span *s, const struct engine_row *row) {
	s->last_len = row->key_len < sizeof(s->last) ? row->key_len : sizeof(s->last);
	memcpy(s->last, row->key, s->last_len);
}

static bool is_behind(const struct span *s, const struct engine_row *row) {
	size_t both = row->key_len < s->last_len ? row->key_len : s->last_len;
	int order = memcmp(row->key, s->last, both);
	return order > 0 || (order == 0 && row->key_len > s->last_len);
}

static int scan_forward(struct engine *e, struct span *s) {
	struct engine_iter *it = e->ops->iter(e, &s->letter, 1, false);
	if (it == NULL) {
		return -ENOMEM;
	}
	struct engine_row row;
	while (e->ops->next(it, &row) && is_ours(s, &row)) {
		s->fn(s->arg, &row);
		remember(s, &row);
	}
	return e->ops->iter_end(it);
}

// What lies behind the damage, from the end of the family back to it.
static void scan_backward(struct engine *e, struct span *s) {
	uint8_t behind = (uint8_t)(s->letter + 1);
	struct engine_iter *it = e->ops->iter(e, &behind, 1, true);
	if (it == NULL) {
		return;
	}
	struct engine_row row;
	while (e->ops->next(it, &row) && is_ours(s, &row) && is_behind(s, &row)) {
		s->fn(s->arg, &row);
	}
	(void)e->ops->iter_end(it);
}

int store_disk_scan(
	struct engine *e,
	enum store_family family,
	void (*fn)(void *arg, const struct engine_row *row),
	void *arg
) {
	struct span s = {.fn = fn, .arg = arg, .letter = store_letter(family)};
	int rc = scan_forward(e, &s);
	if (rc < 0) {
		scan_backward(e, &s);
	}
	return rc;
}

// Comparing.

struct tally {
	void (*fn)(void *arg, const struct engine_row *row);
	void *arg;
	struct manifest_state state;
};

static void add_up(void *arg, const struct engine_row *row) {
	struct tally *t = arg;
	t->state.count++;
	t->state.sum += manifest_hash(row->key, row->key_len, row->value, row->value_len);
	if (t->fn != NULL) {
		t->fn(t->arg, row);
	}
}

// The first fault explains the others.
static void blame(struct store_load_report *report, const char *text) {
	if (report->fault[0] == '\0') {
		(void)snprintf(report->fault, sizeof(report->fault), "%s", text);
	}
}

static void
judge(const struct manifest *m, const struct manifest_state *found, struct store_load_report *report
) {
	struct manifest_state last = {0};
	if (!manifest_exists(m)) {
		if (found->count > 0) {
			blame(report, "the manifest is missing");
		}
	} else if (!manifest_last(m, &last)) {
		blame(report, "the manifest cannot be read");
	} else if (!manifest_agrees(m, found->count, found->sum)) {
		char text[sizeof(report->fault)];
		(void)snprintf(
			text,
			sizeof(text),
			"the manifest tells of %" PRIu64 " policies, the store has %s%" PRIu64,
			last.count,
			last.count == found->count ? "other " : "",
			found->count
		);
		blame(report, text);
	}
}

void store_disk_compare(
	struct store *s,
	void (*fn)(void *arg, const struct engine_row *row),
	void *arg,
	struct store_load_report *report
) {
	struct tally t = {.fn = fn, .arg = arg};
	int rc = store_disk_scan(s->engine, STORE_POLICY, add_up, &t);
	if (rc < 0) {
		s->damaged = true;
		blame(report, "a part of the policies cannot be read");
	}
	if (s->manifest != NULL) {
		struct manifest_state last = {0};
		judge(s->manifest, &t.state, report);
		(void)manifest_last(s->manifest, &last);
		t.state.batch = last.batch;
	}
	s->state = t.state;
	s->compared = true;
	report->policies = t.state.count;
	report->complete = report->fault[0] == '\0';
}

// The engine's directory.

static bool is_there(const char *path) {
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static int join(char out[PATH_MAX], const char *directory, const char *leaf) {
	return snprintf(out, PATH_MAX, "%s/%s", directory, leaf) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int sync_directory(const struct store *s) {
	int fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int move(const struct store *s, const char *from, const char *to) {
	return rename(from, to) < 0 ? -errno : sync_directory(s);
}

// Nothing damaged is ever deleted.
static int quarantine(const struct store *s) {
	if (!is_there(s->db)) {
		return 0;
	}
	for (unsigned n = 1; n < QUARANTINE_MAX; n++) {
		char path[PATH_MAX];
		char leaf[32];
		(void)snprintf(leaf, sizeof(leaf), "quarantine-%u", n);
		int rc = join(path, s->directory, leaf);
		if (rc < 0) {
			return rc;
		}
		if (!is_there(path)) {
			LOG(ERROR, "%s is damaged, it is moved to %s", s->db, path);
			return move(s, s->db, path);
		}
	}
	return -EEXIST;
}

static void close_engine(struct store *s) {
	if (s->engine != NULL) {
		s->engine->ops->close(s->engine);
		s->engine = NULL;
	}
	s->compared = false;
}

// A copy that was finished takes the place it was made for; another one goes.
static int settle_copy(const struct store *s) {
	if (!is_there(s->fresh)) {
		return 0;
	}
	if (!is_there(s->db)) {
		return move(s, s->fresh, s->db);
	}
	return store_rocks_destroy(s->fresh);
}

// A new engine is begun where none has been: no directory, or one of a first
// start that did not get as far as a manifest. Else old files would be taken
// for an empty engine.
static bool may_create(const struct store *s) {
	char current[PATH_MAX];
	if (!is_there(s->db)) {
		return true;
	}
	return !manifest_exists(s->manifest) && join(current, s->db, "CURRENT") == 0
	       && !is_there(current);
}

static int open_existing(struct store *s) {
	if (s->in_memory) {
		s->engine = store_mem_open(s->mem);
		return s->engine == NULL ? -ENOMEM : 0;
	}
	int rc = settle_copy(s);
	return rc < 0 ? rc : store_rocks_open(s->db, may_create(s), &s->engine);
}

static int begin_anew(struct store *s) {
	int rc = quarantine(s);
	s->damaged = false;
	return rc < 0 ? rc : store_rocks_open(s->db, true, &s->engine);
}

// The format.

static void read_format(void *arg, const void *value, size_t len) {
	struct reader r = bytes_reader(value, len);
	uint32_t version = bytes_get_be32(&r);
	*(uint32_t *)arg = r.ok && bytes_left(&r) == 0 ? version : 0;
}

// Also the proof that the disk takes a write again.
static int write_format(struct engine *e) {
	assert(e != NULL);
	uint8_t value[4];
	struct writer w = bytes_writer(value, sizeof(value));
	bytes_put_be32(&w, FORMAT_OURS);
	const struct engine_write put = {FORMAT_KEY, strlen(FORMAT_KEY), value, sizeof(value)};
	return e->ops->commit(e, &put, 1, true);
}

static bool is_empty(struct engine *e) {
	struct engine_iter *it = e->ops->iter(e, "", 0, false);
	struct engine_row row;
	bool empty = it != NULL && !e->ops->next(it, &row);
	return it != NULL && e->ops->iter_end(it) == 0 && empty;
}

static int check_format(struct store *s) {
	struct engine *e = s->engine;
	uint32_t version = 0;
	int rc = e->ops->get(e, FORMAT_KEY, strlen(FORMAT_KEY), read_format, &version);
	if (rc == -ENOENT && is_empty(e)) {
		return write_format(e);
	}
	if (rc == 0 && version > FORMAT_OURS) {
		return ERR_VERSION;
	}
	// Unreadable, or lost while records are there: the copy has it again.
	s->damaged = s->damaged || rc < 0 || version == 0;
	return 0;
}

// Opening.

static int open_at_start(struct store *s, struct store_load_report *report) {
	int rc = -EIO;
	for (int i = 0; i < OPEN_TRIES && (rc == -EIO || rc == -ENOSPC); i++) {
		rc = open_existing(s);
		if (rc == -ENOSPC) {
			store_space_release(s->space);
		}
	}
	if (rc == ERR_CORRUPT || rc == -EIO) {
		blame(report, "the engine cannot be opened and was moved to quarantine");
		rc = begin_anew(s);
	}
	return rc < 0 ? rc : check_format(s);
}

static int lock_directory(struct store *s) {
	char path[PATH_MAX];
	if (mkdir(s->directory, 0700) < 0 && errno != EEXIST) {
		return -errno;
	}
	int rc = join(path, s->directory, "lock");
	if (rc < 0) {
		return rc;
	}
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0) {
		return -errno;
	}
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	}
	return 0;
}

static int name_paths(struct store *s, const char *directory) {
	if (snprintf(s->directory, PATH_MAX, "%s", directory) >= PATH_MAX) {
		return -ENAMETOOLONG;
	}
	int rc = join(s->db, s->directory, "db");
	return rc < 0 ? rc : join(s->fresh, s->directory, "db.new");
}

static int open_in_memory(struct store *s, struct store_mem *mem) {
	s->own_mem = mem == NULL;
	s->mem = mem != NULL ? mem : store_mem_new();
	return s->mem == NULL ? -ENOMEM : open_existing(s);
}

int store_disk_open(
	struct store *s,
	const struct store_config *config,
	struct store_load_report *report
) {
	s->in_memory = config->in_memory;
	if (s->in_memory) {
		return open_in_memory(s, config->mem);
	}
	int rc = name_paths(s, config->directory);
	if (rc == 0) {
		rc = lock_directory(s);
	}
	if (rc == 0) {
		rc = manifest_open(s->directory, &s->manifest);
	}
	if (rc < 0) {
		return rc;
	}
	s->space = store_space_new(s->directory);
	return s->space == NULL ? -errno : open_at_start(s, report);
}

void store_disk_close(struct store *s) {
	close_engine(s);
	if (s->own_mem) {
		store_mem_free(s->mem);
	}
	if (s->space != NULL) {
		store_space_free(s->space);
	}
	manifest_close(s->manifest);
	if (s->lock_fd >= 0) {
		close(s->lock_fd);
	}
}

// Copying what can be read.

struct copy {
	struct engine *to;
	int rc;
	size_t n;
	size_t bytes;
	struct engine_write writes[COPY_ROWS];
	uint8_t octets[COPY_BYTES];
};

static void flush_copy(struct copy *c, bool sync) {
	if (c->rc == 0 && c->n > 0) {
		c->rc = c->to->ops->commit(c->to, c->writes, c->n, sync);
	}
	c->n = 0;
	c->bytes = 0;
}

static const void *keep_octets(struct copy *c, const void *from, size_t len) {
	uint8_t *at = c->octets + c->bytes;
	memcpy(at, from, len);
	c->bytes += len;
	return at;
}

static void copy_row(void *arg, const struct engine_row *row) {
	struct copy *c = arg;
	size_t need = row->key_len + row->value_len;
	if (need > COPY_BYTES) {
		return; // no record of ours
	}
	if (c->n == COPY_ROWS || c->bytes + need > COPY_BYTES) {
		flush_copy(c, false);
	}
	struct engine_write *w = &c->writes[c->n++];
	w->key_len = row->key_len;
	w->value_len = row->value_len;
	w->key = keep_octets(c, row->key, row->key_len);
	w->value = keep_octets(c, row->value, row->value_len);
}

// NONE records may be lost, and there may be a hundred million of them.
static int copy_into(struct engine *from, struct engine *to) {
	struct copy *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return -ENOMEM;
	}
	c->to = to;
	(void)store_disk_scan(from, STORE_POLICY, copy_row, c);
	(void)store_disk_scan(from, STORE_STATE, copy_row, c);
	(void)store_disk_scan(from, STORE_OVERRIDE, copy_row, c);
	flush_copy(c, true);
	int rc = c->rc == 0 ? write_format(to) : c->rc;
	free(c);
	return rc;
}

// Dies at any instant without loss: the copy is whole before the damaged engine
// goes, and takes its place at the next open at the latest.
static int rebuild(struct store *s) {
	struct engine *to = NULL;
	LOG(WARN, "%s is damaged, what can be read of it is copied", s->db);
	int rc = store_rocks_destroy(s->fresh);
	if (rc == 0) {
		rc = store_rocks_open(s->fresh, true, &to);
	}
	if (rc < 0) {
		return rc;
	}
	assert(to != NULL);
	rc = copy_into(s->engine, to);
	to->ops->close(to);
	if (rc < 0) {
		return rc;
	}
	close_engine(s);
	rc = quarantine(s);
	s->damaged = rc < 0;
	return rc < 0 ? rc : open_existing(s);
}

// Reviving.

static int reopen(struct store *s) {
	int rc = open_existing(s);
	if (rc == ERR_CORRUPT && !s->in_memory) {
		rc = begin_anew(s);
	}
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&s->lock);
	s->stats.reopened++;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void count_loss(struct store *s, const struct store_load_report *report) {
	struct manifest_state last = {0};
	bool known = manifest_last(s->manifest, &last);
	uint64_t lost = known && last.count > s->state.count ? last.count - s->state.count : 1;
	LOG(ERROR, "%s", report->fault);
	pthread_mutex_lock(&s->lock);
	s->stats.lost += lost;
	pthread_mutex_unlock(&s->lock);
}

static int compare_again(struct store *s) {
	struct store_load_report report = {0};
	store_disk_compare(s, NULL, NULL, &report);
	if (s->damaged && !s->in_memory) {
		int rc = rebuild(s);
		if (rc < 0) {
			return rc;
		}
		report = (struct store_load_report){0};
		store_disk_compare(s, NULL, NULL, &report);
	}
	if (!report.complete && s->manifest != NULL) {
		count_loss(s, &report);
	}
	return 0;
}

static int prove_write(struct store *s) {
	int rc = s->space != NULL ? store_space_check(s->space) : 0;
	if (rc == 0) {
		rc = write_format(s->engine);
		s->failed = rc < 0;
	}
	if (rc == 0 && s->manifest != NULL) {
		s->state.batch++;
		rc = manifest_reset(s->manifest, &s->state);
	}
	if (rc == -ENOSPC && s->failed && s->space != NULL) {
		store_space_release(s->space);
	}
	return rc;
}

int store_disk_revive(struct store *s) {
	if (s->failed) {
		close_engine(s);
		s->failed = false;
	}
	int rc = s->engine == NULL ? reopen(s) : 0;
	if (rc == 0 && s->damaged && !s->in_memory) {
		rc = rebuild(s);
	}
	if (rc == 0 && !s->compared) {
		rc = compare_again(s);
	}
	return rc < 0 ? rc : prove_write(s);
}
