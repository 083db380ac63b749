// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/dnstcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 2
#define MESSAGE_MAX 65535

// X(field, name, help)
// clang-format off
#define COUNTER_LIST(X)                                                                    \
	X(policy,    "stsd_tcp_answers_policy_total",  "answers r=policy over TCP")        \
	X(none,      "stsd_tcp_answers_none_total",    "answers r=none over TCP")          \
	X(failed,    "stsd_tcp_answers_failed_total",  "answers r=failed over TCP")        \
	X(unknown,   "stsd_tcp_answers_unknown_total", "answers r=unknown over TCP")       \
	X(pending,   "stsd_tcp_answers_pending_total", "answers r=pending over TCP")       \
	X(text,      "stsd_tcp_answers_text_total",    "answers of _policy. names over TCP") \
	X(zone,      "stsd_tcp_answers_zone_total",    "answers about the zone, and NODATA, over TCP") \
	X(error,     "stsd_tcp_answers_error_total",   "RCODEs other than NOERROR over TCP") \
	X(bad,       "stsd_tcp_bad_message_total",     "no DNS query: short, or a response; closed") \
	X(hits,      "stsd_tcp_hits_total",            "verdicts found in the table over TCP")
// clang-format on

struct dnstcp {
	struct dnstcp_config config;
	struct stream *stream;
	boot_s_t started;
	struct {
#define FIELD(field, name, help) uint64_t field;
		COUNTER_LIST(FIELD)
#undef FIELD
	} counters;
	struct trust_counters trust;
	uint8_t buf[LENGTH_BYTES + MESSAGE_MAX + 1 + LOOKUP_SLACK];
};

// A question that waits for its domain.
struct held {
	struct ask_wait wait; // first: forgetting a question cancels it
	struct dnstcp *door;
	struct lookup_query q;
	size_t len;
	uint8_t head[]; // of the message: up to the end of the question
};

// Puts the question where the answer is written over it.
static uint8_t *lay(struct dnstcp *d, const uint8_t *head, size_t len) {
	memcpy(d->buf + LENGTH_BYTES, head, len);
	return d->buf + LENGTH_BYTES;
}

// Signs the answer in buf where the question was signed; its length goes in front.
// @return Octets in all.
static size_t frame(struct dnstcp *d, const struct lookup_query *q, size_t len) {
	uint8_t *msg = d->buf + LENGTH_BYTES;
	len = trust_sign(d->config.trust, q, msg, len, clock_wall_s(), &d->trust);
	d->buf[0] = (uint8_t)(len >> 8);
	d->buf[1] = (uint8_t)len;
	return LENGTH_BYTES + len;
}

static size_t
answer_entry(struct dnstcp *d, const struct lookup_query *q, uint8_t *msg, const struct entry *e) {
	uint64_t *const BY_KIND[] = {
		[ENTRY_NONE] = &d->counters.none,
		[ENTRY_POLICY] = &d->counters.policy,
		[ENTRY_FAILED] = &d->counters.failed,
		[ENTRY_UNKNOWN] = &d->counters.unknown,
	};
	++*BY_KIND[e->kind];
	const struct lookup_now now = {.boot_s = ask_now_s()};
	return lookup_answer_entry(q, msg, d->config.zone, e, now);
}

static size_t answer_reply(
	struct dnstcp *d,
	const struct lookup_query *q,
	uint8_t *msg,
	const struct sched_reply *r
) {
	static const char *const VERDICT[] = {
		[SCHED_NONE] = "none",
		[SCHED_FAILED] = "failed",
		[SCHED_UNKNOWN] = "unknown",
		[SCHED_PENDING] = "pending",
	};
	uint64_t *const BY_VERDICT[] = {
		[SCHED_NONE] = &d->counters.none,
		[SCHED_FAILED] = &d->counters.failed,
		[SCHED_UNKNOWN] = &d->counters.unknown,
		[SCHED_PENDING] = &d->counters.pending,
	};
	++*BY_VERDICT[r->verdict];
	bool none = r->verdict == SCHED_NONE;
	bool pending = r->verdict == SCHED_PENDING;
	return lookup_answer_short(
		q,
		msg,
		d->config.zone,
		VERDICT[r->verdict],
		none || pending ? "" : r->why,
		none	  ? 0
		: pending ? LOOKUP_PENDING_RETRY_S
			  : r->retry_s
	);
}

static void on_answer(void *arg, const struct ask_answer *answer) {
	struct held *h = arg;
	struct dnstcp *d = h->door;
	uint8_t *msg = lay(d, h->head, h->len);
	size_t len = answer->entry != NULL ? answer_entry(d, &h->q, msg, answer->entry)
					   : answer_reply(d, &h->q, msg, &answer->reply);
	stream_release(h, d->buf, frame(d, &h->q, len));
}

static void forget(void * /*arg*/, void *held) {
	ask_cancel(held);
}

static void
hold(struct dnstcp *d,
     struct stream_conn *c,
     const struct lookup_query *q,
     const struct name *domain,
     const uint8_t *msg) {
	const struct address *from = stream_client(c);
	size_t len = 12U + q->question_bytes;
	struct held *h = stream_hold(c, sizeof(*h) + len);
	if (h == NULL) {
		return;
	}
	bool resolver = !q->recursion_desired
			|| clients_match(&d->config.trust->resolvers, from->family, from->octets);
	h->door = d;
	h->q = *q;
	h->len = len;
	memcpy(h->head, msg, len);
	ask_wait(
		d->config.ask,
		&h->wait,
		domain,
		q->kind == LOOKUP_RECHECK ? SCHED_RECHECK : SCHED_MISS,
		resolver ? d->config.hold_resolver_ms : d->config.hold_stub_ms,
		on_answer,
		h
	);
}

