// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/listen.h"

#include <errno.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static int bind_inet(int fd, const struct value_endpoint *at) {
	const struct address *a = &at->address;
	int yes = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0) {
		return -errno;
	}
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	memcpy(&v4.sin_addr, a->octets, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, a->octets, sizeof(v6.sin6_addr));
	if (a->family == AF_INET) {
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4)) < 0 ? -errno : 0;
	}
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) {
		return -errno;
	}
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6)) < 0 ? -errno : 0;
}

// Whether somebody listens there: then the place is not ours to take.
static bool is_alive(const struct sockaddr_un *sa) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return alive;
}

static int bind_unix(int fd, const struct value_endpoint *at) {
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char copy[sizeof(at->path)];
	struct stat st;
	memcpy(sa.sun_path, at->path, strnlen(at->path, sizeof(sa.sun_path) - 1));
	memcpy(copy, at->path, sizeof(copy));
	if (mkdir(dirname(copy), 0755) < 0 && errno != EEXIST) {
		return -errno;
	}
	if (lstat(at->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || is_alive(&sa)) {
			return -EADDRINUSE;
		}
		(void)unlink(at->path);
	}
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		return -errno;
	}
	return chmod(at->path, 0666) < 0 ? -errno : 0;
}

int listen_open(const struct value_endpoint *at) {
	bool local = at->path[0] != '\0';
	int family = local ? AF_UNIX : at->address.family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	int rc = local ? bind_unix(fd, at) : bind_inet(fd, at);
	if (rc == 0 && listen(fd, BACKLOG) < 0) {
		rc = -errno;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void listen_remove(const struct value_endpoint *at) {
	if (at->path[0] != '\0') {
		(void)unlink(at->path);
	}
}
