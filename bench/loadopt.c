// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/loadopt.h"

#include "bench/domains.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUR_PORT 49152 // and the next ones

// One row an option; what it fills is told by its kind.
enum kind { FLAG, UNFLAG, TEXT, U32, U16, U64, REAL, OWN };

struct row {
	const char *name;
	enum kind kind;
	size_t at; // offset in struct loadopt
	double min;
	double max;
	const char *arg;
	const char *help;
};

#define AT(field) offsetof(struct loadopt, field)

// clang-format off
static const struct row rows[] = {
	{"driver", TEXT, AT(door.driver), 0, 0, "NAME", "memif, af_packet, af_xdp, tap or pci (memif)"},
	{"device", TEXT, AT(door.device), 0, 0, "DEV", "socket path, interface or PCI address"},
	{"device-args", TEXT, AT(door.device_args), 0, 0, "K=V,...", "more for the driver"},
	{"vdev", TEXT, AT(door.vdev), 0, 0, "STR", "a whole EAL --vdev instead"},
	{"socket", OWN, 0, 0, 0, "IP[@PORT]", "kernel UDP sockets instead of DPDK"},
	{"to", OWN, 0, 0, 0, "IP[@PORT]", "the server (198.18.0.1@5300, fd00:18::1)"},
	{"from", OWN, 0, 0, 0, "IP", "our address (198.18.0.2, fd00:18::2)"},
	{"ipv6", FLAG, AT(door.ends.ipv6), 0, 0, NULL, "IPv6 where --to does not say"},
	{"dst-mac", OWN, 0, 0, 0, "MAC", "the server's; else ARP or neighbour solicitation asks"},
	{"cpu", U32, AT(door.cpu), 0, 1023, "N", "where to run (0)"},
	{"queues", U32, AT(door.queues), 1, 16, "N", "queue pairs, taken in turn (1)"},
	{"ring", U32, AT(door.ring), 64, 16384, "N", "descriptors, a power of two (2048)"},
	{"burst", U32, AT(door.burst), 1, DOOR_BURST_MAX, "N", "frames sent or received at once (32)"},
	{"no-huge", UNFLAG, AT(door.huge), 0, 0, NULL, "no huge pages"},
	{"no-zero-copy", UNFLAG, AT(door.zero_copy), 0, 0, NULL, "memif copies on our side too"},
	{"names", TEXT, AT(names), 0, 0, "FILE", "made by stsbench make, or a name a line"},
	{"none", U32, AT(made_none), 0, DOMAINS_MAX, "N", "without a file: names without a policy (1000)"},
	{"policies", U32, AT(made_policies), 0, DOMAINS_MAX, "N", "without a file: names with one (0)"},
	{"seed", U64, AT(seed), 0, 1e15, "N", "of names, order and case (1)"},
	{"zone", TEXT, AT(zone), 0, 0, "ZONE", "(sts)"},
	{"edns", U16, AT(edns_bytes), 0, 65535, "OCTETS", "size announced; 0: no OPT (1232)"},
	{"batch", U32, AT(batch), 1, QUESTION_BATCH_NAMES_MAX, "N", "so many names in a request"},
	{"mixed-case", FLAG, AT(mixed_case), 0, 0, NULL, "letters of questions in random case"},
	{"no-rd", FLAG, AT(no_recursion), 0, 0, NULL, "ask as a resolver does"},
	{"zipf", REAL, AT(zipf), 0, 5, "S", "Zipf's law with exponent S; 0: each once, then again (0)"},
	{"draws", U32, AT(draws), 1000, 1e8, "N", "length of the drawn series (4000000)"},
	{"unknown", REAL, AT(unknown), 0, 1, "SHARE", "of names nobody has heard of (0)"},
	{"unknown-suffix", TEXT, AT(unknown_suffix), 0, 0, "NAME", "they end so (nx.example)"},
	{"window", U32, AT(window), 1, 32768, "N", "queries on their way (1024; with --rate 32768)"},
	{"rate", REAL, AT(rate), 0, 1e9, "N", "open loop: so many a second"},
	{"seconds", REAL, AT(seconds), 0, 1e6, "S", "how long (5, without --count)"},
	{"warmup", REAL, AT(warmup), 0, 1e6, "S", "before, not counted (1, with --count 0)"},
	{"count", U64, AT(count), 0, 1e15, "N", "how many queries"},
	{"wait", REAL, AT(wait), 0, 3600, "S", "for the server's first NOERROR before the start (10)"},
	{"timeout", REAL, AT(timeout), 0.001, 600, "S", "then a query is lost (1)"},
	{"nap", U32, AT(nap_us), 0, 100000, "US", "pause so long while nothing may leave (0: leave the core to nobody)"},
	{"check", OWN, 0, 0, 0, NULL, "compare every answer"},
	{"check-every", U32, AT(check_every), 0, UINT32_MAX, "N", "compare one of N answers"},
	{"size", U32, AT(frame_bytes), 60, PACKET_FRAME_MAX, "OCTETS", "echo: of a frame (90)"},
	{"json", TEXT, AT(json), 0, 0, "FILE", "write the figures there, - for standard output"},
	{"hold", FLAG, AT(hold), 0, 0, NULL, "at the end keep the port, idle, until standard input ends"},
	{"help", FLAG, AT(help), 0, 0, NULL, "this"},
};
// clang-format on
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int complain(const char *what, const char *value) {
	(void)fprintf(stderr, "stsbench: --%s: not good: %s\n", what, value);
	return -EINVAL;
}

