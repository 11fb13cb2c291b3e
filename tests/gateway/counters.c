/* SPDX-License-Identifier: Apache-2.0 */
/* counters.c - sheets: their sum over processes, and what is left of a worker that is gone. */
#include "gateway/counters.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1000000

static void test_what_two_workers_count(void **state)
{
    (void)state;
    struct gw_sheets *s = gw_sheets_new();
    struct gw_counters all;
    gw_sheets_open(s, 0);
    gw_sheets_open(s, 3);
    assert_null(gw_sheet(s, SIZE_MAX));
    pid_t pid = fork();
    if (pid == 0) {
        gw_sheet(s, 3)->requests_total = 5;
        gw_sheet(s, 3)->connections = 2;
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    gw_sheet(s, 0)->requests_total = 10;
    gw_sheet(s, 0)->connections = 1;
    assert_int_equal(gw_sheets_sum(s, NOW, &all), 2);
    assert_true(all.requests_total == 15 && all.connections == 3 && all.calls == 0);

    gw_sheets_close(s, 3); /* what was alive in it is gone, what it counted is not */
    assert_int_equal(gw_sheets_sum(s, NOW, &all), 1);
    assert_true(all.requests_total == 15 && all.connections == 1);
    gw_sheets_open(s, 3);
    assert_int_equal(gw_sheet(s, 3)->requests_total, 0);
    assert_int_equal(gw_sheets_sum(s, NOW, &all), 2);
    assert_true(all.requests_total == 15 && all.connections == 1);
    gw_sheets_free(s);
}

/* A worker without a request looks at nothing: what it had resting is over by the clock. */
static void test_what_rests_ends_by_the_clock(void **state)
{
    (void)state;
    struct gw_sheets *s = gw_sheets_new();
    struct gw_counters all;
    for (size_t i = 0; i < 2; i++) {
        gw_sheets_open(s, i);
        gw_sheet(s, i)->resting = 2;
        gw_sheet(s, i)->rests_until_ms = NOW + (int64_t)i;
    }
    (void)gw_sheets_sum(s, NOW - 1, &all);
    assert_int_equal(all.resting, 4);
    (void)gw_sheets_sum(s, NOW, &all);
    assert_int_equal(all.resting, 2);
    (void)gw_sheets_sum(s, NOW + 1, &all);
    assert_int_equal(all.resting, 0);
    gw_sheets_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_two_workers_count),
        cmocka_unit_test(test_what_rests_ends_by_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
