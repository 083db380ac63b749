// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/vet.h"

#include <string.h>

#define V4(a, b, c, d, n) \
	{ {AF_INET, {a, b, c, d}}, n }

// IANA IPv4 Special-Purpose Address Registry and what else is no stranger's.
static const struct prefix refused_v4[] = {
	V4(0, 0, 0, 0, 8),	  // this network
	V4(10, 0, 0, 0, 8),	  // private
	V4(100, 64, 0, 0, 10),	  // shared
	V4(127, 0, 0, 0, 8),	  // loopback
	V4(168, 63, 129, 16, 32), // metadata of a large cloud, outside the reserved ranges
	V4(169, 254, 0, 0, 16),	  // link-local, metadata
	V4(172, 16, 0, 0, 12),	  // private
	V4(192, 0, 0, 0, 24),	  // protocol assignments
	V4(192, 0, 2, 0, 24),	  // documentation
	V4(192, 88, 99, 0, 24),	  // 6to4 relays, withdrawn
	V4(192, 168, 0, 0, 16),	  // private
	V4(198, 18, 0, 0, 15),	  // benchmarking
	V4(198, 51, 100, 0, 24),  // documentation
	V4(203, 0, 113, 0, 24),	  // documentation
	V4(224, 0, 0, 0, 4),	  // multicast
	V4(240, 0, 0, 0, 4),	  // reserved, broadcast
};

// Only 2000::/3 is global unicast; these are the exceptions inside.
static const struct prefix global_v6 = {{AF_INET6, {0x20}}, 3};
static const struct prefix refused_v6[] = {
	{{AF_INET6, {0x20, 0x01}}, 23}, // protocol assignments, Teredo, benchmarking, ORCHID
	{{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}}, 32}, // documentation
	{{AF_INET6, {0x3f, 0xff}}, 20},		    // documentation
};

// Forms that carry an IPv4 address, which is judged instead.
static const struct {
	struct prefix form;
	size_t at;
} embedded[] = {
	{{{AF_INET6, {[10] = 0xff, [11] = 0xff}}, 96}, 12}, // IPv4-mapped
	{{{AF_INET6, {0x00, 0x64, 0xff, 0x9b}}, 96}, 12},   // NAT64
	{{{AF_INET6, {0x20, 0x02}}, 16}, 2},		    // 6to4
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool vet_in_prefix(const struct address *a, const struct prefix *p) {
	unsigned width = a->family == AF_INET ? 32 : 128;
	if (a->family != p->address.family || p->bits > width) {
		return false;
	}
	unsigned whole = p->bits / 8U;
	unsigned rest = p->bits % 8U;
	if (memcmp(a->octets, p->address.octets, whole) != 0) {
		return false;
	}
	return rest == 0 || (a->octets[whole] ^ p->address.octets[whole]) >> (8U - rest) == 0;
}

static bool in_any(const struct address *a, const struct prefix *list, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (vet_in_prefix(a, &list[i])) {
			return true;
		}
	}
	return false;
}

static bool embedded_v4(const struct address *a, struct address *v4) {
	for (size_t i = 0; i < COUNT(embedded); i++) {
		if (vet_in_prefix(a, &embedded[i].form)) {
			*v4 = (struct address){.family = AF_INET};
			memcpy(v4->octets, a->octets + embedded[i].at, 4);
			return true;
		}
	}
	return false;
}

bool vet_address(const struct address *a, const struct prefix *allow, size_t count) {
	if (a->family != AF_INET && a->family != AF_INET6) {
		return false;
	}
	if (in_any(a, allow, count)) {
		return true;
	}
	struct address v4 = *a;
	if (a->family == AF_INET || embedded_v4(a, &v4)) {
		return !in_any(&v4, refused_v4, COUNT(refused_v4)) || in_any(&v4, allow, count);
	}
	return vet_in_prefix(a, &global_v6) && !in_any(a, refused_v6, COUNT(refused_v6));
}
