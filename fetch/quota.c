// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/quota.h"

#include "cache/regdom.h"
#include "fetch/backoff.h"

#include <stdlib.h>
#include <string.h>

#define SETS 4096U
#define WAYS 4U
#define ENTRIES (SETS * WAYS)

// Known by 64 bits of a keyed hash: two in one entry only share a limit. An entry
// with jobs stays.
struct entry {
	uint64_t tag;	      // 0: free
	mono_ns_t paid_until; // each job takes its part of a second
	uint32_t jobs;
};

struct ledger {
	uint32_t per_s;
	size_t active; // entries with jobs
	struct entry entries[ENTRIES];
};

struct quota {
	struct quota_config config;
	struct ledger clients;
	struct ledger domains;
};

struct quota *quota_new(const struct quota_config *config) {
	struct quota *q = calloc(1, sizeof(*q));
	if (q != NULL) {
		q->config = *config;
		q->clients.per_s = config->client_per_s;
		q->domains.per_s = config->domain_per_s;
	}
	return q;
}

void quota_free(struct quota *q) {
	free(q);
}

static uint64_t client_tag(const struct quota *q, uint64_t client) {
	uint64_t h = q->config.seed ^ client;
	return backoff_random(&h) | 1;
}

static uint64_t domain_tag(const struct quota *q, const struct name *domain) {
	size_t len;
	const char *at = regdom_of(domain, &len);
	return name_hash(at, len, q->config.seed) | 1;
}

// The entry of the tag, or the one of its set that has rested longest.
// @return NULL when all of the set have jobs: who is not seen is not limited.
static struct entry *claim(struct ledger *l, uint64_t tag) {
	struct entry *set = &l->entries[(tag >> 32U) % SETS * WAYS];
	struct entry *idle = NULL;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].tag == tag) {
			return &set[i];
		}
		bool longer = idle == NULL || set[i].paid_until < idle->paid_until;
		if (set[i].jobs == 0 && longer) {
			idle = &set[i];
		}
	}
	if (idle != NULL) {
		*idle = (struct entry){.tag = tag};
	}
	return idle;
}

// A second's worth may come at once.
static bool has_rate(const struct ledger *l, const struct entry *e, mono_ns_t now_ns) {
	return l->per_s == 0 || e->paid_until <= now_ns + CLOCK_NS_PER_S;
}

static bool has_share(const struct ledger *l, const struct entry *e, size_t places, size_t jobs) {
	size_t sharers = l->active + (e->jobs == 0 ? 1 : 0) + 1;
	return jobs < places - places / 4 || e->jobs == 0 || e->jobs < places / sharers;
}

static uint32_t charge(struct ledger *l, struct entry *e, mono_ns_t now_ns) {
	if (e == NULL) {
		return 0;
	}
	mono_ns_t from = e->paid_until > now_ns ? e->paid_until : now_ns;
	e->paid_until = from + (l->per_s > 0 ? CLOCK_NS_PER_S / l->per_s : 0);
	l->active += e->jobs == 0 ? 1 : 0;
	e->jobs++;
	return (uint32_t)(e - l->entries) + 1;
}

enum quota_verdict quota_take(
	struct quota *q,
	uint64_t client,
	const struct name *domain,
	size_t jobs,
	mono_ns_t now_ns,
	struct quota_ticket *ticket
) {
	size_t places = q->config.places;
	struct entry *c = client != 0 ? claim(&q->clients, client_tag(q, client)) : NULL;
	struct entry *d = claim(&q->domains, domain_tag(q, domain));
	*ticket = (struct quota_ticket){0};
	if (c != NULL
	    && (!has_rate(&q->clients, c, now_ns) || !has_share(&q->clients, c, places, jobs))) {
		return QUOTA_CLIENT;
	}
	if (d != NULL
	    && (!has_rate(&q->domains, d, now_ns) || !has_share(&q->domains, d, places, jobs))) {
		return QUOTA_DOMAIN;
	}
	ticket->client = charge(&q->clients, c, now_ns);
	ticket->domain = charge(&q->domains, d, now_ns);
	return QUOTA_TAKEN;
}

static void give(struct ledger *l, uint32_t ticket) {
	if (ticket != 0) {
		l->entries[ticket - 1].jobs--;
		l->active -= l->entries[ticket - 1].jobs == 0 ? 1 : 0;
	}
}

void quota_give(struct quota *q, struct quota_ticket *ticket) {
	give(&q->clients, ticket->client);
	give(&q->domains, ticket->domain);
	*ticket = (struct quota_ticket){0};
}
