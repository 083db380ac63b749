// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// What children may do is read from the kernel, not from our own code.

#include "fetch/channel.h"
#include "fetch/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD_MS 30000

static int spawner;

static void wait_readable(int fd) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, GUARD_MS), 1);
}

static struct spawn_event next_event(void) {
	struct spawn_event e;
	int n;
	while ((n = spawn_poll(spawner, &e)) == 0) {
		wait_readable(spawner);
	}
	assert_int_equal(n, 1);
	return e;
}

static struct spawn_event make(enum spawn_kind kind) {
	assert_int_equal(spawn_request(spawner, 7, kind), 0);
	struct spawn_event e = next_event();
	assert_true(e.pid > 0);
	assert_true(e.fd >= 0);
	assert_int_equal(e.slot, 7);
	assert_int_equal(e.kind, kind);
	return e;
}

static void read_proc(pid_t pid, const char *what, char *to, size_t cap) {
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, to, cap - 1);
	assert_true(n >= 0);
	to[n] = '\0';
	close(fd);
}

// A child locks itself in once it has its configuration, and then answers: a
// task of the wrong kind is answered at once.
static void configure(const struct spawn_event *e) {
	static struct channel_config config = {
		.upstream_count = 1,
		.upstreams = {{.address = {.family = AF_INET, .octets = {127, 0, 0, 1}}, .port = 9}},
		.dns_try_ms = 1000,
		.dns_tries = 1,
		.total_ms = 1000,
		.ca_file = "/nonexistent",
	};
	assert_int_equal(send(e->fd, &config, sizeof(config), 0), sizeof(config));
	struct task t = {.id = 1, .kind = e->kind == SPAWN_FETCH ? TASK_TXT : TASK_POLICY};
	assert_int_equal(name_parse("example.com", 11, &t.domain), NAME_OK);
	t.address_count = t.kind == TASK_POLICY ? 1 : 0;
	t.addresses[0].family = AF_INET;
	uint8_t msg[OUTCOME_BYTES_MAX];
	int len = task_encode(&t, msg, sizeof(msg));
	assert_true(len > 0);
	assert_int_equal(send(e->fd, msg, (size_t)len, 0), len);
	wait_readable(e->fd);
	ssize_t n = recv(e->fd, msg, sizeof(msg), 0);
	struct outcome o;
	assert_true(n > 0);
	assert_int_equal(outcome_decode(msg, (size_t)n, &o), 0);
	assert_int_equal(o.code, OUTCOME_LOCAL);
}

static void end(const struct spawn_event *e) {
	close(e->fd);
	struct spawn_event gone = next_event();
	assert_int_equal(gone.pid, e->pid);
	assert_int_equal(gone.fd, -1);
	assert_true(WIFEXITED(gone.status));
}

static void assert_has(const char *status, const char *line) {
	if (strstr(status, line) == NULL) {
		fail_msg("no \"%s\" in\n%s", line, status);
	}
}

static void children_are_confined(void ** /*state*/) {
	const enum spawn_kind kinds[] = {SPAWN_RESOLVE, SPAWN_FETCH};
	const char *const titles[] = {"stsd: resolve", "stsd: fetch"};
	for (size_t i = 0; i < 2; i++) {
		struct spawn_event e = make(kinds[i]);
		configure(&e);
		char text[8192];
		read_proc(e.pid, "status", text, sizeof(text));
		assert_has(text, "\nSeccomp:\t2\n");
		assert_has(text, "\nNoNewPrivs:\t1\n");
		assert_has(text, "\nCapPrm:\t0000000000000000\n");
		assert_has(text, "\nCapEff:\t0000000000000000\n");
		assert_has(text, "\nThreads:\t1\n");
		if (geteuid() == 0) {
			assert_has(text, "\nCapBnd:\t0000000000000000\n");
			assert_has(text, "\nUid:\t65534\t65534\t65534\t65534\n");
			assert_has(text, "\nGroups:\t \n");
		}
		read_proc(e.pid, "cmdline", text, sizeof(text));
		// A short command line leaves room for its beginning only.
		assert_true(strlen(text) > strlen("stsd: "));
		assert_memory_equal(text, titles[i], strlen(text));
		errno = 0;
		int own = getpriority(PRIO_PROCESS, 0);
		assert_int_equal(getpriority(PRIO_PROCESS, (id_t)e.pid), own > 10 ? own : 10);
		end(&e);
	}
}

