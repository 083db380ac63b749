// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/stsctl.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

// The forms of a dump. The appliance filters and orders; it always sends JSON.

enum value { VALUE_WORD, VALUE_NUMBER, VALUE_TIME, VALUE_FLAG, VALUE_LIST };

struct column {
	const char *title;
	const char *within; // NULL, or the object that has the key
	const char *key;
	enum value value;
};

// clang-format off
static const struct column COLUMNS[] = {
	{"LastUse",         NULL,       "used_at",       VALUE_TIME},
	{"Domain",          NULL,       "domain",        VALUE_WORD},
	{"Backoff",         NULL,       "kind",          VALUE_FLAG}, // of "failed"
	{"RecordID",        NULL,       "id",            VALUE_WORD},
	{"Version",         NULL,       "version",       VALUE_WORD},
	{"Mode",            NULL,       "mode",          VALUE_WORD},
	{"MX",              NULL,       "mx",            VALUE_LIST},
	{"MaxAgeSeconds",   NULL,       "max_age",       VALUE_NUMBER},
	{"Extensions",      NULL,       "extensions",    VALUE_LIST},
	{"ValidEnd",        NULL,       "ends_at",       VALUE_TIME},
	{"LastUpdate",      NULL,       "updated_at",    VALUE_TIME},
	{"Inserted",        NULL,       "inserted_at",   VALUE_TIME},
	{"Kind",            NULL,       "kind",          VALUE_WORD},
	{"Fetched",         NULL,       "fetched_at",    VALUE_TIME},
	{"Checked",         NULL,       "checked_at",    VALUE_TIME},
	{"NextCheck",       NULL,       "next_check_at", VALUE_TIME},
	{"Refresh",         NULL,       "refresh_at",    VALUE_TIME},
	{"FailureReason",   "failure",  "why",           VALUE_WORD},
	{"FailureSince",    "failure",  "since",         VALUE_TIME},
	{"FailureAttempts", "failure",  "attempts",      VALUE_NUMBER},
	{"RetryAt",         "failure",  "retry_at",      VALUE_TIME},
	{"Alert",           NULL,       "alert",         VALUE_WORD},
	{"Override",        "override", "mode",          VALUE_WORD},
	{"OverrideEnd",     "override", "ends_at",       VALUE_TIME},
	{"Answer",          "sender",   "r",             VALUE_WORD},
	{"AnswerMode",      "sender",   "mode",          VALUE_WORD},
};
// clang-format on

#define COLUMN_COUNT (sizeof(COLUMNS) / sizeof(COLUMNS[0]))

// CSV (RFC 4180).

static void put_field(const char *text) {
	if (strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"') {
			putchar('"');
		}
		putchar(*text);
	}
	putchar('"');
}

static void put_list(json_t *list) {
	char text[40000];
	size_t n = 0;
	size_t i;
	json_t *item;
	text[0] = '\0';
	json_array_foreach(list, i, item) {
		const char *word = json_string_value(item);
		size_t len = strlen(word);
		if (n + len + 2 > sizeof(text)) {
			break;
		}
		if (i > 0) {
			text[n++] = ' ';
		}
		memcpy(text + n, word, len + 1);
		n += len;
	}
	put_field(text);
}

static void put_column(json_t *o, const struct column *c) {
	json_t *from = c->within != NULL ? json_object_get(o, c->within) : o;
	json_t *value = json_object_get(from, c->key);
	char text[40] = "";
	time_t t = (time_t)json_integer_value(value);
	struct tm tm;
	switch (c->value) {
	case VALUE_WORD:
		put_field(stsctl_print_word(from, c->key));
		break;
	case VALUE_NUMBER:
		if (json_is_integer(value)) {
			printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
		}
		break;
	case VALUE_TIME: // RFC 3339
		if (json_is_integer(value) && gmtime_r(&t, &tm) != NULL) {
			strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		}
		fputs(text, stdout);
		break;
	case VALUE_FLAG:
		fputs(strcmp(stsctl_print_word(from, c->key), "failed") == 0 ? "true" : "false",
		      stdout);
		break;
	case VALUE_LIST:
		put_list(value);
		break;
	}
}

