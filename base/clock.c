// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/clock.h"

#include <time.h>

static struct timespec read_clock(clockid_t id) {
	struct timespec ts = {0};
	clock_gettime(id, &ts);
	return ts;
}

mono_ns_t clock_mono_ns(void) {
	struct timespec ts = read_clock(CLOCK_MONOTONIC);
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_S + (uint64_t)ts.tv_nsec;
}

boot_s_t clock_boot_s(void) {
	return read_clock(CLOCK_BOOTTIME).tv_sec;
}

int64_t clock_shift_s(void) {
	struct timespec boot = read_clock(CLOCK_BOOTTIME);
	struct timespec wall = read_clock(CLOCK_REALTIME);
	return wall.tv_sec - boot.tv_sec - (wall.tv_nsec < boot.tv_nsec ? 1 : 0);
}

wall_s_t clock_wall_s(void) {
	return read_clock(CLOCK_REALTIME).tv_sec;
}
