// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// The façade, the spawner and the resolve child, all real, against a DNS server
// that runs in this test's own event loop and misbehaves by script.

#include "base/bytes.h"
#include "fetch/fetch.h"
#include "fetch/gate.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD_S 30
#define MESSAGE_MAX 8192

static int spawner;

// What the server got, and where to it answers.
struct server;
struct request {
	struct server *server;
	bool tcp;
	int fd;
	struct sockaddr_in from; // UDP
	unsigned number;	 // of this server, from 1
	uint8_t octets[512];
	size_t len;
	size_t question_len; // from offset 12
};

typedef void script_fn(const struct request *q);

struct server {
	script_fn *script;
	unsigned requests;
	unsigned tcp_requests;
	uint16_t port;
	int udp;
	int listener;
	struct event *udp_event;
	struct event *listener_event;
};

struct world {
	struct event_base *base;
	struct event *guard;
	struct server servers[2];
	struct fetch_config config;
	struct fetch *fetch;
	struct outcome last;
	unsigned outcomes;
	unsigned wanted;
};

// ---- building replies

struct reply {
	uint8_t octets[MESSAGE_MAX];
	struct writer w;
};

enum { ANSWER = 6, AUTHORITY = 8 };

static void begin(struct reply *r, const struct request *q, uint16_t flags) {
	r->w = bytes_writer(r->octets, sizeof(r->octets));
	bytes_put(&r->w, q->octets, 2);
	bytes_put_be16(&r->w, (uint16_t)(0x8180 | flags));
	bytes_put_be16(&r->w, 1);
	bytes_put_be16(&r->w, 0);
	bytes_put_be32(&r->w, 0);
	bytes_put(&r->w, q->octets + 12, q->question_len);
}

// A record owned by the name of the question.
static void record(struct reply *r, int section, uint16_t type, const void *data, size_t len) {
	r->octets[section + 1]++;
	bytes_put_be16(&r->w, 0xc00c);
	bytes_put_be16(&r->w, type);
	bytes_put_be16(&r->w, 1);
	bytes_put_be32(&r->w, 300);
	bytes_put_be16(&r->w, (uint16_t)len);
	bytes_put(&r->w, data, len);
}

static void text(struct reply *r, const char *string) {
	uint8_t data[256];
	size_t len = strlen(string);
	data[0] = (uint8_t)len;
	// Octets, not text. NOLINTNEXTLINE(bugprone-not-null-terminated-result)
	memcpy(data + 1, string, len);
	record(r, ANSWER, GATE_TXT, data, len + 1);
}

static void send_from(int fd, const struct request *q, const struct reply *r) {
	size_t len = bytes_written(&r->w);
	assert_true(r->w.ok);
	if (q->tcp) {
		uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
		assert_int_equal(send(q->fd, head, 2, MSG_MORE), 2);
		assert_int_equal(send(q->fd, r->octets, len, 0), len);
	} else {
		assert_int_equal(
			sendto(fd,
			       r->octets,
			       len,
			       0,
			       (const struct sockaddr *)&q->from,
			       sizeof(q->from)),
			len
		);
	}
}

static void reply(const struct request *q, const struct reply *r) {
	send_from(q->fd, q, r);
}

// ---- the server

static void handle(struct request *q) {
	struct server *s = q->server;
	assert_true(q->len > 16);
	q->question_len = strlen((const char *)q->octets + 12) + 5;
	q->number = ++s->requests;
	s->tcp_requests += q->tcp ? 1 : 0;
	s->script(q);
}

static void on_udp(evutil_socket_t fd, short /*what*/, void *arg) {
	struct request q = {.server = arg, .fd = fd};
	socklen_t len = sizeof(q.from);
	ssize_t n = recvfrom(fd, q.octets, sizeof(q.octets), 0, (struct sockaddr *)&q.from, &len);
	if (n > 0) {
		q.len = (size_t)n;
		handle(&q);
	}
}

