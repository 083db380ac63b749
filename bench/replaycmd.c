// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/replaycmd.h"

#include "app/eal.h"
#include "base/clock.h"
#include "base/err.h"
#include "bench/batches.h"
#include "bench/draw.h"
#include "bench/expect.h"
#include "bench/feed.h"
#include "bench/message.h"
#include "bench/stock.h"
#include "dataplane/dataplane.h"

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define DEVICE "net_null0"
#define WARMUP_S 0.2
#define HELD_MAX 4096
#define LINES_A_FRAME 3 // of 64 octets: IPv6, a long name and an OPT
#define DRAWS 1000000U
#define MESSAGE_TIMES 64 // each, to put its cost out

enum which { WHICH_ALL, WHICH_POLICY, WHICH_NONE, WHICH_UNKNOWN };

struct replay {
	const char *names;
	const char *messages; // to be asked in place of names, or NULL
	enum which which;
	double zipf;
	uint64_t seed;
	uint16_t edns_bytes;
	unsigned batch; // names in a request, 0: single questions
	bool ipv6;
	unsigned cpu;
	unsigned control_cpu;
	int hugepages; // as struct eal_config has it
	double seconds;
	uint64_t count; // 0: by time
	double publish_per_s;
	struct expect_set set;
	struct stock *stock;
	struct dataplane *dp;
	struct feed feed;
	// Out of the counters.
	uint64_t answers;
	uint64_t lost;
};

