// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// stsd: the appliance.

#include "app/config.h"
#include "app/launch.h"
#include "app/report.h"
#include "base/err.h"
#include "base/log.h"
#include "fetch/spawn.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char USAGE[] = "usage: stsd [-c FILE] [-o KEY=VALUE]...\n"
			    "\n"
			    "  -c, --config FILE     configuration (YAML); without it the defaults hold\n"
			    "  -o, --option KEY=VAL  one option, after the file; lists with commas\n"
			    "      --check           say whether the configuration is right, and end\n"
			    "      --dump-config     print the effective configuration, and end\n"
			    "  -V, --version         print the version\n"
			    "  -h, --help            this text\n";

enum { OPT_CHECK = 256, OPT_DUMP };

struct request {
	const char *path;
	bool check;
	bool dump;
	int status; // >= 0: end with it
};

static const struct option OPTIONS[] = {
	{"config", required_argument, NULL, 'c'},
	{"option", required_argument, NULL, 'o'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"dump-config", no_argument, NULL, OPT_DUMP},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int say(const struct config_fault *fault) {
	fprintf(stderr, "stsd: %s\n", fault->text);
	return 2;
}

static void take_option(int opt, struct request *r) {
	switch (opt) {
	case 'c':
		r->path = optarg;
		break;
	case 'o':
		break;
	case OPT_CHECK:
		r->check = true;
		break;
	case OPT_DUMP:
		r->dump = true;
		break;
	case 'V':
		puts("stsd " REPORT_VERSION);
		r->status = 0;
		break;
	case 'h':
		fputs(USAGE, stdout);
		r->status = 0;
		break;
	default:
		fputs(USAGE, stderr);
		r->status = 2;
		break;
	}
}

// The file first, then the flags in their order.
static int configure(int argc, char **argv, const char *path, struct config *c) {
	struct config_fault fault;
	config_init(c);
	if (path != NULL && config_read_file(c, path, &fault) < 0) {
		return say(&fault);
	}
	int opt;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "c:o:Vh", OPTIONS, NULL)) != -1
	) { // NOLINT(concurrency-mt-unsafe): one thread yet
		if (opt == 'o' && config_set(c, optarg, &fault) < 0) {
			return say(&fault);
		}
	}
	return config_check(c, &fault) < 0 ? say(&fault) : 0;
}

int main(int argc, char **argv) {
	static struct config config;
	struct request r = {.status = -1};
	int opt;
	while (r.status < 0 && (opt = getopt_long(argc, argv, "c:o:Vh", OPTIONS, NULL)) != -1
	) { // NOLINT(concurrency-mt-unsafe): one thread yet
		take_option(opt, &r);
	}
	if (r.status < 0 && optind < argc) {
		fputs(USAGE, stderr);
		r.status = 2;
	}
	if (r.status >= 0) {
		return r.status;
	}
	int status = configure(argc, argv, r.path, &config);
	if (status != 0 || r.check) {
		if (status == 0) {
			puts("the configuration is right");
		}
		return status;
	}
	if (r.dump) {
		config_print(&config, stdout);
		return 0;
	}
	log_set_level((enum log_level)config.log_level);
	// Before any thread, and before any library but the one that read YAML.
	int spawner = spawn_start(config.fetch_user);
	if (spawner < 0) {
		fprintf(stderr, "stsd: no spawner: %s\n", err_str(spawner));
		return 1;
	}
	return launch_run(&config, r.path, spawner);
}
