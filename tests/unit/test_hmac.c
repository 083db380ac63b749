// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// RFC 4231 4.2 to 4.5: keys of at most 64 octets.
static const struct {
	size_t secret_len;
	const char *secret;
	size_t len;
	const char *data;
	const char *code;
} VECTORS[] = {
	{20,
	 "\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v",
	 8,
	 "Hi There",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{4,
	 "Jefe",
	 28,
	 "what do ya want for nothing?",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{20,
	 "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa",
	 50,
	 "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
	 "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
	 "\xdd\xdd\xdd\xdd\xdd\xdd",
	 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{25,
	 "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31",
	 50,
	 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
	 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
	 "\xcd\xcd\xcd\xcd\xcd\xcd",
	 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
};

static void the_vectors_of_the_rfc(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
		struct hmac_key key;
		assert_true(hmac_key_init(
			&key, (const uint8_t *)VECTORS[i].secret, VECTORS[i].secret_len
		));
		// A key makes any number of codes, of data in any pieces.
		for (size_t cut = 0; cut <= VECTORS[i].len; cut++) {
			struct hmac h;
			uint8_t code[HMAC_BYTES];
			char text[2 * HMAC_BYTES + 1];
			hmac_start(&h, &key);
			hmac_add(&h, VECTORS[i].data, cut);
			hmac_add(&h, VECTORS[i].data + cut, VECTORS[i].len - cut);
			assert_true(hmac_end(&h, code));
			for (size_t j = 0; j < HMAC_BYTES; j++) {
				(void)snprintf(text + 2 * j, 3, "%02x", code[j]);
			}
			assert_string_equal(text, VECTORS[i].code);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_vectors_of_the_rfc)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
