// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>

// Time is a parameter below app/: loops read it once a turn and pass it down.

typedef uint64_t mono_ns_t; // CLOCK_MONOTONIC, nanoseconds
typedef int64_t boot_s_t;   // CLOCK_BOOTTIME, seconds; negative: before this boot
typedef int64_t wall_s_t;   // CLOCK_REALTIME, seconds since 1970

#define CLOCK_NS_PER_S 1000000000ULL
#define CLOCK_NS_PER_MS 1000000ULL

// A duration or limit that is never reached.
#define CLOCK_NEVER INT64_MAX

mono_ns_t clock_mono_ns(void);
boot_s_t clock_boot_s(void);
wall_s_t clock_wall_s(void);

// Wall clock minus boot clock. Both run alike, so it stays what it is until the
// wall clock is set; of two readings in whole seconds it would be now and then a
// second off.
int64_t clock_shift_s(void);
