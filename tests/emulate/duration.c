/* SPDX-License-Identifier: Apache-2.0 */
/* duration.c - lengths of time as texts. */
#include "emulate/duration.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

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
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
