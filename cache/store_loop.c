// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_loop.h"

#include "base/err.h"
#define LOG_TOPIC "store"
#include "base/log.h"
#include "cache/store_backup.h"
#include "cache/store_disk.h"
#include "cache/store_space.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

// A turn answers some look-ups, commits one group and streams a slice of rows,
// so that none of the three waits long for the others. A group that touches
// policies goes so:
//
//  1. what the policies of the group were is read, and the sum after it made;
//  2. the line with that sum is appended to the manifest and synced;
//  3. the group is committed with fsync;
//  4. the line is repeated, which says that the commit was made;
//  5. the tickets are confirmed.
//
// A death between 2 and 3 leaves the store one line behind; a death within 3
// leaves it at either line, for the engine commits all or nothing. A failure in
// 2 or 3 leaves this process in the same doubt, so nothing is appended any more
// until store_disk_revive() has looked at what the engine holds and has begun a
// new manifest with it.

#define GROUP_WRITES 1024U
#define GROUP_BYTES ((size_t)1 << 20)
#define GROUP_SLOTS 4096U // of the index of keys, a power of two
#define LAZY_WAIT_NS CLOCK_NS_PER_S
#define GETS_PER_TURN 64
#define ROWS_PER_TURN 256
#define RETRY_FIRST_NS (100 * CLOCK_NS_PER_MS)
#define RETRY_MAX_NS (5 * CLOCK_NS_PER_S)

struct store_group {
	struct store_write *writes[GROUP_WRITES];
	size_t n;
	bool synced;
	bool policies;
	uint16_t slots[GROUP_SLOTS]; // of a key: its last write + 1
	struct engine_write out[GROUP_WRITES];
};

int store_loop_init(struct store *s) {
	s->group = calloc(1, sizeof(*s->group));
	return s->group == NULL ? -ENOMEM : 0;
}

void store_loop_fini(struct store *s) {
	free(s->group);
	while (!STAILQ_EMPTY(&s->writes)) {
		struct store_write *w = STAILQ_FIRST(&s->writes);
		STAILQ_REMOVE_HEAD(&s->writes, link);
		free(w);
	}
}

// Going down and coming back.

void store_loop_go_down(struct store *s, int cause) {
	if (!s->down) {
		LOG(ERROR, "nothing can be written: %s", err_str(cause));
		s->attempts = 0;
	}
	mono_ns_t wait = RETRY_FIRST_NS << (s->attempts < 10 ? s->attempts : 10);
	s->attempts++;
	s->retry_at = clock_mono_ns() + (wait < RETRY_MAX_NS ? wait : RETRY_MAX_NS);
	s->down = true;
	s->cause = cause;
	if (cause == ERR_CORRUPT) {
		s->damaged = true;
	}
	pthread_mutex_lock(&s->lock);
	s->stats.degraded = true;
	pthread_mutex_unlock(&s->lock);
}

// The engine itself has failed, it did not just lack space.
static void fail_engine(struct store *s, int cause) {
	s->failed = true;
	if (cause == -ENOSPC && s->space != NULL) {
		store_space_release(s->space);
	}
	store_loop_go_down(s, cause);
}

static void pause_stream(struct store *s) {
	if (s->stream != NULL) {
		(void)s->engine->ops->iter_end(s->stream);
		s->stream = NULL;
	}
}

static void revive(struct store *s) {
	pause_stream(s); // the engine may be closed
	int rc = store_disk_revive(s);
	if (rc < 0) {
		store_loop_go_down(s, rc);
		return;
	}
	LOG(INFO, "writes are possible again");
	s->down = false;
	pthread_mutex_lock(&s->lock);
	s->stats.degraded = false;
	pthread_mutex_unlock(&s->lock);
}

// Groups.

static void confirm(struct store *s, uint64_t ticket, int status) {
	struct store_confirm c = {.ticket = ticket, .status = status};
	// There is room: store_put() takes no more tickets than the queue holds.
	bool pushed = queue_push(s->confirms, &c);
	assert(pushed);
	(void)pushed;
}

static void unlink_first(struct store *s, struct store_write *w) {
	STAILQ_REMOVE_HEAD(&s->writes, link);
	s->write_count--;
	s->write_bytes -= w->len;
	s->urgent -= w->ticket != 0 ? 1 : 0;
}

static void relink_first(struct store *s, struct store_write *w) {
	w->superseded = false;
	STAILQ_INSERT_HEAD(&s->writes, w, link);
	s->write_count++;
	s->write_bytes += w->len;
}

