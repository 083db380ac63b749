// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/draw.h"

#include "bench/dice.h"

#include <math.h>
#include <stdlib.h>

// H(x) is the integral of x^-s, h its integrand. A draw takes a uniform u from
// the range of H, goes back by H^-1 to x and rounds it to rank k; it is refused
// with the small probability by which the area under h around k exceeds the
// weight of k. A rank within `sure` of x is accepted without looking.

struct zipf {
	double s;
	double h_low;  // H(1.5) - 1
	double h_high; // H(n + 0.5)
	double sure;
	uint32_t n;
};

// expm1(x)/x and log1p(x)/x, by their series where x is near 0 (s near 1).
static double expm1_over(double x) {
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x * 0.5 * (1 + x * (1.0 / 3) * (1 + x * 0.25));
}

static double log1p_over(double x) {
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x * ((1.0 / 3) - 0.25 * x));
}

static double integrand(double s, double x) {
	return exp(-s * log(x));
}

static double integral(double s, double x) {
	double lx = log(x);
	return expm1_over((1 - s) * lx) * lx;
}

static double integral_inverse(double s, double y) {
	double t = y * (1 - s);
	if (t < -1)
		t = -1;
	return exp(log1p_over(t) * y);
}

static void zipf_init(struct zipf *z, uint32_t n, double s) {
	z->s = s;
	z->n = n;
	z->h_low = integral(s, 1.5) - 1;
	z->h_high = integral(s, n + 0.5);
	z->sure = 2 - integral_inverse(s, integral(s, 2.5) - integrand(s, 2));
}

static uint32_t zipf_draw(const struct zipf *z, struct dice *d) {
	for (;;) {
		double u = z->h_high + dice_unit(d) * (z->h_low - z->h_high);
		double x = integral_inverse(z->s, u);
		double k = floor(x + 0.5);
		if (k < 1)
			k = 1;
		else if (k > z->n)
			k = z->n;
		if (k - x <= z->sure || u >= integral(z->s, k + 0.5) - integrand(z->s, k))
			return (uint32_t)k - 1;
	}
}

double draw_weight(uint32_t rank, double exponent) {
	return integrand(exponent, rank + 1.0);
}

uint32_t *draw_zipf(uint32_t n, double exponent, size_t count, uint64_t seed) {
	uint32_t *ranks = malloc(count * sizeof(*ranks));
	if (!ranks)
		return NULL;

	struct zipf z;
	zipf_init(&z, n, exponent);
	struct dice d = {seed};
	for (size_t i = 0; i < count; i++)
		ranks[i] = zipf_draw(&z, &d);
	return ranks;
}

uint32_t *draw_permutation(uint32_t n, uint64_t seed) {
	uint32_t *all = malloc(n * sizeof(*all));
	if (!all)
		return NULL;

	struct dice d = {seed};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = dice_below(&d, i + 1);
		all[i] = all[j];
		all[j] = i;
	}
	return all;
}
