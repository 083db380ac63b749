// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libstsq asks an stsd appliance for the MTA-STS verdicts (RFC 8461) of any number
// of recipient domains: many in one datagram where the server takes batches, one
// by one where it does not.
//
//   struct stsq *s;
//   struct stsq_config config = {.address = "192.0.2.53"};
//   if (stsq_open(&config, &s) < 0) ...
//   for each domain: stsq_ask(s, domain, tag);
//   struct stsq_answer a;
//   while (stsq_next(s, -1, &a) > 0) ... a.domain, a.verdict, a.mode, a.mx ...
//   stsq_close(s);
//
// What is lost is asked again, and so is a domain that is still being discovered,
// until its deadline. Every domain asked is given back exactly once, in the order
// in which answers come.
//
// A client belongs to one thread at a time; different clients are independent. The
// library starts no thread, catches no signal and prints nothing. Functions that
// return int give 0 or more, or a negated errno.

#ifdef __cplusplus
extern "C" {
#endif

// What the shared library shows.
#define STSQ_API __attribute__((visibility("default")))

struct stsq;

struct stsq_config {
	const char *address; // IPv4 or IPv6, of the appliance
	uint16_t port;	     // 0: 5300
	const char *zone;    // NULL: "sts"
	// After which a question without an answer is asked again; doubled with each
	// try, to eight times as much. 0: 500. An answer may be held for 200 ms.
	unsigned timeout_ms;
	// For each domain from the moment it is asked first: then it is given back
	// with what is known. 0: 10000.
	unsigned deadline_ms;
	unsigned window; // requests on their way at once, at most 256; 0: 16
	unsigned batch;	 // domains in a request, at most 64; 1: one by one; 0: 32
};

enum stsq_verdict {
	STSQ_SILENT,  // no verdict by the deadline: wait, and never read it as "none"
	STSQ_POLICY,  // a policy is in force: apply `mode` and `mx`
	STSQ_NONE,    // the domain has no MTA-STS
	STSQ_FAILED,  // it announces a policy, none can be had: deliver as without one
	STSQ_UNKNOWN, // nobody can say now: the sender's own choice
	STSQ_PENDING, // still being discovered at the deadline
};

enum stsq_mode {
	STSQ_MODE_NONE = 1,
	STSQ_MODE_TESTING,
	STSQ_MODE_ENFORCE,
};

// "silent", "policy", "none", "failed", "unknown", "pending".
STSQ_API const char *stsq_verdict_str(enum stsq_verdict v);
// "none", "testing", "enforce"; "" for 0.
STSQ_API const char *stsq_mode_str(enum stsq_mode m);

#define STSQ_MX_MAX 128

// What a TXT answer says. Texts end with NUL; those not told are "".
struct stsq_text {
	enum stsq_verdict verdict;
	enum stsq_mode mode; // of a policy; else 0
	const char *id;	     // of the policy's TXT record
	uint64_t exp;	     // end of the policy, seconds since 1970; else 0
	bool fresh;	     // confirmed within the check interval
	bool override;	     // the operator of the appliance has decided
	bool more;	     // mx is not the whole list
	unsigned n;	     // mx patterns of the policy
	const char *why;     // "<RFC 8460 result type>/<reason>" or "name/<reason>"
	uint32_t retry_s;    // until the next attempt; 0: not told
	unsigned mx_count;
	const char *mx[STSQ_MX_MAX]; // patterns in policy order, "*." for the wildcard
};

struct stsq_answer {
	const char *domain; // as it was asked
	void *tag;
	uint32_t ttl_s;
	// Of STSQ_SILENT: the DNS RCODE the server gave last, or -1 where nothing came.
	int rcode;
	struct stsq_text text;
};

// @param out  Takes the client; for stsq_close().
// @return 0, -EINVAL (a setting is out of range, the address or zone is none),
//         -ENOMEM, or what the socket failed with.
STSQ_API int stsq_open(const struct stsq_config *config, struct stsq **out);

// Asks for a domain: a mail domain in A-labels, a trailing dot is dropped, case does
// not count. `_recheck.` in front has its TXT id read now (RFC 8461 5.1). The
// question leaves in one of the next calls of stsq_next(). Domains may be asked
// again before they are answered, and while others are.
// @param domain  Copied. @param tag  Given back with the answer.
// @return 0; -EINVAL: it cannot be a question (an empty label, one over 63 octets,
//         too long with the zone, or `_policy.` in front); -ENOMEM.
STSQ_API int stsq_ask(struct stsq *s, const char *domain, void *tag);

// Sends, receives, and gives the next answer.
// @param wait_ms  At most so long; -1: until there is one (deadlines see to that).
// @param out  Borrowed until the next call with this client.
// @return 1: *out is an answer. 0: nothing is asked that was not given back.
//         -EAGAIN: wait_ms are over. Another: the socket failed; all that was
//         asked is still there, and the call may be repeated.
STSQ_API int stsq_next(struct stsq *s, int wait_ms, struct stsq_answer *out);

// Domains asked and not given back.
STSQ_API size_t stsq_left(const struct stsq *s);

// The socket, to be polled for reading between calls with wait_ms of 0. Time moves
// things too: call at least every timeout_ms while something is left.
STSQ_API int stsq_fd(const struct stsq *s);

// What happened so far.
struct stsq_stats {
	uint64_t requests;  // datagrams sent
	uint64_t datagrams; // taken
	uint64_t answers;   // records in them
	uint64_t timeouts;  // requests of which not everything came in time
	uint64_t strangers; // datagrams that were no answer to a request on its way
	bool batches;	    // false: the server does not take them
};
STSQ_API void stsq_stats(const struct stsq *s, struct stsq_stats *out);

// Drops what is left. s may be NULL.
STSQ_API void stsq_close(struct stsq *s);

// Reads the joined strings of a TXT answer, however they were had.
// @param text  Changed: the texts of *out lie in it. @param len  Without NUL; there
//              is room for one.
// @return 0 or -EINVAL: not of the form `v=STSQ1; r=...`; tags nobody knows are
//         passed over.
STSQ_API int stsq_parse(char *text, size_t len, struct stsq_text *out);

#ifdef __cplusplus
}
#endif