// Context: under the lock.
static void take_group(struct store *s) {
	struct store_group *g = s->group;
	size_t bytes = 0;
	g->n = 0;
	g->synced = false;
	g->policies = false;
	while (g->n < GROUP_WRITES && bytes < GROUP_BYTES && !STAILQ_EMPTY(&s->writes)) {
		struct store_write *w = STAILQ_FIRST(&s->writes);
		unlink_first(s, w);
		bytes += w->len;
		g->writes[g->n++] = w;
		g->synced = g->synced || w->ticket != 0;
		g->policies = g->policies || w->octets[0] == store_letter(STORE_POLICY);
	}
}

static bool same_key(const struct store_write *a, const struct store_write *b) {
	return a->key_len == b->key_len && memcmp(a->octets, b->octets, a->key_len) == 0;
}

// Of the writes to one key only the last one counts.
static void supersede(struct store_group *g) {
	memset(g->slots, 0, sizeof(g->slots));
	for (size_t i = 0; i < g->n; i++) {
		struct store_write *w = g->writes[i];
		size_t at = XXH3_64bits(w->octets, w->key_len) % GROUP_SLOTS;
		while (g->slots[at] != 0 && !same_key(g->writes[g->slots[at] - 1], w)) {
			at = (at + 1) % GROUP_SLOTS;
		}
		if (g->slots[at] != 0) {
			g->writes[g->slots[at] - 1]->superseded = true;
		}
		g->slots[at] = (uint16_t)(i + 1);
	}
}

struct old_value {
	const struct store_write *w;
	manifest_sum_t hash;
};

static void hash_old(void *arg, const void *value, size_t len) {
	struct old_value *old = arg;
	old->hash = manifest_hash(old->w->octets, old->w->key_len, value, len);
}

// What the policies will be after this write.
static int fold_write(struct store *s, const struct store_write *w, struct manifest_state *after) {
	struct old_value old = {.w = w};
	struct engine *e = s->engine;
	int rc = e->ops->get(e, w->octets, w->key_len, hash_old, &old);
	if (rc < 0 && rc != -ENOENT) {
		return rc;
	}
	if (rc == 0) {
		after->count--;
		after->sum -= old.hash;
	}
	if (!w->deletes) {
		after->count++;
		after->sum += manifest_hash(w->octets, w->key_len, w->octets + w->key_len, w->len);
	}
	return 0;
}

static int announce(struct store *s, struct manifest_state *after) {
	const struct store_group *g = s->group;
	after->batch++;
	for (size_t i = 0; i < g->n; i++) {
		const struct store_write *w = g->writes[i];
		if (w->superseded || w->octets[0] != store_letter(STORE_POLICY)) {
			continue;
		}
		int rc = fold_write(s, w, after);
		if (rc < 0) {
			return rc;
		}
	}
	return s->manifest == NULL ? 0 : manifest_append(s->manifest, after);
}

// The commit holds, whatever becomes of this; the next one would fail.
static void settle_manifest(struct store *s) {
	if (s->group->policies && s->manifest != NULL && manifest_settle(s->manifest) < 0) {
		LOG(WARN, "the manifest cannot be written");
	}
}

static int write_group(struct store *s) {
	struct store_group *g = s->group;
	struct manifest_state after = s->state;
	supersede(g);
	int rc = g->policies ? announce(s, &after) : 0;
	if (rc < 0) {
		return rc;
	}
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct store_write *w = g->writes[i];
		if (!w->superseded) {
			g->out[n++] = (struct engine_write){
				.key = w->octets,
				.key_len = w->key_len,
				.value = w->deletes ? NULL : w->octets + w->key_len,
				.value_len = w->len,
			};
		}
	}
	rc = s->engine->ops->commit(s->engine, g->out, n, g->synced || g->policies);
	if (rc == 0) {
		s->state = after;
		settle_manifest(s);
	}
	return rc;
}

static void count_commit(struct store *s, int rc, mono_ns_t took) {
	pthread_mutex_lock(&s->lock);
	struct store_stats *stats = &s->stats;
	stats->commits += rc == 0 ? 1 : 0;
	stats->writes += rc == 0 ? s->group->n : 0;
	stats->errors += rc < 0 ? 1 : 0;
	stats->commit_ns_max = took > stats->commit_ns_max ? took : stats->commit_ns_max;
	pthread_mutex_unlock(&s->lock);
}

