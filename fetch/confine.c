// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Sanitizers reserve terabytes and call what a child may not: limits on memory
// are left out there and the filter is widened.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) \
	|| __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define NICE 10
// Code, stacks and libraries on top of what a child may allocate.
#define MAPPED_BYTES (512ULL << 20)
#define KEPT_FD 3

// The argument area is ours to write: its bounds are fields 48 and 49 of
// /proc/self/stat (proc(5)). Counting starts after the name, which may hold
// anything, and ends with the last ')'.
static bool argument_area(unsigned long *start, unsigned long *end) {
	char line[2048];
	FILE *f = fopen("/proc/self/stat", "re");
	if (f == NULL) {
		return false;
	}
	size_t n = fread(line, 1, sizeof(line) - 1, f);
	(void)fclose(f);
	line[n] = '\0';
	char *at = strrchr(line, ')');
	for (int field = 2; at != NULL && field < 48; field++) {
		at = strchr(at + 1, ' ');
	}
	if (at == NULL) {
		return false;
	}
	*start = strtoul(at, &at, 10);
	*end = strtoul(at, NULL, 10);
	return *start != 0 && *end > *start;
}

void confine_title(const char *title) {
	char thread[16];
	size_t n = 0;
	for (const char *c = title; *c != '\0' && n + 1 < sizeof(thread); c++) {
		if (*c != ' ') {
			thread[n++] = *c;
		}
	}
	thread[n] = '\0';
	(void)prctl(PR_SET_NAME, thread, 0, 0, 0);
	unsigned long start;
	unsigned long end;
	if (argument_area(&start, &end)) {
		// The kernel tells it as a number. NOLINTNEXTLINE(performance-no-int-to-ptr)
		char *area = (char *)start;
		memset(area, 0, end - start);
		(void)snprintf(area, end - start, "%s", title);
	}
}

int confine_files(int keep) {
	int null = open("/dev/null", O_RDWR);
	// Out of the way, in case it got the number that is to be kept.
	null = null >= 0 ? fcntl(null, F_DUPFD, KEPT_FD + 1) : null;
	if (null < 0 || dup2(keep, KEPT_FD) < 0) {
		return -errno;
	}
	for (int fd = 0; fd < KEPT_FD; fd++) {
		// A sanitizer's report is worth more than a closed descriptor.
		if ((fd != STDERR_FILENO || !SANITIZED) && dup2(null, fd) < 0) {
			return -errno;
		}
	}
	return syscall(SYS_close_range, KEPT_FD + 1, ~0U, 0) == 0 ? KEPT_FD : -errno;
}

static int set_capabilities(uint64_t keep) {
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
	}
	return syscall(SYS_capset, &head, data) == 0 ? 0 : -errno;
}

int confine_spawner(void) {
	if (geteuid() != 0) {
		return 0;
	}
	const int needed[] = {CAP_KILL, CAP_SETUID, CAP_SETGID, CAP_SETPCAP};
	uint64_t keep = 0;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		keep |= 1ULL << needed[i];
	}
	return set_capabilities(keep);
}

static void drop_bounding_set(void) {
	for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
}

static int take_account(uid_t uid, gid_t gid) {
	if (geteuid() != 0) {
		return 0;
	}
	drop_bounding_set();
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0
	    || setresuid(uid, uid, uid) != 0) {
		return -errno;
	}
	// Root must be out of reach, or nothing below means anything.
	return setresuid(0, 0, 0) == 0 ? -EPERM : 0;
}

static int limit(__rlimit_resource_t what, uint64_t most) {
	struct rlimit now;
	if (getrlimit(what, &now) != 0) {
		return -errno;
	}
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most) {
		now.rlim_max = most;
	}
	now.rlim_cur = now.rlim_max;
	return setrlimit(what, &now) == 0 ? 0 : -errno;
}

