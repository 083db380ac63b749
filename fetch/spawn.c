// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/spawn.h"

#include "base/err.h"
#include "base/log.h"
#include "fetch/confine.h"
#include "fetch/fetchworker.h"
#include "fetch/resolve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TOPIC "spawn"

#define CHILDREN_MAX 64
#define MEMORY_BYTES (256ULL << 20)
#define FILES 8448
#define EXIT_CONFINE 3 // what a child must not have could not be given up

enum message_type { MESSAGE_CONFIG = 1, MESSAGE_REQUEST, MESSAGE_KILL };

// Both ends are one program: messages cross as they lie in memory.
struct message {
	enum message_type type;
	uint32_t slot;
	enum spawn_kind kind;
	pid_t pid;
	struct spawn_config config;
};

struct report {
	uint32_t slot;
	enum spawn_kind kind;
	pid_t pid;
	int status;
	bool ended;
};

struct child {
	pid_t pid; // 0: free
	uint32_t slot;
	enum spawn_kind kind;
};

struct spawner {
	int fd;
	int signals;
	struct spawn_config config;
	struct child children[CHILDREN_MAX];
};

static pid_t started;

// Blocks while sts:main is behind with reading: the spawner has nothing better
// to do, and no event may be lost.
static void report(const struct spawner *s, const struct report *r, int fd) {
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = &(struct report){0}, .iov_len = sizeof(*r)};
	memcpy(iov.iov_base, r, sizeof(*r));
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		m.msg_control = control.octets;
		m.msg_controllen = sizeof(control.octets);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t n;
	do {
		n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		_exit(0); // nobody is there any more; the children follow
	}
}

static void ignore_terminal(void) {
	// Stopping is the parent's business: it closes the socket.
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaction(signals[i], &ignore, NULL);
	}
}

static bool find_account(const char *user, struct confine_limits *limits) {
	if (geteuid() != 0) {
		return true;
	}
	char names[4096];
	struct passwd account;
	struct passwd *p = NULL;
	if (getpwnam_r(user, &account, names, sizeof(names), &p) != 0 || p == NULL
	    || p->pw_uid == 0) {
		LOG(ERROR, "%s is no unprivileged account", user);
		return false;
	}
	limits->uid = p->pw_uid;
	limits->gid = p->pw_gid;
	return true;
}

_Noreturn static void
run_child(enum spawn_kind kind, const struct confine_limits *limits, int fd, pid_t parent) {
	sigset_t none;
	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	confine_title(kind == SPAWN_RESOLVE ? "stsd: resolve" : "stsd: fetch");
	int kept = confine_files(fd);
	if (kept < 0 || confine_child(limits, parent) != 0) {
		_exit(EXIT_CONFINE);
	}
	if (kind == SPAWN_RESOLVE) {
		resolve_run(kept);
	}
	fetchworker_run(kept);
}

static struct child *find_child(struct spawner *s, pid_t pid) {
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (s->children[i].pid == pid) {
			return &s->children[i];
		}
	}
	return NULL;
}

// @return The child's pid, or 0; *fd is the socket to it.
static pid_t make_child(struct spawner *s, enum spawn_kind kind, int *fd) {
	const struct spawn_config *c = &s->config;
	struct confine_limits limits = {
		.cpus = CPU_COUNT(&c->cpus) > 0 ? &c->cpus : NULL,
		.memory_bytes = c->memory_bytes > 0 ? c->memory_bytes : MEMORY_BYTES,
		.files = c->files > 0 ? c->files : FILES,
	};
	int pair[2];
	if (!find_account(c->user, &limits)
	    || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		return 0;
	}
	pid_t self = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		run_child(kind, &limits, pair[1], self);
	}
	close(pair[1]);
	if (pid < 0) {
		LOG(ERROR, "no child: %s", err_str(-errno));
		close(pair[0]);
		return 0;
	}
	*fd = pair[0];
	return pid;
}

static void serve_request(struct spawner *s, uint32_t slot, enum spawn_kind kind) {
	int fd = -1;
	struct child *place = find_child(s, 0);
	pid_t pid = place != NULL ? make_child(s, kind, &fd) : 0;
	struct report r = {.slot = slot, .kind = kind, .pid = pid, .ended = pid == 0};
	if (pid != 0) {
		*place = (struct child){.pid = pid, .slot = slot, .kind = kind};
	}
	report(s, &r, fd);
	if (fd >= 0) {
		close(fd);
	}
}

