// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/loadcmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "bench/batches.h"
#include "bench/domains.h"
#include "bench/draw.h"
#include "bench/expect.h"
#include "bench/loadgen.h"
#include "bench/loadopt.h"
#include "bench/pmd.h"
#include "bench/summary.h"
#include "bench/udpsock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_WRONG 1
#define EXIT_USAGE 2
#define EXIT_START 3

// Everything that a run asks, in memory.
struct work {
	struct expect_set names;
	struct question_arena questions;
	uint32_t *blocks; // of each name
	uint32_t *order;
	size_t order_len;
	struct batches batches; // with --batch
};

static int make_names(const struct loadopt *o, struct expect_set *set, uint64_t *line) {
	struct domains_config c = {
		.seed = o->seed,
		.policies = o->made_policies,
		.none = o->made_none,
		.exponent = o->zipf,
		.share = 0.45,
		.now_s = clock_wall_s(),
	};
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);
	if (!f)
		return -errno;
	int rc = domains_write(&c, f);
	if (fclose(f) && !rc)
		rc = -ENOMEM;
	if (rc) {
		free(text);
		return rc;
	}
	return expect_take(text, bytes, set, line);
}

static int open_names(const struct loadopt *o, struct expect_set *set) {
	uint64_t line = 0;
	int rc = o->names ? expect_open(o->names, set, &line) : make_names(o, set, &line);
	const char *from = o->names ? o->names : "made-up names";
	if (rc && line)
		(void)fprintf(stderr, "stsbench: %s:%" PRIu64 ": %s\n", from, line, err_str(rc));
	else if (rc)
		(void)fprintf(stderr, "stsbench: %s: %s\n", from, err_str(rc));
	if (rc)
		return rc;
	double until = (double)clock_wall_s() + o->warmup + o->seconds + 60;
	if (o->check_every && (double)set->ends_first_s < until)
		(void
		)fputs("stsbench: policies of this file end during the run: make a new one\n",
		       stderr);
	return 0;
}

static struct question_form form_of(const struct loadopt *o) {
	return (struct question_form){
		.zone = o->zone,
		.edns_bytes = o->edns_bytes,
		.case_seed = o->mixed_case ? o->seed + 1 : 0,
	};
}

static int write_questions(const struct loadopt *o, struct work *w) {
	struct question_form form = form_of(o);
	size_t room = 0;
	for (uint32_t i = 0; i < w->names.count; i++)
		room += question_blocks(expect_get(&w->names, i).name.len + strlen(o->zone) + 18);
	int rc = question_arena_init(&w->questions, room);
	if (rc)
		return rc;
	w->blocks = malloc(w->names.count * sizeof(*w->blocks));
	if (!w->blocks)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->names.count; i++) {
		uint8_t bytes[QUESTION_BYTES_MAX];
		struct expect_text name = expect_get(&w->names, i).name;
		size_t len = question_write(&form, name.at, name.len, i, bytes);
		int64_t block = len ? question_arena_add(&w->questions, i, bytes, len) : -EINVAL;
		if (block < 0) {
			(void)fprintf(
				stderr, "stsbench: cannot be asked: %.*s\n", (int)name.len, name.at
			);
			return (int)block;
		}
		w->blocks[i] = (uint32_t)block;
	}
	return 0;
}

// Frames of a set size: a header and as many octets as are missing.
static int write_filler(const struct loadopt *o, struct work *w) {
	static const uint8_t zeros[PACKET_FRAME_MAX];
	unsigned head = o->door.ends.ipv6 ? 74 : 54;
	if (o->over_socket)
		head = 12;
	size_t len = o->frame_bytes > head ? o->frame_bytes - head : 0;
	int rc = question_arena_init(&w->questions, question_blocks(len));
	if (rc)
		return rc;
	w->order = calloc(1, sizeof(*w->order));
	w->order_len = 1;
	int64_t block = question_arena_add(&w->questions, 0, zeros, len);
	return !w->order ? -ENOMEM : block < 0 ? (int)block : 0;
}

// Names by number.
static int draw_order(const struct loadopt *o, struct work *w) {
	w->order_len = o->zipf > 0 ? o->draws : w->names.count;
	w->order = o->zipf > 0 ? draw_zipf(w->names.count, o->zipf, w->order_len, o->seed)
			       : draw_permutation(w->names.count, o->seed);
	return w->order ? 0 : -ENOMEM;
}

// The questions of the names, in the order drawn.
static void order_questions(struct work *w) {
	for (size_t i = 0; i < w->order_len; i++)
		w->order[i] = w->blocks[w->order[i]];
}

// The requests for them, which take the order over.
static int order_batches(const struct loadopt *o, struct work *w) {
	struct question_form form = form_of(o);
	uint32_t *names = w->order;
	w->order = NULL;
	int rc = batches_init(
		&w->batches, &w->names, &form, names, w->order_len, o->batch, &w->questions
	);
	if (rc)
		return rc;
	w->order_len = w->batches.count;
	w->order = malloc(w->order_len * sizeof(*w->order));
	if (!w->order)
		return -ENOMEM;
	memcpy(w->order, w->batches.blocks, w->order_len * sizeof(*w->order));
	return 0;
}

