// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/ctl.h"

#define LOG_TOPIC "ctl"
#include "app/ctl_inner.h"
#include "app/view.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (1024 * 1024)
#define OUTPUT_HIGH (256 * 1024)
#define CONNECTIONS_MAX 32
#define SLICE_NS (CLOCK_NS_PER_MS * 2 / 5)

TAILQ_HEAD(connections, ctl_connection);

struct ctl {
	struct evconnlistener *listener;
	struct event *slicer;
	struct report_source *source;
	ctl_reload_fn *reload;
	void *reload_arg;
	struct connections open; // who had a slice last stands last
	size_t count;
	uint64_t last_id;
	char path[108];
};

// Answers.

void ctl_send(struct ctl_connection *c, json_t *o) {
	char *line = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	if (line != NULL) {
		struct evbuffer *out = bufferevent_get_output(c->bev);
		evbuffer_add(out, line, strlen(line));
		evbuffer_add(out, "\n", 1);
	}
	free(line);
	json_decref(o);
}

void ctl_fail(struct ctl_connection *c, int status, const char *error) {
	if (c->status == 0) {
		c->status = status;
		snprintf(c->error, sizeof(c->error), "%s", error);
	}
}

bool ctl_is_full(const struct ctl_connection *c) {
	return evbuffer_get_length(bufferevent_get_output(c->bev)) >= OUTPUT_HIGH;
}

const struct report_source *ctl_source(const struct ctl_connection *c) {
	return c->ctl->source;
}

int ctl_reload(struct ctl_connection *c, char *note, size_t cap) {
	return c->ctl->reload(c->ctl->reload_arg, note, cap);
}

bool ctl_flag(const struct ctl_request *r, const char *key) {
	return json_is_true(json_object_get(r->options, key));
}

const char *ctl_word(const struct ctl_request *r, const char *key) {
	return json_string_value(json_object_get(r->options, key));
}

// The last line, when nothing is under way any more.
static void end_if_done(struct ctl_connection *c) {
	if (c->work != NULL || c->awaited > 0) {
		return;
	}
	json_t *o = json_pack("{s:b, s:i}", "done", 1, "status", c->status);
	if (o != NULL && c->error[0] != '\0') {
		json_object_set_new(o, "error", json_string(c->error));
	}
	ctl_send(c, o);
}

static void end_work(struct ctl_connection *c) {
	if (c->work != NULL) {
		c->work->free(c->state);
		c->work = NULL;
		c->state = NULL;
	}
}

static void close_connection(struct ctl_connection *c) {
	end_work(c);
	TAILQ_REMOVE(&c->ctl->open, c, link);
	c->ctl->count--;
	bufferevent_free(c->bev);
	free(c);
}

// Slices.

static bool can_work(const struct ctl_connection *c) {
	return c->work != NULL && c->awaited < CTL_AWAITED_MAX && !ctl_is_full(c);
}

// A timer of no time: the loop comes to it in its next turn, after the others.
static void want_slice(struct ctl *ctl) {
	static const struct timeval AT_ONCE = {0};
	struct ctl_connection *c;
	TAILQ_FOREACH (c, &ctl->open, link) {
		if (can_work(c)) {
			event_add(ctl->slicer, &AT_ONCE);
			return;
		}
	}
}

// What this thread has worked: the clock goes on while others have the CPU.
static mono_ns_t cpu_ns(void) {
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (mono_ns_t)ts.tv_sec * CLOCK_NS_PER_S + (mono_ns_t)ts.tv_nsec;
}

static void on_slice(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct ctl *ctl = arg;
	struct ctl_connection *c = TAILQ_FIRST(&ctl->open);
	while (c != NULL && !can_work(c)) {
		c = TAILQ_NEXT(c, link);
	}
	if (c == NULL) {
		return;
	}
	TAILQ_REMOVE(&ctl->open, c, link);
	TAILQ_INSERT_TAIL(&ctl->open, c, link);
	mono_ns_t begun = cpu_ns();
	if (!c->work->slice(c, c->state, clock_mono_ns() + SLICE_NS)) {
		end_work(c);
		end_if_done(c);
	}
	mono_ns_t took = cpu_ns() - begun;
	if (took > ctl->source->slice_ns_max) {
		ctl->source->slice_ns_max = took;
	}
	want_slice(ctl);
}

