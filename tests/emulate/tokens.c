/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.c - tests of emulate/tokens: the count of a text is that of its tokens, one by one. */
#include "emulate/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define TEXT_BYTES 64

static uint64_t walked(struct dgm_str s)
{
    uint64_t n = 0;
    for (size_t at = 0; at < s.n; at = emu_tokens_end(s, at))
        n++;
    return n;
}

static void known_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t tokens;
    } rows[] = {{"", 0},
                {" ", 1},
                {"  ", 2},
                {"Hello", 1},
                {"Hello!", 2},
                {"a b", 2},
                {"a  b", 3},
                {"abcdef", 1},
                {"abcdefg", 2},
                {" abcdefg", 2},
                {"\xe2\x82\xac", 1},
                {" \xe2\x82\xac"
                 "a",
                 2},
                {"a\n b", 3},
                {"a ", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (emu_tokens_count(dgm_str_c(rows[i].text)) != rows[i].tokens)
            fail_msg("\"%s\": %llu", rows[i].text,
                     (unsigned long long)emu_tokens_count(dgm_str_c(rows[i].text)));
}

/* Texts of every mixture, from a seed: counted at once and one by one, and cut at each number of tokens. */
static void a_count_is_its_tokens(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a", "Z", "7", " ", " ", "-", "\n", "\xe2\x82\xac", "\xc3\xa4", "abcdefgh"};
    uint32_t seed = 1;
    for (unsigned k = 0; k < 20000; k++) {
        char text[TEXT_BYTES];
        size_t n = 0;
        do {
            seed = seed * 1664525u + 1013904223u;
            const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)];
            if (n + strlen(piece) > sizeof text)
                break;
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        } while (seed >> 28 != 0);
        struct dgm_str s = {text, n};
        uint64_t count = emu_tokens_count(s);
        assert_int_equal(count, walked(s));
        for (uint64_t i = 0; i <= count; i++)
            assert_int_equal(walked(emu_tokens_head(s, i)), i);
        assert_int_equal(emu_tokens_head(s, count).n, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),
        cmocka_unit_test(a_count_is_its_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
