/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - work in a thread, and word of it on the loop. */
#include "net/work.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct rig {
    struct net_loop *loop;
    struct net_work *work;
    pthread_t ran_in, done_in;
    unsigned runs, dones;
};

static void on_run(void *owner)
{
    struct rig *r = owner;
    r->ran_in = pthread_self();
    r->runs++;
}

/* The place is free by now: the second begins from here. */
static void on_done(void *owner)
{
    struct rig *r = owner;
    r->done_in = pthread_self();
    if (++r->dones < 3)
        net_work_start(r->work, on_run, on_done, r);
    else
        net_loop_stop(r->loop);
}

static void test_runs_elsewhere_and_tells_here(void **state)
{
    (void)state;
    struct rig r = {.loop = net_loop_new(&dgm_alloc_libc)};
    r.work = net_work_new(r.loop);
    assert_non_null(r.work);
    net_work_start(r.work, on_run, on_done, &r);
    assert_int_equal(r.dones, 0);
    net_loop_run(r.loop);
    assert_int_equal(r.runs, 3);
    assert_int_equal(r.dones, 3);
    assert_false(pthread_equal(r.ran_in, pthread_self()));
    assert_true(pthread_equal(r.done_in, pthread_self()));
    net_work_free(r.work);
    net_loop_free(r.loop);
}

static void on_last(void *owner)
{
    struct rig *r = owner;
    r->dones++;
    net_work_free(r->work);
}

/* Freeing the loop waits for what still runs. */
static void test_loop_waits_for_work(void **state)
{
    (void)state;
    struct rig r = {.loop = net_loop_new(&dgm_alloc_libc)};
    r.work = net_work_new(r.loop);
    net_work_start(r.work, on_run, on_last, &r);
    net_loop_free(r.loop);
    assert_int_equal(r.runs, 1);
    assert_int_equal(r.dones, 1);
    net_work_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_elsewhere_and_tells_here),
                                       cmocka_unit_test(test_loop_waits_for_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
