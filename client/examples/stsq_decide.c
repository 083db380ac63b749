// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// What a sender makes of the answers, within an event loop of its own: it never
// waits in the library.
//
// Usage: stsq_decide ADDRESS PORT DOMAIN...

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stsq.h>

#define TICK_MS 100

static void decide(const struct stsq_answer *a) {
	const struct stsq_text *t = &a->text;
	printf("%s: ", a->domain);
	switch (t->verdict) {
	case STSQ_POLICY:
		if (t->mode != STSQ_MODE_ENFORCE) {
			printf("deliver (policy of mode %s)\n", stsq_mode_str(t->mode));
			return;
		}
		fputs("verified TLS, only to", stdout);
		for (unsigned i = 0; i < t->mx_count; i++) {
			printf(" %s", t->mx[i]);
		}
		puts(t->more ? " and others" : "");
		return;
	case STSQ_NONE:
	case STSQ_FAILED:
		puts("deliver");
		return;
	case STSQ_UNKNOWN:
		printf("nobody can say (%s)\n", t->why);
		return;
	default:
		puts("wait and ask again");
		return;
	}
}

int main(int argc, char **argv) {
	if (argc < 4) {
		fputs("usage: stsq_decide ADDRESS PORT DOMAIN...\n", stderr);
		return 2;
	}
	const struct stsq_config config = {
		.address = argv[1],
		.port = (uint16_t)strtoul(argv[2], NULL, 10),
	};
	struct stsq *s = NULL;
	int rc = stsq_open(&config, &s);
	for (int i = 3; rc >= 0 && i < argc; i++) {
		rc = stsq_ask(s, argv[i], NULL);
	}
	while (rc >= 0 && stsq_left(s) > 0) {
		struct stsq_answer a;
		while ((rc = stsq_next(s, 0, &a)) > 0) {
			decide(&a);
		}
		rc = rc == -EAGAIN ? 0 : rc;
		// Other descriptors of the program would stand here too.
		struct pollfd p = {.fd = stsq_fd(s), .events = POLLIN};
		(void)poll(&p, 1, stsq_left(s) > 0 ? TICK_MS : 0);
	}
	stsq_close(s);
	if (rc < 0) {
		fprintf(stderr, "stsq_decide: %s\n", strerror(-rc));
	}
	return rc < 0;
}
