/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - a stream against a socket that the test holds by its other end. */
#include "net/stream.h"

#include "net/listener.h"
#include "support/alloc_fail.h"

#include <arpa/inet.h>
#include <errno.h>
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

/* One end is a stream on a loop; the other is read and written by `act`, called in every turn of the loop. */
struct rig {
    struct alloc_fail memory;
    struct net_loop *loop;
    struct net_stream *stream;
    int peer;
    struct net_timer turn, give_up;
    void (*act)(struct rig *);
    size_t read_bytes, peer_bytes, turns;
    unsigned eofs, drains, fails, closes;
    bool close_on_read, sum_ok;
    unsigned char expect;
};

static void on_read(void *owner, struct dgm_str bytes)
{
    struct rig *r = owner;
    assert_true(bytes.n > 0);
    r->read_bytes += bytes.n;
    if (r->close_on_read)
        net_stream_close(r->stream);
}

static void on_eof(void *owner)
{
    ((struct rig *)owner)->eofs++;
}

static void on_drain(void *owner)
{
    ((struct rig *)owner)->drains++;
}

static void on_fail(void *owner)
{
    struct rig *r = owner;
    r->fails++;
    net_stream_close(r->stream);
}

static void on_closed(void *owner)
{
    struct rig *r = owner;
    r->closes++;
    net_loop_stop(r->loop);
}

static const struct net_stream_events events = {.on_read = on_read,
                                                .on_eof = on_eof,
                                                .on_drain = on_drain,
                                                .on_fail = on_fail,
                                                .on_closed = on_closed};

static void on_turn(void *owner)
{
    struct rig *r = owner;
    r->turns++;
    r->act(r);
    net_timer_start(r->loop, &r->turn, 1);
}

static void on_give_up(void *owner)
{
    (void)owner;
    fail_msg("nothing happened for too long");
}

static void tcp_pair(int fds[2])
{
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof addr;
    assert_int_equal(bind(listening, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&addr, &n), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&addr, n), 0);
    fds[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fds[0] >= 0);
    close(listening);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
}

static void rig_open(struct rig *r, bool tcp, void (*act)(struct rig *))
{
    int fds[2];
    *r = (struct rig){.act = act, .sum_ok = true};
    alloc_fail_init(&r->memory, 0);
    r->loop = net_loop_new(&r->memory.alloc);
    assert_non_null(r->loop);
    if (tcp)
        tcp_pair(fds);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    r->peer = fds[1];
    r->stream = net_stream_new(r->loop, fds[0], &events, r);
    assert_non_null(r->stream);
    net_timer_init(&r->turn, on_turn, r);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->loop, &r->turn, 0);
    net_timer_start(r->loop, &r->give_up, GIVE_UP_MS);
}

static void rig_run(struct rig *r)
{
    net_loop_run(r->loop);
    net_timer_stop(&r->turn);
    net_timer_stop(&r->give_up);
    assert_int_equal(r->closes, 1);
    if (r->peer >= 0)
        close(r->peer);
    net_loop_free(r->loop);
    alloc_fail_done(&r->memory, "stream");
}

/* The peer reads some and looks at each byte. */
static void peer_read(struct rig *r, size_t most)
{
    unsigned char bytes[4096];
    ssize_t n = recv(r->peer, bytes, most < sizeof bytes ? most : sizeof bytes, 0);
    for (ssize_t i = 0; i < n; i++)
        r->sum_ok = r->sum_ok && bytes[i] == r->expect++;
    if (n > 0)
        r->peer_bytes += (size_t)n;
}

/* ---- back-pressure ---------------------------------------------------------------------------------- */

static size_t written_bytes;

static void fill(struct rig *r)
{
    unsigned char bytes[10000];
    enum dgm_rc rc;
    do {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(written_bytes + i);
        const struct dgm_str parts[] = {
            {(char *)bytes, 1}, {NULL, 0}, {(char *)bytes + 1, 9000}, {(char *)bytes + 9001, 999}};
        rc = net_stream_write(r->stream, parts, 4);
        assert_true(rc == DGM_OK || rc == DGM_FULL);
        written_bytes += sizeof bytes;
        assert_int_equal(net_stream_written(r->stream) + net_stream_queued(r->stream),
                         written_bytes);
    } while (rc == DGM_OK);
    assert_true(net_stream_queued(r->stream) >= NET_QUEUE_HIGH);
    assert_true(net_stream_queued(r->stream) < NET_QUEUE_HIGH + sizeof bytes);
}

