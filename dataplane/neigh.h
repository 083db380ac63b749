// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/frame.h"

// What a host owes its neighbours: ARP (RFC 826), neighbour advertisements
// (RFC 4861 7.2.4) and echo replies (RFC 792, RFC 4443 4.2).

// Writes the answer to a FRAME_ARP, FRAME_ICMP4 or FRAME_ICMP6 over it.
// @param cap  Octets that may be written from data on.
// @return Octets of the answer, 0: there is none to give.
size_t neigh_answer(
	const struct frame_owner *o,
	enum frame_verdict kind,
	const struct frame_view *v,
	uint8_t *data,
	size_t len,
	size_t cap
);
