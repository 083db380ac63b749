// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/regdom.h"

#include <libpsl.h>
#include <string.h>

// Below every suffix at least one label is registered, so two labels are all that
// there is of an owner. Most names are such, and need no look into the list.
static bool has_two_labels(const struct name *name) {
	const char *dot = memchr(name->text, '.', name->len);
	return dot == NULL
	       || memchr(dot + 1, '.', (size_t)(name->text + name->len - dot - 1)) == NULL;
}

const char *regdom_of(const struct name *name, size_t *len) {
	const char *own = name->text;
	// The list is a constant of the library; a library without one gives NULL.
	const psl_ctx_t *list = has_two_labels(name) ? NULL : psl_builtin();
	const char *found = list == NULL ? NULL : psl_registrable_domain(list, name->text);
	own = found != NULL ? found : own;
	*len = (size_t)(name->text + name->len - own);
	return own;
}