static void limits_are_set(void ** /*state*/) {
	struct spawn_config config = {.files = 100};
	sched_getaffinity(0, sizeof(config.cpus), &config.cpus);
	size_t cpu = 0;
	while (!CPU_ISSET(cpu, &config.cpus)) {
		cpu++;
	}
	CPU_ZERO(&config.cpus);
	CPU_SET(cpu, &config.cpus);
	assert_int_equal(spawn_configure(spawner, &config), 0);
	struct spawn_event e = make(SPAWN_RESOLVE);
	configure(&e);
	char text[4096];
	read_proc(e.pid, "limits", text, sizeof(text));
	assert_has(text, "\nMax core file size        0                    0 ");
	assert_has(text, "\nMax file size             0                    0 ");
	assert_has(text, "\nMax processes             0                    0 ");
	assert_has(text, "\nMax open files            100                  100 ");
	cpu_set_t cpus;
	assert_int_equal(sched_getaffinity(e.pid, sizeof(cpus), &cpus), 0);
	assert_true(CPU_EQUAL(&cpus, &config.cpus));
	end(&e);
	assert_int_equal(spawn_configure(spawner, &(struct spawn_config){0}), 0);
}

static void only_its_socket_is_open(void ** /*state*/) {
	if (geteuid() != 0) {
		skip(); // the child is not ours to look at
	}
	struct spawn_event e = make(SPAWN_FETCH);
	configure(&e);
	unsigned sockets = 0;
	for (int fd = 0; fd < 64; fd++) {
		char path[64];
		char target[128];
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)e.pid, fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n < 0 || fd == STDERR_FILENO) {
			continue;
		}
		target[n] = '\0';
		sockets += strncmp(target, "socket:", 7) == 0 ? 1 : 0;
		// libevent has a pipe to itself.
		bool harmless = strcmp(target, "/dev/null") == 0
				|| strncmp(target, "anon_inode:", 11) == 0
				|| strncmp(target, "pipe:", 5) == 0;
		if (!harmless && (fd != 3 || sockets != 1)) {
			fail_msg("%d is %s", fd, target);
		}
	}
	assert_int_equal(sockets, 1);
	end(&e);
}

static void nonsense_ends_a_child(void ** /*state*/) {
	struct spawn_event e = make(SPAWN_RESOLVE);
	assert_int_equal(send(e.fd, "nonsense", 8, 0), 8);
	struct spawn_event gone = next_event();
	assert_int_equal(gone.pid, e.pid);
	assert_true(WIFEXITED(gone.status) && WEXITSTATUS(gone.status) != 0);
	close(e.fd);
	e = make(SPAWN_RESOLVE);
	configure(&e);
	assert_int_equal(send(e.fd, "no task", 7, 0), 7);
	gone = next_event();
	assert_int_equal(gone.pid, e.pid);
	assert_true(WIFEXITED(gone.status) && WEXITSTATUS(gone.status) != 0);
	close(e.fd);
}

static void only_children_are_killed(void ** /*state*/) {
	struct spawn_event e = make(SPAWN_RESOLVE);
	assert_int_equal(spawn_kill(spawner, getpid()), 0);
	assert_int_equal(kill(e.pid, SIGSTOP), 0);
	assert_int_equal(spawn_kill(spawner, e.pid), 0);
	struct spawn_event gone = next_event();
	assert_int_equal(gone.pid, e.pid);
	assert_true(WIFSIGNALED(gone.status));
	assert_int_equal(WTERMSIG(gone.status), SIGKILL);
	close(e.fd);
}

static void children_die_with_the_spawner(void ** /*state*/) {
	struct spawn_event e = make(SPAWN_FETCH);
	configure(&e);
	assert_int_equal(kill(spawn_pid(), SIGKILL), 0);
	// The child held the other end.
	wait_readable(e.fd);
	char octet;
	assert_true(recv(e.fd, &octet, 1, 0) <= 0);
	wait_readable(spawner);
	struct spawn_event none;
	assert_true(spawn_poll(spawner, &none) < 0);
	assert_int_equal(waitpid(spawn_pid(), NULL, 0), spawn_pid());
	close(e.fd);
	close(spawner);
}

int main(void) {
	spawner = spawn_start("nobody");
	if (spawner < 0) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_are_confined),
		cmocka_unit_test(limits_are_set),
		cmocka_unit_test(only_its_socket_is_open),
		cmocka_unit_test(nonsense_ends_a_child),
		cmocka_unit_test(only_children_are_killed),
		cmocka_unit_test(children_die_with_the_spawner), // last
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