static void on_listener(evutil_socket_t fd, short /*what*/, void *arg) {
	struct request q = {.server = arg, .tcp = true};
	q.fd = accept(fd, NULL, NULL);
	assert_true(q.fd >= 0);
	uint8_t head[2];
	assert_int_equal(recv(q.fd, head, 2, MSG_WAITALL), 2);
	q.len = (size_t)head[0] << 8 | head[1];
	assert_true(q.len <= sizeof(q.octets));
	assert_int_equal(recv(q.fd, q.octets, q.len, MSG_WAITALL), q.len);
	handle(&q);
	close(q.fd);
}

static void server_open(struct server *s, struct event_base *base) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->listener, 16), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
	s->udp = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(s->udp, (struct sockaddr *)&a, sizeof(a)), 0);
	s->port = ntohs(a.sin_port);
	s->udp_event = event_new(base, s->udp, EV_READ | EV_PERSIST, on_udp, s);
	s->listener_event = event_new(base, s->listener, EV_READ | EV_PERSIST, on_listener, s);
	event_add(s->udp_event, NULL);
	event_add(s->listener_event, NULL);
}

static void server_close(struct server *s) {
	event_free(s->udp_event);
	event_free(s->listener_event);
	close(s->udp);
	close(s->listener);
}

// ---- the world

static void on_outcome(void *arg, const struct outcome *o) {
	struct world *w = arg;
	w->last = *o;
	if (++w->outcomes >= w->wanted) {
		event_base_loopbreak(w->base);
	}
}

static void on_guard(evutil_socket_t /*fd*/, short /*what*/, void * /*arg*/) {
	fail_msg("nothing happens any more");
}

static void ignore(const struct request * /*q*/) {}

static void set_up(struct world *w, size_t servers) {
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->guard = evtimer_new(w->base, on_guard, NULL);
	evtimer_add(w->guard, &(struct timeval){.tv_sec = GUARD_S});
	w->config = (struct fetch_config){
		.workers = 1,
		.per_worker_max = 4,
		.upstream_count = servers,
		.ca_file = "/nonexistent",
		.https_port = 443,
		.dns_try_ms = 5000,
		.dns_tries = 2,
		.connect_ms = 1000,
		.handshake_ms = 1000,
		.first_byte_ms = 1000,
		.total_ms = 2000,
		.late_ms = 10000,
	};
	for (size_t i = 0; i < servers; i++) {
		server_open(&w->servers[i], w->base);
		w->servers[i].script = ignore;
		w->config.upstreams[i] = (struct fetch_upstream){
			.address = {.family = AF_INET, .octets = {127, 0, 0, 1}},
			.port = w->servers[i].port,
		};
	}
}

static void open_fetch(struct world *w) {
	assert_int_equal(fetch_open(&w->config, w->base, spawner, on_outcome, w, &w->fetch), 0);
}

static void tear_down(struct world *w) {
	fetch_close(w->fetch);
	for (size_t i = 0; i < w->config.upstream_count; i++) {
		server_close(&w->servers[i]);
	}
	event_free(w->guard);
	event_base_free(w->base);
}

static uint64_t next_id = 1;

static void submit(struct world *w, enum task_kind kind) {
	struct task t = {.id = next_id++, .kind = kind};
	assert_int_equal(name_parse("example.com", 11, &t.domain), NAME_OK);
	t.address_count = kind == TASK_POLICY ? 1 : 0;
	t.addresses[0] = (struct address){.family = AF_INET, .octets = {192, 0, 2, 1}};
	assert_true(fetch_submit(w->fetch, &t));
	w->wanted++;
}

static void run(struct world *w) {
	while (w->outcomes < w->wanted) {
		event_base_loop(w->base, EVLOOP_ONCE);
	}
}

static void ask(struct world *w, enum task_kind kind) {
	submit(w, kind);
	run(w);
}

// ---- scripts of one server

static void good(const struct request *q) {
	struct reply r;
	begin(&r, q, 0);
	text(&r, "v=STSv1; id=good;");
	reply(q, &r);
}

static void forged(struct reply *r, const struct request *q) {
	begin(r, q, 0);
	text(r, "v=STSv1; id=forged;");
}

static void wrong_id(const struct request *q) {
	struct reply r;
	forged(&r, q);
	r.octets[0] ^= 0xff;
	reply(q, &r);
	good(q);
}

