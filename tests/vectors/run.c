// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Runs the cases of JSON files against the code: arrays of objects
//
//	{"kind": ..., "name": ..., "section": ..., what the kind needs, "expect": ...}
//
// A case whose kind or key nobody knows is a failure, and so are two cases of
// one name, and a kind without a case. Prints how many of each kind there were.
//
// Usage: vectors FILE...

#include "tests/vectors/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 16

struct count {
	const struct judge *judge;
	unsigned ran;
	unsigned failed;
};

static struct count counts[KINDS_MAX];
static unsigned kinds;
static json_t *names;
static unsigned bad_cases;

static void add_kinds(const struct judge *j) {
	for (; j->kind != NULL; j++) {
		counts[kinds++].judge = j;
	}
}

const struct octets *judge_octets(const json_t *c, const char *key) {
	static struct octets octets;
	octets.len = 0;
	if (!octets_add(&octets, json_object_get(c, key))) {
		fprintf(stderr,
			"%s: no octets under \"%s\"\n",
			json_string_value(json_object_get(c, "name")),
			key);
		abort();
	}
	return &octets;
}

static bool is_one_of(const char *words, const char *word) {
	size_t len = strlen(word);
	for (const char *at = words; *at != '\0'; at += strcspn(at, " ")) {
		at += *at == ' ' ? 1 : 0;
		if (strcspn(at, " ") == len && memcmp(at, word, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool keys_are_known(const struct judge *j, json_t *c) {
	const char *key;
	json_t *value;
	json_object_foreach(c, key, value) {
		if (!is_one_of("kind name section expect", key) && !is_one_of(j->keys, key)) {
			return false;
		}
	}
	return json_object_get(c, "section") != NULL && json_object_get(c, "expect") != NULL;
}

static struct count *count_of(const json_t *c) {
	const char *kind = json_string_value(json_object_get(c, "kind"));
	for (unsigned i = 0; i < kinds && kind != NULL; i++) {
		if (strcmp(counts[i].judge->kind, kind) == 0) {
			return &counts[i];
		}
	}
	return NULL;
}

static void complain(const char *path, const json_t *c, const char *what) {
	char *text = json_dumps(c, JSON_COMPACT);
	printf("%s: %s: %.400s\n", path, what, text);
	free(text);
	bad_cases++;
}

static void run_case(const char *path, json_t *c) {
	struct count *count = count_of(c);
	const char *name = json_string_value(json_object_get(c, "name"));
	if (count == NULL || !keys_are_known(count->judge, c)) {
		complain(path, c, "unknown kind or key, or no section or expect");
		return;
	}
	if (name == NULL || json_object_get(names, name) != NULL) {
		complain(path, c, "no name, or one that is there already");
		return;
	}
	json_object_set_new(names, name, json_true());
	json_t *got = count->judge->run(c);
	json_t *expect = json_object_get(c, "expect");
	count->ran++;
	if (got == NULL || !json_equal(got, expect)) {
		char *is = got != NULL ? json_dumps(got, JSON_ENCODE_ANY) : NULL;
		char *should = json_dumps(expect, JSON_ENCODE_ANY);
		printf("%s: %s: expected %s, got %s\n",
		       path,
		       name,
		       should,
		       is != NULL ? is : "nothing: the case cannot be run");
		free(is);
		free(should);
		count->failed++;
	}
	json_decref(got);
}

static void run_file(const char *path) {
	json_error_t error;
	json_t *cases = json_load_file(path, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!json_is_array(cases) || json_array_size(cases) == 0) {
		printf("%s:%d: %s\n", path, error.line, error.text);
		bad_cases++;
	}
	for (size_t i = 0; i < json_array_size(cases); i++) {
		run_case(path, json_array_get(cases, i));
	}
	json_decref(cases);
}

int main(int argc, char **argv) {
	add_kinds(JUDGE_GRAMMAR);
	add_kinds(JUDGE_WIRE);
	add_kinds(JUDGE_KEPT);
	names = json_object();
	for (int i = 1; i < argc; i++) {
		run_file(argv[i]);
	}
	unsigned failed = bad_cases;
	for (unsigned i = 0; i < kinds; i++) {
		printf("%4u %s, %u failed\n", counts[i].ran, counts[i].judge->kind, counts[i].failed
		);
		failed += counts[i].failed + (counts[i].ran == 0);
	}
	json_decref(names);
	return failed == 0 ? 0 : 1;
}
