// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stream.h"

#include "app/accept.h"
#include "app/turns.h"
#include "base/clock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)
#define UNANSWERED_MAX 32	   // requests of one connection
#define UNSENT_HIGH (256 * 1024)   // octets of answers of one connection
#define UNSENT_ALL_MAX (64U << 20) // of all connections
#define YOUNG_NS CLOCK_NS_PER_S	   // makes no room yet

struct stream_conn {
	TAILQ_ENTRY(stream_conn) link; // of all, in the order of `alive_ns`
	struct stream *stream;
	struct event *readable;
	struct event *writable;
	struct turns turns;
	size_t counted; // of turns_unsent(), in `unsent` of the stream
	uint8_t *in;	// the beginning of a request, or requests not taken yet
	size_t in_bytes;
	mono_ns_t alive_ns; // last whole request, or all answers sent
	struct address from;
	int fd;
	bool busy;    // within serve()
	bool ended;   // nothing more is read; closes when all is answered
	bool hung_up; // the client has closed: nobody waits
	bool broken;  // closes at once
};
TAILQ_HEAD(conns, stream_conn);

struct stream {
	struct stream_config config;
	struct stream_counters counters;
	struct accept *accept;
	struct conns open;
	size_t count;
	size_t unsent; // octets of answers in memory
	struct event *tick;
	mono_ns_t now;
	size_t room; // of buf
	uint8_t buf[];
};

void stream_say(struct stream_conn *c, const void *data, size_t len) {
	turns_say(&c->turns, data, len);
}

void *stream_hold(struct stream_conn *c, size_t bytes) {
	c->stream->counters.held++;
	return turns_hold(&c->turns, c, bytes);
}

const struct address *stream_client(const struct stream_conn *c) {
	return &c->from;
}

static bool is_blocked(const struct stream_conn *c) {
	return c->turns.count >= UNANSWERED_MAX || turns_unsent(&c->turns) >= UNSENT_HIGH;
}

static void set_alive(struct stream_conn *c) {
	struct stream *s = c->stream;
	c->alive_ns = s->now;
	TAILQ_REMOVE(&s->open, c, link);
	TAILQ_INSERT_TAIL(&s->open, c, link);
}

static void recount(struct stream_conn *c) {
	struct stream *s = c->stream;
	size_t unsent = turns_unsent(&c->turns);
	s->unsent = s->unsent - c->counted + unsent;
	c->counted = unsent;
	if (s->unsent > UNSENT_ALL_MAX && unsent > 0 && !c->broken) {
		s->counters.overrun++;
		c->broken = true;
	}
}

static void forget(void *arg, void *held) {
	struct stream *s = arg;
	s->counters.forgotten++;
	s->config.forget(s->config.arg, held);
}

static void close_conn(struct stream_conn *c) {
	struct stream *s = c->stream;
	s->unsent -= c->counted;
	turns_fini(&c->turns, forget, s);
	TAILQ_REMOVE(&s->open, c, link);
	s->count--;
	event_free(c->readable);
	event_free(c->writable);
	free(c->in);
	close(c->fd);
	free(c);
}

// Takes requests from the octets kept and the new ones, which stand in buf
// behind the place of those kept; keeps what is left.
static void take_requests(struct stream_conn *c, size_t got) {
	struct stream *s = c->stream;
	size_t len = c->in_bytes + got;
	size_t at = 0;
	if (c->in_bytes > 0) {
		memcpy(s->buf, c->in, c->in_bytes);
	}
	while (at < len && !c->ended && !c->turns.broken && !is_blocked(c)) {
		ssize_t n = s->config.take(s->config.arg, c, s->buf + at, len - at);
		if (n == 0) {
			break;
		}
		s->counters.requests++;
		set_alive(c);
		c->ended = n < 0;
		at += n < 0 ? len - at : (size_t)n;
	}
	free(c->in);
	c->in = NULL;
	c->in_bytes = len - at;
	if (c->in_bytes > 0) {
		c->in = malloc(c->in_bytes);
		if (c->in == NULL) {
			abort(); // sts:main cannot go on without memory for a request
		}
		memcpy(c->in, s->buf + at, c->in_bytes);
	}
}

static void flush(struct stream_conn *c) {
	turns_advance(&c->turns);
	c->broken |= c->turns.broken;
	if (evbuffer_get_length(c->turns.out) > 0 && !c->broken) {
		if (evbuffer_write(c->turns.out, c->fd) < 0 && errno != EAGAIN && errno != EINTR) {
			c->stream->counters.failed++;
			c->broken = true;
		}
		if (turns_unsent(&c->turns) == 0) {
			set_alive(c);
		}
	}
	recount(c);
}

// Arms what the connection waits for, or closes it.
static void settle(struct stream_conn *c) {
	bool empty = evbuffer_get_length(c->turns.out) == 0;
	bool done = empty && (c->hung_up || (c->ended && c->turns.count == 0));
	bool reads = !c->ended && !c->hung_up && !is_blocked(c);
	int rc = reads ? event_add(c->readable, NULL) : event_del(c->readable);
	if (rc == 0) {
		rc = empty ? event_del(c->writable) : event_add(c->writable, NULL);
	}
	if (c->broken || done || rc < 0) {
		close_conn(c);
	}
}

