/* SPDX-License-Identifier: Apache-2.0 */
/* str.c - tests of base/str. */
#include "base/str.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <ctype.h>
#include <string.h>

#include <cmocka.h>

static const struct dgm_str absent;

#define S(literal) DGM_STR(literal)

static void assert_str(struct dgm_str got, const char *expected)
{
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.n ? got.p : "", expected, got.n);
}

static void compares(void **state)
{
    (void)state;
    assert_true(dgm_str_eq(S("a\0b"), S("a\0b")));
    assert_false(dgm_str_eq(S("a\0b"), S("a\0c")));
    assert_false(dgm_str_eq(S("a"), S("ab")));
    assert_true(dgm_str_eq(absent, S("")));
    assert_null(dgm_str_c(NULL).p);
    assert_true(dgm_str_eq(dgm_str_c("abc"), S("abc")));

    assert_true(dgm_str_eq_nocase(S("Content-TYPE"), S("content-type")));
    assert_false(dgm_str_eq_nocase(S("a"), S("b")));
    assert_false(dgm_str_eq_nocase(S("a"), S("")));
    assert_false(dgm_str_eq_nocase(S("@"), S("`"))); /* next to the letters */
    assert_false(dgm_str_eq_nocase(S("["), S("{")));
    assert_false(dgm_str_eq_nocase(S("\xc3\x84"), S("\xc3\xa4"))); /* ASCII alone */
    for (size_t n = 1; n < 20; n++) { /* every pair of bytes, in the last place and in the first */
        char x[20], y[20];
        memset(x, 'A', n);
        memset(y, 'a', n);
        for (unsigned i = 0; i < 256 * 256; i += n < 8 ? 7 : 1) {
            unsigned char a = (unsigned char)(i / 256), b = (unsigned char)(i % 256);
            bool same = a == b || (a < 128 && b < 128 && isalpha(a) && (a | 0x20) == (b | 0x20));
            x[n - 1] = (char)a, y[n - 1] = (char)b;
            assert_true(dgm_str_eq_nocase((struct dgm_str){x, n}, (struct dgm_str){y, n}) == same);
            x[n - 1] = y[n - 1] = x[0];
            y[0] = (char)b, x[0] = (char)a;
            assert_true(dgm_str_eq_nocase((struct dgm_str){x, n}, (struct dgm_str){y, n}) == same);
            x[0] = 'A', y[0] = 'a';
        }
    }

    assert_true(dgm_str_starts(S("abc"), S("ab")));
    assert_true(dgm_str_starts(S("abc"), S("")));
    assert_true(dgm_str_starts(absent, S("")));
    assert_false(dgm_str_starts(S("ab"), S("abc")));
    assert_false(dgm_str_starts(S("abc"), S("b")));
    assert_true(dgm_str_ends(S("abc"), S("bc")));
    assert_true(dgm_str_ends(S("abc"), S("")));
    assert_false(dgm_str_ends(S("bc"), S("abc")));
    assert_false(dgm_str_ends(S("abc"), S("ab")));
}

static void compares_every_length(void **state)
{
    (void)state;
    const char whole[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t n = 0; n < sizeof whole; n++) {
        char other[sizeof whole];
        memcpy(other, whole, sizeof whole);
        assert_true(dgm_str_eq((struct dgm_str){whole, n}, (struct dgm_str){other, n}));
        for (size_t i = 0; i < n; i++) {
            other[i] ^= 0x40;
            assert_false(dgm_str_eq((struct dgm_str){whole, n}, (struct dgm_str){other, n}));
            other[i] ^= 0x40;
        }
    }
}

static void finds_either_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        char *text = malloc(n + 1);
        assert_non_null(text);
        memset(text, 'x', n);
        assert_int_equal(dgm_str_find_either((struct dgm_str){text, n}, '\n', '\xff'), n);
        for (size_t i = n; i-- > 0;) { /* what stands behind the first is not seen */
            text[i] = i % 2 ? '\n' : '\xff';
            assert_int_equal(dgm_str_find_either((struct dgm_str){text, n}, '\n', '\xff'), i);
        }
        free(text);
    }
    assert_int_equal(dgm_str_find_either(absent, 'a', 'b'), 0);
}

