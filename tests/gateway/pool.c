/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - links and calls against a server in the same loop: who gets which link, which are closed, and a call
 * with every allocation failing; pool_line.c has those that wait.
 */
#include "gateway/pool.h"

#include "base/str.h"
#include "gateway/upstream.h"
#include "support/pool_rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- links ------------------------------------------------------------------------------------------ */

static void on_open(void *owner)
{
    ((struct pool_rig *)owner)->opened++;
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
    struct pool_rig *r = owner;
    (void)why;
    r->failed++;
    r->error = id;
}

static const struct gw_link_events link_events = {on_open, on_link_read, on_nothing, on_nothing,
                                                  on_link_fail};

static struct gw_link *links[POOL_PEERS_MAX];
static unsigned wanted;

static bool all_open(struct pool_rig *r)
{
    return r->opened == wanted && r->peers_n == wanted;
}

static void open_links(struct pool_rig *r, unsigned n)
{
    wanted = n;
    for (unsigned i = 0; i < n; i++) {
        links[i] = gw_link_take(&r->worker, &r->origin, false, &link_events, r);
        assert_non_null(links[i]);
        assert_null(links[i]->stream);
    }
    pool_rig_run(r, all_open);
}

static void test_newest_first(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
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
    pool_rig_close(&r);
}

static void test_each_origin_has_its_own(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    open_links(&r, 1);
    gw_link_give(links[0]);
    struct gw_origin other = r.origin;
    other.host = DGM_STR("localhost");
    struct gw_link *l = gw_link_take(&r.worker, &other, false, &link_events, &r);
    assert_ptr_not_equal(l, links[0]);
    gw_link_drop(l);
    pool_rig_close(&r);
}

static bool two_left(struct pool_rig *r)
{
    return r->worker.counters->upstream_connections == 2;
}

static bool one_left(struct pool_rig *r)
{
    return r->worker.counters->upstream_connections == 1;
}

static void test_idle_ones_that_end_are_noticed(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    open_links(&r, 3);
    for (int i = 0; i < 3; i++)
        gw_link_give(links[i]);
    shutdown(r.peers[1], SHUT_WR);
    pool_rig_run(&r, two_left);
    assert_int_equal(send(r.peers[2], "?", 1, 0), 1);
    pool_rig_run(&r, one_left);
    assert_ptr_equal(gw_link_take(&r.worker, &r.origin, false, &link_events, &r), links[0]);
    gw_link_drop(links[0]);
    assert_int_equal(r.failed, 0); /* nobody had them: nobody was told */
    pool_rig_close(&r);
}

static bool within_bound(struct pool_rig *r)
{
    return r->worker.counters->upstream_connections == GW_IDLE_LINKS_MAX;
}

static void test_no_more_than_the_bound_are_kept(void **state)
{
    (void)state;
    static struct pool_rig r;
    pool_rig_open(&r);
    open_links(&r, GW_IDLE_LINKS_MAX + 3);
    for (unsigned i = 0; i < wanted; i++)
        gw_link_give(links[i]);
    pool_rig_run(&r, within_bound);
    for (unsigned i = wanted; i-- > 3;) /* the oldest three are gone */
        assert_ptr_equal(gw_link_take(&r.worker, &r.origin, false, &link_events, &r), links[i]);
    for (unsigned i = 3; i < wanted; i++)
        gw_link_drop(links[i]);
    pool_rig_close(&r);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    (void)owner, (void)content_type;
    assert_int_equal(status, 200);
}

static void on_data(void *owner, struct dgm_str bytes)
{
    ((struct pool_rig *)owner)->body_bytes += bytes.n;
}

static void on_end(void *owner)
{
    ((struct pool_rig *)owner)->ended++;
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct pool_rig *r = owner;
    r->failed++;
    r->error = f->id;
}

static const struct gw_call_events call_events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

static bool call_over(struct pool_rig *r)
{
    return r->ended + r->failed == wanted;
}

/* One call to its end. False: there was no memory to begin it. */
static bool call(struct pool_rig *r)
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
    pool_rig_run(r, call_over);
    gw_call_free(c);
    return true;
}

static void test_calls_share_a_link(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(call(&r));
        assert_int_equal(r.ended, i);
    }
    assert_int_equal(r.requests, 5);
    assert_int_equal(r.peers_n, 1);
    assert_int_equal(r.body_bytes, 10);
    assert_int_equal(r.worker.counters->upstream_connections_total, 1);
    pool_rig_close(&r);
}

/* Two calls, the second one replayed, with the k-th allocation failing: an end or NO_MEMORY, nothing left over. */
static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    bool failed = true;
    for (size_t k = 1; failed; k++) {
        struct pool_rig r;
        pool_rig_open(&r);
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
            assert_int_equal(r.worker.counters->replayed_total, 1);
            assert_int_equal(r.requests, 3);
            assert_true(k > 8);
        }
        pool_rig_close(&r);
    }
}

static void end_last_peer(struct pool_rig *r, bool reset)
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
        int after = way % 2 == 0 ? PEER_ENDS : PEER_RESETS;
        bool unseen = way >= 2;
        struct pool_rig r;
        pool_rig_open(&r);
        net_timer_start(r.worker.loop, &r.give_up, 120000);
        r.after = unseen ? PEER_STAYS : after;
        for (unsigned i = 1; i <= all / 4; i++) {
            assert_true(call(&r));
            if (r.ended != i)
                fail_msg("call %u failed with %d", i, r.error);
            if (unseen)
                end_last_peer(&r, after == PEER_RESETS);
        }
        assert_int_equal(r.requests, all / 4);
        assert_int_equal(r.worker.counters->replayed_total, unseen ? all / 4 - 1 : 0);
        pool_rig_close(&r);
    }
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
        struct pool_rig r;
        pool_rig_open(&r);
        r.says = cases[i].says;
        assert_true(call(&r));
        assert_int_equal(r.ended, 1);
        struct gw_link *l = gw_link_take(&r.worker, &r.origin, false, &link_events, &r);
        assert_int_equal(l->reused, cases[i].keep_ms != 0);
        if (l->reused) /* what was left of it tells how long it was to be kept; the clock stood in the call's turn */
            assert_in_range(l->until_ms - net_loop_now_ms(r.worker.loop), cases[i].keep_ms - 500,
                            cases[i].keep_ms);
        gw_link_drop(l);
        pool_rig_close(&r);
    }
}

static bool none_left(struct pool_rig *r)
{
    return r->worker.counters->upstream_connections == 0;
}

static void test_idle_ones_end_before_the_server(void **state)
{
    (void)state;
    struct pool_rig r;
    pool_rig_open(&r);
    assert_true(call(&r)); /* this one is kept for long */
    struct gw_link *first = gw_link_take(&r.worker, &r.origin, false, &link_events, &r);
    r.says = "Keep-Alive: timeout=2\r\n";
    assert_true(call(&r)); /* and this one is not */
    assert_int_equal(r.worker.counters->upstream_connections, 2);
    int64_t began = net_loop_now_ms(r.worker.loop);
    pool_rig_run(&r, one_left);
    assert_in_range(net_loop_now_ms(r.worker.loop) - began, 900, 1900);
    gw_link_drop(first);
    pool_rig_run(&r, none_left);
    pool_rig_close(&r);
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
        cmocka_unit_test(test_servers_say_how_long_they_wait),
        cmocka_unit_test(test_idle_ones_end_before_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
