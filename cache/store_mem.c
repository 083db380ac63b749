// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/store_mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX 256

struct item {
	size_t key_len;
	size_t value_len;
	unsigned char octets[]; // key, then value
};

// Items stand in order of their keys, in chunks of bounded size, so that a million
// of them can come and go.
struct chunk {
	size_t count; // at least 1
	struct item *items[CHUNK_MAX];
};

struct place {
	size_t chunk;
	size_t at; // in the chunk; may be its count
};

struct store_mem {
	struct chunk **chunks;
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

// The last chunk that begins with a key <= key, or the first of all.
static size_t chunk_of(const struct store_mem *m, const void *key, size_t key_len) {
	size_t low = 0;
	size_t high = m->count;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (compare(m->chunks[mid]->items[0], key, key_len) <= 0) {
			low = mid;
		} else {
			high = mid;
		}
	}
	return low;
}

// @return Where the first key >= key stands or belongs; *found when it is that
//         very key.
static struct place
place_of(const struct store_mem *m, const void *key, size_t key_len, bool *found) {
	*found = false;
	if (m->count == 0) {
		return (struct place){0};
	}
	struct place p = {.chunk = chunk_of(m, key, key_len)};
	const struct chunk *c = m->chunks[p.chunk];
	size_t high = c->count;
	while (p.at < high) {
		size_t mid = p.at + (high - p.at) / 2;
		if (compare(c->items[mid], key, key_len) < 0) {
			p.at = mid + 1;
		} else {
			high = mid;
		}
	}
	*found = p.at < c->count && compare(c->items[p.at], key, key_len) == 0;
	return p;
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

// Puts a new chunk at `index`. @return NULL: out of memory.
static struct chunk *chunk_new(struct store_mem *m, size_t index) {
	if (m->count == m->room) {
		size_t room = m->room == 0 ? 64 : m->room * 2;
		struct chunk **chunks = reallocarray(m->chunks, room, sizeof(struct chunk *));
		if (chunks == NULL) {
			return NULL;
		}
		m->chunks = chunks;
		m->room = room;
	}
	struct chunk *c = calloc(1, sizeof(*c));
	if (c != NULL) {
		struct chunk **here = m->chunks + index;
		memmove(here + 1, here, (m->count - index) * sizeof(struct chunk *));
		*here = c;
		m->count++;
	}
	return c;
}

// Makes sure that one more item fits at the place, which may move.
static bool make_room(struct store_mem *m, struct place *p) {
	if (m->count == 0) {
		return chunk_new(m, 0) != NULL;
	}
	struct chunk *c = m->chunks[p->chunk];
	if (c->count < CHUNK_MAX) {
		return true;
	}
	struct chunk *behind = chunk_new(m, p->chunk + 1);
	if (behind == NULL) {
		return false;
	}
	c->count = CHUNK_MAX / 2;
	behind->count = CHUNK_MAX - c->count;
	memcpy(behind->items, c->items + c->count, behind->count * sizeof(struct item *));
	if (p->at > c->count) {
		p->at -= c->count;
		p->chunk++;
	}
	return true;
}

static void insert(struct store_mem *m, const struct place *p, struct item *item) {
	struct chunk *c = m->chunks[p->chunk];
	struct item **here = c->items + p->at;
	memmove(here + 1, here, (c->count - p->at) * sizeof(struct item *));
	*here = item;
	c->count++;
}

static void erase(struct store_mem *m, const struct place *p) {
	struct chunk *c = m->chunks[p->chunk];
	struct item **here = c->items + p->at;
	free(*here);
	c->count--;
	memmove(here, here + 1, (c->count - p->at) * sizeof(struct item *));
	if (c->count == 0) {
		free(c);
		struct chunk **gap = m->chunks + p->chunk;
		m->count--;
		memmove(gap, gap + 1, (m->count - p->chunk) * sizeof(struct chunk *));
	}
}

static int apply(struct store_mem *m, const struct engine_write *w) {
	bool found;
	struct place p = place_of(m, w->key, w->key_len, &found);
	if (w->value == NULL) {
		if (found) {
			erase(m, &p);
		}
		return 0;
	}
	struct item *item = item_new(w);
	if (item == NULL || (!found && !make_room(m, &p))) {
		free(item);
		return -ENOMEM;
	}
	if (found) {
		free(m->chunks[p.chunk]->items[p.at]);
		m->chunks[p.chunk]->items[p.at] = item;
	} else {
		insert(m, &p, item);
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
	struct place p = place_of(m, key, key_len, &found);
	if (!found) {
		return -ENOENT;
	}
	const struct item *i = m->chunks[p.chunk]->items[p.at];
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

static const struct item *before(const struct store_mem *m, struct place p) {
	if (p.at > 0) {
		return m->chunks[p.chunk]->items[p.at - 1];
	}
	if (p.chunk == 0) {
		return NULL;
	}
	const struct chunk *c = m->chunks[p.chunk - 1];
	return c->items[c->count - 1];
}

static const struct item *at_or_behind(const struct store_mem *m, struct place p, bool step) {
	p.at += step ? 1 : 0;
	while (p.chunk < m->count && p.at >= m->chunks[p.chunk]->count) {
		p = (struct place){.chunk = p.chunk + 1};
	}
	return p.chunk < m->count ? m->chunks[p.chunk]->items[p.at] : NULL;
}

static bool next(struct engine_iter *it, struct engine_row *out) {
	const struct store_mem *m = it->data;
	bool found;
	struct place p = place_of(m, it->key, it->key_len, &found);
	// The key we stand on was given before, or is the one to begin with.
	bool stay = found && !it->begun;
	const struct item *i = it->backward && !stay ? before(m, p)
						     : at_or_behind(m, p, found && !stay);
	if (i == NULL) {
		return false;
	}
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
		for (size_t k = 0; k < m->chunks[i]->count; k++) {
			free(m->chunks[i]->items[k]);
		}
		free(m->chunks[i]);
	}
	free(m->chunks);
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
