// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/backoff.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define FIRST_RETRY_S 5
#define REFRESH_SPREAD_PERCENT 25

static int64_t clamp(int64_t v, int64_t least, int64_t most) {
	if (v < least) {
		return least;
	}
	return v > most ? most : v;
}

uint64_t backoff_random(uint64_t *state) {
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;
	z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27U) * 0x94d049bb133111ebULL;
	return z ^ z >> 31U;
}

// 0 .. n, both included. The bias of the remainder is far below a second.
static int64_t below(int64_t n, uint64_t *state) {
	return (int64_t)(backoff_random(state) % ((uint64_t)n + 1));
}

int64_t backoff_spread(int64_t value, unsigned percent, uint64_t *state) {
	int64_t part = value * (int64_t)percent / 100;
	return value - part + below(2 * part, state);
}

int64_t backoff_fetch_s(unsigned attempts, uint64_t *state) {
	int64_t minutes = 15;
	if (attempts <= 2) {
		minutes = 5;
	} else if (attempts == 3) {
		minutes = 10;
	}
	int64_t base = minutes * MINUTE_S;
	return base + below(base / 5, state);
}

static int64_t doubling(unsigned attempts, int64_t most) {
	int64_t s = FIRST_RETRY_S;
	for (unsigned i = 1; i < attempts && s < most; i++) {
		s *= 2;
	}
	return clamp(s, FIRST_RETRY_S, most);
}

int64_t backoff_dns_s(unsigned attempts) {
	return doubling(attempts, 5 * (int64_t)MINUTE_S);
}

int64_t backoff_local_s(unsigned attempts) {
	return doubling(attempts, MINUTE_S);
}

int64_t backoff_interval_s(uint32_t ttl_s) {
	return clamp(ttl_s, 5 * (int64_t)MINUTE_S, HOUR_S);
}

int64_t backoff_negative_s(uint32_t ttl_s) {
	return clamp(ttl_s, MINUTE_S, HOUR_S);
}

int64_t backoff_refresh_s(uint32_t max_age_s, uint64_t *state) {
	if (max_age_s < 20 * MINUTE_S) {
		return CLOCK_NEVER;
	}
	int64_t base = clamp(max_age_s / 2, 10 * (int64_t)MINUTE_S, DAY_S);
	return backoff_spread(base, REFRESH_SPREAD_PERCENT, state);
}
