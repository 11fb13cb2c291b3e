/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - timers and descriptors get their turns beside each other. */
#include "net/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    struct net_loop *loop;
    struct net_timer again, late;
    size_t turns, reads;
    int64_t began_ms, late_ms;
};

static void on_again(void *owner)
{
    struct rig *r = owner;
    r->turns++;
    net_timer_start(r->loop, &r->again, 0);
}

static void on_readable(void *owner)
{
    struct rig *r = owner;
    r->reads++;
    net_loop_stop(r->loop);
}

static void on_late(void *owner)
{
    struct rig *r = owner;
    r->late_ms = net_loop_now_ms(r->loop);
    net_loop_stop(r->loop);
}

static void open_loop(struct rig *r)
{
    *r = (struct rig){.loop = net_loop_new(&dgm_alloc_libc)};
    assert_non_null(r->loop);
    net_timer_init(&r->again, on_again, r);
    net_timer_init(&r->late, on_late, r);
}

/* A timer that always starts again with no delay: sockets and later timers are served all the same. */
static void test_no_delay_starves_nobody(void **state)
{
    (void)state;
    struct rig r;
    int fds[2];
    open_loop(&r);
    assert_int_equal(pipe(fds), 0);
    struct net_watch *w = net_watch_new(r.loop, fds[0], on_readable, &r);
    net_timer_start(r.loop, &r.again, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    net_loop_run(r.loop);
    assert_int_equal(r.reads, 1);
    assert_true(r.turns >= 1);

    net_watch_pause(w, true);
    r.began_ms = net_loop_now_ms(r.loop);
    net_timer_start(r.loop, &r.late, 30);
    net_loop_run(r.loop);
    assert_true(r.late_ms - r.began_ms >= 30);
    assert_int_equal(r.reads, 1);
    net_timer_stop(&r.again);
    net_watch_close(w);
    close(fds[1]);
    net_loop_free(r.loop);
}

/* An earlier deadline behind a later one moves the alarm; a stopped one leaves the loop asleep until the next. */
static void test_the_earliest_counts(void **state)
{
    (void)state;
    struct rig r;
    open_loop(&r);
    r.began_ms = net_loop_now_ms(r.loop);
    net_timer_start(r.loop, &r.again, 60000);
    net_timer_start(r.loop, &r.late, 40);
    net_timer_start(r.loop, &r.late, 20);
    net_loop_run(r.loop);
    assert_true(r.late_ms - r.began_ms >= 20 && r.late_ms - r.began_ms < 5000);
    assert_int_equal(r.turns, 0);
    net_timer_stop(&r.again);
    net_loop_free(r.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_delay_starves_nobody),
        cmocka_unit_test(test_the_earliest_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
