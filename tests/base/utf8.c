/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - tests of base/utf8. */
#include "base/utf8.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

/* The character as UTF-8 and nothing else; 0 for what has none. */
static size_t encode(uint32_t c, char ret[4])
{
    if (c >= 0x110000 || (c >= 0xd800 && c < 0xe000))
        return 0;
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        ret[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    ret[0] = (char)(lead[n] | c);
    return n;
}

static void takes_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[4];
        size_t n = encode(c, text);
        if (n == 0)
            continue;
        if (dgm_utf8_bad((struct dgm_str){text, n}) != n)
            fail_msg("U+%04X is refused", (unsigned)c);
        for (size_t cut = 1; cut < n; cut++) /* and none of it without its end */
            if (dgm_utf8_bad((struct dgm_str){text, cut}) != 0)
                fail_msg("%zu bytes of U+%04X are taken", cut, (unsigned)c);
        if (dgm_utf8_count((struct dgm_str){text, n}) != 1)
            fail_msg("U+%04X is not one character", (unsigned)c);
    }
}

/* Whether one, two or three bytes are one character or more, by trying all characters there are: slow and sure. */
static void refuses_everything_else(void **state)
{
    (void)state;
    static unsigned char sound[1 << 24]; /* by three bytes: they are one character of three bytes */
    for (uint32_t c = 0x800; c < 0x10000; c++) {
        char text[4];
        if (encode(c, text) != 3)
            continue;
        const unsigned char *p = (const unsigned char *)text;
        sound[(size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]] = 1;
    }
    for (size_t i = 0xe0u << 16; i < 0xf0u << 16; i++) {
        const char text[3] = {(char)(i >> 16), (char)(i >> 8), (char)i};
        if ((dgm_utf8_bad((struct dgm_str){text, 3}) == 3) != sound[i])
            fail_msg("%06zx is judged wrongly", i);
    }
    for (unsigned a = 0x80; a < 0x100; a++)
        for (unsigned b = 0; b < 0x100; b++) {
            const char text[2] = {(char)a, (char)b};
            bool is_one = a >= 0xc2 && a < 0xe0 && b >= 0x80 && b < 0xc0;
            assert_int_equal(dgm_utf8_bad((struct dgm_str){text, 2}) == 2, is_one);
        }
    assert_int_equal(dgm_utf8_bad(DGM_STR("\xf0\x8f\xbf\xbf")), 0); /* overlong */
    assert_int_equal(dgm_utf8_bad(DGM_STR("\xf4\x90\x80\x80")), 0); /* past U+10FFFF */
    assert_int_equal(dgm_utf8_bad(DGM_STR("\xf5\x80\x80\x80")), 0);
    assert_int_equal(dgm_utf8_bad(DGM_STR("\xf8\x88\x80\x80\x80")), 0);
}

/* At every place around the width that is looked at as one. */
static void tells_the_place(void **state)
{
    (void)state;
    char text[40];
    for (size_t n = 1; n <= sizeof text; n++)
        for (size_t at = 0; at < n; at++) {
            memset(text, 'a', n);
            text[at] = (char)0xff;
            assert_int_equal(dgm_utf8_bad((struct dgm_str){text, n}), at);
        }
    assert_int_equal(dgm_utf8_bad((struct dgm_str){0}), 0);
    assert_int_equal(dgm_utf8_bad(DGM_STR("abcdefg\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 16);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    const struct dgm_str text = DGM_STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        struct dgm_str head = dgm_utf8_head(text, n);
        assert_int_equal(head.n, expected[n]);
        assert_ptr_equal(head.p, text.p);
        assert_int_equal(dgm_utf8_bad(head), head.n);
    }
    assert_int_equal(dgm_utf8_count(text), 5);
    assert_int_equal(dgm_utf8_count((struct dgm_str){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_character),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(tells_the_place),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
