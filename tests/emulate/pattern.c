/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c - tests of emulate/pattern, each text judged by the C library's own regular expressions; and of number. */
#include "emulate/pattern.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/number.h"

static struct dgm_str make(char room[PATTERN_MAX_BYTES], const char *pattern, size_t min)
{
    return emu_pattern_make(room, dgm_str_c(pattern), min);
}

/* Patterns that POSIX and ECMAScript read alike. */
static void texts_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t min;
    } cases[] = {
        {"^abc$", 0},
        {"^[A-Z]{2}-[0-9]{4}$", 0},
        {"^(a|b)+c?$", 6},
        {"^[^a-z]+$", 3},
        {"^#[0-9a-fA-F]{6}$", 0},
        {"^[a-z0-9_-]{3,16}$", 10},
        {"x", 8},
        {"^(([0-9]{2}:){2}[0-9]{2})$", 0},
        {"^[]a]$", 0},
        {"^a{3,}$", 7},
        {"^.{5}$", 0},
        {"^\\.[.]$", 0},
        {"^([a-z]+\\.)*[a-z]+$", 9},
        {"^[-+]?[1-9]$", 0},
        {"^(\xc3\xa4)+$", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[PATTERN_MAX_BYTES], text[PATTERN_MAX_BYTES + 1];
        struct dgm_str made = make(room, cases[i].pattern, cases[i].min);
        regex_t posix;
        if (strcmp(cases[i].pattern, "^[]a]$") == 0) { /* to ECMAScript an empty set: no text */
            assert_null(made.p);
            continue;
        }
        if (!made.p && strcmp(cases[i].pattern, "x") == 0)
            continue; /* nothing in it can be longer */
        if (!made.p)
            fail_msg("no text for %s", cases[i].pattern);
        memcpy(text, made.p, made.n);
        text[made.n] = '\0';
        assert_int_equal(regcomp(&posix, cases[i].pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&posix, text, 0, NULL, 0) != 0)
            fail_msg("%s: %s", cases[i].pattern, text);
        regfree(&posix);
        assert_true(dgm_utf8_count(made) >= cases[i].min);
    }
}

static void texts_are_short(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *wanted;
        size_t min;
    } cases[] = {
        {"^\\d{3}-\\d{4}$", "111-1111", 0},
        {"\\w+", "a", 0},
        {"(?:ab){2}", "abab", 0},
        {"(?<year>\\d+)", "1", 0},
        {"^$", "", 0},
        {"a*", "aaaa", 4},
        {"\xc3\xa4{2}", "\xc3\xa4\xc3\xa4", 0},
        {"[^\\w\\s]", "-", 0},
        {"\\bfoo\\b", "foo", 0},
        {"a+?b", "ab", 0},
        {"[\\d.]{2}", "11", 0},
        {"\\S\\D\\W", "aa ", 0},
        {"|b", "", 0},
        {"\\t", "\t", 0},
        {"[b-]", "-", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[PATTERN_MAX_BYTES];
        struct dgm_str made = make(room, cases[i].pattern, cases[i].min);
        if (!made.p || !dgm_str_eq(made, dgm_str_c(cases[i].wanted)))
            fail_msg("%s: \"%.*s\"", cases[i].pattern, (int)made.n, made.p ? made.p : "");
    }
}

static void what_is_not_known_gives_nothing(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(?=a)b",
        "(?!a)b",
        "(?<=a)b",
        "(a)\\1",
        "\\p{L}",
        "\\u0041",
        "(",
        ")",
        "[",
        "[a",
        "a{",
        "a{2",
        "a{3,2}",
        "*a",
        "a**",
        "\\",
        "[\\",
        "a{999}",
        "(((((((((((((a)))))))))))))",
        "((((((((((a{250}){250}){250}){250}){250}))))))",
        "[^\\d\\D]",
        "a{600}",
        "(?",
        "(?<",
        "(?:",
        "[a-\\u0041]",
        "a{1,2",
        "\\x41",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char room[PATTERN_MAX_BYTES];
        if (make(room, patterns[i], 0).p)
            fail_msg("%s", patterns[i]);
    }
}

