// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// store_crash [ROUNDS [SEED [DIRECTORY]]]: kill -9 at any moment loses nothing.
//
// A child writes, replaces and deletes policies as fast as it can. It notes in a
// ledger, mapped by both, which version of a domain it has asked for and which
// one was confirmed, and tells over a pipe that it got on. The parent kills it
// after a random number of such tells, or while it opens the store, opens the
// store itself and demands of each domain the version that was confirmed, or the
// one that was asked for and not yet confirmed; and of the manifest that it
// agrees.

#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	DOMAINS = 4000,
	VALUE_MAX = 2000,
	WINDOW_MAX = 1500,
	TELLS_MAX = 200,
	TELL_FD = 3,
	EXIT_INCOMPLETE = 3,
	EXIT_REFUSED = 4,
};

// Written by the child while it lives, by the parent between rounds.
struct ledger {
	_Atomic uint32_t asked[DOMAINS];
	_Atomic uint32_t confirmed[DOMAINS];
};

static struct ledger *ledger;
static uint64_t random_state;

static void die(const char *what) {
	(void)fprintf(stderr, "store_crash: %s: %m\n", what);
	_exit(1);
}

static uint32_t mix(uint64_t x) {
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(x ^ (x >> 33));
}

static uint32_t draw(uint32_t below) {
	random_state += 0x9e3779b97f4a7c15ULL;
	return mix(random_state) % below;
}

static struct name domain_of(uint32_t i) {
	struct name n;
	n.len = (uint8_t)snprintf(n.text, sizeof(n.text), "d%u.example", i);
	return n;
}

static bool is_deletion(uint32_t i, uint32_t version) {
	return version == 0 || mix(((uint64_t)i << 32) + version) % 4 == 0;
}

static size_t make_value(uint8_t out[VALUE_MAX], uint32_t i, uint32_t version) {
	uint64_t x = ((uint64_t)version << 32) + i;
	size_t len = 16 + mix(x) % (VALUE_MAX - 16);
	memcpy(out, &i, 4);
	memcpy(out + 4, &version, 4);
	for (size_t at = 8; at < len; at++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		out[at] = (uint8_t)(x >> 56);
	}
	return len;
}

static void map_ledger(const char *base) {
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/ledger", base);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*ledger)) < 0) {
		die(path);
	}
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ledger == MAP_FAILED) {
		die("mmap");
	}
	close(fd);
}

static struct store *open_store(const char *base, struct store_load_report *report) {
	char path[512];
	struct store *s = NULL;
	(void)snprintf(path, sizeof(path), "%s/store", base);
	const struct store_config config = {.directory = path};
	int rc = store_open(&config, &s, report);
	if (rc < 0) {
		errno = -rc;
		die("store_open");
	}
	return s;
}

// The child.

static void tell(void) {
	if (write(TELL_FD, ".", 1) != 1) {
		_exit(0); // the parent is gone
	}
}

static void ask(struct store *s, uint32_t i) {
	uint8_t v[VALUE_MAX];
	struct name n = domain_of(i);
	uint32_t version = atomic_load(&ledger->confirmed[i]) + 1;
	size_t len = make_value(v, i, version);
	atomic_store(&ledger->asked[i], version); // before it can reach the disk
	if (!store_put(s, STORE_POLICY, &n, is_deletion(i, version) ? NULL : v, len, i + 1)) {
		_exit(EXIT_REFUSED);
	}
}

static void ask_lazily(struct store *s) {
	struct name n = domain_of(draw(DOMAINS));
	enum store_family family = draw(2) == 0 ? STORE_STATE : STORE_NONE;
	(void)store_put(s, family, &n, draw(3) == 0 ? NULL : "lazy record", 11, 0);
}

// @return How many came.
static uint32_t take_confirms(struct store *s) {
	struct store_confirm c[256];
	struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
	(void)poll(&p, 1, -1);
	size_t n = store_confirmed(s, c, 256);
	for (size_t k = 0; k < n; k++) {
		if (c[k].status < 0) {
			_exit(EXIT_REFUSED);
		}
		uint32_t i = (uint32_t)c[k].ticket - 1;
		atomic_store(&ledger->confirmed[i], atomic_load(&ledger->asked[i]));
	}
	return (uint32_t)n;
}

static void write_for_ever(struct store *s) {
	uint32_t window = 1 + draw(draw(2) == 0 ? 4 : WINDOW_MAX);
	uint32_t under_way = 0;
	for (;;) {
		while (under_way < window) {
			uint32_t i = draw(DOMAINS);
			if (atomic_load(&ledger->asked[i]) == atomic_load(&ledger->confirmed[i])) {
				ask(s, i);
				under_way++;
			}
			if (draw(4) == 0) {
				ask_lazily(s);
			}
		}
		under_way -= take_confirms(s);
		tell();
	}
}

static int be_child(const char *base, uint64_t seed) {
	struct store_load_report report;
	random_state = seed;
	map_ledger(base);
	tell();
	struct store *s = open_store(base, &report);
	if (store_load(s, STORE_POLICY, NULL, NULL, &report) < 0 || !report.complete) {
		(void)fprintf(stderr, "store_crash: child: %s\n", report.fault);
		return EXIT_INCOMPLETE;
	}
	if (store_start(s) < 0) {
		return EXIT_REFUSED;
	}
	write_for_ever(s);
	return 0;
}

// The parent.

struct outcome {
	uint64_t confirmed; // versions
	uint64_t open_kills;
	uint64_t doubtful; // under way when it was killed
	uint64_t doubtful_kept;
	unsigned wrong;
};