static void reap(struct spawner *s) {
	struct signalfd_siginfo drop;
	(void)!read(s->signals, &drop, sizeof(drop));
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_child(s, pid);
		if (c != NULL) {
			struct report r = {
				.slot = c->slot,
				.kind = c->kind,
				.pid = pid,
				.status = status,
				.ended = true,
			};
			*c = (struct child){0};
			report(s, &r, -1);
		}
	}
}

static void take_config(struct spawner *s, const struct spawn_config *config) {
	char user[SPAWN_USER_MAX + 1];
	memcpy(user, config->user[0] != '\0' ? config->user : s->config.user, sizeof(user));
	s->config = *config;
	memcpy(s->config.user, user, sizeof(user));
}

static void serve(struct spawner *s) {
	struct message m;
	ssize_t n = recv(s->fd, &m, sizeof(m), 0);
	if (n < 0 && errno == EINTR) {
		return;
	}
	if (n != (ssize_t)sizeof(m)) {
		_exit(0); // closed
	}
	if (m.type == MESSAGE_CONFIG) {
		take_config(s, &m.config);
	} else if (m.type == MESSAGE_REQUEST) {
		serve_request(s, m.slot, m.kind);
	} else if (m.pid > 0 && find_child(s, m.pid) != NULL) {
		(void)kill(m.pid, SIGKILL);
	}
}

_Noreturn static void run_spawner(int fd, const char *user, pid_t parent) {
	confine_title("stsd: spawn");
	ignore_terminal();
	struct spawner s = {.fd = fd};
	(void)snprintf(s.config.user, sizeof(s.config.user), "%s", user);
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, NULL);
	s.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signals < 0 || confine_spawner() != 0
	    || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent) {
		_exit(EXIT_CONFINE);
	}
	for (;;) {
		struct pollfd p[] = {
			{.fd = s.fd, .events = POLLIN},
			{.fd = s.signals, .events = POLLIN},
		};
		if (poll(p, 2, -1) < 0) {
			continue;
		}
		// Ends first: a request may need the place.
		if (p[1].revents != 0) {
			reap(&s);
		}
		if (p[0].revents != 0) {
			serve(&s);
		}
	}
}

int spawn_start(const char *user) {
	int pair[2];
	if (strlen(user) > SPAWN_USER_MAX) {
		return -EINVAL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		return -errno;
	}
	pid_t self = getpid();
	pid_t pid = fork();
	if (pid < 0) {
		int code = -errno;
		close(pair[0]);
		close(pair[1]);
		return code;
	}
	if (pid == 0) {
		close(pair[0]);
		run_spawner(pair[1], user, self);
	}
	close(pair[1]);
	started = pid;
	return pair[0];
}

pid_t spawn_pid(void) {
	return started;
}

static int tell(int spawner, const struct message *m) {
	ssize_t n = send(spawner, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

int spawn_configure(int spawner, const struct spawn_config *config) {
	return tell(spawner, &(struct message){.type = MESSAGE_CONFIG, .config = *config});
}

int spawn_request(int spawner, uint32_t slot, enum spawn_kind kind) {
	return tell(
		spawner, &(struct message){.type = MESSAGE_REQUEST, .slot = slot, .kind = kind}
	);
}

int spawn_kill(int spawner, pid_t pid) {
	return tell(spawner, &(struct message){.type = MESSAGE_KILL, .pid = pid});
}

int spawn_poll(int spawner, struct spawn_event *event) {
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct report r;
	struct iovec iov = {.iov_base = &r, .iov_len = sizeof(r)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.octets,
		.msg_controllen = sizeof(control.octets),
	};
	ssize_t n = recvmsg(spawner, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	if (n != (ssize_t)sizeof(r)) {
		return -EPIPE;
	}
	*event = (struct spawn_event){
		.slot = r.slot,
		.kind = r.kind,
		.pid = r.pid,
		.fd = -1,
		.status = r.status,
	};
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		memcpy(&event->fd, CMSG_DATA(c), sizeof(event->fd));
	}
	// No descriptor left on our side: a child we cannot talk to is of no use.
	if (!r.ended && event->fd < 0) {
		(void)!spawn_kill(spawner, r.pid);
		event->pid = 0;
	}
	return 1;
}