// Lazy writes of a group that failed go back to where they came from: a deletion
// among them would else leave on disk what was purged.
static void settle_group(struct store *s, int rc) {
	struct store_group *g = s->group;
	for (size_t i = 0; i < g->n; i++) {
		if (g->writes[i]->ticket != 0) {
			confirm(s, g->writes[i]->ticket, rc);
		}
	}
	pthread_mutex_lock(&s->lock);
	for (size_t i = g->n; i > 0; i--) {
		struct store_write *w = g->writes[i - 1];
		if (rc < 0 && w->ticket == 0) {
			relink_first(s, w);
		} else {
			free(w);
		}
	}
	pthread_mutex_unlock(&s->lock);
	g->n = 0;
}

static void commit_group(struct store *s) {
	pthread_mutex_lock(&s->lock);
	take_group(s);
	pthread_mutex_unlock(&s->lock);
	mono_ns_t begun = clock_mono_ns();
	int rc = s->space != NULL ? store_space_check(s->space) : 0;
	if (rc < 0) {
		store_loop_go_down(s, rc);
	} else {
		rc = write_group(s);
		if (rc < 0) {
			fail_engine(s, rc);
		}
	}
	count_commit(s, rc, clock_mono_ns() - begun);
	settle_group(s, rc);
}

// While down: durable writes are refused at once, the caller writes them again.
static void refuse_urgent(struct store *s) {
	struct store_writes kept = STAILQ_HEAD_INITIALIZER(kept);
	pthread_mutex_lock(&s->lock);
	struct store_write *w;
	while (s->urgent > 0 && (w = STAILQ_FIRST(&s->writes)) != NULL) {
		unlink_first(s, w);
		if (w->ticket == 0) {
			STAILQ_INSERT_TAIL(&kept, w, link);
			s->write_count++;
			s->write_bytes += w->len;
			continue;
		}
		confirm(s, w->ticket, s->cause);
		free(w);
	}
	STAILQ_CONCAT(&kept, &s->writes);
	STAILQ_CONCAT(&s->writes, &kept);
	pthread_mutex_unlock(&s->lock);
}

// Look-ups and the stream.

static void fill_row(struct store_row *row, const void *value, size_t len) {
	row->len = (uint32_t)len;
	memcpy(row->value, value, len < sizeof(row->value) ? len : sizeof(row->value));
}

static void fill_answer(void *arg, const void *value, size_t len) {
	fill_row(arg, value, len);
}

static int look_up(struct store *s, const struct store_want *want) {
	struct store_row row = {.domain = want->domain, .ticket = want->ticket};
	uint8_t key[STORE_KEY_MAX];
	key[0] = store_letter(want->family);
	memcpy(key + 1, want->domain.text, want->domain.len);
	struct engine *e = s->engine;
	row.status = e == NULL ? s->cause
			       : e->ops->get(e, key, 1U + want->domain.len, fill_answer, &row);
	// There is room: store_get() takes no more than the queue holds.
	bool pushed = queue_push(s->answers, &row);
	assert(pushed);
	(void)pushed;
	return e == NULL || row.status == -ENOENT ? 0 : row.status;
}

static void answer_gets(struct store *s) {
	struct store_want want;
	for (int i = 0; i < GETS_PER_TURN && queue_pop(s->wants, &want, 1) == 1; i++) {
		int rc = look_up(s, &want);
		if (rc < 0) {
			fail_engine(s, rc);
		}
	}
}

static void end_stream(struct store *s, int status) {
	struct store_row row = {.last = true, .status = status};
	bool pushed = queue_push(s->rows, &row);
	assert(pushed); // stream_slice() left room
	(void)pushed;
	pthread_mutex_lock(&s->lock);
	s->streaming = false;
	pthread_mutex_unlock(&s->lock);
}

static bool row_of(struct store *s, const struct engine_row *from, struct store_row *row) {
	const uint8_t *key = from->key;
	if (from->key_len < 1 || from->key_len > STORE_KEY_MAX
	    || key[0] != store_letter(s->stream_family)) {
		return false;
	}
	row->domain.len = (uint8_t)(from->key_len - 1);
	memcpy(row->domain.text, key + 1, row->domain.len);
	fill_row(row, from->value, from->value_len);
	// The least key behind this one.
	memcpy(s->stream_key, key, from->key_len);
	s->stream_key[from->key_len] = 0;
	s->stream_key_len = from->key_len + 1;
	return true;
}

