// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// table_bench [--cpu N] [--with N] [--json FILE] [NAMES...]: our table beside
// cds_lfht and rte_hash, with the same names, in turn.
//
// For each size: inserts while another thread reads, octets a name, then lookups
// of names that are there (in random order and by Zipf's law) and of names that
// are not, with nobody writing and with a thread that publishes RATE records a
// second. Rates count the CPU time of the thread that looks up; medians of RUNS,
// and of the ratios within each. The number of hits is checked. `writes/s` is the
// least that the writer came to in any of the runs.

#include "app/eal.h"
#include "base/clock.h"
#include "bench/dice.h"
#include "bench/domains.h"
#include "bench/draw.h"
#include "bench/rival.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SEED = 20,
	RUNS = 5,
	BURST = 32,
	TRACE_MAX = 2000000,
	LOOKUPS = 4000000,
	RATE = 100000,
	BATCH = 100,
	RIVALS = 4,
};

#define ZIPF 0.99
#define SIZES_MAX 8
#define DPDK_BYTES (1400ULL << 20)

static const struct rival *const rivals[RIVALS] = {
	&RIVAL_TABLE,
	&RIVAL_ALONE,
	&RIVAL_LFHT,
	&RIVAL_HASH};

enum order { HITS, MISSES, ZIPFIAN, ORDERS };
static const char *const order_names[ORDERS] = {"hits", "misses", "zipf"};

struct trace {
	struct table_key *keys;
	char *text;
	size_t count;
};

struct bench {
	unsigned cpu;
	unsigned with;
	FILE *json;
	uint32_t names;
	struct trace traces[ORDERS];
	void *tables[RIVALS];
	double inserts[RIVALS]; // a second
	double bytes[RIVALS];	// a name
};

static void die(const char *what) {
	(void)fprintf(stderr, "table_bench: %s\n", what);
	exit(1); // NOLINT(concurrency-mt-unsafe): nothing runs at exit
}

static void pin(unsigned cpu) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		die("no such CPU");
	}
}