// Everything that can be done now; *c may be gone afterwards.
// @param got  New octets in buf, behind the place of those kept.
static void serve(struct stream_conn *c, size_t got) {
	size_t before;
	c->busy = true;
	c->stream->now = clock_mono_ns();
	// Sending makes place for requests that are kept.
	do {
		before = c->in_bytes + got;
		flush(c);
		take_requests(c, got);
		got = 0;
	} while (c->in_bytes > 0 && c->in_bytes < before && !c->broken);
	flush(c);
	c->busy = false;
	settle(c);
}

void stream_release(void *held, const void *data, size_t len) {
	struct stream_conn *c = turns_owner(held);
	turns_answer(&c->turns, held, data, len);
	if (!c->busy) {
		serve(c, 0);
	}
}

static void on_readable(evutil_socket_t fd, short /*what*/, void *arg) {
	struct stream_conn *c = arg;
	struct stream *s = c->stream;
	ssize_t n = read(fd, s->buf + c->in_bytes, s->room - c->in_bytes);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n < 0) {
		s->counters.failed++;
		close_conn(c);
		return;
	}
	// Who has closed gets what is ready, and nobody waits for the rest.
	c->hung_up = n == 0;
	serve(c, (size_t)n);
}

static void on_writable(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	serve(arg, 0);
}

// Idle and slow ones. The list is in the order of their last sign of life.
static void on_tick(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct stream *s = arg;
	mono_ns_t idle = s->config.idle_ms * CLOCK_NS_PER_MS;
	struct stream_conn *c;
	s->now = clock_mono_ns();
	while ((c = TAILQ_FIRST(&s->open)) != NULL && s->now - c->alive_ns >= idle) {
		if (turns_waits(&c->turns)) {
			set_alive(c); // it waits for us
		} else {
			s->counters.idle++;
			close_conn(c);
		}
	}
}

static bool make_room(struct stream *s) {
	struct stream_conn *c;
	if (s->count < s->config.connections_max) {
		return true;
	}
	s->now = clock_mono_ns();
	TAILQ_FOREACH (c, &s->open, link) {
		if (s->now - c->alive_ns < YOUNG_NS) {
			break;
		}
		if (!turns_waits(&c->turns)) {
			s->counters.evicted++;
			close_conn(c);
			return true;
		}
	}
	return false;
}

static void admit(struct stream *s, int fd, const struct address *from) {
	struct stream_conn *c = calloc(1, sizeof(*c));
	if (c == NULL || !turns_init(&c->turns)) {
		abort(); // sts:main cannot go on without memory for a connection
	}
	c->stream = s;
	c->fd = fd;
	c->from = *from;
	c->readable = event_new(s->config.base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(s->config.base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (c->readable == NULL || c->writable == NULL) {
		abort(); // as above
	}
	c->alive_ns = s->now = clock_mono_ns();
	TAILQ_INSERT_TAIL(&s->open, c, link);
	s->count++;
	s->counters.accepted++;
	settle(c);
}

static void on_connection(void *arg, int fd, const struct address *from) {
	struct stream *s = arg;
	if (from->family != AF_UNIX
	    && !clients_match(s->config.allow, from->family, from->octets)) {
		s->counters.refused++;
		close(fd);
	} else if (!make_room(s)) {
		s->counters.full++;
		close(fd);
	} else {
		admit(s, fd, from);
	}
}

int stream_open(const struct stream_config *config, struct stream **out) {
	size_t room = config->request_bytes_max + READ_BYTES;
	struct stream *s = calloc(1, sizeof(*s) + room);
	if (s == NULL) {
		return -ENOMEM;
	}
	s->config = *config;
	s->room = room;
	TAILQ_INIT(&s->open);
	const uint32_t tick_ms = config->idle_ms / 8 + 1;
	const struct timeval tick = {
		.tv_sec = tick_ms / 1000,
		.tv_usec = (suseconds_t)(tick_ms % 1000) * 1000,
	};
	s->tick = event_new(config->base, -1, EV_PERSIST, on_tick, s);
	int rc = s->tick != NULL && event_add(s->tick, &tick) == 0 ? 0 : -ENOMEM;
	if (rc == 0) {
		rc = accept_open(
			config->base, config->name, config->listen, on_connection, s, &s->accept
		);
	}
	if (rc < 0) {
		stream_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void stream_close(struct stream *s) {
	if (s == NULL) {
		return;
	}
	accept_close(s->accept);
	while (!TAILQ_EMPTY(&s->open)) {
		close_conn(TAILQ_FIRST(&s->open));
	}
	if (s->tick != NULL) {
		event_free(s->tick);
	}
	free(s);
}

void stream_counters(const struct stream *s, stream_counter_fn *fn, void *arg) {
	char name[80];
	const struct stream_counters *c = &s->counters;
#define GIVE(field, suffix, help)                                           \
	snprintf(name, sizeof(name), "stsd_%s_%s", s->config.name, suffix); \
	fn(arg, name, -1, help, c->field);
	STREAM_COUNTER_LIST(GIVE)
#undef GIVE
	snprintf(name, sizeof(name), "stsd_%s_connections", s->config.name);
	fn(arg, name, -1, "connections open now", s->count);
}
