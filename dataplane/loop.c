// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/loop.h"

#include <rte_ethdev.h>

#define TX_TRIES 16

void loop_flush(struct loop *l) {
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
