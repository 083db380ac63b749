// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/fillcmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "bench/expect.h"
#include "bench/fill.h"
#include "cache/store.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 256
#define DAY_S 86400

struct filling {
	struct store *store;
	uint64_t put;
	uint64_t confirmed;
	int status; // the first failure
	struct fill_room room;
	uint8_t value[RECORD_BYTES_MAX];
};

// Waits for confirmations until at most so many are outstanding.
static void settle(struct filling *f, uint64_t outstanding) {
	while (f->put - f->confirmed > outstanding) {
		struct store_confirm got[BATCH];
		size_t n = store_confirmed(f->store, got, BATCH);
		for (size_t i = 0; i < n; i++)
			if (got[i].status && !f->status)
				f->status = got[i].status;
		f->confirmed += n;
		if (n)
			continue;
		struct pollfd p = {.fd = store_fd(f->store), .events = POLLIN};
		(void)poll(&p, 1, 1000);
	}
}

// Every write has a ticket: lazy ones would gather for a second each time.
static int put(struct filling *f, const struct record *rec) {
	int len = record_encode(rec, 0, f->value, sizeof(f->value));
	if (len < 0)
		return len;
	enum store_family family = rec->kind == RECORD_POLICY ? STORE_POLICY : STORE_NONE;
	while (!store_put(f->store, family, &rec->domain, f->value, (size_t)len, f->put + 1)) {
		if (f->put == f->confirmed)
			return -EAGAIN;
		settle(f, f->put - f->confirmed - 1);
	}
	f->put++;
	return f->status;
}

static int put_all(struct filling *f, const struct expect_set *set, int64_t none_s) {
	int64_t now_s = clock_wall_s();
	for (uint32_t i = 0; i < set->count; i++) {
		struct expect e = expect_get(set, i);
		struct record rec;
		int rc = fill_record(&e, now_s, none_s, &f->room, &rec);
		if (!rc)
			rc = put(f, &rec);
		if (rc) {
			(void)fprintf(
				stderr,
				"stsbench: %.*s: %s\n",
				(int)e.name.len,
				e.name.at,
				err_str(rc)
			);
			return rc;
		}
	}
	settle(f, 0);
	return f->status;
}

static int fill_store(const char *directory, const struct expect_set *set, int64_t none_s) {
	struct filling *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	struct store_config config = {.directory = directory};
	struct store_load_report report = {0};
	int rc = store_open(&config, &f->store, &report);
	if (!rc) {
		if (report.fault[0])
			(void)fprintf(stderr, "stsbench: %s: %s\n", directory, report.fault);
		rc = store_start(f->store);
		if (!rc)
			rc = put_all(f, set, none_s);
		store_close(f->store);
	}
	if (rc)
		(void)fprintf(stderr, "stsbench: %s: %s\n", directory, err_str(rc));
	free(f);
	return rc;
}

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench fill --in FILE --store DIR [--days N]\n"
	       "  writes what the file (stsbench make) says into a store that no server has\n"
	       "  open; names without a policy are known for N days (7)\n",
	       out);
	return status;
}

int fillcmd_run(int argc, char **argv) {
	static const struct option longs[] = {
		{"in", required_argument, NULL, 'i'},
		{"store", required_argument, NULL, 's'},
		{"days", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *in = NULL;
	const char *directory = NULL;
	long days = 7;
	int option;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == 'i')
			in = optarg;
		else if (option == 's')
			directory = optarg;
		else if (option != 'd' || (days = strtol(optarg, NULL, 10)) < 1 || days > 365)
			return usage(stderr, 2);
	}
	if (optind < argc || !in || !directory)
		return usage(stderr, 2);

	struct expect_set set;
	uint64_t line = 0;
	int rc = expect_open(in, &set, &line);
	if (rc) {
		(void)fprintf(stderr, "stsbench: %s:%" PRIu64 ": %s\n", in, line, err_str(rc));
		return 3;
	}
	rc = fill_store(directory, &set, days * DAY_S);
	if (!rc)
		printf("%u names, %u of them with a policy\n", set.count, set.policies);
	expect_close(&set);
	return rc ? 3 : 0;
}
