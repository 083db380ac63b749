// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// stsctl: asks the appliance over its control socket.

#include "app/stsctl.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char USAGE[] = "usage: stsctl [-s SOCKET] [--json] COMMAND\n"
			    "\n"
			    "  status                      how the appliance is\n"
			    "  stats                       every counter\n"
			    "  top [--once]                what goes on, every second\n"
			    "  show DOMAIN                 what is known of a domain\n"
			    "  why DOMAIN                  the same in plain words\n"
			    "  dump [--csv|--postfix]      all domains, the last used first\n"
			    "       [--mode M] [--kind K] [--match GLOB] [--expired] [--overrides]\n"
			    "  export [--plain]            enforce policies as a Postfix map\n"
			    "  refresh DOMAIN...|--all|--stale\n"
			    "                              read TXT and fetch the policy now\n"
			    "  purge DOMAIN...|--expired   forget, in memory and on disk\n"
			    "       [--dry-run] [--force]\n"
			    "  prefetch FILE|-             ask for every domain of a list\n"
			    "  override DOMAIN none|testing|enforce [--for TIME]\n"
			    "  override DOMAIN --off       answer by the operator's word, or no longer\n"
			    "  overrides                   all of them\n"
			    "  backup DIR                  a copy of the store to start from\n"
			    "  reload                      read the configuration again\n"
			    "\n"
			    "  -s, --socket PATH           control socket (default /run/stsd/control.sock)\n"
			    "  -j, --json                  JSON lines\n"
			    "  -h, --help                  this text\n"
			    "\n"
			    "exit status: 0 done, 1 failed, 2 usage, 3 no such domain\n";

// Flags of commands, as getopt_long() gives them and as bits.
enum flag {
	FLAG_JSON,
	FLAG_CSV,
	FLAG_POSTFIX,
	FLAG_PLAIN,
	FLAG_EXPIRED,
	FLAG_OVERRIDES,
	FLAG_ALL,
	FLAG_STALE,
	FLAG_DRY_RUN,
	FLAG_FORCE,
	FLAG_CLEAR,
	FLAG_ONCE,
	FLAG_MODE,
	FLAG_KIND,
	FLAG_MATCH,
	FLAG_FOR,
	FLAG_COUNT,
};
#define BIT(flag) (1U << FLAG_##flag)
#define LONG(flag) (256 + FLAG_##flag)

static const struct option OPTIONS[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"csv", no_argument, NULL, LONG(CSV)},
	{"postfix", no_argument, NULL, LONG(POSTFIX)},
	{"plain", no_argument, NULL, LONG(PLAIN)},
	{"expired", no_argument, NULL, LONG(EXPIRED)},
	{"overrides", no_argument, NULL, LONG(OVERRIDES)},
	{"all", no_argument, NULL, LONG(ALL)},
	{"stale", no_argument, NULL, LONG(STALE)},
	{"dry-run", no_argument, NULL, LONG(DRY_RUN)},
	{"force", no_argument, NULL, LONG(FORCE)},
	{"clear", no_argument, NULL, LONG(CLEAR)},
	{"off", no_argument, NULL, LONG(CLEAR)},
	{"once", no_argument, NULL, LONG(ONCE)},
	{"mode", required_argument, NULL, LONG(MODE)},
	{"kind", required_argument, NULL, LONG(KIND)},
	{"match", required_argument, NULL, LONG(MATCH)},
	{"for", required_argument, NULL, LONG(FOR)},
	{0},
};

static int usage(const char *why, const char *what) {
	if (why != NULL) {
		fprintf(stderr, "stsctl: %s%s\n\n", why, what);
	}
	fputs(USAGE, stderr);
	return STSCTL_USAGE;
}

// Commands that are one question.

static void object_line(void *arg, json_t *o, const char *line) {
	const struct stsctl *s = arg;
	if (s->flags.json) {
		fputs(line, stdout);
	} else if (json_object_get(o, "note") != NULL) {
		printf("%s\n", stsctl_print_word(o, "note"));
	} else {
		json_object_del(o, "tlsrpt"); // for machines
		stsctl_print_object(o);
	}
}

