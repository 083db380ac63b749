// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/fetch.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "fetch/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TOPIC "fetch"

#define BUCKETS 4096
#define BURST 32 // messages read from one child before others get their turn
#define TICK_MS 250
#define RESOLVE_TASKS_MAX 4096
#define SUSPECTS 512
#define SEND_BYTES (1 << 20)
#define RESTART_MS 100
#define RESTART_MS_MAX 10000
#define STEADY_NS (60 * CLOCK_NS_PER_S) // alive that long: the back-off starts anew

// A task between fetch_submit() and its outcome.
struct flight {
	struct flight *chain; // of its hash bucket
	struct flight *next;  // of its child, oldest first
	struct flight *prev;
	struct child *child;
	mono_ns_t deadline;
	struct task task;
};

struct child {
	struct fetch *fetch;
	uint32_t slot;
	enum spawn_kind kind;
	pid_t pid;	// 0: not there
	int fd;		// -1: not there
	bool requested; // the spawner has been asked
	bool doomed;	// has to be killed; the spawner may not know yet
	bool kill_sent;
	struct event *readable;
	struct event *writable;
	struct flight *first;
	struct flight *last;
	struct flight *unsent; // from here on nothing has been sent
	uint32_t count;
	uint32_t max;
	uint32_t restarts;
	uint32_t kills;
	uint32_t backoff_ms;
	mono_ns_t born;
	mono_ns_t start_at; // not before
};

struct fetch {
	struct channel_config config;
	uint32_t late_ms;
	struct event_base *base;
	int spawner; // -1: gone
	void (*on_outcome)(void *arg, const struct outcome *o);
	void *arg;
	struct event *spawner_readable;
	struct event *tick;
	struct flight *buckets[BUCKETS];
	// Domains whose fetch was in flight when a child died, oldest replaced first.
	struct name suspects[SUSPECTS];
	unsigned suspect_next;
	uint8_t message[OUTCOME_BYTES_MAX + 1];
	size_t child_count;
	struct child children[];
};

// Ids are counted up by their maker or carry flags on top; a multiplication
// spreads both.
static struct flight **bucket_of(struct fetch *f, uint64_t task) {
	return &f->buckets[(task * 0x9e3779b97f4a7c15ULL) >> 52];
}

static struct flight *find_flight(struct fetch *f, uint64_t task) {
	struct flight *x = *bucket_of(f, task);
	while (x != NULL && x->task.id != task) {
		x = x->chain;
	}
	return x;
}

static void add_flight(struct child *c, struct flight *x) {
	struct flight **bucket = bucket_of(c->fetch, x->task.id);
	x->chain = *bucket;
	*bucket = x;
	x->child = c;
	x->prev = c->last;
	*(c->last != NULL ? &c->last->next : &c->first) = x;
	c->last = x;
	c->unsent = c->unsent != NULL ? c->unsent : x;
	c->count++;
}

static void remove_flight(struct flight *x) {
	struct child *c = x->child;
	struct flight **at = bucket_of(c->fetch, x->task.id);
	while (*at != x) {
		at = &(*at)->chain;
	}
	*at = x->chain;
	*(x->prev != NULL ? &x->prev->next : &c->first) = x->next;
	*(x->next != NULL ? &x->next->prev : &c->last) = x->prev;
	c->unsent = c->unsent == x ? x->next : c->unsent;
	c->count--;
}

static struct name *find_suspect(struct fetch *f, const struct name *domain) {
	for (size_t i = 0; i < SUSPECTS; i++) {
		if (name_equal(&f->suspects[i], domain)) {
			return &f->suspects[i];
		}
	}
	return NULL;
}

// A first death in company may be anybody's fault; at the second one the domain
// has had its chance.
// @return Whether this is the second.
static bool suspect(struct fetch *f, const struct name *domain) {
	struct name *known = find_suspect(f, domain);
	if (known != NULL) {
		known->len = 0;
		return true;
	}
	f->suspects[f->suspect_next] = *domain;
	f->suspect_next = (f->suspect_next + 1) % SUSPECTS;
	return false;
}

static void acquit(struct fetch *f, const struct name *domain) {
	struct name *known = find_suspect(f, domain);
	if (known != NULL) {
		known->len = 0;
	}
}

