// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/socketmap.h"

#include "app/netstring.h"
#include "cache/cache.h"

#include <errno.h>
#include <stdlib.h>

// X(field, name, help)
// clang-format off
#define COUNTER_LIST(X)                                                                       \
	X(policy,    "stsd_socketmap_answers_policy_total",    "answers OK")                  \
	X(notfound,  "stsd_socketmap_answers_notfound_total",  "answers NOTFOUND for domains without a policy to be enforced") \
	X(unknown,   "stsd_socketmap_answers_unknown_total",   "answers while nobody could say, as the map bids") \
	X(local,     "stsd_socketmap_answers_local_total",     "keys that are no mail domain: NOTFOUND") \
	X(no_host,   "stsd_socketmap_answers_no_host_total",   "keys that are no host name: NOTFOUND") \
	X(bad_map,   "stsd_socketmap_bad_map_total",           "requests for a map that is not there: PERM, closed") \
	X(bad,       "stsd_socketmap_bad_request_total",       "octets that are no request: PERM, closed") \
	X(hits,      "stsd_socketmap_hits_total",              "verdicts found in the table") \
	X(hold_over, "stsd_socketmap_hold_over_total",         "held requests whose time was over")
// clang-format on

struct socketmap {
	struct socketmap_config config;
	struct stream *stream;
	struct {
#define FIELD(field, name, help) uint64_t field;
		COUNTER_LIST(FIELD)
#undef FIELD
	} counters;
	uint8_t buf[SMANSWER_ROOM];
};

// A request that waits for its domain.
struct held {
	struct ask_wait wait; // first: forgetting a request cancels it
	struct socketmap *door;
	const struct smanswer_map *map;
};

static struct smanswer
answer_entry(struct socketmap *m, const struct smanswer_map *map, const struct entry *e) {
	struct record rec;
	if (e->kind == ENTRY_UNKNOWN
	    || (e->kind == ENTRY_POLICY && ask_shown(m->config.ask, e, &rec) < 0)) {
		m->counters.unknown++;
		return smanswer_unknown(map);
	}
	bool policy = e->kind == ENTRY_POLICY && rec.kind == RECORD_POLICY;
	struct smanswer a = policy ? smanswer_record(map, &rec, m->buf)
				   : smanswer_word(SMANSWER_NOTFOUND);
	bool found = a.at != smanswer_word(SMANSWER_NOTFOUND).at;
	m->counters.policy += found ? 1 : 0;
	m->counters.notfound += found ? 0 : 1;
	return a;
}

static void on_answer(void *arg, const struct ask_answer *answer) {
	struct held *h = arg;
	struct socketmap *m = h->door;
	struct smanswer a;
	bool known = answer->reply.verdict == SCHED_NONE || answer->reply.verdict == SCHED_FAILED;
	if (answer->entry != NULL) {
		a = answer_entry(m, h->map, answer->entry);
	} else if (known) {
		m->counters.notfound++;
		a = smanswer_word(SMANSWER_NOTFOUND);
	} else {
		m->counters.hold_over += answer->reply.verdict == SCHED_PENDING ? 1 : 0;
		m->counters.unknown++;
		a = smanswer_unknown(h->map);
	}
	stream_release(h, a.at, a.len);
}

static void forget(void * /*arg*/, void *held) {
	ask_cancel(held);
}

static void
answer_domain(struct socketmap *m, struct stream_conn *c, const struct smanswer_request *r) {
	const struct entry *e = ask_look(m->config.ask, &r->domain);
	if (e != NULL) {
		m->counters.hits++;
		struct smanswer a = answer_entry(m, r->map, e);
		stream_say(c, a.at, a.len);
		return;
	}
	struct held *h = stream_hold(c, sizeof(*h));
	if (h != NULL) {
		h->door = m;
		h->map = r->map;
		ask_wait(
			m->config.ask,
			&h->wait,
			&r->domain,
			SCHED_MISS,
			m->config.hold_ms,
			on_answer,
			h
		);
	}
}

static void say(struct stream_conn *c, enum smanswer_word word, uint64_t *counter) {
	struct smanswer a = smanswer_word(word);
	++*counter;
	stream_say(c, a.at, a.len);
}

static ssize_t take(void *arg, struct stream_conn *c, const uint8_t *buf, size_t len) {
	struct socketmap *m = arg;
	struct netstring n;
	enum netstring_verdict v = netstring_read(buf, len, SMANSWER_REQUEST_MAX, &n);
	if (v == NETSTRING_MORE) {
		return 0;
	}
	if (v == NETSTRING_BAD) {
		say(c, SMANSWER_PERM_NETSTRING, &m->counters.bad);
		return -1;
	}
	struct smanswer_request r;
	switch (smanswer_parse(m->config.maps, SOCKETMAP_MAPS, m->config.zone, n.at, n.len, &r)) {
	case SMANSWER_ASK:
		answer_domain(m, c, &r);
		break;
	case SMANSWER_LOCAL:
		say(c, SMANSWER_NOTFOUND, &m->counters.local);
		break;
	case SMANSWER_NO_HOST:
		say(c, SMANSWER_NOTFOUND, &m->counters.no_host);
		break;
	case SMANSWER_BAD_MAP:
		say(c, SMANSWER_PERM_MAP, &m->counters.bad_map);
		return -1;
	case SMANSWER_BAD:
		say(c, SMANSWER_PERM_REQUEST, &m->counters.bad);
		return -1;
	}
	return (ssize_t)n.taken;
}

int socketmap_open(const struct socketmap_config *config, struct socketmap **out) {
	struct socketmap *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return -ENOMEM;
	}
	m->config = *config;
	const struct stream_config s = {
		.name = "socketmap",
		.base = config->base,
		.listen = config->listen,
		.allow = config->allow,
		.connections_max = config->connections_max,
		.idle_ms = config->idle_ms,
		.request_bytes_max = NETSTRING_HEAD_MAX + SMANSWER_REQUEST_MAX + 1,
		.take = take,
		.forget = forget,
		.arg = m,
	};
	int rc = stream_open(&s, &m->stream);
	if (rc < 0) {
		free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void socketmap_close(struct socketmap *m) {
	if (m != NULL) {
		stream_close(m->stream);
		free(m);
	}
}

void socketmap_counters(const struct socketmap *m, stream_counter_fn *fn, void *arg) {
#define GIVE(field, name, help) fn(arg, name, -1, help, m->counters.field);
	COUNTER_LIST(GIVE)
#undef GIVE
	stream_counters(m->stream, fn, arg);
}
