// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// A client and a scripted server in one thread, over loopback: the client sends
// within stsq_next(), the server reads what is there, answers as it is told, and
// the client reads on.

#define HEADER_BYTES 12
#define OPTION 65461
#define NAMES_MAX 64

struct request {
	struct sockaddr_in from;
	uint8_t octets[1500];
	size_t len;
	size_t question_len;
	bool batch;
	unsigned count;
	char names[NAMES_MAX][64];
	size_t zone_at;
};

struct scene {
	int fd;
	struct stsq *client;
	struct request r;
};

static struct scene scene;

static unsigned get16(const uint8_t *at) {
	return (unsigned)at[0] << 8 | at[1];
}

static size_t put16(uint8_t *at, size_t v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return 2;
}

// Dotted text of labels up to the root label or the zone. @return Octets read.
static size_t read_labels(const uint8_t *at, char out[64], size_t *zone_at) {
	size_t n = 0;
	size_t used = 0;
	while (at[n] != 0 && memcmp(at + n, "\3sts", 5) != 0) {
		used += (size_t
		)snprintf(out + used, 64 - used, "%s%.*s", used > 0 ? "." : "", at[n], at + n + 1);
		n += 1U + at[n];
	}
	*zone_at = n;
	return n + (at[n] != 0 ? 5 : 1);
}

// Takes the next request that is there. @return False: there is none.
static bool take(void) {
	struct request *r = &scene.r;
	socklen_t from_len = sizeof(r->from);
	memset(r, 0, sizeof(*r));
	ssize_t n = recvfrom(
		scene.fd,
		r->octets,
		sizeof(r->octets),
		MSG_DONTWAIT,
		(struct sockaddr *)&r->from,
		&from_len
	);
	if (n < 0) {
		return false;
	}
	r->len = (size_t)n;
	size_t name = read_labels(r->octets + HEADER_BYTES, r->names[0], &r->zone_at);
	r->zone_at += HEADER_BYTES;
	r->count = 1;
	r->question_len = name + 4;
	const uint8_t *opt = r->octets + HEADER_BYTES + r->question_len;
	r->batch = get16(opt + 9) > 0;
	if (!r->batch) {
		return true;
	}
	assert_int_equal(get16(opt + 11), OPTION);
	const uint8_t *end = opt + 15 + get16(opt + 13);
	assert_ptr_equal(end, r->octets + r->len);
	size_t ignored;
	for (const uint8_t *at = opt + 15; at < end; r->count++) {
		at += read_labels(at, r->names[r->count], &ignored);
	}
	return true;
}

static void send_octets(const uint8_t *octets, size_t len) {
	ssize_t n = sendto(
		scene.fd,
		octets,
		len,
		0,
		(const struct sockaddr *)&scene.r.from,
		sizeof(scene.r.from)
	);
	assert_int_equal(n, len);
}

// Answers names [first, first + count) of the request at hand, each by text.
static size_t
write_answer(uint8_t out[1500], unsigned first, unsigned count, const char *text, bool option) {
	const struct request *r = &scene.r;
	size_t at = HEADER_BYTES + r->question_len;
	memcpy(out, r->octets, at);
	out[2] = 0x84;
	put16(out + 6, count);
	for (unsigned i = first; i < first + count; i++) {
		const char *name = r->names[i];
		while (i > 0 && *name != '\0') {
			size_t n = strcspn(name, ".");
			out[at++] = (uint8_t)n;
			memcpy(out + at, name, n);
			at += n;
			name += n + (name[n] == '.');
		}
		at += put16(out + at, 0xc000 | (i > 0 ? r->zone_at : HEADER_BYTES));
		memcpy(out + at, "\0\x10\0\1\0\0\0\7", 8);
		at += 8;
		at += put16(out + at, strlen(text) + 1);
		out[at++] = (uint8_t)strlen(text);
		memcpy(out + at, text, strlen(text));
		at += strlen(text);
	}
	memcpy(out + at, "\0\0\x29\x04\xd0\0\0\0\0", 9);
	at += 9;
	at += put16(out + at, option ? 6 : 0);
	if (option) {
		at += put16(out + at, OPTION);
		at += put16(out + at, 2);
		out[at++] = (uint8_t)r->count;
		out[at++] = (uint8_t)first;
	}
	return at;
}

static void answer(unsigned first, unsigned count, const char *text, bool option) {
	uint8_t out[1500];
	send_octets(out, write_answer(out, first, count, text, option));
}

static void answer_rcode(unsigned rcode) {
	uint8_t out[1500];
	size_t len = write_answer(out, 0, 0, "", false);
	out[3] = (uint8_t)rcode;
	send_octets(out, len);
}