static uint32_t on_disk[DOMAINS];

static bool see(void *arg, const struct name *domain, const void *value, size_t len) {
	struct outcome *o = arg;
	uint8_t expected[VALUE_MAX];
	uint32_t i = 0;
	uint32_t version = 0;
	if (len >= 8) {
		memcpy(&i, value, 4);
		memcpy(&version, (const uint8_t *)value + 4, 4);
	}
	struct name n = domain_of(i);
	if (i >= DOMAINS || !name_equal(&n, domain) || make_value(expected, i, version) != len
	    || memcmp(expected, value, len) != 0) {
		(void)fprintf(stderr, "store_crash: %s: wrong value\n", domain->text);
		o->wrong++;
		return false;
	}
	on_disk[i] = version;
	return true;
}

static bool is_kept(uint32_t i, uint32_t version) {
	return on_disk[i] == (is_deletion(i, version) ? 0 : version);
}

static void check_domain(uint32_t i, struct outcome *o) {
	uint32_t confirmed = atomic_load(&ledger->confirmed[i]);
	uint32_t asked = atomic_load(&ledger->asked[i]);
	bool new = asked != confirmed &&is_kept(i, asked);
	o->doubtful += asked != confirmed ? 1 : 0;
	o->doubtful_kept += new ? 1 : 0;
	if (!new && !is_kept(i, confirmed)) {
		(void)fprintf(
			stderr,
			"store_crash: d%u.example: version %u is on disk, %u was confirmed, %u "
			"asked for\n",
			i,
			on_disk[i],
			confirmed,
			asked
		);
		o->wrong++;
	}
	o->confirmed += confirmed;
	// From here the next child goes on.
	atomic_store(&ledger->confirmed[i], new ? asked : confirmed);
	atomic_store(&ledger->asked[i], new ? asked : confirmed);
}

static void check(const char *base, struct outcome *o) {
	struct store_load_report report;
	struct store *s = open_store(base, &report);
	memset(on_disk, 0, sizeof(on_disk));
	o->confirmed = 0;
	if (store_load(s, STORE_POLICY, see, o, &report) < 0 || !report.complete) {
		(void)fprintf(stderr, "store_crash: %s\n", report.fault);
		o->wrong++;
	}
	store_close(s);
	for (uint32_t i = 0; i < DOMAINS; i++) {
		check_domain(i, o);
	}
}

static pid_t spawn_child(const char *base, uint64_t seed, int tell_fd) {
	char number[32];
	char name[] = "store_crash";
	char flag[] = "--child";
	char path[512];
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)seed);
	(void)snprintf(path, sizeof(path), "%s", base);
	char *const argv[] = {name, flag, path, number, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, tell_fd, TELL_FD);
	if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0) {
		die("posix_spawn");
	}
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

// Waits for so many tells. @return False: the child ended by itself.
static bool follow(int fd, uint32_t tells) {
	char buf[64];
	while (tells > 0) {
		ssize_t n = read(fd, buf, tells < sizeof(buf) ? tells : sizeof(buf));
		if (n <= 0) {
			return false;
		}
		tells -= (uint32_t)n;
	}
	return true;
}

static void kill_one(const char *base, struct outcome *o) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		die("pipe2");
	}
	pid_t pid = spawn_child(base, ((uint64_t)draw(UINT32_MAX) << 20) + draw(1 << 20), ends[1]);
	close(ends[1]);
	bool opening = draw(4) == 0;
	o->open_kills += opening ? 1 : 0;
	bool alive = follow(ends[0], opening ? 1 : 2 + draw(TELLS_MAX));
	// Some more time, of any length, for the moment to be a random one.
	for (uint32_t spin = draw(opening ? 20000 : 2000); spin > 0; spin--) {
		(void)getppid();
	}
	kill(pid, SIGKILL);
	int status = 0;
	if (waitpid(pid, &status, 0) != pid) {
		die("waitpid");
	}
	close(ends[0]);
	if (!alive || !WIFSIGNALED(status)) {
		(void)fprintf(stderr, "store_crash: the child ended with %#x\n", (unsigned)status);
		o->wrong++;
	}
}

static int run(const char *base, unsigned rounds) {
	struct outcome o = {.wrong = 0};
	unsigned done = 0;
	map_ledger(base);
	while (done < rounds && o.wrong == 0) {
		kill_one(base, &o);
		check(base, &o);
		done++;
	}
	(void
	)printf("%u kills, %llu of them while opening; %llu versions confirmed, %llu in doubt of "
		"which %llu were kept; %u faults\n",
		done,
		(unsigned long long)o.open_kills,
		(unsigned long long)o.confirmed,
		(unsigned long long)o.doubtful,
		(unsigned long long)o.doubtful_kept,
		o.wrong);
	return o.wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
	if (argc == 4 && strcmp(argv[1], "--child") == 0) {
		return be_child(argv[2], strtoull(argv[3], NULL, 10));
	}
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
	random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	char base[512];
	(void)snprintf(base, sizeof(base), "%.400s/store_crash-XXXXXX", argc > 3 ? argv[3] : ".");
	if (mkdtemp(base) == NULL) {
		die("mkdtemp");
	}
	if (run(base, rounds) != 0) {
		(void)fprintf(stderr, "store_crash: evidence is left in %s\n", base);
		return 1;
	}
	char command[600];
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", base);
	// NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a directory of ours
	return system(command) == 0 ? 0 : 1;
}