// "IP" or "IP@PORT".
static bool parse_ip(const char *text, bool *ipv6, uint8_t out[16], uint16_t *port) {
	char ip[INET6_ADDRSTRLEN];
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);
	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = 0;
	if (at && port) {
		char *end;
		unsigned long v = strtoul(at + 1, &end, 10);
		if (*end || !v || v > 65535)
			return false;
		*port = (uint16_t)v;
	} else if (at) {
		return false;
	}
	*ipv6 = strchr(ip, ':') != NULL;
	return inet_pton(*ipv6 ? AF_INET6 : AF_INET, ip, out) == 1;
}

static bool parse_mac(const char *text, uint8_t out[6]) {
	for (unsigned i = 0; i < 6; i++) {
		char *end;
		unsigned long v = strtoul(text, &end, 16);
		if (end != text + 2 || *end != (i < 5 ? ':' : 0) || v > 255)
			return false;
		out[i] = (uint8_t)v;
		text = end + 1;
	}
	return true;
}

static int set_own(struct loadopt *o, const struct row *row, const char *value, bool *from_set) {
	struct packet_ends *e = &o->door.ends;
	bool v6 = false;
	if (strcmp(row->name, "check") == 0) {
		o->check_every = 1;
		return 0;
	}
	if (strcmp(row->name, "dst-mac") == 0) {
		o->door.mac_known = true;
		return parse_mac(value, e->peer_mac) ? 0 : complain(row->name, value);
	}
	if (strcmp(row->name, "from") == 0) {
		*from_set = true;
		return parse_ip(value, &v6, e->our_ip, NULL) ? 0 : complain(row->name, value);
	}
	o->over_socket = o->over_socket || strcmp(row->name, "socket") == 0;
	if (!parse_ip(value, &e->ipv6, e->peer_ip, &e->peer_port))
		return complain(row->name, value);
	return 0;
}

static int set_number(struct loadopt *o, const struct row *row, const char *value) {
	char *end;
	double v = strtod(value, &end);
	// The comparison is written so that "nan" fails it.
	if (end == value || *end || !(v >= row->min && v <= row->max))
		return complain(row->name, value);
	void *at = (char *)o + row->at;
	if (row->kind == REAL)
		*(double *)at = v;
	else if (row->kind == U16)
		*(uint16_t *)at = (uint16_t)v;
	else if (row->kind == U32)
		*(uint32_t *)at = (uint32_t)v;
	else
		*(uint64_t *)at = (uint64_t)v;
	return 0;
}