static void finds(void **state)
{
    (void)state;
    assert_int_equal(dgm_str_find(S("abcabd"), S("abd")), 3);
    assert_int_equal(dgm_str_find(S("aaab"), S("aab")), 1);
    assert_int_equal(dgm_str_find(S("abc"), S("")), 0);
    assert_int_equal(dgm_str_find(S("abc"), S("x")), 3);
    assert_int_equal(dgm_str_find(S("ab"), S("abc")), 2);
    assert_int_equal(dgm_str_find(S("xab"), S("abc")), 3); /* begins and is cut by the end */
    assert_int_equal(dgm_str_find(absent, S("a")), 0);
    assert_int_equal(dgm_str_find_char(S("a\nb"), '\n'), 1);
    assert_int_equal(dgm_str_find_char(S("ab"), '\n'), 2);
    assert_int_equal(dgm_str_find_char(absent, 'a'), 0);
}

static void takes_parts(void **state)
{
    (void)state;
    assert_str(dgm_str_skip(S("abc"), 1), "bc");
    assert_str(dgm_str_skip(S("abc"), 9), "");
    assert_null(dgm_str_skip(absent, 1).p);
    assert_str(dgm_str_head(S("abc"), 2), "ab");
    assert_str(dgm_str_head(S("abc"), 9), "abc");
    assert_str(dgm_str_trim(S(" \t a b\t ")), "a b");
    assert_str(dgm_str_trim(S(" \t ")), "");
    assert_str(dgm_str_trim(S("\na\n")), "\na\n");
    assert_str(dgm_str_trim(absent), "");
}

