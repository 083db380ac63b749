// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// stsctl: asks the appliance over its control socket.

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PREFETCH_BATCH 256

enum status { STATUS_OK, STATUS_FAILED, STATUS_USAGE, STATUS_NO_DOMAIN };

static const char USAGE[] = "usage: stsctl [-s SOCKET] [--json] COMMAND\n"
			    "\n"
			    "  status             how the appliance is\n"
			    "  stats              every counter\n"
			    "  show DOMAIN        what is known of a domain\n"
			    "  dump               all domains, a line each\n"
			    "  refresh DOMAIN...  ask TXT and fetch the policy now\n"
			    "  purge DOMAIN...    forget, in memory and on disk\n"
			    "  prefetch FILE|-    ask for every domain of a list\n"
			    "  reload             read the configuration again\n"
			    "\n"
			    "  -s, --socket PATH  control socket (default /run/stsd/control.sock)\n"
			    "  -j, --json         JSON lines as they come\n"
			    "  -h, --help         this text\n"
			    "\n"
			    "exit status: 0 done, 1 failed, 2 usage, 3 no such domain\n";

struct client {
	FILE *in;
	FILE *out;
	bool json;
	size_t answered; // lines with a domain
};

static FILE *open_socket(const char *path, FILE **out) {
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		return NULL;
	}
	FILE *in = fdopen(fd, "r");
	*out = fdopen(dup(fd), "w");
	return in != NULL && *out != NULL ? in : NULL;
}

static void print_time(const char *key, json_t *value) {
	time_t t = (time_t)json_integer_value(value);
	struct tm tm;
	char text[40] = "";
	if (gmtime_r(&t, &tm) != NULL) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	}
	printf("%-16s %s\n", key, text);
}

static bool is_time(const char *key) {
	size_t len = strlen(key);
	return (len > 3 && strcmp(key + len - 3, "_at") == 0) || strcmp(key, "at") == 0
	       || strcmp(key, "since") == 0;
}

static void print_object(json_t *o);

static void print_pair(const char *key, json_t *value) {
	size_t i;
	json_t *item;
	if (json_is_object(value)) {
		printf("%s:\n", key);
		print_object(value);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, item) {
			if (json_is_string(item)) {
				printf("%-16s %s\n", key, json_string_value(item));
			} else {
				char *text = json_dumps(item, 0);
				printf("%-16s %s\n", key, text);
				free(text);
			}
		}
	} else if (strcmp(key, "text") == 0) {
		printf("%s:\n%s\n", key, json_string_value(value));
	} else if (json_is_integer(value) && is_time(key)) {
		print_time(key, value);
	} else if (json_is_integer(value)) {
		printf("%-16s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
	} else if (json_is_boolean(value)) {
		printf("%-16s %s\n", key, json_is_true(value) ? "yes" : "no");
	} else {
		printf("%-16s %s\n", key, json_string_value(value));
	}
}

static void print_object(json_t *o) { // NOLINT(misc-no-recursion): a failure within a record
	const char *key;
	json_t *value;
	json_object_foreach(o, key, value) {
		print_pair(key, value);
	}
}

static const char *word(json_t *o, const char *key) {
	const char *text = json_string_value(json_object_get(o, key));
	return text != NULL ? text : "";
}

// One line for a domain: what it is, and what matters most of it.
static void print_row(json_t *o) {
	json_t *mx = json_object_get(o, "mx");
	printf("%-32s %-8s %-8s", word(o, "domain"), word(o, "kind"), word(o, "mode"));
	size_t i;
	json_t *item;
	json_array_foreach(mx, i, item) {
		printf(" %s", json_string_value(item));
	}
	const char *why = word(o, "why");
	if (why[0] == '\0') {
		why = word(json_object_get(o, "failure"), "why");
	}
	printf("%s%s%s\n",
	       why,
	       word(o, "error"),
	       json_is_true(json_object_get(o, "purged")) ? "purged" : "");
}

static void print_answer(const struct client *c, const char *command, json_t *o, const char *line) {
	if (c->json) {
		fputs(line, stdout);
	} else if (strcmp(command, "status") == 0 || strcmp(command, "stats") == 0 || strcmp(command, "show") == 0) {
		print_object(o);
	} else if (json_object_get(o, "note") != NULL) {
		printf("%s\n", word(o, "note"));
	} else {
		print_row(o);
	}
}

