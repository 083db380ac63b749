// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/record.h"
#include "fetch/outcome.h"
#include "fetch/polparse.h"
#include "fetch/sched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The world a scenario plays in: an internet that says what the script says, a
// cache that is a list, a clock that moves when told, and the scheduler itself.

#define WORLD_DOMAINS_MAX 2048
#define WORLD_TXT_MAX 4
#define WORLD_STRING_MAX 256
#define WORLD_BODY_MAX 4096

// What the internet does when a task is started.
enum world_mood {
	WORLD_ANSWERS,
	WORLD_SILENT,  // the task stays out until the mood changes
	WORLD_REFUSES, // the task cannot be started
};

struct world_answer {
	bool there;
	bool recheck;
	boot_s_t at;
	struct sched_reply reply;
	bool kept; // the record below was looked up
	struct record record;
};

struct world_domain {
	struct name name;
	// TASK_TXT. code OK: `texts` are judged; else the code itself.
	enum world_mood txt_mood;
	enum outcome_code txt_code;
	size_t text_count;
	char texts[WORLD_TXT_MAX][WORLD_STRING_MAX];
	uint32_t ttl_s;
	// TASK_ADDRESS.
	enum outcome_code host_code;
	uint8_t address_count;
	struct address addresses[TASK_ADDRESS_MAX];
	// TASK_POLICY. code OK: `body` is parsed; else the code itself.
	enum world_mood policy_mood;
	enum outcome_code policy_code;
	char policy_detail[33];
	char body[WORLD_BODY_MAX];
	// The cache.
	bool kept;
	bool checking;
	struct record record;
	uint8_t mx[POLPARSE_MX_BYTES_MAX];
	uint8_t text[WORLD_BODY_MAX];
	uint8_t failed_text[WORLD_BODY_MAX];
	// What happened.
	unsigned asked[TASK_POLICY + 1]; // by enum task_kind
	unsigned answers;
	unsigned puts;
	unsigned cancelled;
	unsigned told;		 // downgrades worth a line in the log
	enum record_alert alert; // the last level it rose to
	struct world_answer last;
	uint64_t out[TASK_POLICY + 1]; // tasks that wait for their answer, 0: none
	bool unconfirmed;	       // settled, and the store has not confirmed it
};

struct world {
	struct sched *sched;
	struct sched_config config;
	boot_s_t now;
	mono_ns_t ns;
	int64_t wall_shift_s;  // the wall clock minus the boot clock
	int64_t saved_shift_s; // the same of the wall time that is kept and saved
	uint64_t client;       // who asks from now on
	bool confirms_later;
	size_t cache_bytes; // memory of the cache that a restart goes through
	struct prefix allow[4];
	size_t domain_count;
	struct world_domain *domains[WORLD_DOMAINS_MAX];
	// Tasks started and not yet answered, in order.
	size_t task_count;
	struct task tasks[WORLD_DOMAINS_MAX];
};

void world_init(struct world *w);
void world_fini(struct world *w);

// Made when it is named first: no TXT record, no host. Ends the process when the
// text is no name.
struct world_domain *world_domain(struct world *w, const char *text);

// Asks as a worker does: from the cache, else by a miss; a hit that is overdue
// starts a check.
void world_query(struct world *w, struct world_domain *d);
void world_want(struct world *w, struct world_domain *d, enum sched_cause cause, bool waits);

// Lets every task be answered that the world answers.
void world_run(struct world *w);

// The store confirms.
void world_confirm(struct world *w, struct world_domain *d);

// Second by second, with everything that happens on the way.
void world_pass(struct world *w, int64_t seconds);

// Keeps a copy of the record.
void world_keep(struct world_domain *d, const struct record *r);

// Ends the scheduler, if there is one, and begins another.
void world_new_sched(struct world *w);

// The process ends, the machine is off for so long, and all begins again with
// another boot clock.
void world_restart(struct world *w, int64_t off_s);

// What is kept and in force, or NULL.
const struct record *world_live(const struct world *w, const struct world_domain *d);