void ctl_start(struct ctl_connection *c, const struct ctl_work *work, void *state) {
	if (state == NULL) {
		ctl_fail(c, 1, "memory is short");
		return;
	}
	c->work = work;
	c->state = state;
	want_slice(c->ctl);
}

// What comes later.

static struct ctl_connection *find(struct ctl *ctl, uint64_t id) {
	struct ctl_connection *c;
	TAILQ_FOREACH (c, &ctl->open, link) {
		if (c->id == id) {
			break;
		}
	}
	return c; // NULL: it hung up
}

static void answered(struct ctl_connection *c) {
	c->awaited--;
	want_slice(c->ctl);
	end_if_done(c);
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
	struct ctl_connection *c = find(ctl, id);
	if (c == NULL) {
		return;
	}
	struct record rec;
	bool known = reply->verdict == SCHED_LOOK
		     && cache_current(pump_cache(ctl->source->pump), domain, &rec);
	json_t *o = known ? ctl_command_line(c, &rec)
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
	ctl_send(c, o);
	answered(c);
}

void ctl_operated(void *arg, uint64_t id, int status) {
	struct ctl_connection *c = find(arg, id);
	if (c == NULL) {
		return;
	}
	if (status == -ECANCELED) {
		ctl_fail(c, 1, "another command has overtaken this one");
	} else if (status < 0) {
		char error[96];
		snprintf(error, sizeof(error), "not on disk: %s", err_str(status));
		ctl_fail(c, 1, error);
	}
	answered(c);
}

// Requests.

static void run_line(struct ctl_connection *c, const char *line, size_t len) {
	json_error_t fault;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &fault);
	const char *command = json_string_value(json_object_get(request, "command"));
	json_t *args = json_object_get(request, "args");
	json_t *none = json_array();
	const struct ctl_request r = {
		.args = json_is_array(args) ? args : none,
		.options = json_object_get(request, "options"),
	};
	c->status = 0;
	c->error[0] = '\0';
	c->awaited = 1; // held until the command has returned: answers may come at once
	if (command != NULL) {
		ctl_command_run(c, command, &r);
	} else {
		ctl_fail(c, 2, "expected {\"command\": ..., \"args\": []}");
	}
	c->awaited--;
	end_if_done(c);
	json_decref(none);
	json_decref(request);
}

// One request at a time: the next line waits until the last has been answered.
static void take_lines(struct ctl_connection *c) {
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len;
	char *line;
	while (c->work == NULL && c->awaited == 0 && !ctl_is_full(c)
	       && (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF)) != NULL) {
		run_line(c, line, len);
		free(line);
	}
}

static void on_read(struct bufferevent *bev, void *arg) {
	struct ctl_connection *c = arg;
	if (evbuffer_get_length(bufferevent_get_input(bev)) > REQUEST_BYTES_MAX) {
		LOG(WARN, "a control request is too long");
		close_connection(c);
		return;
	}
	take_lines(c);
}

static void on_write(struct bufferevent * /*bev*/, void *arg) {
	struct ctl_connection *c = arg;
	want_slice(c->ctl);
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
	struct ctl_connection *c = ctl->count < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
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
	*c = (struct ctl_connection){.ctl = ctl, .bev = bev, .id = ++ctl->last_id};
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
	struct report_source *source,
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
	c->slicer = evtimer_new(base, on_slice, c);
	c->listener = c->slicer == NULL ? NULL
					: evconnlistener_new(
						base, on_accept, c, LEV_OPT_CLOSE_ON_FREE, 0, fd
					);
	if (c->listener == NULL) {
		close(fd);
		if (c->slicer != NULL) {
			event_free(c->slicer);
		}
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
	event_free(c->slicer);
	unlink(c->path);
	free(c);
}
