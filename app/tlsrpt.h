// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/record.h"

#include <jansson.h>

// What a sender's TLS report has to say of a domain's policy (RFC 8460 4.4): a
// member of `policies[]`. The session counts are 0: the sender adds its own.
//
//   kept                        policy-type       strings, hosts  failure-details
//   policy, enforce or testing  sts               the policy's    of the last failure,
//                                                 "+fallback-to-cached-policy" added
//   policy, mode none           no-policy-found   none            none (RFC 8461 6)
//   none, or nothing in force   no-policy-found   none            none
//   failed                      sts               of the body that failed; no hosts
//                                                                 the failure
//   unknown: DNS                sts               none            the failure
//   unknown: our own fault      no-policy-found   none            none
//
// An override is not looked at: the report is the domain's, of what it publishes.
// Pure. @return A new reference, or NULL when memory is short.
json_t *tlsrpt_policy(const struct record *rec, boot_s_t now);
