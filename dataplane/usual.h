// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/table.h"
#include "dataplane/frame.h"
#include "dataplane/lookup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The short way for the usual datagram: TXT IN of a plain mail domain, with at
// most an empty OPT, from a sender whose headers were judged before, answered
// from the table. What goes it gets the very octets that the general
// way (dataplane/frame.h, dataplane/lookup.h) would give; whatever is out of the
// ordinary is left to that one, and so is every decision and every fault.

#define USUAL_HEAD_BYTES 96 // those that count, in whole vectors

// What a sender's datagrams have in common, up to the counts of the DNS header.
// All zero: none.
struct usual_sender {
	uint8_t mask[USUAL_HEAD_BYTES];	 // which bits
	uint8_t head[USUAL_HEAD_BYTES];	 // and what they are
	uint8_t reply[USUAL_HEAD_BYTES]; // headers of answers but for length and checksums
	uint16_t head_sum;		 // IPv4: of what the header has in common
	uint16_t reply_sum;		 // IPv4: of the answer's header
	uint16_t pseudo_sum;		 // of the pseudo header but for the length
	uint8_t l3;			 // offset of the IP header
	uint8_t l4;			 // offset of the UDP header, 0: no sender
	uint8_t length_at;		 // offset of the length in the IP header
	uint8_t length_more;		 // what it counts besides the UDP length
};

// Remembers the sender of a FRAME_QUERY whose address is allowed to ask.
void usual_remember(struct usual_sender *s, const uint8_t *data, const struct frame_view *v);

#define USUAL_SENDERS 256 // a power of two

// The place for the sender of a frame.
static inline unsigned usual_place(const uint8_t *data) {
	// The last octets of an IPv4 source, or of both halves of an IPv6 one.
	unsigned tag = data[12] == 0x81 ? 4 : 0;
	return (data[29 + tag] ^ data[37 + tag]) & (USUAL_SENDERS - 1);
}

struct usual_frame {
	uint8_t *data;
	uint16_t len;
	bool verified; // the NIC has found the checksums good
};

#define USUAL_NAME_MAX 48
#define USUAL_NAME_ROOM 64 // in whole vectors

// A question that was read.
struct usual {
	const struct usual_sender *sender;
	uint64_t sum; // of what the answer takes over; see usual_answer()
	uint16_t size_max;
	uint8_t question_bytes;
	uint8_t has_opt;   // 0 or 1
	uint8_t dnssec_ok; // 0 or 0x80
	uint8_t name_len;
	uint8_t index;		    // of the frame in its burst
	char name[USUAL_NAME_ROOM]; // lower case
};

// USUAL_PAD octets behind the frame may be read, whatever they are.
#define USUAL_PAD 128

// The short way as one kind of processor goes it.
struct usual_way {
	// Reads a burst of frames, which stay as they are.
	// @param out   Takes the questions that are usual, in order.
	// @param keys  Takes their names.
	// @return How many.
	unsigned (*read
	)(const struct usual_sender senders[USUAL_SENDERS],
	  const struct lookup_zone *zone,
	  const struct usual_frame frames[],
	  unsigned n,
	  struct usual out[],
	  struct table_key keys[]);
	// Writes answers over the frames that were read, and up to LOOKUP_SLACK octets
	// behind them.
	// @param found  Entries that may have ended, or NULL.
	// @param bytes  Takes the octets of each frame, or 0 where there is no entry in
	//               force, or its answer may be too long for the client: the frame
	//               is unchanged then.
	void (*answer
	)(const struct usual_frame frames[],
	  const struct usual questions[],
	  const struct entry *const found[],
	  unsigned n,
	  struct lookup_now now,
	  uint16_t bytes[]);
};

extern const struct usual_way usual_way_v2; // any x86-64 that DPDK runs on
extern const struct usual_way usual_way_v3; // with AVX2 and BMI2
bool usual_way_v3_runs(void);

// The fastest one here, or NULL: none is made for this kind of processor.
const struct usual_way *usual_way(void);
