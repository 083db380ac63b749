// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Mail domains as labels, read fast: the usual ones, in one pass.

// So many octets from the first length octet on may be read, whatever they are,
// and as many may be written.
#define PLAIN_PAD 80

// Reads labels that end with the root label, as name_check() would judge their
// lower-case text.
// @param left  Octets in which the name has to end.
// @param text  Takes the text, dots between the labels; what was there before is
//              lost for PLAIN_PAD octets, also where 0 is returned.
// @return Octets of the text; 0 for all that is not a mail domain of up to 62
//         octets, or might be of special use: a slower reader has to tell.
unsigned plain_read(const uint8_t *wire, size_t left, char *text);
