/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.c - tokens revoked one by one, by account and all; seen by another process at once; full. */
#include "gateway/revoked.h"

#include "base/str.h"

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
    struct gw_revoked *r = gw_revoked_new(0);
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
    struct gw_revoked *r = gw_revoked_new(0);
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
    struct gw_revoked *r = gw_revoked_new(0);
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

/* Records put again and read elsewhere say the same; of what has ended there is no word. */
static void test_over_a_restart(void **state)
{
    (void)state;
    struct gw_revoked *r = gw_revoked_new(0), *next = gw_revoked_new(0);
    struct emu_pass lives = pass(1, 1, DGM_STR("a")), ended = pass(2, 1, DGM_STR("a")),
                    refresh = pass(3, 1, DGM_STR("a")), joe = pass(4, 50, DGM_STR("joe"));
    lives.ends_ms = 1001;
    ended.ends_ms = 1000;
    assert_int_equal(gw_revoked_changes(r), 0);
    assert_true(gw_revoked_add(r, &lives) && gw_revoked_add(r, &ended) &&
                gw_revoked_add(r, &refresh) && gw_revoked_add_all(r, DGM_STR("joe"), 50));
    assert_int_equal(gw_revoked_changes(r), 4);
    for (size_t i = 0; i < GW_REVOKED_MAX / GW_REVOKED_CHUNK; i++) {
        struct dgm_buf record;
        dgm_buf_init(&record, &dgm_alloc_libc, 32 * 1024);
        gw_revoked_put(r, i, 1000, &record);
        assert_int_equal(record.rc, DGM_OK);
        gw_revoked_read(next, dgm_buf_str(&record), 1000);
        dgm_buf_dispose(&record);
    }
    assert_true(gw_revoked_has(next, &lives) && !gw_revoked_has(next, &ended) &&
                gw_revoked_has(next, &refresh) && gw_revoked_has(next, &joe));
    joe.issued_ms = 51;
    assert_false(gw_revoked_has(next, &joe));
    assert_true(!gw_revoked_is_known(next, 9999) && gw_revoked_is_known(next, 10000));
    gw_revoked_set_read(next);
    assert_true(gw_revoked_is_known(next, 0) && gw_revoked_is_known(NULL, 0));
    gw_revoked_free(r);
    gw_revoked_free(next);
}

/* A full mapping's records fit, and what is torn or made up harms nobody. */
static void test_records(void **state)
{
    (void)state;
    struct gw_revoked *r = gw_revoked_new(0), *next = gw_revoked_new(0);
    struct emu_pass one = pass(0, 1, DGM_STR("a"));
    for (uint64_t n = 0; n < GW_REVOKED_MAX; n++)
        assert_true(gw_revoked_add(r, (one.id = n, &one)));
    struct dgm_buf record;
    dgm_buf_init(&record, &dgm_alloc_libc, 32 * 1024);
    gw_revoked_put(r, 3, 1000, &record);
    assert_true(record.rc == DGM_OK && record.n != 0);
    for (size_t n = 0; n <= record.n; n += 7)
        gw_revoked_read(next, dgm_str_head(dgm_buf_str(&record), n), 1000);
    memset(record.p, 0, record.n);
    gw_revoked_read(next, dgm_buf_str(&record), 1000);
    assert_true(gw_revoked_changes(next) != 0);
    dgm_buf_dispose(&record);
    gw_revoked_free(r);
    gw_revoked_free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_way), cmocka_unit_test(test_another_process),
        cmocka_unit_test(test_full),     cmocka_unit_test(test_over_a_restart),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
