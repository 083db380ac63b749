// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/port.h"

#define LOG_TOPIC "port"
#include "base/err.h"
#include "base/log.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS 2048
#define POOL_CACHE 256
#define SPARE_MBUFS 1024

static const char *const DRIVER_STR[] = {
	[PORT_TAP] = "tap",
	[PORT_AF_PACKET] = "af_packet",
	[PORT_AF_XDP] = "af_xdp",
	[PORT_MEMIF] = "memif",
	[PORT_PCI] = "pci",
};

const char *port_driver_str(enum port_driver d) {
	return DRIVER_STR[d];
}

bool port_driver_parse(const char *word, enum port_driver *out) {
	for (int d = PORT_TAP; d <= PORT_PCI; d++) {
		if (strcmp(word, DRIVER_STR[d]) == 0) {
			*out = (enum port_driver)d;
			return true;
		}
	}
	return false;
}

// Whether a routing table of the kernel names the device for the default route.
static bool has_default_route(const char *device) {
	FILE *f = fopen("/proc/net/route", "re");
	bool found = false;
	char line[256];
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char name[IFNAMSIZ] = "";
		char destination[16] = "";
		char mask[16] = "";
		found |= sscanf(line, "%15s %15s %*s %*s %*s %*s %*s %15s", name, destination, mask)
				 == 3
			 && strcmp(name, device) == 0 && strcmp(destination, "00000000") == 0
			 && strcmp(mask, "00000000") == 0;
	}
	if (f != NULL) {
		(void)fclose(f);
	}
	return found;
}

static bool is_steered(const struct port_config *c) {
	return c->driver == PORT_AF_XDP && c->xdp == PORT_XDP_SERVICE;
}

static void vdev_args(
	const struct port_config *c,
	const char *program,
	struct port *p,
	char *args,
	size_t cap
) {
	switch (c->driver) {
	case PORT_TAP:
		snprintf(p->vdev, sizeof(p->vdev), "net_tap_sts");
		snprintf(args, cap, "iface=%s", c->device);
		break;
	case PORT_AF_PACKET:
		snprintf(p->vdev, sizeof(p->vdev), "net_af_packet_sts");
		snprintf(args, cap, "iface=%s,qpairs=%u", c->device, c->queues);
		break;
	case PORT_AF_XDP:
		snprintf(p->vdev, sizeof(p->vdev), "net_af_xdp_sts");
		snprintf(
			args,
			cap,
			"iface=%s,start_queue=0,queue_count=%u%s%s",
			c->device,
			c->queues,
			program[0] != '\0' ? ",xdp_prog=" : "",
			program
		);
		break;
	case PORT_MEMIF:
		snprintf(p->vdev, sizeof(p->vdev), "net_memif_sts");
		snprintf(args, cap, "role=server,socket=%s,socket-abstract=no,rsize=11", c->device);
		break;
	case PORT_PCI:
		break;
	}
	size_t n = strlen(args);
	if (c->device_args != NULL && c->device_args[0] != '\0') {
		snprintf(args + n, cap - n, ",%s", c->device_args);
	}
}

static int find_device(const struct port_config *c, struct port *p) {
	char args[512] = "";
	char program[STEER_PATH_MAX] = "";
	if (c->driver == PORT_AF_XDP && !is_steered(c) && !c->force
	    && has_default_route(c->device)) {
		LOG(ERROR,
		    "%s carries the default route; port.xdp: all would take all of its traffic (port.force)",
		    c->device);
		return ERR_PORT;
	}
	if (c->driver == PORT_AF_XDP) {
		struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
		(void)setrlimit(RLIMIT_MEMLOCK, &all);
	}
	if (is_steered(c) && steer_open(&p->steer, c->device, program) < 0) {
		return ERR_PORT;
	}
	vdev_args(c, program, p, args, sizeof(args));
	int rc = p->vdev[0] == '\0' ? 0 : rte_eal_hotplug_add("vdev", p->vdev, args);
	if (rc < 0) {
		LOG(ERROR, "%s cannot be made with %s: %s", p->vdev, args, err_str(rc));
		p->vdev[0] = '\0';
		return ERR_PORT;
	}
	const char *name = p->vdev[0] != '\0' ? p->vdev : c->device;
	if (rte_eth_dev_get_port_by_name(name, &p->id) < 0) {
		LOG(ERROR, "%s is no Ethernet device of DPDK", name);
		return ERR_PORT;
	}
	return 0;
}

static int make_pools(const struct port_config *c, struct port *p, uint16_t rx, uint16_t tx) {
	unsigned n = c->mbufs != 0 ? c->mbufs : rx + tx + c->mbufs_kept + SPARE_MBUFS + POOL_CACHE;
	for (unsigned i = 0; i < c->queues; i++) {
		char name[RTE_MEMPOOL_NAMESIZE];
		snprintf(name, sizeof(name), "frames%u", i);
		p->pools[i] = rte_pktmbuf_pool_create(
			name,
			n,
			POOL_CACHE,
			0,
			RTE_MBUF_DEFAULT_BUF_SIZE,
			rte_eth_dev_socket_id(p->id)
		);
		if (p->pools[i] == NULL) {
			LOG(ERROR, "no memory for %u packet buffers (eal.memory)", n);
			return ERR_PORT;
		}
	}
	return 0;
}

