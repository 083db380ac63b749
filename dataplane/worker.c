// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/worker.h"

#include "dataplane/batch.h"
#include "dataplane/neigh.h"
#include "dataplane/usual.h"

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

#define BURST 32
#define TOKENS 8	// a turn; each may free HELD_PER_NAME questions
#define BATCH_OUT BURST // answers that wait, from which on a batch sends them
#define OUT_MAX (BURST + (TOKENS + 1) * HELD_PER_NAME + BURST + BATCH_OUT)
#define FRAME_ROOM 1400	   // of the longest answer with all headers
#define BATCH_HEAD_MAX 400 // of a frame up to the end of its question
#define TX_TRIES 16
#define PENDING_RETRY_S 2
#define IDLE_AFTER_NS (200 * 1000ULL)
#define DROWSY_AFTER_NS CLOCK_NS_PER_S
#define NAP_NS (50 * 1000L)
#define LONG_NAP_NS (500 * 1000L)

// A question on its way through the loop.
struct work {
	struct rte_mbuf *m;
	struct frame_view v;
	struct lookup_query q;
	bool final; // held before: not held again
};

struct loop {
	struct worker *w;
	struct worker_shared *s;
	struct table_reader *reader;
	const struct worker_clients *clients;
	const struct usual_way *way; // NULL: there is none
	mono_ns_t now;
	mono_ns_t boot_read; // when boot_s was
	mono_ns_t last_work;
	struct lookup_now boot;
	unsigned work_count;
	unsigned out_count;
	struct work work[BURST + HELD_PER_NAME];
	struct rte_mbuf *out[OUT_MAX];
	struct batch batch; // the one at hand
	struct usual_frame frames[BURST];
	struct usual_sender senders[USUAL_SENDERS];
};

static uint8_t *payload(const struct work *k) {
	return rte_pktmbuf_mtod(k->m, uint8_t *) + k->v.payload;
}

static void give(struct loop *l, struct rte_mbuf *m, size_t frame_bytes) {
	m->data_len = (uint16_t)frame_bytes;
	m->pkt_len = (uint32_t)frame_bytes;
	m->ol_flags = 0;
	l->out[l->out_count++] = m;
}

static void reply(struct loop *l, struct work *k, size_t payload_bytes) {
	give(l, k->m, frame_turn(&k->v, rte_pktmbuf_mtod(k->m, uint8_t *), payload_bytes));
}

static void reply_short(
	struct loop *l,
	struct work *k,
	const char *verdict,
	const char *why,
	uint32_t retry_s
) {
	reply(l, k, lookup_answer_short(&k->q, payload(k), &l->s->zone, verdict, why, retry_s));
}

static void reply_pending(struct loop *l, struct work *k) {
	counter_add(&l->w->counters.answers_pending, 1);
	reply_short(l, k, "pending", "", PENDING_RETRY_S);
}

// Misses.

static void hold(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	struct held_query q = {
		.name = k->q.domain,
		.name_len = k->q.domain_len,
		.recheck = k->q.kind == LOOKUP_RECHECK,
		.short_hold = !k->q.recursion_desired
			      || clients_match(&l->clients->resolvers, k->v.family, k->v.source),
		.client = {.port = k->v.source_port},
		.frame = k->m,
	};
	memcpy(&q.client.id, payload(k), sizeof(q.client.id));
	memcpy(q.client.address, k->v.source, k->v.family == AF_INET ? 4 : 16);
	uint32_t slot = 0;
	uint32_t generation = 0;
	void *old = NULL;
	enum held_result r = held_add(l->w->held, &q, l->now, &slot, &generation, &old);
	if (r == HELD_FULL) {
		counter_add(&c->held_full, 1);
		reply_pending(l, k);
		return;
	}
	counter_add(&c->held, 1);
	counter_add(&c->joined, r == HELD_JOINED ? 1 : 0);
	if (r == HELD_REPLACED) {
		counter_add(&c->replaced, 1);
		rte_pktmbuf_free(old);
	}
	if (r != HELD_FIRST) {
		return;
	}
	struct miss m = {
		.slot = slot,
		.generation = generation,
		.kind = q.recheck ? MISS_RECHECK : MISS_LOOKUP,
	};
	memcpy(&m.client, k->v.source, k->v.family == AF_INET ? 4 : 8);
	if (!miss_push(l->w, &m, q.name, q.name_len)) {
		void *frames[HELD_PER_NAME];
		(void)held_release(l->w->held, slot, generation, frames);
		reply_pending(l, k);
	}
}

