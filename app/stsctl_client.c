// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool stsctl_client_open(struct stsctl *s, const char *path) {
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return false;
	}
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int code = errno;
		close(fd);
		errno = code;
		return false;
	}
	s->in = fdopen(fd, "r");
	s->out = fdopen(dup(fd), "w");
	return s->in != NULL && s->out != NULL;
}

void stsctl_client_close(struct stsctl *s) {
	if (s->out != NULL) {
		(void)fclose(s->out);
	}
	if (s->in != NULL) {
		(void)fclose(s->in);
	}
}

static bool send_request(struct stsctl *s, const char *command, json_t *args, json_t *options) {
	json_t *request = json_pack(
		"{s:s, s:o*, s:o*}", "command", command, "args", args, "options", options
	);
	bool sent = request != NULL && json_dumpf(request, s->out, JSON_COMPACT) == 0
		    && fputc('\n', s->out) != EOF && fflush(s->out) == 0;
	json_decref(request);
	return sent;
}

int stsctl_client_ask(
	struct stsctl *s,
	const char *command,
	json_t *args,
	json_t *options,
	stsctl_line_fn *fn,
	void *arg
) {
	bool going = send_request(s, command, args, options);
	char *line = NULL;
	size_t cap = 0;
	int status = -1;
	while (going && status < 0 && getline(&line, &cap, s->in) > 0) {
		json_error_t fault;
		json_t *o = json_loads(line, 0, &fault);
		if (json_is_true(json_object_get(o, "done"))) {
			status = (int)json_integer_value(json_object_get(o, "status"));
			const char *error = json_string_value(json_object_get(o, "error"));
			if (error != NULL) {
				fprintf(stderr, "stsctl: %s\n", error);
			}
		} else if (fn != NULL) {
			fn(arg, o, line);
		}
		json_decref(o);
	}
	free(line);
	if (status < 0) {
		fprintf(stderr, "stsctl: the appliance hung up\n");
		return STSCTL_FAILED;
	}
	return status;
}