static int take_limits(const struct confine_limits *limits) {
	const struct {
		__rlimit_resource_t what;
		uint64_t most;
		bool memory;
	} all[] = {
		{RLIMIT_AS, limits->memory_bytes + MAPPED_BYTES, true},
		{RLIMIT_DATA, limits->memory_bytes, true},
		{RLIMIT_CORE, 0, false},
		{RLIMIT_FSIZE, 0, false},
		{RLIMIT_MEMLOCK, 0, false},
		{RLIMIT_MSGQUEUE, 0, false},
		{RLIMIT_NOFILE, limits->files, false},
		{RLIMIT_NPROC, 0, false},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int code = all[i].memory && SANITIZED ? 0 : limit(all[i].what, all[i].most);
		if (code != 0) {
			return code;
		}
	}
	return 0;
}

int confine_child(const struct confine_limits *limits, pid_t parent) {
	// A CPU that went offline is no reason to have no children.
	if (limits->cpus != NULL) {
		(void)sched_setaffinity(0, sizeof(*limits->cpus), limits->cpus);
	}
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	int code = take_account(limits->uid, limits->gid);
	if (code == 0) {
		code = set_capabilities(0);
	}
	if (code == 0) {
		code = take_limits(limits);
	}
	if (code != 0) {
		return code;
	}
	// After the change of uid, which clears it.
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0
	    || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
	    || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		return -errno;
	}
	// The parent may have ended before the signal was asked for.
	return getppid() == parent ? 0 : -ESRCH;
}

// clang-format off
static const int ALLOWED[] = {
	// the loop
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(restart_syscall),
	// open sockets
	SCMP_SYS(bind), SCMP_SYS(close), SCMP_SYS(connect), SCMP_SYS(getsockopt),
	SCMP_SYS(read), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
	SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(write),
	// memory
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
	// the rest
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid),
	SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn),
};

static const int SANITIZER_ALLOWED[] = {
	SCMP_SYS(getrlimit), SCMP_SYS(gettid), SCMP_SYS(kill), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(newfstatat), SCMP_SYS(openat), SCMP_SYS(prctl), SCMP_SYS(prlimit64),
	SCMP_SYS(readlink), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
};
// clang-format on

static int allow(scmp_filter_ctx ctx, const int calls[], size_t count) {
	for (size_t i = 0; i < count; i++) {
		int code = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
		if (code != 0) {
			return code;
		}
	}
	return 0;
}

static int allow_if(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp condition) {
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &condition);
}

// Calls whose first or third argument decides.
static int allow_some(scmp_filter_ctx ctx) {
	const struct scmp_arg_cmp inet = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_INET};
	const struct scmp_arg_cmp inet6 = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_INET6};
	// Memory that can be written must never be run.
	const struct scmp_arg_cmp no_exec = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
	int code = allow_if(ctx, SCMP_SYS(socket), inet);
	if (code == 0) {
		code = allow_if(ctx, SCMP_SYS(socket), inet6);
	}
	if (code == 0 && !SANITIZED) {
		code = allow_if(ctx, SCMP_SYS(mmap), no_exec);
	}
	if (code == 0 && !SANITIZED) {
		code = allow_if(ctx, SCMP_SYS(mprotect), no_exec);
	}
	return code;
}

int confine_lock(void) {
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL) {
		return -ENOMEM;
	}
	// The kernel's log names the call; kernels before 4.14 have no such thing.
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	int code = allow(ctx, ALLOWED, sizeof(ALLOWED) / sizeof(ALLOWED[0]));
	if (code == 0) {
		code = allow_some(ctx);
	}
	if (code == 0 && SANITIZED) {
		code = allow(
			ctx,
			SANITIZER_ALLOWED,
			sizeof(SANITIZER_ALLOWED) / sizeof(SANITIZER_ALLOWED[0])
		);
	}
	if (code == 0) {
		code = seccomp_load(ctx);
	}
	seccomp_release(ctx);
	return code;
}
