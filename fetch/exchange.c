// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/exchange.h"

#include "fetch/query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_TRIES 16
#define PORT_MIN 1024
// Two octets of length in front of a message over TCP (RFC 1035 4.2.2).
#define FRAME_BYTES 2

struct exchange {
	struct event_base *base;
	struct event *io;
	struct event *deadline;
	exchange_done_fn *done;
	void *arg;
	int fd;
	bool tcp;
	bool odd;
	bool edns;
	unsigned guesses;
	const struct fetch_upstream *server;
	struct gate_question question;
	char host[GATE_NAME_MAX + 1];
	// TCP: first what goes out, then what comes in.
	uint8_t *frame;
	size_t frame_len; // octets wanted
	size_t frame_at;  // octets done
	bool reading;
};

static socklen_t endpoint(const struct address *a, uint16_t port, struct sockaddr_storage *ss) {
	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&in.sin_addr, a->octets, sizeof(in.sin_addr));
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	memcpy(&in6.sin6_addr, a->octets, sizeof(in6.sin6_addr));
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

// The kernel's own choice spans some 28,000 ports; ours 64,512.
static void bind_random_port(int fd, uint8_t family) {
	const struct address any = {.family = family};
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		uint16_t port;
		do {
			query_random(&port, sizeof(port));
		} while (port < PORT_MIN);
		struct sockaddr_storage ss;
		socklen_t len = endpoint(&any, port, &ss);
		if (bind(fd, (struct sockaddr *)&ss, len) == 0) {
			return;
		}
	}
	// All taken: connect() lets the kernel choose.
}

static void on_io(evutil_socket_t fd, short what, void *arg);

static int watch(struct exchange *x, short what) {
	if (x->io != NULL) {
		event_free(x->io);
	}
	x->io = event_new(x->base, x->fd, (short)(what | EV_PERSIST), on_io, x);
	return x->io != NULL && event_add(x->io, NULL) == 0 ? 0 : -ENOMEM;
}

static void close_socket(struct exchange *x) {
	if (x->io != NULL) {
		event_free(x->io);
		x->io = NULL;
	}
	if (x->fd >= 0) {
		close(x->fd);
		x->fd = -1;
	}
}

static int open_socket(struct exchange *x, int type) {
	x->fd = socket(x->server->address.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd < 0) {
		return -errno;
	}
	if (type == SOCK_DGRAM) {
		bind_random_port(x->fd, x->server->address.family);
	}
	struct sockaddr_storage ss;
	socklen_t len = endpoint(&x->server->address, x->server->port, &ss);
	if (connect(x->fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS) {
		return -errno;
	}
	return 0;
}

static int start_udp(struct exchange *x) {
	uint8_t wire[QUERY_BYTES_MAX];
	int len = query_build(x->host, x->question.type, x->edns, wire, &x->question);
	if (len < 0) {
		return len;
	}
	int code = open_socket(x, SOCK_DGRAM);
	if (code != 0) {
		return code;
	}
	if (send(x->fd, wire, (size_t)len, MSG_NOSIGNAL) != len) {
		return -errno;
	}
	return watch(x, EV_READ);
}

// Another id and case: what was seen of the first question is worth nothing.
static int start_tcp(struct exchange *x) {
	x->tcp = true;
	x->frame = malloc(GATE_BYTES_MAX);
	if (x->frame == NULL) {
		return -ENOMEM;
	}
	uint8_t wire[QUERY_BYTES_MAX];
	int len = query_build(x->host, x->question.type, x->edns, wire, &x->question);
	if (len < 0) {
		return len;
	}
	x->frame[0] = (uint8_t)(len >> 8);
	x->frame[1] = (uint8_t)len;
	memcpy(x->frame + FRAME_BYTES, wire, (size_t)len);
	x->frame_len = FRAME_BYTES + (size_t)len;
	x->frame_at = 0;
	int code = open_socket(x, SOCK_STREAM);
	return code != 0 ? code : watch(x, EV_WRITE);
}

// The descriptor is free before the next question is asked.
static void finish(struct exchange *x, enum exchange_result r, const struct gate_answer *answer) {
	close_socket(x);
	x->done(x->arg, r, answer, x->odd);
}

static enum exchange_result classify(int code) {
	switch (code) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return EXCHANGE_LOCAL;
	default:
		return EXCHANGE_UNREACHABLE;
	}
}

static void retry_over_tcp(struct exchange *x) {
	close_socket(x);
	int code = start_tcp(x);
	if (code != 0) {
		finish(x, classify(-code), NULL);
	}
}

