// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Tortures cache/table.h: readers look names up without rest while the writer
// inserts, replaces, removes and grows. It fails when a reader
//
//   - misses a permanent name, which is replaced but never removed,
//   - finds a name that was never there,
//   - finds an entry whose mark is broken: freed memory has another one,
//   - holds an entry that changes before the reader's next quiescent point.
//
// An entry's mark is its generation in ends_s and a function of that and the
// name's number in check_s. A slot given back to the slab loses both to the link
// of the free list, or gets a later generation with its next use. Built with
// AddressSanitizer, freed slots are poisoned besides.
//
// All is bounded by counts of the writer's steps; no time is measured.

#include "cache/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define READERS 2
#define BURST 32
#define HELD (8 * BURST)

struct round {
	const char *what;
	unsigned permanent; // names below are never removed
	unsigned changing;  // so many names behind come and go
	unsigned growing;   // so many names behind those are added one by one
	unsigned steps;	    // of the writer
	unsigned repeats;   // each with a new table
	bool crowded;	    // names are chosen to meet in CROWD of the first buckets
};

// In crowded chains nearly every removal moves an entry from one bucket to
// another, and readers are near it often. This knows that a table begins with
// 1024 buckets and takes the low bits of the hash; if that changes, the chains
// are less crowded, the test is no less right.
#define CROWD 8
#define BUCKETS_FIRST 1024
#define SEED 0x5eed

static const struct round rounds[] = {
	{"crowded chains", 180, 180, 0, 4000000, 1, true},
	{"dense chains", 4000, 4400, 0, 400000, 1, false},
	{"first doubling", 4090, 10, 4000, 4000, 400, false},
	{"growth to a million", 50000, 100000, 900000, 1200000, 1, false},
};

struct torture {
	const struct round *round;
	struct table *table;
	uint32_t *numbers; // what the names are made of
	pthread_barrier_t begin;
	_Atomic bool over;
};

struct reader_sum {
	pthread_t thread;
	struct torture *torture;
	unsigned index;
	uint64_t found;
	uint64_t absent;
	uint64_t bursts;
};

static void die(const char *what, const char *name) {
	(void)fprintf(stderr, "table_torture: %s: %s\n", what, name);
	abort();
}

