// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Start of DPDK's environment: which CPUs, how much memory, no files, no
// telemetry socket. DPDK's own lines go to base/log.

struct eal_config {
	unsigned control_cpu;
	const unsigned *worker_cpus; // lcore i + 1 runs on worker_cpus[i]
	unsigned workers;
	int hugepages;	       // 0: where there are some, 1: yes, 2: no
	uint64_t memory_bytes; // of packet buffers and rings
	const char *pci;       // address of the one allowed NIC, or NULL
};

// @return 0 or ERR_EAL; what failed has been logged.
// Context: the main thread, once.
[[nodiscard]] int eal_start(const struct eal_config *config);
void eal_stop(void);