static void drop_events(struct child *c) {
	struct event **events[] = {&c->readable, &c->writable};
	for (size_t i = 0; i < 2; i++) {
		if (*events[i] != NULL) {
			event_free(*events[i]);
			*events[i] = NULL;
		}
	}
}

static void doom(struct child *c, const char *why) {
	if (c->doomed || c->pid == 0) {
		return;
	}
	LOG(WARN, "child %d ends: %s", (int)c->pid, why);
	c->doomed = true;
	c->kills++;
	drop_events(c);
	c->kill_sent = spawn_kill(c->fetch->spawner, c->pid) == 0;
}

static void request(struct child *c) {
	c->requested = spawn_request(c->fetch->spawner, c->slot, c->kind) == 0;
}

// The child is marked as not there: what receivers submit meanwhile goes elsewhere.
static void end_flights(struct child *c) {
	struct fetch *f = c->fetch;
	while (c->first != NULL) {
		struct flight *x = c->first;
		bool sent = x != c->unsent;
		struct outcome o = {
			.task = x->task.id,
			.code = OUTCOME_LOCAL,
			.detail = "worker-ended",
		};
		if (sent && x->task.kind == TASK_POLICY && suspect(f, &x->task.domain)) {
			o.code = OUTCOME_CHILD_KILLED;
			o.detail[0] = '\0';
		}
		remove_flight(x);
		free(x);
		f->on_outcome(f->arg, &o);
	}
}

static void bury(struct child *c) {
	mono_ns_t now = clock_mono_ns();
	drop_events(c);
	if (c->fd >= 0) {
		close(c->fd);
	}
	if (c->pid != 0 && now - c->born > STEADY_NS) {
		c->backoff_ms = 0;
	}
	c->backoff_ms = c->backoff_ms == 0 ? RESTART_MS : c->backoff_ms * 2;
	if (c->backoff_ms > RESTART_MS_MAX) {
		c->backoff_ms = RESTART_MS_MAX;
	}
	c->start_at = now + c->backoff_ms * CLOCK_NS_PER_MS;
	c->pid = 0;
	c->fd = -1;
	c->requested = false;
	c->doomed = false;
	c->kill_sent = false;
	c->restarts++;
	end_flights(c);
}

// @return False when the outcome cannot belong to this child's task.
static bool deliver(struct child *c, const struct outcome *o) {
	struct fetch *f = c->fetch;
	struct flight *x = find_flight(f, o->task);
	if (x == NULL) {
		return true; // cancelled meanwhile
	}
	if (x->child != c) {
		return false;
	}
	if (x->task.kind == TASK_POLICY) {
		acquit(f, &x->task.domain);
	}
	remove_flight(x);
	free(x);
	f->on_outcome(f->arg, o);
	return true;
}

// @return How many outcomes came.
static unsigned read_outcomes(struct child *c) {
	struct fetch *f = c->fetch;
	unsigned n = 0;
	while (n < BURST && c->fd >= 0 && !c->doomed) {
		ssize_t len = recv(c->fd, f->message, sizeof(f->message), MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
			break;
		}
		struct outcome o;
		if (len <= 0) {
			// Its end will be told by the spawner, or on_tick() brings it about.
			drop_events(c);
			break;
		}
		if (len > (ssize_t)OUTCOME_BYTES_MAX
		    || outcome_decode(f->message, (size_t)len, &o) != 0 || !deliver(c, &o)) {
			doom(c, "it sent what cannot be read");
			break;
		}
		n++;
	}
	return n;
}

static void on_child_readable(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	(void)read_outcomes(arg);
}

static bool send_flight(const struct child *c, const struct flight *x) {
	uint8_t msg[TASK_BYTES_MAX];
	int len = task_encode(&x->task, msg, sizeof(msg));
	return len > 0 && send(c->fd, msg, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) == len;
}

static void send_tasks(struct child *c) {
	if (c->fd < 0 || c->writable == NULL) {
		return;
	}
	while (c->unsent != NULL && send_flight(c, c->unsent)) {
		c->unsent = c->unsent->next;
	}
	if (c->unsent != NULL) {
		(void)event_add(c->writable, NULL);
	}
}

static void on_child_writable(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	send_tasks(arg);
}

