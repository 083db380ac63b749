// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/loadgen.h"

#include "base/clock.h"
#include "bench/dice.h"
#include "bench/inflight.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AHEAD 64 // questions prefetched before they are sent
#define EXPIRE_TURNS 64
#define READY_STEP_NS (50 * CLOCK_NS_PER_MS)
#define UNHEARD_SLOTS (1U << 19)
#define SCRATCH_BLOCKS 6 // a question of QUESTION_BYTES_MAX

struct loadgen {
	const struct loadgen_config *c;
	struct loadgen_result *r;
	struct inflight known;
	struct inflight unheard;
	uint8_t *left;	     // names of each batch on its way, by slot
	size_t at;	     // in the order
	uint64_t due;	     // queries scheduled by the clock, of the open loop
	mono_ns_t due_0;     // when the first of them was
	double ns_each;	     // of the open loop
	double unheard_debt; // unheard-of names owed
	uint32_t unheard_next;
	uint32_t until_check;
	uint64_t wall_off_s; // wall clock minus monotonic
	_Alignas(64) uint8_t scratch[DOOR_BURST_MAX][SCRATCH_BLOCKS * QUESTION_BLOCK];
};

struct batch_at {
	const struct batches *batches;
	uint32_t index;
};

// A name from its number: the same again when its answer is checked.
static size_t write_unheard(const struct loadgen *g, uint32_t n, uint8_t out[QUESTION_BYTES_MAX]) {
	char name[256];
	uint64_t tail = dice_hash(g->c->seed, n) & 0xffffff;
	int len = snprintf(
		name, sizeof(name), "u%08" PRIx32 "%06" PRIx64 ".%s", n, tail, g->c->unheard_suffix
	);
	if (len < 0 || (size_t)len >= sizeof(name))
		return 0;
	return question_write(&g->c->form, name, (size_t)len, n, out);
}

static const struct question *make_unheard(struct loadgen *g, unsigned slot, uint32_t n) {
	uint8_t bytes[QUESTION_BYTES_MAX];
	size_t len = write_unheard(g, n, bytes);
	struct question head = {
		.sum = question_sum(bytes, len),
		.index = n,
		.len = (uint16_t)len,
	};
	memcpy(g->scratch[slot], &head, sizeof(head));
	memcpy(g->scratch[slot] + offsetof(struct question, bytes), bytes, len);
	return (const struct question *)(const void *)g->scratch[slot];
}

static void show_wrong(
	const struct loadgen *g,
	enum verify_fault fault,
	const struct door_reply *r,
	struct expect_text name
) {
	if (g->r->wrong > LOADGEN_WRONG_SHOWN)
		return;
	(void
	)fprintf(stderr, "wrong: %s: %.*s\n  ", verify_fault_str(fault), (int)name.len, name.at);
	for (unsigned i = 0; i < r->msg_len; i++)
		(void)fprintf(stderr, "%02x", r->msg[i]);
	(void)fputs("\n  ", stderr);
	for (unsigned i = 0; i < r->msg_len; i++)
		(void)fputc(isprint(r->msg[i]) ? r->msg[i] : '.', stderr);
	(void)fputc('\n', stderr);
}

static void
check(struct loadgen *g, const struct door_reply *r, const struct inflight_slot *slot, mono_ns_t now
) {
	uint8_t question[QUESTION_BYTES_MAX];
	struct expect e = {.kind = EXPECT_ANY, .name = {"(unheard of)", 12}};
	size_t len;
	if (r->unheard_of) {
		len = write_unheard(g, slot->index, question);
	} else {
		e = expect_get(g->c->expected, slot->index);
		len = question_write(&g->c->form, e.name.at, e.name.len, slot->index, question);
	}
	unsigned bits = r->unheard_of ? g->c->door->unheard_port_bits : g->c->door->port_bits;
	struct verify_query q = {
		.question = question,
		.question_len = len - (g->c->form.edns_bytes ? 11 : 0),
		.id = (uint16_t)(r->tag >> bits),
		.flags = g->c->query_flags,
		.edns_bytes = g->c->form.edns_bytes,
		.now_s = now / CLOCK_NS_PER_S + g->wall_off_s,
		.unheard_of = r->unheard_of,
	};
	struct verify_seen seen;
	enum verify_fault fault = verify_answer(&q, r->msg, r->msg_len, &e, &seen);
	if (!fault && r->frame && !packet_sums_good(r->frame, r->frame_len))
		fault = VERIFY_SUM;

	struct loadgen_result *res = g->r;
	res->checked++;
	res->faults[fault]++;
	if (fault) {
		res->wrong++;
		show_wrong(g, fault, r, e.name);
		return;
	}
	if (r->unheard_of) {
		res->unheard_verdicts[seen.verdict]++;
		return;
	}
	res->verdicts[seen.verdict]++;
	res->cut += seen.more;
	res->stale += seen.verdict == VERIFY_POLICY && !seen.fresh;
}

