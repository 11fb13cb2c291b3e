/* SPDX-License-Identifier: Apache-2.0 */
/* time.c - times and lengths of time as texts, and back. */
#include "emulate/time.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_times(void **state)
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
        assert_true(emu_time_read(dgm_str_c(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
        emu_time_put(ms, &out);
        assert_int_equal(out.rc, DGM_OK);
        const char *again = rows[i].again ? rows[i].again : rows[i].text;
        assert_int_equal(out.n, strlen(again));
        assert_memory_equal(out.p, again, out.n);
    }
}

static void test_what_is_no_time(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T22:33",
        "2026-11-21T22:33:54",
        "2026-11-21 22:33:54Z",
        "2026-13-21T22:33:54Z",
        "2026-00-21T22:33:54Z",
        "2026-11-32T22:33:54Z",
        "2026-11-21T24:33:54Z",
        "2026-11-21T22:60:54Z",
        "2026-11-21T22:33:54X",
        "2026-11-21T22:33:54+2:00",
        "2026-11-21T22:33:54+24:00",
        "2026-11-21T22:33:54Zz",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "+026-11-21T22:33:54Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ms;
        assert_false(emu_time_read(dgm_str_c(texts[i]), &ms));
    }
    char room[64];
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    emu_time_put(-1, &out); /* what is out of reach is 1970 */
    assert_memory_equal(out.p, "1970-01-01", 10);
}

static void test_lengths(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(emu_duration_read(DGM_STR("300s"), &ms));
    assert_int_equal(ms, 300000);
    assert_true(emu_duration_read(DGM_STR("1.5s"), &ms));
    assert_int_equal(ms, 1500);
    assert_true(emu_duration_read(DGM_STR("-2s"), &ms));
    assert_int_equal(ms, -2000);
    static const char *const texts[] = {"", "s", "300", "3m", "1e99s", "x1s"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(emu_duration_read(dgm_str_c(texts[i]), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_what_is_no_time),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
