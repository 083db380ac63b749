// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/config_inner.h"
#include "app/plainfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

// Reading a file: maps nest into dotted keys.

struct walk {
	yaml_parser_t parser;
	struct config *config;
	struct config_place place;
	char key[128];
	bool seen[CONFIG_OPTIONS_MAX];
};

static int next_event(struct walk *w, yaml_event_t *ev) {
	if (yaml_parser_parse(&w->parser, ev) == 0) {
		const yaml_parser_t *p = &w->parser;
		const char *problem = p->problem != NULL ? p->problem : "unreadable octets";
		bool unread = p->error == YAML_READER_ERROR; // knows an offset, but no line
		w->place.line = unread ? 0 : p->problem_mark.line + 1;
		return unread ? config_refuse(
			       &w->place, "", "octet %zu: %s", p->problem_offset, problem
		       )
			      : config_refuse(&w->place, "", "expected YAML, got: %s", problem);
	}
	w->place.line = ev->start_mark.line + 1;
	return 0;
}

static int walk_list(struct walk *w, const struct option *o) {
	config_clear_list(o, w->config);
	for (;;) {
		yaml_event_t ev;
		int rc = next_event(w, &ev);
		if (rc < 0) {
			return rc;
		}
		bool end = ev.type == YAML_SEQUENCE_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT) {
			rc = config_add_item(
				&w->place, o, (const char *)ev.data.scalar.value, w->config
			);
		} else if (!end) {
			rc = config_refuse(&w->place, o->key, "expected a plain list");
		}
		yaml_event_delete(&ev);
		if (rc < 0 || end) {
			return rc;
		}
	}
}

static int take_value(struct walk *w, const yaml_event_t *ev) {
	const struct option *o = config_option(w->key);
	if (o == NULL) {
		return config_refuse(&w->place, w->key, "no such option");
	}
	if (w->seen[config_option_index(o)]) {
		return config_refuse(&w->place, w->key, "given twice");
	}
	w->seen[config_option_index(o)] = true;
	if (ev->type == YAML_SEQUENCE_START_EVENT) {
		return config_is_list(o)
			       ? walk_list(w, o)
			       : config_refuse(&w->place, w->key, "expected one value, got a list");
	}
	const char *text = (const char *)ev->data.scalar.value;
	if (strlen(text) != ev->data.scalar.length) {
		return config_refuse(&w->place, w->key, "expected text without NUL");
	}
	return config_set_text(&w->place, o, text, w->config);
}

#define DEPTH_MAX 4

// Reads pairs up to the end of the map whose start has been read. Nested maps
// are kept on a small stack of key lengths instead of recursion.
static int walk_map(struct walk *w) {
	size_t base[DEPTH_MAX + 1] = {0};
	int depth = 0;
	bool at_key = true;
	while (depth >= 0) {
		yaml_event_t ev;
		int rc = next_event(w, &ev);
		if (rc < 0) {
			return rc;
		}
		size_t used = base[depth];
		if (ev.type == YAML_MAPPING_END_EVENT) {
			depth--;
			at_key = true;
		} else if (at_key && ev.type == YAML_SCALAR_EVENT && used + ev.data.scalar.length + 2 < sizeof(w->key)) {
			memcpy(w->key + used, ev.data.scalar.value, ev.data.scalar.length + 1);
			at_key = false;
		} else if (at_key) {
			rc = config_refuse(&w->place, "", "expected a key of letters and dots");
		} else if (ev.type == YAML_MAPPING_START_EVENT && depth < DEPTH_MAX) {
			size_t len = strlen(w->key);
			w->key[len] = '.';
			base[++depth] = len + 1;
			at_key = true;
		} else if (ev.type == YAML_SCALAR_EVENT || ev.type == YAML_SEQUENCE_START_EVENT) {
			rc = take_value(w, &ev);
			at_key = true;
		} else {
			rc = config_refuse(&w->place, w->key, "expected a value or a list");
		}
		yaml_event_delete(&ev);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int walk_file(struct walk *w) {
	for (;;) {
		yaml_event_t ev;
		int rc = next_event(w, &ev);
		if (rc < 0) {
			return rc;
		}
		yaml_event_type_t type = ev.type;
		bool empty = type == YAML_SCALAR_EVENT && ev.data.scalar.length == 0;
		yaml_event_delete(&ev);
		if (type == YAML_STREAM_END_EVENT) {
			return 0;
		}
		if (type == YAML_MAPPING_START_EVENT) {
			rc = walk_map(w);
		} else if ((type == YAML_SCALAR_EVENT && !empty) || type == YAML_SEQUENCE_START_EVENT || type == YAML_ALIAS_EVENT) {
			rc = config_refuse(&w->place, "", "expected lines of KEY: VALUE");
		}
		if (rc < 0) {
			return rc;
		}
	}
}

int config_read_file(struct config *c, const char *path, struct config_fault *fault) {
	struct walk w = {.config = c, .place = {.source = path, .fault = fault}};
	const char *why;
	FILE *f = plainfile_open(path, &why);
	if (f == NULL) {
		return config_refuse(&w.place, "", "cannot be opened: %s", why);
	}
	int rc = -ENOMEM;
	if (yaml_parser_initialize(&w.parser) != 0) {
		yaml_parser_set_input_file(&w.parser, f);
		rc = walk_file(&w);
		yaml_parser_delete(&w.parser);
	}
	(void)fclose(f);
	return rc;
}
