// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/steer.h"

#define LOG_TOPIC "steer"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/xdp/service.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(FRAME_ADDRESS_MAX <= STEER_ADDRESS_MAX, "the program knows every address");

#define MAPS_MAX 8

#if STEER_BUILT
static const uint8_t OBJECT[] = {
#include "dataplane/steer.inc"
};
#define OBJECT_BYTES sizeof(OBJECT)
#else
static const uint8_t OBJECT[1];
#define OBJECT_BYTES 0
#endif

int steer_open(struct steer *s, const char *device, char path[STEER_PATH_MAX]) {
	*s = (struct steer){.object = -1, .link = -1, .device = (int)if_nametoindex(device)};
	uint32_t other = 0;
	if (OBJECT_BYTES == 0) {
		LOG(ERROR, "this stsd was built without clang: it has port.xdp: all alone");
		return ERR_PORT;
	}
	if (bpf_xdp_query_id(s->device, 0, &other) == 0 && other != 0) {
		LOG(ERROR,
		    "%s has an XDP program already (ip link set dev %s xdp off)",
		    device,
		    device);
		return ERR_PORT;
	}
	s->object = memfd_create("stsd_steer", MFD_CLOEXEC);
	if (s->object < 0 || write(s->object, OBJECT, OBJECT_BYTES) != (ssize_t)OBJECT_BYTES) {
		LOG(ERROR, "no room for the XDP program: %s", err_str(-errno));
		steer_loaded(s);
		return ERR_PORT;
	}
	snprintf(path, STEER_PATH_MAX, "/proc/self/fd/%d", s->object);
	return 0;
}

void steer_loaded(struct steer *s) {
	if (s->object >= 0) {
		close(s->object);
		s->object = -1;
	}
}

static struct steer_service service_of(const struct frame_owner *o) {
	struct steer_service s = {.port = htons(o->udp_port), .vlan = htons(o->vlan)};
	for (unsigned i = 0; i < o->address_count; i++) {
		const struct address *a = &o->addresses[i];
		if (a->family == AF_INET) {
			memcpy(&s.ip4[s.ip4_count++], a->octets, 4);
		} else {
			memcpy(s.ip6[s.ip6_count++], a->octets, 16);
		}
	}
	return s;
}

// @return A descriptor of the program's map of that name, or negative errno.
static int find_map(int program, const char *name) {
	uint32_t ids[MAPS_MAX];
	struct bpf_prog_info p = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	uint32_t len = sizeof(p);
	int rc = bpf_obj_get_info_by_fd(program, &p, &len);
	for (unsigned i = 0; rc == 0 && i < p.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info m = {0};
		len = sizeof(m);
		int map = bpf_map_get_fd_by_id(ids[i]);
		if (map >= 0 && bpf_obj_get_info_by_fd(map, &m, &len) == 0
		    && strcmp(m.name, name) == 0) {
			return map;
		}
		if (map >= 0) {
			close(map);
		}
	}
	return rc < 0 ? rc : -ENOENT;
}

static int fill(int program, const struct frame_owner *owner) {
	const struct steer_service s = service_of(owner);
	int map = find_map(program, "service");
	if (map < 0) {
		return map;
	}
	int rc = bpf_map_update_elem(map, &(uint32_t){0}, &s, BPF_ANY);
	close(map);
	return rc;
}

// The loader of DPDK leaves the program on the interface for good, the next start
// included. A link in its place ends with this process. In between everything is
// the kernel's, as before.
static int put_link(struct steer *s, int program) {
	int rc = bpf_xdp_detach(s->device, 0, NULL);
	if (rc < 0) {
		return rc;
	}
	s->link = bpf_link_create(program, s->device, BPF_XDP, NULL);
	return s->link < 0 ? s->link : 0;
}

static bool is_local(const struct ifaddrs *all, const struct address *a) {
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != a->family) {
			continue;
		}
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		bool same;
		if (a->family == AF_INET) {
			memcpy(&v4, i->ifa_addr, sizeof(v4));
			same = memcmp(&v4.sin_addr, a->octets, 4) == 0;
		} else {
			memcpy(&v6, i->ifa_addr, sizeof(v6));
			same = memcmp(&v6.sin6_addr, a->octets, 16) == 0;
		}
		if (same) {
			return true;
		}
	}
	return false;
}

// ARP and neighbour discovery are the kernel's: it has to know the addresses.
static void warn_of_strangers(const struct frame_owner *o) {
	struct ifaddrs *all;
	if (getifaddrs(&all) < 0) {
		return;
	}
	for (unsigned i = 0; i < o->address_count; i++) {
		char text[INET6_ADDRSTRLEN] = "";
		const struct address *a = &o->addresses[i];
		if (!is_local(all, a)) {
			(void)inet_ntop(a->family, a->octets, text, sizeof(text));
			LOG(WARN,
			    "%s is on no interface: with port.xdp: service the kernel answers for it",
			    text);
		}
	}
	freeifaddrs(all);
}

int steer_take(struct steer *s, const struct frame_owner *owner) {
	uint32_t id = 0;
	int rc = bpf_xdp_query_id(s->device, 0, &id);
	int program = rc < 0 ? rc : bpf_prog_get_fd_by_id(id);
	rc = program < 0 ? program : fill(program, owner);
	if (rc == 0) {
		rc = put_link(s, program);
	}
	if (program >= 0) {
		close(program);
	}
	if (rc < 0) {
		LOG(ERROR, "the XDP program takes no addresses: %s", err_str(rc));
		return ERR_PORT;
	}
	warn_of_strangers(owner);
	return 0;
}

void steer_close(struct steer *s) {
	steer_loaded(s);
	if (s->link >= 0) {
		close(s->link);
		s->link = -1;
	}
}
