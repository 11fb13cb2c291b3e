/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c - outgoing connections: to numbers and names, refused, too slow, given up, and short of memory. */
#include "net/connect.h"

#include "net/stream.h"
#include "support/alloc_fail.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GIVE_UP_MS 5000
#define QUEUED 4 /* connections that fill a queue of none */

struct rig {
    struct alloc_fail memory;
    struct net_loop *loop;
    struct net_connect *connect;
    struct net_timer give_up;
    int fd; /* what came out; -1: nothing */
    unsigned connected, failed;
    enum net_phase phase;
    int64_t ended_ms;
    char why[80];
};

static void on_connected(void *owner, int fd)
{
    struct rig *r = owner;
    r->connect = NULL;
    r->connected++;
    r->fd = fd;
    net_loop_stop(r->loop);
}

static void on_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct rig *r = owner;
    r->phase = phase;
    r->connect = NULL;
    r->failed++;
    assert_true(why.n != 0 && why.n < sizeof r->why);
    memcpy(r->why, why.p, why.n);
    r->why[why.n] = '\0';
    r->ended_ms = net_loop_now_ms(r->loop);
    net_loop_stop(r->loop);
}

static const struct net_connect_events events = {on_connected, on_failed};

static void on_give_up(void *owner)
{
    (void)owner;
    fail_msg("nothing happened for too long");
}

static void rig_open(struct rig *r)
{
    *r = (struct rig){.fd = -1};
    alloc_fail_init(&r->memory, 0);
    r->loop = net_loop_new(&r->memory.alloc);
    assert_non_null(r->loop);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->loop, &r->give_up, GIVE_UP_MS);
}

static void rig_close(struct rig *r)
{
    net_timer_stop(&r->give_up);
    if (r->fd >= 0)
        close(r->fd);
    net_loop_free(r->loop);
    alloc_fail_done(&r->memory, "connect");
}

/* Runs one attempt to its event. */
static void run(struct rig *r, const char *host, uint16_t port, int64_t timeout_ms)
{
    rig_open(r);
    r->connect = net_connect_new(r->loop, (struct dgm_str){host, strlen(host)}, port, timeout_ms,
                                 &events, r);
    assert_non_null(r->connect);
    assert_int_equal(r->connected + r->failed, 0); /* a call never calls back */
    net_loop_run(r->loop);
    assert_int_equal(r->connected + r->failed, 1);
}

static int listen_on(int family, int backlog, uint16_t *ret_port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *addr = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t n = family == AF_INET ? sizeof v4 : sizeof v6;
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, addr, n) != 0 || listen(fd, backlog) != 0 ||
        getsockname(fd, addr, &n) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    return fd;
}

static void test_numbers_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int family;
    } cases[] = {{"127.0.0.1", AF_INET}, {"localhost", AF_INET}, {"::1", AF_INET6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t port;
        int listening = listen_on(cases[i].family, 1, &port);
        if (listening < 0 && cases[i].family == AF_INET6)
            continue; /* a machine without IPv6 */
        assert_true(listening >= 0);
        struct rig r;
        run(&r, cases[i].host, port, 2000);
        assert_int_equal(r.connected, 1);
        assert_true(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
        rig_close(&r);
        close(listening);
    }
}

/* The descriptor is free of the attempt: a stream on it reads at once. */
static void on_read(void *owner, struct dgm_str bytes)
{
    struct rig *r = owner;
    assert_int_equal(bytes.n, 2);
    net_loop_stop(r->loop);
}

static void on_stream_closed(void *owner)
{
    (void)owner;
}

static void test_a_stream_of_it(void **state)
{
    (void)state;
    static const struct net_stream_events stream_events = {.on_read = on_read,
                                                           .on_closed = on_stream_closed};
    uint16_t port;
    int listening = listen_on(AF_INET, 1, &port);
    struct rig r;
    run(&r, "127.0.0.1", port, 2000);
    struct net_stream *s = net_stream_new(r.loop, r.fd, &stream_events, &r);
    assert_non_null(s);
    r.fd = -1;
    int peer = accept(listening, NULL, NULL);
    assert_int_equal(write(peer, "hi", 2), 2);
    net_loop_run(r.loop);
    net_stream_close(s);
    rig_close(&r);
    close(peer);
    close(listening);
}

static void test_refused(void **state)
{
    (void)state;
    uint16_t port;
    close(listen_on(AF_INET, 1, &port));
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        run(&r, hosts[i], port, 2000);
        assert_string_equal(r.why, "connection refused");
        rig_close(&r);
    }
}

static void test_hosts_that_are_none(void **state)
{
    (void)state;
    char long_name[400];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *const hosts[] = {"", long_name, "no-such-host.invalid"};
    for (size_t i = 0; i < 3; i++) {
        struct rig r;
        run(&r, hosts[i], 80, 2000);
        assert_int_equal(r.failed, 1);
        rig_close(&r);
    }
}

/* A port whose queue is full neither accepts nor refuses. */
static int full_port(int queued[QUEUED], uint16_t *ret_port)
{
    int listening = listen_on(AF_INET, 0, ret_port);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(*ret_port)};
    for (int i = 0; i < QUEUED; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(queued[i], (struct sockaddr *)&to, sizeof to);
    }
    return listening;
}

static void test_too_slow(void **state)
{
    (void)state;
    int queued[QUEUED];
    uint16_t port;
    int listening = full_port(queued, &port);
    struct rig r;
    rig_open(&r);
    int64_t began = net_loop_now_ms(r.loop);
    r.connect = net_connect_new(r.loop, DGM_STR("127.0.0.1"), port, 200, &events, &r);
    net_loop_run(r.loop);
    assert_string_equal(r.why, "connection timed out");
    assert_in_range(r.ended_ms - began, 190, 2000);
    rig_close(&r);
    for (int i = 0; i < QUEUED; i++)
        close(queued[i]);
    close(listening);
}

/* Given up at once, and after so many milliseconds: no event comes, nothing is left. */
static void on_cancel(void *owner)
{
    struct rig *r = owner;
    net_connect_cancel(r->connect); /* NULL when it has failed by now */
    r->connect = NULL;
    net_loop_stop(r->loop);
}

static void test_given_up(void **state)
{
    (void)state;
    int queued[QUEUED];
    uint16_t port;
    int listening = full_port(queued, &port);
    static const char *const hosts[] = {"127.0.0.1", "localhost", "no-such-host.invalid", ""};
    for (size_t i = 0; i < 8; i++) {
        struct rig r;
        struct net_timer cancel;
        const char *host = hosts[i / 2];
        rig_open(&r);
        net_timer_init(&cancel, on_cancel, &r);
        net_timer_start(r.loop, &cancel, i % 2 == 0 ? 0 : 100);
        r.connect =
            net_connect_new(r.loop, (struct dgm_str){host, strlen(host)}, port, 0, &events, &r);
        assert_non_null(r.connect);
        if (i % 2 == 0)
            net_connect_cancel(r.connect);
        else
            net_loop_run(r.loop);
        net_timer_stop(&cancel);
        assert_int_equal(r.connected, 0);
        rig_close(&r);
    }
    for (int i = 0; i < QUEUED; i++)
        close(queued[i]);
    close(listening);
}

static void test_short_of_memory(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.memory.fail_at = r.memory.calls + 1;
    assert_null(net_connect_new(r.loop, DGM_STR("127.0.0.1"), 1, 0, &events, &r));
    net_connect_cancel(NULL);
    rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_names), cmocka_unit_test(test_a_stream_of_it),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_hosts_that_are_none),
        cmocka_unit_test(test_too_slow),          cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
