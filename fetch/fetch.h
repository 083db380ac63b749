// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/outcome.h"
#include "fetch/sched.h"
#include "fetch/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The children's side of sts:main: one `stsd: resolve`, some `stsd: fetch`.
// Tasks go out, outcomes come in, dead children are replaced with back-off,
// tasks of a dead child end as LOCAL (or CHILD_KILLED when it died working on
// that one domain's fetch twice). A child that sends what cannot be read, or
// owes an outcome long after every time limit, is killed.
// Context of every call: the thread of the event loop. None of them waits for a
// child or for the spawner.

struct event_base;

#define FETCH_UPSTREAM_MAX 8

struct fetch_upstream {
	struct address address;
	uint16_t port;
};

struct fetch_config {
	unsigned workers;	 // fetch children
	unsigned per_worker_max; // connections at once in one child
	struct fetch_upstream upstreams[FETCH_UPSTREAM_MAX];
	size_t upstream_count;		    // 0: /etc/resolv.conf
	const char *ca_file;		    // PEM bundle
	uint16_t https_port;		    // 443
	uint32_t dns_try_ms;		    // 5000 per try
	uint32_t dns_tries;		    // 2 per server
	uint32_t connect_ms;		    // 10000
	uint32_t handshake_ms;		    // 15000
	uint32_t first_byte_ms;		    // 15000
	uint32_t total_ms;		    // 60000
	uint32_t late_ms;		    // after all limits a child is given this; 10000
	bool require_text_plain;	    // false: another media type is counted, not refused
	const struct prefix *allow_private; // vetted again in the child
	size_t allow_private_count;
};

struct fetch;

// @param on_outcome  Called from the event loop; the outcome is borrowed.
// @param spawner  As spawn_start() gave it and spawn_configure() set it up; stays
//                 the caller's, and outlives this.
// @return 0 or negative errno; -E2BIG when a list of the configuration is too
//         long for a child.
[[nodiscard]] int fetch_open(
	const struct fetch_config *config,
	struct event_base *base,
	int spawner,
	void (*on_outcome)(void *arg, const struct outcome *o),
	void *arg,
	struct fetch **out
);
// Ends the children. Tasks in flight get no outcome any more.
void fetch_close(struct fetch *f);

// @param task  Its id must not be in flight.
// @return False when no child can take it now.
[[nodiscard]] bool fetch_submit(struct fetch *f, const struct task *task);
// The task's outcome will not be delivered; one that ended already is no error.
void fetch_cancel(struct fetch *f, uint64_t task);

struct fetch_child {
	enum spawn_kind kind;
	pid_t pid;	// 0: not there now
	uint32_t tasks; // in flight
	uint32_t restarts;
	uint32_t kills; // of those, by us: hung, or sent what cannot be read
};

// @return How many children there are; up to max are written.
size_t fetch_children(const struct fetch *f, struct fetch_child out[], size_t max);
