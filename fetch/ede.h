// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/outcome.h"

#include <stdint.h>

// Extended DNS errors (RFC 8914): why a server could not answer.

// Writes "dns-extended-error-9-dnskey-missing"; a code without a name stands alone.
void ede_detail(uint16_t code, char detail[OUTCOME_DETAIL_MAX + 1]);
