// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"

#include <stdbool.h>

// Shared by config.c (the table of options, their values) and config_file.c (the
// reader of files).

#define CONFIG_OPTIONS_MAX 128

enum type {
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_BOOL,
	TYPE_MS,    // 1500ms, 2s, 1m, 1h
	TYPE_BYTES, // 64KiB, 1MiB, 1GiB
	TYPE_DRIVER,
	TYPE_HUGEPAGES,
	TYPE_UNKNOWN, // notfound, temp
	TYPE_XDP,     // all, service
	TYPE_LEVEL,
	TYPE_PREFIXES, // networks; a bare address is one host
	TYPE_CPUS,
	TYPE_ENDPOINTS, // ADDRESS@PORT, unix:PATH
	TYPE_NAMES,
	TYPE_UPSTREAMS, // ADDRESS or ADDRESS@PORT
	TYPE_SECRETS,	// hex; the text of these and the next is never shown
	TYPE_KEYS,	// NAME:SECRET
};

struct option {
	const char *key;
	enum type type;
	size_t offset;
	uint64_t min;
	uint64_t max;
	const char *def; // as in a file; lists separated by commas
	const char *help;
};

// Where a value stands, for messages.
struct config_place {
	const char *source; // file, or "command line"
	size_t line;	    // 0: none
	struct config_fault *fault;
};

__attribute__((format(printf, 3, 4))) int
config_refuse(const struct config_place *p, const char *key, const char *fmt, ...);

// @return NULL: no such option.
const struct option *config_option(const char *key);
size_t config_option_index(const struct option *o); // below CONFIG_OPTIONS_MAX
bool config_is_list(const struct option *o);

// @return 0 or ERR_CONFIG with the fault of the place filled.
int config_set_text(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct config *c
);

void config_clear_list(const struct option *o, struct config *c);
int config_add_item(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct config *c
);
