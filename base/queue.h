// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>

// A bounded first-in-first-out queue of fixed-size items between control
// threads: a mutex, and an eventfd that the consumer can wait on. Workers never
// use it; theirs are lock-free rings.

struct queue;

// @param depth  Most items held at once.
// @return The queue, or NULL with errno set.
struct queue *queue_new(size_t item_bytes, size_t depth);
void queue_free(struct queue *q);

// Copies *item in. @return False when the queue is full: the item stays the caller's.
// Context: any control thread; never waits for room.
[[nodiscard]] bool queue_push(struct queue *q, const void *item);

// Copies up to max items out. @return How many; 0 when empty.
size_t queue_pop(struct queue *q, void *items, size_t max);

// Readable while the queue is not empty. The queue keeps the descriptor.
int queue_fd(const struct queue *q);

size_t queue_count(struct queue *q);

// Waits until an item is there or the time is over.
// @param timeout_ms  -1: no end.
void queue_wait(struct queue *q, int timeout_ms);
