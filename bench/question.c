// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/question.h"

#include "base/bytes.h"
#include "bench/dice.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define TYPE_TXT 16
#define TYPE_OPT 41
#define CLASS_IN 1
#define OPT_BYTES 11
#define WIRE_NAME_MAX 255

// Labels of a dotted name, without the root.
static void put_labels(struct writer *w, const char *name, size_t len) {
	while (len && w->ok) {
		const char *dot = memchr(name, '.', len);
		size_t label = dot ? (size_t)(dot - name) : len;
		if (!label || label > 63) {
			w->ok = false;
			return;
		}
		bytes_put_u8(w, (uint8_t)label);
		bytes_put(w, name, label);
		size_t step = dot ? label + 1 : label;
		name += step;
		len -= step;
	}
}

// DNS names compare without case, answers must give the question back with the
// case it came in: so a random one shows whether they do.
static void toss_case(uint8_t *wire, size_t len, uint64_t coins) {
	struct dice d = {coins};
	size_t label_end = 0;
	for (size_t i = 0; i < len; i++) {
		if (i == label_end)
			label_end = i + 1 + wire[i];
		else if (dice_next(&d) >> 63)
			wire[i] &= wire[i] >= 'a' && wire[i] <= 'z' ? 0xdf : 0xff;
	}
}

size_t question_write(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	uint8_t out[QUESTION_BYTES_MAX]
) {
	struct writer w = bytes_writer(out, WIRE_NAME_MAX);
	if (len && name[len - 1] == '.')
		len--;
	put_labels(&w, name, len);
	put_labels(&w, form->zone, strlen(form->zone));
	if (form->case_seed && w.ok)
		toss_case(out, bytes_written(&w), dice_hash(form->case_seed, index));
	bytes_put_u8(&w, 0);
	w.end = out + QUESTION_BYTES_MAX;
	bytes_put_be16(&w, TYPE_TXT);
	bytes_put_be16(&w, CLASS_IN);
	if (form->edns_bytes) {
		bytes_put_u8(&w, 0);
		bytes_put_be16(&w, TYPE_OPT);
		bytes_put_be16(&w, form->edns_bytes);
		bytes_put_be32(&w, 0);
		bytes_put_be16(&w, 0);
	}
	return w.ok ? bytes_written(&w) : 0;
}

bool question_batch_begin(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	struct question_batch *q
) {
	uint8_t single[QUESTION_BYTES_MAX];
	size_t n = question_write(form, name, len, index, single);
	if (!n)
		return false;
	struct writer w = bytes_writer(q->octets, sizeof(q->octets));
	bytes_put(&w, single, n - 2); // all but RDLENGTH
	bytes_put_be16(&w, 4);
	bytes_put_be16(&w, QUESTION_BATCH_OPTION);
	bytes_put_be16(&w, 0);
	q->question_len = n - OPT_BYTES;
	q->names_at = q->len = bytes_written(&w);
	return w.ok;
}

bool question_batch_add(
	const struct question_form *form,
	const char *name,
	size_t len,
	uint32_t index,
	struct question_batch *q
) {
	const struct question_form below = {.zone = "", .case_seed = form->case_seed};
	uint8_t single[QUESTION_BYTES_MAX];
	size_t n = question_write(&below, name, len, index, single);
	struct writer w = bytes_writer(q->octets, sizeof(q->octets));
	w.at += q->len;
	if (!n)
		return false;
	bytes_put(&w, single, n - 4); // without type and class
	if (!w.ok)
		return false;
	q->len = bytes_written(&w);
	size_t data = q->len - q->names_at;
	w.at = w.start + q->names_at - 6;
	bytes_put_be16(&w, (uint16_t)(data + 4));
	bytes_put_be16(&w, QUESTION_BATCH_OPTION);
	bytes_put_be16(&w, (uint16_t)data);
	return true;
}

uint32_t question_sum(const uint8_t *bytes, size_t len) {
	uint32_t sum = 0;
	for (; len > 1; len -= 2, bytes += 2) {
		uint16_t word;
		memcpy(&word, bytes, 2);
		sum += word;
	}
	if (len) {
		uint16_t word = 0;
		memcpy(&word, bytes, 1);
		sum += word;
	}
	return sum;
}

int question_arena_init(struct question_arena *a, size_t blocks) {
	*a = (struct question_arena){.room = blocks};
	a->blocks = mmap(
		NULL,
		blocks * QUESTION_BLOCK,
		PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1,
		0
	);
	if (a->blocks == MAP_FAILED)
		return -ENOMEM;
	// Only speed depends on it.
	(void)madvise(a->blocks, blocks * QUESTION_BLOCK, MADV_HUGEPAGE);
	return 0;
}

void question_arena_fini(struct question_arena *a) {
	munmap(a->blocks, a->room * QUESTION_BLOCK);
}

int64_t
question_arena_add(struct question_arena *a, uint32_t index, const uint8_t *bytes, size_t len) {
	size_t need = question_blocks(len);
	if (a->room - a->used < need)
		return -ENOSPC;
	uint8_t *at = a->blocks + a->used * QUESTION_BLOCK;
	struct question head = {
		.sum = question_sum(bytes, len),
		.index = index,
		.len = (uint16_t)len,
	};
	memcpy(at, &head, sizeof(head));
	memcpy(at + offsetof(struct question, bytes), bytes, len);
	int64_t block = (int64_t)a->used;
	a->used += need;
	return block;
}
