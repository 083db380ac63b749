// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Plays a scenario: one step a line, `#` begins a comment. The network and the
// clock do what the script says; what the scheduler does is checked.
//
//   config KEY NUMBER               before anything else (fetches_max, ...); cache_bytes:
//                                   the memory of the cache that `restart` goes through
//   allow PREFIX BITS               a private prefix that may be connected to
//   txt D "..." ["..."] [ttl N]     the TXT set at _mta-sts.D
//   txt D absent|dns-failed|CODE [ttl N]
//   txt D silent|refused|answers    the mood of the resolver
//   host D ADDRESS... | none | dns-failed
//   policy D MODE MAX_AGE MX...     a good body
//   policy D body "..."             any body; \n is a line end
//   policy D fail CODE [DETAIL]     an outcome by its name
//   policy D silent|refused|answers
//   query D | recheck D | prefetch D
//   time passes N[s|m|h|d]
//   wall jumps [-]N[s|m|h|d]        the wall clock alone
//   restart [N[s|m|h|d]]            off for so long; the boot clock begins anew
//   flood N [SUFFIX|answers]        that many unknown domains are asked for; nobody
//                                   answers, or there is no TXT record
//   client N                        who asks from now on; 0: nobody that is limited
//   check D KEY=VALUE...            of the last answer: r mode id fresh why retry left n,
//                                   and reason class alert since failed_text
//   kept D KEY=VALUE...             of what is kept: the same keys, or `kept D nothing`
//   asked D txt=N address=N policy=N   tasks since the last `asked D`; those not named: 0
//   answered D N                    answers since the last `answered D`
//   stats KEY=N...                  jobs fetches waiting armed joined refused downgrades,
//                                   and more: see do_stats()
//   told D N                        downgrades logged since the last `told D`
//   alerted D LEVEL                 the last level it rose to since the last `alerted D`
//   confirms later|now              the store; then: confirm D
//   used D ago TIME | purge D

#include "tests/scenario/world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 24
#define LINE_MAX_OCTETS 4096
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct script {
	struct world *world;
	const char *path;
	unsigned line;
	unsigned failures;
	size_t word_count;
	char *words[WORDS_MAX];
	bool quoted[WORDS_MAX];
};

static void fail(struct script *s, const char *what, const char *detail) {
	(void)fprintf(stderr, "%s:%u: %s %s\n", s->path, s->line, what, detail);
	s->failures++;
}

// A step that cannot be understood is the script's fault.
static _Noreturn void bad_step(const struct script *s) {
	(void)fprintf(stderr, "%s:%u: cannot read this step\n", s->path, s->line);
	_exit(2);
}

static const char *word(const struct script *s, size_t i) {
	if (i >= s->word_count) {
		bad_step(s);
	}
	return s->words[i];
}

static bool is(const struct script *s, size_t i, const char *what) {
	return i < s->word_count && !s->quoted[i] && strcmp(s->words[i], what) == 0;
}

static long long number(const struct script *s, const char *text) {
	char *end;
	long long n = strtoll(text, &end, 10);
	if (end == text || *end != '\0') {
		bad_step(s);
	}
	return n;
}

static int64_t duration(const struct script *s, const char *text) {
	char *end;
	int64_t n = strtoll(text, &end, 10);
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	for (size_t i = 0; i < COUNT(units); i++) {
		if (end != text && *end == units[i].unit) {
			return n * units[i].seconds;
		}
	}
	bad_step(s);
}

static enum outcome_code code_of(const struct script *s, const char *text) {
	for (unsigned c = 0; c < OUTCOME_COUNT; c++) {
		if (strcmp(outcome_str((enum outcome_code)c), text) == 0) {
			return (enum outcome_code)c;
		}
	}
	bad_step(s);
}

// Cuts a line into words; "..." is one, with \n and \" inside.
static void cut(struct script *s, char *line) {
	char *to = line;
	s->word_count = 0;
	while (*line != '\0') {
		while (*line == ' ' || *line == '\t' || *line == '\n') {
			line++;
		}
		if (*line == '\0' || *line == '#') {
			break;
		}
		if (s->word_count == WORDS_MAX) {
			bad_step(s);
		}
		bool quoted = *line == '"';
		s->quoted[s->word_count] = quoted;
		s->words[s->word_count++] = to;
		line += quoted ? 1 : 0;
		while (*line != '\0' && (quoted ? *line != '"' : !strchr(" \t\n", *line))) {
			if (quoted && line[0] == '\\' && line[1] == 'n') {
				*to++ = '\n';
				line += 2;
			} else {
				*to++ = *line++;
			}
		}
		line += *line != '\0' ? 1 : 0;
		*to++ = '\0';
	}
}

