// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct item {
	size_t key_len;
	size_t value_len;
	unsigned char octets[]; // key, then value
};

struct store_mem {
	struct item **items; // in order of their keys
	size_t count;
	size_t room;
	pthread_mutex_t lock; // of the faults and the number of commits
	uint64_t commits;
	unsigned after;
	unsigned times;
	int code;
};

struct mem_engine {
	struct engine head; // first: an engine pointer is ours
	struct store_mem *data;
};

// Not a snapshot: it finds its place again by the key it gave last.
struct engine_iter {
	struct store_mem *data;
	bool backward;
	bool begun;
	size_t key_len;
	unsigned char key[512];
};

static struct store_mem *data_of(struct engine *e) {
	return ((struct mem_engine *)e)->data;
}

static int compare(const struct item *a, const void *key, size_t key_len) {
	size_t both = a->key_len < key_len ? a->key_len : key_len;
	int order = memcmp(a->octets, key, both);
	return order != 0 ? order : (a->key_len > key_len) - (a->key_len < key_len);
}

// @return Where the first key >= key stands; *found when it is that very key.
static size_t place_of(const struct store_mem *m, const void *key, size_t key_len, bool *found) {
	size_t low = 0;
	size_t high = m->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(m->items[mid], key, key_len) < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	*found = low < m->count && compare(m->items[low], key, key_len) == 0;
	return low;
}

static struct item *item_new(const struct engine_write *w) {
	struct item *i = malloc(sizeof(*i) + w->key_len + w->value_len);
	if (i != NULL) {
		i->key_len = w->key_len;
		i->value_len = w->value_len;
		memcpy(i->octets, w->key, w->key_len);
		memcpy(i->octets + w->key_len, w->value, w->value_len);
	}
	return i;
}

static bool make_room(struct store_mem *m) {
	if (m->count < m->room) {
		return true;
	}
	size_t room = m->room == 0 ? 64 : m->room * 2;
	struct item **items = reallocarray(m->items, room, sizeof(struct item *));
	if (items == NULL) {
		return false;
	}
	m->items = items;
	m->room = room;
	return true;
}

static int apply(struct store_mem *m, const struct engine_write *w) {
	bool found;
	size_t at = place_of(m, w->key, w->key_len, &found);
	struct item *item = w->value == NULL ? NULL : item_new(w);
	if (w->value != NULL && (item == NULL || (!found && !make_room(m)))) {
		free(item);
		return -ENOMEM;
	}
	if (found) {
		free(m->items[at]);
	}
	struct item **here = m->items + at;
	size_t behind = m->count - at;
	if (found && item == NULL) {
		memmove(here, here + 1, (behind - 1) * sizeof(struct item *));
		m->count--;
	} else if (item != NULL) {
		if (!found) {
			memmove(here + 1, here, behind * sizeof(struct item *));
			m->count++;
		}
		*here = item;
	}
	return 0;
}

static int fault_of(struct store_mem *m) {
	int code = 0;
	pthread_mutex_lock(&m->lock);
	m->commits++;
	if (m->after > 0) {
		m->after--;
	} else if (m->times > 0) {
		m->times--;
		code = m->code;
	}
	pthread_mutex_unlock(&m->lock);
	return code;
}

static int commit(struct engine *e, const struct engine_write w[], size_t n, bool /*sync*/) {
	int rc = fault_of(data_of(e));
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = apply(data_of(e), &w[i]);
	}
	return rc;
}

static int
get(struct engine *e,
    const void *key,
    size_t key_len,
    void (*fn)(void *arg, const void *value, size_t len),
    void *arg) {
	const struct store_mem *m = data_of(e);
	bool found;
	size_t at = place_of(m, key, key_len, &found);
	if (!found) {
		return -ENOENT;
	}
	const struct item *i = m->items[at];
	fn(arg, i->octets + i->key_len, i->value_len);
	return 0;
}

static struct engine_iter *iter(struct engine *e, const void *key, size_t key_len, bool backward) {
	struct engine_iter *it = calloc(1, sizeof(*it));
	if (it == NULL) {
		return NULL;
	}
	it->data = data_of(e);
	it->backward = backward;
	it->key_len = key_len < sizeof(it->key) ? key_len : sizeof(it->key);
	memcpy(it->key, key, it->key_len);
	return it;
}

static bool next(struct engine_iter *it, struct engine_row *out) {
	const struct store_mem *m = it->data;
	bool found;
	size_t at = place_of(m, it->key, it->key_len, &found);
	// The key we stand on was given before, or is the one to begin with.
	bool stay = found && !it->begun;
	if (it->backward && !stay) {
		at = at == 0 ? m->count : at - 1;
	} else if (!it->backward && found && !stay) {
		at++;
	}
	if (at >= m->count) {
		return false;
	}
	const struct item *i = m->items[at];
	it->begun = true;
	it->key_len = i->key_len < sizeof(it->key) ? i->key_len : sizeof(it->key);
	memcpy(it->key, i->octets, it->key_len);
	*out = (struct engine_row){
		.key = i->octets,
		.key_len = i->key_len,
		.value = i->octets + i->key_len,
		.value_len = i->value_len,
	};
	return true;
}

static int iter_end(struct engine_iter *it) {
	free(it);
	return 0;
}

static void close_mem(struct engine *e) {
	free(e);
}

static const struct engine_ops mem_ops = {
	.commit = commit,
	.get = get,
	.iter = iter,
	.next = next,
	.iter_end = iter_end,
	.close = close_mem,
};

struct store_mem *store_mem_new(void) {
	struct store_mem *m = calloc(1, sizeof(*m));
	if (m != NULL && pthread_mutex_init(&m->lock, NULL) != 0) {
		free(m);
		m = NULL;
	}
	return m;
}

void store_mem_free(struct store_mem *m) {
	if (m == NULL) {
		return;
	}
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i]);
	}
	free(m->items);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void store_mem_fail(struct store_mem *m, unsigned after, unsigned times, int code) {
	pthread_mutex_lock(&m->lock);
	m->after = after;
	m->times = times;
	m->code = code;
	pthread_mutex_unlock(&m->lock);
}

uint64_t store_mem_commits(struct store_mem *m) {
	pthread_mutex_lock(&m->lock);
	uint64_t n = m->commits;
	pthread_mutex_unlock(&m->lock);
	return n;
}

struct engine *store_mem_open(struct store_mem *m) {
	struct mem_engine *e = calloc(1, sizeof(*e));
	if (e == NULL) {
		return NULL;
	}
	e->head.ops = &mem_ops;
	e->data = m;
	return &e->head;
}
