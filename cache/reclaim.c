// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/reclaim.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/queue.h"
#include "cache/slab.h"

#include <urcu-qsbr.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH_SLOTS 510
#define BATCHES_OUT 64 // most with the thread at once, so no queue can be full
#define BATCHES_TURN (RECLAIM_TURN_SLOTS / BATCH_SLOTS)

// A reader that ends a long grace period wakes us by a system call in its loop.
// So there is at most one grace period in this time.
#define PAUSE_NS CLOCK_NS_PER_MS

struct batch {
	struct batch *next;
	size_t count;
	void *slots[BATCH_SLOTS];
};

static_assert(sizeof(struct batch) == 4096, "a batch is a page");

struct reclaim {
	struct slab *slab;
	struct queue *retired; // struct batch *, to the thread; NULL ends it
	struct queue *freed;   // struct batch *, back
	pthread_t thread;
	sem_t started;
	int tid;
	// All below: the writer's.
	size_t out;	     // batches in the queues and with the thread
	struct batch *open;  // being filled, or NULL
	struct batch *first; // full ones that wait for a place, oldest first
	struct batch *last;
	struct batch *spare;
	size_t spares;
	counter_t pending;
};

static void *run(void *arg) {
	struct reclaim *r = arg;
	r->tid = gettid();
	sem_post(&r->started);
	for (;;) {
		struct batch *got[BATCHES_OUT + 1];
		queue_wait(r->retired, -1);
		size_t n = queue_pop(r->retired, got, BATCHES_OUT + 1);
		if (n == 0) {
			continue;
		}
		synchronize_rcu();
		for (size_t i = 0; i < n; i++) {
			if (got[i] == NULL) {
				return NULL;
			}
			bool pushed = queue_push(r->freed, &got[i]);
			assert(pushed);
			(void)pushed;
		}
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
}

// Signals are for other threads: this one starts with all of them blocked.
static int start(struct reclaim *r) {
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0) {
		return code;
	}
	(void)pthread_setname_np(r->thread, "sts:reclaim");
	while (sem_wait(&r->started) != 0) {}
	return 0;
}

struct reclaim *reclaim_new(struct slab *slab) {
	struct reclaim *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->slab = slab;
	sem_init(&r->started, 0, 0);
	int code = ENOMEM;
	r->retired = queue_new(sizeof(struct batch *), BATCHES_OUT + 1);
	r->freed = queue_new(sizeof(struct batch *), BATCHES_OUT);
	if (r->retired != NULL && r->freed != NULL) {
		code = start(r);
	}
	if (code == 0) {
		return r;
	}
	queue_free(r->freed);
	queue_free(r->retired);
	sem_destroy(&r->started);
	free(r);
	errno = code;
	return NULL;
}

static void free_list(struct batch *b) {
	while (b != NULL) {
		struct batch *next = b->next;
		free(b);
		b = next;
	}
}

static void free_queued(struct queue *q) {
	struct batch *b;
	while (queue_pop(q, &b, 1) == 1) {
		free(b);
	}
}

void reclaim_free(struct reclaim *r) {
	if (r == NULL) {
		return;
	}
	// There is always a place for the end mark: at most BATCHES_OUT are out.
	bool pushed = queue_push(r->retired, &(struct batch *){NULL});
	assert(pushed);
	(void)pushed;
	pthread_join(r->thread, NULL);
	free_queued(r->retired);
	free_queued(r->freed);
	free(r->open);
	free_list(r->first);
	free_list(r->spare);
	queue_free(r->freed);
	queue_free(r->retired);
	sem_destroy(&r->started);
	free(r);
}

static struct batch *take_batch(struct reclaim *r) {
	struct batch *b = r->spare;
	if (b == NULL) {
		return calloc(1, sizeof(*b));
	}
	r->spare = b->next;
	r->spares--;
	b->next = NULL;
	b->count = 0;
	return b;
}

static void keep_batch(struct reclaim *r, struct batch *b) {
	if (r->spares >= BATCHES_OUT) {
		free(b);
		return;
	}
	b->next = r->spare;
	r->spare = b;
	r->spares++;
}

static void give_back(struct reclaim *r, struct batch *b) {
	for (size_t i = 0; i < b->count; i++) {
		slab_give(r->slab, b->slots[i]);
	}
	counter_add(&r->pending, -(uint64_t)b->count);
}

static void line_up(struct reclaim *r) {
	struct batch *b = r->open;
	r->open = NULL;
	*(r->first == NULL ? &r->first : &r->last->next) = b;
	r->last = b;
}

void reclaim_retire(struct reclaim *r, void *slot) {
	counter_add(&r->pending, 1);
	if (r->open != NULL && r->open->count == BATCH_SLOTS) {
		line_up(r);
	}
	if (r->open == NULL) {
		r->open = take_batch(r);
	}
	if (r->open == NULL) {
		synchronize_rcu();
		slab_give(r->slab, slot);
		counter_add(&r->pending, -(uint64_t)1);
		return;
	}
	r->open->slots[r->open->count++] = slot;
}

static void send(struct reclaim *r) {
	if (r->open != NULL && r->open->count > 0 && r->out < BATCHES_OUT) {
		line_up(r);
	}
	while (r->first != NULL && r->out < BATCHES_OUT) {
		struct batch *b = r->first;
		bool pushed = queue_push(r->retired, &b);
		assert(pushed);
		(void)pushed;
		r->out++;
		r->first = b->next;
	}
}

void reclaim_turn(struct reclaim *r) {
	send(r);
	struct batch *got[BATCHES_TURN];
	size_t n = r->out > 0 ? queue_pop(r->freed, got, BATCHES_TURN) : 0;
	for (size_t i = 0; i < n; i++) {
		give_back(r, got[i]);
		keep_batch(r, got[i]);
	}
	r->out -= n;
}

size_t reclaim_pending(const struct reclaim *r) {
	return counter_get(&r->pending);
}

int reclaim_tid(const struct reclaim *r) {
	return r->tid;
}
