// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/pmd.h"

#include "base/clock.h"
#include "bench/memifready.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PORT 0
#define LINK_WAIT_S 30
#define NEIGHBOUR_WAIT_S 5
#define NEIGHBOUR_STEP_NS (100 * CLOCK_NS_PER_MS)
#define POOL_CACHE 256
#define VDEV_MAX 512

struct pmd {
	struct door door;
	struct packet_proto proto;
	struct rte_mempool *pool;
	unsigned queues;
	unsigned tx_queue; // of the next burst
	unsigned rx_queue;
	bool opened;
	bool started;
	unsigned held; // received mbufs whose replies are in use
	struct rte_mbuf *rx[DOOR_BURST_MAX];
};

static void nap_ms(long ms) {
	struct timespec t = {.tv_nsec = ms * 1000000};
	nanosleep(&t, NULL);
}

static void spell_vdev(const struct door_config *c, char out[VDEV_MAX]) {
	const char *comma = c->device_args[0] ? "," : "";
	if (c->vdev)
		(void)snprintf(out, VDEV_MAX, "--vdev=%s", c->vdev);
	else if (strcmp(c->driver, "pci") == 0)
		(void)snprintf(out, VDEV_MAX, "--allow=%s%s%s", c->device, comma, c->device_args);
	else if (strcmp(c->driver, "memif") == 0)
		(void)snprintf(
			out,
			VDEV_MAX,
			"--vdev=net_memif0,role=client,id=0,socket=%s,socket-abstract=no,rsize=%d,"
			"zero-copy=%s%s%s",
			c->device,
			__builtin_ctz(c->ring),
			c->zero_copy && c->huge ? "yes" : "no",
			comma,
			c->device_args
		);
	else
		(void)snprintf(
			out,
			VDEV_MAX,
			"--vdev=net_%s0,iface=%s%s%s",
			c->driver,
			c->device,
			comma,
			c->device_args
		);
}

