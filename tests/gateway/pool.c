/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - links and calls against a server in the same loop: who gets which link, which are closed, and a call
 * with every allocation failing.
 */
#include "gateway/pool.h"

#include "base/str.h"
#include "gateway/upstream.h"
#include "support/alloc_fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GIVE_UP_MS 10000
#define PEERS_MAX (GW_IDLE_LINKS_MAX + 8)
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

/* A server that accepts all and answers whatever ends in "}" with ANSWER. */
struct rig {
    struct alloc_fail memory;
    size_t once_at; /* the number of the one allocation that fails; 0: none */
    bool once_failed;
    struct gw_config config;
    struct gw_worker worker;
    struct gw_origin origin;
    char url[40];
    int listening;
    int peers[PEERS_MAX];
    size_t peers_n, requests;
    bool refuses; /* it closes a connection that brings a second request */
    struct net_timer turn, give_up;
    bool (*done)(struct rig *);
    unsigned opened, ended, failed;
    size_t body_bytes;
    enum dgm_error error;
};

static void *resize_once(void *ctx, void *p, size_t old_n, size_t n)
{
    struct rig *r = ctx;
    if (n != 0 && r->once_at != 0 && --r->once_at == 0) {
        r->once_failed = true;
        return NULL;
    }
    return r->memory.alloc.resize(r->memory.alloc.ctx, p, old_n, n);
}

static void serve_peer(struct rig *r, int *fd)
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
    assert_int_equal(send(*fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL), strlen(ANSWER));
}

static void on_turn(void *owner)
{
    struct rig *r = owner;
    int fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0) {
        assert_true(r->peers_n < PEERS_MAX);
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
    struct rig *r = owner;
    fail_msg("no end in sight: %zu peers, %zu requests, %u opened, %u ended, %u failed", r->peers_n,
             r->requests, r->opened, r->ended, r->failed);
}

static void run_until(struct rig *r, bool (*done)(struct rig *))
{
    r->done = done;
    net_timer_start(r->worker.loop, &r->turn, 0);
    net_loop_run(r->worker.loop);
}

static void rig_open(struct rig *r)
{
    *r = (struct rig){.config.timeouts = {.connect_ms = 5000, .waiting_ms = 5000},
                      .config.limits = {.upstream_connections = 10000, .waiting = 1000}};
    alloc_fail_init(&r->memory, 0);
    r->worker = (struct gw_worker){.config = &r->config, .alloc = {resize_once, r}};
    r->worker.loop = net_loop_new(&r->worker.alloc);
    assert_non_null(r->worker.loop);

    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof addr;
    r->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(r->listening, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(r->listening, PEERS_MAX), 0);
    assert_int_equal(getsockname(r->listening, (struct sockaddr *)&addr, &n), 0);
    snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u", ntohs(addr.sin_port));
    gw_origin_read(dgm_str_c(r->url), &r->origin);

    net_timer_init(&r->turn, on_turn, r);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->worker.loop, &r->give_up, GIVE_UP_MS);
}

static void rig_close(struct rig *r)
{
    net_timer_stop(&r->turn);
    net_timer_stop(&r->give_up);
    gw_pools_close(&r->worker);
    net_loop_free(r->worker.loop);
    assert_int_equal(r->worker.counters.upstream_connections, 0);
    assert_int_equal(r->worker.counters.calls, 0);
    for (size_t i = 0; i < r->peers_n; i++) {
        if (r->peers[i] >= 0)
            close(r->peers[i]);
    }
    close(r->listening);
    alloc_fail_done(&r->memory, "pool");
}

/* ---- links ------------------------------------------------------------------------------------------ */

static void on_open(void *owner)
{
    ((struct rig *)owner)->opened++;
}

