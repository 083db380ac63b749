// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

static bool is_ascii(const char *text) {
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x80) {
			return false;
		}
	}
	return true;
}

char *stsctl_domain_ascii(const char *text) {
	char *found = NULL;
	char *copy = NULL;
	if (is_ascii(text)) {
		return strdup(text);
	}
	if (idn2_to_ascii_8z(text, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		copy = strdup(found);
	}
	idn2_free(found);
	return copy;
}

json_t *stsctl_domain_args(char **argv, int argc) {
	json_t *args = json_array();
	for (int i = 0; i < argc; i++) {
		char *ascii = stsctl_domain_ascii(argv[i]);
		if (ascii == NULL) {
			fprintf(stderr, "stsctl: %s: no domain name by UTS #46\n", argv[i]);
			json_decref(args);
			return NULL;
		}
		json_array_append_new(args, json_string(ascii));
		free(ascii);
	}
	return args;
}
