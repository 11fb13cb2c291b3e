/* SPDX-License-Identifier: Apache-2.0 */
/* job.c - which jobs run beside each other, what they may take, and what is counted. */
#include "gateway/job.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1024 * 1024)
#define JOBS 4

/* A job that waits in its thread until it is let go, and then takes some memory. */
struct one {
    struct gw_job job;
    struct rig *rig;
    sem_t begun, go;
    size_t takes_bytes;
    void *taken;
    bool done;
};

struct rig {
    struct gw_config config;
    struct gw_worker worker;
    struct gw_counters counters;
    struct one ones[JOBS];
    unsigned dones, wanted; /* the loop stops at so many */
};

static struct rig rig;

static void *resize_counted(void *ctx, void *p, size_t old_n, size_t n)
{
    struct rig *r = ctx;
    r->worker.counters->held_bytes += (int64_t)n - (int64_t)(p != NULL ? old_n : 0);
    return dgm_alloc_libc.resize(dgm_alloc_libc.ctx, p, old_n, n);
}

static void on_run(void *owner)
{
    struct one *o = owner;
    sem_post(&o->begun);
    sem_wait(&o->go);
    if (o->takes_bytes != 0)
        o->taken = o->job.alloc.resize(o->job.alloc.ctx, NULL, 0, o->takes_bytes);
}

static void on_done(void *owner)
{
    struct one *o = owner;
    o->done = true;
    if (++o->rig->dones == o->rig->wanted)
        net_loop_stop(o->rig->worker.loop);
}

static int open_rig(void **state)
{
    (void)state;
    rig = (struct rig){.config = {.limits = {.memory_bytes = 64 * (int64_t)MIB}}};
    rig.worker.config = &rig.config;
    rig.worker.counters = &rig.counters;
    dgm_stock_init(&rig.worker.stock, &dgm_alloc_libc, 0);
    rig.worker.alloc = (struct dgm_alloc){resize_counted, &rig};
    rig.worker.loop = net_loop_new(&rig.worker.alloc);
    assert_true(gw_jobs_open(&rig.worker));
    for (size_t i = 0; i < JOBS; i++) {
        struct one *o = &rig.ones[i];
        o->rig = &rig;
        gw_job_init(&o->job, &rig.worker, o);
        sem_init(&o->begun, 0, 0);
        sem_init(&o->go, 0, 0);
    }
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    assert_int_equal(rig.worker.counters->jobs, 0);
    gw_jobs_close(&rig.worker);
    net_loop_free(rig.worker.loop);
    assert_int_equal(rig.worker.counters->held_bytes, 0);
    return 0;
}

static void start(size_t i, size_t bytes)
{
    gw_job_start(&rig.ones[i].job, bytes, on_run, on_done);
}

static void let_go(size_t i)
{
    sem_post(&rig.ones[i].go);
}

/* Runs the loop until so many more are done. */
static void wait_dones(unsigned n)
{
    rig.wanted = rig.dones + n;
    net_loop_run(rig.worker.loop);
}

static bool runs(size_t i)
{
    return rig.ones[i].job.state == GW_JOB_RUNNING;
}

/* Two at once, the others in their order, and one that is cancelled never. */
static void test_two_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++)
        start(i, MIB);
    assert_true(runs(0) && runs(1) && !runs(2) && !runs(3));
    assert_int_equal(rig.worker.counters->jobs, 4);
    assert_false(gw_job_cancel(&rig.ones[0].job));
    assert_true(gw_job_cancel(&rig.ones[2].job));
    let_go(1);
    wait_dones(1);
    assert_true(rig.ones[1].done && runs(0) && runs(3));
    let_go(0);
    let_go(3);
    wait_dones(2);
    assert_false(rig.ones[2].done);
    assert_int_equal(rig.worker.counters->jobs_total, 4);

    start(2, MIB); /* the end of the queue is where it belongs */
    let_go(2);
    wait_dones(1);
    assert_true(rig.ones[2].done);
}

/* Of two large ones the second lets the quick go first. */
static void test_large_ones_leave_a_place(void **state)
{
    (void)state;
    rig.config.limits.memory_bytes = 4096 * (int64_t)MIB;
    start(0, 20 * MIB);
    start(1, 20 * MIB);
    start(2, MIB);
    assert_true(runs(0) && !runs(1) && runs(2));
    let_go(2);
    wait_dones(1);
    assert_false(runs(1));
    let_go(0);
    wait_dones(1);
    assert_true(runs(1));
    let_go(1);
    wait_dones(1);
}