static int
set_up_queues(const struct port_config *c, struct port *p, const struct rte_eth_dev_info *info) {
	struct rte_eth_conf conf = {0};
	uint64_t checksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	p->rx_checksums = c->driver == PORT_PCI && (info->rx_offload_capa & checksums) == checksums;
	if (p->rx_checksums) {
		conf.rxmode.offloads |= checksums;
	}
	uint64_t rss = info->flow_type_rss_offloads
		       & (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
	if (c->queues > 1 && rss != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	uint16_t n = (uint16_t)c->queues;
	uint16_t rx = DESCRIPTORS;
	uint16_t tx = DESCRIPTORS;
	int rc = rte_eth_dev_configure(p->id, n, n, &conf);
	if (rc == 0) {
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);
	}
	if (rc == 0) {
		rc = make_pools(c, p, rx, tx);
	}
	int socket = rte_eth_dev_socket_id(p->id);
	unsigned node = socket < 0 ? 0 : (unsigned)socket;
	for (uint16_t q = 0; rc == 0 && q < n; q++) {
		rc = rte_eth_rx_queue_setup(p->id, q, rx, node, NULL, p->pools[q]);
	}
	for (uint16_t q = 0; rc == 0 && q < n; q++) {
		rc = rte_eth_tx_queue_setup(p->id, q, tx, node, NULL);
	}
	return rc;
}

static void add_host_address(int fd, struct ifreq *ifr, const struct prefix *a) {
	struct sockaddr_in sin = {.sin_family = AF_INET};
	memcpy(&sin.sin_addr, a->address.octets, 4);
	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
	bool ok = ioctl(fd, SIOCSIFADDR, ifr) == 0;
	sin.sin_addr.s_addr = htonl(a->bits == 0 ? 0 : UINT32_MAX << (32 - a->bits));
	memcpy(&ifr->ifr_netmask, &sin, sizeof(sin));
	if (!ok || ioctl(fd, SIOCSIFNETMASK, ifr) < 0) {
		LOG(WARN, "%s gets no IPv4 address: %s", ifr->ifr_name, err_str(-errno));
	}
}

static void add_host_address6(int fd, const char *device, const struct prefix *a) {
	struct in6_ifreq req = {
		.ifr6_ifindex = (int)if_nametoindex(device),
		.ifr6_prefixlen = a->bits,
	};
	memcpy(&req.ifr6_addr, a->address.octets, 16);
	if (ioctl(fd, SIOCSIFADDR, &req) < 0 && errno != EEXIST) {
		LOG(WARN, "%s gets no IPv6 address: %s", device, err_str(-errno));
	}
}

// Duplicate address detection would keep the address unusable for a second.
static void no_detection(const char *device) {
	char path[96];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_dad", device);
	FILE *f = fopen(path, "we");
	if (f != NULL) {
		(void)fputs("0\n", f);
		(void)fclose(f);
	}
}

// Gives the kernel's side of a tap its addresses: they vanish with the tap.
static void dress_tap(const struct port_config *c) {
	struct ifreq ifr = {0};
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", c->device);
	int fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	no_detection(c->device);
	for (unsigned i = 0; i < c->host_address_count; i++) {
		if (c->host_addresses[i].address.family == AF_INET && fd4 >= 0) {
			add_host_address(fd4, &ifr, &c->host_addresses[i]);
		} else if (fd6 >= 0) {
			add_host_address6(fd6, c->device, &c->host_addresses[i]);
		}
	}
	if (fd4 >= 0 && ioctl(fd4, SIOCGIFFLAGS, &ifr) == 0) {
		ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
		(void)ioctl(fd4, SIOCSIFFLAGS, &ifr);
	}
	if (fd4 >= 0) {
		close(fd4);
	}
	if (fd6 >= 0) {
		close(fd6);
	}
}

int port_open(const struct port_config *c, struct port *p) {
	*p = (struct port){.steer = {.object = -1, .link = -1}};
	int rc = find_device(c, p);
	if (rc < 0) {
		steer_close(&p->steer);
		return rc;
	}
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	rc = rte_eth_dev_info_get(p->id, &info);
	if (rc == 0 && c->queues > info.max_rx_queues) {
		LOG(ERROR, "%s has %u queue pairs, not %u", c->device, info.max_rx_queues, c->queues
		);
		rc = ERR_PORT;
	}
	if (rc == 0) {
		rc = set_up_queues(c, p, &info);
	}
	if (rc == 0) {
		rc = rte_eth_dev_start(p->id);
	}
	if (rc == 0) {
		rc = rte_eth_macaddr_get(p->id, &mac);
	}
	if (rc < 0) {
		LOG(ERROR,
		    "%s %s cannot be started: %s",
		    port_driver_str(c->driver),
		    c->device,
		    err_str(rc));
		port_close(p);
		return ERR_PORT;
	}
	steer_loaded(&p->steer);
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
	// Neighbour solicitations come to multicast addresses; not every driver
	// filters, so not every driver knows the call.
	(void)rte_eth_allmulticast_enable(p->id);
	if (c->driver == PORT_TAP) {
		dress_tap(c);
	}
	return 0;
}

int port_take(struct port *p, const struct frame_owner *owner) {
	return p->steer.device == 0 ? 0 : steer_take(&p->steer, owner);
}

void port_close(struct port *p) {
	steer_close(&p->steer);
	(void)rte_eth_dev_stop(p->id);
	(void)rte_eth_dev_close(p->id);
	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
		rte_mempool_free(p->pools[i]);
	}
	if (p->vdev[0] != '\0') {
		(void)rte_eal_hotplug_remove("vdev", p->vdev);
	}
}
