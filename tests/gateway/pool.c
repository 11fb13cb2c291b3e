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

enum { STAYS, ENDS, RESETS };

/* A server that accepts all and answers whatever ends in "}" with {}. */
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
    bool refuses;     /* it closes a connection that brings a second request */
    int after;        /* STAYS, ENDS or RESETS: what it does to a connection behind each answer */
    const char *says; /* headers of its answers, besides */
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
    char answer[200];
    int answer_n =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\n{}",
                 r->says != NULL ? r->says : "");
    assert_int_equal(send(*fd, answer, (size_t)answer_n, MSG_NOSIGNAL), answer_n);
    if (r->after == STAYS)
        return;
    const struct linger now = {.l_onoff = r->after == RESETS};
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(*fd);
    *fd = -1;
}

static void on_turn(void *owner)
{
    struct rig *r = owner;
    int fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK);
    while (r->peers_n != 0 && r->after != STAYS && r->peers[r->peers_n - 1] < 0)
        r->peers_n--;
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

static const struct gw_call_events call_events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

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
    struct gw_origin origin;
    gw_origin_read(u.base_url, &origin);
    gw_origin_reach(r->worker.config, &u, &origin);
    const struct gw_call_request request = {.method = DGM_STR("POST"),
                                            .target = DGM_STR("/x"),
                                            .origin = &origin,
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

static void end_last_peer(struct rig *r, bool reset)
{
    const struct linger now = {.l_onoff = reset};
    int *fd = &r->peers[r->peers_n - 1];
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(*fd);
    r->peers_n--;
}

/* user-pain J7: a server that closes behind every answer without a word, by FIN or RST. It is noticed before the next
 * request, or, where the loop has had no turn, by its write or its read; each request is answered, by one answer. */
static void test_ten_thousand_of_ten_thousand(void **state)
{
    (void)state;
    static const unsigned all = 10000;
    for (int way = 0; way < 4; way++) {
        int after = way % 2 == 0 ? ENDS : RESETS;
        bool unseen = way >= 2;
        struct rig r;
        rig_open(&r);
        net_timer_start(r.worker.loop, &r.give_up, 120000);
        r.after = unseen ? STAYS : after;
        for (unsigned i = 1; i <= all / 4; i++) {
            assert_true(call(&r));
            if (r.ended != i)
                fail_msg("call %u failed with %d", i, r.error);
            if (unseen)
                end_last_peer(&r, after == RESETS);
        }
        assert_int_equal(r.requests, all / 4);
        assert_int_equal(r.worker.counters.replayed_total, unseen ? all / 4 - 1 : 0);
        rig_close(&r);
    }
}

/* ---- places ----------------------------------------------------------------------------------------- */

static struct {
    unsigned at[16], n;
} order; /* of links that opened */

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

static void take(struct rig *r, unsigned i)
{
    links[i] = gw_link_take(&r->worker, &r->origin, false, &numbered, &links[i]);
    assert_non_null(links[i]);
}

static bool so_many_open(struct rig *r)
{
    (void)r;
    return order.n == wanted;
}

static void test_calls_wait_in_line(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.config.limits.upstream_connections = 2;
    order.n = 0;
    for (unsigned i = 0; i < 7; i++)
        take(&r, i);
    assert_int_equal(r.worker.counters.waiting, 5);
    wanted = 2;
    run_until(&r, so_many_open);
    assert_int_equal(r.worker.counters.upstream_connections, 2);

    gw_link_drop(links[4]); /* its client left while it waited */
    gw_link_give(links[0]); /* its connection goes to the one that has waited longest */
    assert_null(links[2]->stream);
    take(&r, 7); /* whoever comes now stands behind all of them */
    wanted = 3;
    run_until(&r, so_many_open);
    assert_int_equal(order.at[2], 2);
    assert_true(links[2]->reused && links[2]->stream != NULL);

    gw_link_drop(links[1]); /* a place becomes free: the next one connects */
    wanted = 4;
    run_until(&r, so_many_open);
    assert_int_equal(order.at[3], 3);
    assert_false(links[3]->reused);
    assert_int_equal(r.worker.counters.upstream_connections_total, 3);

    gw_link_drop(links[2]);
    gw_link_drop(links[3]);
    wanted = 6;
    run_until(&r, so_many_open);
    assert_int_equal(order.at[4], 5);
    assert_int_equal(order.at[5], 6);
    gw_link_give(links[5]);
    wanted = 7;
    run_until(&r, so_many_open);
    assert_int_equal(order.at[6], 7);
    assert_int_equal(r.worker.counters.waiting, 0);
    gw_link_drop(links[6]);
    gw_link_give(links[7]);
    rig_close(&r);
}

static bool nobody_waits(struct rig *r)
{
    return r->worker.counters.waiting == 0 && links[2] == NULL && links[1] == NULL;
}

static void test_a_line_has_an_end(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.config.limits.upstream_connections = 1;
    r.config.limits.waiting = 1;
    r.config.timeouts.waiting_ms = 100;
    order.n = 0;
    int64_t began = net_loop_now_ms(r.worker.loop);
    take(&r, 0);
    take(&r, 1); /* waits, in vain */
    take(&r, 2); /* may not even wait */
    assert_int_equal(r.worker.counters.waiting, 1);
    assert_non_null(links[2]); /* a call never calls back */
    run_until(&r, nobody_waits);
    assert_in_range(net_loop_now_ms(r.worker.loop) - began, 95, 3000);
    gw_link_drop(links[0]);
    rig_close(&r);
}

static void test_a_second_try_does_not_wait(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.config.limits.upstream_connections = 1;
    order.n = 0;
    take(&r, 0);
    wanted = 1;
    run_until(&r, so_many_open);
    take(&r, 1);
    gw_link_drop(links[0]);
    links[0] = gw_link_take(&r.worker, &r.origin, true, &numbered, &links[0]);
    wanted = 2;
    run_until(&r, so_many_open);
    assert_int_equal(order.at[1], 0);
    gw_link_give(links[0]); /* an idle one gives way to one that must be fresh */
    gw_link_drop(links[1]);
    links[1] = gw_link_take(&r.worker, &r.origin, true, &numbered, &links[1]);
    wanted = 3;
    run_until(&r, so_many_open);
    assert_false(links[1]->reused);
    gw_link_drop(links[1]);
    rig_close(&r);
}

/* ---- how long an idle one is kept -------------------------------------------------------------------- */

static void test_servers_say_how_long_they_wait(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int64_t keep_ms; /* 0: not at all */
    } cases[] = {
        {NULL, 60000},
        {"Keep-Alive: timeout=5\r\n", 4000},
        {"keep-alive: max=100, TIMEOUT=20\r\n", 19000},
        {"Keep-Alive: timeout=1\r\n", 0},
        {"Keep-Alive: timeout=0\r\n", 0},
        {"Keep-Alive: timeout=60\r\n", 60000},
        {"Keep-Alive: timeout=86400\r\n", 60000},
        {"Keep-Alive: timeout=x, max=5\r\n", 60000},
        {"Keep-Alive: timeout=99999999999999999999\r\n", 60000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        rig_open(&r);
        r.says = cases[i].says;
        assert_true(call(&r));
        assert_int_equal(r.ended, 1);
        struct gw_link *l = gw_link_take(&r.worker, &r.origin, false, &link_events, &r);
        assert_int_equal(l->reused, cases[i].keep_ms != 0);
        if (l->reused) /* what was left of it tells how long it was to be kept; the clock stood in the call's turn */
            assert_in_range(l->until_ms - net_loop_now_ms(r.worker.loop), cases[i].keep_ms - 500,
                            cases[i].keep_ms);
        gw_link_drop(l);
        rig_close(&r);
    }
}

static bool none_left(struct rig *r)
{
    return r->worker.counters.upstream_connections == 0;
}

static void test_idle_ones_end_before_the_server(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    assert_true(call(&r)); /* this one is kept for long */
    struct gw_link *first = gw_link_take(&r.worker, &r.origin, false, &link_events, &r);
    r.says = "Keep-Alive: timeout=2\r\n";
    assert_true(call(&r)); /* and this one is not */
    assert_int_equal(r.worker.counters.upstream_connections, 2);
    int64_t began = net_loop_now_ms(r.worker.loop);
    run_until(&r, one_left);
    assert_in_range(net_loop_now_ms(r.worker.loop) - began, 900, 1900);
    gw_link_drop(first);
    run_until(&r, none_left);
    rig_close(&r);
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
        cmocka_unit_test(test_ten_thousand_of_ten_thousand),
        cmocka_unit_test(test_calls_wait_in_line),
        cmocka_unit_test(test_a_line_has_an_end),
        cmocka_unit_test(test_a_second_try_does_not_wait),
        cmocka_unit_test(test_servers_say_how_long_they_wait),
        cmocka_unit_test(test_idle_ones_end_before_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
