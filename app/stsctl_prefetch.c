// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define BAR 40

struct progress {
	struct stsctl *s;
	size_t total; // 0: not known
	size_t answered;
	bool shown;
	struct timespec begun;
};

static double seconds_since(const struct timespec *begun) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static void show(const struct progress *p) {
	double took = seconds_since(&p->begun);
	double rate = took > 0 ? (double)p->answered / took : 0;
	if (p->total == 0) {
		fprintf(stderr, "\r%zu domains, %.0f/s ", p->answered, rate);
		return;
	}
	size_t done = p->answered < p->total ? p->answered : p->total;
	int full = (int)(done * BAR / p->total);
	fprintf(stderr,
		"\r[%.*s%*s] %zu/%zu %.0f/s ",
		full,
		"########################################",
		BAR - full,
		"",
		done,
		p->total,
		rate);
}

static void on_line(void *arg, json_t *o, const char *line) {
	struct progress *p = arg;
	p->answered++;
	stsctl_print_line(p->s, o, line);
	if (p->shown) {
		show(p);
	}
}

// The domain of a line: what stands before blanks and '#'.
static char *domain_of(char *line) {
	line[strcspn(line, " \t\r\n#")] = '\0';
	return line;
}

static size_t count_domains(FILE *list) {
	struct stat st;
	if (fstat(fileno(list), &st) < 0 || !S_ISREG(st.st_mode)) {
		return 0;
	}
	char *line = NULL;
	size_t cap = 0;
	size_t n = 0;
	while (getline(&line, &cap, list) > 0) {
		n += domain_of(line)[0] != '\0' ? 1 : 0;
	}
	free(line);
	rewind(list);
	return n;
}

static int ask_all(struct progress *p, FILE *list) {
	int status = STSCTL_DONE;
	char *line = NULL;
	size_t cap = 0;
	bool more = true;
	while (more) {
		json_t *args = json_array();
		while (json_array_size(args) < BATCH && (more = getline(&line, &cap, list) > 0)) {
			char *ascii = stsctl_domain_ascii(domain_of(line));
			// What has no A-label form is sent as it is: the appliance says no.
			const char *domain = ascii != NULL ? ascii : line;
			if (domain[0] != '\0') {
				json_t *word = json_string(domain);
				json_array_append_new(args, word != NULL ? word : json_string("?"));
			}
			free(ascii);
		}
		if (json_array_size(args) == 0) {
			json_decref(args);
			break;
		}
		int one = stsctl_client_ask(p->s, "prefetch", args, NULL, on_line, p);
		status = one != STSCTL_DONE ? one : status;
	}
	free(line);
	return status;
}

int stsctl_prefetch(struct stsctl *s, char **argv, int /*argc*/) {
	FILE *list = strcmp(argv[0], "-") == 0 ? stdin : fopen(argv[0], "re");
	if (list == NULL) {
		fprintf(stderr, "stsctl: %s: %s\n", argv[0], strerrordesc_np(errno));
		return STSCTL_FAILED;
	}
	struct progress p = {.s = s, .total = count_domains(list)};
	p.shown = isatty(STDERR_FILENO) == 1;
	clock_gettime(CLOCK_MONOTONIC, &p.begun);
	int status = ask_all(&p, list);
	if (p.shown) {
		fputc('\n', stderr);
	}
	if (list != stdin) {
		(void)fclose(list);
	}
	return status;
}
