// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"

#include <string.h>

static const struct {
	enum err_code code;
	const char *text;
} OWN[] = {
	{ERR_CORRUPT, "damaged record"},
	{ERR_VERSION, "format written by a newer version"},
	{ERR_SYNTAX, "syntax error"},
	{ERR_CONFIG, "configuration error"},
	{ERR_EAL, "DPDK start-up failed"},
	{ERR_PORT, "port failed"},
	{ERR_STORE, "store failed"},
	{ERR_TLS, "TLS set-up failed"},
};

const char *err_str(int code) {
	if (code >= 0) {
		return "no error";
	}
	for (size_t i = 0; i < sizeof(OWN) / sizeof(OWN[0]); i++) {
		if ((int)OWN[i].code == code) {
			return OWN[i].text;
		}
	}
	const char *text = code > -1000 ? strerrordesc_np(-code) : NULL;
	return text != NULL ? text : "unknown error";
}
