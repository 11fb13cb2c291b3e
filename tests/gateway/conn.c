/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c - a connection and its exchanges, in this process: cut at every byte, with every allocation failing, and
 * with a client that leaves after every byte it gets.
 */
#include "gateway/conn.h"

#include "base/str.h"
#include "gateway/log.h"
#include "gateway/policy.h"
#include "support/alloc_fail.h"
#include "support/config_source.h"

#include <errno.h>
#include <fcntl.h>
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
#define ANSWER_MAX (1 << 20)

/* A worker without listeners, and one client at the other end of a socket pair. */
struct rig {
    struct alloc_fail memory;
    size_t once_at; /* the number of the one allocation that fails */
    bool once_failed;
    struct gw_config *config;
    struct gw_worker worker;
    struct gw_counters counters;
    struct net_watch *client;
    int client_fd;
    struct dgm_str unsent;
    size_t piece; /* bytes sent in a turn of the loop */
    struct net_timer send, give_up;
    char answer[ANSWER_MAX];
    size_t answer_n,
        leave_after; /* the client closes after so many bytes; 0: at the answer's end */
    bool ended;
};

static struct rig rig;

/* Memory that is short once, and there again. */
static void *resize_once(void *ctx, void *p, size_t old_n, size_t n)
{
    struct rig *r = ctx;
    if (n != 0 && r->once_at != 0 && --r->once_at == 0) {
        r->once_failed = true;
        return NULL;
    }
    return r->memory.alloc.resize(r->memory.alloc.ctx, p, old_n, n);
}

static void leave(struct rig *r)
{
    r->ended = true;
    net_timer_stop(&r->send);
    net_watch_close(r->client);
    r->worker.draining = true; /* then its last connection's end stops the loop */
    if (r->worker.conns == NULL)
        net_loop_stop(r->worker.loop);
}

static void on_answer(void *owner)
{
    struct rig *r = owner;
    size_t most = r->leave_after != 0 ? r->leave_after - r->answer_n : ANSWER_MAX - r->answer_n;
    ssize_t n = recv(r->client_fd, r->answer + r->answer_n, most, MSG_DONTWAIT);
    if (n > 0)
        r->answer_n += (size_t)n;
    bool over = n == 0 || (n < 0 && errno != EAGAIN); /* a reset counts */
    if (over || (r->leave_after != 0 && r->answer_n == r->leave_after))
        leave(r);
}

