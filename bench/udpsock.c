// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/udpsock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 12
#define MESSAGE_MAX 4096
#define BUFFER_BYTES (4 << 20)
#define KNOWN 0
#define UNHEARD 1

struct udpsock {
	struct door door;
	int fds[2];
	unsigned turn; // which socket is read first
	uint8_t headers[DOOR_BURST_MAX][HEADER];
	uint8_t flags[HEADER]; // a header without id
	uint8_t in[DOOR_BURST_MAX][MESSAGE_MAX];
};

// The questions stay where they are, the kernel gathers. A burst is cut where
// it changes from one socket to the other.
static unsigned udpsock_send(struct door *d, const struct door_shot shots[], unsigned n) {
	struct udpsock *u = (struct udpsock *)d;
	struct mmsghdr msgs[DOOR_BURST_MAX];
	struct iovec parts[DOOR_BURST_MAX][2];
	memset(msgs, 0, n * sizeof(msgs[0]));
	for (unsigned i = 0; i < n; i++) {
		const struct question *q = shots[i].question;
		const uint8_t *from = (const uint8_t *)q + offsetof(struct question, bytes);
		memcpy(u->headers[i], u->flags, HEADER);
		u->headers[i][0] = (uint8_t)(shots[i].tag >> 8);
		u->headers[i][1] = (uint8_t)shots[i].tag;
		parts[i][0] = (struct iovec){u->headers[i], HEADER};
		// The kernel only reads, whatever the type of an iovec says.
		memcpy(&parts[i][1].iov_base, &from, sizeof(from));
		parts[i][1].iov_len = q->len;
		msgs[i].msg_hdr.msg_iov = parts[i];
		msgs[i].msg_hdr.msg_iovlen = 2;
	}
	unsigned done = 0;
	while (done < n) {
		unsigned run = done + 1;
		while (run < n && shots[run].unheard_of == shots[done].unheard_of)
			run++;
		int fd = u->fds[shots[done].unheard_of ? UNHEARD : KNOWN];
		int sent = sendmmsg(fd, msgs + done, run - done, MSG_DONTWAIT);
		if (sent < 0)
			break;
		done += (unsigned)sent;
		if (done < run)
			break;
	}
	d->refused += n - done;
	return done;
}

static unsigned
read_socket(struct udpsock *u, unsigned which, struct door_reply out[], unsigned max) {
	struct mmsghdr msgs[DOOR_BURST_MAX];
	struct iovec parts[DOOR_BURST_MAX];
	memset(msgs, 0, max * sizeof(msgs[0]));
	for (unsigned i = 0; i < max; i++) {
		parts[i] = (struct iovec){u->in[i], MESSAGE_MAX};
		msgs[i].msg_hdr.msg_iov = &parts[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	int n = recvmmsg(u->fds[which], msgs, max, MSG_DONTWAIT, NULL);
	unsigned good = 0;
	for (int i = 0; i < n; i++) {
		if (msgs[i].msg_len < HEADER) {
			u->door.strangers++;
			continue;
		}
		out[good++] = (struct door_reply){
			.msg = u->in[i],
			.msg_len = (uint16_t)msgs[i].msg_len,
			.frame_len = (uint16_t)msgs[i].msg_len,
			.tag = (uint32_t)u->in[i][0] << 8 | u->in[i][1],
			.unheard_of = which == UNHEARD,
		};
	}
	return good;
}

static unsigned udpsock_receive(struct door *d, struct door_reply replies[], unsigned max) {
	struct udpsock *u = (struct udpsock *)d;
	// Answers for unheard-of names are few: look there now and then.
	bool unheard = ++u->turn % 16 == 0;
	return read_socket(u, unheard ? UNHEARD : KNOWN, replies, max);
}

static void udpsock_close(struct door *d) {
	struct udpsock *u = (struct udpsock *)d;
	for (int i = 0; i < 2; i++)
		if (u->fds[i] >= 0)
			close(u->fds[i]);
	free(u);
}

static const struct door_ops udpsock_ops = {udpsock_send, udpsock_receive, udpsock_close};

static int connect_peer(const struct packet_ends *e) {
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->peer_port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(e->peer_port)};
	memcpy(&to6.sin6_addr, e->peer_ip, 16);
	memcpy(&to4.sin_addr, e->peer_ip, 4);
	int fd = socket(e->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int bytes = BUFFER_BYTES;
	// Past the limits where we may; smaller buffers only lose answers, which counts.
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	int rc = e->ipv6 ? connect(fd, (struct sockaddr *)&to6, sizeof(to6))
			 : connect(fd, (struct sockaddr *)&to4, sizeof(to4));
	if (rc) {
		close(fd);
		return -1;
	}
	return fd;
}

struct door *udpsock_open(const struct door_config *c) {
	struct udpsock *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->door.ops = &udpsock_ops;
	u->door.overhead = HEADER;
	u->flags[2] = (uint8_t)(c->ends.dns_flags >> 8);
	u->flags[3] = (uint8_t)c->ends.dns_flags;
	u->flags[5] = 1;
	u->flags[11] = c->ends.edns;
	u->fds[KNOWN] = connect_peer(&c->ends);
	u->fds[UNHEARD] = connect_peer(&c->ends);
	if (u->fds[KNOWN] >= 0 && u->fds[UNHEARD] >= 0)
		return &u->door;
	perror("stsbench: socket");
	udpsock_close(&u->door);
	return NULL;
}
