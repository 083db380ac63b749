// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

// Answers of one connection in the order of its requests: what stands behind one
// that is still waited for waits too. Context: one thread.

struct evbuffer;
struct turn;

struct turns {
	TAILQ_HEAD(turns_list, turn) list;
	struct evbuffer *out; // in front of the list: may be sent
	unsigned count;	      // in the list
	size_t bytes;	      // of answers in the list
	bool broken;	      // memory was short, an answer is lost
};

[[nodiscard]] bool turns_init(struct turns *t);
// forget() is called for each one still waited for.
void turns_fini(struct turns *t, void (*forget)(void *arg, void *held), void *arg);

// An answer that is there; the octets are copied.
void turns_say(struct turns *t, const void *data, size_t len);

// A place for an answer that comes later.
// @param owner  Given back by turns_owner().
// @return Memory of the caller's, zeroed, kept with the place; NULL: broken.
void *turns_hold(struct turns *t, void *owner, size_t bytes);
void *turns_owner(const void *held);

// The answer for a held place, which is gone when the answer has been moved to
// `out` by turns_advance().
void turns_answer(struct turns *t, void *held, const void *data, size_t len);

// Moves to `out` what no longer waits for others.
void turns_advance(struct turns *t);

// Octets of answers that are not sent yet.
size_t turns_unsent(const struct turns *t);
// Whether the next one in turn is waited for and nothing is left to be sent.
bool turns_waits(const struct turns *t);
