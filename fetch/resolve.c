// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/resolve.h"

#include "base/clock.h"
#include "fetch/channel.h"
#include "fetch/confine.h"
#include "fetch/ede.h"
#include "fetch/exchange.h"
#include "fetch/gate.h"
#include "fetch/txtrec.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_RESOLVE 5
#define DNS_PORT 53
// With addresses of one family there, how long the other is waited for
// (RFC 8305 3 has 50 ms for a person who waits; nobody does here).
#define GRACE_MS 1000
// How long a server that answered after another had failed is asked first.
#define PREFER_S 30

// From the least to the most telling.
enum failure {
	FAILURE_LOCAL,
	FAILURE_UNREACHABLE,
	FAILURE_TIMED_OUT,
	FAILURE_MALFORMED,
	FAILURE_CNAME_CHAIN,
	FAILURE_RCODE,
	FAILURE_REFUSED,
	FAILURE_SERVFAIL,
};

static const char *const FAILURE_STR[] = {
	[FAILURE_LOCAL] = "no-socket",
	[FAILURE_UNREACHABLE] = "unreachable",
	[FAILURE_TIMED_OUT] = "timed-out",
	[FAILURE_MALFORMED] = "malformed",
	[FAILURE_CNAME_CHAIN] = "cname-chain",
	[FAILURE_RCODE] = "rcode",
	[FAILURE_REFUSED] = "refused",
	[FAILURE_SERVFAIL] = "servfail",
};

enum lookup_state { LOOKUP_RUNNING, LOOKUP_ANSWERED, LOOKUP_BROKEN, LOOKUP_FAILED };

struct run;

// One question on its way through the servers.
struct lookup {
	struct run *run;
	struct exchange *exchange;
	enum lookup_state state;
	enum gate_type type;
	unsigned first; // server of turn 0
	unsigned turn;
	bool struck[FETCH_UPSTREAM_MAX]; // answered with an error
	bool plain[FETCH_UPSTREAM_MAX];	 // does not know EDNS
	bool tcp[FETCH_UPSTREAM_MAX];
	enum failure failure;
	bool has_ede; // what a server said of it (RFC 8914)
	uint16_t ede;
	size_t count;
	uint32_t ttl_s;
	uint8_t addresses[GATE_ADDRESS_MAX][16];
};

// One task.
struct run {
	struct run *next;
	struct run **back;
	struct event *grace;
	uint64_t task;
	enum task_kind kind;
	unsigned lookup_count;
	struct lookup lookups[2];
	char host[GATE_NAME_MAX + 1];
};

static struct channel_config config;
static struct event_base *base;
static struct channel *channel;
static struct run *runs;
static unsigned preferred;
static mono_ns_t preferred_until;

static void run_free(struct run *run) {
	for (unsigned i = 0; i < run->lookup_count; i++) {
		exchange_free(run->lookups[i].exchange);
	}
	if (run->grace != NULL) {
		event_free(run->grace);
	}
	*run->back = run->next;
	if (run->next != NULL) {
		run->next->back = run->back;
	}
	free(run);
}

static void finish(struct run *run, struct outcome *o) {
	o->task = run->task;
	channel_send(channel, o);
	run_free(run);
}

static void set_failure(struct outcome *o, const struct lookup *l) {
	o->code = l->failure == FAILURE_LOCAL ? OUTCOME_LOCAL : OUTCOME_DNS_FAILED;
	(void)snprintf(o->detail, sizeof(o->detail), "%s", FAILURE_STR[l->failure]);
	if (l->has_ede) {
		ede_detail(l->ede, o->detail);
	}
}

static unsigned first_server(void) {
	return clock_mono_ns() < preferred_until ? preferred : 0;
}

static unsigned server_of(const struct lookup *l) {
	return (l->first + l->turn) % config.upstream_count;
}

static void prefer(unsigned server) {
	if (server != first_server()) {
		preferred = server;
		preferred_until = clock_mono_ns() + PREFER_S * CLOCK_NS_PER_S;
	}
}

static void note_failure(struct lookup *l, enum failure failure) {
	if (failure > l->failure) {
		l->failure = failure;
	}
}

static void
on_exchange(void *arg, enum exchange_result result, const struct gate_answer *answer, bool odd);

// Asks the next server that may still know, from the present turn on.
// @return False when there is none left.
static bool ask(struct lookup *l) {
	for (; l->turn < config.dns_tries * config.upstream_count; l->turn++) {
		unsigned server = server_of(l);
		if (l->struck[server]) {
			continue;
		}
		const struct exchange_request request = {
			.server = &config.upstreams[server],
			.host = l->run->host,
			.type = l->type,
			.edns = !l->plain[server],
			.tcp = l->tcp[server],
			.try_ms = config.dns_try_ms,
		};
		if (exchange_start(base, &request, on_exchange, l, &l->exchange) == 0) {
			return true;
		}
		l->struck[server] = true;
	}
	l->state = LOOKUP_FAILED;
	return false;
}

