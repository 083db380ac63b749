// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/message.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c) {
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static int add_line(const char *line, const struct packet_proto *proto, struct feed *f) {
	uint8_t message[PACKET_FRAME_MAX];
	size_t len = 0;
	const char *hex = strchr(line, ' ');
	if (!hex)
		return ERR_SYNTAX;
	for (hex++; *hex && *hex != '\n'; hex += 2) {
		int high = digit(hex[0]);
		int low = high < 0 ? -1 : digit(hex[1]);
		if (low < 0 || len == sizeof(message))
			return ERR_SYNTAX;
		message[len++] = (uint8_t)(high << 4 | low);
	}
	return feed_add_message(f, proto, message, len);
}

int message_add_all(
	const char *path,
	const struct packet_proto *proto,
	struct feed *f,
	uint64_t *line
) {
	FILE *in = fopen(path, "re");
	if (!in)
		return -errno;
	char *text = NULL;
	size_t room = 0;
	int rc = 0;
	*line = 0;
	while (!rc && getline(&text, &room, in) > 0) {
		++*line;
		rc = add_line(text, proto, f);
	}
	if (!rc)
		*line = 0;
	free(text);
	(void)fclose(in);
	return rc;
}
