// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>

// Log lines on standard error: `<time> <level> <thread> <topic>: text`.
// The data-plane loop and table lookups never log, they count.

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

// Lines above this level are dropped.
// Context: any thread.
void log_set_level(enum log_level level);

// "error", "warn", "info", "debug".
// @return 0, or -EINVAL for another word.
[[nodiscard]] int log_level_parse(const char *word, enum log_level *out);

// From now on each (thread, topic) may write 20 lines a second; what is over is
// counted and told in a "N suppressed" line. Off during start-up.
void log_limit(bool on);

// One line. Control octets and octets >= 0x7f of the text are written as \DDD.
// Context: any thread but a worker; may block on standard error.
void log_write(enum log_level level, const char *topic, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// A file names its topic once: #define LOG_TOPIC "store"
#define LOG(level, ...) log_write(LOG_##level, LOG_TOPIC, __VA_ARGS__)
