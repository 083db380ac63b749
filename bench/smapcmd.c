// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/smapcmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "bench/expect.h"
#include "bench/hist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define DEPTH_MAX 256
#define READ_BYTES (256 * 1024)
#define REQUEST_MAX 320
#define EVENTS 64
#define WAIT_MS 1000

// The reader of answers shares no code with the server.
struct conn {
	int fd;
	unsigned head; // of sent[]: the oldest question without answer
	unsigned open; // questions without answer
	size_t left;   // octets of the answer still to come, with its comma
	size_t number; // length read so far
	size_t seen;   // octets of the content seen
	mono_ns_t sent[DEPTH_MAX];
};

struct run {
	const char *to;
	const char *map;
	const char *names;
	const char *json;
	unsigned connections;
	unsigned depth;
	double seconds;
	double warmup;
	struct expect_set set;
	char *requests; // REQUEST_MAX octets each, the length in front
	uint32_t next;
	struct conn *conns;
	int epoll;
	bool measuring;
	uint64_t answers;
	uint64_t ok;
	uint64_t wrong; // neither OK nor NOTFOUND
	struct hist hist;
	char buf[READ_BYTES];
	char out[DEPTH_MAX * REQUEST_MAX];
};

static int make_requests(struct run *r) {
	r->requests = calloc(r->set.count, REQUEST_MAX);
	if (!r->requests)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->set.count; i++) {
		struct expect e = expect_get(&r->set, i);
		char *at = r->requests + (size_t)i * REQUEST_MAX;
		int len = snprintf(
			at + 2,
			REQUEST_MAX - 2,
			"%zu:%s %.*s,",
			strlen(r->map) + 1 + e.name.len,
			r->map,
			(int)e.name.len,
			e.name.at
		);
		if (len >= REQUEST_MAX - 2)
			return -EINVAL;
		at[0] = (char)(len >> 8);
		at[1] = (char)len;
	}
	return 0;
}

// So many questions in one piece. A closed loop never fills the socket's buffer.
static bool ask(struct run *r, struct conn *c, unsigned count, mono_ns_t now) {
	size_t len = 0;
	for (unsigned i = 0; i < count; i++) {
		const char *at = r->requests + (size_t)r->next * REQUEST_MAX;
		size_t n = (size_t)(unsigned char)at[0] << 8 | (unsigned char)at[1];
		memcpy(r->out + len, at + 2, n);
		len += n;
		r->next = r->next + 1 < r->set.count ? r->next + 1 : 0;
		c->sent[(c->head + c->open++) % DEPTH_MAX] = now;
	}
	return send(c->fd, r->out, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void end_answer(struct run *r, struct conn *c, mono_ns_t now) {
	if (r->measuring) {
		r->answers++;
		hist_add(&r->hist, now - c->sent[c->head]);
	}
	c->head = (c->head + 1) % DEPTH_MAX;
	c->open--;
	c->number = c->seen = 0;
}

// The first octet of the content tells: OK, NOTFOUND, or something worse.
static void judge(struct run *r, char first) {
	if (!r->measuring)
		return;
	r->ok += first == 'O' ? 1 : 0;
	r->wrong += first != 'O' && first != 'N' ? 1 : 0;
}

// @return How many answers ended, -1: these are no netstrings.
static int take(struct run *r, struct conn *c, const char *buf, size_t len, mono_ns_t now) {
	int ended = 0;
	for (size_t at = 0; at < len;) {
		if (c->left == 0) {
			char d = buf[at++];
			if (d == ':')
				c->left = c->number + 1;
			else if (d < '0' || d > '9' || c->number > 100000)
				return -1;
			else
				c->number = c->number * 10 + (size_t)(d - '0');
			continue;
		}
		if (c->seen == 0)
			judge(r, buf[at]);
		size_t part = len - at < c->left ? len - at : c->left;
		at += part;
		c->seen += part;
		c->left -= part;
		if (c->left == 0) {
			if (buf[at - 1] != ',' || c->open == 0)
				return -1;
			end_answer(r, c, now);
			ended++;
		}
	}
	return ended;
}

static int connect_to(const char *to) {
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET};
	char host[64];
	const char *mark = strchr(to, '@');
	int yes = 1;
	int fd;
	int rc;
	if (strncmp(to, "unix:", 5) == 0 && strlen(to) - 5 < sizeof(un.sun_path)) {
		memcpy(un.sun_path, to + 5, strlen(to) - 5);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *)&un, sizeof(un));
	} else {
		if (!mark || (size_t)(mark - to) >= sizeof(host))
			return -EINVAL;
		memcpy(host, to, (size_t)(mark - to));
		host[mark - to] = '\0';
		in.sin_port = htons((uint16_t)strtoul(mark + 1, NULL, 10));
		if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
			return -EINVAL;
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *)&in, sizeof(in));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	}
	return rc < 0 ? -errno : fd;
}

static int connect_all(struct run *r) {
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < r->connections; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &r->conns[i]};
		r->conns[i].fd = connect_to(r->to);
		if (r->conns[i].fd < 0)
			return r->conns[i].fd;
		if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->conns[i].fd, &ev) < 0)
			return -errno;
	}
	return 0;
}

