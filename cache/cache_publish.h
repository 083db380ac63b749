// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/cache_load.h"

#include <stdbool.h>

// From records to entries of the table, and out of it again. All that enters and
// leaves the table does so here, so that cache/evict.h knows of it.

// Makes the entry and publishes it, where there is a place or room can be made; a
// policy that is passing stays so.
// @return False: no place.
bool cache_publish(struct cache *c, const struct record *rec, const struct cache_now *now);

// The parts of it. An entry that was made is published or discarded.
// @return NULL: out of memory or of max_bytes, or an answer that cannot be rendered.
struct entry *
cache_publish_make(struct cache *c, const struct record *rec, const struct cache_now *now);

enum evict_verdict cache_publish_admit(
	struct cache *c,
	const struct record *rec,
	const struct entry *e,
	const struct cache_now *now
);

// @return False: out of memory; the entry has been discarded.
bool cache_publish_entry(
	struct cache *c,
	struct entry *e,
	enum policy_mode mode,
	bool passing,
	const struct cache_now *now
);

// A policy that is answered and not kept: in force for EVICT_PASSING_S, unchecked.
bool cache_publish_passing(struct cache *c, const struct record *rec, const struct cache_now *now);

// @param e  May be NULL.
bool cache_publish_is_passing(const struct entry *e);

// Takes an entry out of the table.
bool cache_publish_withdraw(struct cache *c, const struct entry *e);

// For evict_config: one whose put is under way stays, and one that is overridden.
bool cache_publish_stays(void *arg, const struct entry *e);
// For evict_config: takes an entry out of table and store.
bool cache_publish_give_up(void *arg, const struct entry *e);