static int run_status(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	return stsctl_client_ask(s, "status", NULL, NULL, object_line, s);
}

static int run_stats(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	return stsctl_client_ask(s, "stats", NULL, NULL, object_line, s);
}

static int run_reload(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	return stsctl_client_ask(s, "reload", NULL, NULL, object_line, s);
}

static int run_overrides(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	return stsctl_client_ask(s, "overrides", NULL, NULL, stsctl_print_line, s);
}

static int run_show(struct stsctl *s, char **argv, int argc) {
	json_t *args = stsctl_domain_args(argv, argc);
	return args == NULL ? STSCTL_USAGE
			    : stsctl_client_ask(s, "show", args, NULL, object_line, s);
}

// Commands for some domains, or for all of a kind.
static int
ask_domains(struct stsctl *s, const char *command, char **argv, int argc, json_t *options) {
	json_t *args = stsctl_domain_args(argv, argc);
	if (args == NULL) {
		json_decref(options);
		return STSCTL_USAGE;
	}
	return stsctl_client_ask(s, command, args, options, stsctl_print_line, s);
}

static int run_refresh(struct stsctl *s, char **argv, int argc) {
	const struct stsctl_flags *f = &s->flags;
	if ((argc > 0) + f->all + f->stale != 1) {
		return usage("refresh: expected domains, --all or --stale", "");
	}
	json_t *options = json_pack("{s:b, s:b}", "all", f->all, "stale", f->stale);
	return ask_domains(s, "refresh", argv, argc, options);
}

static int run_purge(struct stsctl *s, char **argv, int argc) {
	const struct stsctl_flags *f = &s->flags;
	if ((argc > 0) + f->expired != 1) {
		return usage("purge: expected domains, or --expired", "");
	}
	json_t *options = json_pack(
		"{s:b, s:b, s:b}", "expired", f->expired, "dry_run", f->dry_run, "force", f->force
	);
	return ask_domains(s, "purge", argv, argc, options);
}

static int run_override(struct stsctl *s, char **argv, int argc) {
	const struct stsctl_flags *f = &s->flags;
	if (argc != (f->clear ? 1 : 2) || (f->clear && f->time != NULL)) {
		return usage("override: expected a domain, and a mode or --off", "");
	}
	json_t *options = f->clear ? json_pack("{s:b}", "clear", 1)
				   : json_pack("{s:s, s:s*}", "mode", argv[1], "for", f->time);
	return ask_domains(s, "override", argv, 1, options);
}

static int run_backup(struct stsctl *s, char **argv, int /*argc*/) {
	char path[PATH_MAX];
	char here[PATH_MAX] = "";
	if (argv[0][0] != '/' && getcwd(here, sizeof(here)) == NULL) {
		fprintf(stderr, "stsctl: %s\n", strerrordesc_np(errno));
		return STSCTL_FAILED;
	}
	int len = snprintf(path, sizeof(path), "%s%s%s", here, here[0] != '\0' ? "/" : "", argv[0]);
	if (len >= (int)sizeof(path)) {
		return usage("the path is too long", "");
	}
	return stsctl_client_ask(s, "backup", json_pack("[s]", path), NULL, object_line, s);
}

#define FILTERS (BIT(MODE) | BIT(KIND) | BIT(MATCH) | BIT(EXPIRED) | BIT(OVERRIDES))

