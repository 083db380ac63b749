// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/policy.h"
#include "cache/record.h"
#include "fetch/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the network answered: values that cross from the children to sts:main.

// One list makes the enum, the name, the result type (RFC 8460 4.3) and the
// reason. ABSENT
// is no failure unless a policy is cached; LOCAL is our own fault.
// clang-format off
#define OUTCOME_LIST(X)                                                              \
	X(OK,               "ok",              "",                       "") \
	X(ABSENT,           "absent",          "sts-policy-fetch-error", "no-mta-sts-dns-txt-record") \
	X(TXT_MULTIPLE,     "txt-multiple",    "sts-policy-fetch-error", "multiple-mta-sts-records") \
	X(TXT_SYNTAX,       "txt-syntax",      "sts-policy-fetch-error", "record-syntax-error") \
	X(TXT_OVERSIZE,     "txt-oversize",    "sts-policy-fetch-error", "record-syntax-error+oversize") \
	X(DNS_FAILED,       "dns-failed",      "sts-policy-fetch-error", "dns-lookup") \
	X(NO_HOST,          "no-host",         "sts-policy-fetch-error", "no-policy-served+no-address") \
	X(BLOCKED_ADDRESS,  "blocked-address", "sts-policy-fetch-error", "cannot-fetch-policy+address-not-allowed") \
	X(HTTP_NOT_FOUND,   "http-not-found",  "sts-policy-fetch-error", "no-policy-served+404") \
	X(HTTP_STATUS,      "http-status",     "sts-policy-fetch-error", "cannot-fetch-policy+status") \
	X(HTTP_REDIRECT,    "http-redirect",   "sts-policy-fetch-error", "cannot-fetch-policy+redirect") \
	X(HTTP_SYNTAX,      "http-syntax",     "sts-policy-fetch-error", "cannot-fetch-policy+http-syntax") \
	X(HTTP_TRUNCATED,   "http-truncated",  "sts-policy-fetch-error", "cannot-fetch-policy+truncated") \
	X(HTTP_MEDIA_TYPE,  "http-media-type", "sts-policy-fetch-error", "cannot-fetch-policy+media-type") \
	X(HTTP_CODING,      "http-coding",     "sts-policy-fetch-error", "cannot-fetch-policy+content-coding") \
	X(CANNOT_CONNECT,   "cannot-connect",  "sts-policy-fetch-error", "cannot-fetch-policy+connect") \
	X(TLS,              "tls",             "sts-policy-fetch-error", "cannot-fetch-policy+tls") \
	X(TLS_VERSION,      "tls-version",     "sts-policy-fetch-error", "cannot-fetch-policy+tls-version") \
	X(CERT_EXPIRED,     "cert-expired",    "sts-webpki-invalid",     "certificate-expired") \
	X(CERT_NAME,        "cert-name",       "sts-webpki-invalid",     "certificate-host-mismatch") \
	X(CERT_UNTRUSTED,   "cert-untrusted",  "sts-webpki-invalid",     "certificate-not-trusted") \
	X(CERT_INVALID,     "cert-invalid",    "sts-webpki-invalid",     "validation-failure") \
	X(BAD_BODY,         "bad-body",        "sts-policy-invalid",     "policy-syntax-error") \
	X(TOO_LARGE,        "too-large",       "sts-policy-invalid",     "policy-syntax-error+too-large") \
	X(TIMED_OUT,        "timed-out",       "sts-policy-fetch-error", "cannot-fetch-policy+timed-out") \
	X(CHILD_KILLED,     "child-killed",    "sts-policy-fetch-error", "cannot-fetch-policy+worker-killed") \
	X(LOCAL,            "local",           "local",                  "temporary-fault")
// clang-format on

enum outcome_code {
#define OUTCOME_ENUM(code, name, type, reason) OUTCOME_##code,
	OUTCOME_LIST(OUTCOME_ENUM)
#undef OUTCOME_ENUM
		OUTCOME_COUNT
};

#define OUTCOME_DETAIL_MAX 64

// The answer to a task. Which fields count depends on the task's kind.
struct outcome {
	uint64_t task;
	enum outcome_code code;
	char detail[OUTCOME_DETAIL_MAX + 1]; // behind "+" in the reason; LDH; may be ""
	// TASK_TXT, OK: the id; TTL of the TXT RRset. ABSENT: negative TTL (RFC 2308).
	char id[POLICY_ID_MAX + 1];
	uint32_t ttl_s;
	// TASK_ADDRESS, OK.
	uint8_t address_count;
	struct address addresses[TASK_ADDRESS_MAX];
	// TASK_POLICY, OK: policy and text. BAD_BODY: text only. Borrowed until the
	// receiver returns.
	struct policy policy;
	bool media_type_odd; // not text/plain
	uint8_t mended;	     // POLPARSE_* flags
	const uint8_t *text;
	uint32_t text_len;
};

// The fixed name of a code, lower case, for logs and counters.
const char *outcome_str(enum outcome_code code);

// Writes "<result type>/<reason>[+detail]".
void outcome_why(const struct outcome *o, char why[RECORD_REASON_MAX + 1]);

// Octets for the SEQPACKET sockets.
// @return Octets written, or -ENOSPC.
[[nodiscard]] int outcome_encode(const struct outcome *o, void *buf, size_t cap);

// Decoding trusts nothing: a child may be in a stranger's hands. Ids are
// alphanumeric, patterns are host names, lengths add up exactly.
// @return 0 or ERR_SYNTAX.
[[nodiscard]] int outcome_decode(const void *buf, size_t len, struct outcome *o);

// Text and patterns of the largest policy, and the fixed fields.
#define OUTCOME_BYTES_MAX (100 * 1024)