// A miss of which no answer comes: the name of a batch.
static void ask_for_nobody(struct loop *l, const struct work *k, const struct table_key *name) {
	struct miss m = {.kind = MISS_LOOKUP};
	memcpy(&m.client, k->v.source, k->v.family == AF_INET ? 4 : 8);
	(void)miss_push(l->w, &m, name->name, name->len);
}

// Answers.

static bool is_serving(const struct loop *l) {
	return atomic_load_explicit(&l->s->serving, memory_order_acquire);
}

static void reply_not_ready(struct loop *l, struct work *k) {
	counter_add(&l->w->counters.not_ready, 1);
	reply(l, k, lookup_answer_not_ready(&k->q, payload(k), &l->s->zone));
}

static void answer_malformed(struct loop *l, struct work *k) {
	k->q.rcode = 1; // FORMERR
	counter_add(&l->w->counters.answers_error, 1);
	reply(l, k, lookup_answer_error(&k->q, payload(k), &l->s->zone));
}

static void count_kind(struct worker_counters *c, unsigned kind, unsigned n) {
	counter_t *const BY_KIND[] = {
		[ENTRY_NONE] = &c->answers_none,
		[ENTRY_POLICY] = &c->answers_policy,
		[ENTRY_FAILED] = &c->answers_failed,
		[ENTRY_UNKNOWN] = &c->answers_unknown,
	};
	counter_add(BY_KIND[kind], n);
}

static void answer_looked_up(struct loop *l, struct work *k, const struct entry *e) {
	const struct lookup_zone *zone = &l->s->zone;
	struct worker_counters *c = &l->w->counters;
	if (k->q.kind == LOOKUP_POLICY_TEXT) {
		counter_add(&c->answers_text, 1);
		reply(l, k, lookup_answer_policy_text(&k->q, payload(k), zone, e, l->boot));
	} else if (k->q.kind == LOOKUP_RECHECK && !k->final && !k->q.any_type) {
		hold(l, k);
	} else if (e != NULL && e->ends_s > l->boot.boot_s) {
		counter_add(&c->hits, k->final ? 0 : 1);
		count_kind(c, e->kind, 1);
		if (entry_use(e, l->boot.boot_s)) {
			miss_check(l->w, e);
		}
		reply(l, k, lookup_answer_entry(&k->q, payload(k), zone, e, l->boot));
	} else if (k->final || k->q.any_type) {
		reply_pending(l, k);
	} else {
		hold(l, k);
	}
}

static void count_batch(struct worker_counters *c, const struct batch *b, const unsigned hits[]) {
	counter_add(&c->batches, 1);
	counter_add(&c->batch_names, b->count);
	for (unsigned kind = ENTRY_NONE; kind <= ENTRY_UNKNOWN; kind++) {
		count_kind(c, kind, hits[kind]);
		counter_add(&c->hits, hits[kind]);
	}
}

// A name of a batch without an entry in force: when it can be a domain it is
// asked for, while the batch is answered.
static void miss_batch(struct loop *l, const struct work *k, unsigned i) {
	struct worker_counters *c = &l->w->counters;
	struct batch *b = &l->batch;
	bool unknown = b->names[i].fate == BATCH_SPECIAL || b->names[i].fault == NAME_NOT_A_LABEL;
	b->found[i] = NULL;
	if (b->names[i].fate == BATCH_DOMAIN) {
		counter_add(&c->answers_pending, 1);
		ask_for_nobody(l, k, &b->keys[i]);
	} else {
		counter_add(unknown ? &c->answers_unknown : &c->answers_none, 1);
	}
}