static struct expect expect_of_batch(const void *arg, unsigned index) {
	const struct batches *b = ((const struct batch_at *)arg)->batches;
	uint32_t start = b->starts[((const struct batch_at *)arg)->index];
	return expect_get(b->names, b->members[start + index]);
}

static void check_batch(
	struct loadgen *g,
	const struct door_reply *r,
	const struct inflight_slot *slot,
	mono_ns_t now
) {
	const struct batch_at at = {g->c->batches, slot->index};
	struct question_batch request;
	batches_write(at.batches, at.index, &g->c->form, &request);
	struct verify_query q = {
		.question = request.octets,
		.question_len = request.question_len,
		.id = (uint16_t)(r->tag >> g->c->door->port_bits),
		.flags = g->c->query_flags,
		.edns_bytes = g->c->form.edns_bytes,
		.now_s = now / CLOCK_NS_PER_S + g->wall_off_s,
	};
	struct verify_batch b = {
		.count = batches_size(at.batches, at.index),
		.zone_at = 12 + 1 + expect_of_batch(&at, 0).name.len,
		.names = request.octets + request.names_at,
		.expect = expect_of_batch,
		.arg = &at,
	};
	struct verify_seen seen[QUESTION_BATCH_NAMES_MAX];
	unsigned first;
	unsigned records;
	enum verify_fault fault = verify_batch(&q, &b, r->msg, r->msg_len, seen, &first, &records);
	if (!fault && r->frame && !packet_sums_good(r->frame, r->frame_len))
		fault = VERIFY_SUM;

	struct loadgen_result *res = g->r;
	res->checked += fault ? 1 : records;
	res->faults[fault]++;
	if (fault) {
		res->wrong++;
		show_wrong(g, fault, r, expect_of_batch(&at, 0).name);
		return;
	}
	for (unsigned i = first; i < first + records; i++) {
		res->verdicts[seen[i].verdict]++;
		res->cut += seen[i].more;
		res->stale += seen[i].verdict == VERIFY_POLICY && !seen[i].fresh;
	}
}

// One of the datagrams that answer a batch: the last one ends its request.
static void settle_batch(struct loadgen *g, const struct door_reply *r, mono_ns_t now) {
	struct loadgen_result *res = g->r;
	if (!inflight_waits(&g->known, r->tag)) {
		res->stray++;
		return;
	}
	struct inflight_slot slot = g->known.slots[r->tag & g->known.slot_mask];
	uint8_t *left = &g->left[r->tag & g->known.slot_mask];
	unsigned rcode = r->msg[3] & 15;
	unsigned records = rcode || r->msg[6] || r->msg[7] > *left ? *left : r->msg[7];
	res->datagrams++;
	res->bytes_in += r->frame_len;
	res->rcodes[rcode]++;
	res->known.answered += records;
	*left = (uint8_t)(*left - records);
	if (!*left) {
		(void)inflight_take(&g->known, r->tag, &slot);
		hist_add(&res->latency, now > slot.at_ns ? now - slot.at_ns : 0);
	}
	if (g->until_check && --g->until_check == 0) {
		g->until_check = g->c->check_every;
		check_batch(g, r, &slot, now);
	}
}

static void settle(struct loadgen *g, const struct door_reply *r, mono_ns_t now) {
	struct loadgen_result *res = g->r;
	struct inflight *f = r->unheard_of ? &g->unheard : &g->known;
	struct inflight_slot slot;
	if (g->left && !r->unheard_of) {
		settle_batch(g, r, now);
		return;
	}
	if (!inflight_take(f, r->tag, &slot)) {
		res->stray++;
		return;
	}
	res->bytes_in += r->frame_len;
	if (r->unheard_of) {
		res->unheard.answered++;
	} else {
		res->known.answered++;
		res->datagrams++;
		// A query may be booked after the clock was read for its answer's burst.
		hist_add(&res->latency, now > slot.at_ns ? now - slot.at_ns : 0);
	}
	if (g->c->echo)
		return;
	res->rcodes[r->msg[3] & 15]++;
	if (!g->until_check)
		return;
	if (--g->until_check == 0 || r->unheard_of) {
		if (!g->until_check)
			g->until_check = g->c->check_every;
		check(g, r, &slot, now);
	}
}

