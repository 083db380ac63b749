// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

// `why`: what is known of a domain, in plain words.

// A reason begins with one of these; what stands behind "+" is shown as it is.
static const struct {
	const char *reason;
	const char *words;
} WORDS[] = {
	{"no-mta-sts-dns-txt-record", "there is no MTA-STS TXT record any more"},
	{"multiple-mta-sts-records", "there are several MTA-STS TXT records"},
	{"record-syntax-error", "the TXT record cannot be read"},
	{"dns-lookup", "the TXT record could not be asked for: DNS failed"},
	{"no-policy-served", "there is a TXT record, but the policy host has no policy"},
	{"cannot-fetch-policy", "the policy could not be fetched from its host"},
	{"certificate-expired", "the certificate of the policy host is not valid at this time"},
	{"certificate-host-mismatch", "the certificate of the policy host is for other names"},
	{"certificate-not-trusted", "the certificate of the policy host leads to no trusted root"},
	{"validation-failure", "the certificate of the policy host is not valid"},
	{"policy-syntax-error", "the text of the policy breaks the rules"},
	{"back-off-after-recent-fetch-error",
	 "a fetch failed not long ago; the next one is not due"},
	{"temporary-fault", "the appliance itself could not ask"},
};

static const char *words_of(const char *why) {
	const char *slash = strchr(why, '/');
	const char *reason = slash != NULL ? slash + 1 : why;
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
		if (strncmp(reason, WORDS[i].reason, strlen(WORDS[i].reason)) == 0) {
			return WORDS[i].words;
		}
	}
	return "the discovery failed";
}

static void say(const char *title, const char *text) {
	printf("  %-13s %s\n", title, text);
}

// "2026-01-02 03:04:05 UTC, 3 h ago"
static void say_time(const char *title, json_t *value) {
	char text[40];
	if (!json_is_integer(value)) {
		return;
	}
	int64_t off = (int64_t)json_integer_value(value) - (int64_t)time(NULL);
	uint64_t s = (uint64_t)(off < 0 ? -off : off);
	static const struct {
		uint64_t s;
		const char *unit;
	} UNITS[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t u = 0;
	while (u < 3 && s < 2 * UNITS[u].s) {
		u++;
	}
	if (s == 0) {
		printf("  %-13s %s, now\n", title, stsctl_print_time(value, text));
		return;
	}
	printf("  %-13s %s, %s%" PRIu64 " %s%s\n",
	       title,
	       stsctl_print_time(value, text),
	       off >= 0 ? "in " : "",
	       s / UNITS[u].s,
	       UNITS[u].unit,
	       off < 0 ? " ago" : "");
}

static void say_sender(json_t *o) {
	json_t *sender = json_object_get(o, "sender");
	const char *r = stsctl_print_word(sender, "r");
	const char *mode = stsctl_print_word(sender, "mode");
	bool fresh = json_is_true(json_object_get(sender, "fresh"));
	printf("A sender is told r=%s", r);
	if (mode[0] != '\0') {
		printf("; mode=%s; fresh=%d", mode, fresh ? 1 : 0);
	}
	fputs(json_is_true(json_object_get(sender, "override")) ? "; override=1: " : ": ", stdout);
	if (strcmp(r, "policy") == 0) {
		puts(strcmp(mode, "enforce") == 0 ? "deliver by the policy, or not at all"
		     : strcmp(mode, "testing") == 0
			     ? "check by the policy, report, deliver anyway"
			     : "deliver as without MTA-STS; the domain is taking it down");
	} else if (strcmp(r, "none") == 0) {
		puts("deliver as without MTA-STS");
	} else if (strcmp(r, "failed") == 0) {
		puts("deliver as without MTA-STS: a policy is announced, but none can be had");
	} else if (strcmp(r, "unknown") == 0) {
		puts("nobody can say; it is the sender's choice");
	} else {
		puts("wait; it will be looked for when somebody asks");
	}
}

static void say_known(json_t *o) {
	const char *kind = stsctl_print_word(o, "kind");
	const char *mode = stsctl_print_word(o, "mode");
	bool expired = json_is_true(json_object_get(o, "expired"));
	char text[160];
	if (strcmp(kind, "policy") == 0) {
		snprintf(
			text,
			sizeof(text),
			"a policy of mode %s, TXT id %s%s",
			mode,
			stsctl_print_word(o, "id"),
			expired ? "; it has ended" : ""
		);
	} else if (strcmp(kind, "none") == 0) {
		snprintf(text, sizeof(text), "the domain has no MTA-STS TXT record");
	} else if (strcmp(kind, "failed") == 0) {
		snprintf(
			text, sizeof(text), "MTA-STS is announced, but there is no policy in force"
		);
	} else if (strcmp(kind, "unknown") == 0) {
		snprintf(text, sizeof(text), "nothing: it could not be found out");
	} else {
		snprintf(text, sizeof(text), "nothing: nobody has asked yet");
	}
	say("known:", text);
	size_t i;
	json_t *mx;
	json_array_foreach(json_object_get(o, "mx"), i, mx) {
		say(i == 0 ? "hosts:" : "", json_string_value(mx));
	}
	say_time("since:", json_object_get(o, "inserted_at"));
	say_time("fetched:", json_object_get(o, "fetched_at"));
	say_time("confirmed:", json_object_get(o, "checked_at"));
	say_time(expired ? "ended:" : "ends:", json_object_get(o, "ends_at"));
	say_time("last used:", json_object_get(o, "used_at"));
}

static void say_failure(json_t *o) {
	json_t *f = json_object_get(o, "failure");
	if (f == NULL) {
		return;
	}
	const char *why = stsctl_print_word(f, "why");
	char text[200];
	snprintf(text, sizeof(text), "%s (%s)", words_of(why), why);
	say("failed:", text);
	say_time("  since:", json_object_get(f, "since"));
	say_time("  last:", json_object_get(f, "at"));
	json_int_t attempts = json_integer_value(json_object_get(f, "attempts"));
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, attempts);
	say("  attempts:", text);
	say_time("  next fetch:", json_object_get(f, "retry_at"));
}