static void act_pressure(struct rig *r)
{
    if (r->turns == 1)
        fill(r);
    if (r->turns < 20) {
        assert_int_equal(r->drains, 0); /* nobody reads */
        return;
    }
    for (int i = 0; i < 100; i++)
        peer_read(r, 1 + (size_t)(r->turns * 37 % 4096));
    if (r->peer_bytes < written_bytes)
        return;
    assert_int_equal(r->drains, 1);
    assert_true(r->sum_ok);
    assert_int_equal(net_stream_queued(r->stream), 0);
    net_stream_close(r->stream);
}

static void test_back_pressure(void **state)
{
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig r;
        written_bytes = 0;
        rig_open(&r, tcp, act_pressure);
        rig_run(&r);
        assert_int_equal(r.fails, 0);
    }
    (void)state;
}

/* What is queued before net_stream_end still arrives, then the end. */
static void act_end(struct rig *r)
{
    if (r->turns == 1) {
        fill(r);
        net_stream_end(r->stream);
        net_stream_end(r->stream);
    }
    unsigned char byte;
    for (int i = 0; i < 100; i++)
        peer_read(r, 4096);
    if (r->peer_bytes == written_bytes && recv(r->peer, &byte, 1, 0) == 0)
        net_stream_close(r->stream);
}

static void test_end_after_the_queue(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig r;
        written_bytes = 0;
        rig_open(&r, tcp, act_end);
        rig_run(&r);
        assert_true(r.sum_ok && r.peer_bytes == written_bytes);
    }
}

/* ---- the peer's end --------------------------------------------------------------------------------- */

static void act_half_close(struct rig *r)
{
    const struct dgm_str word = DGM_STR("\0\1\2");
    if (r->turns == 1) {
        assert_int_equal(send(r->peer, "hello", 5, 0), 5);
        shutdown(r->peer, SHUT_WR);
    }
    if (r->turns == 10) {
        assert_int_equal(r->read_bytes, 5);
        assert_int_equal(r->eofs, 1);
        assert_true(net_stream_peer_left(r->stream));
        assert_int_equal(net_stream_write(r->stream, &word, 1), DGM_OK);
    }
    peer_read(r, 100);
    if (r->peer_bytes == 3)
        net_stream_close(r->stream);
}

static void test_half_close(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, true, act_half_close);
    rig_run(&r);
    assert_true(r.sum_ok && r.fails == 0);
}

static void act_paused(struct rig *r)
{
    if (r->turns == 1) {
        net_stream_pause(r->stream, true);
        assert_int_equal(send(r->peer, "unread", 6, 0), 6);
        assert_false(net_stream_peer_left(r->stream));
    }
    if (r->turns == 5) {
        close(r->peer);
        r->peer = -1;
    }
    if (r->turns < 10)
        return;
    assert_int_equal(r->read_bytes + r->eofs + r->fails, 0); /* unnoticed ... */
    assert_true(net_stream_peer_left(r->stream));            /* ... unless one asks */
    net_stream_close(r->stream);
}

static void test_paused_and_left(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rig r;
        rig_open(&r, tcp, act_paused);
        rig_run(&r);
    }
}

static void act_reset(struct rig *r)
{
    if (r->turns != 3)
        return;
    struct linger at_once = {.l_onoff = 1};
    setsockopt(r->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(r->peer);
    r->peer = -1;
}

static void test_reset(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, true, act_reset);
    rig_run(&r);
    assert_int_equal(r.fails, 1);
}

/* Writing to a peer that is gone: taken without a word, and told once, from the loop. */
static void act_write_to_nobody(struct rig *r)
{
    const struct dgm_str word = DGM_STR("anybody?");
    if (r->turns == 1) {
        net_stream_pause(r->stream, true);
        close(r->peer);
        r->peer = -1;
    }
    unsigned fails = r->fails;
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_stream_write(r->stream, &word, 1), DGM_OK);
    assert_int_equal(r->fails, fails);
}