/* Any bytes: it ends, and within the room. */
static void any_pattern_ends(void **state)
{
    (void)state;
    static const char letters[] = "ab(){}[]|*+?\\d.^$,09-:<>=!\xc3\xa4";
    unsigned seed = 7;
    for (size_t i = 0; i < 20000; i++) {
        char pattern[24], room[PATTERN_MAX_BYTES];
        size_t n = i % sizeof pattern;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 1103515245u + 12345u;
            pattern[k] = letters[(seed >> 16) % (sizeof letters - 1)];
        }
        struct dgm_str made = emu_pattern_make(room, (struct dgm_str){pattern, n}, i % 7);
        assert_true(!made.p || (made.n <= sizeof room && dgm_utf8_count(made) >= i % 7));
    }
}

#define OPEN {.min = -NUMBER_MAX, .max = NUMBER_MAX}

static void numbers_lie_within_limits(void **state)
{
    (void)state;
    static const struct {
        struct number n;
        size_t index;
        const char *wanted;
    } cases[] = {
        {OPEN, 0, "1"},
        {OPEN, 3, "4"},
        {{.min = 5.5, .max = NUMBER_MAX}, 0, "6"},
        {{.min = 6, .max = NUMBER_MAX, .above_min = true}, 0, "7"},
        {{.min = -NUMBER_MAX, .max = -3}, 0, "-3"},
        {{.min = -NUMBER_MAX, .max = -3, .below_max = true}, 0, "-4"},
        {{.min = -10, .max = -3}, 0, "-10"},
        {{.min = 0, .max = 1, .above_min = true, .below_max = true}, 0, "0.5"},
        {{.min = -0.3, .max = -0.2}, 0, "-0.25"},
        {{.min = 3.333, .max = NUMBER_MAX, .step = {"0.01", 4}}, 0, "3.34"},
        {{.min = 7, .max = NUMBER_MAX, .above_min = true, .step = {"5", 1}}, 0, "10"},
        {{.min = -NUMBER_MAX, .max = -1, .step = {"3", 1}}, 0, "-3"},
        {{.min = 0.6, .max = 1, .step = {"0.25", 4}}, 0, "0.75"},
        {{.min = 2, .max = 3}, 1, "3"},
        {{.min = 2, .max = 3}, 2, "2"}, /* no room to differ */
        {{.min = 4, .max = NUMBER_MAX, .step = {"2.0", 3}}, 0, "4"},
        {{.min = 1, .max = 9, .step = {"1e-3", 4}}, 0, "1"},
        {{.min = 1e300, .max = NUMBER_MAX}, 0, "9000000000"}, /* no such number */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[NUMBER_MAX_BYTES];
        struct dgm_str made = emu_number_make(room, &cases[i].n, cases[i].index);
        if (!dgm_str_eq(made, dgm_str_c(cases[i].wanted)))
            fail_msg("case %zu: %.*s, not %s", i, (int)made.n, made.p, cases[i].wanted);
    }
}

static void numbers_of_others_are_judged(void **state)
{
    (void)state;
    const struct number n = {.min = 2, .max = 5, .above_min = true};
    const struct number whole = {.min = 2, .max = 5, .integer = true, .below_max = true};
    assert_false(emu_number_fits(&n, DGM_STR("2")));
    assert_true(emu_number_fits(&n, DGM_STR("2.5")));
    assert_true(emu_number_fits(&n, DGM_STR("5")));
    assert_false(emu_number_fits(&n, DGM_STR("x")));
    assert_true(emu_number_fits(&whole, DGM_STR("2")));
    assert_false(emu_number_fits(&whole, DGM_STR("2.5")));
    assert_false(emu_number_fits(&whole, DGM_STR("5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_match),
        cmocka_unit_test(texts_are_short),
        cmocka_unit_test(what_is_not_known_gives_nothing),
        cmocka_unit_test(any_pattern_ends),
        cmocka_unit_test(numbers_lie_within_limits),
        cmocka_unit_test(numbers_of_others_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
