// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/fetchworker.h"

#include "base/clock.h"
#include "fetch/channel.h"
#include "fetch/confine.h"
#include "fetch/http.h"
#include "fetch/polparse.h"
#include "fetch/tls.h"
#include "fetch/vet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXIT_FETCH 6
#define HTTPS_PORT 443
#define READS_MAX 4 // of 16 KiB, before other connections get their turn
// While one certificate keeps us busy the others wait for us, not for their
// hosts: such stops are added to their time limits, up to a bound.
#define STALL_NS (50 * CLOCK_NS_PER_MS)
#define CREDIT_NS (5 * CLOCK_NS_PER_S)

enum phase { PHASE_CONNECT, PHASE_HANDSHAKE, PHASE_SEND, PHASE_FIRST_BYTE, PHASE_RESPONSE };

static const char *const PHASE_STR[] = {
	[PHASE_CONNECT] = "connect",
	[PHASE_HANDSHAKE] = "handshake",
	[PHASE_SEND] = "request",
	[PHASE_FIRST_BYTE] = "first-byte",
	[PHASE_RESPONSE] = "total",
};

// One task.
struct run {
	struct run *next;
	struct run **back;
	struct task task;
	unsigned address; // the one being tried
	// What connecting came to so far: LOCAL until another fault was seen.
	enum outcome_code connect_code;
	const char *connect_detail;
	enum phase phase;
	int fd;
	struct event *io;
	struct event *deadline;
	mono_ns_t ends;	   // of the whole task
	mono_ns_t stalled; // up to here stops have been made good
	mono_ns_t credit;  // may be added yet
	struct tls_conn *tls;
	size_t sent;
	size_t request_len;
	char host[256];
	char request[768];
	uint8_t *body;
	struct http http;
};

static struct channel_config config;
static struct event_base *base;
static struct channel *channel;
static struct tls *tls; // NULL: no CA store
static struct run *runs;
static mono_ns_t stalled; // all stops so far

static void close_connection(struct run *r) {
	tls_close(r->tls);
	r->tls = NULL;
	if (r->io != NULL) {
		event_free(r->io);
		r->io = NULL;
	}
	if (r->fd >= 0) {
		close(r->fd);
		r->fd = -1;
	}
}

static void run_free(struct run *r) {
	close_connection(r);
	if (r->deadline != NULL) {
		event_free(r->deadline);
	}
	*r->back = r->next;
	if (r->next != NULL) {
		r->next->back = r->back;
	}
	free(r->body);
	free(r);
}

static void finish(struct run *r, enum outcome_code code, const char *detail) {
	struct outcome o = {.task = r->task.id, .code = code};
	(void)snprintf(o.detail, sizeof(o.detail), "%s", detail);
	channel_send(channel, &o);
	run_free(r);
}

// Sets the time limit of a phase, within that of the task.
static void allow_ms(struct run *r, uint32_t ms) {
	mono_ns_t now = clock_mono_ns();
	mono_ns_t left = r->ends > now ? r->ends - now : 0;
	if (left > ms * CLOCK_NS_PER_MS) {
		left = ms * CLOCK_NS_PER_MS;
	}
	const struct timeval tv = {
		.tv_sec = (time_t)(left / CLOCK_NS_PER_S),
		.tv_usec = (suseconds_t)(left % CLOCK_NS_PER_S / 1000),
	};
	(void)evtimer_add(r->deadline, &tv);
}

static void on_io(evutil_socket_t fd, short what, void *arg);

// @return False when the task has ended for want of memory.
static bool watch(struct run *r, short what) {
	if (r->io != NULL) {
		event_free(r->io);
	}
	r->io = event_new(base, r->fd, (short)(what | EV_PERSIST), on_io, r);
	if (r->io == NULL || event_add(r->io, NULL) != 0) {
		finish(r, OUTCOME_LOCAL, "no-memory");
		return false;
	}
	return true;
}

static void wait_for(struct run *r, enum tls_result want) {
	(void)watch(r, want == TLS_WANT_WRITE ? EV_WRITE : EV_READ);
}

static void explain(struct run *r) {
	char detail[33];
	enum outcome_code code = tls_explain(r->tls, detail);
	finish(r, code, detail);
}

static void report_body(struct run *r) {
	struct outcome o = {.task = r->task.id, .media_type_odd = r->http.media_type_odd};
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	const char *fault = "";
	if (polparse(r->body, r->http.body_len, mx, &o.policy, &fault, &o.mended)) {
		o.code = OUTCOME_OK;
	} else {
		o.code = OUTCOME_BAD_BODY;
		(void)snprintf(o.detail, sizeof(o.detail), "%s", fault);
	}
	o.text = r->body;
	o.text_len = (uint32_t)r->http.body_len;
	channel_send(channel, &o);
	run_free(r);
}

// @return Whether more octets are wanted.
static bool take_state(struct run *r, enum http_state state) {
	switch (state) {
	case HTTP_DONE:
		report_body(r);
		return false;
	case HTTP_FAILED:
		finish(r, r->http.outcome, r->http.detail);
		return false;
	default:
		return true;
	}
}

