// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/steer.h"
#include "dataplane/xdp/service.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Runs the XDP program in the kernel over a table of frames, with a socket in its
// queue: what is redirected comes to stsd. Wants root.

#define PORT 5300
#define FRAME_MAX 128

// A frame to us is UDP to our first address of its family; a case says how it
// differs.
static const struct {
	const char *what;
	bool v6;
	unsigned tags;	 // 802.1Q, of VLAN 100
	unsigned vlan;	 // of the service, 0: any
	uint16_t type;	 // instead of the family's, 0: that
	uint8_t first;	 // octet of the IP header, 0: as it should be
	uint16_t offset; // IPv4 flags and fragment offset
	uint8_t proto;	 // 0: UDP
	uint16_t port;	 // 0: ours
	uint8_t host;	 // last octet of the target, 0: our first address
	unsigned cut;	 // octets missing at the end of the headers
	bool taken;
} CASES[] = {
	{.what = "UDP", .taken = true},
	{.what = "UDP", .v6 = true, .taken = true},
	{.what = "our second address", .host = 2, .taken = true},
	{.what = "our second address", .v6 = true, .host = 2, .taken = true},
	{.what = "another address", .host = 3},
	{.what = "another address", .v6 = true, .host = 3},
	{.what = "another port", .port = 53},
	{.what = "another port", .v6 = true, .port = 53},
	{.what = "TCP", .proto = IPPROTO_TCP},
	{.what = "TCP", .v6 = true, .proto = IPPROTO_TCP},
	{.what = "ICMP", .proto = IPPROTO_ICMP},
	{.what = "ICMPv6", .v6 = true, .proto = IPPROTO_ICMPV6},
	{.what = "an extension header", .v6 = true, .proto = IPPROTO_DSTOPTS},
	{.what = "a fragment header", .v6 = true, .proto = IPPROTO_FRAGMENT},
	{.what = "DF", .offset = 0x4000, .taken = true},
	{.what = "the first fragment", .offset = 0x2000},
	{.what = "the last fragment", .offset = 0x0010},
	{.what = "IPv4 options", .first = 0x46},
	{.what = "a short IPv4 header", .first = 0x44},
	{.what = "another version", .first = 0x65},
	{.what = "ARP", .type = 0x0806},
	{.what = "another type", .type = 0x88cc},
	{.what = "IPv6 that says IPv4", .v6 = true, .type = 0x0800},
	{.what = "a tag", .tags = 1, .taken = true},
	{.what = "a tag", .v6 = true, .tags = 1, .taken = true},
	{.what = "two tags", .tags = 2},
	{.what = "our VLAN", .tags = 1, .vlan = 100, .taken = true},
	{.what = "our VLAN", .v6 = true, .tags = 1, .vlan = 100, .taken = true},
	{.what = "another VLAN", .tags = 1, .vlan = 101},
	{.what = "no tag where there is a VLAN", .vlan = 100},
	{.what = "UDP cut by an octet", .cut = 1},
	{.what = "UDP cut by an octet", .v6 = true, .cut = 1},
	{.what = "IPv4 cut", .cut = 9},
	{.what = "IPv6 cut", .v6 = true, .cut = 9},
	{.what = "a tag cut", .tags = 1, .cut = 29},
};
#define CASE_COUNT (sizeof(CASES) / sizeof(CASES[0]))

