// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ctl.h"

#define LOG_TOPIC "ctl"
#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (1024 * 1024)
#define OUTPUT_HIGH (256 * 1024)
#define DUMP_BUCKETS 64
#define CONNECTIONS_MAX 32
#define DUMP_SLICE_NS (CLOCK_NS_PER_MS / 2)

struct connection {
	TAILQ_ENTRY(connection) link;
	struct ctl *ctl;
	struct bufferevent *bev;
	uint64_t id;
	size_t awaited; // domains asked for, unanswered
	bool dumping;
	uint64_t cursor;
};
TAILQ_HEAD(connections, connection);

struct ctl {
	struct evconnlistener *listener;
	const struct report_source *source;
	ctl_reload_fn *reload;
	void *reload_arg;
	struct connections open;
	size_t count;
	uint64_t last_id;
	char path[108];
};

static void send_json(struct connection *c, json_t *o) {
	char *line = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	if (line != NULL) {
		struct evbuffer *out = bufferevent_get_output(c->bev);
		evbuffer_add(out, line, strlen(line));
		evbuffer_add(out, "\n", 1);
	}
	free(line);
	json_decref(o);
}

static void send_done(struct connection *c, int status, const char *error) {
	json_t *o = json_pack("{s:b, s:i}", "done", 1, "status", status);
	if (o != NULL && error != NULL) {
		json_object_set_new(o, "error", json_string(error));
	}
	send_json(c, o);
}

static void close_connection(struct connection *c) {
	TAILQ_REMOVE(&c->ctl->open, c, link);
	c->ctl->count--;
	bufferevent_free(c->bev);
	free(c);
}

// Commands. Each answers and, unless it goes on later, says "done".

static void cmd_status(struct connection *c, json_t * /*args*/) {
	send_json(c, report_status(c->ctl->source));
	send_done(c, 0, NULL);
}

static void cmd_stats(struct connection *c, json_t * /*args*/) {
	send_json(c, report_stats(c->ctl->source));
	send_done(c, 0, NULL);
}

// The next domain of the arguments; an error line for one that is no name.
static bool arg_domain(struct connection *c, const json_t *arg, struct name *out) {
	const char *text = json_string_value(arg);
	enum name_verdict v = NAME_NOT_LDH;
	if (text != NULL) {
		v = name_parse(text, strlen(text), out);
	}
	if (v != NAME_OK) {
		send_json(
			c,
			json_pack(
				"{s:s, s:s}",
				"domain",
				text != NULL ? text : "",
				"error",
				name_verdict_str(v)
			)
		);
	}
	return v == NAME_OK;
}

static void cmd_show(struct connection *c, json_t *args) {
	struct name domain;
	struct record rec;
	int status = json_array_size(args) == 1 ? 0 : 2;
	if (status != 0) {
		send_done(c, status, "expected one domain");
	} else if (!arg_domain(c, json_array_get(args, 0), &domain)) {
		send_done(c, 2, "not a domain name");
	} else if (!cache_current(pump_cache(c->ctl->source->pump), &domain, &rec)) {
		send_done(c, 3, "nothing is known of this domain");
	} else {
		send_json(c, report_record(&rec, true));
		send_done(c, 0, NULL);
	}
}

static void cmd_purge(struct connection *c, json_t *args) {
	size_t i;
	json_t *arg;
	int status = 0;
	json_array_foreach(args, i, arg) {
		struct name domain;
		if (!arg_domain(c, arg, &domain)) {
			status = 1;
			continue;
		}
		bool kept = cache_drop(pump_cache(c->ctl->source->pump), &domain);
		status = kept ? status : 3;
		send_json(c, json_pack("{s:s, s:b}", "domain", domain.text, "purged", (int)kept));
	}
	send_done(c, status, NULL);
}

// Refresh and prefetch: a line for each domain as its answer comes.
static void want_all(struct connection *c, json_t *args, enum sched_cause cause) {
	size_t i;
	json_t *arg;
	uint64_t id = c->id;
	struct ctl *ctl = c->ctl;
	c->awaited = 1; // held until all are asked: answers may come at once
	json_array_foreach(args, i, arg) {
		struct name domain;
		if (arg_domain(c, arg, &domain)) {
			c->awaited++;
			pump_want(ctl->source->pump, PUMP_OPERATOR, &domain, cause, id);
		}
	}
	if (--c->awaited == 0) {
		send_done(c, 0, NULL);
	}
}

static void cmd_refresh(struct connection *c, json_t *args) {
	want_all(c, args, SCHED_PREFETCH);
}

static void cmd_prefetch(struct connection *c, json_t *args) {
	want_all(c, args, SCHED_MISS);
}

static const char *verdict_str(const struct sched_reply *reply) {
	static const char *const VERDICT[] = {"look", "none", "failed", "unknown", "pending"};
	return VERDICT[reply->verdict];
}

void ctl_answer(
	void *arg,
	uint64_t id,
	const struct name *domain,
	const struct sched_reply *reply
) {
	struct ctl *ctl = arg;
	struct connection *c;
	TAILQ_FOREACH (c, &ctl->open, link) {
		if (c->id == id) {
			break;
		}
	}
	if (c == NULL) {
		return; // it hung up
	}
	struct record rec;
	bool known = reply->verdict == SCHED_LOOK
		     && cache_current(pump_cache(ctl->source->pump), domain, &rec);
	json_t *o = known ? report_record(&rec, false)
			  : json_pack(
				  "{s:s, s:s, s:s, s:i}",
				  "domain",
				  domain->text,
				  "kind",
				  verdict_str(reply),
				  "why",
				  reply->why,
				  "retry",
				  (int)reply->retry_s
			  );
	send_json(c, o);
	if (--c->awaited == 0) {
		send_done(c, 0, NULL);
	}
}

