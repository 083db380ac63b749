// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ask.h"

#include "cache/override.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_S 2 // of `pending`
#define SLOTS_MIN 64
#define NO_SLOT UINT32_MAX

// The pump gives back an id: slot and generation, so that a reply for one who
// has left finds nobody.
struct slot {
	struct ask_wait *wait; // NULL: free
	uint32_t generation;
	uint32_t next_free;
};

TAILQ_HEAD(waits, ask_wait);

struct ask {
	struct pump *pump;
	struct table *table;
	struct event_base *base;
	struct slot *slots;
	uint32_t slot_count;
	uint32_t free; // the first free slot, NO_SLOT: none
	struct waits ready;
	struct event *hand_out;
};

uint32_t ask_now_s(void) {
	return (uint32_t)clock_boot_s();
}

const struct entry *ask_peek(const struct ask *a, const struct name *domain) {
	return table_lookup(a->table, domain->text, domain->len);
}

const struct entry *ask_look(struct ask *a, const struct name *domain) {
	const struct entry *e = ask_peek(a, domain);
	uint32_t now_s = ask_now_s();
	if (e == NULL || e->ends_s <= now_s) {
		return NULL;
	}
	if (entry_use(e, now_s)) {
		pump_check(a->pump, domain);
		e = ask_peek(a, domain); // the check may have ended at once
	}
	return e;
}

int ask_shown(const struct ask *a, const struct entry *e, struct record *out) {
	return override_shown(pump_cache(a->pump), e, clock_boot_s(), out);
}

// Slots.

static bool grow(struct ask *a) {
	uint32_t count = a->slot_count > 0 ? a->slot_count * 2 : SLOTS_MIN;
	struct slot *slots = realloc(a->slots, count * sizeof(slots[0]));
	if (slots == NULL) {
		return false;
	}
	for (uint32_t i = a->slot_count; i < count; i++) {
		slots[i] = (struct slot){.next_free = i + 1 < count ? i + 1 : NO_SLOT};
	}
	a->free = a->slot_count;
	a->slots = slots;
	a->slot_count = count;
	return true;
}

static bool take_slot(struct ask *a, struct ask_wait *w) {
	if (a->free == NO_SLOT && !grow(a)) {
		return false;
	}
	w->slot = a->free;
	a->free = a->slots[w->slot].next_free;
	a->slots[w->slot].wait = w;
	return true;
}

static void give_slot(struct ask *a, uint32_t slot) {
	a->slots[slot].wait = NULL;
	a->slots[slot].generation++;
	a->slots[slot].next_free = a->free;
	a->free = slot;
}

// From waiting to ready. The answer is given from the loop, because the pump may
// be in the midst of a job now.
static void set_ready(struct ask_wait *w, const struct sched_reply *reply) {
	struct ask *a = w->ask;
	if (w->state == ASK_WAITING) {
		give_slot(a, w->slot);
	}
	if (w->hold != NULL) {
		event_free(w->hold);
		w->hold = NULL;
	}
	w->state = ASK_READY;
	w->reply = *reply;
	TAILQ_INSERT_TAIL(&a->ready, w, link);
	event_active(a->hand_out, EV_TIMEOUT, 0);
}

static const struct sched_reply PENDING = {.verdict = SCHED_PENDING, .retry_s = RETRY_S};

static void on_hold_over(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	set_ready(arg, &PENDING);
}

// Fits pump_answer_fn.
static void
on_reply(void *arg, uint64_t id, const struct name * /*domain*/, const struct sched_reply *reply) {
	struct ask *a = arg;
	const struct slot *s = &a->slots[(uint32_t)id];
	if (s->wait != NULL && s->generation == (uint32_t)(id >> 32)) {
		set_ready(s->wait, reply);
	}
}

static void on_hand_out(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct ask *a = arg;
	struct ask_wait *w;
	while ((w = TAILQ_FIRST(&a->ready)) != NULL) {
		struct ask_answer answer = {.reply = w->reply};
		TAILQ_REMOVE(&a->ready, w, link);
		w->state = ASK_IDLE;
		if (w->reply.verdict == SCHED_LOOK) {
			answer.entry = ask_look(a, &w->domain);
			answer.reply = PENDING; // published and gone already, or not kept
		}
		w->done(w->arg, &answer); // *w may be gone now
	}
}

void ask_wait(
	struct ask *a,
	struct ask_wait *w,
	const struct name *domain,
	enum sched_cause cause,
	uint32_t hold_ms,
	ask_done_fn *done,
	void *arg
) {
	const struct timeval hold = {
		.tv_sec = hold_ms / 1000,
		.tv_usec = (suseconds_t)(hold_ms % 1000) * 1000,
	};
	*w = (struct ask_wait){.domain = *domain, .done = done, .arg = arg, .ask = a};
	w->hold = evtimer_new(a->base, on_hold_over, w);
	if (w->hold == NULL || evtimer_add(w->hold, &hold) < 0 || !take_slot(a, w)) {
		set_ready(w, &PENDING);
		return;
	}
	w->state = ASK_WAITING;
	uint64_t id = (uint64_t)a->slots[w->slot].generation << 32 | w->slot;
	pump_want(a->pump, PUMP_ASK, domain, cause, id);
}

void ask_cancel(struct ask_wait *w) {
	if (w->state == ASK_WAITING) {
		give_slot(w->ask, w->slot);
	} else if (w->state == ASK_READY) {
		TAILQ_REMOVE(&w->ask->ready, w, link);
	}
	if (w->hold != NULL) {
		event_free(w->hold);
		w->hold = NULL;
	}
	w->state = ASK_IDLE;
}

struct ask *ask_new(struct pump *pump, struct table *table, struct event_base *base) {
	struct ask *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return NULL;
	}
	*a = (struct ask){.pump = pump, .table = table, .base = base, .free = NO_SLOT};
	TAILQ_INIT(&a->ready);
	a->hand_out = event_new(base, -1, 0, on_hand_out, a);
	if (a->hand_out == NULL) {
		free(a);
		return NULL;
	}
	pump_set_door(pump, PUMP_ASK, on_reply, a);
	return a;
}

void ask_free(struct ask *a) {
	if (a == NULL) {
		return;
	}
	pump_set_door(a->pump, PUMP_ASK, NULL, NULL);
	event_free(a->hand_out);
	free(a->slots);
	free(a);
}