static void do_config(struct script *s) {
	struct sched_config *c = &s->world->config;
	const struct {
		const char *key;
		size_t *size;
		uint32_t *u32;
	} keys[] = {
		{"jobs_max", &c->jobs_max, NULL},
		{"fetches_max", &c->fetches_max, NULL},
		{"per_address_max", NULL, &c->per_address_max},
		{"per_network_max", NULL, &c->per_network_max},
		{"refresh_per_s", NULL, &c->refresh_per_s},
		{"cache_bytes", &s->world->cache_bytes, NULL},
		{"client_per_s", NULL, &c->client_per_s},
		{"domain_per_s", NULL, &c->domain_per_s},
	};
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strcmp(keys[i].key, word(s, 1)) != 0) {
			continue;
		}
		long long n = number(s, word(s, 2));
		if (keys[i].size != NULL) {
			*keys[i].size = (size_t)n;
		} else {
			*keys[i].u32 = (uint32_t)n;
		}
		return;
	}
	bad_step(s);
}

static struct address address(const struct script *s, const char *text) {
	struct address a = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
	if (inet_pton(a.family, text, a.octets) != 1) {
		bad_step(s);
	}
	return a;
}

static void do_allow(struct script *s) {
	struct sched_config *c = &s->world->config;
	struct prefix p = {address(s, word(s, 1)), (uint8_t)number(s, word(s, 2))};
	s->world->allow[c->allow_private_count++] = p;
}

static bool mood_of(const struct script *s, size_t i, enum world_mood *mood) {
	static const char *const names[] = {"answers", "silent", "refused"};
	for (unsigned m = 0; m < COUNT(names); m++) {
		if (is(s, i, names[m])) {
			*mood = (enum world_mood)m;
			return true;
		}
	}
	return false;
}

static void do_txt(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	if (mood_of(s, 2, &d->txt_mood)) {
		return;
	}
	d->ttl_s = 300;
	d->text_count = 0;
	size_t i = 2;
	if (i < s->word_count && s->quoted[i]) {
		d->txt_code = OUTCOME_OK;
		for (; i < s->word_count && s->quoted[i]; i++) {
			char *to = d->texts[d->text_count++];
			(void)snprintf(to, WORLD_STRING_MAX, "%s", s->words[i]);
		}
	} else {
		d->txt_code = code_of(s, word(s, i++));
	}
	if (is(s, i, "ttl")) {
		d->ttl_s = (uint32_t)duration(s, word(s, i + 1));
	}
}

static void do_host(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	d->address_count = 0;
	if (is(s, 2, "none") || is(s, 2, "dns-failed")) {
		d->host_code = is(s, 2, "none") ? OUTCOME_NO_HOST : OUTCOME_DNS_FAILED;
		return;
	}
	d->host_code = OUTCOME_OK;
	for (size_t i = 2; i < s->word_count; i++) {
		d->addresses[d->address_count++] = address(s, s->words[i]);
	}
}

static void do_policy(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	if (mood_of(s, 2, &d->policy_mood)) {
		return;
	}
	d->policy_detail[0] = '\0';
	if (is(s, 2, "fail")) {
		d->policy_code = code_of(s, word(s, 3));
		const char *detail = s->word_count > 4 ? s->words[4] : "";
		(void)snprintf(d->policy_detail, sizeof(d->policy_detail), "%s", detail);
		return;
	}
	d->policy_code = OUTCOME_OK;
	if (is(s, 2, "body")) {
		(void)snprintf(d->body, sizeof(d->body), "%s", word(s, 3));
		return;
	}
	int len = snprintf(
		d->body,
		sizeof(d->body),
		"version: STSv1\nmode: %s\nmax_age: %lld\n",
		word(s, 2),
		(long long)duration(s, word(s, 3))
	);
	for (size_t i = 4; i < s->word_count; i++) {
		len += snprintf(
			d->body + len, sizeof(d->body) - (size_t)len, "mx: %s\n", s->words[i]
		);
	}
}