// A question for a domain. @return Octets of the answer in buf, 0: held.
static size_t
answer_domain(struct dnstcp *d, struct stream_conn *c, const struct lookup_query *q, uint8_t *msg) {
	struct name domain = {.len = q->domain_len};
	memcpy(domain.text, q->domain, q->domain_len);
	if (q->kind == LOOKUP_POLICY_TEXT) {
		const struct lookup_now now = {.boot_s = ask_now_s()};
		d->counters.text++;
		return lookup_answer_policy_text(
			q, msg, d->config.zone, ask_peek(d->config.ask, &domain), now
		);
	}
	bool recheck = q->kind == LOOKUP_RECHECK && !q->any_type;
	const struct entry *e = recheck ? NULL : ask_look(d->config.ask, &domain);
	if (e != NULL) {
		d->counters.hits++;
		return answer_entry(d, q, msg, e);
	}
	if (q->any_type) {
		const struct sched_reply pending = {.verdict = SCHED_PENDING};
		return answer_reply(d, q, msg, &pending);
	}
	hold(d, c, q, &domain, msg);
	return 0;
}

static size_t answer_zone(struct dnstcp *d, const struct lookup_query *q, uint8_t *msg) {
	const struct lookup_status status = {
		.version = d->config.version,
		.uptime_s = (uint64_t)(clock_boot_s() - d->started),
		.entries = table_stats(d->config.table).names,
		.tcp = d->config.tcp,
	};
	d->counters.zone++;
	return lookup_answer_zone(q, msg, d->config.zone, &status);
}

static size_t
answer(struct dnstcp *d, struct stream_conn *c, const struct lookup_query *q, uint8_t *msg) {
	bool unknown = q->fault == NAME_NOT_A_LABEL;
	switch (q->kind) {
	case LOOKUP_COOKIE:
	case LOOKUP_ERROR:
		++*(q->kind == LOOKUP_ERROR ? &d->counters.error : &d->counters.zone);
		return lookup_answer_error(q, msg, d->config.zone);
	case LOOKUP_NAME_FAULT:
		++*(unknown ? &d->counters.unknown : &d->counters.none);
		return lookup_answer_name_fault(q, msg, d->config.zone);
	case LOOKUP_VERDICT:
	case LOOKUP_RECHECK:
	case LOOKUP_POLICY_TEXT:
		return answer_domain(d, c, q, msg);
	default:
		return answer_zone(d, q, msg);
	}
}

static ssize_t take(void *arg, struct stream_conn *c, const uint8_t *buf, size_t len) {
	struct dnstcp *d = arg;
	size_t bytes = len < LENGTH_BYTES ? 0 : (size_t)buf[0] << 8 | buf[1];
	if (len < LENGTH_BYTES || len - LENGTH_BYTES < bytes) {
		return 0;
	}
	struct lookup_query q = {0};
	uint8_t *msg = lay(d, buf + LENGTH_BYTES, bytes);
	lookup_parse(d->config.zone, msg, bytes, &q);
	if (q.kind == LOOKUP_DROP) {
		d->counters.bad++;
		return -1;
	}
	q.size_max = MESSAGE_MAX; // RFC 6891 6.2.5: the size announced is for UDP
	const struct address *client = stream_client(c);
	const struct trust_sender from = {
		.family = client->family,
		.octets = client->octets,
		.flags = TRUST_ALLOWED,
		.tcp = true,
	};
	trust_judge(d->config.trust, &from, msg, clock_wall_s(), &q);
	trust_admit(d->config.trust, &from, &q, &d->trust);
	size_t answered = answer(d, c, &q, msg);
	if (answered > 0) {
		stream_say(c, d->buf, frame(d, &q, answered));
	}
	return (ssize_t)(LENGTH_BYTES + bytes);
}

int dnstcp_open(const struct dnstcp_config *config, struct dnstcp **out) {
	struct dnstcp *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return -ENOMEM;
	}
	d->config = *config;
	d->started = clock_boot_s();
	const struct stream_config s = {
		.name = "tcp",
		.base = config->base,
		.listen = config->listen,
		.allow = &config->trust->allow,
		.connections_max = config->connections_max,
		.idle_ms = config->idle_ms,
		.request_bytes_max = LENGTH_BYTES + MESSAGE_MAX,
		.take = take,
		.forget = forget,
		.arg = d,
	};
	int rc = stream_open(&s, &d->stream);
	if (rc < 0) {
		free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void dnstcp_close(struct dnstcp *d) {
	if (d != NULL) {
		stream_close(d->stream);
		free(d);
	}
}

void dnstcp_counters(const struct dnstcp *d, stream_counter_fn *fn, void *arg) {
#define GIVE(field, name, help) fn(arg, name, -1, help, d->counters.field);
	COUNTER_LIST(GIVE)
#undef GIVE
#define GIVE(field, name, help) fn(arg, "stsd_tcp_" name, -1, help, counter_get(&d->trust.field));
	TRUST_COUNTER_LIST(GIVE)
#undef GIVE
	stream_counters(d->stream, fn, arg);
}