static void csv_header(void) {
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		printf("%s%s", i > 0 ? "," : "", COLUMNS[i].title);
	}
	fputs("\r\n", stdout);
}

static void csv_line(void * /*arg*/, json_t *o, const char * /*line*/) {
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (i > 0) {
			putchar(',');
		}
		put_column(o, &COLUMNS[i]);
	}
	fputs("\r\n", stdout);
}

// A table for people.

static void table_line(void * /*arg*/, json_t *o, const char * /*line*/) {
	json_t *sender = json_object_get(o, "sender");
	char used[40];
	char ends[40];
	stsctl_print_time(json_object_get(o, "used_at"), used);
	stsctl_print_time(json_object_get(o, "ends_at"), ends);
	const char *mode = stsctl_print_word(sender, "mode");
	const char *override = stsctl_print_word(json_object_get(o, "override"), "mode");
	const char *why = stsctl_print_word(json_object_get(o, "failure"), "why");
	printf("%-32s %-8s %-8s %-8s %-8s %-19.19s  %-19.19s%s%s%s%s\n",
	       stsctl_print_word(o, "domain"),
	       stsctl_print_word(o, "kind"),
	       stsctl_print_word(o, "mode"),
	       stsctl_print_word(sender, "r"),
	       mode[0] != '\0' ? mode : "-",
	       ends,
	       used,
	       override[0] != '\0' ? "  override=" : "",
	       override,
	       why[0] != '\0' ? "  " : "",
	       why);
}

static void table_header(void) {
	printf("%-32s %-8s %-8s %-8s %-8s %-19s  %s\n",
	       "DOMAIN",
	       "KIND",
	       "MODE",
	       "ANSWER",
	       "AS",
	       "ENDS (UTC)",
	       "USED (UTC)");
}

// Postfix: what smtp_tls_policy_maps wants. The pattern "*.example.com" is its
// ".example.com", which matches hosts of any depth below: fewer than the policy
// allows are never let through, but deeper ones are.

static void postfix_line(void * /*arg*/, json_t *o, const char * /*line*/) {
	size_t i;
	json_t *item;
	printf("%s secure match=", stsctl_print_word(o, "domain"));
	json_array_foreach(json_object_get(o, "mx"), i, item) {
		const char *mx = json_string_value(item);
		printf("%s%s", i > 0 ? ":" : "", mx[0] == '*' ? mx + 1 : mx);
	}
	fputs(" servername=hostname\n", stdout);
}

static void plain_line(void * /*arg*/, json_t *o, const char * /*line*/) {
	size_t i;
	json_t *item;
	fputs(stsctl_print_word(o, "domain"), stdout);
	json_array_foreach(json_object_get(o, "mx"), i, item) {
		printf(" %s", json_string_value(item));
	}
	putchar('\n');
}

static void set(json_t *options, const char *key, const char *word) {
	if (word != NULL) {
		json_object_set_new(options, key, json_string(word));
	}
}

static json_t *filter_of(const struct stsctl *s) {
	const struct stsctl_flags *f = &s->flags;
	json_t *options = json_pack("{s:b, s:b}", "expired", f->expired, "overrides", f->overrides);
	set(options, "mode", f->mode);
	set(options, "kind", f->kind);
	set(options, "match", f->match);
	return options;
}

int stsctl_dump(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	stsctl_line_fn *fn = table_line;
	if (s->flags.postfix) {
		return stsctl_dump_export(s, NULL, 0);
	}
	if (s->flags.json) {
		fn = stsctl_print_line;
	} else if (s->flags.csv) {
		fn = csv_line;
		csv_header();
	} else {
		table_header();
	}
	return stsctl_client_ask(s, "dump", NULL, filter_of(s), fn, s);
}

int stsctl_dump_export(struct stsctl *s, char ** /*argv*/, int /*argc*/) {
	json_t *options = filter_of(s);
	json_object_set_new(options, "told", json_string("enforce"));
	stsctl_line_fn *fn = s->flags.json    ? stsctl_print_line
			     : s->flags.plain ? plain_line
					      : postfix_line;
	return stsctl_client_ask(s, "dump", NULL, options, fn, s);
}
