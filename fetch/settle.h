// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/job.h"
#include "fetch/sched.h"

// What a finished job does to what is kept, and says to those who wait. A failure
// never replaces an unexpired policy: that is decided here, against what is kept
// at this moment, and what comes out is applied in the same step.
//
// @param out  Filled but for the waiters; borrows from v->current and j->result.
void settle_job(const struct job *j, const struct job_view *v, struct sched_settlement *out);