static int set_up(struct child *c, int fd) {
	struct fetch *f = c->fetch;
	const int bytes = SEND_BYTES;
	// The kernel may allow less; then tasks wait here.
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	c->readable = event_new(f->base, fd, EV_READ | EV_PERSIST, on_child_readable, c);
	c->writable = event_new(f->base, fd, EV_WRITE, on_child_writable, c);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || c->readable == NULL || c->writable == NULL
	    || event_add(c->readable, NULL) != 0) {
		return -ENOMEM;
	}
	ssize_t n = send(fd, &f->config, sizeof(f->config), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == (ssize_t)sizeof(f->config) ? 0 : -EIO;
}

static void welcome(struct child *c, const struct spawn_event *e) {
	c->requested = false;
	c->pid = e->pid;
	c->fd = e->fd;
	c->born = clock_mono_ns();
	if (set_up(c, e->fd) != 0) {
		doom(c, "it cannot be spoken to");
		return;
	}
	send_tasks(c);
}

static void take_end(struct child *c, const struct spawn_event *e) {
	drop_events(c);
	// Outcomes it sent before it ended count.
	while (read_outcomes(c) > 0) {}
	if (WIFSIGNALED(e->status)) {
		LOG(WARN,
		    "child %d of slot %u ended by signal %d",
		    (int)e->pid,
		    c->slot,
		    WTERMSIG(e->status));
	} else {
		LOG(WARN,
		    "child %d of slot %u ended with %d",
		    (int)e->pid,
		    c->slot,
		    WEXITSTATUS(e->status));
	}
	bury(c);
}

static void take_event(struct fetch *f, const struct spawn_event *e) {
	struct child *c = e->slot < f->child_count ? &f->children[e->slot] : NULL;
	if (e->fd >= 0) {
		if (c != NULL && c->requested && c->kind == e->kind) {
			welcome(c, e);
		} else {
			close(e->fd); // nobody asked for it; it ends by that
		}
		return;
	}
	// An end of another pid is that of a child which was not ours any more.
	if (c != NULL && (e->pid != 0 ? c->pid == e->pid : c->requested)) {
		take_end(c, e);
	}
}

static void lose_spawner(struct fetch *f) {
	LOG(ERROR, "the spawner is gone: nothing can be asked any more");
	f->spawner = -1;
	event_free(f->spawner_readable);
	f->spawner_readable = NULL;
	for (size_t i = 0; i < f->child_count; i++) {
		bury(&f->children[i]);
	}
}

static void on_spawner(evutil_socket_t fd, short /*what*/, void *arg) {
	struct fetch *f = arg;
	struct spawn_event e;
	int n;
	while ((n = spawn_poll(fd, &e)) > 0) {
		take_event(f, &e);
	}
	if (n < 0) {
		lose_spawner(f);
	}
}

// One whose oldest task is overdue hangs. While outcomes still come in it is us
// who were stopped for a while.
static void watch(struct child *c, mono_ns_t now) {
	if (c->first == NULL || now < c->first->deadline || read_outcomes(c) > 0) {
		return;
	}
	doom(c, "it hangs");
}

static void on_tick(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	struct fetch *f = arg;
	mono_ns_t now = clock_mono_ns();
	for (size_t i = 0; i < f->child_count && f->spawner >= 0; i++) {
		struct child *c = &f->children[i];
		if (c->pid == 0 && !c->requested && now >= c->start_at) {
			request(c);
		} else if (c->doomed && !c->kill_sent) {
			c->kill_sent = spawn_kill(f->spawner, c->pid) == 0;
		} else if (c->pid != 0 && !c->doomed && c->readable == NULL) {
			doom(c, "it closed its socket");
		} else if (c->pid != 0 && !c->doomed) {
			watch(c, now);
		}
	}
}

static int start(struct fetch *f) {
	const struct timeval tv = {.tv_usec = TICK_MS * 1000L};
	f->spawner_readable = event_new(f->base, f->spawner, EV_READ | EV_PERSIST, on_spawner, f);
	f->tick = event_new(f->base, -1, EV_PERSIST, on_tick, f);
	if (f->spawner_readable == NULL || f->tick == NULL
	    || event_add(f->spawner_readable, NULL) != 0 || event_add(f->tick, &tv) != 0) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < f->child_count; i++) {
		request(&f->children[i]);
	}
	return 0;
}