// The facts of an answer or a record, as `check` names them.
struct facts {
	char r[16];
	char mode[16];
	char id[POLICY_ID_MAX + 1];
	char fresh[2];
	char why[RECORD_WHY_MAX + 1];
	char reason[RECORD_REASON_MAX + 1]; // in full
	char class[RECORD_CLASS_MAX + 1];
	char alert[16];
	long long since; // ago
	long long failed_text;
	long long retry;
	long long left;
	long long n;
};

static void record_facts(const struct record *r, boot_s_t now, bool recheck, struct facts *f) {
	(void)snprintf(f->r, sizeof(f->r), "%s", record_kind_str(r->kind));
	(void)snprintf(f->id, sizeof(f->id), "%s", r->id);
	record_why(r, now, f->why, RECORD_WHY_MAX);
	record_why(r, now, f->reason, RECORD_REASON_MAX);
	(void)snprintf(f->class, sizeof(f->class), "%s", r->failure.class);
	(void)snprintf(f->alert, sizeof(f->alert), "%s", record_alert_str(record_alert(r, now)));
	f->since = r->failure.why[0] != '\0' ? now - r->failure.since : -1;
	f->failed_text = r->failed_text_len;
	f->left = r->ends_at - now;
	f->retry = r->kind == RECORD_POLICY ? r->backoff.retry_at - now : f->left;
	if (r->kind != RECORD_POLICY) {
		return;
	}
	(void)snprintf(f->mode, sizeof(f->mode), "%s", policy_mode_str(r->policy.mode));
	f->n = r->policy.mx_count;
	bool confirmed = r->failure.why[0] == '\0' || r->checked_at >= r->failure.at;
	bool in_time = recheck ? now - r->checked_at <= 60 : now < r->next_check_at;
	(void)snprintf(f->fresh, sizeof(f->fresh), "%d", confirmed && in_time);
}

static void answer_facts(const struct world_answer *a, struct facts *f) {
	static const char *const verdicts[] = {
		[SCHED_LOOK] = "pending", // looked, and nothing was there
		[SCHED_NONE] = "none",
		[SCHED_FAILED] = "failed",
		[SCHED_UNKNOWN] = "unknown",
		[SCHED_PENDING] = "pending",
	};
	if (!a->there) {
		(void)snprintf(f->r, sizeof(f->r), "held");
		return;
	}
	if (a->kept) {
		record_facts(&a->record, a->at, a->recheck, f);
		return;
	}
	(void)snprintf(f->r, sizeof(f->r), "%s", verdicts[a->reply.verdict]);
	(void)snprintf(f->why, sizeof(f->why), "%s", a->reply.why);
	f->retry = a->reply.retry_s;
}

// VALUE of a number may be LEAST..MOST.
static bool number_fits(const struct script *s, long long n, const char *want) {
	const char *dots = strstr(want, "..");
	if (dots == NULL) {
		return n == duration(s, want);
	}
	char least[32] = "";
	memcpy(least, want, (size_t)(dots - want) < sizeof(least) ? (size_t)(dots - want) : 0);
	return n >= duration(s, least) && n <= duration(s, dots + 2);
}

static void check_fact(struct script *s, const struct facts *f, const char *pair) {
	const char *equals = strchr(pair, '=');
	if (equals == NULL) {
		bad_step(s);
	}
	size_t key_len = (size_t)(equals - pair);
	const char *want = equals + 1;
	const struct {
		const char *key;
		const char *text;
		long long n;
	} all[] = {
		{"r", f->r, 0},
		{"mode", f->mode, 0},
		{"id", f->id, 0},
		{"fresh", f->fresh, 0},
		{"why", f->why, 0},
		{"reason", f->reason, 0},
		{"class", f->class, 0},
		{"alert", f->alert, 0},
		{"since", NULL, f->since},
		{"failed_text", NULL, f->failed_text},
		{"retry", NULL, f->retry},
		{"left", NULL, f->left},
		{"n", NULL, f->n},
	};
	for (size_t i = 0; i < COUNT(all); i++) {
		if (strlen(all[i].key) != key_len || memcmp(all[i].key, pair, key_len) != 0) {
			continue;
		}
		bool good = all[i].text != NULL ? strcmp(all[i].text, want) == 0
						: number_fits(s, all[i].n, want);
		char found_as[128];
		if (all[i].text != NULL) {
			(void)snprintf(found_as, sizeof(found_as), "but is %s", all[i].text);
		} else {
			(void)snprintf(found_as, sizeof(found_as), "but is %lld", all[i].n);
		}
		if (!good) {
			fail(s, pair, found_as);
		}
		return;
	}
	bad_step(s);
}

