// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/loop.h"

// The general way of a query through a poll loop, from the question that was read
// to the answer, the hold or the drop. Context: the worker.

// A query that has just been read and admitted stands in l->work[l->work_count].
// What needs no table is answered; the rest is kept for query_look_up_all().
void query_sort(struct loop *l, struct work *k);

// Looks up all that is kept, and answers or holds it.
void query_look_up_all(struct loop *l);

// A verdict without an entry, as lookup_answer_short().
void query_reply_short(
	struct loop *l,
	struct work *k,
	const char *verdict,
	const char *why,
	uint32_t retry_s
);
void query_reply_pending(struct loop *l, struct work *k);
