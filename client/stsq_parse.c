// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsq.h"

#include <errno.h>
#include <string.h>

// `tag=value` separated by "; " (docs/wire.md).

static const char *const VERDICT_STR[] = {
	[STSQ_SILENT] = "silent",
	[STSQ_POLICY] = "policy",
	[STSQ_NONE] = "none",
	[STSQ_FAILED] = "failed",
	[STSQ_UNKNOWN] = "unknown",
	[STSQ_PENDING] = "pending",
};

static const char *const MODE_STR[] = {
	[0] = "",
	[STSQ_MODE_NONE] = "none",
	[STSQ_MODE_TESTING] = "testing",
	[STSQ_MODE_ENFORCE] = "enforce",
};

const char *stsq_verdict_str(enum stsq_verdict v) {
	return VERDICT_STR[v];
}

const char *stsq_mode_str(enum stsq_mode m) {
	return MODE_STR[m];
}

static bool read_number(const char *text, uint64_t max, uint64_t *out) {
	uint64_t v = 0;
	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || v > max / 10) {
			return false;
		}
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return v <= max;
}

static bool read_verdict(const char *word, struct stsq_text *out) {
	for (unsigned v = STSQ_POLICY; v <= STSQ_PENDING; v++) {
		if (strcmp(word, VERDICT_STR[v]) == 0) {
			out->verdict = (enum stsq_verdict)v;
			return true;
		}
	}
	return false;
}

static bool read_mode(const char *word, struct stsq_text *out) {
	for (unsigned m = STSQ_MODE_NONE; m <= STSQ_MODE_ENFORCE; m++) {
		if (strcmp(word, MODE_STR[m]) == 0) {
			out->mode = (enum stsq_mode)m;
			return true;
		}
	}
	return false;
}

// A pattern beyond those there is room for counts as one that is missing.
static bool add_mx(const char *pattern, struct stsq_text *out) {
	if (out->mx_count == STSQ_MX_MAX) {
		out->more = true;
		return true;
	}
	out->mx[out->mx_count++] = pattern;
	return true;
}

static bool read_flag(const char *word, bool *out) {
	*out = strcmp(word, "1") == 0;
	return *out || strcmp(word, "0") == 0;
}

// @return False: a tag that is known has a value that is not.
static bool take_tag(const char *key, const char *value, struct stsq_text *out) {
	uint64_t v = 0;
	if (strcmp(key, "r") == 0) {
		return read_verdict(value, out);
	}
	if (strcmp(key, "mode") == 0) {
		return read_mode(value, out);
	}
	if (strcmp(key, "id") == 0) {
		out->id = value;
	} else if (strcmp(key, "why") == 0) {
		out->why = value;
	} else if (strcmp(key, "mx") == 0) {
		return add_mx(value, out);
	} else if (strcmp(key, "exp") == 0) {
		return read_number(value, UINT64_MAX / 2, &out->exp);
	} else if (strcmp(key, "fresh") == 0) {
		return read_flag(value, &out->fresh);
	} else if (strcmp(key, "override") == 0) {
		return read_flag(value, &out->override);
	} else if (strcmp(key, "more") == 0) {
		return read_flag(value, &out->more);
	} else if (strcmp(key, "n") == 0) {
		bool good = read_number(value, UINT16_MAX, &v);
		out->n = (unsigned)v;
		return good;
	} else if (strcmp(key, "retry") == 0) {
		bool good = read_number(value, UINT32_MAX, &v);
		out->retry_s = (uint32_t)v;
		return good;
	}
	return true;
}

int stsq_parse(char *text, size_t len, struct stsq_text *out) {
	static const char VERSION[] = "v=STSQ1; ";
	*out = (struct stsq_text){.id = "", .why = ""};
	text[len] = '\0';
	if (memchr(text, '\0', len) != NULL || strncmp(text, VERSION, sizeof(VERSION) - 1) != 0) {
		return -EINVAL;
	}
	char *tag = text + sizeof(VERSION) - 1;
	while (tag != NULL) {
		char *end = strstr(tag, "; ");
		char *next = end == NULL ? NULL : end + 2;
		if (end != NULL) {
			*end = '\0';
		}
		char *value = strchr(tag, '=');
		if (value == NULL) {
			return -EINVAL;
		}
		*value++ = '\0';
		if (!take_tag(tag, value, out)) {
			return -EINVAL;
		}
		tag = next;
	}
	bool whole = out->verdict != STSQ_SILENT && (out->verdict != STSQ_POLICY || out->mode != 0);
	return whole ? 0 : -EINVAL;
}
