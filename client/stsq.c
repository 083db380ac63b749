// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsq.h"

#include "client/stsqlist.h"
#include "client/stsqwire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// A domain is in one place at a time: in one of three lists or in a request on its
// way. `ready` are to be asked, `asleep` later (by time), `over` are past their
// deadline and wait to be given back. A request ends when all its domains were
// answered, or when its time is over: those left are ready again.

#define PORT 5300
#define ZONE "sts"
#define TIMEOUT_MS 500
#define DEADLINE_MS 10000
#define WINDOW 16
#define WINDOW_MAX 256
#define BATCH 32
#define DOUBLINGS_MAX 3
#define ERROR_RETRY_MS 1000 // after SERVFAIL and its like
#define NEVER UINT64_MAX
#define IDS 256
#define HEADER_BYTES 12
#define SINGLE_MS 60000 // before a batch is tried again
#define BUFFER_BYTES (1 << 20)

enum { FORMERR = 1, NOTIMP = 4 };

struct request {
	bool used;
	bool batch;
	uint16_t id;
	unsigned count;
	uint64_t missing; // a bit for each ask
	uint64_t due;
	size_t question_len;
	uint8_t question[STSQWIRE_NAME_MAX + 4];
	struct ask *asks[STSQWIRE_NAMES_MAX];
};

struct stsq {
	struct stsq_config config;
	int fd;
	uint8_t zone[STSQWIRE_NAME_MAX];
	size_t left;
	struct list ready;
	struct list asleep;
	struct list over;
	struct ask *given; // whose domain the caller still reads
	struct request *requests;
	unsigned on_way;
	struct request *answered; // of the reply at hand
	struct stsqwire_reply reply;
	unsigned index; // of its next record
	struct stsq_stats stats;
	uint64_t single_until; // the server has shown that it takes no batches
	unsigned ids_left;
	uint16_t ids[IDS];
	struct stsqwire_record record;
	uint8_t in[4096];
};

static uint64_t now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// To be asked again, unless its deadline comes before.
static void sleep_until(struct stsq *s, struct ask *a, uint64_t due) {
	a->due = due < a->deadline ? due : a->deadline;
	struct list *l = &s->asleep;
	if (l->first == NULL || l->last->due <= a->due) {
		stsqlist_append(l, a); // nearly always: most sleep equally long
		return;
	}
	struct ask **at = &l->first;
	while ((*at)->due <= a->due) {
		at = &(*at)->next;
	}
	a->next = *at;
	*at = a;
}

// Opening and asking.