static int set(struct loadopt *o, const struct row *row, const char *value, bool *from_set) {
	void *at = (char *)o + row->at;
	switch (row->kind) {
	case FLAG:
		*(bool *)at = true;
		return 0;
	case UNFLAG:
		*(bool *)at = false;
		return 0;
	case TEXT:
		*(const char **)at = value;
		return 0;
	case OWN:
		return set_own(o, row, value, from_set);
	default:
		return set_number(o, row, value);
	}
}

// What was left open and depends on what was said.
static int finish(struct loadopt *o, bool to_set, bool from_set) {
	struct packet_ends *e = &o->door.ends;
	bool v6 = e->ipv6;
	if (!to_set)
		(void)parse_ip(v6 ? "fd00:18::1" : "198.18.0.1", &v6, e->peer_ip, NULL);
	if (!from_set)
		(void)parse_ip(v6 ? "fd00:18::2" : "198.18.0.2", &v6, e->our_ip, NULL);
	if (!o->over_socket && !o->door.vdev && !o->door.device[0]) {
		(void)fputs("stsbench: --device, --vdev or --socket is missing\n", stderr);
		return -EINVAL;
	}
	if (o->batch && o->edns_bytes < 1232) {
		(void)fputs("stsbench: --batch: needs --edns of 1232 octets or more\n", stderr);
		return -EINVAL;
	}
	if (o->door.ring & (o->door.ring - 1)) {
		(void)fputs("stsbench: --ring: not a power of two\n", stderr);
		return -EINVAL;
	}
	if (!o->window)
		o->window = o->rate > 0 ? 32768 : 1024;
	if (!o->count && o->seconds <= 0)
		o->seconds = 5;
	if (o->warmup < 0)
		o->warmup = o->count ? 0 : 1;
	if (!o->names && !o->made_none && !o->made_policies)
		o->made_none = 1000;
	e->dns_flags = o->no_recursion ? 0 : 0x0100;
	e->edns = o->edns_bytes && !o->echo;
	return 0;
}

static void set_defaults(struct loadopt *o, bool echo) {
	*o = (struct loadopt){
		.echo = echo,
		.door = {

.ends = {.our_port = OUR_PORT, .peer_port = 5300, .peer_mac = {2, 0, 0, 0, 0, 1}},
			.driver = "memif",
			.device = "",
			.device_args = "",
			.queues = 1,
			.ring = 2048,
			.burst = 32,
			.huge = true,
			.zero_copy = true,
			.mac_known = echo,
		},
		.seed = 1,
		.zone = "sts",
		.edns_bytes = 1232,
		.draws = 4000000,
		.unknown_suffix = "nx.example",
		.warmup = -1,
		.timeout = 1,
		.wait = 10,
		.frame_bytes = 90,
	};
}

int loadopt_parse(int argc, char **argv, bool echo, struct loadopt *o) {
	struct option longs[ROWS + 1];
	memset(longs, 0, sizeof(longs));
	for (size_t i = 0; i < ROWS; i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = rows[i].arg ? required_argument : no_argument;
	}
	set_defaults(o, echo);
	bool to_set = false;
	bool from_set = false;
	int which = 0;
	int c;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started yet
	while ((c = getopt_long(argc, argv, "", longs, &which)) != -1) {
		if (c == '?')
			return -EINVAL;
		const struct row *row = &rows[which];
		int rc = set(o, row, optarg, &from_set);
		if (rc)
			return rc;
		if (strcmp(row->name, "to") == 0 || strcmp(row->name, "socket") == 0)
			to_set = true;
	}
	if (o->help)
		return 0;
	if (optind < argc)
		return complain("(word)", argv[optind]);
	return finish(o, to_set, from_set);
}

void loadopt_usage(bool echo) {
	(void)printf("usage: stsbench %s OPTIONS\n", echo ? "echo" : "load");
	for (size_t i = 0; i < ROWS; i++) {
		char left[64];
		const char *arg = rows[i].arg ? rows[i].arg : "";
		(void)snprintf(left, sizeof(left), "--%s %s", rows[i].name, arg);
		(void)printf("  %-24s %s\n", left, rows[i].help);
	}
}