// The loop wraps at most once a burst: few names are written several times.
static int stretch_order(struct work *w) {
	size_t times = DOOR_BURST_MAX / w->order_len + 1;
	uint32_t *longer = realloc(w->order, times * w->order_len * sizeof(*longer));
	if (!longer)
		return -ENOMEM;
	for (size_t i = w->order_len; i < times * w->order_len; i++)
		longer[i] = longer[i - w->order_len];
	w->order = longer;
	w->order_len *= times;
	return 0;
}

static int prepare(const struct loadopt *o, struct work *w) {
	int rc = 0;
	if (o->echo) {
		rc = write_filler(o, w);
		return rc ? rc : stretch_order(w);
	}
	rc = open_names(o, &w->names);
	if (!rc && !o->batch)
		rc = write_questions(o, w);
	if (!rc)
		rc = draw_order(o, w);
	if (!rc && o->batch)
		rc = order_batches(o, w);
	else if (!rc)
		order_questions(w);
	return rc ? rc : stretch_order(w);
}

static void discard(struct work *w) {
	free(w->order);
	free(w->blocks);
	batches_fini(&w->batches);
	if (w->questions.blocks)
		question_arena_fini(&w->questions);
	expect_close(&w->names);
}

static int report(const struct loadopt *o, const struct summary_run *run) {
	bool json_only = o->json && strcmp(o->json, "-") == 0;
	if (json_only)
		summary_json(run, stdout);
	else
		summary_text(run, stdout);
	// Whoever waits for the last line may read the file then.
	if (o->json && !json_only) {
		FILE *f = fopen(o->json, "w");
		if (!f) {
			perror(o->json);
			return -errno;
		}
		summary_json(run, f);
		(void)fclose(f);
	}
	if (o->hold)
		(void)puts("done");
	return fflush(stdout) ? -errno : 0;
}

// Keeps the port open without polling it, so that the peer can leave first.
static void hold_port(void) {
	char c;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

// A word for the script that watches us.
static void say_measuring(void) {
	puts("measuring");
	(void)fflush(stdout);
}

static int run(const struct loadopt *o, const struct work *w, struct door *door) {
	struct loadgen_config c = {
		.door = door,
		.questions = &w->questions,
		.order = w->order,
		.order_len = w->order_len,
		.burst = o->door.burst,
		.window = o->window,
		.rate_per_s = o->rate,
		.warmup_s = o->warmup,
		.seconds = o->seconds,
		.count = o->count,
		.timeout_s = o->timeout,
		.nap_us = o->nap_us,
		.unheard_timeout_s = o->timeout + 4,
		.ready_wait_s = o->echo ? 0 : o->wait,
		.started = o->hold ? say_measuring : NULL,
		.batches = o->batch ? &w->batches : NULL,
		.echo = o->echo,
		.unheard_share = o->echo ? 0 : o->unknown,
		.unheard_suffix = o->unknown_suffix,
		.seed = o->seed,
		.form = form_of(o),
		.query_flags = o->door.ends.dns_flags,
		.check_every = o->check_every,
		.expected = o->echo ? NULL : &w->names,
	};
	struct loadgen_result *r = calloc(1, sizeof(*r));
	int rc = r ? loadgen_run(&c, r) : -ENOMEM;
	if (rc) {
		(void)fprintf(stderr, "stsbench: %s\n", err_str(rc));
		free(r);
		return EXIT_START;
	}
	char order[32] = "uniform";
	if (o->zipf > 0)
		(void)snprintf(order, sizeof(order), "zipf %.2f", o->zipf);
	struct summary_run s = {
		.command = o->echo ? "echo" : "load",
		.path = o->over_socket ? "socket"
			: o->door.vdev ? o->door.vdev
				       : o->door.driver,
		.order = order,
		.names = w->names.count,
		.seed = o->seed,
		.cpu = o->door.cpu,
		.config = &c,
		.result = r,
	};
	int status = report(o, &s) ? EXIT_START : r->wrong || !r->known.answered ? EXIT_WRONG : 0;
	free(r);
	if (o->hold)
		hold_port();
	return status;
}

int loadcmd_run(int argc, char **argv, bool echo) {
	struct loadopt o;
	if (loadopt_parse(argc, argv, echo, &o))
		return EXIT_USAGE;
	if (o.help) {
		loadopt_usage(echo);
		return 0;
	}
	struct work w = {.order = NULL};
	int status = EXIT_START;
	struct door *door = NULL;
	if (prepare(&o, &w))
		goto end;
	door = o.over_socket ? udpsock_open(&o.door) : pmd_open(&o.door);
	if (!door)
		goto end;
	status = run(&o, &w, door);
	door->ops->close(door);
end:
	discard(&w);
	return status;
}