static void say_override(json_t *o) {
	json_t *v = json_object_get(o, "override");
	if (v == NULL) {
		return;
	}
	char text[120];
	snprintf(
		text,
		sizeof(text),
		"%s, by the operator%s%s",
		stsctl_print_word(v, "mode"),
		json_is_true(json_object_get(v, "in_force"))
			? ""
			: "; without effect: there is no policy with hosts in force",
		json_is_true(json_object_get(v, "durable")) ? "" : "; not on disk yet"
	);
	say("override:", text);
	say_time("  since:", json_object_get(v, "set_at"));
	json_t *end = json_object_get(v, "ends_at");
	if (end != NULL) {
		say_time("  ends:", end);
	} else {
		say("  ends:", "when it is cleared");
	}
}

static void say_report(json_t *o) {
	json_t *r = json_object_get(o, "tlsrpt");
	const char *type = stsctl_print_word(json_object_get(r, "policy"), "policy-type");
	json_t *details = json_object_get(r, "failure-details");
	json_t *first = json_array_get(details, 0);
	char text[200];
	snprintf(
		text,
		sizeof(text),
		"policy-type %s%s%s%s%s",
		type,
		first != NULL ? ", " : "",
		stsctl_print_word(first, "result-type"),
		first != NULL ? ": " : "",
		stsctl_print_word(first, "failure-reason-code")
	);
	say("TLS report:", text);
}

static void say_all(void *arg, json_t *o, const char *line) {
	const struct stsctl *s = arg;
	if (s->flags.json) {
		fputs(line, stdout);
		return;
	}
	if (stsctl_print_word(o, "error")[0] != '\0') {
		return; // it is said on stderr
	}
	printf("%s\n", stsctl_print_word(o, "domain"));
	say_sender(o);
	say_override(o);
	say_known(o);
	say_failure(o);
	say_time("next check:", json_object_get(o, "next_check_at"));
	say_time("refresh:", json_object_get(o, "refresh_at"));
	say_report(o);
}

int stsctl_why(struct stsctl *s, char **argv, int argc) {
	json_t *args = stsctl_domain_args(argv, argc);
	return args == NULL ? STSCTL_USAGE : stsctl_client_ask(s, "show", args, NULL, say_all, s);
}
