// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	pthread_mutex_t lock;
	size_t item_bytes;
	size_t depth;
	size_t head; // next to pop
	size_t count;
	int fd;
	unsigned char *items;
};

struct queue *queue_new(size_t item_bytes, size_t depth) {
	struct queue *q = calloc(1, sizeof(*q));
	if (q == NULL) {
		return NULL;
	}
	q->item_bytes = item_bytes;
	q->depth = depth;
	q->items = calloc(depth, item_bytes);
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->items == NULL || q->fd < 0 || pthread_mutex_init(&q->lock, NULL) != 0) {
		int code = errno;
		if (q->fd >= 0) {
			close(q->fd);
		}
		free(q->items);
		free(q);
		errno = code;
		return NULL;
	}
	return q;
}

void queue_free(struct queue *q) {
	if (q == NULL) {
		return;
	}
	pthread_mutex_destroy(&q->lock);
	close(q->fd);
	free(q->items);
	free(q);
}

bool queue_push(struct queue *q, const void *item) {
	pthread_mutex_lock(&q->lock);
	bool room = q->count < q->depth;
	if (room) {
		size_t slot = (q->head + q->count) % q->depth;
		memcpy(q->items + slot * q->item_bytes, item, q->item_bytes);
		if (q->count++ == 0) {
			// The counter of an eventfd cannot overflow here: it is 0 or 1.
			ssize_t done = write(q->fd, &(uint64_t){1}, sizeof(uint64_t));
			(void)done;
		}
	}
	pthread_mutex_unlock(&q->lock);
	return room;
}

size_t queue_pop(struct queue *q, void *items, size_t max) {
	pthread_mutex_lock(&q->lock);
	size_t n = q->count < max ? q->count : max;
	for (size_t i = 0; i < n; i++) {
		memcpy((unsigned char *)items + i * q->item_bytes,
		       q->items + q->head * q->item_bytes,
		       q->item_bytes);
		q->head = (q->head + 1) % q->depth;
	}
	q->count -= n;
	if (n > 0 && q->count == 0) {
		uint64_t drop;
		ssize_t done = read(q->fd, &drop, sizeof(drop));
		(void)done;
	}
	pthread_mutex_unlock(&q->lock);
	return n;
}

int queue_fd(const struct queue *q) {
	return q->fd;
}

size_t queue_count(struct queue *q) {
	pthread_mutex_lock(&q->lock);
	size_t n = q->count;
	pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_wait(struct queue *q, int timeout_ms) {
	struct pollfd p = {.fd = q->fd, .events = POLLIN};
	(void)poll(&p, 1, timeout_ms);
}