static int start_eal(const struct door_config *c) {
	char prefix[64];
	char lcores[64];
	char vdev[VDEV_MAX];
	(void)snprintf(prefix, sizeof(prefix), "--file-prefix=stsbench%d", (int)getpid());
	(void)snprintf(lcores, sizeof(lcores), "--lcores=0@%u", c->cpu);
	spell_vdev(c, vdev);
	bool pci = !c->vdev && strcmp(c->driver, "pci") == 0;
	char *argv[16];
	int argc = 0;
	// EAL wants its words writable and alive.
	argv[argc++] = strdup("stsbench");
	argv[argc++] = strdup(lcores);
	argv[argc++] = strdup(prefix);
	argv[argc++] = strdup("--no-telemetry");
	argv[argc++] = strdup("--log-level=*:error");
	argv[argc++] = strdup(vdev);
	if (!pci)
		argv[argc++] = strdup("--no-pci");
	if (c->huge) {
		argv[argc++] = strdup("--in-memory");
		// One descriptor for all: zero-copy memif hands it to its peer.
		argv[argc++] = strdup("--single-file-segments");
	} else {
		argv[argc++] = strdup("--no-huge");
		argv[argc++] = strdup("--no-shconf");
		argv[argc++] = strdup("-m256");
	}
	argv[argc] = NULL;
	for (int i = 0; i < argc; i++)
		if (!argv[i])
			return -ENOMEM;
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

static int set_up_queues(struct pmd *p, const struct door_config *c) {
	struct rte_eth_conf conf = {0};
	int rc = rte_eth_dev_configure(PORT, (uint16_t)c->queues, (uint16_t)c->queues, &conf);
	uint16_t rxd = (uint16_t)c->ring;
	uint16_t txd = (uint16_t)c->ring;
	if (!rc)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(PORT, &rxd, &txd);
	for (uint16_t q = 0; q < c->queues && !rc; q++) {
		rc = rte_eth_tx_queue_setup(PORT, q, txd, 0, NULL);
		if (!rc)
			rc = rte_eth_rx_queue_setup(PORT, q, rxd, 0, NULL, p->pool);
	}
	return rc;
}

static bool link_up(void) {
	mono_ns_t until = clock_mono_ns() + LINK_WAIT_S * CLOCK_NS_PER_S;
	do {
		struct rte_eth_link link;
		if (rte_eth_link_get_nowait(PORT, &link) == 0 && link.link_status)
			return true;
		nap_ms(10);
	} while (clock_mono_ns() < until);
	return false;
}

static bool send_frame(struct pmd *p, unsigned (*write)(const struct packet_proto *, uint8_t *)) {
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
	if (!m)
		return false;
	m->data_len = (uint16_t)write(&p->proto, rte_pktmbuf_mtod(m, uint8_t *));
	m->pkt_len = m->data_len;
	if (rte_eth_tx_burst(PORT, 0, &m, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

// A frame that is no reply: perhaps someone asks for our MAC.
static void take_stranger(struct pmd *p, struct rte_mbuf *m) {
	p->door.strangers++;
	unsigned len = packet_answer_neighbour(
		&p->proto, rte_pktmbuf_mtod(m, uint8_t *), m->data_len
	);
	if (!len)
		return;
	struct rte_mbuf *out = rte_pktmbuf_copy(m, p->pool, 0, UINT32_MAX);
	if (!out)
		return;
	if (len > out->data_len && !rte_pktmbuf_append(out, (uint16_t)(len - out->data_len))) {
		rte_pktmbuf_free(out);
		return;
	}
	memcpy(rte_pktmbuf_mtod(out, uint8_t *), rte_pktmbuf_mtod(m, uint8_t *), len);
	if (rte_eth_tx_burst(PORT, 0, &out, 1) != 1)
		rte_pktmbuf_free(out);
}

static bool learn(struct pmd *p, uint8_t mac[6]) {
	struct rte_mbuf *burst[DOOR_BURST_MAX];
	unsigned n = rte_eth_rx_burst(PORT, 0, burst, DOOR_BURST_MAX);
	bool found = false;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(burst[i], const uint8_t *);
		if (packet_learn_neighbour(&p->proto, frame, burst[i]->data_len, mac))
			found = true;
		else
			take_stranger(p, burst[i]);
		rte_pktmbuf_free(burst[i]);
	}
	return found;
}

static bool resolve_peer(struct pmd *p, struct packet_ends *ends) {
	mono_ns_t now = clock_mono_ns();
	mono_ns_t until = now + NEIGHBOUR_WAIT_S * CLOCK_NS_PER_S;
	for (mono_ns_t ask = now; now < until; now = clock_mono_ns()) {
		if (now >= ask) {
			(void)send_frame(p, packet_ask_neighbour);
			ask = now + NEIGHBOUR_STEP_NS;
		}
		if (learn(p, ends->peer_mac))
			return true;
	}
	return false;
}

static void pmd_close(struct door *d) {
	struct pmd *p = (struct pmd *)d;
	if (p->held)
		rte_pktmbuf_free_bulk(p->rx, p->held);
	if (p->started)
		rte_eth_dev_stop(PORT);
	if (p->opened)
		rte_eth_dev_close(PORT);
	rte_mempool_free(p->pool);
	rte_eal_cleanup();
	free(p);
}

static unsigned pmd_send(struct door *d, const struct door_shot shots[], unsigned n) {
	struct pmd *p = (struct pmd *)d;
	struct rte_mbuf *out[DOOR_BURST_MAX];
	if (rte_pktmbuf_alloc_bulk(p->pool, out, n))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const struct door_shot *s = &shots[i];
		unsigned bits = s->unheard_of ? DOOR_UNHEARD_PORT_BITS : DOOR_PORT_BITS;
		unsigned port = s->tag & ((1U << bits) - 1);
		if (s->unheard_of)
			port += 1U << DOOR_PORT_BITS;
		uint16_t id = (uint16_t)(s->tag >> bits);
		unsigned len = packet_build(
			&p->proto,
			rte_pktmbuf_mtod(out[i], uint8_t *),
			s->question,
			(uint16_t)port,
			id
		);
		out[i]->data_len = (uint16_t)len;
		out[i]->pkt_len = len;
	}
	unsigned sent = rte_eth_tx_burst(PORT, (uint16_t)p->tx_queue, out, (uint16_t)n);
	p->tx_queue = p->tx_queue + 1 == p->queues ? 0 : p->tx_queue + 1;
	if (sent < n) {
		rte_pktmbuf_free_bulk(out + sent, n - sent);
		d->refused += n - sent;
	}
	return sent;
}

static bool read_reply(struct pmd *p, struct rte_mbuf *m, struct door_reply *r) {
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct packet_view view;
	if (!packet_read(&p->proto, frame, m->data_len, &view))
		return false;
	unsigned known = 1U << DOOR_PORT_BITS;
	bool unheard_of = view.port >= known;
	unsigned bits = unheard_of ? DOOR_UNHEARD_PORT_BITS : DOOR_PORT_BITS;
	unsigned port = unheard_of ? view.port - known : view.port;
	unsigned id = (unsigned)view.msg[0] << 8 | view.msg[1];
	*r = (struct door_reply){
		.msg = view.msg,
		.frame = frame,
		.msg_len = view.msg_len,
		.frame_len = m->data_len,
		.tag = id << bits | port,
		.unheard_of = unheard_of,
	};
	return true;
}

static unsigned pmd_receive(struct door *d, struct door_reply replies[], unsigned max) {
	struct pmd *p = (struct pmd *)d;
	if (p->held) {
		rte_pktmbuf_free_bulk(p->rx, p->held);
		p->held = 0;
	}
	unsigned n = rte_eth_rx_burst(PORT, (uint16_t)p->rx_queue, p->rx, (uint16_t)max);
	p->rx_queue = p->rx_queue + 1 == p->queues ? 0 : p->rx_queue + 1;
	p->held = n;
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(p->rx[i], const uint8_t *));
	unsigned good = 0;
	for (unsigned i = 0; i < n; i++) {
		if (read_reply(p, p->rx[i], &replies[good]))
			good++;
		else
			take_stranger(p, p->rx[i]);
	}
	return good;
}

static const struct door_ops pmd_ops = {pmd_send, pmd_receive, pmd_close};

// @return What could not be done, or NULL.
static const char *open_port(struct pmd *p, const struct door_config *c) {
	if (!rte_eth_dev_is_valid_port(PORT))
		return "no port: does the driver know the device?";
	p->opened = true;
	// Rings in both directions, bursts on their way, caches.
	unsigned mbufs = c->queues * 2 * c->ring + 2 * POOL_CACHE + 4 * DOOR_BURST_MAX + 1024;
	p->pool = rte_pktmbuf_pool_create(
		"bench", mbufs, POOL_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY
	);
	if (!p->pool)
		return "no memory for packets";
	if (set_up_queues(p, c))
		return "queues refused";
	mono_ns_t until = clock_mono_ns() + LINK_WAIT_S * CLOCK_NS_PER_S;
	if (!c->vdev && strcmp(c->driver, "memif") == 0 && !memifready_wait(c->device, until))
		return "no memif server is ready there";
	if (rte_eth_dev_start(PORT))
		return "start refused";
	p->started = true;
	if (!link_up())
		return "no link: is the other side there?";

	struct packet_ends ends = c->ends;
	struct rte_ether_addr mac;
	ends.our_mac[0] = 2;
	if (rte_eth_macaddr_get(PORT, &mac) == 0)
		memcpy(ends.our_mac, mac.addr_bytes, 6);
	ends.ports = (1U << DOOR_PORT_BITS) + (1U << DOOR_UNHEARD_PORT_BITS);
	packet_proto_init(&p->proto, &ends);
	if (!c->mac_known && !resolve_peer(p, &ends))
		return "nobody answers for that address (ARP, neighbour solicitation)";
	packet_proto_init(&p->proto, &ends);
	p->door.overhead = p->proto.head_len;
	return NULL;
}

struct door *pmd_open(const struct door_config *c) {
	int rc = start_eal(c);
	if (rc) {
		(void)fprintf(stderr, "stsbench: EAL: %s\n", rte_strerror(-rc));
		return NULL;
	}
	struct pmd *p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);
	if (!p)
		return NULL;
	*p = (struct pmd){
		.door = {
			.ops = &pmd_ops,
			.port_bits = DOOR_PORT_BITS,
			.unheard_port_bits = DOOR_UNHEARD_PORT_BITS,
		},
		.queues = c->queues,
	};
	const char *fault = open_port(p, c);
	if (!fault)
		return &p->door;
	(void)fprintf(stderr, "stsbench: port: %s\n", fault);
	pmd_close(&p->door);
	return NULL;
}
