// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/store_inner.h"

// The body of `sts:store`: commits groups, answers look-ups, streams, and
// revives the engine. Ends when s->stop is set and nothing is queued.

// @return 0 or -ENOMEM.
[[nodiscard]] int store_loop_init(struct store *s);
void store_loop_fini(struct store *s);

// From now on no commits until the engine is revived.
void store_loop_go_down(struct store *s, int cause);

// @param store  A struct store. @return NULL.
void *store_loop_run(void *store);
