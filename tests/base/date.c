/* SPDX-License-Identifier: Apache-2.0 */
/* date.c - dates there and back, and texts that are none. */
#include "base/date.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_there_and_back(void **state)
{
    (void)state;
    for (int64_t s = 0; s <= DGM_DATE_MAX; s += 86400 * 29 + 12345) {
        char room[32];
        struct dgm_buf text = {.p = room, .cap = sizeof room, .max = sizeof room};
        int64_t back = -1;
        dgm_date_put(&text, s);
        assert_true(dgm_date_read(dgm_buf_str(&text), &back));
        assert_int_equal(back, s);
    }
}

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t s; /* -1: it is none */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T12:00:00Z", 951825600},
        {"2026-01-01T00:00:00.123Z", 1767225600},
        {"2026-01-01T01:00:00+01:00", 1767225600},
        {"2025-12-31T18:30:00-05:30", 1767225600},
        {"2026-01-01t00:00:00z", 1767225600},
        {"", -1},
        {"2026-01-01", -1},
        {"2026-02-30T00:00:00Z", -1},
        {"2024-02-30T00:00:00Z", -1},
        {"2026-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:00:00", -1},
        {"2026-01-01T00:00:00Zx", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"1970-01-01T00:00:00+01:00", -1},
        {"9999-12-31T23:59:59-01:00", -1},
        {"2026-01-01T00:00:00.Z", -1},
        {"2026-01-01T00:00:00+1:00", -1},
        {"2026-01-01 00:00:00Z", -1},
        {"2026", -1},
        {"2026-11-21", -1},
        {"2026-11-21T22:33", -1},
        {"2026-11-21T22:33:54", -1},
        {"2026-11-21 22:33:54Z", -1},
        {"2026-13-21T22:33:54Z", -1},
        {"2026-00-21T22:33:54Z", -1},
        {"2026-11-32T22:33:54Z", -1},
        {"2026-11-21T24:33:54Z", -1},
        {"2026-11-21T22:60:54Z", -1},
        {"2026-11-21T22:33:54X", -1},
        {"2026-11-21T22:33:54+2:00", -1},
        {"2026-11-21T22:33:54+24:00", -1},
        {"2026-11-21T22:33:54Zz", -1},
        {"+026-11-21T22:33:54Z", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t s = -1;
        assert_int_equal(dgm_date_read(dgm_str_c(cases[i].text), &s), cases[i].s >= 0);
        assert_int_equal(s, cases[i].s);
    }
}

static void test_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        const char *again; /* NULL: the same */
    } rows[] = {
        {"1970-01-01T00:00:00.000000Z", 0, NULL},
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z"},
        {"2000-02-29T23:59:59.999000Z", 951868799999, NULL},
        {"2026-11-21t22:33:54.1239z", 1795300434123, "2026-11-21T22:33:54.123000Z"},
        {"2026-11-21T22:33:54+02:30", 1795291434000, "2026-11-21T20:03:54.000000Z"},
        {"2026-11-21T22:33:54-00:01", 1795300494000, "2026-11-21T22:34:54.000000Z"},
        {"9999-12-31T23:59:59.999000Z", 253402300799999, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char room[64];
        struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
        int64_t ms = -1;
        assert_true(dgm_date_read_ms(dgm_str_c(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
        dgm_date_put_ms(&out, ms);
        assert_int_equal(out.rc, DGM_OK);
        const char *again = rows[i].again ? rows[i].again : rows[i].text;
        assert_int_equal(out.n, strlen(again));
        assert_memory_equal(out.p, again, out.n);
    }
}

/* What is out of reach is the nearest that is not. */
static void test_clamped(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{-1, "1970-01-01T00:00:00.000000Z"}, {INT64_MIN, "1970-01-01T00:00:00.000000Z"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char room[32];
        struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
        dgm_date_put_ms(&out, rows[i].ms);
        assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_c(rows[i].text)));
    }
}

static void test_basic(void **state)
{
    char room[32];
    struct dgm_buf text = {.p = room, .cap = sizeof room, .max = sizeof room};
    (void)state;
    dgm_date_put_basic(&text, 1440938160);
    assert_true(dgm_str_eq(dgm_buf_str(&text), DGM_STR("20150830T123600Z")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_milliseconds),   cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_basic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
