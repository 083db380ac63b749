// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>
#include <sys/socket.h> // AF_INET, AF_INET6

struct address {
	uint8_t family;	    // AF_INET or AF_INET6
	uint8_t octets[16]; // the first 4 of AF_INET, the rest 0
};

struct prefix {
	struct address address;
	uint8_t bits;
};