static double cpu_s(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident(void) {
	FILE *f = fopen("/proc/self/statm", "r");
	size_t total = 0;
	size_t pages = 0;
	if (f == NULL || fscanf(f, "%zu %zu", &total, &pages) != 2) {
		die("no /proc/self/statm");
	}
	(void)fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

// Names asked, in order; those above `names` nobody has heard of.
static struct trace make_trace(uint32_t names, enum order order) {
	struct trace t = {.count = names < TRACE_MAX ? names : TRACE_MAX};
	uint32_t *ranks = order == ZIPFIAN ? draw_zipf(names, ZIPF, t.count, SEED)
					   : draw_permutation(names, SEED);
	t.keys = malloc(t.count * sizeof(t.keys[0]));
	t.text = malloc(t.count * DOMAINS_NAME_MAX);
	if (ranks == NULL || t.keys == NULL || t.text == NULL) {
		die("no memory");
	}
	char *at = t.text;
	for (size_t i = 0; i < t.count; i++) {
		uint32_t rank = ranks[i] + (order == MISSES ? names : 0);
		t.keys[i] = (struct table_key){at, domains_name(SEED, rank, at)};
		at += t.keys[i].len;
	}
	free(ranks);
	return t;
}

static void free_trace(struct trace *t) {
	free(t->keys);
	free(t->text);
}

// @return Hits among so many lookups, the trace over and over.
static uint64_t look(const struct rival *r, void *table, const struct trace *t, size_t lookups) {
	uint64_t hits = 0;
	size_t at = 0;
	for (size_t done = 0; done < lookups;) {
		size_t n = t->count - at < BURST ? t->count - at : BURST;
		hits += r->look(table, t->keys + at, (unsigned)n);
		done += n;
		at = at + n == t->count ? 0 : at + n;
	}
	return hits;
}

static int put_rank(const struct rival *r, void *table, uint32_t rank, uint32_t ends_s) {
	char name[DOMAINS_NAME_MAX];
	return r->put(table, name, domains_name(SEED, rank, name), ends_s);
}

// The thread on the other core.

struct other {
	const struct rival *rival;
	void *table;
	const struct trace *trace; // to read, or NULL: it writes
	uint32_t names;
	unsigned cpu;
	pthread_t id;
	atomic_bool over;
	uint64_t done;
	double seconds;
};

static void read_on(struct other *o) {
	o->rival->begin(o->table);
	while (!atomic_load_explicit(&o->over, memory_order_relaxed)) {
		(void)look(o->rival, o->table, o->trace, BURST * 64);
	}
	o->rival->end(o->table);
}

// Publishes records of names that are there, batches by the clock.
static void write_on(struct other *o) {
	struct dice dice = {.state = SEED};
	mono_ns_t begin = clock_mono_ns();
	if (o->rival->writer_looks) {
		o->rival->begin(o->table);
	}
	while (!atomic_load_explicit(&o->over, memory_order_relaxed)) {
		if ((double)(clock_mono_ns() - begin) * RATE < (double)o->done * 1e9) {
			continue;
		}
		for (unsigned i = 0; i < BATCH; i++) {
			uint32_t rank = dice_below(&dice, o->names);
			if (put_rank(o->rival, o->table, rank, rank + 2) != 0) {
				die("no memory to write");
			}
		}
		o->rival->turn(o->table);
		o->done += BATCH;
	}
	if (o->rival->writer_looks) {
		o->rival->end(o->table);
	}
	o->seconds = (double)(clock_mono_ns() - begin) / 1e9;
}

static void *other_run(void *arg) {
	struct other *o = arg;
	pin(o->cpu);
	if (o->trace != NULL) {
		read_on(o);
	} else {
		write_on(o);
	}
	return NULL;
}

static void other_begin(struct other *o) {
	if (pthread_create(&o->id, NULL, other_run, o) != 0) {
		die("no thread");
	}
}

static void other_end(struct other *o) {
	atomic_store_explicit(&o->over, true, memory_order_relaxed);
	pthread_join(o->id, NULL);
}

// Filling.

static double fill(const struct bench *b, const struct rival *r, void *table) {
	struct other reader = {
		.rival = r, .table = table, .trace = &b->traces[HITS], .cpu = b->with};
	other_begin(&reader);
	double begin = cpu_s();
	if (r->writer_looks) {
		r->begin(table);
	}
	for (uint32_t rank = 0; rank < b->names; rank++) {
		if (put_rank(r, table, rank, 1) != 0) {
			die("no memory to insert");
		}
		if (rank % BATCH == 0) {
			r->turn(table);
		}
	}
	if (r->writer_looks) {
		r->end(table);
	}
	double seconds = cpu_s() - begin;
	other_end(&reader);
	return (double)b->names / seconds;
}

static void fill_all(struct bench *b) {
	for (unsigned i = 0; i < RIVALS; i++) {
		const struct rival *r = rivals[i];
		if (r == &RIVAL_ALONE) {
			b->tables[i] = b->tables[0];
			b->inserts[i] = b->inserts[0];
			b->bytes[i] = b->bytes[0];
			continue;
		}
		size_t before = resident();
		b->tables[i] = r->open(b->names, SEED);
		if (b->tables[i] == NULL) {
			die("no memory for a table");
		}
		b->inserts[i] = fill(b, r, b->tables[i]);
		size_t bytes = resident() - before + r->huge_bytes(b->tables[i]);
		b->bytes[i] = (double)bytes / b->names;
	}
}

// Looking up.

// @param written  Records a second that the writer published, 0 without one.
static double rate_of(const struct bench *b, unsigned which, enum order order, double *written) {
	const struct rival *r = rivals[which];
	const struct trace *t = &b->traces[order];
	struct other writer = {
		.rival = r, .table = b->tables[which], .names = b->names, .cpu = b->with};
	bool writing = *written > 0;
	if (writing) {
		other_begin(&writer);
	}
	r->begin(b->tables[which]);
	(void)look(r, b->tables[which], t, LOOKUPS / 10);
	double begin = cpu_s();
	uint64_t hits = look(r, b->tables[which], t, LOOKUPS);
	double seconds = cpu_s() - begin;
	r->end(b->tables[which]);
	if (writing) {
		other_end(&writer);
		*written = (double)writer.done / writer.seconds;
	}
	if (order == MISSES ? hits != 0 : hits < LOOKUPS) {
		die("a lookup was wrong");
	}
	return LOOKUPS / seconds;
}

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(const double in[RUNS]) {
	double v[RUNS];
	memcpy(v, in, sizeof(v));
	qsort(v, RUNS, sizeof(v[0]), by_value);
	return v[RUNS / 2];
}

static void compare(const struct bench *b, enum order order, bool writing) {
	double rates[RIVALS][RUNS];
	double ratios[RIVALS][RUNS];
	double least = writing ? RATE : 0;
	for (unsigned run = 0; run < RUNS; run++) {
		for (unsigned i = 0; i < RIVALS; i++) {
			double written = writing ? RATE : 0;
			rates[i][run] = rate_of(b, i, order, &written);
			least = written < least ? written : least;
			ratios[i][run] = rates[0][run] / rates[i][run];
		}
	}
	printf("%-10" PRIu32 " %-7s %8.0f", b->names, order_names[order], least);
	for (unsigned i = 0; i < RIVALS; i++) {
		printf(" %9.2f", median(rates[i]) / 1e6);
	}
	printf("  %8.2f %8.2f\n", median(ratios[2]), median(ratios[3]));
	(void)fflush(stdout);
	if (b->json == NULL) {
		return;
	}
	(void)fprintf(
		b->json,
		"{\"bench\": \"table\", \"names\": %" PRIu32
		", \"order\": \"%s\", \"writes_per_s\": %.0f",
		b->names,
		order_names[order],
		least
	);
	static const char *const keys[RIVALS] = {"table", "alone", "lfht", "hash"};
	for (unsigned i = 0; i < RIVALS; i++) {
		(void)fprintf(b->json, ", \"%s_per_s\": %.0f", keys[i], median(rates[i]));
	}
	(void)fprintf(
		b->json,
		", \"over_lfht\": %.3f, \"over_hash\": %.3f}\n",
		median(ratios[2]),
		median(ratios[3])
	);
}

// Of a small table it would be that of huge pages.
static void print_memory(const struct bench *b) {
	if (b->names < 100000) {
		return;
	}
	static const unsigned shown[] = {0, 2, 3};
	for (unsigned k = 0; k < 3; k++) {
		unsigned i = shown[k];
		printf("%-10" PRIu32 " %-22s %6.2f M inserts/s, %6.1f octets a name\n",
		       b->names,
		       rivals[i]->name,
		       b->inserts[i] / 1e6,
		       b->bytes[i]);
		if (b->json != NULL) {
			(void)fprintf(
				b->json,
				"{\"bench\": \"table_memory\", \"names\": %" PRIu32
				", \"what\": \"%s\", \"inserts_per_s\": %.0f, \"bytes\": %.1f}\n",
				b->names,
				rivals[i]->name,
				b->inserts[i],
				b->bytes[i]
			);
		}
	}
}

static void measure_size(struct bench *b, uint32_t names) {
	b->names = names;
	for (unsigned o = 0; o < ORDERS; o++) {
		b->traces[o] = make_trace(names, o);
	}
	fill_all(b);
	print_memory(b);
	printf("names      asked   writes/s     table     alone  cds_lfht  rte_hash   /lfht    /hash\n"
	);
	for (unsigned o = 0; o < ORDERS; o++) {
		compare(b, o, false);
		compare(b, o, true);
	}
	printf("\n");
	for (unsigned i = 0; i < RIVALS; i++) {
		if (rivals[i] != &RIVAL_ALONE) {
			rivals[i]->close(b->tables[i]);
		}
	}
	for (unsigned o = 0; o < ORDERS; o++) {
		free_trace(&b->traces[o]);
	}
}

// malloc() gives cds_lfht its buckets: in huge pages, as the others have them.
static void with_huge_pages(char **argv) {
	if (getenv("GLIBC_TUNABLES") == NULL) {
		setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
		(void)execv("/proc/self/exe", argv);
		die("cannot begin again");
	}
}

static int usage(FILE *out, int status) {
	(void
	)fputs("usage: table_bench [--cpu N] [--with N] [--json FILE] [NAMES...]\n"
	       "  --cpu N      of the thread that looks up (1)\n"
	       "  --with N     of the one that writes (0)\n"
	       "  --json FILE  adds a line for each result\n"
	       "  NAMES        sizes (1000 1000000)\n",
	       out);
	return status;
}

int main(int argc, char **argv) {
	static const struct option longs[] = {
		{"cpu", required_argument, NULL, 'c'},
		{"with", required_argument, NULL, 'w'},
		{"json", required_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	with_huge_pages(argv);
	struct bench b = {.cpu = 1};
	int option;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			b.cpu = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			b.with = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			b.json = fopen(optarg, "a");
			if (b.json == NULL) {
				die("cannot write there");
			}
			break;
		default:
			return usage(option == 'h' ? stdout : stderr, option == 'h' ? 0 : 2);
		}
	}
	uint32_t sizes[SIZES_MAX] = {1000, 1000000};
	unsigned count = optind < argc ? 0 : 2;
	for (int i = optind; i < argc && count < SIZES_MAX; i++) {
		sizes[count] = (uint32_t)strtoul(argv[i], NULL, 10);
		if (sizes[count] < BURST || sizes[count] > DOMAINS_MAX / 2) {
			return usage(stderr, 2);
		}
		count++;
	}
	if (eal_start(&(struct eal_config){.control_cpu = b.with, .memory_bytes = DPDK_BYTES})
	    != 0) {
		die("DPDK does not start");
	}
	pin(b.cpu);
	for (unsigned i = 0; i < count; i++) {
		measure_size(&b, sizes[i]);
	}
	eal_stop();
	return b.json != NULL && fclose(b.json) != 0;
}
