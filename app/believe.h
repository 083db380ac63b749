// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"
#include "dataplane/trust.h"

// Whom to believe (dataplane/trust.h), as configured.

// @param secret  Makes cookies where none is configured: random, the same for the
//                whole life of the process.
void believe_make(
	const struct config *config,
	const uint8_t secret[COOKIE_SECRET_BYTES],
	struct trust *out
);

// Finds what only all options together can tell.
// @return NULL: no fault; else what was expected of the option whose key is set.
const char *believe_fault(const struct config *config, const char **key);
