// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/simulate/populace.h"

#include "fetch/backoff.h"
#include "fetch/polparse.h"
#include "tests/simulate/zipf.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define CHANGE_EVERY_S (180.0 * DAY_S) // a policy, on average
#define OUTAGE_EVERY_S (60.0 * DAY_S)  // a policy host
#define CONNECT_LIMIT_S 10
#define SHARED_HOSTS 400 // most policies are served by a few providers

// The life of one domain with MTA-STS. Events are drawn one ahead.
struct owner {
	uint32_t max_age_s;
	uint32_t id;
	uint32_t version; // of the body
	uint32_t ttl_s;
	enum policy_mode mode;
	boot_s_t change_at;
	boot_s_t leave_at;
	boot_s_t down_from; // the outage that is, or comes next
	boot_s_t up_at;
	boot_s_t was_up_at; // end of the outage before
	struct address host;
};

struct populace {
	struct populace_config config;
	uint64_t random;
	struct zipf *zipf;
	uint32_t *by_rank; // domains in order of their popularity
	uint8_t mx[POLPARSE_MX_BYTES_MAX];
	char body[512];
	struct owner owners[];
};

static double part(struct populace *p) {
	return (double)(backoff_random(&p->random) >> 11U) / 9007199254740992.0;
}

static size_t below(struct populace *p, size_t n) {
	return (size_t)(part(p) * (double)n);
}

// Seconds until an event that comes every `mean` seconds on average.
static boot_s_t next_event(struct populace *p, double mean) {
	return 1 + (boot_s_t)(-mean * log(1 - part(p)));
}

// As seen in the field; the rest lies anywhere from 10 minutes to a year.
static uint32_t draw_max_age(struct populace *p) {
	double x = part(p);
	if (x < 0.34) {
		return 7 * DAY_S;
	}
	if (x < 0.57) {
		return 14 * DAY_S;
	}
	if (x < 0.77) {
		return DAY_S;
	}
	if (x < 0.84) {
		return 28 * DAY_S;
	}
	return (uint32_t)(600 * pow(31557600.0 / 600, part(p)));
}

static enum policy_mode draw_mode(struct populace *p) {
	double x = part(p);
	if (x < 0.60) {
		return POLICY_MODE_ENFORCE;
	}
	return x < 0.97 ? POLICY_MODE_TESTING : POLICY_MODE_NONE;
}

// Most outages last minutes or hours, a few last weeks.
static boot_s_t draw_outage(struct populace *p) {
	return next_event(p, part(p) < 0.95 ? 2.0 * HOUR_S : 6.0 * DAY_S);
}

static struct address draw_host(struct populace *p, size_t i) {
	bool shared = part(p) < 0.8;
	uint32_t n = shared ? (uint32_t)below(p, SHARED_HOSTS) : (uint32_t)(4096 + 7 * i);
	struct address a = {.family = AF_INET};
	uint32_t ip = htonl(0x08000000U + n);
	memcpy(a.octets, &ip, sizeof(ip));
	return a;
}

static void settle_down(struct populace *p, size_t i) {
	boot_s_t start = p->config.start;
	struct owner *o = &p->owners[i];
	*o = (struct owner){
		.max_age_s = draw_max_age(p),
		.id = 1,
		.ttl_s = (uint32_t)(MINUTE_S * (1 + below(p, 120))),
		.mode = draw_mode(p),
		.change_at = start + next_event(p, CHANGE_EVERY_S),
		// Two of a hundred give it up within the year.
		.leave_at = start + (boot_s_t)(part(p) * 50 * 365 * DAY_S),
		.down_from = start + next_event(p, OUTAGE_EVERY_S),
		.was_up_at = start,
		.host = draw_host(p, i),
	};
	o->up_at = o->down_from + draw_outage(p);
}

static void shuffle(struct populace *p, size_t n) {
	for (size_t i = 0; i < n; i++) {
		p->by_rank[i] = (uint32_t)i;
	}
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = below(p, i + 1);
		uint32_t other = p->by_rank[j];
		p->by_rank[j] = p->by_rank[i];
		p->by_rank[i] = other;
	}
}

struct populace *populace_new(const struct populace_config *config) {
	size_t n = config->policies + config->nones;
	struct populace *p = calloc(1, sizeof(*p) + config->policies * sizeof(p->owners[0]));
	if (p == NULL) {
		return NULL;
	}
	p->config = *config;
	p->random = config->seed;
	p->zipf = zipf_new(n);
	p->by_rank = calloc(n, sizeof(p->by_rank[0]));
	if (p->zipf == NULL || p->by_rank == NULL) {
		populace_free(p);
		return NULL;
	}
	for (size_t i = 0; i < config->policies; i++) {
		settle_down(p, i);
	}
	shuffle(p, n);
	return p;
}

