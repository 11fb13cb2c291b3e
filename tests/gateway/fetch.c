/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - fetching for one request against a server in the same loop, with a resolver of the test's own: addresses
 * that change between two looks, and every allocation failing. What else there is is in tests/daemon/test_fetch.py.
 */
#include "gateway/fetch.h"

#include "base/str.h"
#include "net/names.h"
#include "support/alloc_fail.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GIVE_UP_MS 10000
#define PEERS_MAX 16

static const char png[] = "\x89PNG\r\n\x1a\n of some size, which is not three's";

struct rig {
    struct alloc_fail memory;
    struct gw_config config;
    struct gw_upstream upstream;
    struct gw_worker worker;
    struct gw_counters counters;
    struct dgm_str allow[1];
    char allow_text[40];
    struct net_resolver resolver;
    struct net_query *query;
    const char *answers[4][2]; /* of the resolver, lookup by lookup: addresses */
    unsigned lookups;
    char asked[NET_HOST_MAX + 1];
    struct net_timer turn, give_up, answer;
    int listening, peers[PEERS_MAX];
    unsigned port, peers_n, accepted, served;
    bool mute, ended;
    struct dgm_buf body;
    struct dgm_request *request;
    struct gw_fetch *fetch;
    struct dgm_fail fail; /* as it ended; id NONE: well */
};

/* ---- names -------------------------------------------------------------------------------------------- */

static void on_answer(void *owner)
{
    struct rig *r = owner;
    struct net_addresses found = {.n = 0};
    const char *const *texts = r->answers[r->lookups++ % 4];
    for (size_t i = 0; i < 2 && texts[i]; i++) {
        union net_address a = {.v4 = {.sin_family = AF_INET}};
        if (inet_pton(AF_INET, texts[i], &a.v4.sin_addr) != 1) {
            a = (union net_address){.v6 = {.sin6_family = AF_INET6}};
            assert_int_equal(inet_pton(AF_INET6, texts[i], &a.v6.sin6_addr), 1);
        }
        net_addresses_add(&found, &a.any);
    }
    struct net_query *q = r->query;
    r->query = NULL;
    net_query_answer(q, &found, found.n ? 0 : -1);
}

static int look_up(void *ctx, struct net_query *q, const char *host)
{
    struct rig *r = ctx;
    assert_null(r->query); /* one at a time */
    snprintf(r->asked, sizeof r->asked, "%s", host);
    r->query = q;
    net_timer_start(r->worker.loop, &r->answer, 1);
    return 0;
}

/* ---- the server --------------------------------------------------------------------------------------- */

static void serve_peer(struct rig *r, int *fd)
{
    char bytes[4096], head[200];
    ssize_t n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
    if (n == 0) {
        close(*fd);
        *fd = -1;
    }
    if (n < 4 || r->mute || memcmp(bytes + n - 4, "\r\n\r\n", 4) != 0)
        return;
    int head_n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                          sizeof png - 1);
    n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT);
    assert_int_equal(send(*fd, head, (size_t)head_n, MSG_NOSIGNAL), head_n);
    assert_int_equal(send(*fd, png, sizeof png - 1, MSG_NOSIGNAL), sizeof png - 1);
    close(*fd);
    *fd = -1;
    r->served++;
}

static void on_turn(void *owner)
{
    struct rig *r = owner;
    int fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0) {
        assert_true(r->peers_n < PEERS_MAX);
        r->peers[r->peers_n++] = fd;
        r->accepted++;
    }
    for (size_t i = 0; i < r->peers_n; i++)
        if (r->peers[i] >= 0)
            serve_peer(r, &r->peers[i]);
    if (r->ended)
        net_loop_stop(r->worker.loop);
    else
        net_timer_start(r->worker.loop, &r->turn, 0);
}

static void on_give_up(void *owner)
{
    struct rig *r = owner;
    fail_msg("no end in sight: %u lookups, %u accepted", r->lookups, r->accepted);
}

/* ---- one fetch ---------------------------------------------------------------------------------------- */