static void open_client(const struct stsq_config *like) {
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(here);
	scene.fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(scene.fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(getsockname(scene.fd, (struct sockaddr *)&here, &len), 0);
	struct stsq_config c = *like;
	c.address = "127.0.0.1";
	c.port = ntohs(here.sin_port);
	assert_int_equal(stsq_open(&c, &scene.client), 0);
}

static void close_client(void) {
	stsq_close(scene.client);
	close(scene.fd);
}

static void ask(unsigned from, unsigned to) {
	for (unsigned i = from; i < to; i++) {
		char domain[64];
		snprintf(domain, sizeof(domain), "name%u.example", i);
		// The tag is the number, from 1.
		assert_int_equal(stsq_ask(scene.client, domain, (void *)(uintptr_t)(i + 1)), 0);
	}
}

// The client sends what it may. Nothing is there to be given.
static void let_send(void) {
	struct stsq_answer a;
	assert_int_equal(stsq_next(scene.client, 0, &a), -EAGAIN);
}

// Waits until a request is there.
static void must_take(void) {
	struct stsq_answer a;
	for (int i = 0; i < 1000 && !take(); i++) {
		assert_int_equal(stsq_next(scene.client, 5, &a), -EAGAIN);
	}
	assert_true(scene.r.len > 0);
}

static void must_give(unsigned number, enum stsq_verdict verdict) {
	struct stsq_answer a;
	char domain[64];
	assert_int_equal(stsq_next(scene.client, 5000, &a), 1);
	snprintf(domain, sizeof(domain), "name%u.example", number);
	assert_string_equal(a.domain, domain);
	assert_int_equal((uintptr_t)a.tag, number + 1);
	assert_int_equal(a.text.verdict, verdict);
}

#define NONE "v=STSQ1; r=none"
#define PENDING "v=STSQ1; r=pending; retry=1"

static void batches_are_asked_and_given(void ** /*state*/) {
	open_client(&(struct stsq_config){.batch = 40, .window = 2});
	ask(0, 100);
	assert_int_equal(stsq_left(scene.client), 100);
	let_send();
	assert_true(take());
	assert_true(scene.r.batch);
	assert_int_equal(scene.r.count, 40);
	answer(0, 25, NONE, true);
	answer(25, 15, NONE, true);
	for (unsigned i = 0; i < 40; i++) {
		must_give(i, STSQ_NONE);
	}
	let_send(); // the window has room for the rest
	assert_true(take());
	assert_int_equal(scene.r.count, 40);
	for (unsigned i = 0; i < 40; i += 10) {
		answer(i, 10, "v=STSQ1; r=policy; mode=testing; id=7; exp=9; fresh=0; n=0", true);
	}
	assert_true(take());
	assert_int_equal(scene.r.count, 20);
	answer(0, 20, NONE, true);
	assert_false(take());
	for (unsigned i = 40; i < 100; i++) {
		must_give(i, i < 80 ? STSQ_POLICY : STSQ_NONE);
	}
	struct stsq_answer a;
	assert_int_equal(stsq_next(scene.client, -1, &a), 0);
	struct stsq_stats st;
	stsq_stats(scene.client, &st);
	assert_int_equal(st.requests, 3);
	assert_int_equal(st.answers, 100);
	assert_int_equal(st.timeouts + st.strangers, 0);
	assert_true(st.batches);
	close_client();
}

// Only what is missing is asked again, before what was never asked.
static void what_is_lost_is_asked_again(void ** /*state*/) {
	open_client(&(struct stsq_config){.batch = 10, .window = 1, .timeout_ms = 300});
	ask(0, 15);
	let_send();
	assert_true(take());
	answer(0, 4, NONE, true);
	for (unsigned i = 0; i < 4; i++) {
		must_give(i, STSQ_NONE);
	}
	must_take();
	assert_int_equal(scene.r.count, 10);
	assert_string_equal(scene.r.names[0], "name4.example");
	assert_string_equal(scene.r.names[5], "name9.example");
	assert_string_equal(scene.r.names[9], "name13.example");
	answer(0, 10, NONE, true);
	for (unsigned i = 4; i < 14; i++) {
		must_give(i, STSQ_NONE);
	}
	close_client();
}

static void a_server_without_batches_is_asked_one_by_one(void ** /*state*/) {
	for (unsigned rcode = 0; rcode <= 1; rcode++) {
		open_client(&(struct stsq_config){.batch = 10, .window = 1});
		ask(0, 3);
		let_send();
		assert_true(take());
		assert_int_equal(scene.r.count, 3);
		if (rcode == 0) {
			answer(0, 1, NONE, false);
			must_give(0, STSQ_NONE);
		} else {
			answer_rcode(rcode);
		}
		for (unsigned i = rcode == 0 ? 1 : 0; i < 3; i++) {
			let_send();
			must_take();
			assert_false(scene.r.batch);
			answer(0, 1, NONE, false);
			must_give(i, STSQ_NONE);
		}
		struct stsq_stats st;
		stsq_stats(scene.client, &st);
		assert_false(st.batches);
		close_client();
	}
}

// Who guesses is not heard: each change makes a datagram a stranger's.
static void strangers_are_not_heard(void ** /*state*/) {
	open_client(&(struct stsq_config){.batch = 4});
	ask(0, 4);
	let_send();
	assert_true(take());
	uint8_t good[1500];
	size_t len = write_answer(good, 0, 4, NONE, true);
	const size_t changed[] = {0, 1, 2, 5, HEADER_BYTES + 1, len - 2};
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		uint8_t bad[1500];
		memcpy(bad, good, len);
		bad[changed[i]] ^= changed[i] == 2 ? 0x80 : 1;
		send_octets(bad, len);
	}
	let_send(); // and hears
	struct stsq_stats st;
	stsq_stats(scene.client, &st);
	assert_int_equal(st.strangers, sizeof(changed) / sizeof(changed[0]));
	// An owner that was not asked is passed over.
	uint8_t other[1500];
	memcpy(other, good, len);
	memcpy(memmem(other, len, "name2", 5), "nameX", 5);
	send_octets(other, len);
	for (unsigned i = 0; i < 4; i++) {
		if (i != 2) {
			must_give(i, STSQ_NONE);
		}
	}
	send_octets(good, len);
	must_give(2, STSQ_NONE);
	send_octets(good, len); // once more, for a request that is over
	assert_int_equal(stsq_left(scene.client), 0);
	close_client();
}

