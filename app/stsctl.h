// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

// What the files of stsctl share: stsctl.c reads the command line, the others have
// a group of commands or a form of output each.

enum stsctl_status { STSCTL_DONE, STSCTL_FAILED, STSCTL_USAGE, STSCTL_NO_DOMAIN };

struct stsctl_flags {
	bool json;
	bool csv;
	bool postfix;
	bool plain;
	bool expired;
	bool overrides;
	bool all;
	bool stale;
	bool dry_run;
	bool force;
	bool clear;
	bool once;
	const char *mode;
	const char *kind;
	const char *match;
	const char *time;
};

struct stsctl {
	FILE *in;
	FILE *out;
	struct stsctl_flags flags;
};

// Called for each line that is not the last one; `line` ends with LF.
typedef void stsctl_line_fn(void *arg, json_t *o, const char *line);

// stsctl_client.c. @return False with errno set.
bool stsctl_client_open(struct stsctl *s, const char *path);
void stsctl_client_close(struct stsctl *s);
// One request and its answers. Takes the references of args and options, which may
// be NULL. What the appliance says of a failure goes to stderr.
// @return The exit status.
int stsctl_client_ask(
	struct stsctl *s,
	const char *command,
	json_t *args,
	json_t *options,
	stsctl_line_fn *fn,
	void *arg
);

// stsctl_domain.c: the A-label form (UTS #46, nontransitional) of a domain in any
// spelling; plain ASCII stays as it is. @return To be freed; NULL: it has none.
char *stsctl_domain_ascii(const char *text);
// An array of the domains. @return NULL: one has no such form, which is said.
json_t *stsctl_domain_args(char **argv, int argc);

// stsctl_print.c.
void stsctl_print_object(json_t *o);
// "2026-01-02 03:04:05 UTC", or "" for what is no time.
const char *stsctl_print_time(json_t *value, char text[40]);
const char *stsctl_print_word(json_t *o, const char *key);
// A line for a domain: what it is, and what matters most of it.
void stsctl_print_row(json_t *o);
// As a stsctl_line_fn with arg struct stsctl *: JSON as it came, or a row.
void stsctl_print_line(void *arg, json_t *o, const char *line);

// Commands: the arguments behind the command's name. @return The exit status.
int stsctl_dump(struct stsctl *s, char **argv, int argc);
int stsctl_dump_export(struct stsctl *s, char **argv, int argc);
int stsctl_why(struct stsctl *s, char **argv, int argc);
int stsctl_prefetch(struct stsctl *s, char **argv, int argc);
int stsctl_top(struct stsctl *s, char **argv, int argc);