static void dump_entry(void *arg, const struct entry *e) {
	struct record rec;
	if (cache_read_entry(e, &rec) == 0) {
		send_json(arg, report_record(&rec, false));
	}
}

// A slice of the dump: until the socket is full or the slice of time is over.
static void dump_more(struct connection *c) {
	mono_ns_t until = clock_mono_ns() + DUMP_SLICE_NS;
	struct evbuffer *out = bufferevent_get_output(c->bev);
	while (c->dumping && evbuffer_get_length(out) < OUTPUT_HIGH && clock_mono_ns() < until) {
		table_scan(c->ctl->source->table, &c->cursor, DUMP_BUCKETS, dump_entry, c);
		if (c->cursor == 0) {
			c->dumping = false;
			send_done(c, 0, NULL);
		}
	}
}

static void cmd_dump(struct connection *c, json_t * /*args*/) {
	c->dumping = true;
	c->cursor = 0;
	dump_more(c);
	if (c->dumping && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
		// An empty slice writes nothing, so nothing would call us again.
		bufferevent_trigger(c->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
	}
}

static void cmd_reload(struct connection *c, json_t * /*args*/) {
	char note[1024] = "";
	int rc = c->ctl->reload(c->ctl->reload_arg, note, sizeof(note));
	if (rc == 0) {
		send_json(c, json_pack("{s:s}", "note", note));
	}
	send_done(c, rc == 0 ? 0 : 1, rc == 0 ? NULL : note);
}

static const struct {
	const char *name;
	void (*run)(struct connection *c, json_t *args);
} COMMANDS[] = {
	{"status", cmd_status},
	{"stats", cmd_stats},
	{"show", cmd_show},
	{"dump", cmd_dump},
	{"refresh", cmd_refresh},
	{"purge", cmd_purge},
	{"prefetch", cmd_prefetch},
	{"reload", cmd_reload},
};

static void run_line(struct connection *c, const char *line, size_t len) {
	json_error_t fault;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &fault);
	const char *command = json_string_value(json_object_get(request, "command"));
	json_t *args = json_object_get(request, "args");
	json_t *none = json_array();
	for (size_t i = 0; command != NULL && i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
		if (strcmp(COMMANDS[i].name, command) == 0) {
			COMMANDS[i].run(c, json_is_array(args) ? args : none);
			goto end;
		}
	}
	send_done(
		c,
		2,
		command != NULL ? "no such command" : "expected {\"command\": ..., \"args\": []}"
	);
end:
	json_decref(none);
	json_decref(request);
}

// One request at a time: the next line waits until the last has been answered.
static void take_lines(struct connection *c) {
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len;
	char *line;
	while (!c->dumping && c->awaited == 0
	       && (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF)) != NULL) {
		run_line(c, line, len);
		free(line);
	}
}

static void on_read(struct bufferevent *bev, void *arg) {
	struct connection *c = arg;
	if (evbuffer_get_length(bufferevent_get_input(bev)) > REQUEST_BYTES_MAX) {
		LOG(WARN, "a control request is too long");
		close_connection(c);
		return;
	}
	take_lines(c);
}

static void on_write(struct bufferevent *bev, void *arg) {
	struct connection *c = arg;
	dump_more(c);
	if (c->dumping && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
		bufferevent_trigger(bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
	}
	take_lines(c);
}

static void on_event(struct bufferevent * /*bev*/, short what, void *arg) {
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
		close_connection(arg);
	}
}

static void on_accept(
	struct evconnlistener *listener,
	evutil_socket_t fd,
	struct sockaddr * /*address*/,
	int /*len*/,
	void *arg
) {
	struct ctl *ctl = arg;
	struct connection *c = ctl->count < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
	struct bufferevent *bev = c == NULL ? NULL
					    : bufferevent_socket_new(
						    evconnlistener_get_base(listener),
						    fd,
						    BEV_OPT_CLOSE_ON_FREE
					    );
	if (bev == NULL) {
		close(fd);
		free(c);
		return;
	}
	*c = (struct connection){.ctl = ctl, .bev = bev, .id = ++ctl->last_id};
	TAILQ_INSERT_TAIL(&ctl->open, c, link);
	ctl->count++;
	bufferevent_setcb(bev, on_read, on_write, on_event, c);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static int make_directory(const char *path) {
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	return mkdir(dirname(copy), 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int listen_at(const char *path) {
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		LOG(WARN, "%s is in the way", path);
	}
	mode_t old = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(old);
	if (rc < 0 || listen(fd, 16) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int ctl_open(
	const char *path,
	struct event_base *base,
	const struct report_source *source,
	ctl_reload_fn *reload,
	void *reload_arg,
	struct ctl **out
) {
	int rc = make_directory(path);
	int fd = rc < 0 ? rc : listen_at(path);
	if (fd < 0) {
		return fd;
	}
	struct ctl *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	*c = (struct ctl){.source = source, .reload = reload, .reload_arg = reload_arg};
	snprintf(c->path, sizeof(c->path), "%s", path);
	TAILQ_INIT(&c->open);
	c->listener = evconnlistener_new(base, on_accept, c, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (c->listener == NULL) {
		close(fd);
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void ctl_close(struct ctl *c) {
	if (c == NULL) {
		return;
	}
	while (!TAILQ_EMPTY(&c->open)) {
		close_connection(TAILQ_FIRST(&c->open));
	}
	evconnlistener_free(c->listener);
	unlink(c->path);
	free(c);
}
