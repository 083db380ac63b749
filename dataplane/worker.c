// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/worker.h"

#include "dataplane/loop.h"
#include "dataplane/neigh.h"
#include "dataplane/query.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define IDLE_AFTER_NS (200 * 1000ULL)
#define DROWSY_AFTER_NS CLOCK_NS_PER_S
#define NAP_NS (50 * 1000L)
#define LONG_NAP_NS (500 * 1000L)

static bool is_verified(const struct loop *l, const struct rte_mbuf *m) {
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return l->s->port.rx_checksums && (m->ol_flags & good) == good;
}

static struct trust_sender sender_of(const struct work *k) {
	return (struct trust_sender){
		.family = k->v.family, .octets = k->v.source, .flags = k->trust};
}

// Reads the query, and what it proves.
static void parse_query(const struct loop *l, struct work *k) {
	const uint8_t *msg = loop_payload(k);
	lookup_parse(&l->s->zone, msg, k->v.payload_bytes, &k->q);
	if (l->s->tcp_at != 0) {
		int at = frame_address(&l->s->owner, k->v.family, k->v.target);
		k->q.tcp_here = at >= 0 && (l->s->tcp_at >> at & 1) != 0;
	}
	if (trust_matters(&k->q, k->trust)) {
		const struct trust_sender from = sender_of(k);
		trust_judge(&l->clients->trust, &from, msg, l->wall, &k->q);
	}
}

// A query that has just come: one that proves too little becomes an error.
static void admit(struct loop *l, struct work *k) {
	if (!trust_matters(&k->q, k->trust)) {
		return;
	}
	const struct trust_sender from = sender_of(k);
	if (trust_is_limited(&k->q, k->trust)) {
		size_t bytes = loop_packet_bytes(k, k->v.payload_bytes);
		budget_earn(l->w->budget, from.family, from.octets, bytes, l->now);
	}
	trust_admit(&l->clients->trust, &from, &k->q, &l->w->counters.trust);
}

static void take_frame(struct loop *l, struct rte_mbuf *m) {
	struct worker_counters *c = &l->w->counters;
	struct work *k = &l->work[l->work_count];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	if (m->nb_segs != 1 || m->buf_len - m->data_off < FRAME_ROOM) {
		loop_drop(m, &c->drop_segments);
		return;
	}
	enum frame_verdict r = frame_parse(
		&l->s->owner, data, m->data_len, is_verified(l, m), &k->v
	);
	if (r < FRAME_DROP_COUNT) {
		loop_drop(m, &c->drops[r]);
		return;
	}
	bool asks = r == FRAME_QUERY || r == FRAME_ICMP4;
	k->trust = asks ? trust_of(&l->clients->trust, k->v.family, k->v.source) : TRUST_ALLOWED;
	if (k->trust == 0) {
		loop_drop(m, &c->drop_acl);
		return;
	}
	k->m = m;
	k->final = false;
	if (r == FRAME_QUERY) {
		if (k->trust == TRUST_ALLOWED) {
			usual_remember(&l->senders[usual_place(data)], data, &k->v);
		}
		parse_query(l, k);
		if (k->q.kind == LOOKUP_DROP) {
			loop_drop(m, &c->drop_message);
		} else {
			admit(l, k);
			query_sort(l, k);
		}
		return;
	}
	size_t n = neigh_answer(&l->s->owner, r, &k->v, data, m->data_len, FRAME_ROOM);
	if (n == 0) {
		loop_drop(m, &c->drop_neighbour);
		return;
	}
	counter_add(&c->neighbours, 1);
	loop_give(l, m, n);
}

// The usual questions.

// One that cannot be usual has no octets.
static struct usual_frame usual_frame(const struct loop *l, struct rte_mbuf *m) {
	uint16_t room = (uint16_t)(m->buf_len - m->data_off);
	bool fits = m->nb_segs == 1 && room >= FRAME_ROOM && m->data_len <= FRAME_ROOM - USUAL_PAD;
	return (struct usual_frame){
		.data = rte_pktmbuf_mtod(m, uint8_t *),
		.len = fits ? m->data_len : 0,
		.verified = is_verified(l, m),
	};
}

static void count_usual(struct worker_counters *c, const unsigned by_kind[]) {
	for (unsigned kind = ENTRY_NONE; kind <= ENTRY_UNKNOWN; kind++) {
		counter_add(&c->queries, by_kind[kind]);
		counter_add(&c->hits, by_kind[kind]);
		loop_count_kind(c, kind, by_kind[kind]);
	}
}

// Answers what it can of a burst.
// @return How many frames are left for take_frame(), at the beginning of `in`.
static unsigned answer_usual(struct loop *l, struct rte_mbuf *in[], unsigned n) {
	struct usual_frame *frames = l->frames;
	struct usual questions[BURST];
	struct table_key keys[BURST];
	const struct entry *found[BURST];
	uint16_t bytes[BURST];
	for (unsigned i = 0; i < n; i++) {
		frames[i] = usual_frame(l, in[i]);
	}
	unsigned count = l->way->read(l->senders, &l->s->zone, frames, n, questions, keys);
	table_lookup_bulk(l->s->table, keys, count, found);
	l->way->answer(frames, questions, found, count, l->boot, bytes);
	unsigned by_kind[ENTRY_UNKNOWN + 1] = {0};
	unsigned left = 0;
	unsigned k = 0;
	for (unsigned i = 0; i < n; i++) {
		bool usual = k < count && questions[k].index == i;
		k += usual;
		if (!usual || bytes[k - 1] == 0) {
			in[left++] = in[i];
			continue;
		}
		const struct entry *e = found[k - 1];
		by_kind[e->kind]++;
		if (entry_use(e, l->boot.boot_s)) {
			miss_check(l->w, e);
		}
		loop_give(l, in[i], bytes[k - 1]);
	}
	count_usual(&l->w->counters, by_kind);
	return left;
}