static void report_txt_set(struct run *run, const struct gate_answer *a) {
	uint8_t joined[GATE_BYTES_MAX];
	struct txtrec_value records[GATE_RECORDS_MAX];
	size_t at = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct gate_txt *txt = &a->txt[i];
		int len = txtrec_join(txt->strings, txt->len, joined + at, sizeof(joined) - at);
		assert(len >= 0); // the gate has looked at it
		records[i] = (struct txtrec_value){
			.text = (const char *)joined + at, .len = (size_t)len};
		at += (size_t)len;
	}
	struct outcome o = {.ttl_s = a->ttl_s};
	o.code = txtrec_choose(records, a->count, o.id);
	if (o.code == OUTCOME_ABSENT && a->count == 0) {
		o.ttl_s = a->negative_ttl_s;
	}
	finish(run, &o);
}

static void add_address(struct outcome *o, const struct lookup *l, size_t i) {
	if (i < l->count && o->address_count < TASK_ADDRESS_MAX) {
		struct address *a = &o->addresses[o->address_count++];
		a->family = l->type == GATE_A ? AF_INET : AF_INET6;
		memcpy(a->octets, l->addresses[i], sizeof(a->octets));
		o->ttl_s = l->ttl_s < o->ttl_s ? l->ttl_s : o->ttl_s;
	}
}

// IPv6 first, then in turns (RFC 8305 4): whichever family works, it is tried
// early.
static void report_addresses(struct run *run) {
	struct outcome o = {.code = OUTCOME_OK, .ttl_s = UINT32_MAX};
	for (size_t i = 0; i < GATE_ADDRESS_MAX; i++) {
		add_address(&o, &run->lookups[1], i);
		add_address(&o, &run->lookups[0], i);
	}
	if (o.address_count == 0) {
		o.ttl_s = 0;
		o.code = OUTCOME_NO_HOST;
		// That one family is not there proves nothing while the other is unknown.
		for (unsigned i = 0; i < run->lookup_count; i++) {
			if (run->lookups[i].state == LOOKUP_FAILED) {
				set_failure(&o, &run->lookups[i]);
			}
		}
	}
	finish(run, &o);
}

static void on_grace(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	report_addresses(arg);
}

static void wait_for_other_family(struct run *run) {
	const struct timeval tv = {.tv_sec = GRACE_MS / 1000, .tv_usec = (GRACE_MS % 1000) * 1000L};
	run->grace = evtimer_new(base, on_grace, run);
	if (run->grace != NULL) {
		(void)evtimer_add(run->grace, &tv);
	}
}

// A lookup of the task has ended.
static void settle(struct run *run, struct lookup *ended, const struct gate_answer *answer) {
	if (run->kind == TASK_ADDRESS) {
		const struct lookup *other = &run->lookups[ended == &run->lookups[0] ? 1 : 0];
		if (other->state != LOOKUP_RUNNING) {
			report_addresses(run);
		} else if (ended->count > 0) {
			wait_for_other_family(run);
		}
		return;
	}
	if (ended->state == LOOKUP_ANSWERED) {
		report_txt_set(run, answer);
		return;
	}
	struct outcome o = {.code = OUTCOME_TXT_OVERSIZE};
	if (ended->state == LOOKUP_FAILED) {
		set_failure(&o, ended);
	}
	finish(run, &o);
}

static void go_on(struct lookup *l) {
	if (!ask(l)) {
		settle(l->run, l, NULL);
	}
}

static void strike(struct lookup *l, enum failure failure) {
	note_failure(l, failure);
	l->struck[server_of(l)] = true;
	go_on(l);
}

static void take_error(struct lookup *l, const struct gate_answer *a) {
	uint16_t rcode = a->rcode;
	unsigned server = server_of(l);
	bool edns_unknown = rcode == GATE_FORMERR || rcode == GATE_NOTIMP || rcode == GATE_BADVERS;
	if (edns_unknown && !l->plain[server]) {
		l->plain[server] = true;
		go_on(l);
		return;
	}
	if (a->has_ede && !l->has_ede) {
		l->has_ede = true;
		l->ede = a->ede;
	}
	strike(l,
	       rcode == GATE_SERVFAIL  ? FAILURE_SERVFAIL
	       : rcode == GATE_REFUSED ? FAILURE_REFUSED
				       : FAILURE_RCODE);
}

static void take_answer(struct lookup *l, const struct gate_answer *a) {
	if (a->rcode != GATE_NOERROR && a->rcode != GATE_NXDOMAIN) {
		take_error(l, a);
		return;
	}
	if (a->chain_too_long) {
		strike(l, FAILURE_CNAME_CHAIN);
		return;
	}
	prefer(server_of(l));
	l->state = LOOKUP_ANSWERED;
	l->count = a->count;
	l->ttl_s = a->ttl_s;
	if (l->type != GATE_TXT) {
		memcpy(l->addresses, a->addresses, sizeof(l->addresses));
	}
	settle(l->run, l, a);
}