static void take_datagram(struct exchange *x, const uint8_t *msg, size_t len) {
	struct gate_answer answer;
	switch (gate_read(&x->question, msg, len, &answer)) {
	case GATE_ANSWER:
		finish(x, EXCHANGE_ANSWER, &answer);
		return;
	case GATE_WRONG_ID:
		if (++x->guesses >= EXCHANGE_GUESSES_MAX) {
			retry_over_tcp(x);
		}
		return;
	case GATE_STRANGER:
		x->odd = true;
		return;
	case GATE_TRUNCATED:
	case GATE_BROKEN:
		retry_over_tcp(x);
		return;
	}
}

// One datagram a turn, so that a flood at one port leaves time for the others.
static void read_datagram(struct exchange *x) {
	uint8_t msg[GATE_BYTES_MAX];
	ssize_t n = recv(x->fd, msg, sizeof(msg), MSG_TRUNC);
	if (n >= 0) {
		take_datagram(x, msg, (size_t)n);
	} else if (errno != EAGAIN && errno != EINTR) {
		finish(x, classify(errno), NULL);
	}
}

static void take_message(struct exchange *x) {
	struct gate_answer answer;
	switch (gate_read(&x->question, x->frame, x->frame_len, &answer)) {
	case GATE_ANSWER:
		finish(x, EXCHANGE_ANSWER, &answer);
		return;
	case GATE_TRUNCATED: // senseless here
	case GATE_BROKEN:
		finish(x, EXCHANGE_BROKEN, NULL);
		return;
	case GATE_WRONG_ID:
	case GATE_STRANGER:
		finish(x, EXCHANGE_UNREACHABLE, NULL);
		return;
	}
}

// The length comes first, alone in the buffer; then the message takes its place.
static void take_octets(struct exchange *x) {
	if (x->frame_at < x->frame_len) {
		return;
	}
	if (x->reading) {
		take_message(x);
		return;
	}
	x->frame_len = (size_t)x->frame[0] << 8 | x->frame[1];
	x->frame_at = 0;
	x->reading = true;
	if (x->frame_len == 0) {
		finish(x, EXCHANGE_UNREACHABLE, NULL);
	} else if (x->frame_len > GATE_BYTES_MAX) {
		finish(x, EXCHANGE_BROKEN, NULL);
	}
}

static void read_stream(struct exchange *x) {
	ssize_t n = recv(x->fd, x->frame + x->frame_at, x->frame_len - x->frame_at, 0);
	if (n > 0) {
		x->frame_at += (size_t)n;
		take_octets(x);
	} else if (n == 0) {
		finish(x, EXCHANGE_UNREACHABLE, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		finish(x, classify(errno), NULL);
	}
}

static void write_stream(struct exchange *x) {
	ssize_t n = send(x->fd, x->frame + x->frame_at, x->frame_len - x->frame_at, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			finish(x, classify(errno), NULL);
		}
		return;
	}
	x->frame_at += (size_t)n;
	if (x->frame_at < x->frame_len) {
		return;
	}
	x->frame_at = 0;
	x->frame_len = FRAME_BYTES;
	if (watch(x, EV_READ) != 0) {
		finish(x, EXCHANGE_LOCAL, NULL);
	}
}

static void on_io(evutil_socket_t /*fd*/, short what, void *arg) {
	struct exchange *x = arg;
	if (!x->tcp) {
		read_datagram(x);
	} else if ((what & EV_WRITE) != 0) {
		write_stream(x);
	} else {
		read_stream(x);
	}
}

static void on_deadline(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	finish(arg, EXCHANGE_TIMED_OUT, NULL);
}

int exchange_start(
	struct event_base *base,
	const struct exchange_request *request,
	exchange_done_fn *done,
	void *arg,
	struct exchange **out
) {
	struct exchange *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return -ENOMEM;
	}
	x->base = base;
	x->done = done;
	x->arg = arg;
	x->fd = -1;
	x->edns = request->edns;
	x->server = request->server;
	x->question.type = request->type;
	strncpy(x->host, request->host, sizeof(x->host) - 1);
	const struct timeval tv = {
		.tv_sec = request->try_ms / 1000,
		.tv_usec = (request->try_ms % 1000) * 1000L,
	};
	x->deadline = evtimer_new(base, on_deadline, x);
	int code = x->deadline != NULL && evtimer_add(x->deadline, &tv) == 0 ? 0 : -ENOMEM;
	if (code == 0) {
		code = request->tcp ? start_tcp(x) : start_udp(x);
	}
	if (code != 0) {
		exchange_free(x);
		return code;
	}
	*out = x;
	return 0;
}

void exchange_free(struct exchange *x) {
	if (x == NULL) {
		return;
	}
	close_socket(x);
	if (x->deadline != NULL) {
		event_free(x->deadline);
	}
	free(x->frame);
	free(x);
}
