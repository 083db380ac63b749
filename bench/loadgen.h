// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/batches.h"
#include "bench/door.h"
#include "bench/expect.h"
#include "bench/hist.h"
#include "bench/question.h"
#include "bench/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The sending loop. Closed: so many queries are kept on their way. Open: they
// leave by the clock, and latency counts from the time they were due, so that
// a server that falls behind cannot hide it.

#define LOADGEN_WRONG_SHOWN 5

struct loadgen_config {
	struct door *door;
	const struct question_arena *questions;
	const uint32_t *order; // blocks in `questions`, asked one after the other, around
	size_t order_len;      // above DOOR_BURST_MAX
	unsigned burst;
	unsigned window;   // closed loop; with a rate: no more than so many
	double rate_per_s; // 0: closed loop
	double warmup_s;   // not counted
	double seconds;	   // 0: until `count`
	uint64_t count;	   // 0: until `seconds`
	double timeout_s;  // after which a query is lost
	double unheard_timeout_s;
	unsigned nap_us;       // while nothing may leave; 0: none, the core is ours
	double ready_wait_s;   // before: for the first NOERROR; 0: the server is ready
	void (*started)(void); // called when measuring begins, or NULL
	// Each question is a request for the names of a batch; its index is the batch.
	// NULL: for one name.
	const struct batches *batches;
	bool echo; // frames come back as they went: nothing is read
	// Names that nobody has heard of, each asked once: this share of all.
	double unheard_share;
	const char *unheard_suffix;
	uint64_t seed;
	struct question_form form;
	uint16_t query_flags;
	// Comparing answers: one of so many, 0 none.
	uint32_t check_every;
	const struct expect_set *expected;
};

struct loadgen_side {
	uint64_t sent;	   // questions
	uint64_t answered; // names, in the measured time
	uint64_t lost;
};

struct loadgen_result {
	double seconds;
	struct loadgen_side known;
	struct loadgen_side unheard;
	uint64_t stray; // answers nobody waited for (any more)
	uint64_t strangers;
	uint64_t refused;
	uint64_t rcodes[16];
	uint64_t turns;
	uint64_t empty; // turns that received nothing
	uint64_t bytes_out;
	uint64_t bytes_in;
	uint64_t datagrams; // of known names
	uint64_t checked;
	uint64_t wrong;
	uint64_t faults[VERIFY_COUNT];
	uint64_t verdicts[VERIFY_VERDICTS]; // of right answers for known names
	uint64_t unheard_verdicts[VERIFY_VERDICTS];
	uint64_t stale;	     // fresh=0
	uint64_t cut;	     // more=1
	struct hist latency; // of known names
};

// Runs to the end and waits for what is on its way.
// @return 0, -ENOMEM, or -ETIMEDOUT: the server never answered NOERROR.
[[nodiscard]] int loadgen_run(const struct loadgen_config *config, struct loadgen_result *out);
