// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/regdom.h"

#include <libpsl.h>

const char *regdom_of(const struct name *domain) {
	const char *at = psl_registrable_domain(psl_builtin(), domain->text);
	return at != NULL ? at : domain->text;
}