static bool take_octets(struct run *r, const uint8_t *octets, size_t len) {
	if (r->phase == PHASE_FIRST_BYTE) {
		r->phase = PHASE_RESPONSE;
		allow_ms(r, config.total_ms);
	}
	return take_state(r, http_feed(&r->http, octets, len));
}

static void read_response(struct run *r) {
	static uint8_t octets[16384];
	for (unsigned i = 0; i < READS_MAX; i++) {
		size_t len = 0;
		enum tls_result result = tls_read(r->tls, octets, sizeof(octets), &len);
		switch (result) {
		case TLS_DONE:
			if (!take_octets(r, octets, len)) {
				return;
			}
			break;
		case TLS_CLOSED:
		case TLS_CUT:
			(void)take_state(r, http_end(&r->http, result == TLS_CLOSED));
			return;
		case TLS_FAILED:
			explain(r);
			return;
		default:
			wait_for(r, result);
			return;
		}
	}
	// What TLS holds already wakes nobody up.
	event_active(r->io, EV_READ, 0);
}

static bool expect_response(struct run *r) {
	r->body = malloc(POLICY_TEXT_MAX);
	if (r->body == NULL) {
		finish(r, OUTCOME_LOCAL, "no-memory");
		return false;
	}
	http_init(&r->http, config.require_text_plain, r->body);
	r->phase = PHASE_FIRST_BYTE;
	allow_ms(r, config.first_byte_ms);
	return watch(r, EV_READ);
}

static void send_request(struct run *r) {
	while (r->sent < r->request_len) {
		size_t done = 0;
		enum tls_result result = tls_write(
			r->tls, r->request + r->sent, r->request_len - r->sent, &done
		);
		switch (result) {
		case TLS_DONE:
			r->sent += done;
			break;
		case TLS_WANT_READ:
		case TLS_WANT_WRITE:
			wait_for(r, result);
			return;
		default:
			explain(r);
			return;
		}
	}
	if (expect_response(r)) {
		read_response(r);
	}
}

static void shake_hands(struct run *r) {
	mono_ns_t before = clock_mono_ns();
	enum tls_result result = tls_handshake(r->tls);
	mono_ns_t took = clock_mono_ns() - before;
	stalled += took > STALL_NS ? took : 0;
	if (result == TLS_FAILED) {
		explain(r);
	} else if (result != TLS_DONE) {
		wait_for(r, result);
	} else {
		r->phase = PHASE_SEND;
		send_request(r);
	}
}

static void start_tls(struct run *r) {
	r->tls = tls_open(tls, r->host, r->fd);
	if (r->tls == NULL) {
		finish(r, OUTCOME_LOCAL, "no-memory");
		return;
	}
	r->phase = PHASE_HANDSHAKE;
	allow_ms(r, config.handshake_ms);
	shake_hands(r);
}

static socklen_t endpoint(const struct address *a, struct sockaddr_storage *ss) {
	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		struct sockaddr_in in = {
			.sin_family = AF_INET,
			.sin_port = htons(config.https_port),
		};
		memcpy(&in.sin_addr, a->octets, sizeof(in.sin_addr));
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(config.https_port),
	};
	memcpy(&in6.sin6_addr, a->octets, sizeof(in6.sin6_addr));
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

static const char *connect_fault(int code) {
	switch (code) {
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timed-out";
	case ECONNRESET:
		return "reset";
	default:
		return "unreachable";
	}
}

// Whether connect() itself says that the fault is on our side.
static bool is_local(int code) {
	switch (code) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENETUNREACH:
	case EACCES:
	case EPERM:
		return true;
	default:
		return false;
	}
}

static void note_fault(struct run *r, enum outcome_code code, const char *detail) {
	bool weak = code == OUTCOME_LOCAL || code == OUTCOME_BLOCKED_ADDRESS;
	if (!weak || r->connect_code == OUTCOME_LOCAL) {
		r->connect_code = code;
		r->connect_detail = detail;
	}
}

// @return 0 when connecting is under way, or the errno.
static int connect_to(struct run *r, const struct address *a) {
	r->fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0) {
		return errno;
	}
	// Without it a handshake takes ten times as long.
	(void)setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	struct sockaddr_storage ss;
	socklen_t len = endpoint(a, &ss);
	if (connect(r->fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS) {
		return errno;
	}
	return 0;
}

// Goes through the addresses, from r->address on, until one can be tried.
static void try_addresses(struct run *r) {
	for (; r->address < r->task.address_count; r->address++) {
		const struct address *a = &r->task.addresses[r->address];
		if (!vet_address(a, config.allow_private, config.allow_private_count)) {
			note_fault(r, OUTCOME_BLOCKED_ADDRESS, "");
			continue;
		}
		int code = connect_to(r, a);
		if (code == 0) {
			allow_ms(r, config.connect_ms);
			(void)watch(r, EV_WRITE);
			return;
		}
		close_connection(r);
		if (is_local(code)) {
			note_fault(
				r, OUTCOME_LOCAL, code == ENETUNREACH ? "no-route" : "no-socket"
			);
		} else {
			note_fault(r, OUTCOME_CANNOT_CONNECT, connect_fault(code));
		}
	}
	finish(r, r->connect_code, r->connect_detail);
}

