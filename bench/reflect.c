// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/reflect.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BURST 32
#define DATAGRAM_MAX 2048
#define BUFFER_BYTES (4 << 20)

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench reflect IP@PORT\n"
	       "  sends every datagram back, for ever\n",
	       out);
	return status;
}

static bool parse(const char *text, struct sockaddr_in *out) {
	char ip[INET_ADDRSTRLEN];
	const char *at = strchr(text, '@');
	if (!at || (size_t)(at - text) >= sizeof(ip))
		return false;
	memcpy(ip, text, (size_t)(at - text));
	ip[at - text] = '\0';
	char *end;
	unsigned long port = strtoul(at + 1, &end, 10);
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return !*end && port > 0 && port < 65536 && inet_pton(AF_INET, ip, &out->sin_addr) == 1;
}

static int reflect(int fd) {
	static uint8_t bytes[BURST][DATAGRAM_MAX];
	struct sockaddr_in from[BURST];
	struct iovec parts[BURST];
	struct mmsghdr msgs[BURST];
	for (;;) {
		for (unsigned i = 0; i < BURST; i++) {
			parts[i] = (struct iovec){bytes[i], DATAGRAM_MAX};
			msgs[i] = (struct mmsghdr){
				.msg_hdr = {
					.msg_name = &from[i],
					.msg_namelen = sizeof(from[i]),
					.msg_iov = &parts[i],
					.msg_iovlen = 1,
				},
			};
		}
		int n = recvmmsg(fd, msgs, BURST, MSG_WAITFORONE, NULL);
		if (n < 0)
			return -1;
		for (int i = 0; i < n; i++)
			parts[i].iov_len = msgs[i].msg_len;
		// What the kernel does not take is lost, as with any server.
		(void)sendmmsg(fd, msgs, (unsigned)n, 0);
	}
}

int reflect_run(int argc, char **argv) {
	struct sockaddr_in at;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc != 2 || !parse(argv[1], &at))
		return usage(stderr, 2);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int bytes = BUFFER_BYTES;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || reflect(fd))
		perror("stsbench: reflect");
	return 3;
}
