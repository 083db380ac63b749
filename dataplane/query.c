// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/query.h"

#include <rte_mbuf.h>

#include <string.h>
#include <sys/socket.h>

#define BATCH_HEAD_MAX 400 // of a frame up to the end of its question

static void reply(struct loop *l, struct work *k, size_t payload_bytes) {
	struct worker_counters *c = &l->w->counters;
	if (k->q.claims) {
		const struct trust *t = &l->clients->trust;
		payload_bytes = trust_sign(
			t, &k->q, loop_payload(k), payload_bytes, l->wall, &c->trust
		);
	}
	if (trust_is_limited(&k->q, k->trust)
	    && !budget_spend(
		    l->w->budget,
		    k->v.family,
		    k->v.source,
		    loop_packet_bytes(k, payload_bytes),
		    l->now
	    )) {
		loop_drop(k->m, &c->drop_budget);
		return;
	}
	loop_give(l, k->m, frame_turn(&k->v, rte_pktmbuf_mtod(k->m, uint8_t *), payload_bytes));
}

void query_reply_short(
	struct loop *l,
	struct work *k,
	const char *verdict,
	const char *why,
	uint32_t retry_s
) {
	reply(l, k, lookup_answer_short(&k->q, loop_payload(k), &l->s->zone, verdict, why, retry_s)
	);
}

void query_reply_pending(struct loop *l, struct work *k) {
	counter_add(&l->w->counters.answers_pending, 1);
	query_reply_short(l, k, "pending", "", LOOKUP_PENDING_RETRY_S);
}

// Misses.

static void hold(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	struct held_query q = {
		.name = k->q.domain,
		.name_len = k->q.domain_len,
		.recheck = k->q.kind == LOOKUP_RECHECK,
		.short_hold = !k->q.recursion_desired
			      || clients_match(
				      &l->clients->trust.resolvers, k->v.family, k->v.source
			      ),
		.client = {.port = k->v.source_port},
		.frame = k->m,
	};
	memcpy(&q.client.id, loop_payload(k), sizeof(q.client.id));
	memcpy(q.client.address, k->v.source, k->v.family == AF_INET ? 4 : 16);
	uint32_t slot = 0;
	uint32_t generation = 0;
	void *old = NULL;
	enum held_result r = held_add(l->w->held, &q, l->now, &slot, &generation, &old);
	if (r == HELD_FULL) {
		counter_add(&c->held_full, 1);
		query_reply_pending(l, k);
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
		query_reply_pending(l, k);
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
	reply(l, k, lookup_answer_not_ready(&k->q, loop_payload(k), &l->s->zone));
}

static void answer_malformed(struct loop *l, struct work *k) {
	k->q.rcode = 1; // FORMERR
	counter_add(&l->w->counters.answers_error, 1);
	reply(l, k, lookup_answer_error(&k->q, loop_payload(k), &l->s->zone));
}

static void answer_looked_up(struct loop *l, struct work *k, const struct entry *e) {
	const struct lookup_zone *zone = &l->s->zone;
	struct worker_counters *c = &l->w->counters;
	if (k->q.kind == LOOKUP_POLICY_TEXT) {
		counter_add(&c->answers_text, 1);
		reply(l, k, lookup_answer_policy_text(&k->q, loop_payload(k), zone, e, l->boot));
	} else if (k->q.kind == LOOKUP_RECHECK && !k->final && !k->q.any_type) {
		hold(l, k);
	} else if (e != NULL && e->ends_s > l->boot.boot_s) {
		counter_add(&c->hits, k->final ? 0 : 1);
		loop_count_kind(c, e->kind, 1);
		if (entry_use(e, l->boot.boot_s)) {
			miss_check(l->w, e);
		}
		reply(l, k, lookup_answer_entry(&k->q, loop_payload(k), zone, e, l->boot));
	} else if (k->final || k->q.any_type) {
		query_reply_pending(l, k);
	} else {
		hold(l, k);
	}
}

static void count_batch(struct worker_counters *c, const struct batch *b, const unsigned hits[]) {
	counter_add(&c->batches, 1);
	counter_add(&c->batch_names, b->count);
	for (unsigned kind = ENTRY_NONE; kind <= ENTRY_UNKNOWN; kind++) {
		loop_count_kind(c, kind, hits[kind]);
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

// A batch is answered at once, in as many datagrams as it takes.
static void answer_batch(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	struct batch *b = &l->batch;
	if (!is_serving(l)) {
		reply_not_ready(l, k);
		return;
	}
	if (!batch_read(&l->s->zone, &k->q, loop_payload(k), b)) {
		answer_malformed(l, k);
		return;
	}
	table_lookup_bulk(l->s->table, b->keys, b->count, b->found);
	use_batch(l, k);
	uint8_t head[BATCH_HEAD_MAX];
	size_t head_bytes = k->v.payload + 12U + k->q.question_bytes;
	memcpy(head, rte_pktmbuf_mtod(k->m, const uint8_t *), head_bytes);
	unsigned next = 0;
	reply(l, k, batch_write(b, &k->q, &l->s->zone, l->boot, &next, loop_payload(k)));
	for (unsigned i = 1; next < b->count && i < BATCH_DATAGRAMS_MAX; i++) {
		if (l->out_count >= BATCH_OUT) {
			loop_flush(l);
		}
		k->m = rte_pktmbuf_alloc(l->s->port.pools[l->w->index]);
		if (k->m == NULL) {
			counter_add(&c->batch_no_buffer, 1);
			return;
		}
		counter_add(&c->batch_datagrams, 1);
		memcpy(rte_pktmbuf_mtod(k->m, uint8_t *), head, head_bytes);
		reply(l, k, batch_write(b, &k->q, &l->s->zone, l->boot, &next, loop_payload(k)));
	}
}

void query_look_up_all(struct loop *l) {
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
	reply(l, k, lookup_answer_name_fault(&k->q, loop_payload(k), &l->s->zone));
}

static void answer_zone(struct loop *l, struct work *k) {
	struct lookup_status status = {
		.version = l->s->version,
		.uptime_s = (uint64_t)(l->boot.boot_s - l->s->started),
		.entries = atomic_load_explicit(&l->s->entries, memory_order_relaxed),
		.tcp = l->s->tcp,
	};
	counter_add(&l->w->counters.answers_zone, 1);
	reply(l, k, lookup_answer_zone(&k->q, loop_payload(k), &l->s->zone, &status));
}

// What needs no table is answered here; the rest is kept for query_look_up_all().
void query_sort(struct loop *l, struct work *k) {
	struct worker_counters *c = &l->w->counters;
	counter_add(&c->queries, 1);
	if (k->q.kind >= LOOKUP_NAME_FAULT && batch_is_asked(&k->q)
	    && !trust_matters(&k->q, k->trust)) {
		answer_batch(l, k);
		return;
	}
	switch (k->q.kind) {
	case LOOKUP_COOKIE:
	case LOOKUP_ERROR:
		counter_add(k->q.kind == LOOKUP_ERROR ? &c->answers_error : &c->answers_zone, 1);
		reply(l, k, lookup_answer_error(&k->q, loop_payload(k), &l->s->zone));
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