static void try_next_address(struct run *r) {
	close_connection(r);
	r->address++;
	try_addresses(r);
}

static void end_connect(struct run *r) {
	int code = 0;
	socklen_t len = sizeof(code);
	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0 || code != 0) {
		note_fault(r, OUTCOME_CANNOT_CONNECT, connect_fault(code));
		try_next_address(r);
		return;
	}
	start_tls(r);
}

static void on_io(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct run *r = arg;
	switch (r->phase) {
	case PHASE_CONNECT:
		end_connect(r);
		return;
	case PHASE_HANDSHAKE:
		shake_hands(r);
		return;
	case PHASE_SEND:
		send_request(r);
		return;
	default:
		read_response(r);
		return;
	}
}

// @return Whether the run was given more time for the stops it has seen.
static bool make_good(struct run *r) {
	mono_ns_t more = stalled - r->stalled;
	r->stalled = stalled;
	if (more > r->credit) {
		more = r->credit;
	}
	if (more == 0) {
		return false;
	}
	r->credit -= more;
	r->ends += more;
	allow_ms(r, (uint32_t)(more / CLOCK_NS_PER_MS) + 1);
	return true;
}

static void on_deadline(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct run *r = arg;
	if (make_good(r)) {
		return;
	}
	if (r->phase == PHASE_CONNECT && clock_mono_ns() < r->ends) {
		note_fault(r, OUTCOME_TIMED_OUT, PHASE_STR[PHASE_CONNECT]);
		try_next_address(r);
		return;
	}
	finish(r, OUTCOME_TIMED_OUT, PHASE_STR[r->phase]);
}

// RFC 8461 3.3. A policy host is asked by its name alone: no cookies, no
// conditions, nothing a cache could answer to.
static bool write_request(struct run *r) {
	char port[8] = "";
	if (config.https_port != HTTPS_PORT) {
		(void)snprintf(port, sizeof(port), ":%u", config.https_port);
	}
	(void)snprintf(r->host, sizeof(r->host), "mta-sts.%s", r->task.domain.text);
	int n = snprintf(
		r->request,
		sizeof(r->request),
		"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"
		"Host: %s%s\r\n"
		"User-Agent: stsd/" FETCHWORKER_VERSION "\r\n"
		"Accept: text/plain\r\n"
		"Accept-Encoding: identity\r\n"
		"Connection: close\r\n\r\n",
		r->host,
		port
	);
	r->request_len = (size_t)n;
	return n > 0 && r->request_len < sizeof(r->request);
}

static struct run *run_new(const struct task *task) {
	struct run *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->task = *task;
	r->fd = -1;
	r->connect_code = OUTCOME_LOCAL;
	r->connect_detail = "no-address";
	r->ends = clock_mono_ns() + config.total_ms * CLOCK_NS_PER_MS;
	r->stalled = stalled;
	r->credit = CREDIT_NS;
	r->deadline = evtimer_new(base, on_deadline, r);
	if (r->deadline == NULL || !write_request(r)) {
		if (r->deadline != NULL) {
			event_free(r->deadline);
		}
		free(r);
		return NULL;
	}
	r->next = runs;
	r->back = &runs;
	if (runs != NULL) {
		runs->back = &r->next;
	}
	runs = r;
	return r;
}

static void on_task(void * /*arg*/, const struct task *task) {
	struct outcome o = {.task = task->id, .code = OUTCOME_LOCAL};
	struct run *r = NULL;
	if (tls == NULL) {
		snprintf(o.detail, sizeof(o.detail), "no-ca-store");
	} else {
		snprintf(o.detail, sizeof(o.detail), "no-memory");
		r = task->kind == TASK_POLICY ? run_new(task) : NULL;
	}
	if (r != NULL) {
		try_addresses(r);
	} else {
		channel_send(channel, &o);
	}
}

static void on_cancel(void * /*arg*/, uint64_t task) {
	for (struct run *r = runs; r != NULL; r = r->next) {
		if (r->task.id == task) {
			run_free(r);
			return;
		}
	}
}

void fetchworker_run(int fd) {
	static const struct channel_ops ops = {.task = on_task, .cancel = on_cancel};
	channel_take_config(fd, &config);
	tls = tls_new(config.ca_file);
	base = event_base_new();
	channel = base != NULL ? channel_new(base, fd, &ops, NULL) : NULL;
	if (channel == NULL || confine_lock() != 0) {
		_exit(EXIT_FETCH);
	}
	(void)event_base_dispatch(base);
	_exit(EXIT_FETCH);
}
