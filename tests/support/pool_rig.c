/* SPDX-License-Identifier: Apache-2.0 */
/* pool_rig.c - a worker's pools and a server in the same loop, for their tests. */
#include "support/pool_rig.h"

#include "base/str.h"
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GIVE_UP_MS 10000

static void *resize_once(void *ctx, void *p, size_t old_n, size_t n)
{
    struct pool_rig *r = ctx;
    if (n != 0 && r->once_at != 0 && --r->once_at == 0) {
        r->once_failed = true;
        return NULL;
    }
    return r->memory.alloc.resize(r->memory.alloc.ctx, p, old_n, n);
}

static void serve_peer(struct pool_rig *r, int *fd)
{
    char bytes[4096];
    ssize_t n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close(*fd);
        *fd = -1;
        return;
    }
    if (n <= 0 || bytes[n - 1] != '}')
        return;
    r->requests++;
    if (r->refuses && r->requests == 2) {
        close(*fd);
        *fd = -1;
        return;
    }
    char answer[200];
    int answer_n =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\n{}",
                 r->says != NULL ? r->says : "");
    assert_int_equal(send(*fd, answer, (size_t)answer_n, MSG_NOSIGNAL), answer_n);
    if (r->after == PEER_STAYS)
        return;
    const struct linger now = {.l_onoff = r->after == PEER_RESETS};
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(*fd);
    *fd = -1;
}

static void on_turn(void *owner)
{
    struct pool_rig *r = owner;
    int fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK);
    while (r->peers_n != 0 && r->after != PEER_STAYS && r->peers[r->peers_n - 1] < 0)
        r->peers_n--;
    if (fd >= 0) {
        assert_true(r->peers_n < POOL_PEERS_MAX);
        r->peers[r->peers_n++] = fd;
    }
    for (size_t i = 0; i < r->peers_n; i++) {
        if (r->peers[i] >= 0)
            serve_peer(r, &r->peers[i]);
    }
    if (r->done(r))
        net_loop_stop(r->worker.loop);
    else
        net_timer_start(r->worker.loop, &r->turn, 0);
}

static void on_give_up(void *owner)
{
    struct pool_rig *r = owner;
    fail_msg("no end in sight: %zu peers, %zu requests, %u opened, %u ended, %u failed", r->peers_n,
             r->requests, r->opened, r->ended, r->failed);
}

void pool_rig_run(struct pool_rig *r, bool (*done)(struct pool_rig *))
{
    r->done = done;
    net_timer_start(r->worker.loop, &r->turn, 0);
    net_loop_run(r->worker.loop);
}

void pool_rig_open(struct pool_rig *r)
{
    *r = (struct pool_rig){.config.timeouts = {.connect_ms = 5000, .waiting_ms = 5000},
                           .config.limits = {.upstream_connections = 10000, .waiting = 1000}};
    alloc_fail_init(&r->memory, 0);
    r->worker = (struct gw_worker){
        .config = &r->config, .counters = &r->counters, .alloc = {resize_once, r}};
    r->worker.loop = net_loop_new(&r->worker.alloc);
    assert_non_null(r->worker.loop);

    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof addr;
    r->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(r->listening, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(r->listening, POOL_PEERS_MAX), 0);
    assert_int_equal(getsockname(r->listening, (struct sockaddr *)&addr, &n), 0);
    snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u", ntohs(addr.sin_port));
    gw_origin_read(dgm_str_c(r->url), &r->origin);

    net_timer_init(&r->turn, on_turn, r);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->worker.loop, &r->give_up, GIVE_UP_MS);
}

void pool_rig_close(struct pool_rig *r)
{
    net_timer_stop(&r->turn);
    net_timer_stop(&r->give_up);
    gw_pools_close(&r->worker);
    net_loop_free(r->worker.loop);
    assert_int_equal(r->worker.counters->upstream_connections, 0);
    assert_int_equal(r->worker.counters->calls, 0);
    for (size_t i = 0; i < r->peers_n; i++) {
        if (r->peers[i] >= 0)
            close(r->peers[i]);
    }
    close(r->listening);
    alloc_fail_done(&r->memory, "pool");
}