static void nap_ms(long ms) {
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

// The trace.

static bool is_asked(const struct replay *r, uint32_t index) {
	enum expect_kind kind = expect_get(&r->set, index).kind;
	return r->which == WHICH_ALL || (r->which == WHICH_POLICY) == (kind == EXPECT_POLICY);
}

static size_t name_of(const struct replay *r, uint32_t index, char out[256]) {
	if (r->which == WHICH_UNKNOWN)
		return (size_t)snprintf(out, 256, "u%06" PRIx32 ".nx.example", index);
	struct expect_text name = expect_get(&r->set, index).name;
	memcpy(out, name.at, name.len);
	return name.len;
}

static int add_frame(struct replay *r, const struct packet_proto *proto, uint32_t index) {
	struct question_form form = {.zone = "sts", .edns_bytes = r->edns_bytes};
	_Alignas(64) uint8_t block[QUESTION_BYTES_MAX + QUESTION_BLOCK] = {0};
	uint8_t *bytes = block + offsetof(struct question, bytes);
	char name[256];
	uint8_t wire[QUESTION_BYTES_MAX];
	size_t len = question_write(&form, name, name_of(r, index, name), index, wire);
	if (!len)
		return -EINVAL;
	memcpy(bytes, wire, len);
	struct question head = {
		.sum = question_sum(wire, len), .index = index, .len = (uint16_t)len};
	memcpy(block, &head, offsetof(struct question, bytes));
	return feed_add(
		&r->feed,
		proto,
		(const struct question *)(const void *)block,
		(uint32_t)r->feed.frames
	);
}

// All different, so that none is taken for the repeat of one that is held.
static int make_unknown(struct replay *r, const struct packet_proto *proto) {
	uint32_t n = r->count && r->count < DRAWS ? (uint32_t)r->count : DRAWS;
	int rc = feed_init(&r->feed, (size_t)n * LINES_A_FRAME * 64);
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = add_frame(r, proto, i);
	return rc;
}

static int make_messages(struct replay *r, const struct packet_proto *proto) {
	uint64_t line = 0;
	int rc = feed_init(&r->feed, (size_t)DRAWS * 64);
	if (!rc)
		rc = message_add_all(r->messages, proto, &r->feed, &line);
	if (rc && line)
		(void)fprintf(stderr, "stsbench: %s:%" PRIu64 "\n", r->messages, line);
	r->feed.times = MESSAGE_TIMES;
	return rc || r->feed.frames ? rc : -ENOENT;
}

// Requests for many names each, of those asked; takes the order over.
static int
add_batches(struct replay *r, const struct packet_proto *proto, uint32_t *order, size_t draws) {
	struct question_form form = {.zone = "sts", .edns_bytes = r->edns_bytes};
	struct question_arena arena = {0};
	struct batches b;
	size_t n = 0;
	for (size_t i = 0; i < draws; i++)
		if (is_asked(r, order[i]))
			order[n++] = order[i];
	int rc = n ? batches_init(&b, &r->set, &form, order, n, r->batch, &arena) : -ENOENT;
	for (uint32_t i = 0; !rc && i < b.count; i++)
		rc = feed_add(&r->feed, proto, question_at(&arena, b.blocks[i]), i);
	if (arena.blocks)
		question_arena_fini(&arena);
	if (n)
		batches_fini(&b);
	else
		free(order);
	return rc;
}

static int make_trace(struct replay *r, const struct packet_proto *proto) {
	if (r->messages)
		return make_messages(r, proto);
	if (r->which == WHICH_UNKNOWN)
		return make_unknown(r, proto);
	uint32_t n = r->set.count;
	size_t draws = r->zipf > 0 ? DRAWS : n;
	uint32_t *order = r->zipf > 0 ? draw_zipf(n, r->zipf, draws, r->seed)
				      : draw_permutation(n, r->seed);
	int rc = order ? feed_init(&r->feed, draws * LINES_A_FRAME * 64) : -ENOMEM;
	if (!rc && r->batch)
		return add_batches(r, proto, order, draws);
	for (size_t i = 0; i < draws && !rc; i++)
		if (is_asked(r, order[i]))
			rc = add_frame(r, proto, order[i]);
	free(order);
	return rc || r->feed.frames ? rc : -ENOENT;
}

// The data plane.

static int open_dataplane(struct replay *r) {
	struct prefix ours[] = {{{.family = AF_INET}, 24}, {{.family = AF_INET6}, 64}};
	(void)!inet_pton(AF_INET, "198.18.0.1", ours[0].address.octets);
	(void)!inet_pton(AF_INET6, "fd00:18::1", ours[1].address.octets);
	static struct trust trust = {.cookies.count = 1}; // zeros: nobody asks for a cookie
	clients_init(&trust.allow, ours, 2);
	struct dataplane_config c = {
		.port.driver = PORT_PCI, // any device that is there already
		.port.device = DEVICE,
		.port.queues = 1,
		.port.mbufs_kept = HELD_MAX,
		.udp_port = 5300,
		.addresses = ours,
		.address_count = 2,
		.trust = &trust,
		.hold_stub_ms = 1500,
		.hold_resolver_ms = 200,
		.held_max = HELD_MAX,
		.version = "replay",
		.tcp = "",
	};
	int rc = rte_eal_hotplug_add("vdev", DEVICE, "copy=0");
	if (!rc)
		rc = lookup_zone_parse("sts", &c.zone);
	return rc ? rc : dataplane_open(&c, stock_table(r->stock), &r->dp);
}

static int set_ends(const struct replay *r, uint16_t port, struct packet_proto *proto) {
	struct packet_ends ends = {
		.ipv6 = r->ipv6,
		.our_mac = {2, 0, 0, 0, 0, 1},
		.our_port = 49152,
		.ports = 1024,
		.peer_port = 5300,
		.dns_flags = 0x0100,
		.edns = r->edns_bytes > 0,
	};
	int family = r->ipv6 ? AF_INET6 : AF_INET;
	(void)!inet_pton(family, r->ipv6 ? "fd00:18::2" : "198.18.0.2", ends.our_ip);
	(void)!inet_pton(family, r->ipv6 ? "fd00:18::1" : "198.18.0.1", ends.peer_ip);
	struct rte_ether_addr mac;
	int rc = rte_eth_macaddr_get(port, &mac);
	memcpy(ends.peer_mac, mac.addr_bytes, 6);
	packet_proto_init(proto, &ends);
	return rc;
}

// The run.

static uint64_t sent(const struct replay *r) {
	return atomic_load_explicit(&r->feed.sent, memory_order_relaxed);
}

// Lets seconds pass, and publishes meanwhile as told.
static int64_t pass(struct replay *r, double seconds) {
	if (r->publish_per_s > 0)
		return stock_publish_on(r->stock, r->publish_per_s, seconds);
	nap_ms((long)(seconds * 1000));
	return 0;
}

static bool is_over(const struct replay *r) {
	if (r->messages)
		return atomic_load_explicit(&r->feed.through, memory_order_relaxed)
		       == r->feed.frames;
	return sent(r) >= r->count;
}

static double worker_s(const struct replay *r) {
	struct timespec t = {0};
	clock_gettime(atomic_load_explicit(&r->feed.worker_clock, memory_order_relaxed), &t);
	return (double)t.tv_sec + (double)t.tv_nsec / CLOCK_NS_PER_S;
}

struct rates {
	double by_clock; // queries answered a second
	double by_cpu;	 // and a second of CPU time that the worker got
};

static int measure(struct replay *r, struct rates *rates) {
	bool by_time = !r->count && !r->messages;
	int64_t published = by_time ? pass(r, WARMUP_S) : 0;
	uint64_t before = sent(r);
	double cpu = worker_s(r);
	mono_ns_t begin = clock_mono_ns();
	if (by_time && published >= 0)
		published = pass(r, r->seconds);
	while (!by_time && !is_over(r))
		nap_ms(1);
	double seconds = (double)(clock_mono_ns() - begin) / CLOCK_NS_PER_S;
	rates->by_clock = (double)(sent(r) - before) / seconds;
	rates->by_cpu = (double)(sent(r) - before) / (worker_s(r) - cpu);
	if (published > 0)
		printf("%.0f records published a second\n", (double)published / seconds);
	return published < 0 ? (int)published : 0;
}

static void
count_answers(void *arg, const char *name, int worker, const char * /*help*/, uint64_t value) {
	struct replay *r = arg;
	if (worker < 0)
		return;
	if (strncmp(name, "stsd_answers_", 13) == 0)
		r->answers += value;
	if (strncmp(name, "stsd_drop_", 10) == 0)
		r->lost += value;
	if (strncmp(name, "stsd_answers_", 13) == 0 && value)
		printf("  %s %" PRIu64 "\n", name, value);
}

static int run(struct replay *r) {
	uint16_t port = 0;
	int rc = rte_eth_dev_get_port_by_name(DEVICE, &port);
	struct packet_proto proto;
	if (!rc)
		rc = set_ends(r, port, &proto);
	if (!rc)
		rc = make_trace(r, &proto);
	if (!rc)
		rc = feed_attach(&r->feed, port, r->count ? r->count : UINT64_MAX);
	if (!rc)
		rc = dataplane_start(r->dp);
	if (rc)
		return rc;
	struct rates rates = {0};
	rc = measure(r, &rates);
	dataplane_stop(r->dp);
	dataplane_counters(r->dp, count_answers, r);
	// Of a batch a frame answers many names.
	double names = r->batch ? (double)r->answers / (double)sent(r) : 1;
	printf("%" PRIu64
	       " frames in the trace, %u names, %.2f M queries/s, %.2f M a second of CPU\n",
	       r->feed.frames,
	       r->set.count,
	       names * rates.by_clock / 1e6,
	       names * rates.by_cpu / 1e6);
	// Wrong messages may well be dropped.
	if (r->messages)
		r->lost = 0;
	return rc;
}

static int run_all(struct replay *r) {
	struct eal_config eal = {
		.control_cpu = r->control_cpu,
		.worker_cpus = &r->cpu,
		.workers = 1,
		.hugepages = r->hugepages,
		.memory_bytes = 64ULL << 20,
	};
	int rc = stock_open(&r->set, &r->stock);
	if (!rc)
		rc = eal_start(&eal);
	if (rc)
		return rc;
	rc = open_dataplane(r);
	if (!rc) {
		dataplane_set_serving(r->dp, true);
		rc = run(r);
		dataplane_close(r->dp);
	}
	eal_stop();
	return rc;
}

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: stsbench replay --names FILE [OPTIONS]\n"
	       "  --ask WHICH    all, policy, none, unknown: those names of the file, or names\n"
	       "                 that nobody has heard of (all)\n"
	       "  --zipf S       Zipf's law with exponent S; 0: a permutation (0)\n"
	       "  --seed S       of the order (1)\n"
	       "  --edns OCTETS  size announced; 0: no OPT (1232)\n"
	       "  --batch N      names in a request; 0: a question for each (0)\n"
	       "  --ipv6\n"
	       "  --cpu N        the worker's (1)\n"
	       "  --control N    everything else's (0)\n"
	       "  --seconds S    how long (3)\n"
	       "  --count N      so many queries instead\n"
	       "  --publish N    publish N records a second meanwhile, on --control's CPU (0)\n"
	       "  --messages F   replay DNS messages instead: lines of name, blank, hex. Under\n"
	       "                 callgrind each has its cost put out as `frame N`\n"
	       "  --no-huge      no huge pages for packet buffers\n",
	       out);
	return status;
}