void populace_free(struct populace *p) {
	zipf_free(p->zipf);
	free(p->by_rank);
	free(p);
}

size_t populace_draw(struct populace *p) {
	return p->by_rank[zipf_draw(p->zipf, &p->random)];
}

bool populace_has_policy(const struct populace *p, size_t domain) {
	return domain < p->config.policies;
}

void populace_name(const struct populace *p, size_t domain, struct name *out) {
	char kind = populace_has_policy(p, domain) ? 'p' : 'n';
	out->len = (uint8_t)snprintf(out->text, sizeof(out->text), "%c%zu.example", kind, domain);
}

size_t populace_index(const struct populace * /*p*/, const struct name *name) {
	return strtoul(name->text + 1, NULL, 10);
}

// Everything that has happened to the domain until now.
static void live_on(struct populace *p, struct owner *o, boot_s_t now) {
	while (now >= o->change_at) {
		o->version++;
		o->id += part(p) < 0.8 ? 1 : 0; // one in five forgets the id
		if (part(p) < 0.1) {
			o->mode = draw_mode(p);
		}
		o->change_at += next_event(p, CHANGE_EVERY_S);
	}
	while (now >= o->up_at) {
		o->was_up_at = o->up_at;
		o->down_from = o->up_at + next_event(p, OUTAGE_EVERY_S);
		o->up_at = o->down_from + draw_outage(p);
	}
}

boot_s_t populace_up_since(struct populace *p, size_t domain, boot_s_t at) {
	struct owner *o = &p->owners[domain];
	live_on(p, o, at);
	bool down = at >= o->leave_at || (at >= o->down_from && at < o->up_at);
	// An outage that began and ended since: who knows.
	return down || o->was_up_at > at ? CLOCK_NEVER : o->was_up_at;
}

static void answer_txt(struct populace *p, size_t domain, boot_s_t now, struct outcome *out) {
	if (part(p) < 0.002) {
		out->code = OUTCOME_DNS_FAILED;
		return;
	}
	bool has = populace_has_policy(p, domain) && now < p->owners[domain].leave_at;
	if (!has) {
		out->code = OUTCOME_ABSENT;
		out->ttl_s = (uint32_t)(MINUTE_S * (1 + domain % 120));
		return;
	}
	const struct owner *o = &p->owners[domain];
	out->ttl_s = o->ttl_s;
	(void)snprintf(out->id, sizeof(out->id), "%u", o->id);
}

static void answer_policy(struct populace *p, const struct owner *o, struct outcome *out) {
	const char *fault = "";
	int len = snprintf(
		p->body,
		sizeof(p->body),
		"version: STSv1\nmode: %s\nmx: mx%u.mail.example\nmx: *.in.example\nmax_age: %u\n",
		policy_mode_str(o->mode),
		o->version,
		o->max_age_s
	);
	out->text = (const uint8_t *)p->body;
	out->text_len = (uint32_t)len;
	if (!polparse(out->text, out->text_len, p->mx, &out->policy, &fault, &out->mended)) {
		(void)fprintf(stderr, "a body we made is refused: %s\n", fault);
		abort();
	}
}

unsigned populace_delay(struct populace *p, const struct task *task, boot_s_t now) {
	size_t domain = populace_index(p, &task->domain);
	if (task->kind != TASK_POLICY || !populace_has_policy(p, domain)) {
		return 0;
	}
	live_on(p, &p->owners[domain], now);
	return now >= p->owners[domain].down_from ? CONNECT_LIMIT_S : 0;
}

void populace_answer(
	struct populace *p,
	const struct task *task,
	boot_s_t now,
	struct outcome *out
) {
	size_t domain = populace_index(p, &task->domain);
	*out = (struct outcome){.task = task->id, .code = OUTCOME_OK};
	struct owner *o = populace_has_policy(p, domain) ? &p->owners[domain] : NULL;
	if (o != NULL) {
		live_on(p, o, now);
	}
	if (task->kind == TASK_TXT) {
		answer_txt(p, domain, now, out);
	} else if (o == NULL || now >= o->leave_at) {
		out->code = OUTCOME_NO_HOST;
	} else if (task->kind == TASK_ADDRESS) {
		out->address_count = 1;
		out->addresses[0] = o->host;
	} else if (now >= o->down_from) {
		out->code = OUTCOME_CANNOT_CONNECT;
	} else {
		answer_policy(p, o, out);
	}
}
