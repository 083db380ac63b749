// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/batch.h"
#include "dataplane/held.h"
#include "dataplane/usual.h"
#include "dataplane/worker.h"

#include <rte_mbuf.h>

// What the parts of a poll loop share: the queries at hand, and what goes out.

#define BURST 32
#define BATCH_OUT BURST // answers that wait, from which on a batch sends them
#define TOKENS 8	// a turn; each may free HELD_PER_NAME questions
#define OUT_MAX (BURST + (TOKENS + 1) * HELD_PER_NAME + BURST + BATCH_OUT)
#define FRAME_ROOM 1400 // of the longest answer with all headers

// A question on its way through the loop.
struct work {
	struct rte_mbuf *m;
	struct frame_view v;
	unsigned trust; // of its sender: enum trust_flag
	bool final;	// held before: not held again
	struct lookup_query q;
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
	wall_s_t wall;
	unsigned work_count;
	unsigned out_count;
	struct work work[BURST + HELD_PER_NAME];
	struct rte_mbuf *out[OUT_MAX];
	struct batch batch; // the one at hand
	struct usual_frame frames[BURST];
	struct usual_sender senders[USUAL_SENDERS];
};

static inline uint8_t *loop_payload(const struct work *k) {
	return rte_pktmbuf_mtod(k->m, uint8_t *) + k->v.payload;
}

// Octets of the IP packet around a message.
static inline size_t loop_packet_bytes(const struct work *k, size_t payload_bytes) {
	return (size_t)(k->v.payload - k->v.l3) + payload_bytes;
}

// Sends a frame at the end of the turn.
static inline void loop_give(struct loop *l, struct rte_mbuf *m, size_t frame_bytes) {
	m->data_len = (uint16_t)frame_bytes;
	m->pkt_len = (uint32_t)frame_bytes;
	m->ol_flags = 0;
	l->out[l->out_count++] = m;
}

static inline void loop_drop(struct rte_mbuf *m, counter_t *reason) {
	counter_add(reason, 1);
	rte_pktmbuf_free(m);
}

// Sends what waits.
void loop_flush(struct loop *l);

// Counts answers from entries of a kind.
static inline void loop_count_kind(struct worker_counters *c, unsigned kind, unsigned n) {
	counter_t *const BY_KIND[] = {
		[ENTRY_NONE] = &c->answers_none,
		[ENTRY_POLICY] = &c->answers_policy,
		[ENTRY_FAILED] = &c->answers_failed,
		[ENTRY_UNKNOWN] = &c->answers_unknown,
	};
	counter_add(BY_KIND[kind], n);
}
