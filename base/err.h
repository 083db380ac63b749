// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

// The one space of error codes: negated errno, and our own from -1000 down.

enum err_code {
	ERR_CORRUPT = -1000,
	ERR_VERSION = -1001,
	ERR_SYNTAX = -1002,
	ERR_CONFIG = -1003,
	ERR_EAL = -1004,
	ERR_PORT = -1005,
	ERR_STORE = -1006,
	ERR_TLS = -1007,
};

// A short lower-case sentence for any code of this space; never NULL.
// Context: any thread; does not allocate.
const char *err_str(int code);
