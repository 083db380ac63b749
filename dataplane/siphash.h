// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"). No library
// that stsd is built on has it in a form that neither allocates nor locks.

#define SIPHASH_KEY_BYTES 16

// @return The hash; its octets are told from the lowest on.
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const uint8_t *data, size_t len);