static void rig_open(struct rig *r, const char *allow)
{
    *r = (struct rig){.upstream = {.kind = GW_VERTEX, .fetch = GW_FETCH_PUBLIC}};
    alloc_fail_init(&r->memory, 0);
    r->config = (struct gw_config){.limits = {.memory_bytes = 1 << 30},
                                   .fetch = {.max_bytes = 1 << 20, .timeout_ms = 5000}};
    r->worker = (struct gw_worker){
        .config = &r->config, .counters = &r->counters, .alloc = r->memory.alloc};
    r->worker.loop = net_loop_new(&r->worker.alloc);
    assert_non_null(r->worker.loop);
    r->resolver = (struct net_resolver){look_up, r, NET_NAME_KEEP_MS, NET_NAME_PATIENCE_MS};
    net_names_use(r->worker.loop, &r->resolver);

    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof addr;
    r->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(r->listening, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(r->listening, PEERS_MAX), 0);
    assert_int_equal(getsockname(r->listening, (struct sockaddr *)&addr, &n), 0);
    r->port = ntohs(addr.sin_port);
    snprintf(r->allow_text, sizeof r->allow_text, "%s:%u", allow, r->port);
    r->allow[0] = dgm_str_c(r->allow_text);
    r->config.fetch.allow = (struct gw_strs){r->allow, 1};
    net_timer_init(&r->turn, on_turn, r);
    net_timer_init(&r->answer, on_answer, r);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->worker.loop, &r->give_up, GIVE_UP_MS);
}

static void rig_close(struct rig *r)
{
    net_timer_stop(&r->give_up);
    net_timer_stop(&r->turn);
    net_timer_stop(&r->answer);
    dgm_request_free(r->request);
    gw_fetch_free(r->fetch);
    dgm_buf_dispose(&r->body);
    assert_int_equal(r->worker.counters->fetches, 0);
    assert_null(r->worker.fetching);
    if (r->query != NULL) /* the loop waits for nobody: an answer may come after all */
        net_query_answer(r->query, &(struct net_addresses){.n = 0}, -1);
    for (size_t i = 0; i < r->peers_n; i++)
        if (r->peers[i] >= 0)
            close(r->peers[i]);
    close(r->listening);
    net_loop_free(r->worker.loop);
    alloc_fail_done(&r->memory, "fetch");
}

static void on_done(void *owner, const struct dgm_fail *f)
{
    struct rig *r = owner;
    assert_false(r->ended);
    r->ended = true;
    if (f != NULL)
        r->fail = *f;
}

/* Opens a request with images at the URLs, "%u" in them the server's port, and begins. */
static enum dgm_rc begin(struct rig *r, const char *const *urls)
{
    char url[200];
    const struct dgm_env env = {
        .alloc = &r->worker.alloc, .id = DGM_STR("test"), .model = DGM_STR("gemini-2.5-flash")};
    dgm_buf_init(&r->body, &r->worker.alloc, 1 << 16);
    dgm_buf_put_lit(&r->body, "{\"messages\":[{\"role\":\"user\",\"content\":[");
    for (size_t i = 0; urls[i]; i++) {
        int n = snprintf(url, sizeof url,
                         "%s{\"type\":\"image_url\",\"image_url\":{\"url\":\"%s:%u/%zu\"}}",
                         i ? "," : "", urls[i], r->port, i);
        dgm_buf_put(&r->body, (struct dgm_str){url, (size_t)n});
    }
    dgm_buf_put_lit(&r->body, "]}]}");
    enum dgm_rc rc = r->body.rc;
    if (rc == DGM_OK)
        rc = dgm_request_open(&env, &r->body, &r->request, &r->fail);
    if (rc == DGM_OK)
        rc = gw_fetch_new(&r->worker, &r->upstream, r->request, on_done, r, &r->fetch, &r->fail);
    return rc;
}

static void fetch(struct rig *r, const char *const *urls)
{
    assert_int_equal(begin(r, urls), DGM_OK);
    net_timer_start(r->worker.loop, &r->turn, 0);
    net_loop_run(r->worker.loop);
}

static void check_refused(const struct rig *r)
{
    assert_int_equal(r->fail.id, DGM_ERR_URL_UNREAD);
    assert_string_equal(r->fail.param, "messages[0].content[0].image_url");
    assert_non_null(strstr(r->fail.detail, "not public"));
    assert_int_equal(r->accepted, 0);
}

#define URLS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- tests -------------------------------------------------------------------------------------------- */

/* The address that was looked at is the one that is connected to: the name is asked for once (user-pain E4). */
static void test_pinned(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, "127.0.0.1");
    r.answers[0][0] = "127.0.0.1"; /* allowed here */
    r.answers[1][0] = "127.0.0.2";
    fetch(&r, URLS("http://rebind.example"));
    assert_int_equal(r.fail.id, DGM_ERR_NONE);
    assert_int_equal(r.lookups, 1);
    assert_int_equal(r.served, 1);
    rig_close(&r);
}

