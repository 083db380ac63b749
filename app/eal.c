// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/eal.h"

#define LOG_TOPIC "eal"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <rte_eal.h>
#include <rte_log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 24
#define FREE_HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
#define HUGEPAGE_BYTES (2ULL << 20)

static uint64_t free_hugepage_bytes(void) {
	FILE *f = fopen(FREE_HUGEPAGES, "re");
	unsigned long long pages = 0;
	char line[32];
	if (f != NULL) {
		if (fgets(line, sizeof(line), f) != NULL) {
			pages = strtoull(line, NULL, 10);
		}
		(void)fclose(f);
	}
	return pages * HUGEPAGE_BYTES;
}

static ssize_t to_log(void * /*cookie*/, const char *text, size_t len) {
	char line[512];
	size_t n = len < sizeof(line) ? len : sizeof(line) - 1;
	memcpy(line, text, n);
	while (n > 0 && line[n - 1] == '\n') {
		n--;
	}
	line[n] = '\0';
	if (n > 0) {
		LOG(INFO, "%s", line);
	}
	return (ssize_t)len;
}

static void route_log(void) {
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = to_log});
	if (stream != NULL) {
		setvbuf(stream, NULL, _IOLBF, 512);
		rte_openlog_stream(stream);
	}
}

int eal_start(const struct eal_config *c) {
	char lcores[1024];
	char memory[24];
	int n = snprintf(lcores, sizeof(lcores), "0@%u", c->control_cpu);
	for (unsigned i = 0; i < c->workers; i++) {
		n += snprintf(
			lcores + n, sizeof(lcores) - (size_t)n, ",%u@%u", i + 1, c->worker_cpus[i]
		);
	}
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)(c->memory_bytes >> 20));
	bool huge = c->hugepages == 1
		    || (c->hugepages == 0 && free_hugepage_bytes() >= c->memory_bytes);
	const char *args[ARGS_MAX] = {
		"stsd",
		"--no-telemetry",
		"--no-shconf",
		"--log-level=lib.eal:warning",
		"--lcores",
		lcores,
		"-m",
		memory,
	};
	int count = 8;
	// Without huge pages EAL falls back to its older memory layout, which the
	// option for "no files" does not go with; there are no files then anyway.
	args[count++] = huge ? "--in-memory" : "--no-huge";
	if (c->pci != NULL) {
		args[count++] = "-a";
		args[count++] = c->pci;
	} else {
		args[count++] = "--no-pci";
	}
	char *copies[ARGS_MAX] = {0};
	for (int i = 0; i < count; i++) {
		copies[i] = strdup(args[i]); // EAL permutes and keeps them
	}
	route_log();
	LOG(INFO, "%s MiB of %s memory, lcores %s", memory, huge ? "huge-page" : "ordinary", lcores
	);
	mono_ns_t before = clock_mono_ns();
	if (rte_eal_init(count, copies) < 0) {
		LOG(ERROR, "rte_eal_init failed");
		return ERR_EAL;
	}
	uint64_t took_ms = (clock_mono_ns() - before) / CLOCK_NS_PER_MS;
	LOG(INFO, "up after %llu ms", (unsigned long long)took_ms);
	return 0;
}

void eal_stop(void) {
	(void)rte_eal_cleanup();
}