static void on_link_read(void *owner, struct dgm_str bytes)
{
    (void)owner, (void)bytes;
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void on_link_fail(void *owner, enum dgm_error id, struct dgm_str why)
{
    struct rig *r = owner;
    (void)why;
    r->failed++;
    r->error = id;
}

static const struct gw_link_events link_events = {on_open, on_link_read, on_nothing, on_nothing,
                                                  on_link_fail};

static struct gw_link *links[PEERS_MAX];
static unsigned wanted;

static bool all_open(struct rig *r)
{
    return r->opened == wanted && r->peers_n == wanted;
}

static void open_links(struct rig *r, unsigned n)
{
    wanted = n;
    for (unsigned i = 0; i < n; i++) {
        links[i] = gw_link_take(&r->worker, &r->origin, false, &link_events, r);
        assert_non_null(links[i]);
        assert_null(links[i]->stream);
    }
    run_until(r, all_open);
}

static void test_newest_first(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    open_links(&r, 3);
    for (int i = 0; i < 3; i++)
        gw_link_give(links[i]);
    for (int i = 2; i >= 0; i--) {
        struct gw_link *l = gw_link_take(&r.worker, &r.origin, false, &link_events, &r);
        assert_ptr_equal(l, links[i]);
        assert_true(l->reused && l->stream != NULL);
    }
    gw_link_give(links[1]);
    struct gw_link *fresh = gw_link_take(&r.worker, &r.origin, true, &link_events, &r);
    assert_ptr_not_equal(fresh, links[1]);
    assert_false(fresh->reused);
    gw_link_drop(fresh); /* while it is being connected */
    gw_link_drop(links[0]);
    gw_link_drop(links[2]);
    gw_link_drop(NULL);
    rig_close(&r);
}

static void test_each_origin_has_its_own(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    open_links(&r, 1);
    gw_link_give(links[0]);
    struct gw_origin other = r.origin;
    other.host = DGM_STR("localhost");
    struct gw_link *l = gw_link_take(&r.worker, &other, false, &link_events, &r);
    assert_ptr_not_equal(l, links[0]);
    gw_link_drop(l);
    rig_close(&r);
}

static bool two_left(struct rig *r)
{
    return r->worker.counters.upstream_connections == 2;
}

static bool one_left(struct rig *r)
{
    return r->worker.counters.upstream_connections == 1;
}

static void test_idle_ones_that_end_are_noticed(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    open_links(&r, 3);
    for (int i = 0; i < 3; i++)
        gw_link_give(links[i]);
    shutdown(r.peers[1], SHUT_WR);
    run_until(&r, two_left);
    assert_int_equal(send(r.peers[2], "?", 1, 0), 1);
    run_until(&r, one_left);
    assert_ptr_equal(gw_link_take(&r.worker, &r.origin, false, &link_events, &r), links[0]);
    gw_link_drop(links[0]);
    assert_int_equal(r.failed, 0); /* nobody had them: nobody was told */
    rig_close(&r);
}

static bool within_bound(struct rig *r)
{
    return r->worker.counters.upstream_connections == GW_IDLE_LINKS_MAX;
}

static void test_no_more_than_the_bound_are_kept(void **state)
{
    (void)state;
    static struct rig r;
    rig_open(&r);
    open_links(&r, GW_IDLE_LINKS_MAX + 3);
    for (unsigned i = 0; i < wanted; i++)
        gw_link_give(links[i]);
    run_until(&r, within_bound);
    for (unsigned i = wanted; i-- > 3;) /* the oldest three are gone */
        assert_ptr_equal(gw_link_take(&r.worker, &r.origin, false, &link_events, &r), links[i]);
    for (unsigned i = 3; i < wanted; i++)
        gw_link_drop(links[i]);
    rig_close(&r);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    (void)owner, (void)content_type;
    assert_int_equal(status, 200);
}

static void on_data(void *owner, struct dgm_str bytes)
{
    ((struct rig *)owner)->body_bytes += bytes.n;
}

static void on_end(void *owner)
{
    ((struct rig *)owner)->ended++;
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct rig *r = owner;
    r->failed++;
    r->error = f->id;
}

static const struct gw_call_events call_events = {on_head, on_data, on_end, on_fail, NULL};

static bool call_over(struct rig *r)
{
    return r->ended + r->failed == wanted;
}

/* One call to its end. False: there was no memory to begin it. */
static bool call(struct rig *r)
{
    static const struct dgm_str segments[] = {{"{\"a\":", 5}, {NULL, 0}, {"1", 1}, {"}", 1}};
    const struct gw_upstream u = {
        .name = DGM_STR("back"), .kind = GW_VERTEX, .base_url = dgm_str_c(r->url)};
    const struct gw_call_header header = {DGM_STR("content-type"), DGM_STR("application/json")};
    const struct gw_call_request request = {.method = DGM_STR("POST"),
                                            .target = DGM_STR("/x"),
                                            .headers = &header,
                                            .headers_n = 1,
                                            .segments = segments,
                                            .segments_n = 4};
    struct gw_call *c = gw_call_new(&r->worker, &u, &request, &call_events, r);
    if (c == NULL)
        return false;
    wanted = r->ended + r->failed + 1;
    run_until(r, call_over);
    gw_call_free(c);
    return true;
}

static void test_calls_share_a_link(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(call(&r));
        assert_int_equal(r.ended, i);
    }
    assert_int_equal(r.requests, 5);
    assert_int_equal(r.peers_n, 1);
    assert_int_equal(r.body_bytes, 10);
    assert_int_equal(r.worker.counters.upstream_connections_total, 1);
    rig_close(&r);
}

/* Two calls, the second one replayed, with the k-th allocation failing: an end or NO_MEMORY, nothing left over. */
static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    bool failed = true;
    for (size_t k = 1; failed; k++) {
        struct rig r;
        rig_open(&r);
        r.refuses = true;
        r.once_at = k;
        for (int i = 0; i < 2; i++) {
            unsigned before = r.failed;
            if (call(&r) && r.failed != before)
                assert_true(r.error == DGM_ERR_NO_MEMORY || r.error == DGM_ERR_UPSTREAM_CONNECT ||
                            r.error == DGM_ERR_UPSTREAM_CUT);
        }
        failed = r.once_failed;
        if (!failed) {
            assert_int_equal(r.ended, 2);
            assert_int_equal(r.worker.counters.replayed_total, 1);
            assert_int_equal(r.requests, 3);
            assert_true(k > 8);
        }
        rig_close(&r);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_each_origin_has_its_own),
        cmocka_unit_test(test_idle_ones_that_end_are_noticed),
        cmocka_unit_test(test_no_more_than_the_bound_are_kept),
        cmocka_unit_test(test_calls_share_a_link),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