static int serve(struct run *r, struct conn *c) {
	ssize_t n = recv(c->fd, r->buf, sizeof(r->buf), 0);
	if (n <= 0)
		return n == 0 ? -ECONNRESET : -errno;
	mono_ns_t now = clock_mono_ns();
	int ended = take(r, c, r->buf, (size_t)n, now);
	if (ended < 0)
		return ERR_SYNTAX;
	return ended > 0 && !ask(r, c, (unsigned)ended, now) ? -EPIPE : 0;
}

static int loop(struct run *r, double seconds) {
	mono_ns_t end = clock_mono_ns() + (mono_ns_t)(seconds * 1e9);
	while (clock_mono_ns() < end) {
		struct epoll_event ev[EVENTS];
		int n = epoll_wait(r->epoll, ev, EVENTS, WAIT_MS);
		for (int i = 0; i < n; i++) {
			int rc = serve(r, ev[i].data.ptr);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static void tell(const struct run *r, double took) {
	double rate = (double)r->answers / took;
	double p50 = (double)hist_percentile_ns(&r->hist, 0.5) / 1e3;
	double p99 = (double)hist_percentile_ns(&r->hist, 0.99) / 1e3;
	printf("socketmap %s: %u connections, depth %u: %.0f answers/s, p50 %.0f us, p99 %.0f us, "
	       "%" PRIu64 " OK, %" PRIu64 " wrong\n",
	       r->to,
	       r->connections,
	       r->depth,
	       rate,
	       p50,
	       p99,
	       r->ok,
	       r->wrong);
	FILE *f = r->json ? fopen(r->json, "w") : NULL;
	if (!f)
		return;
	(void)fprintf(
		f,
		"{\"connections\": %u, \"depth\": %u, \"answers_per_s\": %.0f, \"p50_us\": %.1f, "
		"\"p99_us\": %.1f, \"answers\": %" PRIu64 ", \"ok\": %" PRIu64
		", \"wrong\": %" PRIu64 "}\n",
		r->connections,
		r->depth,
		rate,
		p50,
		p99,
		r->answers,
		r->ok,
		r->wrong
	);
	(void)fclose(f);
}

static int measure(struct run *r) {
	int rc = make_requests(r);
	rc = rc ? rc : connect_all(r);
	for (unsigned i = 0; !rc && i < r->connections; i++)
		rc = ask(r, &r->conns[i], r->depth, clock_mono_ns()) ? 0 : -EPIPE;
	rc = rc ? rc : loop(r, r->warmup);
	r->measuring = true;
	mono_ns_t start = clock_mono_ns();
	rc = rc ? rc : loop(r, r->seconds);
	if (!rc)
		tell(r, (double)(clock_mono_ns() - start) / 1e9);
	return rc;
}

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench socketmap --names FILE [OPTIONS]\n"
	       "  asks a socketmap server for the names of the file, in turn and in a closed loop\n"
	       "  --to IP@PORT|unix:PATH  the server (127.0.0.1@8461)\n"
	       "  --map NAME              of the map (postfix)\n"
	       "  --connections N         (1)\n"
	       "  --depth N               questions without answer on each (1)\n"
	       "  --seconds S             how long (5)\n"
	       "  --warmup S              before, not counted (1)\n"
	       "  --json FILE             the figures, too\n",
	       out);
	return status;
}

static bool set(struct run *r, int option, const char *value) {
	switch (option) {
	case 't':
		r->to = value;
		return true;
	case 'm':
		r->map = value;
		return strlen(value) < 40;
	case 'n':
		r->names = value;
		return true;
	case 'j':
		r->json = value;
		return true;
	case 'c':
		r->connections = (unsigned)strtoul(value, NULL, 10);
		return r->connections >= 1 && r->connections <= CONNECTIONS_MAX;
	case 'd':
		r->depth = (unsigned)strtoul(value, NULL, 10);
		return r->depth >= 1 && r->depth <= DEPTH_MAX;
	case 's':
		r->seconds = strtod(value, NULL);
		return r->seconds > 0 && r->seconds <= 1e6;
	default:
		r->warmup = strtod(value, NULL);
		return option == 'w' && r->warmup >= 0 && r->warmup <= 1e6;
	}
}

int smapcmd_run(int argc, char **argv) {
	static const struct option longs[] = {
		{"to", required_argument, NULL, 't'},
		{"map", required_argument, NULL, 'm'},
		{"names", required_argument, NULL, 'n'},
		{"connections", required_argument, NULL, 'c'},
		{"depth", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 's'},
		{"warmup", required_argument, NULL, 'w'},
		{"json", required_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	static struct run r = {
		.to = "127.0.0.1@8461",
		.map = "postfix",
		.connections = 1,
		.depth = 1,
		.seconds = 5,
		.warmup = 1,
	};
	int option;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == '?' || !set(&r, option, optarg))
			return usage(stderr, 2);
	}
	uint64_t line = 0;
	if (optind < argc || !r.names)
		return usage(stderr, 2);
	int rc = expect_open(r.names, &r.set, &line);
	r.conns = calloc(r.connections, sizeof(r.conns[0]));
	if (!rc)
		rc = r.conns ? measure(&r) : -ENOMEM;
	if (rc)
		(void)fprintf(stderr, "stsbench: %s: %s\n", line ? r.names : r.to, err_str(rc));
	return rc ? 3 : r.wrong ? 1 : 0;
}