// A held frame was good when it was taken: it is only read again.
static struct work *reread(struct loop *l, struct rte_mbuf *m) {
	struct work *k = &l->work[l->work_count];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	(void)frame_parse(&l->s->owner, data, m->data_len, true, &k->v);
	k->trust = trust_of(&l->clients->trust, k->v.family, k->v.source);
	k->m = m;
	k->final = true;
	parse_query(l, k);
	if (k->q.claims && k->q.tsig.present && k->q.tsig.verdict == TSIG_BADTIME) {
		k->q.tsig.verdict = TSIG_GOOD; // in time when it came
	}
	return k;
}

static void answer_token(struct loop *l, struct work *k, const struct ready *t) {
	struct worker_counters *c = &l->w->counters;
	switch (t->verdict) {
	case READY_LOOK:
		l->work_count++;
		break;
	case READY_NONE:
		counter_add(&c->answers_none, 1);
		query_reply_short(l, k, "none", "", 0);
		break;
	case READY_FAILED:
		counter_add(&c->answers_failed, 1);
		query_reply_short(l, k, "failed", t->why, t->retry_s);
		break;
	case READY_UNKNOWN:
		counter_add(&c->answers_unknown, 1);
		query_reply_short(l, k, "unknown", t->why, t->retry_s);
		break;
	default:
		query_reply_pending(l, k);
		break;
	}
}

static unsigned take_tokens(struct loop *l) {
	struct ready tokens[TOKENS];
	unsigned n = rte_ring_sc_dequeue_burst_elem(
		l->w->ready, tokens, sizeof(tokens[0]), TOKENS, NULL
	);
	for (unsigned i = 0; i < n; i++) {
		void *frames[HELD_PER_NAME];
		unsigned f = held_release(l->w->held, tokens[i].slot, tokens[i].generation, frames);
		counter_add(&l->w->counters.ready, 1);
		counter_add(&l->w->counters.ready_stale, f == 0 ? 1 : 0);
		for (unsigned j = 0; j < f; j++) {
			answer_token(l, reread(l, frames[j]), &tokens[i]);
		}
		query_look_up_all(l);
	}
	return n;
}

static unsigned end_holds(struct loop *l) {
	unsigned n = 0;
	struct rte_mbuf *m;
	while (n < BURST && (m = held_expired(l->w->held, l->now)) != NULL) {
		counter_add(&l->w->counters.hold_over, 1);
		query_reply_pending(l, reread(l, m));
		n++;
	}
	return n;
}

static void read_time(struct loop *l) {
	l->now = clock_mono_ns();
	if (l->now - l->boot_read >= CLOCK_NS_PER_MS) {
		l->boot_read = l->now;
		l->boot.boot_s = (uint32_t)clock_boot_s();
		l->wall = clock_wall_s();
	}
}

static void nap(struct loop *l) {
	mono_ns_t idle = l->now - l->last_work;
	if (idle < IDLE_AFTER_NS) {
		return;
	}
	counter_add(&l->w->counters.naps, 1);
	table_reader_offline(l->reader);
	struct timespec ts = {.tv_nsec = idle < DROWSY_AFTER_NS ? NAP_NS : LONG_NAP_NS};
	(void)nanosleep(&ts, NULL);
	table_reader_online(l->reader);
}

static void turn(struct loop *l) {
	struct rte_mbuf *in[BURST];
	struct worker_counters *c = &l->w->counters;
	read_time(l);
	const struct worker_clients *clients = atomic_load_explicit(
		&l->s->clients, memory_order_acquire
	);
	if (clients != l->clients) {
		l->clients = clients;
		memset(l->senders, 0, sizeof(l->senders)); // judged by the old list
	}
	uint16_t n = rte_eth_rx_burst(l->s->port.id, (uint16_t)l->w->index, in, BURST);
	counter_add(&c->polls, 1);
	counter_add(&c->polls_empty, n == 0 ? 1 : 0);
	for (uint16_t i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(in[i], void *));
	}
	bool serving = atomic_load_explicit(&l->s->serving, memory_order_acquire);
	unsigned left = serving && l->way != NULL ? answer_usual(l, in, n) : n;
	for (unsigned i = 0; i < left; i++) {
		take_frame(l, in[i]);
	}
	query_look_up_all(l);
	unsigned others = take_tokens(l) + end_holds(l);
	if (l->out_count > 0) {
		loop_flush(l);
	}
	table_reader_quiescent(l->reader);
	counter_add(&l->w->heartbeat, 1);
	if (n > 0 || others > 0) {
		l->last_work = l->now;
	} else {
		nap(l);
	}
}

int worker_main(void *arg) {
	struct worker *w = arg;
	char name[16];
	snprintf(name, sizeof(name), "sts:dp%d", sched_getcpu());
	pthread_setname_np(pthread_self(), name);
	struct loop *l = calloc(1, sizeof(*l));
	struct table_reader *reader = l == NULL ? NULL : table_reader_register(w->shared->table);
	if (reader == NULL) {
		free(l);
		return -1;
	}
	l->w = w;
	l->s = w->shared;
	l->reader = reader;
	l->way = usual_way();
	while (!atomic_load_explicit(&l->s->stop, memory_order_relaxed)) {
		turn(l);
	}
	void *frame;
	while ((frame = held_any(w->held)) != NULL) {
		rte_pktmbuf_free(frame);
	}
	table_reader_unregister(reader);
	free(l);
	return 0;
}