static const struct command {
	const char *name;
	int least; // arguments
	int most;
	uint32_t flags;
	int (*run)(struct stsctl *s, char **argv, int argc);
} COMMANDS[] = {
	{"status", 0, 0, 0, run_status},
	{"stats", 0, 0, 0, run_stats},
	{"top", 0, 0, BIT(ONCE), stsctl_top},
	{"show", 1, 1, 0, run_show},
	{"why", 1, 1, 0, stsctl_why},
	{"dump", 0, 0, FILTERS | BIT(CSV) | BIT(POSTFIX), stsctl_dump},
	{"export", 0, 0, BIT(MATCH) | BIT(POSTFIX) | BIT(PLAIN), stsctl_dump_export},
	{"refresh", 0, INT_MAX, BIT(ALL) | BIT(STALE), run_refresh},
	{"purge", 0, INT_MAX, BIT(EXPIRED) | BIT(DRY_RUN) | BIT(FORCE), run_purge},
	{"prefetch", 1, 1, 0, stsctl_prefetch},
	{"override", 1, 2, BIT(FOR) | BIT(CLEAR), run_override},
	{"overrides", 0, 0, 0, run_overrides},
	{"backup", 1, 1, 0, run_backup},
	{"reload", 0, 0, 0, run_reload},
};

static const struct command *find_command(const char *name) {
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
		if (strcmp(COMMANDS[i].name, name) == 0) {
			return &COMMANDS[i];
		}
	}
	return NULL;
}

static bool take_flag(struct stsctl_flags *f, int opt, const char *value) {
	bool *const SWITCHES[] = {
		[FLAG_CSV] = &f->csv,
		[FLAG_POSTFIX] = &f->postfix,
		[FLAG_PLAIN] = &f->plain,
		[FLAG_EXPIRED] = &f->expired,
		[FLAG_OVERRIDES] = &f->overrides,
		[FLAG_ALL] = &f->all,
		[FLAG_STALE] = &f->stale,
		[FLAG_DRY_RUN] = &f->dry_run,
		[FLAG_FORCE] = &f->force,
		[FLAG_CLEAR] = &f->clear,
		[FLAG_ONCE] = &f->once,
	};
	const char **const VALUES[] = {
		[FLAG_MODE] = &f->mode,
		[FLAG_KIND] = &f->kind,
		[FLAG_MATCH] = &f->match,
		[FLAG_FOR] = &f->time,
	};
	int flag = opt - 256;
	if (flag < FLAG_CSV || flag >= FLAG_COUNT) {
		return false;
	}
	if (flag < FLAG_MODE) {
		*SWITCHES[flag] = true;
	} else {
		*VALUES[flag] = value;
	}
	return true;
}

// @param given  The flags of the command, as bits.
// @return < 0: go on; else the exit status.
static int
read_flags(int argc, char **argv, struct stsctl *s, const char **socket, uint32_t *given) {
	int opt;
	while ((opt = getopt_long(argc, argv, "s:jh", OPTIONS, NULL)) != -1
	) { // NOLINT(concurrency-mt-unsafe): one thread
		switch (opt) {
		case 's':
			*socket = optarg;
			break;
		case 'j':
			s->flags.json = true;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return STSCTL_DONE;
		default:
			if (!take_flag(&s->flags, opt, optarg)) {
				return usage(NULL, NULL);
			}
			*given |= 1U << (opt - 256);
			break;
		}
	}
	return -1;
}

int main(int argc, char **argv) {
	const char *path = "/run/stsd/control.sock";
	struct stsctl s = {0};
	uint32_t given = 0;
	int status = read_flags(argc, argv, &s, &path, &given);
	if (status >= 0) {
		return status;
	}
	if (optind >= argc) {
		return usage(NULL, NULL);
	}
	const struct command *c = find_command(argv[optind]);
	if (c == NULL) {
		return usage("no such command: ", argv[optind]);
	}
	char **args = argv + optind + 1;
	int count = argc - optind - 1;
	if (count < c->least || count > c->most || (given & ~c->flags) != 0) {
		return usage("not so with ", c->name);
	}
	if (!stsctl_client_open(&s, path)) {
		fprintf(stderr, "stsctl: %s: %s\n", path, strerrordesc_np(errno));
		return STSCTL_FAILED;
	}
	status = c->run(&s, args, count);
	stsctl_client_close(&s);
	return status;
}