// @return Whether it makes sense to call again at once.
static bool stream_slice(struct store *s) {
	const struct engine_ops *ops = s->engine->ops;
	if (s->stream == NULL) {
		s->stream = ops->iter(s->engine, s->stream_key, s->stream_key_len, false);
	}
	if (s->stream == NULL) {
		end_stream(s, -ENOMEM);
		return false;
	}
	for (int i = 0; i < ROWS_PER_TURN && queue_count(s->rows) + 1 < STORE_ROWS_MAX; i++) {
		struct engine_row from;
		struct store_row row = {0};
		if (ops->next(s->stream, &from) && row_of(s, &from, &row)) {
			bool pushed = queue_push(s->rows, &row);
			assert(pushed);
			(void)pushed;
			continue;
		}
		int rc = ops->iter_end(s->stream);
		s->stream = NULL;
		end_stream(s, rc);
		if (rc < 0) {
			fail_engine(s, rc);
		}
		return false;
	}
	return true;
}

// The thread.

static bool commit_is_due(const struct store *s, mono_ns_t now) {
	const struct store_write *first = STAILQ_FIRST(&s->writes);
	return first != NULL
	       && (s->urgent > 0 || s->stop || s->write_count >= STORE_LAZY_WRITES
		   || now - first->queued_at >= LAZY_WAIT_NS);
}

static bool stream_is_due(struct store *s) {
	return s->streaming && s->engine != NULL && queue_count(s->rows) + 1 < STORE_ROWS_MAX;
}

// Context: under the lock.
static bool has_work(struct store *s, mono_ns_t now) {
	if (queue_count(s->wants) > 0 || stream_is_due(s) || s->stop || s->backup_ticket != 0) {
		return true;
	}
	return s->down ? s->urgent > 0 || now >= s->retry_at : commit_is_due(s, now);
}

// Context: under the lock, which is given up while waiting.
static void wait_for_work(struct store *s) {
	mono_ns_t now = clock_mono_ns();
	while (!has_work(s, now)) {
		const struct store_write *first = STAILQ_FIRST(&s->writes);
		mono_ns_t until = 0;
		if (s->down) {
			until = s->retry_at;
		} else if (first != NULL) {
			until = first->queued_at + LAZY_WAIT_NS;
		}
		if (until == 0) {
			pthread_cond_wait(&s->wake, &s->lock);
		} else {
			const struct timespec at = {
				.tv_sec = (time_t)(until / CLOCK_NS_PER_S),
				.tv_nsec = (long)(until % CLOCK_NS_PER_S),
			};
			(void)pthread_cond_timedwait(&s->wake, &s->lock, &at);
		}
		now = clock_mono_ns();
	}
}

static bool has_writes(struct store *s) {
	pthread_mutex_lock(&s->lock);
	bool has = !STAILQ_EMPTY(&s->writes);
	pthread_mutex_unlock(&s->lock);
	return has;
}

// What is queued by now goes in: that many groups hold the longest queue. Others
// wait meanwhile, for as long as a flush takes.
static void back_up(struct store *s) {
	for (size_t i = 0; i < STORE_QUEUE_BYTES_MAX / GROUP_BYTES; i++) {
		if (s->down || !has_writes(s)) {
			break;
		}
		commit_group(s);
	}
	int rc = s->down ? s->cause : store_backup_make(s, s->backup, s->backup_wall);
	pthread_mutex_lock(&s->lock);
	uint64_t ticket = s->backup_ticket;
	s->backup_ticket = 0; // who reads the confirmation may ask for another one
	pthread_mutex_unlock(&s->lock);
	confirm(s, ticket, rc);
}

static void turn(struct store *s) {
	answer_gets(s);
	if (s->down && clock_mono_ns() >= s->retry_at) {
		revive(s);
	}
	pthread_mutex_lock(&s->lock);
	bool commit = !s->down && commit_is_due(s, clock_mono_ns());
	bool stream = stream_is_due(s);
	bool backup = s->backup_ticket != 0;
	pthread_mutex_unlock(&s->lock);
	if (commit) {
		commit_group(s);
	}
	if (s->down) {
		refuse_urgent(s);
	}
	if (backup) {
		back_up(s);
	}
	if (stream && s->engine != NULL) {
		(void)stream_slice(s);
	}
}

// What is queued is committed, or has failed once more.
static void drain(struct store *s) {
	if (s->down) {
		revive(s);
	}
	while (!s->down && !STAILQ_EMPTY(&s->writes)) {
		commit_group(s);
	}
	refuse_urgent(s);
	pause_stream(s);
}

void *store_loop_run(void *store) {
	struct store *s = store;
	(void)pthread_setname_np(pthread_self(), "sts:store");
	atomic_store_explicit(&s->tid, gettid(), memory_order_relaxed);
	pthread_mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->wake);
	for (;;) {
		wait_for_work(s);
		bool stop = s->stop;
		pthread_mutex_unlock(&s->lock);
		if (stop) {
			break;
		}
		turn(s);
		pthread_mutex_lock(&s->lock);
	}
	drain(s);
	return NULL;
}
