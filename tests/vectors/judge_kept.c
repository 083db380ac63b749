// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// What is read from disk: records and configuration files.

#include "app/config.h"
#include "base/bytes.h"
#include "base/err.h"
#include "cache/record.h"
#include "tests/vectors/judge.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define SUM_BYTES 8

static const uint8_t MX[] = "\x0emx.example.com\x0d*.example.org";

static const struct record RECORDS[] = {
	[RECORD_NONE] = {.kind = RECORD_NONE, .ends_at = 3600, .next_check_at = CLOCK_NEVER},
	[RECORD_POLICY]
	= {.kind = RECORD_POLICY,
	   .ends_at = 605000,
	   .next_check_at = 3600,
	   .id = "20260101T000000Z",
	   .policy = {POLICY_MODE_ENFORCE, 604800, 2, sizeof(MX) - 1, MX},
	   .fetched_at = 200,
	   .checked_at = 300,
	   .refresh_at = 86600,
	   .text = MX, // opaque here
	   .text_len = sizeof(MX) - 1},
	[RECORD_FAILED]
	= {.kind = RECORD_FAILED,
	   .ends_at = 900,
	   .next_check_at = 60,
	   .failure
	   = {.class = "cannot-connect",
	      .why = "sts-policy-fetch-error/cannot-fetch-policy",
	      .id = "1",
	      .attempts = 3,
	      .at = 900,
	      .since = 400,
	      .retry_at = 1200}},
	[RECORD_UNKNOWN] = {.kind = RECORD_UNKNOWN, .ends_at = 20, .next_check_at = CLOCK_NEVER},
};

static enum record_kind kind_of(const json_t *c) {
	const char *word = json_string_value(json_object_get(c, "record"));
	enum record_kind k = RECORD_NONE;
	while (k < RECORD_UNKNOWN && word != NULL && strcmp(word, record_kind_str(k)) != 0) {
		k++;
	}
	return k;
}

static void reseal(uint8_t *buf, size_t len) {
	struct writer w = bytes_writer(buf + len - SUM_BYTES, SUM_BYTES);
	bytes_put_be64(&w, XXH3_64bits(buf, len - SUM_BYTES));
}

// A record that was written well and then changed: "set": [[at, octet], ...],
// "cut": octets that are left, "append": octets behind it, "resealed": with a
// checksum that is right again. Offsets below zero count from the end.
static json_t *judge_record(const json_t *c) {
	static uint8_t buf[RECORD_BYTES_MAX + OCTETS_MAX];
	int n = record_encode(&RECORDS[kind_of(c)], 0, buf, RECORD_BYTES_MAX);
	const json_t *set = json_object_get(c, "set");
	const json_t *cut = json_object_get(c, "cut");
	if (n < 0 || json_integer_value(cut) > n) {
		return NULL;
	}
	size_t len = (size_t)n;
	for (size_t i = 0; i < json_array_size(set); i++) {
		const json_t *one = json_array_get(set, i);
		json_int_t at = json_integer_value(json_array_get(one, 0));
		at += at < 0 ? n : 0;
		buf[at] = (uint8_t)json_integer_value(json_array_get(one, 1));
	}
	len = cut != NULL ? (size_t)json_integer_value(cut) : len;
	if (json_object_get(c, "append") != NULL) {
		const struct octets *more = judge_octets(c, "append");
		memcpy(buf + len, more->at, more->len);
		len += more->len;
	}
	if (json_is_true(json_object_get(c, "resealed"))) {
		reseal(buf, len);
	}
	struct record out = {0};
	int rc = record_decode(buf, len, 0, &out);
	return json_string(
		rc == 0		    ? record_kind_str(out.kind)
		: rc == ERR_CORRUPT ? "corrupt"
		: rc == ERR_VERSION ? "version"
				    : "another error"
	);
}

// Where a fault is: what stands behind the file's name and before the second
// colon, which is "LINE: KEY" or "octet N"; or "configuration: KEY".
static json_t *place(const char *fault, const char *path) {
	size_t len = strlen(path);
	bool of_file = strncmp(fault, path, len) == 0;
	const char *at = of_file ? fault + len : fault;
	at += strspn(at, ": ");
	bool lined = !of_file || (at[0] >= '0' && at[0] <= '9');
	const char *end = strstr(at, ": ");
	if (end != NULL && lined) {
		end = strstr(end + 2, ": ");
	}
	len = end != NULL ? (size_t)(end - at) : strlen(at);
	return json_pack("{s:o}", "refused", json_stringn(at, len));
}

static int read_config(const char *path, struct config_fault *fault) {
	static struct config config;
	config_init(&config);
	int rc = config_read_file(&config, path, fault);
	return rc < 0 ? rc : config_check(&config, fault);
}

// A file with these octets, or what stands at "path".
static json_t *judge_config(const json_t *c) {
	char temporary[] = "/tmp/stsd-vector-XXXXXX";
	const char *path = json_string_value(json_object_get(c, "path"));
	struct config_fault fault;
	if (path == NULL) {
		const struct octets *file = judge_octets(c, "file");
		int fd = mkstemp(temporary);
		if (fd < 0 || write(fd, file->at, file->len) != (ssize_t)file->len) {
			return NULL;
		}
		(void)close(fd);
		path = temporary;
	}
	int rc = read_config(path, &fault);
	if (path == temporary) {
		(void)unlink(path);
	}
	return rc == 0 ? json_string("accepted") : place(fault.text, path);
}

const struct judge JUDGE_KEPT[] = {
	{"record", "record set cut append resealed", judge_record},
	{"config", "file path", judge_config},
	{NULL, NULL, NULL},
};
