// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/turns.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

struct turn {
	TAILQ_ENTRY(turn) link;
	void *owner;
	uint8_t *answer; // NULL: still waited for
	size_t answer_bytes;
	_Alignas(max_align_t) uint8_t held[];
};

static struct turn *turn_of(const void *held) {
	uintptr_t at = (uintptr_t)held - offsetof(struct turn, held);
	return (struct turn *)at; // NOLINT(performance-no-int-to-ptr): container of held
}

bool turns_init(struct turns *t) {
	*t = (struct turns){.out = evbuffer_new()};
	TAILQ_INIT(&t->list);
	return t->out != NULL;
}

static void drop(struct turns *t, struct turn *turn) {
	TAILQ_REMOVE(&t->list, turn, link);
	t->count--;
	t->bytes -= turn->answer_bytes;
	free(turn->answer);
	free(turn);
}

void turns_fini(struct turns *t, void (*forget)(void *arg, void *held), void *arg) {
	struct turn *turn;
	while ((turn = TAILQ_FIRST(&t->list)) != NULL) {
		if (turn->answer == NULL) {
			forget(arg, turn->held);
		}
		drop(t, turn);
	}
	evbuffer_free(t->out);
}

void *turns_hold(struct turns *t, void *owner, size_t bytes) {
	struct turn *turn = calloc(1, sizeof(*turn) + bytes);
	if (turn == NULL) {
		t->broken = true;
		return NULL;
	}
	turn->owner = owner;
	TAILQ_INSERT_TAIL(&t->list, turn, link);
	t->count++;
	return turn->held;
}

void *turns_owner(const void *held) {
	return turn_of(held)->owner;
}

void turns_answer(struct turns *t, void *held, const void *data, size_t len) {
	struct turn *turn = turn_of(held);
	turn->answer = malloc(len + 1);
	if (turn->answer == NULL) {
		abort(); // forget() would be called for what has been answered
	}
	memcpy(turn->answer, data, len);
	turn->answer_bytes = len;
	t->bytes += len;
}

void turns_say(struct turns *t, const void *data, size_t len) {
	if (TAILQ_EMPTY(&t->list)) {
		t->broken |= evbuffer_add(t->out, data, len) < 0;
		return;
	}
	void *held = turns_hold(t, NULL, 0);
	if (held != NULL) {
		turns_answer(t, held, data, len);
	}
}

void turns_advance(struct turns *t) {
	struct turn *turn;
	while ((turn = TAILQ_FIRST(&t->list)) != NULL && turn->answer != NULL) {
		t->broken |= evbuffer_add(t->out, turn->answer, turn->answer_bytes) < 0;
		drop(t, turn);
	}
}

size_t turns_unsent(const struct turns *t) {
	return evbuffer_get_length(t->out) + t->bytes;
}

bool turns_waits(const struct turns *t) {
	return !TAILQ_EMPTY(&t->list) && evbuffer_get_length(t->out) == 0;
}
