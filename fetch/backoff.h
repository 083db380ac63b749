// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"

#include <stdint.h>

// How long to wait before the next attempt, and the jitter that keeps many
// domains from waiting in step.

// A small generator (splitmix64): good enough to spread load, not for secrets.
// @param state  Any value; moves on.
uint64_t backoff_random(uint64_t *state);

// value plus or minus up to percent of it.
int64_t backoff_spread(int64_t value, unsigned percent, uint64_t *state);

// After the n-th failed HTTPS fetch in a row under one id: 5, 5, 10, then 15
// minutes, and up to a fifth more; never less than RFC 8461 3.3 asks for.
// @param attempts  From 1.
int64_t backoff_fetch_s(unsigned attempts, uint64_t *state);

// 5 s doubling to 5 min, after the n-th DNS failure in a row.
int64_t backoff_dns_s(unsigned attempts);

// 5 s doubling to 1 min, after the n-th fault of our own in a row.
int64_t backoff_local_s(unsigned attempts);

// When a good TXT check is due again: its TTL, within 5 min and 1 h.
int64_t backoff_interval_s(uint32_t ttl_s);

// How long "the domain has no MTA-STS" counts: the negative TTL, within 1 min
// and 1 h.
int64_t backoff_negative_s(uint32_t ttl_s);

// When a policy is fetched again although nothing asks for it: after half its
// max_age, within 10 min and a day, spread by a quarter.
// @return Seconds, or CLOCK_NEVER for a max_age under 20 min.
int64_t backoff_refresh_s(uint32_t max_age_s, uint64_t *state);
