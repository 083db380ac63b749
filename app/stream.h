// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/value.h"
#include "base/address.h"
#include "dataplane/clients.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Requests and answers over kernel stream sockets, whatever their framing: it
// listens, lets clients in, and gives answers in the order of the requests,
// also of those that have to wait. A client gets no more than its share of
// anything:
//   * A request is taken only while few are unanswered and few octets unread.
//   * Who has not asked a whole question, nor read its answers, for `idle_ms`
//     is closed, unless it waits for us. Octets alone are no sign of life.
//   * When all places are taken, the one idle for longest makes room.
// Context of every call: sts:main.

// X(field, name, help)
// clang-format off
#define STREAM_COUNTER_LIST(X)                                                         \
	X(accepted,   "connections_total",  "connections let in")                      \
	X(refused,    "refused_acl_total",  "connections of clients outside clients.allow") \
	X(full,       "refused_full_total", "connections refused because all places were taken") \
	X(evicted,    "evicted_total",      "idle connections closed to make room")    \
	X(idle,       "idle_closed_total",  "connections closed for being idle or slow") \
	X(failed,     "failed_total",       "connections that ended with an error")    \
	X(overrun,    "overrun_total",      "connections closed because too much waited to be read") \
	X(requests,   "requests_total",     "requests taken")                          \
	X(held,       "held_total",         "of them such that had to wait")           \
	X(forgotten,  "forgotten_total",    "of these such whose client left")
// clang-format on

struct stream_counters {
#define STREAM_COUNTER_FIELD(field, name, help) uint64_t field;
	STREAM_COUNTER_LIST(STREAM_COUNTER_FIELD)
#undef STREAM_COUNTER_FIELD
};

struct stream;
struct stream_conn;
struct event_base;

struct stream_config {
	const char *name; // in log lines and counters: "socketmap"
	struct event_base *base;
	const struct value_endpoints *listen; // borrowed until stream_open() returns
	const struct clients *allow;	      // outlives the stream; UNIX sockets need no leave
	size_t connections_max;
	uint32_t idle_ms;
	size_t request_bytes_max; // framing included

	// Takes the request at the front of buf, and answers it by stream_say() or
	// stream_hold().
	// @return Octets taken; 0: it is not whole yet; negative: nothing more is
	//         to be read, the connection ends behind the answers.
	ssize_t (*take)(void *arg, struct stream_conn *c, const uint8_t *buf, size_t len);
	// The client of a held request has left; the memory goes afterwards.
	void (*forget)(void *arg, void *held);
	void *arg;
};

// @return 0 or a negative code; what failed has been logged.
[[nodiscard]] int stream_open(const struct stream_config *config, struct stream **out);
void stream_close(struct stream *s);

// Answers the request being taken; the octets are copied.
void stream_say(struct stream_conn *c, const void *data, size_t len);

// The request being taken is answered later: memory for it, zeroed, or NULL. It
// belongs to the stream.
void *stream_hold(struct stream_conn *c, size_t bytes);

// Answers a held request; its memory is gone afterwards, and perhaps the
// connection. Not from within take().
void stream_release(void *held, const void *data, size_t len);

// Of family AF_UNIX: no address.
const struct address *stream_client(const struct stream_conn *c);

// Gives every counter: name, -1, a line of help, value.
typedef void
stream_counter_fn(void *arg, const char *name, int worker, const char *help, uint64_t value);

void stream_counters(const struct stream *s, stream_counter_fn *fn, void *arg);
