/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - timers and descriptors get their turns beside each other; a loop ends though a name server does not answer. */
#include "net/loop.h"

#include "net/names.h"

#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
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

static int release[2] = {-1, -1};

/* The C library's, as libuv's threads call it: it waits for a server that says nothing until the test is over. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    (void)host, (void)service, (void)hints, (void)ret;
    struct pollfd p = {.fd = release[0], .events = POLLIN};
    poll(&p, 1, 20000);
    return EAI_AGAIN;
}

static void on_name(void *owner, const struct net_addresses *found, int error)
{
    (void)owner, (void)found, (void)error;
    fail_msg("it was called off");
}

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A process that is told to end must not wait half a minute for an answer that nobody wants. */
static void test_it_ends_without_a_name_server(void **state)
{
    (void)state;
    struct rig r;
    struct net_lookup lookup = {.on_found = on_name};
    struct net_addresses found;
    assert_int_equal(pipe(release), 0);
    open_loop(&r);
    assert_int_equal(net_lookup_start(r.loop, &lookup, "nobody.invalid", &found), DGM_MORE);
    net_timer_start(r.loop, &r.late, 50); /* the thread asks by now */
    net_loop_run(r.loop);
    net_lookup_cancel(&lookup);

    int64_t began = clock_ms();
    assert_false(net_loop_free(r.loop));
    assert_true(clock_ms() - began >= NET_FREE_MS - 1 && clock_ms() - began < 5 * NET_FREE_MS);
    assert_int_equal(write(release[1], "", 1), 1);
    assert_true(net_loop_free(r.loop));
    close(release[0]);
    close(release[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_delay_starves_nobody),
        cmocka_unit_test(test_the_earliest_counts),
        cmocka_unit_test(test_it_ends_without_a_name_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
