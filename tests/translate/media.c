/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - base64 against a plain reader of it, at every length and with every byte. */
#include "../../src/translate/media.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LENGTHS 200

/* RFC 4648, both alphabets, a byte at a time; blanks count for nothing. */
static bool plain(struct dgm_str s, bool *ret_blanks)
{
    size_t letters = 0, padding = 0;
    *ret_blanks = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            *ret_blanks = true;
            continue;
        }
        if (c == '=') {
            padding++;
            continue;
        }
        if (padding != 0 || c == '\0' ||
            !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_", c))
            return false;
        letters++;
    }
    return letters != 0 && padding <= 2 && letters % 4 != 1 &&
           (padding == 0 || (letters + padding) % 4 == 0);
}

static void check(struct dgm_str s)
{
    bool blanks = false, plain_blanks = false;
    bool good = plain(s, &plain_blanks);
    assert_int_equal(media_is_base64(s, &blanks), good);
    if (good)
        assert_int_equal(blanks, plain_blanks);
}

static void every_length_and_byte(void **state)
{
    char text[LENGTHS];
    (void)state;
    for (size_t n = 0; n <= LENGTHS; n++) {
        memset(text, 'A', sizeof text);
        check((struct dgm_str){text, n});
        for (size_t padding = 1; padding <= 3 && padding <= n; padding++) {
            text[n - padding] = '=';
            check((struct dgm_str){text, n});
        }
    }
    for (size_t n = 60; n <= 132; n += 36)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                memset(text, 'z', sizeof text);
                text[at] = (char)c;
                check((struct dgm_str){text, n});
                check((struct dgm_str){text, n + 1});
            }
}

static void blanks_do_not_count(void **state)
{
    char text[] = "QUJD\r\nREVG R0g=\n=\n", long_text[78];
    (void)state;
    for (size_t n = 0; n < sizeof text; n++)
        check((struct dgm_str){text, n});
    memset(long_text, 'Q', sizeof long_text);
    long_text[76] = '\r'; /* as mail wraps it */
    long_text[77] = '\n';
    bool blanks = false;
    assert_true(media_is_base64((struct dgm_str){long_text, sizeof long_text}, &blanks));
    assert_true(blanks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_byte),
        cmocka_unit_test(blanks_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