static void wrong_port(const struct request *q) {
	struct reply r;
	forged(&r, q);
	int other = socket(AF_INET, SOCK_DGRAM, 0);
	send_from(other, q, &r);
	close(other);
	good(q);
}

static void wrong_question(const struct request *q) {
	struct reply r;
	forged(&r, q);
	r.octets[14]++;
	reply(q, &r);
	good(q);
}

static void wrong_case(const struct request *q) {
	struct reply r;
	forged(&r, q);
	r.octets[13 + 1] ^= 0x20; // the first letter of _mta-sts
	reply(q, &r);
	good(q);
}

static void wrong_type(const struct request *q) {
	struct reply r;
	forged(&r, q);
	r.octets[12 + q->question_len - 3] = GATE_A;
	reply(q, &r);
	good(q);
}

static void no_response_bit(const struct request *q) {
	struct reply r;
	forged(&r, q);
	r.octets[2] &= 0x7f;
	reply(q, &r);
	good(q);
}

static void flood(const struct request *q) {
	if (q->tcp) {
		good(q);
		return;
	}
	for (unsigned i = 1; i <= 20; i++) {
		struct reply r;
		forged(&r, q);
		r.octets[1] ^= (uint8_t)i;
		reply(q, &r);
	}
}

static void truncated(const struct request *q) {
	struct reply r;
	if (q->tcp) {
		good(q);
		return;
	}
	forged(&r, q);
	r.octets[2] |= 0x02;
	reply(q, &r);
}

static void too_many_strings(const struct request *q) {
	static const uint8_t strings[17] = {0};
	struct reply r;
	begin(&r, q, 0);
	record(&r, ANSWER, GATE_TXT, strings, sizeof(strings));
	reply(q, &r);
}

static void empty_frame(const struct request *q) {
	if (q->tcp) {
		assert_int_equal(send(q->fd, "\0\0", 2, 0), 2);
	} else {
		truncated(q);
	}
}

static void two_policies(const struct request *q) {
	struct reply r;
	begin(&r, q, 0);
	text(&r, "v=STSv1; id=one;");
	text(&r, "v=STSv1; id=two;");
	reply(q, &r);
}

static void nothing_there(const struct request *q) {
	static const uint8_t soa[] = {
		0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 77};
	struct reply r;
	begin(&r, q, GATE_NXDOMAIN);
	record(&r, AUTHORITY, GATE_SOA, soa, sizeof(soa));
	reply(q, &r);
}

static void denied_with_answer(const struct request *q) {
	struct reply r;
	begin(&r, q, GATE_NXDOMAIN);
	text(&r, "v=STSv1; id=forged;");
	reply(q, &r);
}

static void code(const struct request *q, uint16_t rcode) {
	struct reply r;
	begin(&r, q, rcode);
	reply(q, &r);
}

static void servfail(const struct request *q) {
	code(q, GATE_SERVFAIL);
}

// With an extended error, DNSKEY Missing (RFC 8914 4.10).
static void bogus(const struct request *q) {
	static const uint8_t opt[] = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x06"
				     "\x00\x0f\x00\x02\x00\x09";
	struct reply r;
	begin(&r, q, GATE_SERVFAIL);
	bytes_put(&r.w, opt, sizeof(opt) - 1);
	r.octets[11] = 1;
	reply(q, &r);
}

static void refused(const struct request *q) {
	code(q, GATE_REFUSED);
}

// Knows no EDNS: ARCOUNT is one with it.
static void old_server(const struct request *q) {
	if (q->octets[11] != 0) {
		code(q, GATE_FORMERR);
	} else {
		good(q);
	}
}

// Lets the first datagram pass.
static void slow_server(const struct request *q) {
	if (q->number > 1) {
		good(q);
	}
}