static void test_rebinding(void **state)
{
    (void)state;
    static const char *const answers[][2] = {
        {"127.0.0.1", NULL},        {"::1", NULL},
        {"::ffff:127.0.0.1", NULL}, {"8.8.8.8", "127.0.0.1"},
        {"127.0.0.1", "8.8.8.8"},   {"169.254.169.254", NULL},
        {"0.0.0.0", NULL},          {"64:ff9b::7f00:1", NULL},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct rig r;
        rig_open(&r, "10.99.99.99"); /* opens the port, there alone */
        memcpy(r.answers[0], answers[i], sizeof r.answers[0]);
        r.answers[1][0] = "10.99.99.99"; /* what a second look would find */
        fetch(&r, URLS("http://rebind.example"));
        check_refused(&r);
        assert_int_equal(r.lookups, 1);
        rig_close(&r);
    }
}

/* The same name twice is one lookup; others wait their turn, and take nobody's place among the names that are kept. */
static void test_names_in_turn(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, "127.0.0.1");
    for (size_t i = 0; i < 4; i++)
        r.answers[i][0] = "127.0.0.1";
    fetch(&r, URLS("http://a.example", "http://b.example", "http://a.example", "http://c.example"));
    assert_int_equal(r.fail.id, DGM_ERR_NONE);
    assert_int_equal(r.served, 4);
    assert_int_equal(r.lookups, 3);
    rig_close(&r);
}

/* Cloud Storage has one host; where that leads to an address of the network, nothing is asked. */
static void test_gcs(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, "10.99.99.99");
    r.upstream = (struct gw_upstream){.kind = GW_GEMINI, .fetch = GW_FETCH_GCS};
    r.answers[0][0] = "10.0.0.1";
    fetch(&r, URLS("gs://bucket/object"));
    check_refused(&r);
    assert_string_equal(r.asked, "storage.googleapis.com");
    rig_close(&r);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, "127.0.0.1");
    r.upstream.fetch = GW_FETCH_GCS;
    assert_int_equal(begin(&r, URLS("http://a.example")), DGM_DONE);
    rig_close(&r);
    rig_open(&r, "127.0.0.1");
    r.upstream.fetch = GW_FETCH_OFF;
    assert_int_equal(begin(&r, URLS("http://a.example")), DGM_DONE);
    rig_close(&r);
}

/* Ended by its owner in every phase: while a name is looked up, while it connects, while it waits for an answer. */
static void test_cancel(void **state)
{
    (void)state;
    for (int phase = 0; phase < 3; phase++) {
        struct rig r;
        rig_open(&r, "127.0.0.1");
        r.mute = true;
        r.answers[0][0] = "127.0.0.1";
        assert_int_equal(begin(&r, phase == 0 ? URLS("http://a.example", "http://b.example")
                                              : URLS("http://127.0.0.1")),
                         DGM_OK);
        if (phase == 2) {
            net_timer_start(r.worker.loop, &r.turn, 0);
            r.ended = true; /* one turn */
            net_loop_run(r.worker.loop);
        }
        gw_fetch_cancel(r.fetch);
        gw_fetch_cancel(r.fetch);
        assert_int_equal(r.worker.counters->fetches, 0);
        rig_close(&r);
    }
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    bool failed = true;
    size_t k = 0;
    while (failed) {
        struct rig r;
        rig_open(&r, "127.0.0.1");
        r.answers[0][0] = "127.0.0.1";
        r.memory.fail_at = r.memory.calls + ++k;
        enum dgm_rc rc = begin(&r, URLS("http://a.example", "http://127.0.0.1"));
        if (rc == DGM_OK) {
            net_timer_start(r.worker.loop, &r.turn, 0);
            net_loop_run(r.worker.loop);
        }
        failed = alloc_fail_failed(&r.memory);
        if (rc == DGM_OK && !failed)
            assert_int_equal(r.fail.id, DGM_ERR_NONE);
        r.memory.fail_at = 0;
        rig_close(&r);
        assert_true(k < 1000);
    }
    assert_true(k > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_rebinding),
        cmocka_unit_test(test_names_in_turn),
        cmocka_unit_test(test_gcs),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
