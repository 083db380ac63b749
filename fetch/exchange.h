// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/fetch.h"
#include "fetch/gate.h"

#include <stdbool.h>
#include <stdint.h>

// One DNS question to one server: over UDP from a port of its own, again over
// TCP when the reply is cut off, breaks the gate or somebody guesses at it.
// Never more than one descriptor at a time.

struct event_base;
struct exchange;

#define EXCHANGE_GUESSES_MAX 20 // wrong ids before UDP is given up

enum exchange_result {
	EXCHANGE_ANSWER,
	EXCHANGE_BROKEN, // a reply that breaks the gate, over TCP too
	EXCHANGE_TIMED_OUT,
	EXCHANGE_UNREACHABLE, // refused, reset, closed
	EXCHANGE_LOCAL,	      // our own fault: no descriptor left
};

struct exchange_request {
	const struct fetch_upstream *server;
	const char *host;
	enum gate_type type;
	bool edns;
	bool tcp; // from the start
	uint32_t try_ms;
};

// @param answer  With EXCHANGE_ANSWER; borrowed until the function returns.
// @param odd  Replies came that had the right id and the wrong question: the
//             server may not keep the case of letters, TCP would help.
typedef void exchange_done_fn(
	void *arg,
	enum exchange_result result,
	const struct gate_answer *answer,
	bool odd
);

// @param done  Called once from the event loop unless exchange_free() comes
//              first; it has to call exchange_free().
// @return 0 or negative errno (no route, no descriptor).
[[nodiscard]] int exchange_start(
	struct event_base *base,
	const struct exchange_request *request,
	exchange_done_fn *done,
	void *arg,
	struct exchange **out
);
void exchange_free(struct exchange *x);