static void lowers_case(const struct request *q) {
	if (q->tcp) {
		good(q);
		return;
	}
	struct request low = *q;
	for (size_t i = 12; i < 12 + q->question_len; i++) {
		uint8_t c = low.octets[i];
		low.octets[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	// Once in 2^17 nothing was upper case anyway.
	good(&low);
}

static void txt_is_read(void ** /*state*/) {
	static const struct {
		const char *name;
		script_fn *script;
		uint32_t try_ms;
		enum outcome_code code;
		const char *id;
		const char *detail;
		uint32_t ttl_s;
		unsigned tcp;
	} cases[] = {
		{"good", good, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"wrong id", wrong_id, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"wrong port", wrong_port, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"wrong question", wrong_question, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"wrong case", wrong_case, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"wrong type", wrong_type, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"QR=0", no_response_bit, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"20 wrong ids", flood, 5000, OUTCOME_OK, "good", "", 300, 1},
		{"cut off", truncated, 5000, OUTCOME_OK, "good", "", 300, 1},
		{"17 strings", too_many_strings, 5000, OUTCOME_TXT_OVERSIZE, "", "", 0, 1},
		{"empty frame", empty_frame, 5000, OUTCOME_DNS_FAILED, "", "unreachable", 0, 1},
		{"two", two_policies, 5000, OUTCOME_TXT_MULTIPLE, "", "", 300, 0},
		{"NXDOMAIN", nothing_there, 5000, OUTCOME_ABSENT, "", "", 77, 0},
		{"NXDOMAIN, answer", denied_with_answer, 5000, OUTCOME_ABSENT, "", "", 60, 0},
		{"SERVFAIL", servfail, 5000, OUTCOME_DNS_FAILED, "", "servfail", 0, 0},
		{"EDE",
		 bogus,
		 5000,
		 OUTCOME_DNS_FAILED,
		 "",
		 "dns-extended-error-9-dnskey-missing",
		 0,
		 0},
		{"REFUSED", refused, 5000, OUTCOME_DNS_FAILED, "", "refused", 0, 0},
		{"no EDNS", old_server, 5000, OUTCOME_OK, "good", "", 300, 0},
		{"silence", ignore, 30, OUTCOME_DNS_FAILED, "", "timed-out", 0, 0},
		{"second try", slow_server, 300, OUTCOME_OK, "good", "", 300, 0},
		{"lower case", lowers_case, 300, OUTCOME_OK, "good", "", 300, 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		set_up(&w, 1);
		w.servers[0].script = cases[i].script;
		w.config.dns_try_ms = cases[i].try_ms;
		open_fetch(&w);
		ask(&w, TASK_TXT);
		bool good_case = w.last.code == cases[i].code
				 && strcmp(w.last.detail, cases[i].detail) == 0
				 && w.servers[0].tcp_requests == cases[i].tcp
				 && (w.last.code != OUTCOME_OK
				     || strcmp(w.last.id, cases[i].id) == 0)
				 && (cases[i].ttl_s == 0 || cases[i].ttl_s == w.last.ttl_s
				     || w.last.code == OUTCOME_TXT_MULTIPLE);
		if (!good_case) {
			fail_msg(
				"%s: %s+%s id %s ttl %u tcp %u",
				cases[i].name,
				outcome_str(w.last.code),
				w.last.detail,
				w.last.id,
				w.last.ttl_s,
				w.servers[0].tcp_requests
			);
		}
		tear_down(&w);
	}
}

static void another_server_is_asked(void ** /*state*/) {
	script_fn *const first[] = {servfail, refused, too_many_strings};
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		set_up(&w, 2);
		w.servers[0].script = first[i];
		w.servers[1].script = good;
		open_fetch(&w);
		ask(&w, TASK_TXT);
		assert_int_equal(w.last.code, OUTCOME_OK);
		assert_int_equal(w.servers[0].requests, 1);
		// The one that answered is asked first from now on.
		ask(&w, TASK_TXT);
		assert_int_equal(w.last.code, OUTCOME_OK);
		assert_int_equal(w.servers[0].requests, 1);
		tear_down(&w);
	}
}

static void closed_port_fails_over_at_once(void ** /*state*/) {
	struct world w;
	set_up(&w, 2);
	w.servers[1].script = good;
	server_close(&w.servers[0]);
	w.config.dns_try_ms = 60000; // never reached
	open_fetch(&w);
	ask(&w, TASK_TXT);
	assert_int_equal(w.last.code, OUTCOME_OK);
	server_open(&w.servers[0], w.base);
	tear_down(&w);
}

static uint16_t ports[200];

static void note_port(const struct request *q) {
	ports[q->number - 1] = ntohs(q->from.sin_port);
	good(q);
}

// Two of 200 ports among 64,512 are the same in about one run of four; the
// kernel's own choice among 28,000 never leaves its range.
static void ports_vary(void ** /*state*/) {
	enum { COUNT = sizeof(ports) / sizeof(ports[0]) };
	struct world w;
	set_up(&w, 1);
	w.servers[0].script = note_port;
	open_fetch(&w);
	for (size_t i = 0; i < COUNT; i++) {
		ask(&w, TASK_TXT);
	}
	unsigned twice = 0;
	unsigned below = 0;
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(ports[i] >= 1024);
		below += ports[i] < 32768 ? 1 : 0;
		for (size_t j = 0; j < i; j++) {
			twice += ports[i] == ports[j] ? 1 : 0;
		}
	}
	assert_true(twice < 20);
	// Half of them; both bounds are more than seven deviations away.
	assert_in_range(below, 45, 155);
	tear_down(&w);
}

static uint16_t type_of(const struct request *q) {
	return q->octets[12 + q->question_len - 3];
}

static void both_families(const struct request *q) {
	static const uint8_t a[2][4] = {{192, 0, 2, 1}, {192, 0, 2, 2}};
	static const uint8_t aaaa[16] = {0x20, 0x01, 0x0d, 0xb8};
	struct reply r;
	begin(&r, q, 0);
	if (type_of(q) == GATE_A) {
		record(&r, ANSWER, GATE_A, a[0], 4);
		record(&r, ANSWER, GATE_A, a[1], 4);
	} else {
		record(&r, ANSWER, GATE_AAAA, aaaa, 16);
	}
	reply(q, &r);
}

static void only_a(const struct request *q) {
	if (type_of(q) == GATE_A) {
		both_families(q);
	} else {
		code(q, GATE_NOERROR);
	}
}

static void a_and_servfail(const struct request *q) {
	if (type_of(q) == GATE_A) {
		both_families(q);
	} else {
		servfail(q);
	}
}

static void a_and_silence(const struct request *q) {
	if (type_of(q) == GATE_A) {
		both_families(q);
	}
}

static void no_a_and_servfail(const struct request *q) {
	code(q, type_of(q) == GATE_A ? GATE_NOERROR : GATE_SERVFAIL);
}

static void addresses_are_merged(void ** /*state*/) {
	static const struct {
		script_fn *script;
		enum outcome_code code;
		uint8_t count;
	} cases[] = {
		{both_families, OUTCOME_OK, 3},
		{only_a, OUTCOME_OK, 2},
		{a_and_servfail, OUTCOME_OK, 2},
		{a_and_silence, OUTCOME_OK, 2},
		{nothing_there, OUTCOME_NO_HOST, 0},
		{no_a_and_servfail, OUTCOME_DNS_FAILED, 0},
		{servfail, OUTCOME_DNS_FAILED, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		set_up(&w, 1);
		w.servers[0].script = cases[i].script;
		open_fetch(&w);
		ask(&w, TASK_ADDRESS);
		assert_int_equal(w.last.code, cases[i].code);
		assert_int_equal(w.last.address_count, cases[i].count);
		if (cases[i].count == 3) {
			assert_int_equal(w.last.addresses[0].family, AF_INET6);
			assert_int_equal(w.last.addresses[1].family, AF_INET);
			assert_int_equal(w.last.addresses[2].octets[3], 2);
		}
		tear_down(&w);
	}
}

static pid_t pid_of(const struct world *w, enum spawn_kind kind) {
	struct fetch_child all[4];
	size_t n = fetch_children(w->fetch, all, 4);
	for (size_t i = 0; i < n; i++) {
		if (all[i].kind == kind) {
			return all[i].pid;
		}
	}
	return 0;
}

static void signal_child(const struct world *w, enum spawn_kind kind, int signal) {
	pid_t pid = pid_of(w, kind);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, signal), 0);
}