static void take_broken(struct lookup *l) {
	if (l->type != GATE_TXT) {
		strike(l, FAILURE_MALFORMED);
		return;
	}
	l->state = LOOKUP_BROKEN;
	settle(l->run, l, NULL);
}

static void
on_exchange(void *arg, enum exchange_result result, const struct gate_answer *answer, bool odd) {
	struct lookup *l = arg;
	struct exchange *ended = l->exchange; // holds what the answer points to
	l->exchange = NULL;
	switch (result) {
	case EXCHANGE_ANSWER:
		take_answer(l, answer);
		break;
	case EXCHANGE_BROKEN:
		take_broken(l);
		break;
	case EXCHANGE_TIMED_OUT:
		note_failure(l, FAILURE_TIMED_OUT);
		l->tcp[server_of(l)] |= odd;
		l->turn++;
		go_on(l);
		break;
	case EXCHANGE_UNREACHABLE:
		strike(l, FAILURE_UNREACHABLE);
		break;
	case EXCHANGE_LOCAL:
		strike(l, FAILURE_LOCAL);
		break;
	}
	exchange_free(ended);
}

static struct run *run_new(const struct task *task) {
	struct run *run = calloc(1, sizeof(*run));
	if (run == NULL) {
		return NULL;
	}
	const bool txt = task->kind == TASK_TXT;
	run->task = task->id;
	run->kind = task->kind;
	run->lookup_count = txt ? 1 : 2;
	run->lookups[0].type = txt ? GATE_TXT : GATE_A;
	run->lookups[1].type = GATE_AAAA;
	for (unsigned i = 0; i < run->lookup_count; i++) {
		run->lookups[i].run = run;
		run->lookups[i].first = first_server();
	}
	(void)snprintf(
		run->host,
		sizeof(run->host),
		"%s.%s",
		txt ? "_mta-sts" : "mta-sts",
		task->domain.text
	);
	run->next = runs;
	run->back = &runs;
	if (runs != NULL) {
		runs->back = &run->next;
	}
	runs = run;
	return run;
}

static void on_task(void * /*arg*/, const struct task *task) {
	struct run *run = task->kind != TASK_POLICY ? run_new(task) : NULL;
	if (run == NULL) {
		struct outcome o = {.task = task->id, .code = OUTCOME_LOCAL, .detail = "no-memory"};
		channel_send(channel, &o);
		return;
	}
	// All are asked before the first failure is told: the last one ends the task.
	bool asked[2] = {false, false};
	for (unsigned i = 0; i < run->lookup_count; i++) {
		asked[i] = ask(&run->lookups[i]);
	}
	if (!asked[0] && !asked[1]) {
		settle(run, &run->lookups[0], NULL);
	}
}

static void on_cancel(void * /*arg*/, uint64_t task) {
	for (struct run *run = runs; run != NULL; run = run->next) {
		if (run->task == task) {
			run_free(run);
			return;
		}
	}
}

static bool parse_server(const char *text, struct fetch_upstream *out) {
	*out = (struct fetch_upstream){.port = DNS_PORT};
	out->address.family = AF_INET;
	if (inet_pton(AF_INET, text, out->address.octets) == 1) {
		return true;
	}
	out->address.family = AF_INET6;
	return inet_pton(AF_INET6, text, out->address.octets) == 1;
}

// resolv.conf(5): "nameserver" lines; without any, the local machine is meant.
static void read_resolv_conf(void) {
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[512];
	while (f != NULL && config.upstream_count < FETCH_UPSTREAM_MAX
	       && fgets(line, sizeof(line), f) != NULL) {
		char server[64];
		if (sscanf(line, "nameserver %63s", server) == 1
		    && parse_server(server, &config.upstreams[config.upstream_count])) {
			config.upstream_count++;
		}
	}
	if (f != NULL) {
		(void)fclose(f);
	}
	if (config.upstream_count == 0) {
		config.upstream_count = parse_server("127.0.0.1", &config.upstreams[0]) ? 1 : 0;
	}
}

void resolve_run(int fd) {
	static const struct channel_ops ops = {.task = on_task, .cancel = on_cancel};
	channel_take_config(fd, &config);
	if (config.upstream_count == 0) {
		read_resolv_conf();
	}
	base = event_base_new();
	channel = base != NULL ? channel_new(base, fd, &ops, NULL) : NULL;
	if (channel == NULL || confine_lock() != 0) {
		_exit(EXIT_RESOLVE);
	}
	(void)event_base_dispatch(base);
	_exit(EXIT_RESOLVE);
}
