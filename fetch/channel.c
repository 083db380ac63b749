// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/channel.h"

#include "base/bytes.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXIT_CHANNEL 4
#define BURST 32 // messages read before others get their turn

struct message {
	struct message *next;
	size_t len;
	uint8_t octets[];
};

struct channel {
	int fd;
	const struct channel_ops *ops;
	void *arg;
	struct event *readable;
	struct event *writable;
	struct message *first; // kept, in order
	struct message **last;
};

int channel_pack(const struct fetch_config *config, struct channel_config *out) {
	*out = (struct channel_config){
		.upstream_count = (uint32_t)config->upstream_count,
		.dns_try_ms = config->dns_try_ms,
		.dns_tries = config->dns_tries,
		.connect_ms = config->connect_ms,
		.handshake_ms = config->handshake_ms,
		.first_byte_ms = config->first_byte_ms,
		.total_ms = config->total_ms,
		.https_port = config->https_port,
		.require_text_plain = config->require_text_plain,
		.allow_private_count = (uint32_t)config->allow_private_count,
	};
	size_t path = config->ca_file != NULL ? strlen(config->ca_file) : 0;
	if (config->upstream_count > FETCH_UPSTREAM_MAX
	    || config->allow_private_count > CHANNEL_PREFIXES_MAX || path >= sizeof(out->ca_file)) {
		return -E2BIG;
	}
	memcpy(out->upstreams, config->upstreams, sizeof(out->upstreams));
	if (config->allow_private_count > 0) {
		memcpy(out->allow_private,
		       config->allow_private,
		       config->allow_private_count * sizeof(out->allow_private[0]));
	}
	if (path > 0) {
		memcpy(out->ca_file, config->ca_file, path);
	}
	return 0;
}

void channel_take_config(int fd, struct channel_config *out) {
	ssize_t n = recv(fd, out, sizeof(*out), MSG_TRUNC);
	if (n != (ssize_t)sizeof(*out) || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		_exit(n == 0 ? 0 : EXIT_CHANNEL);
	}
}

static void take(struct channel *c, const uint8_t *msg, size_t len) {
	if (len == CHANNEL_CANCEL_BYTES) {
		struct reader in = bytes_reader(msg, len);
		c->ops->cancel(c->arg, bytes_get_be64(&in));
		return;
	}
	struct task task;
	if (len > TASK_BYTES_MAX || task_decode(msg, len, &task) != 0) {
		_exit(EXIT_CHANNEL);
	}
	c->ops->task(c->arg, &task);
}

static void on_readable(evutil_socket_t fd, short /*what*/, void *arg) {
	struct channel *c = arg;
	// An outcome given at once may find the socket full: then reading stops.
	for (unsigned i = 0; i < BURST && c->first == NULL; i++) {
		uint8_t msg[TASK_BYTES_MAX];
		ssize_t n = recv(fd, msg, sizeof(msg), MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			_exit(0);
		}
		take(c, msg, (size_t)n);
	}
}

// @return False when it has to wait.
static bool put(const struct channel *c, const void *msg, size_t len) {
	ssize_t n = send(c->fd, msg, len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)) {
		return false;
	}
	if (n != (ssize_t)len) {
		_exit(EXIT_CHANNEL);
	}
	return true;
}

static void on_writable(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct channel *c = arg;
	while (c->first != NULL && put(c, c->first->octets, c->first->len)) {
		struct message *sent = c->first;
		c->first = sent->next;
		free(sent);
	}
	if (c->first == NULL) {
		c->last = &c->first;
		(void)event_del(c->writable);
		(void)event_add(c->readable, NULL);
	}
}

static void keep(struct channel *c, const void *msg, size_t len) {
	struct message *m = malloc(sizeof(*m) + len);
	if (m == NULL) {
		_exit(EXIT_CHANNEL);
	}
	m->next = NULL;
	m->len = len;
	memcpy(m->octets, msg, len);
	if (c->first == NULL) {
		(void)event_del(c->readable);
		(void)event_add(c->writable, NULL);
	}
	*c->last = m;
	c->last = &m->next;
}

void channel_send(struct channel *c, const struct outcome *o) {
	static uint8_t msg[OUTCOME_BYTES_MAX]; // one thread, and too large for a stack
	int len = outcome_encode(o, msg, sizeof(msg));
	if (len < 0) {
		_exit(EXIT_CHANNEL);
	}
	if (c->first != NULL || !put(c, msg, (size_t)len)) {
		keep(c, msg, (size_t)len);
	}
}

struct channel *
channel_new(struct event_base *base, int fd, const struct channel_ops *ops, void *arg) {
	struct channel *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	c->fd = fd;
	c->ops = ops;
	c->arg = arg;
	c->last = &c->first;
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0) {
		if (c->readable != NULL) {
			event_free(c->readable);
		}
		if (c->writable != NULL) {
			event_free(c->writable);
		}
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	return c;
}