static int connect_to(const struct stsq_config *c) {
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(c->port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(c->port)};
	bool v6 = inet_pton(AF_INET6, c->address, &to6.sin6_addr) == 1;
	if (!v6 && inet_pton(AF_INET, c->address, &to4.sin_addr) != 1) {
		return -EINVAL;
	}
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	int bytes = BUFFER_BYTES;
	// A smaller buffer only loses answers, which are asked for again.
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	// A connected socket takes datagrams of this peer alone.
	int rc = v6 ? connect(fd, (struct sockaddr *)&to6, sizeof(to6))
		    : connect(fd, (struct sockaddr *)&to4, sizeof(to4));
	if (rc < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static bool draw_ids(struct stsq *s) {
	s->ids_left = IDS;
	return getrandom(s->ids, sizeof(s->ids), 0) == sizeof(s->ids);
}

static void set_defaults(struct stsq_config *c) {
	c->port = c->port != 0 ? c->port : PORT;
	c->zone = c->zone != NULL ? c->zone : ZONE;
	c->timeout_ms = c->timeout_ms != 0 ? c->timeout_ms : TIMEOUT_MS;
	c->deadline_ms = c->deadline_ms != 0 ? c->deadline_ms : DEADLINE_MS;
	c->window = c->window != 0 ? c->window : WINDOW;
	c->batch = c->batch != 0 ? c->batch : BATCH;
}

int stsq_open(const struct stsq_config *config, struct stsq **out) {
	struct stsq *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return -ENOMEM;
	}
	s->config = *config;
	s->fd = -1;
	set_defaults(&s->config);
	s->stats.batches = s->config.batch > 1;
	int rc = -EINVAL;
	if (s->config.address == NULL || s->config.window > WINDOW_MAX
	    || s->config.batch > STSQWIRE_NAMES_MAX
	    || stsqwire_name(s->config.zone, s->zone) == 0) {
		goto end;
	}
	rc = -ENOMEM;
	s->requests = calloc(s->config.window, sizeof(*s->requests));
	if (s->requests == NULL) {
		goto end;
	}
	rc = s->fd = connect_to(&s->config);
	if (rc < 0) {
		goto end;
	}
	if (!draw_ids(s)) {
		rc = -errno;
		goto end;
	}
	// Borrowed no longer than this call.
	s->config.address = s->config.zone = NULL;
	*out = s;
	return 0;
end:
	stsq_close(s);
	return rc;
}

static bool first_label_is(const uint8_t *name, const char *label) {
	size_t n = strlen(label);
	return name[0] == n && strncasecmp((const char *)name + 1, label, n) == 0;
}

int stsq_ask(struct stsq *s, const char *domain, void *tag) {
	uint8_t name[STSQWIRE_NAME_MAX];
	size_t bytes = stsqwire_name(domain, name);
	size_t zone_bytes = 1;
	while (s->zone[zone_bytes - 1] != 0) {
		zone_bytes += 1U + s->zone[zone_bytes - 1];
	}
	if (bytes == 0 || bytes - 1 + zone_bytes > STSQWIRE_NAME_MAX
	    || first_label_is(name, "_policy")) {
		return -EINVAL;
	}
	size_t len = strlen(domain) + 1;
	struct ask *a = malloc(sizeof(*a) + len + bytes);
	if (a == NULL) {
		return -ENOMEM;
	}
	*a = (struct ask){
		.tag = tag,
		.deadline = NEVER,
		.rcode = -1,
		.alone = first_label_is(name, "_recheck"),
		.name = (uint8_t *)a->domain + len,
	};
	memcpy(a->domain, domain, len);
	memcpy(a->domain + len, name, bytes);
	stsqlist_append(&s->ready, a);
	s->left++;
	return 0;
}

// Sending.

static uint16_t new_id(struct stsq *s) {
	for (;;) {
		if (s->ids_left == 0 && !draw_ids(s)) {
			for (unsigned i = 0; i < IDS; i++) {
				s->ids[i]++; // it was there when the client was opened
			}
		}
		uint16_t id = s->ids[--s->ids_left];
		unsigned i = 0;
		while (i < s->config.window && !(s->requests[i].used && s->requests[i].id == id)) {
			i++;
		}
		if (i == s->config.window) {
			return id;
		}
	}
}

// The next domain to be asked; those past their deadline are put aside.
static struct ask *next_ready(struct stsq *s, uint64_t now) {
	while (s->ready.first != NULL && s->ready.first->deadline <= now) {
		stsqlist_append(&s->over, stsqlist_take(&s->ready));
	}
	return s->ready.first;
}

static void put_in(struct stsq *s, struct request *r, uint64_t now) {
	struct ask *a = stsqlist_take(&s->ready);
	if (a->deadline == NEVER) {
		a->deadline = now + s->config.deadline_ms;
	}
	unsigned doublings = a->tries < DOUBLINGS_MAX ? a->tries : DOUBLINGS_MAX;
	uint64_t due = now + ((uint64_t)s->config.timeout_ms << doublings);
	due = due < a->deadline ? due : a->deadline;
	// The most patient one counts.
	r->due = due > r->due ? due : r->due;
	a->tries = (uint8_t)(a->tries < UINT8_MAX ? a->tries + 1 : UINT8_MAX);
	r->missing |= (uint64_t)1 << r->count;
	r->asks[r->count++] = a;
}

static bool takes_batches(const struct stsq *s, uint64_t now) {
	return s->config.batch > 1 && now >= s->single_until;
}

static void note_no_batches(struct stsq *s, uint64_t now) {
	s->single_until = now + SINGLE_MS;
	s->stats.batches = false;
}

static void fill(struct stsq *s, struct request *r, struct stsqwire_request *wire, uint64_t now) {
	struct ask *a = s->ready.first;
	*r = (struct request){
		.used = true,
		.batch = takes_batches(s, now) && !a->alone,
		.id = new_id(s),
	};
	stsqwire_begin(wire, r->id, a->name, s->zone, r->batch);
	put_in(s, r, now);
	while (r->batch && r->count < s->config.batch && (a = next_ready(s, now)) != NULL
	       && !a->alone && stsqwire_add(wire, a->name)) {
		put_in(s, r, now);
	}
	for (unsigned i = 0; i < r->count; i++) {
		uint64_t deadline = r->asks[i]->deadline;
		r->due = r->due < deadline ? r->due : deadline;
	}
	r->question_len = wire->question_len;
	memcpy(r->question, wire->octets + HEADER_BYTES, wire->question_len);
}

// What a network says that is not there now: like a datagram that was lost.
static bool is_loss(int code) {
	return code == EAGAIN || code == ENOBUFS || code == ECONNREFUSED || code == EHOSTUNREACH
	       || code == ENETUNREACH || code == ENETDOWN || code == EPERM || code == EINTR;
}

// @return 0 or negative errno.
static int send_ready(struct stsq *s, uint64_t now) {
	for (unsigned i = 0; s->on_way < s->config.window && next_ready(s, now) != NULL; i++) {
		struct request *r = &s->requests[i];
		if (r->used) {
			continue;
		}
		struct stsqwire_request wire;
		fill(s, r, &wire, now);
		s->on_way++;
		s->stats.requests++;
		if (send(s->fd, wire.octets, wire.len, 0) < 0 && !is_loss(errno)) {
			return -errno;
		}
	}
	return 0;
}

// Time.

static void end_request(struct stsq *s, struct request *r) {
	r->used = false;
	s->on_way--;
}

// What is left of a request is to be asked again, before what was never asked.
static void ask_again(struct stsq *s, struct request *r) {
	for (unsigned i = r->count; i-- > 0;) {
		if ((r->missing >> i & 1) != 0) {
			stsqlist_prepend(&s->ready, r->asks[i]);
		}
	}
	end_request(s, r);
}

static void let_time_pass(struct stsq *s, uint64_t now) {
	for (unsigned i = 0; i < s->config.window; i++) {
		struct request *r = &s->requests[i];
		if (r->used && r->due <= now) {
			s->stats.timeouts++;
			ask_again(s, r);
		}
	}
	while (s->asleep.first != NULL && s->asleep.first->due <= now) {
		stsqlist_prepend(&s->ready, stsqlist_take(&s->asleep));
	}
}

// When the next thing is due, at the latest.
static uint64_t next_due(const struct stsq *s, uint64_t latest) {
	for (unsigned i = 0; i < s->config.window; i++) {
		const struct request *r = &s->requests[i];
		latest = r->used && r->due < latest ? r->due : latest;
	}
	const struct ask *a = s->asleep.first;
	return a != NULL && a->due < latest ? a->due : latest;
}

// Receiving.

static struct request *find(struct stsq *s, unsigned id) {
	for (unsigned i = 0; i < s->config.window; i++) {
		if (s->requests[i].used && s->requests[i].id == id) {
			return &s->requests[i];
		}
	}
	return NULL;
}

// An RCODE speaks of the server, never of a domain.
static void take_error(struct stsq *s, struct request *r, unsigned rcode, uint64_t now) {
	bool misread = rcode == FORMERR || rcode == NOTIMP;
	if (r->batch && misread) {
		note_no_batches(s, now);
		ask_again(s, r);
		return;
	}
	for (unsigned i = 0; i < r->count; i++) {
		if ((r->missing >> i & 1) == 0) {
			continue;
		}
		r->asks[i]->rcode = (int)rcode;
		if (misread) {
			stsqlist_append(&s->over, r->asks[i]);
		} else {
			sleep_until(s, r->asks[i], now + ERROR_RETRY_MS);
		}
	}
	end_request(s, r);
}

// Reads a datagram: its records are taken one by one then.
static void take_datagram(struct stsq *s, size_t len, uint64_t now) {
	struct request *r = len < HEADER_BYTES ? NULL : find(s, (unsigned)s->in[0] << 8 | s->in[1]);
	struct stsqwire_reply *reply = &s->reply;
	if (r == NULL || !stsqwire_read(reply, s->in, len, r->question, r->question_len)
	    || (reply->batch
		&& (!r->batch || reply->count != r->count
		    || reply->first + reply->records > r->count))) {
		s->stats.strangers++;
		return;
	}
	s->stats.datagrams++;
	if (reply->rcode != 0) {
		take_error(s, r, reply->rcode, now);
		return;
	}
	if (r->batch && !reply->batch) {
		note_no_batches(s, now); // only the question was answered
	}
	s->stats.batches |= reply->batch;
	s->answered = r;
	s->index = reply->batch ? reply->first : 0;
}

// The records of the reply are read: what it did not bring comes in another one,
// unless that was all of it.
static void end_reply(struct stsq *s, uint64_t now) {
	struct request *r = s->answered;
	s->answered = NULL;
	if (r->missing == 0) {
		end_request(s, r);
	} else if (!s->reply.batch && r->batch) {
		ask_again(s, r);
	} else if (!r->batch) {
		take_error(s, r, 0, now); // no record for the question
	}
}

// The text of *out has been filled.
static void give(struct stsq *s, struct ask *a, struct stsq_answer *out) {
	out->domain = a->domain;
	out->tag = a->tag;
	out->ttl_s = 0;
	out->rcode = -1;
	s->given = a;
	s->left--;
}

// Takes records of the reply at hand until one is to be given.
static bool take_record(struct stsq *s, struct stsq_answer *out, uint64_t now) {
	while (s->answered != NULL) {
		struct request *r = s->answered;
		if (!stsqwire_next(&s->reply, &s->record)) {
			end_reply(s, now);
			continue;
		}
		unsigned i = s->index;
		s->index += s->reply.batch;
		if (i >= r->count || (r->missing >> i & 1) == 0 || !s->record.is_txt
		    || !stsqwire_is_of(&s->record, r->asks[i]->name, s->zone)
		    || stsq_parse(s->record.text, s->record.text_len, &out->text) < 0) {
			continue;
		}
		struct ask *a = r->asks[i];
		s->stats.answers++;
		r->missing &= ~((uint64_t)1 << i);
		if (out->text.verdict == STSQ_PENDING) {
			a->pending = true;
			a->tries = 0;
			uint32_t retry_s = out->text.retry_s;
			sleep_until(s, a, now + 1000 * (uint64_t)(retry_s > 0 ? retry_s : 1));
			continue;
		}
		give(s, a, out);
		out->ttl_s = s->record.ttl_s;
		return true;
	}
	return false;
}

static bool give_up(struct stsq *s, struct stsq_answer *out) {
	struct ask *a = stsqlist_take(&s->over);
	if (a == NULL) {
		return false;
	}
	out->text = (struct stsq_text){
		.verdict = a->pending ? STSQ_PENDING : STSQ_SILENT,
		.id = "",
		.why = "",
	};
	give(s, a, out);
	out->rcode = a->rcode;
	return true;
}

// Waits for a datagram. @return 1: one was read into `in`, *len octets. 0: the
// time is over. Else negative errno.
static int receive(struct stsq *s, uint64_t now, uint64_t until, size_t *len) {
	ssize_t n = recv(s->fd, s->in, sizeof(s->in), 0);
	if (n >= 0) {
		*len = (size_t)n;
		return 1;
	}
	if (!is_loss(errno)) {
		return -errno;
	}
	if (errno != EAGAIN || until <= now) {
		return 0;
	}
	uint64_t wait = until - now;
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	int rc = poll(&p, 1, wait > 60000 ? 60000 : (int)wait);
	return rc < 0 && errno != EINTR ? -errno : 0;
}

int stsq_next(struct stsq *s, int wait_ms, struct stsq_answer *out) {
	free(s->given);
	s->given = NULL;
	uint64_t now = now_ms();
	uint64_t end = wait_ms < 0 ? NEVER : now + (uint64_t)wait_ms;
	for (;; now = now_ms()) {
		if (take_record(s, out, now)) {
			return 1;
		}
		let_time_pass(s, now);
		(void)next_ready(s, now);
		if (give_up(s, out)) {
			return 1;
		}
		if (s->left == 0) {
			return 0;
		}
		size_t len = 0;
		int rc = send_ready(s, now);
		if (rc == 0) {
			rc = receive(s, now, next_due(s, end), &len);
		}
		if (rc < 0) {
			return rc;
		}
		if (rc > 0) {
			take_datagram(s, len, now);
		} else if (now >= end) {
			return -EAGAIN;
		}
	}
}

size_t stsq_left(const struct stsq *s) {
	return s->left;
}

int stsq_fd(const struct stsq *s) {
	return s->fd;
}

void stsq_stats(const struct stsq *s, struct stsq_stats *out) {
	*out = s->stats;
}

void stsq_close(struct stsq *s) {
	if (s == NULL) {
		return;
	}
	free(s->given);
	for (unsigned i = 0; s->requests != NULL && i < s->config.window; i++) {
		const struct request *r = &s->requests[i];
		for (unsigned k = 0; r->used && k < r->count; k++) {
			if ((r->missing >> k & 1) != 0) {
				free(r->asks[k]);
			}
		}
	}
	stsqlist_free(&s->ready);
	stsqlist_free(&s->asleep);
	stsqlist_free(&s->over);
	free(s->requests);
	if (s->fd >= 0) {
		close(s->fd);
	}
	free(s);
}
