/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.c - tests of translate/offsets: bytes to characters, whatever the pieces. */
#include "translate/offsets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"

/* The count by the definition: characters that begin before `at`. */
static size_t by_hand(struct dgm_str text, size_t at)
{
    size_t chars = 0;
    for (size_t i = 0; i < at && i < text.n; i++)
        chars += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return chars;
}

static void test_all_positions_all_pieces(void **state)
{
    struct dgm_str text = DGM_STR(
        "plain ASCII first, then \xc3\xa4\xc3\xb6\xc3\xbc \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e "
        "\xf0\x9f\x98\x80 and plain again to the end \xc3\x9f");
    (void)state;
    for (size_t piece = 1; piece <= text.n; piece++) {
        struct offsets o;
        struct dgm_str rest = text;
        offsets_init(&o, &dgm_alloc_libc, 4096);
        while (rest.n) {
            struct dgm_str head = dgm_utf8_head(rest, piece);
            if (head.n == 0)
                head = dgm_utf8_head(rest, piece + 3);
            offsets_add(&o, head);
            rest = dgm_str_skip(rest, head.n);
        }
        for (size_t at = 0; at < text.n; at++)
            assert_int_equal(offsets_chars(&o, at), by_hand(text, at));
        assert_int_equal(offsets_chars(&o, text.n), dgm_utf8_count(text));
        assert_int_equal(offsets_chars(&o, SIZE_MAX), dgm_utf8_count(text));
        dgm_buf_dispose(&o.bits);
    }
}

static void test_ascii_costs_nothing(void **state)
{
    struct offsets o;
    (void)state;
    offsets_init(&o, &dgm_alloc_libc, 16);
    for (int i = 0; i < 1000; i++)
        offsets_add(&o, DGM_STR("0123456789"));
    assert_true(o.bits.cap == 0 && offsets_chars(&o, 5000) == 5000);
    assert_int_equal(offsets_chars(&o, SIZE_MAX), 10000);
    offsets_add(&o, DGM_STR("\xc3\xa4x")); /* over the ceiling: told in bytes, nothing worse */
    assert_int_equal(offsets_chars(&o, 10001), 10001);
    dgm_buf_dispose(&o.bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_positions_all_pieces),
        cmocka_unit_test(test_ascii_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
