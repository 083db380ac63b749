// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/ctl.h"

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

// What the files of the control socket share: ctl.c (connections, and the slices
// of long work), ctl_command.c (commands), ctl_dump.c and ctl_walk.c (long work).

#define CTL_AWAITED_MAX 256 // domains that long work asks for at a time

struct ctl_connection;

// Work of a command that goes over all domains. It gets a slice of time when its
// reader has taken what was written before, and few answers are outstanding.
struct ctl_work {
	// Looks at the clock every few microseconds of work. @return False: finished.
	bool (*slice)(struct ctl_connection *c, void *state, mono_ns_t until);
	void (*free)(void *state);
};

struct ctl_connection {
	TAILQ_ENTRY(ctl_connection) link;
	struct ctl *ctl;
	struct bufferevent *bev;
	uint64_t id;
	size_t awaited; // answers that are still to come
	int status;	// for the last line
	char error[1024];
	const struct ctl_work *work; // NULL: none goes on
	void *state;
};

struct ctl_request {
	json_t *args;	 // an array
	json_t *options; // an object, or NULL
};

// Of ctl_command.c: runs one.
void ctl_command_run(struct ctl_connection *c, const char *command, const struct ctl_request *r);

// Of ctl.c. A line of JSON; takes the reference, NULL is passed over.
void ctl_send(struct ctl_connection *c, json_t *o);
// The last line says so, unless a worse one has been noted. Texts are copied.
void ctl_fail(struct ctl_connection *c, int status, const char *error);
// Begins long work; the state belongs to it. Out of memory where it is NULL.
void ctl_start(struct ctl_connection *c, const struct ctl_work *work, void *state);
const struct report_source *ctl_source(const struct ctl_connection *c);
int ctl_reload(struct ctl_connection *c, char *note, size_t cap);
// Whether so much is written and not taken that the work shall wait.
bool ctl_is_full(const struct ctl_connection *c);

bool ctl_flag(const struct ctl_request *r, const char *key);
const char *ctl_word(const struct ctl_request *r, const char *key);

// Of ctl_dump.c and ctl_walk.c: begin the work of these commands.
void ctl_dump_start(struct ctl_connection *c, const struct ctl_request *r);
void ctl_walk_refresh(struct ctl_connection *c, bool stale_only);
void ctl_walk_purge(struct ctl_connection *c, bool dry_run);
void ctl_walk_overrides(struct ctl_connection *c);

// Of ctl_command.c: what is known of a domain, as a line of a list.
json_t *ctl_command_line(struct ctl_connection *c, const struct record *rec);
// Of ctl_command.c: sends an override, and what it does to what is known.
void ctl_command_override(struct ctl_connection *c, const struct override *o);
