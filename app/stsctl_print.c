// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *stsctl_print_time(json_t *value, char text[40]) {
	time_t t = (time_t)json_integer_value(value);
	struct tm tm;
	text[0] = '\0';
	if (json_is_integer(value) && gmtime_r(&t, &tm) != NULL) {
		strftime(text, 40, "%Y-%m-%d %H:%M:%S UTC", &tm);
	}
	return text;
}

const char *stsctl_print_word(json_t *o, const char *key) {
	const char *text = json_string_value(json_object_get(o, key));
	return text != NULL ? text : "";
}

static bool is_time(const char *key) {
	size_t len = strlen(key);
	return (len > 3 && strcmp(key + len - 3, "_at") == 0) || strcmp(key, "at") == 0
	       || strcmp(key, "since") == 0;
}

static void print_pair(const char *key, json_t *value) { // NOLINT(misc-no-recursion): a record
	size_t i;
	json_t *item;
	char text[40];
	if (json_is_object(value)) {
		printf("%s:\n", key);
		stsctl_print_object(value);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, item) {
			print_pair(key, item);
		}
	} else if (strcmp(key, "text") == 0) {
		printf("%s:\n%s\n", key, json_string_value(value));
	} else if (json_is_integer(value) && is_time(key)) {
		printf("%-16s %s\n", key, stsctl_print_time(value, text));
	} else if (json_is_integer(value)) {
		printf("%-16s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
	} else if (json_is_boolean(value)) {
		printf("%-16s %s\n", key, json_is_true(value) ? "yes" : "no");
	} else if (json_is_string(value)) {
		printf("%-16s %s\n", key, json_string_value(value));
	}
}

void stsctl_print_object(json_t *o) { // NOLINT(misc-no-recursion): a failure within a record
	const char *key;
	json_t *value;
	json_object_foreach(o, key, value) {
		print_pair(key, value);
	}
}

void stsctl_print_row(json_t *o) {
	json_t *mx = json_object_get(o, "mx");
	json_t *override = json_object_get(o, "override");
	printf("%-32s %-8s %-8s",
	       stsctl_print_word(o, "domain"),
	       stsctl_print_word(o, "kind"),
	       stsctl_print_word(o, "mode"));
	size_t i;
	json_t *item;
	json_array_foreach(mx, i, item) {
		printf(" %s", json_string_value(item));
	}
	if (override != NULL) {
		char text[40];
		const char *end = stsctl_print_time(json_object_get(override, "ends_at"), text);
		printf(" override=%s%s%s%s",
		       stsctl_print_word(override, "mode"),
		       json_is_true(json_object_get(override, "in_force")) ? ""
									   : " (without effect)",
		       end[0] != '\0' ? " until " : "",
		       end);
	}
	const char *why = stsctl_print_word(o, "why");
	if (why[0] == '\0') {
		why = stsctl_print_word(json_object_get(o, "failure"), "why");
	}
	printf("%s%s%s%s",
	       why[0] != '\0' ? " " : "",
	       why,
	       stsctl_print_word(o, "error"),
	       json_is_true(json_object_get(o, "purged")) ? "purged" : "");
	printf("%s%s\n",
	       json_is_true(json_object_get(o, "dry_run")) ? "would be purged" : "",
	       json_is_true(json_object_get(o, "cleared")) ? "override cleared" : "");
}

void stsctl_print_line(void *arg, json_t *o, const char *line) {
	const struct stsctl *s = arg;
	if (s->flags.json) {
		fputs(line, stdout);
	} else {
		stsctl_print_row(o);
	}
}
