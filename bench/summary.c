// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/summary.h"

#include <inttypes.h>

static double per(uint64_t part, uint64_t whole) {
	return whole ? (double)part / (double)whole : 0;
}

static double us(const struct loadgen_result *r, double share) {
	return (double)hist_percentile_ns(&r->latency, share) / 1e3;
}

static double answers_per_s(const struct loadgen_result *r) {
	return r->seconds > 0 ? (double)(r->known.answered + r->unheard.answered) / r->seconds : 0;
}

static uint64_t sent(const struct loadgen_result *r) {
	return r->known.sent + r->unheard.sent;
}

// Questions that were answered, also those after the measured time.
static uint64_t arrived(const struct loadgen_result *r) {
	return r->latency.total;
}

static double mean_in(const struct loadgen_result *r) {
	return per(r->bytes_in, arrived(r) + r->unheard.answered);
}

static void print_checks(const struct loadgen_result *r, FILE *out) {
	if (!r->checked)
		return;
	(void)fprintf(out, "checked   %" PRIu64 ", wrong %" PRIu64 "\n", r->checked, r->wrong);
	for (unsigned i = VERIFY_OK + 1; i < VERIFY_COUNT; i++)
		if (r->faults[i])
			(void
			)fprintf(out, "  %" PRIu64 " x %s\n", r->faults[i], verify_fault_str(i));
	(void)fputs("verdicts ", out);
	for (unsigned i = 0; i < VERIFY_VERDICTS; i++)
		if (r->verdicts[i])
			(void)fprintf(out, " %s %" PRIu64, verify_verdict_str(i), r->verdicts[i]);
	(void)fprintf(out, ", fresh=0 %" PRIu64 ", more=1 %" PRIu64 "\n", r->stale, r->cut);
}

static void print_unheard(const struct loadgen_result *r, FILE *out) {
	if (!r->unheard.sent)
		return;
	(void)fprintf(
		out,
		"unheard   sent %" PRIu64 ", answered %" PRIu64 ", lost %" PRIu64,
		r->unheard.sent,
		r->unheard.answered,
		r->unheard.lost
	);
	for (unsigned i = 0; i < VERIFY_VERDICTS; i++)
		if (r->unheard_verdicts[i])
			(void)fprintf(
				out, ", %s %" PRIu64, verify_verdict_str(i), r->unheard_verdicts[i]
			);
	(void)fputc('\n', out);
}

static void print_head(const struct summary_run *run, FILE *out) {
	const struct loadgen_config *c = run->config;
	(void)fprintf(out, "%s over %s, cpu %u, ", run->command, run->path, run->cpu);
	if (!c->echo)
		(void)fprintf(
			out,
			"%" PRIu64 " names, %s, seed %" PRIu64 ", ",
			run->names,
			run->order,
			run->seed
		);
	if (c->batches)
		(void)fprintf(out, "in batches, ");
	if (c->rate_per_s > 0)
		(void)fprintf(out, "open loop %.0f/s\n", c->rate_per_s);
	else
		(void)fprintf(out, "closed loop %u, burst %u\n", c->window, c->burst);
}

void summary_text(const struct summary_run *run, FILE *out) {
	const struct loadgen_result *r = run->result;
	print_head(run, out);
	(void)fprintf(
		out,
		"answers   %.0f/s over %.2f s, sent %" PRIu64 ", lost %" PRIu64
		" (%.4f %%), stray %" PRIu64 "\n",
		answers_per_s(r),
		r->seconds,
		sent(r),
		r->known.lost,
		100 * per(r->known.lost, r->known.sent),
		r->stray
	);
	if (run->config->batches)
		(void)fprintf(
			out,
			"batches   %.2f datagrams to answer one\n",
			per(r->datagrams, arrived(r))
		);
	(void)fprintf(
		out,
		"latency   p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f us\n",
		us(r, 0.5),
		us(r, 0.9),
		us(r, 0.99),
		us(r, 0.999),
		(double)r->latency.max_ns / 1e3
	);
	(void)fprintf(
		out,
		"frames    out %.1f in %.1f octets on average; empty polls of the generator %.1f %%, "
		"queue full %" PRIu64 "\n",
		per(r->bytes_out, sent(r)),
		mean_in(r),
		100 * per(r->empty, r->turns),
		r->refused
	);
	if (!run->config->echo) {
		(void)fputs("rcodes   ", out);
		for (unsigned i = 0; i < 16; i++)
			if (r->rcodes[i])
				(void)fprintf(out, " %u: %" PRIu64, i, r->rcodes[i]);
		(void)fputc('\n', out);
	}
	print_unheard(r, out);
	print_checks(r, out);
}

void summary_json(const struct summary_run *run, FILE *out) {
	const struct loadgen_config *c = run->config;
	const struct loadgen_result *r = run->result;
	(void)fprintf(
		out,
		"{\"command\": \"%s\", \"path\": \"%s\", \"order\": \"%s\", \"names\": %" PRIu64
		", \"seed\": %" PRIu64
		", \"cpu\": %u, \"window\": %u, \"burst\": %u, \"rate\": %.0f",
		run->command,
		run->path,
		run->order,
		run->names,
		run->seed,
		run->cpu,
		c->window,
		c->burst,
		c->rate_per_s
	);
	(void)fprintf(
		out,
		", \"seconds\": %.3f, \"answers_per_s\": %.0f, \"sent\": %" PRIu64
		", \"lost\": %" PRIu64 ", \"stray\": %" PRIu64 ", \"queue_full\": %" PRIu64,
		r->seconds,
		answers_per_s(r),
		sent(r),
		r->known.lost,
		r->stray,
		r->refused
	);
	(void)fprintf(
		out,
		", \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, "
		"\"max_us\": %.2f",
		us(r, 0.5),
		us(r, 0.9),
		us(r, 0.99),
		us(r, 0.999),
		(double)r->latency.max_ns / 1e3
	);
	(void)fprintf(
		out,
		", \"datagrams\": %" PRIu64
		", \"mean_out\": %.2f, \"mean_in\": %.2f, \"empty_share\": %.4f, \"checked\": %" PRIu64
		", \"wrong\": %" PRIu64 ", \"rcodes\": {",
		r->datagrams,
		per(r->bytes_out, sent(r)),
		mean_in(r),
		per(r->empty, r->turns),
		r->checked,
		r->wrong
	);
	const char *comma = "";
	for (unsigned i = 0; i < 16; i++) {
		if (!r->rcodes[i])
			continue;
		(void)fprintf(out, "%s\"%u\": %" PRIu64, comma, i, r->rcodes[i]);
		comma = ", ";
	}
	(void)fprintf(
		out,
		"}, \"unheard_sent\": %" PRIu64 ", \"unheard_answered\": %" PRIu64
		", \"unheard_lost\": %" PRIu64 "}\n",
		r->unheard.sent,
		r->unheard.answered,
		r->unheard.lost
	);
}