static void on_send(void *owner)
{
    struct rig *r = owner;
    struct dgm_str piece = dgm_str_head(r->unsent, r->piece);
    ssize_t n = send(r->client_fd, piece.p, piece.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        r->unsent = dgm_str_skip(r->unsent, (size_t)n);
    if (r->unsent.n != 0)
        net_timer_start(r->worker.loop, &r->send, 0);
}

static void on_give_up(void *owner)
{
    struct rig *r = owner;
    fail_msg("no end in sight after %zu bytes: %.*s", r->answer_n, (int)r->answer_n, r->answer);
}

struct plan {
    struct dgm_str request;
    size_t piece, leave_after;
    size_t fail_at,
        once_at; /* the k-th allocation and all after it fail; the k-th alone; 0: none */
};

/* Runs one plan. Returns whether an allocation failed; the answer is in rig.answer. */
static bool run(const struct plan *p)
{
    struct gw_config_source source = config_source(NULL);
    const struct dgm_str sets[] = {DGM_STR("emulator.first_ms=0"), DGM_STR("emulator.piece_ms=0"),
                                   DGM_STR("limits.body_mb=1")};
    struct gw_problems problems;
    source.sets = sets;
    source.sets_n = 3;
    rig = (struct rig){.unsent = p->request, .piece = p->piece, .leave_after = p->leave_after};
    assert_int_equal(gw_config_parse(&source, &rig.config, &problems), DGM_OK);

    alloc_fail_init(&rig.memory, 0);
    rig.worker = (struct gw_worker){
        .config = rig.config, .counters = &rig.counters, .alloc = {resize_once, &rig}};
    rig.worker.policy = gw_policy_new(rig.config, &dgm_alloc_libc);
    assert_non_null(rig.worker.policy);
    rig.worker.loop = net_loop_new(&rig.worker.alloc);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    rig.client_fd = fds[1];
    rig.client = net_watch_new(rig.worker.loop, fds[1], on_answer, &rig);
    assert_non_null(rig.client);
    net_timer_init(&rig.send, on_send, &rig);
    net_timer_init(&rig.give_up, on_give_up, &rig);
    net_timer_start(rig.worker.loop, &rig.give_up, GIVE_UP_MS);

    rig.memory.fail_at = p->fail_at != 0 ? rig.memory.calls + p->fail_at : 0;
    rig.once_at = p->once_at;
    gw_conn_new(&rig.worker, fds[0], NULL);
    net_timer_start(rig.worker.loop, &rig.send, 0);
    net_loop_run(rig.worker.loop);
    bool failed = alloc_fail_failed(&rig.memory) || rig.once_failed;
    rig.memory.fail_at = rig.once_at = 0;

    assert_true(rig.ended && rig.worker.conns == NULL);
    assert_int_equal(rig.worker.counters->connections, 0);
    assert_int_equal(rig.worker.counters->exchanges, 0);
    assert_int_equal(rig.worker.counters->calls, 0);
    assert_int_equal(rig.worker.counters->streams, 0);
    net_timer_stop(&rig.give_up);
    net_loop_free(rig.worker.loop);
    gw_policy_free(rig.worker.policy);
    alloc_fail_done(&rig.memory, "a connection");
    gw_config_free(rig.config);
    return failed;
}

/* ---- requests --------------------------------------------------------------------------------------- */

#define CHAT_BODY                                                                                  \
    "{\"model\":\"google/gemini-2.5-flash\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM_BODY                                                                                \
    "{\"model\":\"google/gemini-2.5-flash\",\"stream\":true,\"user\":\"me\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define POST                                                                                       \
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#define CLOSE "Connection: close\r\n"

static struct dgm_str sized(const char *head, const char *body, bool last)
{
    static char texts[8][2048];
    static size_t next;
    char *to = texts[next++ % 8];
    int n = snprintf(to, sizeof *texts, "%s%sContent-Length: %zu\r\n\r\n%s", head,
                     last ? CLOSE : "", strlen(body), body);
    return (struct dgm_str){to, (size_t)n};
}

static struct dgm_str answer(void)
{
    return (struct dgm_str){rig.answer, rig.answer_n};
}

static bool has(const char *text)
{
    struct dgm_str a = answer();
    return dgm_str_find(a, dgm_str_c(text)) < a.n;
}

static size_t count(const char *text)
{
    size_t n = 0, at;
    for (struct dgm_str a = answer(); (at = dgm_str_find(a, dgm_str_c(text))) < a.n; n++)
        a = dgm_str_skip(a, at + 1);
    return n;
}

/* A stream is whole, told broken, or visibly cut: never a well-ended body without [DONE] or an error. */
static void assert_honest(void)
{
    if (rig.answer_n == 0)
        return;
    assert_true(dgm_str_starts(answer(), DGM_STR("HTTP/1.1 ")));
    assert_true(has("x-request-id: "));
    if (!dgm_str_starts(answer(), DGM_STR("HTTP/1.1 200"))) {
        assert_true(dgm_str_starts(answer(), DGM_STR("HTTP/1.1 503")));
        return;
    }
    if (has("text/event-stream") && dgm_str_ends(answer(), DGM_STR("0\r\n\r\n")))
        assert_true(has("data: [DONE]") != has("\"error\""));
    if (has("Content-Length: "))
        assert_true(has("\"chat.completion\""));
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void test_whole(void **state)
{
    (void)state;
    run(&(struct plan){.request = sized(POST, CHAT_BODY, true), .piece = 4096});
    assert_true(dgm_str_starts(answer(), DGM_STR("HTTP/1.1 200")) && has("\"chat.completion\""));
    run(&(struct plan){.request = sized(POST, STREAM_BODY, true), .piece = 4096});
    assert_true(has("x-dragoman-ignored: user") && has("data: [DONE]"));
    assert_true(dgm_str_ends(answer(), DGM_STR("\r\n0\r\n\r\n")));
}

/* Two requests on one connection, a byte a turn and all at once: the same answers. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    static char both[4096];
    struct dgm_str first = sized(POST, STREAM_BODY, false), second = sized(POST, CHAT_BODY, true);
    memcpy(both, first.p, first.n);
    memcpy(both + first.n, second.p, second.n);
    struct dgm_str request = {both, first.n + second.n};

    run(&(struct plan){.request = request, .piece = sizeof both});
    size_t whole = rig.answer_n;
    assert_int_equal(count("HTTP/1.1 200"), 2);
    for (size_t piece = 1; piece < 40; piece = piece * 2 + 1) {
        run(&(struct plan){.request = request, .piece = piece});
        assert_int_equal(rig.answer_n, whole); /* ids and dates have a fixed length */
        assert_int_equal(count("HTTP/1.1 200"), 2);
    }
}

static void test_every_allocation_failing(void **state)
{
    (void)state;
    const char *const bodies[] = {CHAT_BODY, STREAM_BODY};
    for (size_t b = 0; b < 2; b++) {
        struct dgm_str request = sized(POST, bodies[b], true);
        size_t k = 1;
        while (run(&(struct plan){.request = request, .piece = 50, .fail_at = k++}))
            assert_honest();
        assert_true(k > 20);
        assert_true(has("data: [DONE]") || has("\"chat.completion\""));
    }
}

/* Short once: there is memory enough to say so, but where the connection itself could not be made. A stream that has begun is
 * cut, or ends as if nothing had been. */
static void test_each_allocation_failing_once(void **state)
{
    (void)state;
    const char *const bodies[] = {CHAT_BODY, STREAM_BODY};
    for (size_t b = 0; b < 2; b++) {
        struct dgm_str request = sized(POST, bodies[b], true);
        size_t runs = 0, told = 0, begun = 0;
        while (run(&(struct plan){.request = request, .piece = 50, .once_at = runs + 1})) {
            assert_honest();
            told += has("HTTP/1.1 503") && has("overloaded");
            begun += has("HTTP/1.1 200");
            runs++;
        }
        assert_true(told > 15);
        assert_true(told + begun + 3 >= runs);
    }
}

static void test_client_leaving_anywhere(void **state)
{
    (void)state;
    struct dgm_str request = sized(POST, STREAM_BODY, true);
    run(&(struct plan){.request = request, .piece = 4096});
    size_t whole = rig.answer_n;
    for (size_t n = 1; n < whole; n += 7)
        run(&(struct plan){.request = request, .piece = 4096, .leave_after = n});
}

static void test_refusals_end_or_keep(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status;
        size_t answers;
    } rows[] = {
        /* a small body behind a refusal is read, and the next request is answered */
        {"POST /nowhere HTTP/1.1\r\nHost: a.localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
         "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 404", 2},
        /* one that waits for a 100, or is large, is not */
        {"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
         "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
         "HTTP/1.1 404", 1},
        {"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
         "HTTP/1.1 404", 1},
        {POST "Content-Length: 1048577\r\n\r\n", "HTTP/1.1 413", 1},
        {POST "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n", "HTTP/1.1 413", 1},
        {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n", "HTTP/1.1 400", 1},
        {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nrubbish\r\n\r\n", "HTTP/1.1 200", 2},
        {"DELETE /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 405", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t piece = 1; piece < 100; piece += 90) {
            run(&(struct plan){.request = dgm_str_c(rows[i].request), .piece = piece});
            if (!dgm_str_starts(answer(), dgm_str_c(rows[i].status)) ||
                count("HTTP/1.1 ") != rows[i].answers)
                fail_msg("row %zu: %.*s", i, (int)rig.answer_n, rig.answer);
            assert_int_equal(count("x-request-id: "), rows[i].answers);
            assert_int_equal(count("Connection: close"), 1);
        }
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    gw_log_init(GW_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_every_allocation_failing),
        cmocka_unit_test(test_each_allocation_failing_once),
        cmocka_unit_test(test_client_leaving_anywhere),
        cmocka_unit_test(test_refusals_end_or_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
