// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What libstsq sends and receives, as octets (docs/wire.md). Not installed.

#define STSQWIRE_OPTION 65461 // of a batch
#define STSQWIRE_NAMES_MAX 64
#define STSQWIRE_REQUEST_MAX 1232
#define STSQWIRE_NAME_MAX 255

// Dotted text as labels with the root label; one trailing dot is dropped.
// @return Octets, 0: it is no DNS name, or the root.
size_t stsqwire_name(const char *text, uint8_t out[STSQWIRE_NAME_MAX]);

struct stsqwire_request {
	uint8_t octets[STSQWIRE_REQUEST_MAX];
	size_t len;
	size_t question_len; // behind the header
	size_t option_at;    // of the batch option; 0: none
	unsigned count;
};

// Begins a request with its first name: labels with the root label, as all here.
// @param zone  Together with the name at most 255 octets.
// @param batch  Whether it asks for a batch, of one name at least.
void stsqwire_begin(
	struct stsqwire_request *r,
	uint16_t id,
	const uint8_t *name,
	const uint8_t *zone,
	bool batch
);
// Adds a name to a batch. @return False: it does not fit.
bool stsqwire_add(struct stsqwire_request *r, const uint8_t *name);

// An answer: its form has been checked as far as it goes.
struct stsqwire_reply {
	const uint8_t *octets;
	size_t len;
	unsigned rcode;	  // extended (RFC 6891 6.1.3)
	unsigned records; // of the answer section, left
	size_t at;	  // of the next one
	bool batch;	  // it has the option:
	unsigned count;	  // names asked
	unsigned first;	  // which one the first record is for
};

// Reads a message. Octets are borrowed as long as the reply is used.
// @param question  What was asked, to be echoed octet for octet.
// @return False: no answer to it, or malformed.
bool stsqwire_read(
	struct stsqwire_reply *r,
	const uint8_t *octets,
	size_t len,
	const uint8_t *question,
	size_t question_len
);

#define STSQWIRE_TEXT_MAX 4096 // of the joined strings, with NUL

struct stsqwire_record {
	uint32_t ttl_s;
	bool is_txt;	 // of class IN
	size_t text_len; // of a TXT record: its strings, joined
	size_t owner_len;
	uint8_t owner[STSQWIRE_NAME_MAX];
	char text[STSQWIRE_TEXT_MAX];
};

// The next record of the answer section. @return False: there is none.
bool stsqwire_next(struct stsqwire_reply *r, struct stsqwire_record *out);

// Whether the record's owner is a name below the zone, in whatever case.
bool stsqwire_is_of(const struct stsqwire_record *r, const uint8_t *name, const uint8_t *zone);