static void use_batch(struct loop *l, const struct work *k) {
	const struct batch *b = &l->batch;
	unsigned hits[ENTRY_UNKNOWN + 1] = {0};
	for (unsigned i = 0; i < b->count; i++) {
		const struct entry *e = b->found[i];
		if (e == NULL || e->ends_s <= l->boot.boot_s) {
			miss_batch(l, k, i);
			continue;
		}
		hits[e->kind]++;
		if (entry_use(e, l->boot.boot_s)) {
			miss_check(l->w, e);
		}
	}
	count_batch(&l->w->counters, b, hits);
}

static void flush(struct loop *l);

// A batch is answered at once, in as many datagrams as it takes.
static void answer_batch(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	struct batch *b = &l->batch;
	if (!is_serving(l)) {
		reply_not_ready(l, k);
		return;
	}
	if (!batch_read(&l->s->zone, &k->q, payload(k), b)) {
		answer_malformed(l, k);
		return;
	}
	table_lookup_bulk(l->s->table, b->keys, b->count, b->found);
	use_batch(l, k);
	uint8_t head[BATCH_HEAD_MAX];
	size_t head_bytes = k->v.payload + 12U + k->q.question_bytes;
	memcpy(head, rte_pktmbuf_mtod(k->m, const uint8_t *), head_bytes);
	unsigned next = 0;
	reply(l, k, batch_write(b, &k->q, &l->s->zone, l->boot, &next, payload(k)));
	while (next < b->count) {
		if (l->out_count >= BATCH_OUT) {
			flush(l);
		}
		k->m = rte_pktmbuf_alloc(l->s->port.pools[l->w->index]);
		if (k->m == NULL) {
			counter_add(&c->batch_no_buffer, 1);
			return;
		}
		counter_add(&c->batch_datagrams, 1);
		memcpy(rte_pktmbuf_mtod(k->m, uint8_t *), head, head_bytes);
		reply(l, k, batch_write(b, &k->q, &l->s->zone, l->boot, &next, payload(k)));
	}
}

static void look_up_all(struct loop *l) {
	struct table_key keys[BURST + HELD_PER_NAME];
	const struct entry *found[BURST + HELD_PER_NAME];
	for (unsigned i = 0; i < l->work_count; i++) {
		keys[i] = (struct table_key){l->work[i].q.domain, l->work[i].q.domain_len};
	}
	table_lookup_bulk(l->s->table, keys, l->work_count, found);
	for (unsigned i = 0; i < l->work_count; i++) {
		answer_looked_up(l, &l->work[i], found[i]);
	}
	l->work_count = 0;
}

static void answer_name_fault(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	bool unknown = k->q.fault == NAME_NOT_A_LABEL;
	counter_add(unknown ? &c->answers_unknown : &c->answers_none, 1);
	reply(l, k, lookup_answer_name_fault(&k->q, payload(k), &l->s->zone));
}

static void answer_zone(struct loop *l, struct work *k) {
	struct lookup_status status = {
		.version = l->s->version,
		.uptime_s = (uint64_t)(l->boot.boot_s - l->s->started),
		.entries = atomic_load_explicit(&l->s->entries, memory_order_relaxed),
		.tcp = l->s->tcp,
	};
	counter_add(&l->w->counters.answers_zone, 1);
	reply(l, k, lookup_answer_zone(&k->q, payload(k), &l->s->zone, &status));
}

// What needs no table is answered here; the rest is kept for look_up_all().
static void sort_query(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	counter_add(&c->queries, 1);
	if (k->q.kind >= LOOKUP_NAME_FAULT && batch_is_asked(&k->q)) {
		answer_batch(l, k);
		return;
	}
	switch (k->q.kind) {
	case LOOKUP_ERROR:
		counter_add(&c->answers_error, 1);
		reply(l, k, lookup_answer_error(&k->q, payload(k), &l->s->zone));
		break;
	case LOOKUP_NAME_FAULT:
		answer_name_fault(l, k);
		break;
	case LOOKUP_VERDICT:
	case LOOKUP_RECHECK:
	case LOOKUP_POLICY_TEXT:
		if (is_serving(l)) {
			l->work_count++;
			break;
		}
		reply_not_ready(l, k);
		break;
	default:
		answer_zone(l, k);
		break;
	}
}

