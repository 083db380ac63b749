// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/pump.h"
#include "app/report.h"

// The control socket: a UNIX stream socket (0600 in a 0700 directory). A
// request is a line of JSON {"command": ..., "args": [...], "options": {...}};
// answers are lines of JSON, the last of which has "done", the exit status, and
// an error if there is one. Work over all domains goes on in slices, one slice in
// a turn of the loop however many ask. Context: sts:main.

struct ctl;

// Reloads the configuration; what cannot change at run time goes to *note.
// @return 0, or negative with the reason in *note.
typedef int ctl_reload_fn(void *arg, char *note, size_t cap);

// @param source  Outlives this; its slice_ns_max is kept here.
// @return 0 or negative errno.
[[nodiscard]] int ctl_open(
	const char *path,
	struct event_base *base,
	struct report_source *source,
	ctl_reload_fn *reload,
	void *reload_arg,
	struct ctl **out
);
void ctl_close(struct ctl *c);

// The answer to pump_want(); fits pump_answer_fn with arg struct ctl *.
void ctl_answer(void *arg, uint64_t id, const struct name *domain, const struct sched_reply *reply);
// The same for pump_operated_fn.
void ctl_operated(void *arg, uint64_t id, int status);