/* What is set aside counts; afterwards what was taken does. Nobody takes more than there is. */
static void test_memory_is_set_aside_and_settled(void **state)
{
    (void)state;
    int64_t before = rig.worker.counters->held_bytes;
    rig.ones[0].takes_bytes = 3 * MIB;
    start(0, MIB);
    int64_t aside = rig.worker.counters->held_bytes - before;
    assert_in_range(aside, 16 * MIB, 32 * MIB);
    start(1, 3 * MIB); /* would not fit beside it */
    assert_true(runs(0) && !runs(1));
    let_go(0);
    wait_dones(1);
    assert_true(runs(1));
    /* All there is, but for what those need who ask meanwhile. */
    assert_in_range(rig.worker.counters->held_bytes, 50 * MIB, 60 * MIB);
    rig.ones[1].takes_bytes = 62 * MIB;
    let_go(1);
    wait_dones(1);
    assert_null(rig.ones[1].taken);
    assert_non_null(rig.ones[0].taken);
    assert_int_equal(rig.worker.counters->held_bytes, before + 3 * (int64_t)MIB);

    struct dgm_alloc *a = &rig.ones[0].job.alloc; /* the worker's again, under the same address */
    a->resize(a->ctx, rig.ones[0].taken, 3 * MIB, 0);
    assert_int_equal(rig.worker.counters->held_bytes, before);
}

/* Short of memory for now, or too much for ever. */
static void test_why_there_was_no_memory(void **state)
{
    (void)state;
    rig.ones[0].takes_bytes = 40 * MIB;
    start(0, MIB);
    let_go(0);
    wait_dones(1);
    assert_null(rig.ones[0].taken);
    assert_int_equal(gw_job_rc(&rig.ones[0].job, DGM_E_NOMEM), DGM_E_LIMIT);
    assert_int_equal(gw_job_rc(&rig.ones[0].job, DGM_E_REFUSED), DGM_E_REFUSED);

    rig.ones[0].takes_bytes = MIB; /* the same job again */
    start(0, MIB);
    let_go(0);
    wait_dones(1);
    assert_non_null(rig.ones[0].taken);
    assert_int_equal(gw_job_rc(&rig.ones[0].job, DGM_E_NOMEM), DGM_E_NOMEM);
    rig.ones[0].job.alloc.resize(rig.ones[0].job.alloc.ctx, rig.ones[0].taken, MIB, 0);

    rig.worker.counters->held_bytes += 60 * (int64_t)MIB;
    rig.ones[1].takes_bytes = 40 * MIB;
    start(1, 3 * MIB);
    let_go(1);
    wait_dones(1);
    assert_null(rig.ones[1].taken);
    assert_int_equal(gw_job_rc(&rig.ones[1].job, DGM_E_NOMEM), DGM_E_NOMEM);
    rig.worker.counters->held_bytes -= 60 * (int64_t)MIB;
}

/* One for which there is no memory beside the others is passed by, but not for ever. */
static void test_nobody_waits_for_ever(void **state)
{
    (void)state;
    size_t late = 2, rounds = 0; /* 0 and 2 take turns: one of them always runs */
    start(0, GW_JOB_BYTES);
    start(1, 4 * MIB);
    assert_true(runs(0) && !runs(1));
    for (; rounds < 100; rounds++) {
        start(late, GW_JOB_BYTES);
        if (!runs(late))
            break;
        late = 2 - late;
        let_go(late);
        wait_dones(1);
    }
    assert_in_range(rounds, 1, 99);
    let_go(2 - late);
    wait_dones(1);
    assert_true(runs(1));
    let_go(1);
    let_go(late);
    wait_dones(2);
}

static void test_what_is_worth_a_thread(void **state)
{
    (void)state;
    assert_false(gw_job_wanted(&rig.worker, GW_JOB_BYTES - 1));
    assert_true(gw_job_wanted(&rig.worker, GW_JOB_BYTES));
    const struct gw_worker without = {.jobs = NULL};
    assert_false(gw_job_wanted(&without, GW_JOB_BYTES));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {TEST(test_two_at_once),
                                       TEST(test_large_ones_leave_a_place),
                                       TEST(test_memory_is_set_aside_and_settled),
                                       TEST(test_why_there_was_no_memory),
                                       TEST(test_nobody_waits_for_ever),
                                       TEST(test_what_is_worth_a_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
