// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Domains that were asked for, in lists; inner, not installed.

struct ask {
	struct ask *next;
	void *tag;
	uint64_t deadline; // NEVER: not sent yet
	uint64_t due;	   // of one asleep
	int rcode;
	uint8_t tries;
	bool pending; // the last answer said so
	bool alone;   // not in a batch
	const uint8_t *name;
	char domain[]; // with NUL; then the name as labels
};

struct list {
	struct ask *first;
	struct ask *last;
};

static inline void stsqlist_append(struct list *l, struct ask *a) {
	a->next = NULL;
	if (l->first == NULL) {
		l->first = a;
	} else {
		l->last->next = a;
	}
	l->last = a;
}

static inline void stsqlist_prepend(struct list *l, struct ask *a) {
	a->next = l->first;
	l->last = l->first == NULL ? a : l->last;
	l->first = a;
}

static inline struct ask *stsqlist_take(struct list *l) {
	struct ask *a = l->first;
	if (a != NULL) {
		l->first = a->next;
	}
	return a;
}

static inline void stsqlist_free(struct list *l) {
	struct ask *a;
	while ((a = stsqlist_take(l)) != NULL) {
		free(a);
	}
}