static void pending_is_asked_again_until_the_deadline(void ** /*state*/) {
	open_client(&(struct stsq_config){.batch = 4, .deadline_ms = 1500});
	ask(0, 2);
	let_send();
	assert_true(take());
	answer(0, 1, PENDING, true);
	answer(1, 1, NONE, true);
	must_give(1, STSQ_NONE);
	must_take(); // after a second
	assert_int_equal(scene.r.count, 1);
	assert_true(scene.r.batch);
	assert_string_equal(scene.r.names[0], "name0.example");
	answer(0, 1, PENDING, true);
	must_give(0, STSQ_PENDING);
	close_client();
}

static void silence_and_errors_are_told(void ** /*state*/) {
	open_client(&(struct stsq_config){.timeout_ms = 500, .deadline_ms = 700});
	ask(0, 1);
	struct stsq_answer a;
	assert_int_equal(stsq_next(scene.client, -1, &a), 1);
	assert_int_equal(a.text.verdict, STSQ_SILENT);
	assert_int_equal(a.rcode, -1);
	while (take()) {}
	ask(1, 2);
	let_send();
	must_take();
	answer_rcode(2);
	assert_int_equal(stsq_next(scene.client, -1, &a), 1);
	assert_int_equal(a.text.verdict, STSQ_SILENT);
	assert_int_equal(a.rcode, 2);
	assert_int_equal(stsq_next(scene.client, -1, &a), 0);
	close_client();
}

// `_recheck.` is asked alone, other names around it in batches.
static void a_recheck_is_asked_alone(void ** /*state*/) {
	open_client(&(struct stsq_config){.batch = 10});
	ask(0, 2);
	assert_int_equal(stsq_ask(scene.client, "_Recheck.name.example", NULL), 0);
	ask(2, 4);
	let_send();
	const unsigned want[] = {2, 1, 2};
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take());
		assert_int_equal(scene.r.count, want[i]);
		assert_int_equal(scene.r.batch, i != 1);
	}
	close_client();
}

static void what_cannot_be_asked_is_refused(void ** /*state*/) {
	struct stsq *s;
	struct stsq_config c = {.address = "no address"};
	assert_int_equal(stsq_open(&c, &s), -EINVAL);
	c = (struct stsq_config){.address = "127.0.0.1", .batch = 65};
	assert_int_equal(stsq_open(&c, &s), -EINVAL);
	c = (struct stsq_config){.address = "127.0.0.1", .window = 257};
	assert_int_equal(stsq_open(&c, &s), -EINVAL);
	c = (struct stsq_config){.address = "127.0.0.1", .zone = "a..b"};
	assert_int_equal(stsq_open(&c, &s), -EINVAL);
	open_client(&(struct stsq_config){.batch = 10});
	assert_int_equal(stsq_ask(scene.client, "", NULL), -EINVAL);
	assert_int_equal(stsq_ask(scene.client, "a..b", NULL), -EINVAL);
	assert_int_equal(stsq_ask(scene.client, "_policy.example.com", NULL), -EINVAL);
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	longest[60] = longest[121] = longest[182] = '.';
	longest[249] = '\0';
	longest[240] = '.';
	assert_int_equal(stsq_ask(scene.client, longest, NULL), 0);
	longest[249] = 'a';
	longest[250] = '\0';
	assert_int_equal(stsq_ask(scene.client, longest, NULL), -EINVAL);
	close_client(); // with one that was never sent
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_are_asked_and_given),
		cmocka_unit_test(what_is_lost_is_asked_again),
		cmocka_unit_test(a_server_without_batches_is_asked_one_by_one),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(pending_is_asked_again_until_the_deadline),
		cmocka_unit_test(silence_and_errors_are_told),
		cmocka_unit_test(a_recheck_is_asked_alone),
		cmocka_unit_test(what_cannot_be_asked_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