int fetch_open(
	const struct fetch_config *config,
	struct event_base *base,
	int spawner,
	void (*on_outcome)(void *arg, const struct outcome *o),
	void *arg,
	struct fetch **out
) {
	size_t count = 1 + (size_t)config->workers;
	struct fetch *f = calloc(1, sizeof(*f) + count * sizeof(f->children[0]));
	if (f == NULL) {
		return -ENOMEM;
	}
	f->base = base;
	f->spawner = spawner;
	f->on_outcome = on_outcome;
	f->arg = arg;
	f->late_ms = config->late_ms;
	f->child_count = count;
	for (size_t i = 0; i < count; i++) {
		f->children[i] = (struct child){
			.fetch = f,
			.slot = (uint32_t)i,
			.kind = i == 0 ? SPAWN_RESOLVE : SPAWN_FETCH,
			.fd = -1,
			.max = i == 0 ? RESOLVE_TASKS_MAX : config->per_worker_max,
		};
	}
	int code = channel_pack(config, &f->config);
	if (code == 0) {
		code = start(f);
	}
	if (code != 0) {
		fetch_close(f);
		return code;
	}
	*out = f;
	return 0;
}

void fetch_close(struct fetch *f) {
	if (f == NULL) {
		return;
	}
	for (size_t i = 0; i < f->child_count; i++) {
		struct child *c = &f->children[i];
		drop_events(c);
		if (c->fd >= 0) {
			close(c->fd); // by which it ends, unless it hangs
		}
		if (c->pid != 0 && f->spawner >= 0) {
			(void)!spawn_kill(f->spawner, c->pid);
		}
		while (c->first != NULL) {
			struct flight *x = c->first;
			remove_flight(x);
			free(x);
		}
	}
	if (f->tick != NULL) {
		event_free(f->tick);
	}
	if (f->spawner_readable != NULL) {
		event_free(f->spawner_readable);
	}
	free(f);
}

static bool can_take(const struct child *c) {
	return (c->requested || (c->pid != 0 && !c->doomed && c->readable != NULL))
	       && c->count < c->max;
}

// The least busy one of the kind.
static struct child *choose(struct fetch *f, enum spawn_kind kind) {
	struct child *best = NULL;
	for (size_t i = 0; i < f->child_count; i++) {
		struct child *c = &f->children[i];
		if (c->kind == kind && can_take(c) && (best == NULL || c->count < best->count)) {
			best = c;
		}
	}
	return best;
}

static uint64_t allowed_ms(const struct fetch *f, enum task_kind kind) {
	const struct channel_config *c = &f->config;
	// Without a list the child finds its servers itself, FETCH_UPSTREAM_MAX at most.
	uint64_t servers = c->upstream_count > 0 ? c->upstream_count : FETCH_UPSTREAM_MAX;
	// Twice: a server that knows no EDNS is asked a second time within its try.
	uint64_t ms = kind == TASK_POLICY ? c->total_ms
					  : 2 * servers * c->dns_tries * c->dns_try_ms;
	// It runs at nice 10 and may be busy with one costly certificate after another.
	return ms + f->late_ms;
}

bool fetch_submit(struct fetch *f, const struct task *task) {
	struct child *c = choose(f, task->kind == TASK_POLICY ? SPAWN_FETCH : SPAWN_RESOLVE);
	struct flight *x = c != NULL ? calloc(1, sizeof(*x)) : NULL;
	if (x == NULL) {
		return false;
	}
	x->task = *task;
	x->deadline = clock_mono_ns() + allowed_ms(f, task->kind) * CLOCK_NS_PER_MS;
	add_flight(c, x);
	send_tasks(c);
	return true;
}

void fetch_cancel(struct fetch *f, uint64_t task) {
	struct flight *x = find_flight(f, task);
	if (x == NULL) {
		return;
	}
	struct child *c = x->child;
	if (x != c->unsent && c->fd >= 0) {
		uint8_t msg[CHANNEL_CANCEL_BYTES];
		struct writer w = bytes_writer(msg, sizeof(msg));
		bytes_put_be64(&w, task);
		// Lost when the child is behind: then it works on in vain.
		(void)!send(c->fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	remove_flight(x);
	free(x);
}

size_t fetch_children(const struct fetch *f, struct fetch_child out[], size_t max) {
	for (size_t i = 0; i < f->child_count && i < max; i++) {
		const struct child *c = &f->children[i];
		out[i] = (struct fetch_child){
			.kind = c->kind,
			.pid = c->pid,
			.tasks = c->count,
			.restarts = c->restarts,
			.kills = c->kills,
		};
	}
	return f->child_count;
}
