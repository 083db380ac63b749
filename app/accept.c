// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/accept.h"

#define LOG_TOPIC "accept"
#include "app/listen.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MS 100	      // without descriptors
#define SEND_BUFFER (1 << 18) // what a client that does not read may keep in the kernel

struct accept {
	struct event_base *base;
	const char *what;
	accept_fn *fn;
	void *arg;
	struct event *resume;
	struct value_endpoints at; // those that listen
	struct evconnlistener *listeners[VALUE_ENDPOINTS_MAX];
};

static void on_accept(
	struct evconnlistener * /*listener*/,
	evutil_socket_t fd,
	struct sockaddr *sa,
	int /*len*/,
	void *arg
) {
	const struct accept *a = arg;
	struct address from = {.family = (uint8_t)sa->sa_family};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	int yes = 1;
	if (from.family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		memcpy(from.octets, &v4.sin_addr, sizeof(v4.sin_addr));
	} else if (from.family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(from.octets, &v6.sin6_addr, sizeof(v6.sin6_addr));
	}
	int bytes = SEND_BUFFER;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (from.family != AF_UNIX) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	}
	a->fn(a->arg, fd, &from);
}

// Mostly a want of descriptors: it would fail again at once.
static void on_error(struct evconnlistener * /*listener*/, void *arg) {
	struct accept *a = arg;
	const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
	LOG(WARN, "%s: a connection cannot be taken: %s", a->what, err_str(-errno));
	for (unsigned i = 0; i < a->at.count; i++) {
		evconnlistener_disable(a->listeners[i]);
	}
	(void)event_add(a->resume, &pause);
}

static void on_resume(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct accept *a = arg;
	for (unsigned i = 0; i < a->at.count; i++) {
		evconnlistener_enable(a->listeners[i]);
	}
}

static int start(struct accept *a, const struct value_endpoint *at) {
	char text[VALUE_TEXT_MAX];
	value_endpoint_str(at, text);
	int fd = listen_open(at);
	if (fd < 0) {
		LOG(ERROR, "%s: %s: %s", a->what, text, err_str(fd));
		return fd;
	}
	struct evconnlistener *l = evconnlistener_new(
		a->base, on_accept, a, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd
	);
	if (l == NULL) {
		close(fd);
		listen_remove(at);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(l, on_error);
	a->at.at[a->at.count] = *at;
	a->listeners[a->at.count++] = l;
	LOG(INFO, "%s: listening at %s", a->what, text);
	return 0;
}

int accept_open(
	struct event_base *base,
	const char *what,
	const struct value_endpoints *at,
	accept_fn *fn,
	void *arg,
	struct accept **out
) {
	struct accept *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return -ENOMEM;
	}
	*a = (struct accept){.base = base, .what = what, .fn = fn, .arg = arg};
	a->resume = event_new(base, -1, 0, on_resume, a);
	int rc = a->resume != NULL ? 0 : -ENOMEM;
	for (unsigned i = 0; rc == 0 && i < at->count; i++) {
		rc = start(a, &at->at[i]);
	}
	if (rc < 0) {
		accept_close(a);
		return rc;
	}
	*out = a;
	return 0;
}

void accept_close(struct accept *a) {
	if (a == NULL) {
		return;
	}
	for (unsigned i = 0; i < a->at.count; i++) {
		evconnlistener_free(a->listeners[i]);
		listen_remove(&a->at.at[i]);
	}
	if (a->resume != NULL) {
		event_free(a->resume);
	}
	free(a);
}