static bool choose(const char *word, enum which *out) {
	static const char *const words[] = {"all", "policy", "none", "unknown"};
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(word, words[i]) == 0) {
			*out = (enum which)i;
			return true;
		}
	}
	return false;
}

static bool set_number(struct replay *r, int option, const char *text) {
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || v < 0 || v > 1e15)
		return false;
	switch (option) {
	case 'z':
		r->zipf = v;
		return v <= 5;
	case 's':
		r->seed = (uint64_t)v;
		return true;
	case 'e':
		r->edns_bytes = (uint16_t)v;
		return v <= UINT16_MAX;
	case 'b':
		r->batch = (unsigned)v;
		return v <= QUESTION_BATCH_NAMES_MAX;
	case 'c':
		r->cpu = (unsigned)v;
		return v < 1024;
	case 'k':
		r->control_cpu = (unsigned)v;
		return v < 1024;
	case 'p':
		r->publish_per_s = v;
		return v < 1e9;
	case 't':
		r->seconds = v;
		return v > 0 && v < 1e6;
	default:
		r->count = (uint64_t)v;
		return true;
	}
}

static bool set(struct replay *r, int option, const char *text) {
	switch (option) {
	case 'n':
		r->names = text;
		return true;
	case 'm':
		r->messages = text;
		return true;
	case 'a':
		return choose(text, &r->which);
	case '6':
		r->ipv6 = true;
		return true;
	case 'H':
		r->hugepages = 2;
		return true;
	default:
		return option != '?' && set_number(r, option, text);
	}
}