static uint64_t random_next(uint64_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static unsigned random_below(uint64_t *state, unsigned n) {
	return (unsigned)((random_next(state) >> 32) * n >> 32);
}

static uint32_t name_from(uint32_t number, char out[32]) {
	int len = snprintf(out, 32, "%x.%.*s", number, 3 + (int)(number % 7), "example.org");
	return (uint32_t)len;
}

static uint32_t name_of(const struct torture *t, unsigned i, char out[32]) {
	return name_from(t->numbers[i], out);
}

// Behind the names of the round there are as many again, and more, that never are.
static unsigned names_in_all(const struct round *r) {
	return r->permanent + r->changing + 2 * r->growing + 1000;
}

static uint32_t *choose_numbers(const struct round *r) {
	unsigned n = names_in_all(r);
	uint32_t *numbers = calloc(n, sizeof(*numbers));
	if (numbers == NULL) {
		die("no memory", "for names");
	}
	uint32_t next = 0;
	for (unsigned i = 0; i < n; next++) {
		char name[32];
		uint32_t len = name_from(next, name);
		if (!r->crowded || XXH3_64bits_withSeed(name, len, SEED) % BUCKETS_FIRST < CROWD) {
			numbers[i++] = next;
		}
	}
	return numbers;
}

static uint32_t mark(uint32_t generation, unsigned number) {
	return (generation ^ number * 2654435761U) * 2246822519U + 1;
}

// The reader.

struct held {
	const struct entry *entry;
	uint32_t generation;
	unsigned number;
};

static void check_mark(const struct entry *e, unsigned number, const char *name) {
	if (e->check_s != mark(e->ends_s, number)) {
		die("an entry of freed memory was found", name);
	}
}

static void check_held(const struct torture *t, const struct held held[], unsigned n) {
	char name[32];
	for (unsigned i = 0; i < n; i++) {
		const struct entry *e = held[i].entry;
		uint32_t len = name_of(t, held[i].number, name);
		if (e->ends_s != held[i].generation || e->name_len != len
		    || memcmp(e->name, name, len) != 0) {
			die("an entry changed in a reader's hands", name);
		}
		check_mark(e, held[i].number, name);
	}
}

// Half of them permanent names, a quarter names that come and go, the rest may
// be there by growth or never.
static unsigned pick(const struct round *r, uint64_t *random) {
	switch (random_below(random, 4)) {
	case 0:
	case 1:
		return random_below(random, r->permanent);
	case 2:
		return r->permanent + random_below(random, r->changing);
	default:
		return r->permanent + r->changing + random_below(random, 2 * r->growing + 1000);
	}
}

static unsigned
burst(struct reader_sum *sum, uint64_t *random, bool bulk, struct held held[], unsigned held_count
) {
	const struct round *r = sum->torture->round;
	unsigned numbers[BURST];
	char names[BURST][32];
	struct table_key keys[BURST];
	const struct entry *out[BURST];
	for (unsigned i = 0; i < BURST; i++) {
		numbers[i] = pick(r, random);
		keys[i].name = names[i];
		keys[i].len = name_of(sum->torture, numbers[i], names[i]);
		if (!bulk) {
			out[i] = table_lookup(sum->torture->table, keys[i].name, keys[i].len);
		}
	}
	if (bulk) {
		table_lookup_bulk(sum->torture->table, keys, BURST, out);
	}
	for (unsigned i = 0; i < BURST; i++) {
		if (out[i] == NULL) {
			if (numbers[i] < r->permanent) {
				die("a permanent name was missed", names[i]);
			}
			sum->absent++;
			continue;
		}
		if (numbers[i] >= r->permanent + r->changing + r->growing) {
			die("a name that never was is there", names[i]);
		}
		check_mark(out[i], numbers[i], names[i]);
		sum->found++;
		held[held_count++] = (struct held){out[i], out[i]->ends_s, numbers[i]};
	}
	return held_count;
}

static void *read_on(void *arg) {
	struct reader_sum *sum = arg;
	struct torture *t = sum->torture;
	uint64_t random = 88172645463325252ULL + sum->index;
	static _Thread_local struct held held[HELD];
	struct table_reader *reader = table_reader_register(t->table);
	if (reader == NULL) {
		die("no memory", "for a reader");
	}
	pthread_barrier_wait(&t->begin);
	while (!atomic_load(&t->over)) {
		unsigned count = 0;
		unsigned turns = 1 + random_below(&random, HELD / BURST);
		for (unsigned i = 0; i < turns; i++) {
			count = burst(sum, &random, random_below(&random, 4) != 0, held, count);
			sum->bursts++;
		}
		check_held(t, held, count);
		table_reader_quiescent(reader);
		if (random_below(&random, 64) == 0) {
			table_reader_offline(reader);
			table_reader_online(reader);
		}
	}
	table_reader_unregister(reader);
	return NULL;
}

// The writer.

static void publish(struct torture *t, unsigned number, uint32_t generation) {
	char name[32];
	uint32_t len = name_of(t, number, name);
	struct entry *e = table_entry_new(t->table, name, len, 0);
	if (e == NULL) {
		die("no memory", name);
	}
	e->kind = ENTRY_NONE;
	e->ends_s = generation;
	e->check_s = mark(generation, number);
	if (table_publish(t->table, e) != 0) {
		die("not published", name);
	}
}

static void change(struct torture *t, unsigned number, uint32_t generation) {
	char name[32];
	uint32_t len = name_of(t, number, name);
	if (!table_remove(t->table, name, len)) {
		publish(t, number, generation);
	}
}

static void write_on(struct torture *t) {
	const struct round *r = t->round;
	uint64_t random = 2463534242;
	unsigned grown = 0;
	for (unsigned step = 0; step < r->steps; step++) {
		uint32_t generation = r->permanent + step;
		if (random_below(&random, 4) == 0) {
			publish(t, random_below(&random, r->permanent), generation);
		} else {
			change(t, r->permanent + random_below(&random, r->changing), generation);
		}
		if (grown < r->growing) {
			publish(t, r->permanent + r->changing + grown++, generation);
		}
		if (step % 16 == 0) {
			table_turn(t->table);
		}
	}
}

static void add_sum(struct reader_sum *all, const struct reader_sum *one) {
	all->bursts += one->bursts;
	all->found += one->found;
	all->absent += one->absent;
}

static void run_once(const struct round *round, struct reader_sum *all) {
	struct table_config config = {
		.max_names = round->permanent + round->changing + round->growing,
		.seed = SEED,
	};
	struct torture t = {
		.round = round, .table = table_new(&config), .numbers = choose_numbers(round)};
	if (t.table == NULL) {
		die("no memory", "for the table");
	}
	for (unsigned i = 0; i < round->permanent; i++) {
		publish(&t, i, i);
	}
	struct reader_sum sums[READERS] = {0};
	pthread_barrier_init(&t.begin, NULL, READERS + 1);
	for (unsigned i = 0; i < READERS; i++) {
		sums[i].torture = &t;
		sums[i].index = i;
		if (pthread_create(&sums[i].thread, NULL, read_on, &sums[i]) != 0) {
			die("no thread", "for a reader");
		}
	}
	pthread_barrier_wait(&t.begin);
	write_on(&t);
	atomic_store(&t.over, true);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(sums[i].thread, NULL);
		add_sum(all, &sums[i]);
	}
	while (table_stats(t.table).retired > 0) {
		table_turn(t.table);
	}
	pthread_barrier_destroy(&t.begin);
	table_free(t.table);
	free(t.numbers);
}

int main(void) {
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		struct reader_sum all = {0};
		for (unsigned k = 0; k < rounds[i].repeats; k++) {
			run_once(&rounds[i], &all);
		}
		printf("%s: %lu bursts, %lu found, %lu absent\n",
		       rounds[i].what,
		       all.bursts,
		       all.found,
		       all.absent);
	}
	return 0;
}
