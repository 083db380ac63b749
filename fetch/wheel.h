// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// When each domain is due: one time per name, from seconds to years ahead.
// Arming, disarming and popping cost the same with ten entries and a million.

struct wheel;

// @return NULL with errno set.
struct wheel *wheel_new(uint64_t seed);
void wheel_free(struct wheel *w);

// Sets the time of a name, in place of one it had.
// @return 0 or -ENOMEM: then what it had stays.
[[nodiscard]] int wheel_arm(struct wheel *w, const struct name *domain, boot_s_t at);

// @return False when the name was not armed.
bool wheel_disarm(struct wheel *w, const struct name *domain);

// Takes a name that is due out of the wheel; about in order of time.
// @param now  Never goes back; the first call sets where the wheel begins.
// @return False when none is due.
bool wheel_pop(struct wheel *w, boot_s_t now, struct name *out);

size_t wheel_count(const struct wheel *w);
