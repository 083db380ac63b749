// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/memifready.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// The control messages (libmemif, memif.h): fixed size, little endian, packed.
#define MESSAGE 128
#define TYPE_ACK 1
#define TYPE_HELLO 2
#define TYPE_INIT 3
#define VERSION_HI 2 // 2.0
#define NAME_AT 33   // type 2, version 2, id 4, mode 1, secret 24
#define STEP_MS 200

static void nap(void) {
	struct timespec t = {.tv_nsec = STEP_MS * 1000000L};
	nanosleep(&t, NULL);
}

// @return Type of the next message, or -1: none within a second.
static int next_type(int fd) {
	uint8_t msg[MESSAGE];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, 1000) != 1 || recv(fd, msg, sizeof(msg), 0) < 2)
		return -1;
	return msg[0] | msg[1] << 8;
}

static bool knock(const char *path) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >= sizeof(to.sun_path))
		return false;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	uint8_t init[MESSAGE] = {[0] = TYPE_INIT, [3] = VERSION_HI};
	memcpy(init + NAME_AT, "knock", 5);
	bool ready = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0
		     && next_type(fd) == TYPE_HELLO
		     && send(fd, init, sizeof(init), MSG_NOSIGNAL) > 0 && next_type(fd) == TYPE_ACK;
	close(fd);
	return ready;
}

bool memifready_wait(const char *path, mono_ns_t until) {
	bool ready = false;
	while (!ready && clock_mono_ns() < until) {
		ready = knock(path);
		nap();
	}
	return ready;
}
