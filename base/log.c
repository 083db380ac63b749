// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_S 20
#define TEXT_MAX 1024

struct budget {
	char topic[16];
	time_t second;
	unsigned lines;
	unsigned suppressed;
};

static _Atomic int max_level = LOG_INFO;
static atomic_bool limited;
static _Thread_local struct budget budgets[8];

static const char *const LEVEL_STR[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

void log_set_level(enum log_level level) {
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

int log_level_parse(const char *word, enum log_level *out) {
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (strcmp(word, LEVEL_STR[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_limit(bool on) {
	atomic_store_explicit(&limited, on, memory_order_relaxed);
}

static struct budget *budget_of(const char *topic) {
	const size_t n = sizeof(budgets) / sizeof(budgets[0]);
	for (size_t i = 0; i < n; i++) {
		struct budget *b = &budgets[i];
		if (b->topic[0] == '\0') {
			snprintf(b->topic, sizeof(b->topic), "%s", topic);
		}
		if (strncmp(b->topic, topic, sizeof(b->topic) - 1) == 0) {
			return b;
		}
	}
	return &budgets[n - 1];
}

static size_t escape(char *to, size_t cap, const char *from) {
	size_t n = 0;
	for (; *from != '\0' && n + 5 < cap; from++) {
		unsigned char c = (unsigned char)*from;
		if (c >= 0x20 && c < 0x7f && c != '\\') {
			to[n++] = *from;
		} else {
			n += (size_t)snprintf(to + n, cap - n, "\\%03u", c);
		}
	}
	to[n] = '\0';
	return n;
}

static void emit(enum log_level level, const char *topic, const char *text, time_t now) {
	char thread[16] = "?";
	pthread_getname_np(pthread_self(), thread, sizeof(thread));
	struct tm tm;
	char when[32] = "";
	if (gmtime_r(&now, &tm) != NULL) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	char line[TEXT_MAX * 2];
	int head = snprintf(
		line, sizeof(line), "%s %s %s %s: ", when, LEVEL_STR[level], thread, topic
	);
	size_t n = (size_t)head;
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	// One write per line, so that lines of several processes do not mix.
	ssize_t done = write(STDERR_FILENO, line, n);
	(void)done;
}

static bool within_budget(const char *topic, time_t now) {
	if (!atomic_load_explicit(&limited, memory_order_relaxed)) {
		return true;
	}
	struct budget *b = budget_of(topic);
	if (b->second != now) {
		unsigned lost = b->suppressed;
		b->second = now;
		b->lines = 0;
		b->suppressed = 0;
		if (lost > 0) {
			char text[40];
			snprintf(text, sizeof(text), "%u suppressed", lost);
			emit(LOG_WARN, topic, text, now);
		}
	}
	if (b->lines >= LINES_PER_S) {
		b->suppressed++;
		return false;
	}
	b->lines++;
	return true;
}

void log_write(enum log_level level, const char *topic, const char *fmt, ...) {
	time_t now = time(NULL);
	if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed)
	    || !within_budget(topic, now)) {
		return;
	}
	char text[TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	emit(level, topic, text, now);
}