static void do_check(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	struct facts f = {0};
	answer_facts(&d->last, &f);
	for (size_t i = 2; i < s->word_count; i++) {
		check_fact(s, &f, s->words[i]);
	}
}

static void do_kept(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	const struct record *live = world_live(s->world, d);
	if (is(s, 2, "nothing") || live == NULL) {
		if (is(s, 2, "nothing") != (live == NULL)) {
			fail(s, "kept:", live == NULL ? "nothing" : "something");
		}
		return;
	}
	struct facts f = {0};
	record_facts(live, s->world->now, false, &f);
	for (size_t i = 2; i < s->word_count; i++) {
		check_fact(s, &f, s->words[i]);
	}
}

static void do_asked(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	static const char *const keys[] = {NULL, "txt=", "address=", "policy="};
	unsigned want[COUNT(keys)] = {0};
	for (size_t i = 2; i < s->word_count; i++) {
		for (size_t k = TASK_TXT; k <= TASK_POLICY; k++) {
			if (strncmp(s->words[i], keys[k], strlen(keys[k])) == 0) {
				want[k] = (unsigned)number(s, s->words[i] + strlen(keys[k]));
			}
		}
	}
	for (size_t k = TASK_TXT; k <= TASK_POLICY; k++) {
		if (want[k] != d->asked[k]) {
			char found_as[64];
			(void
			)snprintf(found_as, sizeof(found_as), "%u, not %u", d->asked[k], want[k]);
			fail(s, keys[k], found_as);
		}
		d->asked[k] = 0;
	}
}

static void do_answered(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	if (d->answers != number(s, word(s, 2))) {
		char found_as[32];
		(void)snprintf(found_as, sizeof(found_as), "%u", d->answers);
		fail(s, "answered:", found_as);
	}
	d->answers = 0;
}

static uint64_t count_kept(const struct world *w) {
	uint64_t n = 0;
	for (size_t i = 0; i < w->domain_count; i++) {
		n += w->domains[i]->kept ? 1 : 0;
	}
	return n;
}

static void do_told(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	if (d->told != number(s, word(s, 2))) {
		char found_as[32];
		(void)snprintf(found_as, sizeof(found_as), "%u", d->told);
		fail(s, "told:", found_as);
	}
	d->told = 0;
}

static void do_client(struct script *s) {
	s->world->client = (uint64_t)number(s, word(s, 1));
}

static void do_alerted(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	if (strcmp(record_alert_str(d->alert), word(s, 2)) != 0) {
		fail(s, "alerted:", record_alert_str(d->alert));
	}
	d->alert = RECORD_ALERT_OK;
}

static void do_stats(struct script *s) {
	struct sched_stats st = {0};
	if (s->world->sched != NULL) {
		sched_stats(s->world->sched, &st);
	}
	uint64_t downgrades = 0;
	for (unsigned i = 0; i < SCHED_DOWNGRADE_CAUSES; i++) {
		downgrades += st.downgrades[i];
	}
	const struct {
		const char *key;
		uint64_t n;
	} all[] = {
		{"jobs=", st.jobs},
		{"fetches=", st.fetches},
		{"waiting=", st.waiting},
		{"armed=", st.armed},
		{"joined=", st.joined},
		{"refused=", st.refused},
		{"downgrades=", downgrades},
		{"absent=", st.downgrades[SCHED_DOWNGRADE_ABSENT]},
		{"invalid=", st.downgrades[SCHED_DOWNGRADE_INVALID]},
		{"dns=", st.downgrades[SCHED_DOWNGRADE_DNS]},
		{"fetch=", st.downgrades[SCHED_DOWNGRADE_FETCH]},
		{"due=", st.due},
		{"deferred=", st.deferred},
		{"refused_client=", st.refused_client},
		{"refused_domain=", st.refused_domain},
		{"notice=", st.alerts[RECORD_ALERT_NOTICE]},
		{"warning=", st.alerts[RECORD_ALERT_WARNING]},
		{"critical=", st.alerts[RECORD_ALERT_CRITICAL]},
		{"refreshes=", st.started[SCHED_REFRESH]},
		{"kept=", count_kept(s->world)},
	};
	for (size_t i = 1; i < s->word_count; i++) {
		bool found = false;
		for (size_t k = 0; k < COUNT(all); k++) {
			size_t len = strlen(all[k].key);
			if (strncmp(s->words[i], all[k].key, len) != 0) {
				continue;
			}
			found = true;
			if (!number_fits(s, (long long)all[k].n, s->words[i] + len)) {
				char found_as[64];
				(void)snprintf(
					found_as,
					sizeof(found_as),
					"but is %llu",
					(unsigned long long)all[k].n
				);
				fail(s, s->words[i], found_as);
			}
		}
		if (!found) {
			bad_step(s);
		}
	}
}