static void test_write_to_nobody(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, false, act_write_to_nobody);
    rig_run(&r);
    assert_int_equal(r.fails, 1);
}

static void act_talk(struct rig *r)
{
    if (r->turns == 1)
        assert_int_equal(send(r->peer, "x", 1, 0), 1);
}

static void test_close_while_reading(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, true, act_talk);
    r.close_on_read = true;
    rig_run(&r);
    assert_int_equal(r.read_bytes, 1);
}

/* ---- accepting -------------------------------------------------------------------------------------- */

struct door {
    struct net_loop *loop;
    struct net_listener *listener;
    struct net_timer later, give_up;
    int accepted[8], spare[1024];
    size_t accepted_n, spare_n, shorts;
};

static void on_accept(void *owner, int fd)
{
    struct door *d = owner;
    d->accepted[d->accepted_n++] = fd;
    if (d->accepted_n == 3)
        net_loop_stop(d->loop);
}

static void give_descriptors_back(void *owner)
{
    struct door *d = owner;
    assert_int_equal(d->accepted_n, 0);
    while (d->spare_n > 0)
        close(d->spare[--d->spare_n]);
    net_listener_resume(d->listener);
}

static void on_short(void *owner, int error)
{
    struct door *d = owner;
    assert_int_equal(error, EMFILE);
    if (d->shorts++ == 0)
        net_timer_start(d->loop, &d->later, 20);
}

/* Without a descriptor connections wait, none is lost, and it goes on as soon as there is one. */
static void test_no_descriptor_left(void **state)
{
    (void)state;
    static const struct net_listener_events door_events = {on_accept, on_short};
    static struct door d;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), clients[3];
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof addr;
    assert_int_equal(bind(listening, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(listening, 8), 0);
    getsockname(listening, (struct sockaddr *)&addr, &n);
    for (int i = 0; i < 3; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&addr, n), 0);
    }

    d.loop = net_loop_new(&dgm_alloc_libc);
    d.listener = net_listener_new(d.loop, listening, &door_events, &d);
    assert_true(d.loop != NULL && d.listener != NULL);
    net_timer_init(&d.later, give_descriptors_back, &d);
    net_timer_init(&d.give_up, on_give_up, NULL);
    net_timer_start(d.loop, &d.give_up, GIVE_UP_MS);
    while (d.spare_n < 1024 && (d.spare[d.spare_n] = dup(0)) >= 0)
        d.spare_n++;
    if (d.spare_n == 1024) { /* the machine has too many to use them up */
        while (d.spare_n > 0)
            close(d.spare[--d.spare_n]);
        d.shorts = 1;
    }
    net_loop_run(d.loop);
    assert_true(d.shorts >= 1);
    net_timer_stop(&d.give_up);
    net_timer_stop(&d.later);
    net_listener_close(d.listener);
    net_loop_free(d.loop);
    for (int i = 0; i < 3; i++) {
        close(d.accepted[i]);
        close(clients[i]);
    }
}

/* Each allocation failing: the descriptor is closed, nothing is lost. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t k = 1; k < 3; k++) {
        struct alloc_fail memory;
        alloc_fail_init(&memory, 0);
        struct net_loop *loop = net_loop_new(&memory.alloc);
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        memory.fail_at = memory.calls + 1;
        if (k == 1) {
            char byte;
            assert_null(net_stream_new(loop, fds[0], &events, NULL));
            assert_int_equal(recv(fds[1], &byte, 1, 0), 0);
        } else {
            assert_null(net_watch_new(loop, fds[0], NULL, NULL));
            close(fds[0]);
        }
        close(fds[1]);
        memory.fail_at = 0;
        net_loop_free(loop);
        alloc_fail_done(&memory, "no memory");
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_end_after_the_queue),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_paused_and_left),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_write_to_nobody),
        cmocka_unit_test(test_close_while_reading),
        cmocka_unit_test(test_no_descriptor_left),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