static mono_ns_t receive(struct loadgen *g) {
	struct door_reply replies[DOOR_BURST_MAX];
	struct door *d = g->c->door;
	unsigned n = d->ops->receive(d, replies, g->c->burst);
	mono_ns_t now = clock_mono_ns();
	g->r->turns++;
	g->r->empty += n == 0;
	for (unsigned i = 0; i < n; i++)
		settle(g, &replies[i], now);
	return now;
}

// How many may leave now.
static unsigned budget(const struct loadgen *g, mono_ns_t now) {
	uint64_t room = g->known.count < g->c->window ? g->c->window - g->known.count : 0;
	if (g->c->rate_per_s > 0) {
		uint64_t target = (uint64_t)((double)(now - g->due_0) / g->ns_each) + 1;
		uint64_t owed = target > g->due ? target - g->due : 0;
		room = owed < room ? owed : room;
	}
	return room < g->c->burst ? (unsigned)room : g->c->burst;
}

static const struct question *next_known(struct loadgen *g, size_t step) {
	size_t at = g->at + step;
	if (at >= g->c->order_len)
		at -= g->c->order_len;
	size_t ahead = at + AHEAD;
	if (ahead < g->c->order_len)
		__builtin_prefetch(question_at(g->c->questions, g->c->order[ahead]));
	return question_at(g->c->questions, g->c->order[at]);
}

static void book(struct loadgen *g, const struct door_shot *shot, mono_ns_t now) {
	mono_ns_t at = now;
	if (g->c->rate_per_s > 0)
		at = g->due_0 + (mono_ns_t)((double)g->due++ * g->ns_each);
	g->r->bytes_out += shot->question->len + g->c->door->overhead;
	if (shot->unheard_of) {
		inflight_put(&g->unheard, at, shot->question->index);
		g->r->unheard.sent++;
		g->unheard_debt -= 1;
		g->unheard_next++;
		return;
	}
	if (g->left)
		g->left[shot->tag & g->known.slot_mask] = (uint8_t
		)batches_size(g->c->batches, shot->question->index);
	inflight_put(&g->known, at, shot->question->index);
	g->r->known.sent++;
	g->unheard_debt += g->c->unheard_share;
	if (++g->at == g->c->order_len)
		g->at = 0;
}

static void send(struct loadgen *g, unsigned n, mono_ns_t now) {
	struct door_shot shots[DOOR_BURST_MAX];
	unsigned unheard = 0;
	for (unsigned i = 0; i < n; i++) {
		struct door_shot *s = &shots[i];
		s->unheard_of = g->unheard_debt >= 1 + unheard;
		if (s->unheard_of) {
			s->tag = inflight_tag(&g->unheard, unheard);
			s->question = make_unheard(g, i, g->unheard_next + unheard);
			unheard++;
		} else {
			s->tag = inflight_tag(&g->known, i - unheard);
			s->question = next_known(g, i - unheard);
		}
	}
	unsigned sent = g->c->door->ops->send(g->c->door, shots, n);
	for (unsigned i = 0; i < sent; i++)
		book(g, &shots[i], now);
}

static void expire(struct loadgen *g, mono_ns_t now) {
	mono_ns_t wait = (mono_ns_t)(g->c->timeout_s * 1e9);
	mono_ns_t unheard_wait = (mono_ns_t)(g->c->unheard_timeout_s * 1e9);
	if (now > wait)
		inflight_expire(&g->known, now - wait);
	if (now > unheard_wait)
		inflight_expire(&g->unheard, now - unheard_wait);
}

// Turns until the time or the number is reached.
// @return When it ended.
static mono_ns_t turn_until(struct loadgen *g, mono_ns_t end, uint64_t count) {
	const struct timespec nap = {.tv_nsec = (long)g->c->nap_us * 1000};
	for (;;) {
		mono_ns_t now = receive(g);
		uint64_t sent = g->r->known.sent + g->r->unheard.sent;
		if (now >= end || sent >= count)
			return now;
		unsigned n = budget(g, now);
		if (n > count - sent)
			n = (unsigned)(count - sent);
		if (n)
			send(g, n, now);
		else if (g->c->nap_us)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
		if (g->r->turns % EXPIRE_TURNS == 0)
			expire(g, now);
	}
}

