// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Freezes one thread: ptrace SEIZE and INTERRUPT, says "frozen", and lets it go
// when standard input ends. Usage: freeze TID

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
	pid_t tid = argc == 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	if (tid <= 0 || ptrace(PTRACE_SEIZE, tid, 0, 0) < 0
	    || ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 || waitpid(tid, NULL, __WALL) != tid) {
		fprintf(stderr, "freeze: %s\n", strerrordesc_np(errno));
		return 1;
	}
	puts("frozen");
	fflush(stdout);
	char drop[16];
	while (read(STDIN_FILENO, drop, sizeof(drop)) > 0) {}
	return ptrace(PTRACE_DETACH, tid, 0, 0) < 0;
}