// Sends one request and prints its answers. @return The exit status.
static int converse(struct client *c, const char *command, json_t *args) {
	json_t *request = json_pack("{s:s, s:O}", "command", command, "args", args);
	bool sent = json_dumpf(request, c->out, JSON_COMPACT) == 0 && fputc('\n', c->out) != EOF
		    && fflush(c->out) == 0;
	json_decref(request);
	char *line = NULL;
	size_t cap = 0;
	int status = -1;
	while (sent && status < 0 && getline(&line, &cap, c->in) > 0) {
		json_error_t fault;
		json_t *o = json_loads(line, 0, &fault);
		if (json_is_true(json_object_get(o, "done"))) {
			status = (int)json_integer_value(json_object_get(o, "status"));
			if (word(o, "error")[0] != '\0') {
				fprintf(stderr, "stsctl: %s\n", word(o, "error"));
			}
		} else {
			c->answered++;
			print_answer(c, command, o, line);
		}
		json_decref(o);
	}
	free(line);
	if (status < 0) {
		fprintf(stderr, "stsctl: the appliance hung up\n");
	}
	return status < 0 ? STATUS_FAILED : status;
}

static int prefetch(struct client *c, const char *path) {
	FILE *list = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (list == NULL) {
		fprintf(stderr, "stsctl: %s: %s\n", path, strerrordesc_np(errno));
		return STATUS_FAILED;
	}
	bool progress = isatty(STDERR_FILENO) == 1;
	int status = STATUS_OK;
	char *line = NULL;
	size_t cap = 0;
	bool more = true;
	while (more) {
		json_t *args = json_array();
		while (json_array_size(args) < PREFETCH_BATCH
		       && (more = getline(&line, &cap, list) > 0)) {
			line[strcspn(line, " \t\r\n#")] = '\0';
			if (line[0] != '\0') {
				json_array_append_new(args, json_string(line));
			}
		}
		int one = json_array_size(args) > 0 ? converse(c, "prefetch", args) : STATUS_OK;
		status = one != STATUS_OK ? one : status;
		json_decref(args);
		if (progress) {
			fprintf(stderr, "\r%zu domains", c->answered);
		}
	}
	if (progress) {
		fputc('\n', stderr);
	}
	free(line);
	if (list != stdin) {
		(void)fclose(list);
	}
	return status;
}

static int run(struct client *c, const char *command, char **argv, int argc) {
	bool wants_one = strcmp(command, "show") == 0 || strcmp(command, "prefetch") == 0;
	bool wants_some = strcmp(command, "refresh") == 0 || strcmp(command, "purge") == 0;
	if ((wants_one && argc != 1) || (wants_some && argc == 0)
	    || (!wants_one && !wants_some && argc > 0)) {
		fputs(USAGE, stderr);
		return STATUS_USAGE;
	}
	if (strcmp(command, "prefetch") == 0) {
		return prefetch(c, argv[0]);
	}
	json_t *args = json_array();
	for (int i = 0; i < argc; i++) {
		json_array_append_new(args, json_string(argv[i]));
	}
	int status = converse(c, command, args);
	json_decref(args);
	return status;
}

int main(int argc, char **argv) {
	static const struct option OPTIONS[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *path = "/run/stsd/control.sock";
	struct client c = {0};
	int opt;
	while ((opt = getopt_long(argc, argv, "s:jh", OPTIONS, NULL)) != -1
	) { // NOLINT(concurrency-mt-unsafe): one thread
		switch (opt) {
		case 's':
			path = optarg;
			break;
		case 'j':
			c.json = true;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return STATUS_OK;
		default:
			fputs(USAGE, stderr);
			return STATUS_USAGE;
		}
	}
	if (optind >= argc) {
		fputs(USAGE, stderr);
		return STATUS_USAGE;
	}
	c.in = open_socket(path, &c.out);
	if (c.in == NULL) {
		fprintf(stderr, "stsctl: %s: %s\n", path, strerrordesc_np(errno));
		return STATUS_FAILED;
	}
	int status = run(&c, argv[optind], argv + optind + 1, argc - optind - 1);
	(void)fclose(c.out);
	(void)fclose(c.in);
	return status;
}
