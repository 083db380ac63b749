// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Reads domains, one a line, and writes what is known of each, a line as answers
// come: the domain, the verdict, and for a policy its mode, id, end and patterns,
// parted by tabs.
//
// Usage: stsq_list ADDRESS [PORT [BATCH [DEADLINE_MS]]] <DOMAINS

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stsq.h>

static int fail(const char *what, int code) {
	fprintf(stderr, "stsq_list: %s: %s\n", what, strerror(-code));
	return 1;
}

static void print(const struct stsq_answer *a) {
	printf("%s\t%s", a->domain, stsq_verdict_str(a->text.verdict));
	if (a->text.verdict == STSQ_POLICY) {
		printf("\t%s\t%s\t%" PRIu64 "\t",
		       stsq_mode_str(a->text.mode),
		       a->text.id,
		       a->text.exp);
		for (unsigned i = 0; i < a->text.mx_count; i++) {
			printf("%s%s", i > 0 ? "," : "", a->text.mx[i]);
		}
	} else if (a->text.why[0] != '\0') {
		printf("\t%s", a->text.why);
	}
	putchar('\n');
}

static unsigned number(int argc, char **argv, int i) {
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fputs("usage: stsq_list ADDRESS [PORT [BATCH [DEADLINE_MS]]] <DOMAINS\n", stderr);
		return 2;
	}
	const struct stsq_config config = {
		.address = argv[1],
		.port = (uint16_t)number(argc, argv, 2),
		.batch = number(argc, argv, 3),
		.deadline_ms = number(argc, argv, 4),
	};
	struct stsq *s = NULL;
	int rc = stsq_open(&config, &s);
	if (rc < 0) {
		return fail(argv[1], rc);
	}
	char line[1024];
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		rc = line[0] == '\0' ? 0 : stsq_ask(s, line, NULL);
		if (rc < 0) {
			fail(line, rc); // no name of the DNS: the others are asked all the same
		}
	}
	struct stsq_answer a;
	while ((rc = stsq_next(s, -1, &a)) > 0) {
		print(&a);
	}
	struct stsq_stats st;
	stsq_stats(s, &st);
	fprintf(stderr,
		"%" PRIu64 " requests, %" PRIu64 " datagrams, %" PRIu64 " records, %" PRIu64
		" timeouts, %" PRIu64 " strangers, batches %s\n",
		st.requests,
		st.datagrams,
		st.answers,
		st.timeouts,
		st.strangers,
		st.batches ? "yes" : "no");
	stsq_close(s);
	return rc < 0 ? fail("stsq_next", rc) : 0;
}
