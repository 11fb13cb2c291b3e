/* SPDX-License-Identifier: Apache-2.0 */
/* pool_line.c - links that wait for a place: who gets which, and when waiting ends. */
#include "gateway/pool.h"

#include "base/str.h"
#include "support/pool_rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct gw_link *links[16];
static unsigned wanted;

static struct {
    unsigned at[16], n;
} order; /* of links that opened */

static void on_link_read(void *owner, struct dgm_str bytes)
{
    (void)owner, (void)bytes;
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void on_numbered_open(void *owner)
{
    struct gw_link **link = owner;
    order.at[order.n++] = (unsigned)(link - links);
}

static void on_numbered_fail(void *owner, enum dgm_error id, struct dgm_str why)
{
    struct gw_link **link = owner;
    (void)why;
    assert_int_equal(id, DGM_ERR_UPSTREAM_BUSY);
    gw_link_drop(*link);
    *link = NULL;
}

static const struct gw_link_events numbered = {on_numbered_open, on_link_read, on_nothing,
                                               on_nothing, on_numbered_fail};

static void take(struct pool_rig *r, unsigned i)
{
    links[i] = gw_link_take(&r->worker, &r->origin, false, &numbered, &links[i]);
    assert_non_null(links[i]);
}

static bool so_many_open(struct pool_rig *r)
{
    (void)r;
    return order.n == wanted;
}

static void test_calls_wait_in_line(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    r.config.limits.upstream_connections = 2;
    order.n = 0;
    for (unsigned i = 0; i < 7; i++)
        take(&r, i);
    assert_int_equal(r.worker.counters->waiting, 5);
    wanted = 2;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(r.worker.counters->upstream_connections, 2);

    gw_link_drop(links[4]); /* its client left while it waited */
    gw_link_give(links[0]); /* its connection goes to the one that has waited longest */
    assert_null(links[2]->stream);
    take(&r, 7); /* whoever comes now stands behind all of them */
    wanted = 3;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(order.at[2], 2);
    assert_true(links[2]->reused && links[2]->stream != NULL);

    gw_link_drop(links[1]); /* a place becomes free: the next one connects */
    wanted = 4;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(order.at[3], 3);
    assert_false(links[3]->reused);
    assert_int_equal(r.worker.counters->upstream_connections_total, 3);

    gw_link_drop(links[2]);
    gw_link_drop(links[3]);
    wanted = 6;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(order.at[4], 5);
    assert_int_equal(order.at[5], 6);
    gw_link_give(links[5]);
    wanted = 7;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(order.at[6], 7);
    assert_int_equal(r.worker.counters->waiting, 0);
    gw_link_drop(links[6]);
    gw_link_give(links[7]);
    pool_rig_close(&r);
}

static bool nobody_waits(struct pool_rig *r)
{
    return r->worker.counters->waiting == 0 && links[2] == NULL && links[1] == NULL;
}

static void test_a_line_has_an_end(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    r.config.limits.upstream_connections = 1;
    r.config.limits.waiting = 1;
    r.config.timeouts.waiting_ms = 100;
    order.n = 0;
    int64_t began = net_loop_now_ms(r.worker.loop);
    take(&r, 0);
    take(&r, 1); /* waits, in vain */
    take(&r, 2); /* may not even wait */
    assert_int_equal(r.worker.counters->waiting, 1);
    assert_non_null(links[2]); /* a call never calls back */
    pool_rig_run(&r, nobody_waits);
    assert_in_range(net_loop_now_ms(r.worker.loop) - began, 95, 3000);
    gw_link_drop(links[0]);
    pool_rig_close(&r);
}

static void test_a_second_try_does_not_wait(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    r.config.limits.upstream_connections = 1;
    order.n = 0;
    take(&r, 0);
    wanted = 1;
    pool_rig_run(&r, so_many_open);
    take(&r, 1);
    gw_link_drop(links[0]);
    links[0] = gw_link_take(&r.worker, &r.origin, true, &numbered, &links[0]);
    wanted = 2;
    pool_rig_run(&r, so_many_open);
    assert_int_equal(order.at[1], 0);
    gw_link_give(links[0]); /* an idle one gives way to one that must be fresh */
    gw_link_drop(links[1]);
    links[1] = gw_link_take(&r.worker, &r.origin, true, &numbered, &links[1]);
    wanted = 3;
    pool_rig_run(&r, so_many_open);
    assert_false(links[1]->reused);
    gw_link_drop(links[1]);
    pool_rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_wait_in_line),
        cmocka_unit_test(test_a_line_has_an_end),
        cmocka_unit_test(test_a_second_try_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
