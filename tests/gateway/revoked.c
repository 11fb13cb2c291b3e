/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.c - tokens revoked one by one, by account and all; seen by another process at once; full. */
#include "gateway/revoked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct emu_pass pass(uint64_t id, int64_t issued_ms, struct dgm_str who)
{
    return (struct emu_pass){.kind = EMU_PASS_ACCESS, .id = id, .issued_ms = issued_ms, .who = who};
}

static void test_each_way(void **state)
{
    (void)state;
    struct gw_revoked *r = gw_revoked_new();
    struct emu_pass a = pass(1, 100, DGM_STR("jane")), b = pass(2, 200, DGM_STR("jane")),
                    c = pass(3, 100, DGM_STR("joe"));
    assert_non_null(r);
    assert_false(gw_revoked_has(r, &a));
    assert_true(gw_revoked_add(r, &a) && gw_revoked_add(r, &a));
    assert_true(gw_revoked_has(r, &a) && !gw_revoked_has(r, &b) && !gw_revoked_has(r, &c));
    assert_true(gw_revoked_add_all(r, DGM_STR("jane"), 199));
    assert_false(gw_revoked_has(r, &b));
    assert_true(gw_revoked_add_all(r, DGM_STR("jane"), 200) &&
                gw_revoked_add_all(r, DGM_STR("jane"), 150));
    assert_true(gw_revoked_has(r, &b) && !gw_revoked_has(r, &c));
    assert_true(gw_revoked_add_all(r, (struct dgm_str){0}, 100));
    assert_true(gw_revoked_has(r, &c));
    c.issued_ms = 101;
    assert_false(gw_revoked_has(r, &c));
    gw_revoked_free(r);
    gw_revoked_free(NULL);
    assert_false(gw_revoked_has(NULL, &a) || gw_revoked_add(NULL, &a));
}

static void test_another_process(void **state)
{
    (void)state;
    struct gw_revoked *r = gw_revoked_new();
    struct emu_pass mine = pass(1, 1, DGM_STR("a")), its = pass(2, 1, DGM_STR("a"));
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(gw_revoked_add(r, &its) ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(gw_revoked_has(r, &its) && !gw_revoked_has(r, &mine));
    gw_revoked_free(r);
}

static void test_full(void **state)
{
    (void)state;
    struct gw_revoked *r = gw_revoked_new();
    uint64_t n = 0;
    struct emu_pass next = pass(0, 1, DGM_STR("a"));
    while (next.id = n, n <= GW_REVOKED_MAX && gw_revoked_add(r, &next))
        n++;
    assert_int_equal(n, GW_REVOKED_MAX);
    assert_false(gw_revoked_has(r, &next));
    for (uint64_t id = 0; id < n; id += 997) {
        struct emu_pass one = pass(id, 1, DGM_STR("a"));
        assert_true(gw_revoked_has(r, &one) && gw_revoked_add(r, &one));
    }
    gw_revoked_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_way),
        cmocka_unit_test(test_another_process),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
