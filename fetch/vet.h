// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Which addresses a policy may be fetched from. A stranger chooses the address
// of his policy host; it must not lead us into networks that trust us.

// Whether the address lies in the prefix. A prefix with more bits than its
// family has matches nothing.
bool vet_in_prefix(const struct address *a, const struct prefix *p);

// Whether the address may be connected to: global unicast only. Refused are
// loopback, private, link-local, shared, multicast, documentation,
// benchmarking, reserved and metadata addresses, also in their IPv4-mapped,
// NAT64 and 6to4 forms, and any other family than AF_INET and AF_INET6.
// @param allow  Prefixes that are allowed all the same; may be NULL if count is 0.
bool vet_address(const struct address *a, const struct prefix *allow, size_t count);
