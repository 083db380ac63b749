// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/domains.h"

#include "bench/dice.h"
#include "bench/draw.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400U
#define DEALS 16
#define SHARE_OFF 0.01

static const char *const tlds[] = {"com", "com", "com", "net", "org", "de", "co.uk", "fr"};

static unsigned put_letters(char *out, struct dice *d, unsigned n) {
	for (unsigned i = 0; i < n; i++)
		out[i] = (char)('a' + dice_below(d, 26));
	return n;
}

unsigned domains_name(uint64_t seed, uint32_t rank, char out[DOMAINS_NAME_MAX]) {
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	struct dice d = {dice_hash(seed, rank)};
	// One name in a hundred is long.
	unsigned letters = 1 + dice_below(&d, 10) + (dice_below(&d, 100) ? 0 : dice_below(&d, 36));
	unsigned len = put_letters(out, &d, letters);
	// An odd factor permutes the numbers below 2^25, so neighbours look unlike.
	uint32_t number = (rank * 0x9e3779b1U) & (DOMAINS_MAX - 1);
	for (unsigned i = 0; i < 5; i++, number >>= 5)
		out[len++] = digits[number & 31];
	out[len++] = '.';
	const char *tld = tlds[dice_below(&d, sizeof(tlds) / sizeof(tlds[0]))];
	size_t tld_len = strlen(tld);
	memcpy(out + len, tld, tld_len + 1);
	return len + (unsigned)tld_len;
}

static double total_weight(uint32_t n, double exponent) {
	double sum = 0;
	for (uint32_t r = 0; r < n; r++)
		sum += draw_weight(r, exponent);
	return sum;
}

// One way of giving out policies.
struct deal {
	const struct domains_config *c;
	bool *has;
	double total; // weight of all names
	double hit;   // of those with a policy
	uint32_t given;
	uint64_t coins;
};

static void give(struct deal *d, uint32_t rank, double weight) {
	d->has[rank] = true;
	d->given++;
	d->hit += weight;
}

// The head of the list: a coin gives a policy to three of five names, until
// what is given, plus what the rest will get by chance, makes up the share.
// @return The first rank of the rest.
static uint32_t deal_head(struct deal *d) {
	uint32_t n = d->c->policies + d->c->none;
	double want = d->c->share * d->total;
	double passed = 0;
	for (uint32_t r = 0; r < n; r++) {
		uint32_t left = d->c->policies - d->given;
		double by_chance = (d->total - passed) * left / (n - r);
		if (!left || d->hit + by_chance >= want)
			return r;
		double w = draw_weight(r, d->c->exponent);
		passed += w;
		if (dice_hash(d->coins, r) % 5 < 3 && d->hit + w <= want)
			give(d, r, w);
	}
	return n;
}

// Selection sampling: each of the rest with the same chance, the number exact.
static void deal_rest(struct deal *d, uint32_t from) {
	uint32_t n = d->c->policies + d->c->none;
	struct dice dice = {d->coins};
	for (uint32_t r = from; r < n; r++)
		if (dice_below(&dice, n - r) < d->c->policies - d->given)
			give(d, r, draw_weight(r, d->c->exponent));
}

bool *domains_assign(const struct domains_config *c, double *hit_share) {
	uint32_t n = c->policies + c->none;
	struct deal d = {.c = c, .total = total_weight(n, c->exponent)};
	d.has = calloc(n ? n : 1, sizeof(*d.has));
	if (!d.has)
		return NULL;

	// A few heads weigh so much that luck can spoil the share: deal again then.
	for (uint64_t try = 0; try < DEALS; try++) {
		memset(d.has, 0, n * sizeof(*d.has));
		d.given = 0;
		d.hit = 0;
		d.coins = dice_hash(c->seed ^ 0x70, try);
		deal_rest(&d, c->exponent > 0 ? deal_head(&d) : 0);
		*hit_share = d.total > 0 ? d.hit / d.total : 0;
		if (c->exponent <= 0 || fabs(*hit_share - c->share) < SHARE_OFF)
			break;
	}
	return d.has;
}

static uint32_t draw_max_age(struct dice *d) {
	uint32_t p = dice_below(d, 100);
	if (p < 34)
		return 7 * DAY_S;
	if (p < 57)
		return 14 * DAY_S;
	if (p < 77)
		return DAY_S;
	if (p < 84)
		return 28 * DAY_S;
	// Shorter ones are found too, but a policy must outlive the bench.
	return DAY_S + dice_below(d, 364 * DAY_S);
}

static void write_mx(FILE *out, struct dice *d, const char *domain) {
	// 39 % have one, the median is two, the longest lists have eight.
	uint32_t p = dice_below(d, 100);
	unsigned count = p < 39	  ? 1
			 : p < 75 ? 2
			 : p < 88 ? 3
				  : 4 + dice_below(d, DOMAINS_MX_MAX - 3);
	bool shared = dice_below(d, 100) < 60;
	unsigned provider = dice_below(d, 40);
	bool wildcard = dice_below(d, 10) == 0;
	for (unsigned i = 1; i <= count; i++) {
		(void)fputs(i > 1 ? "," : "\t", out);
		if (shared)
			(void)fprintf(out, "mx%u.in%u.mailhost.net", i, provider);
		else
			(void)fprintf(out, "mx%u.%s", i, domain);
	}
	if (wildcard && count < DOMAINS_MX_MAX)
		(void)fprintf(out, ",*.%s", shared ? "mailhost.net" : domain);
}

static void
write_policy(FILE *out, const struct domains_config *c, uint32_t rank, const char *name) {
	struct dice d = {dice_hash(c->seed ^ 0x6d78, rank)};
	uint32_t p = dice_below(&d, 42);
	const char *mode = p < 22 ? "enforce" : p < 39 ? "testing" : "none";
	unsigned month = 1 + dice_below(&d, 12);
	unsigned day = 1 + dice_below(&d, 28);
	unsigned second = dice_below(&d, 86400);
	uint32_t max_age = draw_max_age(&d);
	(void)fprintf(
		out,
		"%s\tp\t%s\t2025%02u%02u%06uZ\t%" PRId64 "\t%u",
		name,
		mode,
		month,
		day,
		second,
		c->now_s + max_age,
		max_age
	);
	write_mx(out, &d, name);
	(void)fputc('\n', out);
}

int domains_write(const struct domains_config *c, FILE *out) {
	double share = 0;
	bool *has = domains_assign(c, &share);
	if (!has)
		return -ENOMEM;

	uint32_t n = c->policies + c->none;
	(void)fprintf(
		out,
		"# seed=%" PRIu64 " names=%u policies=%u zipf=%.3f hit_share=%.4f made=%" PRId64
		"\n",
		c->seed,
		n,
		c->policies,
		c->exponent,
		share,
		c->now_s
	);
	for (uint32_t r = 0; r < n; r++) {
		char name[DOMAINS_NAME_MAX];
		domains_name(c->seed, r, name);
		if (has[r])
			write_policy(out, c, r, name);
		else
			(void)fprintf(out, "%s\tn\n", name);
	}
	free(has);
	return ferror(out) ? -EIO : 0;
}