int replaycmd_run(int argc, char **argv) {
	static const struct option longs[] = {
		{"names", required_argument, NULL, 'n'},
		{"ask", required_argument, NULL, 'a'},
		{"zipf", required_argument, NULL, 'z'},
		{"seed", required_argument, NULL, 's'},
		{"edns", required_argument, NULL, 'e'},
		{"batch", required_argument, NULL, 'b'},
		{"ipv6", no_argument, NULL, '6'},
		{"cpu", required_argument, NULL, 'c'},
		{"control", required_argument, NULL, 'k'},
		{"seconds", required_argument, NULL, 't'},
		{"count", required_argument, NULL, 'N'},
		{"publish", required_argument, NULL, 'p'},
		{"messages", required_argument, NULL, 'm'},
		{"no-huge", no_argument, NULL, 'H'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct replay r = {.seed = 1, .edns_bytes = 1232, .cpu = 1, .seconds = 3};
	int option;
	// NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (!set(&r, option, optarg))
			return usage(stderr, 2);
	}
	if (optind < argc || !r.names)
		return usage(stderr, 2);
	uint64_t line = 0;
	int rc = expect_open(r.names, &r.set, &line);
	if (rc) {
		(void)fprintf(stderr, "stsbench: %s:%" PRIu64 ": %s\n", r.names, line, err_str(rc));
		return 3;
	}
	rc = run_all(&r);
	if (rc)
		(void)fprintf(stderr, "stsbench: %s\n", err_str(rc));
	if (r.lost)
		(void)fprintf(stderr, "stsbench: %" PRIu64 " frames dropped\n", r.lost);
	return rc ? 3 : r.lost || !r.answers ? 1 : 0;
}