static void dead_child_is_replaced(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	w.servers[0].script = good;
	open_fetch(&w);
	ask(&w, TASK_TXT);
	pid_t before = pid_of(&w, SPAWN_RESOLVE);
	w.servers[0].script = ignore;
	submit(&w, TASK_TXT);
	while (w.servers[0].requests < 2) {
		event_base_loop(w.base, EVLOOP_ONCE);
	}
	signal_child(&w, SPAWN_RESOLVE, SIGKILL);
	run(&w);
	assert_int_equal(w.last.code, OUTCOME_LOCAL);
	w.servers[0].script = good;
	while (pid_of(&w, SPAWN_RESOLVE) == 0) {
		event_base_loop(w.base, EVLOOP_ONCE);
	}
	assert_int_not_equal(pid_of(&w, SPAWN_RESOLVE), before);
	ask(&w, TASK_TXT);
	assert_int_equal(w.last.code, OUTCOME_OK);
	tear_down(&w);
}

static void frozen_child_is_killed(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	w.servers[0].script = good;
	w.config.dns_try_ms = 20;
	w.config.late_ms = 20;
	open_fetch(&w);
	ask(&w, TASK_TXT);
	signal_child(&w, SPAWN_RESOLVE, SIGSTOP);
	// More than the socket holds: the rest waits on our side.
	for (unsigned i = 0; i < 4000; i++) {
		submit(&w, TASK_TXT);
	}
	run(&w);
	assert_int_equal(w.last.code, OUTCOME_LOCAL);
	struct fetch_child all[2];
	(void)fetch_children(w.fetch, all, 2);
	assert_int_equal(all[0].kills, 1);
	tear_down(&w);
}

