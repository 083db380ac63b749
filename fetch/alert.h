// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"
#include "cache/record.h"

#include <stdbool.h>
#include <stddef.h>

// The policies in force that cannot be checked or renewed, each with its level of
// alert (record_alert()), which rises as the policy's end comes near.

struct alert;

// @return NULL with errno set.
struct alert *alert_new(void);
void alert_free(struct alert *a);

// What is kept of a domain now; any record will do.
void alert_note(struct alert *a, const struct record *rec, boot_s_t now);
// Nothing is kept any more.
void alert_forget(struct alert *a, const struct name *domain);

// Whether something may be said in the log about this domain, which is so once an
// hour; from now on it has been said.
bool alert_may_tell(struct alert *a, const struct name *domain, boot_s_t now);

// Looks at a slice of them. `risen` is called for each whose level has risen.
// Every turn.
void alert_turn(
	struct alert *a,
	boot_s_t now,
	void (*risen
	)(void *arg, const struct name *domain, enum record_alert level, int64_t left_s),
	void *arg
);

// How many there are of a level; none of RECORD_ALERT_OK.
size_t alert_count(const struct alert *a, enum record_alert level);
