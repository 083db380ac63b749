// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/miss.h"

#include "dataplane/worker.h"

#include <rte_ring_elem.h>

#include <string.h>
#include <unistd.h>

static void wake_control(struct worker_shared *s) {
	// Orders our push before the look at `asleep`; the control core sets
	// `asleep` before its last look at the rings.
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->asleep, memory_order_relaxed)
	    && atomic_exchange_explicit(&s->asleep, false, memory_order_acq_rel)) {
		ssize_t done = write(s->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
		(void)done;
	}
}

bool miss_push(struct worker *w, struct miss *m, const char *name, size_t len) {
	struct worker_shared *s = w->shared;
	struct rte_ring *ring = m->kind == MISS_LOOKUP	  ? s->misses
				: m->kind == MISS_RECHECK ? s->rechecks
							  : s->checks;
	m->worker = (uint16_t)w->index;
	m->name_len = (uint8_t)len;
	memcpy(m->name, name, len);
	if (rte_ring_mp_enqueue_elem(ring, m, sizeof(*m)) != 0) {
		bool check = m->kind == MISS_CHECK;
		counter_add(check ? &w->counters.check_full : &w->counters.miss_full, 1);
		return false;
	}
	wake_control(s);
	return true;
}

void miss_check(struct worker *w, const struct entry *e) {
	struct miss m = {.kind = MISS_CHECK};
	if (!miss_push(w, &m, e->name, e->name_len)) {
		entry_unclaim(e);
	}
}