static uint8_t *put16(uint8_t *at, unsigned v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t host_of(size_t i) {
	return CASES[i].host != 0 ? CASES[i].host : 1;
}

static uint8_t *put_ip4(uint8_t *at, size_t i) {
	at[0] = CASES[i].first != 0 ? CASES[i].first : 0x45;
	(void)put16(at + 2, 28);
	(void)put16(at + 6, CASES[i].offset);
	at[8] = 64;
	at[9] = CASES[i].proto != 0 ? CASES[i].proto : IPPROTO_UDP;
	memcpy(at + 16, (uint8_t[]){192, 0, 2, host_of(i)}, 4);
	return at + 20;
}

static uint8_t *put_ip6(uint8_t *at, size_t i) {
	at[0] = 0x60;
	(void)put16(at + 4, 8);
	at[6] = CASES[i].proto != 0 ? CASES[i].proto : IPPROTO_UDP;
	at[7] = 64;
	memcpy(at + 24, (uint8_t[]){0x20, 1, 0xd, 0xb8}, 4);
	at[39] = host_of(i);
	return at + 40;
}

static size_t make_frame(size_t i, uint8_t frame[FRAME_MAX]) {
	memset(frame, 0, FRAME_MAX);
	uint8_t *at = frame + 12;
	for (unsigned t = 0; t < CASES[i].tags; t++) {
		at = put16(put16(at, 0x8100), 0x6000 | 100);
	}
	unsigned type = CASES[i].v6 ? 0x86dd : 0x0800;
	at = put16(at, CASES[i].type != 0 ? CASES[i].type : type);
	at = CASES[i].v6 ? put_ip6(at, i) : put_ip4(at, i);
	at = put16(put16(at, 40000), CASES[i].port != 0 ? CASES[i].port : PORT);
	at = put16(at, 8) + 2;
	return (size_t)(at - frame) - CASES[i].cut;
}

static struct steer_service service_of(size_t i) {
	struct steer_service s = {
		.port = htons(PORT),
		.vlan = htons((uint16_t)CASES[i].vlan),
		.ip4_count = 2,
		.ip6_count = 2,
	};
	for (uint8_t host = 1; host <= 2; host++) {
		s.ip4[host - 1] = htonl(0xc0000200U | host);
		s.ip6[host - 1][0] = htonl(0x20010db8);
		s.ip6[host - 1][3] = htonl(host);
	}
	return s;
}

static int run(int program, size_t i) {
	uint8_t frame[FRAME_MAX];
	uint8_t out[FRAME_MAX];
	LIBBPF_OPTS(
		bpf_test_run_opts,
		opts,
		.data_in = frame,
		.data_size_in = (uint32_t)make_frame(i, frame),
		.data_out = out,
		.data_size_out = sizeof(out),
	);
	return bpf_prog_test_run_opts(program, &opts) < 0 ? -1 : (int)opts.retval;
}

static void need(bool ok, const char *what) {
	if (!ok) {
		perror(what);
		exit(1);
	}
}

int main(void) {
	struct steer steer;
	char path[STEER_PATH_MAX];
	const uint32_t first = 0;
	need(steer_open(&steer, "lo", path) == 0, "the program");
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	need(o != NULL && bpf_object__load(o) == 0, path);
	steer_close(&steer);
	int program = bpf_program__fd(bpf_object__next_program(o, NULL));
	int service = bpf_object__find_map_fd_by_name(o, "service");
	int queues = bpf_object__find_map_fd_by_name(o, "xsks_map");
	// Before it is filled the program takes nothing.
	int bad = run(program, 0) != XDP_PASS;
	int queue = socket(AF_XDP, SOCK_RAW, 0);
	need(bpf_map_update_elem(queues, &first, &queue, 0) == 0, "xsks_map");
	bad += run(program, 0) != XDP_PASS;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		const struct steer_service s = service_of(i);
		need(bpf_map_update_elem(service, &first, &s, 0) == 0, "service");
		int verdict = run(program, i);
		if (verdict != (CASES[i].taken ? XDP_REDIRECT : XDP_PASS)) {
			printf("%s, IPv%c: verdict %d\n",
			       CASES[i].what,
			       CASES[i].v6 ? '6' : '4',
			       verdict);
			bad++;
		}
	}
	// A queue without a socket leaves all to the kernel.
	need(bpf_map_delete_elem(queues, &first) == 0, "xsks_map");
	bad += run(program, 0) != XDP_PASS;
	close(queue);
	bpf_object__close(o);
	printf("%zu frames, %d wrong\n", CASE_COUNT, bad);
	return bad != 0;
}
