// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/feed.h"

#include "bench/dice.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#define CALLGRIND_DUMP_STATS_AT(text) ((void)(text))
#endif

#define LINE 64
#define LENGTH_BYTES 2
#define WIRE_MIN 60
#define DNS_HEAD 12
#define MESSAGE_MAX (PACKET_FRAME_MAX - PACKET_HEAD_MAX)

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

static int add(struct feed *f, const uint8_t *frame, unsigned len) {
	uint16_t wire = (uint16_t)(len < WIRE_MIN ? WIRE_MIN : len);
	if (f->room - f->end < slot_bytes(wire))
		return -ENOSPC;
	memcpy(f->trace + f->end, &wire, LENGTH_BYTES);
	memcpy(f->trace + f->end + LENGTH_BYTES, frame, len);
	f->end += slot_bytes(wire);
	f->frames++;
	return 0;
}

int feed_add(
	struct feed *f,
	const struct packet_proto *proto,
	const struct question *q,
	uint32_t tag
) {
	uint8_t frame[PACKET_FRAME_MAX + QUESTION_BLOCK];
	uint16_t port = (uint16_t)(tag % proto->ends.ports);
	unsigned len = packet_build(proto, frame, q, port, (uint16_t)dice_hash(1, tag));
	return add(f, frame, len);
}

int feed_add_message(
	struct feed *f,
	const struct packet_proto *proto,
	const uint8_t *message,
	size_t len
) {
	if (len < DNS_HEAD || len > MESSAGE_MAX)
		return -EINVAL;
	// What follows the header is built as a question is, then the header put
	// before it, and the sum set right for the difference.
	_Alignas(64) uint8_t block[MESSAGE_MAX + QUESTION_BLOCK] = {0};
	size_t rest = len - DNS_HEAD;
	struct question head = {
		.sum = question_sum(message + DNS_HEAD, rest), .len = (uint16_t)rest};
	memcpy(block, &head, offsetof(struct question, bytes));
	memcpy(block + offsetof(struct question, bytes), message + DNS_HEAD, rest);
	uint8_t frame[PACKET_FRAME_MAX + QUESTION_BLOCK];
	const struct question *q = (const struct question *)(const void *)block;
	unsigned frame_len = packet_build(proto, frame, q, 0, 0);
	uint8_t *dns = frame + proto->head_len - DNS_HEAD;
	uint8_t *udp = frame + proto->udp_at;
	uint16_t check;
	memcpy(&check, udp + 6, 2);
	// RFC 1624 3.
	uint32_t sum = (uint16_t)~check + 0xffffU - packet_fold(question_sum(dns, DNS_HEAD))
		       + question_sum(message, DNS_HEAD);
	check = (uint16_t)~packet_fold(sum);
	if (!check)
		check = 0xffff;
	memcpy(udp + 6, &check, 2);
	memcpy(dns, message, DNS_HEAD);
	return add(f, frame, frame_len);
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
}

static void advance(struct feed *f) {
	uint16_t len;
	memcpy(&len, f->trace + f->at, LENGTH_BYTES);
	f->at += slot_bytes(len);
	if (f->at == f->end)
		f->at = 0;
}

// The frame at hand and no other. When it has been given often enough the worker
// has done with it by the next call.
static uint16_t give_alone(struct feed *f, struct rte_mbuf *burst[], uint16_t n) {
	uint64_t through = atomic_load_explicit(&f->through, memory_order_relaxed);
	if (through < f->frames && f->given_of_frame == f->times) {
		char text[32];
		snprintf(text, sizeof(text), "frame %" PRIu64, through);
		CALLGRIND_DUMP_STATS_AT(text);
		f->given_of_frame = 0;
		advance(f);
		through++;
		atomic_store_explicit(&f->through, through, memory_order_relaxed);
	}
	if (through == f->frames)
		return 0;
	unsigned left = f->times - f->given_of_frame;
	uint16_t take = left < n ? (uint16_t)left : n;
	for (uint16_t i = 0; i < take; i++)
		give(f, burst[i]);
	f->given_of_frame += take;
	return take;
}

static uint16_t give_next(struct feed *f, struct rte_mbuf *burst[], uint16_t n) {
	uint16_t take = f->left < n ? (uint16_t)f->left : n;
	for (uint16_t i = 0; i < take; i++) {
		give(f, burst[i]);
		advance(f);
	}
	f->left -= take;
	return take;
}

static void tell_clock(struct feed *f) {
	clockid_t clock = CLOCK_MONOTONIC;
	(void)pthread_getcpuclockid(pthread_self(), &clock);
	atomic_store_explicit(&f->worker_clock, clock, memory_order_relaxed);
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
	if (!atomic_load_explicit(&f->given, memory_order_relaxed))
		tell_clock(f);
	uint16_t take = f->times > 0 ? give_alone(f, burst, n) : give_next(f, burst, n);
	rte_pktmbuf_free_bulk(burst + take, (unsigned)(n - take));
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
