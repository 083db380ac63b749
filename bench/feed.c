// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/feed.h"

#include "bench/dice.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#endif

#define LINE 64
#define LENGTH_BYTES 2
#define WIRE_MIN 60

static size_t slot_bytes(size_t frame) {
	return (LENGTH_BYTES + frame + LINE - 1) / LINE * LINE;
}

int feed_init(struct feed *f, size_t octets) {
	memset(f, 0, sizeof(*f));
	f->room = octets;
	f->trace = mmap(
		NULL,
		octets,
		PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1,
		0
	);
	if (f->trace == MAP_FAILED)
		return -ENOMEM;
	// Only speed depends on it.
	(void)madvise(f->trace, octets, MADV_HUGEPAGE);
	return 0;
}

void feed_fini(struct feed *f) {
	munmap(f->trace, f->room);
}

int feed_add(
	struct feed *f,
	const struct packet_proto *proto,
	const struct question *q,
	uint32_t tag
) {
	uint8_t frame[PACKET_HEAD_MAX + QUESTION_BYTES_MAX + QUESTION_BLOCK];
	uint16_t port = (uint16_t)(tag % proto->ends.ports);
	unsigned len = packet_build(proto, frame, q, port, (uint16_t)dice_hash(1, tag));
	uint16_t wire = (uint16_t)(len < WIRE_MIN ? WIRE_MIN : len);
	if (f->room - f->end < slot_bytes(wire))
		return -ENOSPC;
	memcpy(f->trace + f->end, &wire, LENGTH_BYTES);
	memcpy(f->trace + f->end + LENGTH_BYTES, frame, len);
	f->end += slot_bytes(wire);
	f->frames++;
	return 0;
}

// Callgrind counts from frames received to frames sent.
static void collect(struct feed *f, bool on) {
	if (f->collecting != on)
		CALLGRIND_TOGGLE_COLLECT;
	f->collecting = on;
}

static void give(struct feed *f, struct rte_mbuf *m) {
	const uint8_t *slot = f->trace + f->at;
	uint16_t len;
	memcpy(&len, slot, LENGTH_BYTES);
	// The length goes into the headroom: whole lines are copied.
	uint8_t *out = rte_pktmbuf_mtod(m, uint8_t *) - LENGTH_BYTES;
	for (size_t i = 0; i < slot_bytes(len); i += LINE)
		memcpy(out + i, slot + i, LINE);
	m->data_len = len;
	m->pkt_len = len;
	f->at += slot_bytes(len);
	if (f->at == f->end)
		f->at = 0;
}

static uint16_t hand_out(
	uint16_t /*port*/,
	uint16_t /*queue*/,
	struct rte_mbuf *burst[],
	uint16_t n,
	uint16_t /*max*/,
	void *arg
) {
	struct feed *f = arg;
	collect(f, false);
	uint16_t take = f->left < n ? (uint16_t)f->left : n;
	for (uint16_t i = 0; i < take; i++)
		give(f, burst[i]);
	rte_pktmbuf_free_bulk(burst + take, (unsigned)(n - take));
	f->left -= take;
	atomic_fetch_add_explicit(&f->given, take, memory_order_relaxed);
	collect(f, take > 0);
	return take;
}

static uint16_t take_back(
	uint16_t /*port*/,
	uint16_t /*queue*/,
	struct rte_mbuf * /*burst*/[],
	uint16_t n,
	void *arg
) {
	struct feed *f = arg;
	collect(f, false);
	atomic_fetch_add_explicit(&f->sent, n, memory_order_relaxed);
	return n;
}

int feed_attach(struct feed *f, uint16_t port, uint64_t count) {
	f->left = count;
	bool done = rte_eth_add_rx_callback(port, 0, hand_out, f) != NULL
		    && rte_eth_add_tx_callback(port, 0, take_back, f) != NULL;
	return done ? 0 : -ENOTSUP;
}