static bool is_verified(const struct loop *l, const struct rte_mbuf *m) {
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return l->s->port.rx_checksums && (m->ol_flags & good) == good;
}

static void drop(struct rte_mbuf *m, counter_t *reason) {
	counter_add(reason, 1);
	rte_pktmbuf_free(m);
}

static void take_frame(struct loop *l, struct rte_mbuf *m) {
	struct worker_counters *c = &l->w->counters;
	struct work *k = &l->work[l->work_count];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	if (m->nb_segs != 1 || m->buf_len - m->data_off < FRAME_ROOM) {
		drop(m, &c->drop_segments);
		return;
	}
	enum frame_verdict r = frame_parse(
		&l->s->owner, data, m->data_len, is_verified(l, m), &k->v
	);
	if (r < FRAME_DROP_COUNT) {
		drop(m, &c->drops[r]);
		return;
	}
	bool asks = r == FRAME_QUERY || r == FRAME_ICMP4;
	if (asks && !clients_match(&l->clients->allow, k->v.family, k->v.source)) {
		drop(m, &c->drop_acl);
		return;
	}
	k->m = m;
	k->final = false;
	if (r == FRAME_QUERY) {
		usual_remember(&l->senders[usual_place(data)], data, &k->v);
		lookup_parse(&l->s->zone, payload(k), k->v.payload_bytes, &k->q);
		if (k->q.kind == LOOKUP_DROP) {
			drop(m, &c->drop_message);
		} else {
			sort_query(l, k);
		}
		return;
	}
	size_t n = neigh_answer(&l->s->owner, r, &k->v, data, m->data_len, FRAME_ROOM);
	if (n == 0) {
		drop(m, &c->drop_neighbour);
		return;
	}
	counter_add(&c->neighbours, 1);
	give(l, m, n);
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
		count_kind(c, kind, by_kind[kind]);
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
		give(l, in[i], bytes[k - 1]);
	}
	count_usual(&l->w->counters, by_kind);
	return left;
}

// A held frame was good when it was taken: it is only read again.
static struct work *reread(struct loop *l, struct rte_mbuf *m) {
	struct work *k = &l->work[l->work_count];
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	(void)frame_parse(&l->s->owner, data, m->data_len, true, &k->v);
	k->m = m;
	k->final = true;
	lookup_parse(&l->s->zone, payload(k), k->v.payload_bytes, &k->q);
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
		reply_short(l, k, "none", "", 0);
		break;
	case READY_FAILED:
		counter_add(&c->answers_failed, 1);
		reply_short(l, k, "failed", t->why, t->retry_s);
		break;
	case READY_UNKNOWN:
		counter_add(&c->answers_unknown, 1);
		reply_short(l, k, "unknown", t->why, t->retry_s);
		break;
	default:
		reply_pending(l, k);
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
		look_up_all(l);
	}
	return n;
}

static unsigned end_holds(struct loop *l) {
	unsigned n = 0;
	struct rte_mbuf *m;
	while (n < BURST && (m = held_expired(l->w->held, l->now)) != NULL) {
		counter_add(&l->w->counters.hold_over, 1);
		reply_pending(l, reread(l, m));
		n++;
	}
	return n;
}

static void flush(struct loop *l) {
	unsigned sent = 0;
	for (int i = 0; sent < l->out_count && i < TX_TRIES; i++) {
		sent += rte_eth_tx_burst(
			l->s->port.id,
			(uint16_t)l->w->index,
			l->out + sent,
			(uint16_t)(l->out_count - sent)
		);
	}
	counter_add(&l->w->counters.drop_tx, l->out_count - sent);
	rte_pktmbuf_free_bulk(l->out + sent, l->out_count - sent);
	l->out_count = 0;
}

static void read_time(struct loop *l) {
	l->now = clock_mono_ns();
	if (l->now - l->boot_read >= CLOCK_NS_PER_MS) {
		l->boot_read = l->now;
		l->boot.boot_s = (uint32_t)clock_boot_s();
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
	look_up_all(l);
	unsigned others = take_tokens(l) + end_holds(l);
	if (l->out_count > 0) {
		flush(l);
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
