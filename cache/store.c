// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store.h"

#include "base/err.h"
#include "cache/store_disk.h"
#include "cache/store_inner.h"
#include "cache/store_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

// Opening and loading.

static int join_ready(int ready_fd, struct queue *q) {
	struct epoll_event ev = {.events = EPOLLIN};
	return epoll_ctl(ready_fd, EPOLL_CTL_ADD, queue_fd(q), &ev) < 0 ? -errno : 0;
}

static int make_queues(struct store *s) {
	s->confirms = queue_new(sizeof(struct store_confirm), STORE_TICKETS_MAX);
	s->answers = queue_new(sizeof(struct store_row), STORE_GETS_MAX);
	s->rows = queue_new(sizeof(struct store_row), STORE_ROWS_MAX);
	s->wants = queue_new(sizeof(struct store_want), STORE_GETS_MAX);
	s->ready_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->confirms == NULL || s->answers == NULL || s->rows == NULL || s->wants == NULL
	    || s->ready_fd < 0) {
		return -errno;
	}
	int rc = join_ready(s->ready_fd, s->confirms);
	if (rc == 0) {
		rc = join_ready(s->ready_fd, s->answers);
	}
	return rc == 0 ? join_ready(s->ready_fd, s->rows) : rc;
}

static struct store *store_new(void) {
	struct store *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	s->lock_fd = -1;
	s->ready_fd = -1;
	STAILQ_INIT(&s->writes);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void stop_thread(struct store *s) {
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

void store_close(struct store *s) {
	if (s == NULL) {
		return;
	}
	if (s->running) {
		stop_thread(s);
	}
	store_disk_close(s);
	store_loop_fini(s);
	if (s->ready_fd >= 0) {
		close(s->ready_fd);
	}
	queue_free(s->wants);
	queue_free(s->rows);
	queue_free(s->answers);
	queue_free(s->confirms);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s);
}

int store_open(
	const struct store_config *config,
	struct store **out,
	struct store_load_report *report
) {
	*report = (struct store_load_report){0};
	struct store *s = store_new();
	if (s == NULL) {
		return -ENOMEM;
	}
	int rc = make_queues(s);
	if (rc == 0) {
		rc = store_loop_init(s);
	}
	if (rc == 0) {
		rc = store_disk_open(s, config, report);
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

struct loading {
	bool (*fn)(void *arg, const struct name *domain, const void *value, size_t len);
	void *arg;
	struct store_load_report *report;
};

// Bytes from disk are from outside: a key is a domain, or is refused.
static bool domain_of(const struct engine_row *row, struct name *out) {
	const char *text = (const char *)row->key + 1;
	size_t len = row->key_len - 1;
	return name_parse(text, len, out) == NAME_OK && out->len == len
	       && memcmp(out->text, text, len) == 0;
}

static void load_row(void *arg, const struct engine_row *row) {
	const struct loading *l = arg;
	struct name domain;
	if (!domain_of(row, &domain)
	    || (l->fn != NULL && !l->fn(l->arg, &domain, row->value, row->value_len))) {
		l->report->damaged++;
	}
}

int store_load(
	struct store *s,
	enum store_family family,
	bool (*fn)(void *arg, const struct name *domain, const void *value, size_t len),
	void *arg,
	struct store_load_report *report
) {
	if (s->running || s->engine == NULL) {
		return ERR_STORE;
	}
	struct loading l = {.fn = fn, .arg = arg, .report = report};
	if (family == STORE_POLICY) {
		store_disk_compare(s, load_row, &l, report);
		return 0;
	}
	if (store_disk_scan(s->engine, family, load_row, &l) < 0) {
		s->damaged = true;
		report->complete = false;
		if (report->fault[0] == '\0') {
			snprintf(
				report->fault,
				sizeof(report->fault),
				"a part of the lazy records cannot be read"
			);
		}
	}
	return 0;
}

int store_start(struct store *s) {
	int rc = store_disk_revive(s);
	if (rc < 0) {
		store_loop_go_down(s, rc);
	}
	rc = -pthread_create(&s->thread, NULL, store_loop_run, s);
	if (rc < 0) {
		return rc;
	}
	s->running = true;
	pthread_mutex_lock(&s->lock);
	while (store_tid(s) == 0) {
		pthread_cond_wait(&s->wake, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

// Writing.

static struct store_write *make_write(
	enum store_family family,
	const struct name *domain,
	const void *value,
	size_t len,
	uint64_t ticket
) {
	struct store_write *w = malloc(sizeof(*w) + 1U + domain->len + len);
	if (w == NULL) {
		return NULL;
	}
	*w = (struct store_write){
		.ticket = ticket,
		.queued_at = clock_mono_ns(),
		.len = (uint32_t)len,
		.key_len = (uint8_t)(1 + domain->len),
		.deletes = value == NULL,
	};
	w->octets[0] = store_letter(family);
	memcpy(w->octets + 1, domain->text, domain->len);
	if (value != NULL) {
		memcpy(w->octets + w->key_len, value, len);
	}
	return w;
}

// Context: under the lock.
static bool has_room(const struct store *s, size_t len, bool durable) {
	size_t share = durable ? 1 : 2;
	return s->write_count < STORE_QUEUE_MAX / share
	       && s->write_bytes + len <= STORE_QUEUE_BYTES_MAX / share
	       && (!durable || s->tickets < STORE_TICKETS_MAX);
}

bool store_put(
	struct store *s,
	enum store_family family,
	const struct name *domain,
	const void *value,
	size_t len,
	uint64_t ticket
) {
	struct store_write *w = make_write(family, domain, value, value == NULL ? 0 : len, ticket);
	if (w == NULL) {
		return false;
	}
	pthread_mutex_lock(&s->lock);
	bool room = has_room(s, w->len, ticket != 0);
	if (room) {
		// Wake the thread for what it must do now, and to set its timer.
		bool wake = ticket != 0 || s->write_count == 0
			    || s->write_count + 1 == STORE_LAZY_WRITES;
		STAILQ_INSERT_TAIL(&s->writes, w, link);
		s->write_count++;
		s->write_bytes += w->len;
		s->urgent += ticket != 0 ? 1 : 0;
		s->tickets += ticket != 0 ? 1 : 0;
		if (wake) {
			pthread_cond_signal(&s->wake);
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (!room) {
		free(w);
	}
	return room;
}

size_t store_confirmed(struct store *s, struct store_confirm out[], size_t max) {
	size_t n = queue_pop(s->confirms, out, max);
	if (n > 0) {
		pthread_mutex_lock(&s->lock);
		s->tickets -= n;
		pthread_mutex_unlock(&s->lock);
	}
	return n;
}

// Reading.

bool store_get(
	struct store *s,
	enum store_family family,
	const struct name *domain,
	uint64_t ticket
) {
	struct store_want want = {.ticket = ticket, .family = family, .domain = *domain};
	pthread_mutex_lock(&s->lock);
	bool taken = s->gets < STORE_GETS_MAX && queue_push(s->wants, &want);
	if (taken) {
		s->gets++;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

bool store_backup(struct store *s, const char *directory, wall_s_t wall, uint64_t ticket) {
	pthread_mutex_lock(&s->lock);
	bool taken = s->backup_ticket == 0 && s->tickets < STORE_TICKETS_MAX
		     && snprintf(s->backup, sizeof(s->backup), "%s", directory) < PATH_MAX;
	if (taken) {
		s->backup_ticket = ticket;
		s->backup_wall = wall;
		s->tickets++;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

bool store_stream(struct store *s, enum store_family family) {
	pthread_mutex_lock(&s->lock);
	bool idle = !s->streaming;
	if (idle) {
		s->stream_family = family;
		s->stream_key[0] = store_letter(family);
		s->stream_key_len = 1;
		s->streaming = true;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return idle;
}

size_t store_streamed(struct store *s, struct store_row out[], size_t max) {
	size_t answers = queue_pop(s->answers, out, max);
	size_t rows = queue_pop(s->rows, out + answers, max - answers);
	if (answers + rows > 0) {
		pthread_mutex_lock(&s->lock);
		s->gets -= answers;
		if (s->streaming) {
			pthread_cond_signal(&s->wake); // there is room for more
		}
		pthread_mutex_unlock(&s->lock);
	}
	return answers + rows;
}

int store_fd(const struct store *s) {
	return s->ready_fd;
}

struct store_stats store_stats(struct store *s) {
	pthread_mutex_lock(&s->lock);
	struct store_stats stats = s->stats;
	stats.queued = s->write_count;
	pthread_mutex_unlock(&s->lock);
	return stats;
}

int store_tid(const struct store *s) {
	return atomic_load_explicit(&s->tid, memory_order_relaxed);
}
