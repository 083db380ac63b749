// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/makecmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "bench/domains.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench make OPTIONS\n"
	       "  --policies N   names with a policy (0)\n"
	       "  --none N       names without (0)\n"
	       "  --seed S       the same seed makes the same names (1)\n"
	       "  --zipf S       law of popularity the policies are given by; 0: evenly (0.99)\n"
	       "  --share X      of queries by that law that hit a policy (0.45)\n"
	       "  --out FILE     - for standard output (-)\n",
	       out);
	return status;
}

static bool number(const char *text, double max, double *out) {
	char *end;
	*out = strtod(text, &end);
	return end != text && !*end && *out >= 0 && *out <= max;
}

static bool set(struct domains_config *c, int option, const char *value) {
	double v = 0;
	bool good = number(value, option == 's' ? 1e15 : DOMAINS_MAX, &v);
	switch (option) {
	case 'p':
		c->policies = (uint32_t)v;
		break;
	case 'n':
		c->none = (uint32_t)v;
		break;
	case 's':
		c->seed = (uint64_t)v;
		break;
	case 'z':
		c->exponent = v;
		break;
	default:
		c->share = v;
		break;
	}
	return good;
}

static int write_file(const struct domains_config *c, const char *path) {
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	if (!f) {
		perror(path);
		return 3;
	}
	int rc = domains_write(c, f);
	bool closed = fclose(f) == 0;
	if (!rc && closed)
		return 0;
	(void)fprintf(stderr, "stsbench: %s: %s\n", path, rc ? err_str(rc) : "not written whole");
	return 3;
}

int makecmd_run(int argc, char **argv) {
	static const struct option longs[] = {
		{"policies", required_argument, NULL, 'p'},
		{"none", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"zipf", required_argument, NULL, 'z'},
		{"share", required_argument, NULL, 'x'},
		{"out", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct domains_config c = {
		.seed = 1,
		.exponent = 0.99,
		.share = 0.45,
		.now_s = clock_wall_s(),
	};
	const char *path = "-";
	int option;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == 'o')
			path = optarg;
		else if (option == '?' || !set(&c, option, optarg))
			return usage(stderr, 2);
	}
	uint64_t names = (uint64_t)c.policies + c.none;
	if (optind < argc || !names || names > DOMAINS_MAX)
		return usage(stderr, 2);
	return write_file(&c, path);
}
