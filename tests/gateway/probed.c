/* SPDX-License-Identifier: Apache-2.0 */
/* probed.c - a request's digest is claimed once a minute, by one of many processes. */
#include "gateway/probed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1750000000
#define PROCESSES 8
#define DIGESTS 64

static uint64_t digest(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void test_once_a_minute(void **state)
{
    struct gw_probed *p = gw_probed_new();
    (void)state;
    assert_non_null(p);
    assert_true(gw_probed_claim(p, digest(1), NOW));
    assert_false(gw_probed_claim(p, digest(1), NOW));
    assert_true(gw_probed_claim(p, digest(2), NOW));
    assert_false(gw_probed_claim(p, digest(1), NOW + GW_PROBED_S - 1));
    assert_true(gw_probed_claim(p, digest(1), NOW + GW_PROBED_S));
    assert_false(gw_probed_claim(p, digest(1), NOW + GW_PROBED_S + 1));
    assert_false(gw_probed_claim(NULL, digest(1), NOW));
    gw_probed_free(p);
    gw_probed_free(NULL);
}

/* Never twice goes before once: where there is no room nothing is claimed, until what is there is old. */
static void test_full(void **state)
{
    struct gw_probed *p = gw_probed_new();
    size_t claimed = 0, later = 0;
    (void)state;
    for (uint64_t i = 0; i < 4 * GW_PROBED_MAX; i++)
        claimed += gw_probed_claim(p, digest(i), NOW);
    assert_in_range(claimed, GW_PROBED_MAX * 9 / 10, GW_PROBED_MAX);
    for (uint64_t i = 0; i < 4 * GW_PROBED_MAX; i++)
        assert_false(gw_probed_claim(p, digest(i), NOW + 1) && i < GW_PROBED_MAX / 2);
    for (uint64_t i = 0; i < GW_PROBED_MAX / 2; i++)
        later += gw_probed_claim(p, digest(i), NOW + 2 * GW_PROBED_S);
    assert_int_equal(later, GW_PROBED_MAX / 2);
    gw_probed_free(p);
}

/* Each digest is one process's, whoever comes at the same time. */
static void test_processes(void **state)
{
    struct gw_probed *p = gw_probed_new();
    int claimed = 0;
    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            int mine = 0;
            for (uint64_t k = 0; k < DIGESTS; k++)
                mine += gw_probed_claim(p, digest(k), NOW);
            _exit(mine);
        }
        assert_true(pid > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0 && WIFEXITED(status));
        claimed += WEXITSTATUS(status);
    }
    assert_int_equal(claimed, DIGESTS);
    gw_probed_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_a_minute),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