// Nothing more is sent; what is on its way may come.
static void drain(struct loadgen *g) {
	while (g->known.count || g->unheard.count) {
		mono_ns_t now = receive(g);
		if (g->r->turns % EXPIRE_TURNS == 0)
			expire(g, now);
	}
}

static void forget(struct loadgen *g) {
	memset(g->r, 0, sizeof(*g->r));
	g->known.lost = 0;
	g->unheard.lost = 0;
	g->c->door->refused = 0;
	g->c->door->strangers = 0;
}

static int init(struct loadgen *g, const struct loadgen_config *c, struct loadgen_result *out) {
	memset(g, 0, sizeof(*g));
	g->c = c;
	g->r = out;
	g->wall_off_s = (uint64_t)clock_wall_s() - clock_mono_ns() / CLOCK_NS_PER_S;
	g->ns_each = c->rate_per_s > 0 ? 1e9 / c->rate_per_s : 0;
	// Four times the window: an answer may be late without its slot being needed.
	unsigned bits = 16 + c->door->port_bits;
	uint32_t slots = 1024;
	while (slots < 4 * c->window && slots < 1U << (bits - 1))
		slots *= 2;
	int rc = inflight_init(&g->known, slots, bits);
	if (rc)
		return rc;
	bits = 16 + c->door->unheard_port_bits;
	slots = UNHEARD_SLOTS < 1U << (bits - 1) ? UNHEARD_SLOTS : 1U << (bits - 1);
	rc = inflight_init(&g->unheard, slots, bits);
	if (rc) {
		inflight_fini(&g->known);
		return rc;
	}
	if (c->batches && !(g->left = calloc(g->known.slot_mask + 1, 1))) {
		inflight_fini(&g->unheard);
		inflight_fini(&g->known);
		return -ENOMEM;
	}
	return 0;
}

// Asks one question every now and then until it is answered NOERROR: a server
// that still loads its policies says SERVFAIL, one that starts nothing.
static int wait_ready(struct loadgen *g) {
	mono_ns_t now = clock_mono_ns();
	mono_ns_t end = now + (mono_ns_t)(g->c->ready_wait_s * 1e9);
	for (mono_ns_t ask = now; !g->r->rcodes[0]; now = receive(g)) {
		if (now >= end)
			return -ETIMEDOUT;
		if (now < ask)
			continue;
		ask = now + READY_STEP_NS;
		inflight_expire(&g->known, now);
		send(g, 1, now);
	}
	return 0;
}

static void measure(struct loadgen *g) {
	const struct loadgen_config *c = g->c;
	struct loadgen_result *r = g->r;
	g->until_check = c->expected ? c->check_every : 0;
	g->due_0 = clock_mono_ns();
	if (c->warmup_s > 0) {
		turn_until(g, g->due_0 + (mono_ns_t)(c->warmup_s * 1e9), UINT64_MAX);
		forget(g);
	}
	if (c->started)
		c->started();
	mono_ns_t start = clock_mono_ns();
	mono_ns_t end = c->seconds > 0 ? start + (mono_ns_t)(c->seconds * 1e9) : UINT64_MAX;
	mono_ns_t ended = turn_until(g, end, c->count ? c->count : UINT64_MAX);

	struct loadgen_result at_end = {
		.known = r->known,
		.unheard = r->unheard,
		.turns = r->turns,
		.empty = r->empty,
	};
	drain(g);
	// Where a number was to be sent, the last answers belong to it.
	if (c->seconds > 0) {
		r->known.answered = at_end.known.answered;
		r->unheard.answered = at_end.unheard.answered;
	} else {
		ended = clock_mono_ns();
	}
	r->turns = at_end.turns;
	r->empty = at_end.empty;
	r->seconds = (double)(ended - start) / 1e9;
	r->known.lost = g->known.lost;
	r->unheard.lost = g->unheard.lost;
	r->strangers = c->door->strangers;
	r->refused = c->door->refused;
}

int loadgen_run(const struct loadgen_config *c, struct loadgen_result *out) {
	struct loadgen *g = aligned_alloc(64, (sizeof(*g) + 63) / 64 * 64);
	if (!g)
		return -ENOMEM;
	int rc = init(g, c, out);
	if (rc) {
		free(g);
		return rc;
	}
	forget(g);
	if (c->ready_wait_s > 0)
		rc = wait_ready(g);
	if (!rc) {
		forget(g);
		measure(g);
	}
	free(g->left);
	inflight_fini(&g->unheard);
	inflight_fini(&g->known);
	free(g);
	return rc;
}