static void second_death_convicts_the_domain(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	open_fetch(&w);
	const enum outcome_code expected[] = {OUTCOME_LOCAL, OUTCOME_CHILD_KILLED, OUTCOME_LOCAL};
	for (size_t i = 0; i < 3; i++) {
		while (pid_of(&w, SPAWN_FETCH) == 0) {
			event_base_loop(w.base, EVLOOP_ONCE);
		}
		signal_child(&w, SPAWN_FETCH, SIGSTOP);
		submit(&w, TASK_POLICY);
		signal_child(&w, SPAWN_FETCH, SIGKILL);
		run(&w);
		assert_int_equal(w.last.code, expected[i]);
	}
	tear_down(&w);
}

static void cancelled_task_has_no_outcome(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	open_fetch(&w);
	submit(&w, TASK_TXT);
	while (w.servers[0].requests < 1) {
		event_base_loop(w.base, EVLOOP_ONCE);
	}
	fetch_cancel(w.fetch, next_id - 1);
	fetch_cancel(w.fetch, 12345678);
	w.wanted--;
	w.servers[0].script = good;
	ask(&w, TASK_TXT);
	assert_int_equal(w.outcomes, 1);
	assert_int_equal(w.last.task, next_id - 1);
	tear_down(&w);
}

static void no_ca_store_is_our_fault(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	open_fetch(&w);
	ask(&w, TASK_POLICY);
	assert_int_equal(w.last.code, OUTCOME_LOCAL);
	assert_string_equal(w.last.detail, "no-ca-store");
	tear_down(&w);
}

static void too_much_is_refused(void ** /*state*/) {
	struct world w;
	set_up(&w, 1);
	open_fetch(&w);
	struct task t = {.kind = TASK_TXT};
	assert_int_equal(name_parse("example.com", 11, &t.domain), NAME_OK);
	unsigned taken = 0;
	for (t.id = 1; taken < 10000 && fetch_submit(w.fetch, &t); t.id++) {
		taken++;
	}
	assert_int_equal(taken, 4096);
	tear_down(&w);
}

int main(void) {
	spawner = spawn_start("nobody");
	if (spawner < 0) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(txt_is_read),
		cmocka_unit_test(another_server_is_asked),
		cmocka_unit_test(closed_port_fails_over_at_once),
		cmocka_unit_test(ports_vary),
		cmocka_unit_test(addresses_are_merged),
		cmocka_unit_test(dead_child_is_replaced),
		cmocka_unit_test(frozen_child_is_killed),
		cmocka_unit_test(second_death_convicts_the_domain),
		cmocka_unit_test(cancelled_task_has_no_outcome),
		cmocka_unit_test(no_ca_store_is_our_fault),
		cmocka_unit_test(too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
