// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/task.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>

// The form: id, kind, name with its length in front, addresses with a family
// octet of 4 or 6. It lives only between two processes of one binary, so it
// carries no version.

void task_put_addresses(struct writer *w, const struct address list[], uint8_t count) {
	bytes_put_u8(w, count);
	for (uint8_t i = 0; i < count; i++) {
		bool v4 = list[i].family == AF_INET;
		bytes_put_u8(w, v4 ? 4 : 6);
		bytes_put(w, list[i].octets, v4 ? 4 : 16);
	}
}

int task_encode(const struct task *t, void *buf, size_t cap) {
	struct writer w = bytes_writer(buf, cap);
	bytes_put_be64(&w, t->id);
	bytes_put_u8(&w, (uint8_t)t->kind);
	bytes_put_u8(&w, t->domain.len);
	bytes_put(&w, t->domain.text, t->domain.len);
	task_put_addresses(&w, t->addresses, t->address_count);
	return w.ok ? (int)bytes_written(&w) : -ENOSPC;
}

bool task_get_addresses(struct reader *r, struct address list[TASK_ADDRESS_MAX], uint8_t *count) {
	uint8_t n = bytes_get_u8(r);
	if (n > TASK_ADDRESS_MAX) {
		return false;
	}
	for (uint8_t i = 0; i < n; i++) {
		uint8_t version = bytes_get_u8(r);
		if (version != 4 && version != 6) {
			return false;
		}
		size_t len = version == 4 ? 4 : 16;
		const uint8_t *octets = bytes_get(r, len);
		if (octets == NULL) {
			return false;
		}
		list[i].family = version == 4 ? AF_INET : AF_INET6;
		memcpy(list[i].octets, octets, len);
	}
	*count = n;
	return true;
}

static bool get_name(struct reader *r, struct name *out) {
	size_t len = bytes_get_u8(r);
	const uint8_t *text = bytes_get(r, len);
	// A configuration may make exceptions from name_check(), so shape is all
	// that is asked for here.
	if (text == NULL || len > NAME_DOMAIN_MAX || !name_is_host((const char *)text, len)) {
		return false;
	}
	memcpy(out->text, text, len);
	out->text[len] = '\0';
	out->len = (uint8_t)len;
	return true;
}

int task_decode(const void *buf, size_t len, struct task *t) {
	struct reader r = bytes_reader(buf, len);
	*t = (struct task){.id = bytes_get_be64(&r)};
	uint8_t kind = bytes_get_u8(&r);
	if (kind < TASK_TXT || kind > TASK_POLICY) {
		return ERR_SYNTAX;
	}
	t->kind = (enum task_kind)kind;
	bool good = get_name(&r, &t->domain)
		    && task_get_addresses(&r, t->addresses, &t->address_count);
	return good && r.ok && bytes_left(&r) == 0 ? 0 : ERR_SYNTAX;
}