static void do_query(struct script *s) {
	world_query(s->world, world_domain(s->world, word(s, 1)));
	world_run(s->world);
}

static void do_recheck(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	d->last.there = false;
	world_want(s->world, d, SCHED_RECHECK, true);
	world_run(s->world);
}

static void do_prefetch(struct script *s) {
	world_want(s->world, world_domain(s->world, word(s, 1)), SCHED_PREFETCH, false);
	world_run(s->world);
}

static void do_time(struct script *s) {
	if (!is(s, 1, "passes")) {
		bad_step(s);
	}
	world_run(s->world);
	world_pass(s->world, duration(s, word(s, 2)));
}

static void do_wall(struct script *s) {
	if (!is(s, 1, "jumps")) {
		bad_step(s);
	}
	s->world->wall_shift_s += duration(s, word(s, 2));
}

static void do_restart(struct script *s) {
	world_restart(s->world, s->word_count > 1 ? duration(s, word(s, 1)) : 0);
}

static void do_flood(struct script *s) {
	for (long long n = number(s, word(s, 1)); n > 0; n--) {
		char text[64];
		const char *suffix = s->word_count > 2 ? s->words[2] : "flood.example";
		(void)snprintf(text, sizeof(text), "n%lld.%s", n, suffix);
		struct world_domain *d = world_domain(s->world, text);
		d->txt_mood = is(s, 2, "answers") ? WORLD_ANSWERS : WORLD_SILENT;
		world_query(s->world, d);
		if (is(s, 2, "answers")) {
			world_run(s->world);
		}
	}
}

static void do_confirms(struct script *s) {
	s->world->confirms_later = is(s, 1, "later");
}

static void do_confirm(struct script *s) {
	world_confirm(s->world, world_domain(s->world, word(s, 1)));
	world_run(s->world);
}

static void do_used(struct script *s) {
	struct world_domain *d = world_domain(s->world, word(s, 1));
	d->record.used_at = s->world->now - duration(s, word(s, 3));
}

static void do_purge(struct script *s) {
	world_domain(s->world, word(s, 1))->kept = false;
}

static const struct {
	const char *name;
	void (*fn)(struct script *s);
} steps[] = {
	{"alerted", do_alerted}, {"allow", do_allow},	    {"answered", do_answered},
	{"asked", do_asked},	 {"check", do_check},	    {"client", do_client},
	{"config", do_config},	 {"confirm", do_confirm},   {"confirms", do_confirms},
	{"flood", do_flood},	 {"host", do_host},	    {"kept", do_kept},
	{"policy", do_policy},	 {"prefetch", do_prefetch}, {"purge", do_purge},
	{"query", do_query},	 {"recheck", do_recheck},   {"restart", do_restart},
	{"stats", do_stats},	 {"time", do_time},	    {"told", do_told},
	{"txt", do_txt},	 {"used", do_used},	    {"wall", do_wall},
};

static void play_line(struct script *s, char *line) {
	cut(s, line);
	if (s->word_count == 0) {
		return;
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (strcmp(steps[i].name, s->words[0]) == 0) {
			steps[i].fn(s);
			return;
		}
	}
	bad_step(s);
}

static int play(const char *path) {
	FILE *f = fopen(path, "r");
	struct world *world = malloc(sizeof(*world));
	if (f == NULL || world == NULL) {
		perror(path);
		_exit(2);
	}
	world_init(world);
	struct script s = {.world = world, .path = path};
	char line[LINE_MAX_OCTETS];
	while (fgets(line, sizeof(line), f) != NULL) {
		s.line++;
		play_line(&s, line);
	}
	world_fini(world);
	free(world);
	(void)fclose(f);
	return s.failures > 0;
}

int main(int argc, char **argv) {
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FILE.sc\n", argv[0]);
		return 2;
	}
	return play(argv[1]);
}