static void splits(void **state)
{
    (void)state;
    struct dgm_str rest = S("a,,b,"), part;
    const char *const expected[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_true(dgm_str_split(&rest, ',', &part));
        assert_non_null(part.p);
        assert_str(part, expected[i]);
    }
    assert_false(dgm_str_split(&rest, ',', &part));

    rest = S("");
    assert_true(dgm_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_false(dgm_str_split(&rest, ',', &part));
}

static void reads_u64(void **state)
{
    (void)state;
    uint64_t u = 7;
    assert_true(dgm_str_u64(S("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(dgm_str_u64(S("0"), &u) && u == 0);
    assert_true(dgm_str_u64(S("007"), &u) && u == 7);
    static const char *const not[] = {
        "",    "-1", "+1", " 1", "1 ", "1a", "18446744073709551616", "99999999999999999999",
        "0x1", "1.0"};
    for (size_t i = 0; i < sizeof not / sizeof *not; i++)
        assert_false(dgm_str_u64(dgm_str_c(not[i]), &u));
    assert_false(dgm_str_u64(absent, &u));
    assert_int_equal(u, 7);
}

static void reads_i64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"5.0", 5},
        {"1e3", 1000},
        {"-2.5e1", -25},
        {"9007199254740992.0", 9007199254740992},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t got = 99;
        assert_true(dgm_str_i64(dgm_str_c(good[i].text), &got));
        assert_true(got == good[i].value);
    }

    int64_t untouched = 99;
    static const char *const not[] = {"",
                                      "-",
                                      "5.5",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "1e19",
                                      "1e400",
                                      "+5",
                                      " 5",
                                      "--5",
                                      "1e-1",
                                      "nan",
                                      "0x10",
                                      "5.0.0"};
    for (size_t i = 0; i < sizeof not / sizeof *not; i++)
        assert_false(dgm_str_i64(dgm_str_c(not[i]), &untouched));
    assert_int_equal(untouched, 99);
}

static void reads_double(void **state)
{
    (void)state;
    double d = 99;
    assert_true(dgm_str_double(S("-0.25"), &d) && d == -0.25);
    assert_true(dgm_str_double(S("1E+2"), &d) && d == 100);
    assert_true(dgm_str_double(S("1e-400"), &d) && d == 0);
    assert_true(dgm_str_double(S("0"), &d) && d == 0);

    d = 99;
    static const char *const not[] = {"",      "-",   ".5",  "5.",    "+5",  "01",  "1e",
                                      "1e+",   "-.5", "--1", "1e5.0", "inf", "nan", "0x1",
                                      "1e400", " 1",  "1 ",  "1_0",   "-01"};
    for (size_t i = 0; i < sizeof not / sizeof *not; i++)
        assert_false(dgm_str_double(dgm_str_c(not[i]), &d));
    assert_false(dgm_str_double(S("1\0"), &d));
    assert_false(dgm_str_double(absent, &d));
    assert_true(d == 99);
}

/* The short way, and the border where it ends. */
static void rounds_as_strtod(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252;
    for (unsigned i = 0; i < 20000; i++) {
        char text[24];
        size_t n = 0, digits = 1 + random % 16, point = random / 16 % 17;
        if (random >> 32 & 1)
            text[n++] = '-';
        for (size_t k = 0; k < digits; k++) {
            if (k != 0 && k == point)
                text[n++] = '.';
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text[n++] = (char)((k == 0 && digits > 1 && point != 1 ? '1' : '0') + random % 9);
        }
        text[n] = '\0';
        double d;
        assert_true(dgm_str_double((struct dgm_str){text, n}, &d));
        double expected = strtod(text, NULL);
        assert_memory_equal(&d, &expected, sizeof d);
    }
}

static void test_like(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "aBC", true},
        {"a*c", "ac", true},
        {"a*c", "acd", false},
        {"*b*", "abc", true},
        {"a*b*c", "axbbyc", true},
        {"a*b*c", "axcyb", false},
        {"abc", "abcd", false},
        {"**a", "bba", true},
        {"*aab", "aaab", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (dgm_str_like(dgm_str_c(cases[i].pattern), dgm_str_c(cases[i].text), true) !=
            cases[i].fits)
            fail_msg("%s ~ %s", cases[i].pattern, cases[i].text);
    assert_true(dgm_str_like(DGM_STR("a*C"), DGM_STR("abC"), false));
    assert_false(dgm_str_like(DGM_STR("a*C"), DGM_STR("abc"), false));
}

static void test_order(void **state)
{
    (void)state;
    static const char *const ordered[] = {"", "A", "Aa", "B", "a", "ab", "b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++)
        for (size_t j = 0; j < sizeof ordered / sizeof *ordered; j++) {
            int order = dgm_str_compare(dgm_str_c(ordered[i]), dgm_str_c(ordered[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    assert_int_equal(dgm_str_compare((struct dgm_str){0}, DGM_STR("")), 0);
}

static void test_has_nocase(void **state)
{
    (void)state;
    assert_true(dgm_str_has_nocase(DGM_STR("Qwen/Qwen3-8B"), DGM_STR("qwen3")));
    assert_true(dgm_str_has_nocase(DGM_STR("xAb"), DGM_STR("aB")));
    assert_true(dgm_str_has_nocase(DGM_STR("x"), DGM_STR("")));
    assert_true(dgm_str_has_nocase((struct dgm_str){0}, DGM_STR("")));
    assert_false(dgm_str_has_nocase(DGM_STR("ab"), DGM_STR("abc")));
    assert_false(dgm_str_has_nocase(DGM_STR("axb"), DGM_STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_has_nocase),
        cmocka_unit_test(compares),
        cmocka_unit_test(finds),
        cmocka_unit_test(takes_parts),
        cmocka_unit_test(splits),
        cmocka_unit_test(reads_u64),
        cmocka_unit_test(reads_i64),
        cmocka_unit_test(reads_double),
        cmocka_unit_test(compares_every_length),
        cmocka_unit_test(finds_either_anywhere),
        cmocka_unit_test(rounds_as_strtod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
