/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - tests of http/message: what a reader makes of whole messages, it makes of any cut. */
#include "http/message.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"
#include "support/http_case.h"
#include "support/http_run.h"

#define BODY_LIMIT (UINT64_C(100) * 1024 * 1024)

/* Read whole, cut everywhere and short of memory: always this log. */
static void check(const struct http_setup *s, struct dgm_str bytes, const char *expected)
{
    struct http_run whole = http_run_all(expected, s, bytes);
    http_run_failing(s, bytes, &whole);
    if (!dgm_str_eq(dgm_buf_str(&whole.log), dgm_str_c(expected)))
        fail_msg("expected:\n%s\n--- but got:\n%.*s", expected, (int)whole.log.n, whole.log.p);
    dgm_buf_dispose(&whole.log);
}

static const struct http_setup requests = {.kind = HTTP_REQUESTS};
static const struct http_setup answers = {.kind = HTTP_ANSWERS, .close = true};

#define CHECK(setup, bytes, expected) check((setup), DGM_STR(bytes), (expected))

/* ---- requests -------------------------------------------------------------------------------- */

static void test_corpus(void **state)
{
    (void)state;
    const struct http_setup s = {.limits = {.body_bytes = BODY_LIMIT}};
    struct http_cases cases = http_cases_load();
    assert_true(cases.n >= 60);
    for (size_t i = 0; i < cases.n; i++) {
        const struct http_case *c = &cases.at[i];
        struct http_run whole = http_run_all(c->name, &s, c->bytes);
        if (!dgm_str_ends(dgm_buf_str(&whole.log), dgm_str_c(c->outcome)) ||
            whole.complete != c->complete)
            fail_msg("%s: expected %u:%s, got %u and\n%.*s", c->name, c->complete, c->outcome,
                     whole.complete, (int)whole.log.n, whole.log.p);
        http_run_failing(&s, c->bytes, &whole);
        dgm_buf_dispose(&whole.log);
    }
    http_cases_free(&cases);
}

static void test_request(void **state)
{
    (void)state;
    CHECK(&requests,
          "POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nX-A:  \t b \t c \t\r\nX-Empty:\r\n"
          "CONTENT-length: 5\r\n\r\nhello",
          "head POST method=POST target=/a?b=c host=x:1 status=0 minor=1 sized 5 keep\n"
          " [Host =x:1 ]\n [X-A =b \t c ]\n [X-Empty = ]\n [CONTENT-length =5 ]\n"
          "hello<end, keep>\nok");
    CHECK(&requests, "GET / HTTP/1.0\r\n\r\nrest",
          "head GET method=GET target=/ host= status=0 minor=0 none 0 close\n<end, close>\ndone");
    CHECK(&requests, "QUERY / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
          "head QUERY method= target=/ host=a status=0 minor=1 sized 0 keep\n"
          " [Host =a ]\n [Content-Length =0 ]\n<end, keep>\nok");
    CHECK(&requests, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
          "head OPTIONS method=OPTIONS target=* host=a status=0 minor=1 none 0 keep\n"
          " [Host =a ]\n<end, keep>\nok");
}

/* HTTP/0.9 is found out at the end of its line, whatever stands behind it. */
static void test_no_version(void **state)
{
    (void)state;
    CHECK(&requests, "GET /a\r\n", "HTTP_VERSION");
    CHECK(&requests, "GET /a\r\n\t\n", "HTTP_VERSION");
    CHECK(&requests, "GET /a\r\n :\r\n\r\n", "HTTP_VERSION");
    CHECK(&requests, "GET /a\n", "HTTP_VERSION");
    CHECK(&requests, "GET /a\nHost: a\n\n", "HTTP_VERSION");
}

static void test_absolute_form(void **state)
{
    (void)state;
    CHECK(&requests, "GET HTTP://[::1]:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
          "head GET method=GET target=/a?b host=[::1]:80 status=0 minor=1 none 0 keep\n"
          " [Host =x ]\n<end, keep>\nok");
    CHECK(&requests, "GET https://x HTTP/1.1\r\nHost: y\r\n\r\n",
          "head GET method=GET target=/ host=x status=0 minor=1 none 0 keep\n"
          " [Host =y ]\n<end, keep>\nok");
    CHECK(&requests, "GET http:///a HTTP/1.1\r\nHost: y\r\n\r\n", "HTTP_HOST");
}

static void test_pipeline(void **state)
{
    (void)state;
    CHECK(&requests,
          "\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5;x=y;z=\"q\"\r\nhello\r\n00B\r\n, my\r\n worl\r\n1;q\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n"
          "\r\nGET / HTTP/1.1\r\nHost: b\r\nConnection: x, Close\r\n\r\nGET",
          "head POST method=POST target=/ host=a status=0 minor=1 chunked 0 keep\n"
          " [Host =a ]\n [Transfer-Encoding =chunked ]\nhello, my\r\n world<end, keep>\n"
          "head GET method=GET target=/ host=b status=0 minor=1 none 0 close\n"
          " [Host =b ]\n [Connection =x, Close ]\n<end, close>\ndone");
}

static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *version, *connection;
        bool keep;
    } rows[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.1", "Connection: \"close\"\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", false},
        {"1.0", "Connection: foo,\tkeep-alive ,bar\r\n", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", rows[i].version,
                         rows[i].connection);
        struct dgm_str bytes = {text, (size_t)n};
        struct http_run whole = http_run_all(text, &requests, bytes);
        assert_int_equal(whole.complete, 1);
        assert_int_equal(whole.rc, rows[i].keep ? DGM_MORE : DGM_DONE);
        dgm_buf_dispose(&whole.log);
    }
}

/* An upgrade is ignored, and what stands behind the request is the next request. */
static void test_upgrade(void **state)
{
    (void)state;
    CHECK(&requests,
          "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
          "Content-Length: 2\r\n\r\nab"
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
          "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
          "head POST method=POST target=/ host=a status=0 minor=1 sized 2 keep\n [Host =a ]\n"
          " [Connection =Upgrade ]\n [Upgrade =h2c ]\n [Content-Length =2 ]\nab<end, keep>\n"
          "head GET method=GET target=/ host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          " [Connection =Upgrade ]\n [Upgrade =h2c ]\n<end, keep>\n"
          "head GET method=GET target=/b host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          "<end, keep>\nok");
}

static void test_expect(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool expects;
    } rows[] = {
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n", true},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
         true},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nHost: a\r\nExpect: anything\r\nContent-Length: 2\r\n\r\n", false},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_run run = http_run_begin(&requests, &dgm_alloc_libc);
        http_run_feed(&run, dgm_str_c(rows[i].head));
        assert_int_equal(run.reader.head.expects_continue, rows[i].expects);
        http_run_end(&run, &requests);
        dgm_buf_dispose(&run.log);
    }
    CHECK(&requests, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, b\r\n\r\n", "EXPECTATION");
    CHECK(&requests,
          "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
          "EXPECTATION");
}

/* Between messages, in a head, in a body: what a gateway's deadlines go by. */
static void test_places(void **state)
{
    (void)state;
    struct http_run run = http_run_begin(&requests, &dgm_alloc_libc);
    http_run_feed(&run, DGM_STR("\r\n"));
    assert_false(http_reader_in_head(&run.reader) || http_reader_in_body(&run.reader));
    http_run_feed(&run, DGM_STR("P"));
    assert_true(http_reader_in_head(&run.reader));
    http_run_feed(&run, DGM_STR("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r"));
    assert_true(http_reader_in_head(&run.reader));
    http_reader_rest(&run.reader); /* nothing happens */
    http_run_feed(&run, DGM_STR("\n"));
    assert_true(http_reader_in_body(&run.reader) && !http_reader_in_head(&run.reader));
    http_run_feed(&run, DGM_STR("ab"));
    assert_int_equal(http_reader_body_bytes(&run.reader), 2);
    http_run_feed(&run, DGM_STR("c"));
    assert_int_equal(run.complete, 1);
    assert_int_equal(http_reader_body_bytes(&run.reader), 3);
    assert_true(dgm_str_eq(http_head_get(&run.reader.head, DGM_STR("HOST")), DGM_STR("a")));
    http_run_end(&run, &requests);
    dgm_buf_dispose(&run.log);
}

/* An idle connection holds no memory, and goes on. */
static void test_rest(void **state)
{
    (void)state;
    struct alloc_fail alloc;
    alloc_fail_init(&alloc, 0);
    struct http_run run = http_run_begin(&requests, &alloc.alloc);
    assert_int_equal(alloc.live_blocks, 0);
    for (unsigned i = 1; i <= 3; i++) {
        http_run_feed(&run, DGM_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_int_equal(run.complete, i);
        assert_true(alloc.live_blocks > 0);
        http_reader_rest(&run.reader);
        assert_int_equal(alloc.live_blocks, 0);
        assert_int_equal(run.reader.head.headers, 0);
    }
    http_run_end(&run, &requests);
    alloc_fail_done(&alloc, "reader");
    dgm_buf_dispose(&run.log);
}

static void test_finish(void **state)
{
    (void)state;
    const struct http_setup s = {.kind = HTTP_REQUESTS, .close = true};
    CHECK(&s, "", "done");
    CHECK(&s, "\r\n", "done");
    CHECK(&s, "G", "HTTP_SYNTAX");
    CHECK(&s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
          "head GET method=GET target=/ host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          "<end, keep>\ndone");
    CHECK(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
          "head POST method=POST target=/ host=a status=0 minor=1 sized 3 keep\n [Host =a ]\n"
          " [Content-Length =3 ]\nabHTTP_SYNTAX");
}

/* ---- ceilings -------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    (void)state;
    const struct http_setup head = {.limits = {.head_bytes = 40}};
    CHECK(&head, "GET / HTTP/1.1\r\nHost: a\r\nX: 012345678\r\n\r\n", "HEAD_LARGE");
    CHECK(&head, "GET / HTTP/1.1\r\nHost: a\r\nX: 01234567\r\n\r\n",
          "head GET method=GET target=/ host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          " [X =01234567 ]\n<end, keep>\nok");
    CHECK(&head, "GET /01234567890123456789012345678901234567890123456789", "TARGET_LONG");

    const struct http_setup target = {.limits = {.target_bytes = 5}};
    CHECK(&target, "GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n", "TARGET_LONG");
    CHECK(&target, "GET /1234 HTTP/1.1\r\nHost: a\r\n\r\n",
          "head GET method=GET target=/1234 host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          "<end, keep>\nok");

    const struct http_setup headers = {.limits = {.headers = 2}};
    CHECK(&headers, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n", "HEAD_LARGE");
    CHECK(&headers, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n",
          "head GET method=GET target=/ host=a status=0 minor=1 none 0 keep\n [Host =a ]\n"
          " [A =b ]\n<end, keep>\nok");
}

static void assert_too_large(const struct http_setup *s, struct dgm_str bytes, const char *sentence)
{
    struct http_run run = http_run_begin(s, &dgm_alloc_libc);
    struct dgm_fail fail;
    http_run_feed(&run, bytes);
    assert_int_equal(run.rc, DGM_E_LIMIT);
    http_reader_fail(&run.reader, &fail);
    assert_int_equal(dgm_error_status(fail.id), 413);
    assert_string_equal(fail.detail, sentence);
    http_run_end(&run, s);
    dgm_buf_dispose(&run.log);
}

#define SIZED_HEAD "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
#define CHUNKED_HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static void test_body_limit(void **state)
{
    (void)state;
    const struct http_setup s = {.limits = {.body_bytes = 8}};
    static const char chunked_log[] =
        "head POST method=POST target=/ host=a status=0 minor=1 chunked 0 keep\n [Host =a ]\n"
        " [Transfer-Encoding =chunked ]\n";
    char log[256];

    CHECK(&s, SIZED_HEAD "9\r\n\r\n012345678",
          "head POST method=POST target=/ host=a status=0 minor=1 sized 9 keep\n [Host =a ]\n"
          " [Content-Length =9 ]\nBODY_LARGE");
    CHECK(&s, SIZED_HEAD "8\r\n\r\n01234567",
          "head POST method=POST target=/ host=a status=0 minor=1 sized 8 keep\n [Host =a ]\n"
          " [Content-Length =8 ]\n01234567<end, keep>\nok");
    snprintf(log, sizeof(log), "%s01234BODY_LARGE", chunked_log);
    CHECK(&s, CHUNKED_HEAD "5\r\n01234\r\n4\r\n5678\r\n0\r\n\r\n", log);
    snprintf(log, sizeof(log), "%s01234567<end, keep>\nok", chunked_log);
    CHECK(&s, CHUNKED_HEAD "5\r\n01234\r\n3\r\n567\r\n0\r\n\r\n", log);

    assert_too_large(&s, DGM_STR(SIZED_HEAD "18446744073709551615\r\n\r\n"),
                     "The body has 18446744073709551615 bytes; the limit in bytes is 8");
    assert_too_large(&s, DGM_STR(CHUNKED_HEAD "5\r\n01234\r\n4\r\n"),
                     "The body has at least 9 bytes; the limit in bytes is 8");
}

/* The reader keeps a head and nothing else, however much comes. */
static void test_bounded(void **state)
{
    (void)state;
    struct alloc_fail alloc;
    alloc_fail_init(&alloc, 0);
    struct http_run run = http_run_begin(&requests, &alloc.alloc);
    char piece[4096];
    memset(piece, 'x', sizeof(piece));
    http_run_feed(&run, DGM_STR(SIZED_HEAD "1000000\r\n\r\n"));
    size_t before = alloc.live_bytes;
    for (size_t i = 0; i < 200; i++) {
        http_run_feed(&run, (struct dgm_str){piece, sizeof(piece)});
        run.log.n = 0;
    }
    assert_int_equal(alloc.live_bytes, before);
    assert_int_equal(http_reader_body_bytes(&run.reader), 200 * sizeof(piece));
    http_run_end(&run, &requests);
    alloc_fail_done(&alloc, "reader");
    dgm_buf_dispose(&run.log);

    alloc_fail_init(&alloc, 0);
    run = http_run_begin(&requests, &alloc.alloc);
    http_run_feed(&run, DGM_STR("GET / HTTP/1.1\r\nHost: "));
    for (size_t i = 0; i < 200; i++)
        http_run_feed(&run, (struct dgm_str){piece, sizeof(piece)});
    assert_int_equal(run.rc, DGM_E_LIMIT);
    http_run_end(&run, &requests);
    assert_true(alloc.peak_bytes <
                (size_t)256 * 1024); /* 64 KiB, while it moves to twice its size */
    alloc_fail_done(&alloc, "reader");
    dgm_buf_dispose(&run.log);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void test_answer(void **state)
{
    (void)state;
    CHECK(&answers, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
          "head  method= target= host= status=200 minor=1 sized 2 keep\n"
          " [Content-Length =2 ]\nab<end, keep>\ndone");
    CHECK(&answers, "HTTP/1.1 429 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
          "head  method= target= host= status=429 minor=1 chunked 0 keep\n"
          " [Transfer-Encoding =chunked ]\nab<end, keep>\ndone");
    CHECK(&answers, "HTTP/1.0 200 OK\r\n\r\nab",
          "head  method= target= host= status=200 minor=0 to-close 0 close\n"
          "ab<end, close>\ndone");
    CHECK(&answers, "HTTP/1.1 200 OK\r\n\r\n",
          "head  method= target= host= status=200 minor=1 to-close 0 close\n<end, close>\ndone");
    CHECK(&answers,
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
          "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
          "head  method= target= host= status=204 minor=1 none 0 keep\n<end, keep>\n"
          "head  method= target= host= status=200 minor=1 sized 1 keep\n"
          " [Content-Length =1 ]\na<end, keep>\ndone");
}

/* RFC 9112 6.3, rule 1: these have no body whatever their headers say. */
static void test_answer_without_body(void **state)
{
    (void)state;
    const struct http_setup head = {
        .kind = HTTP_ANSWERS, .expect = HTTP_METHOD_HEAD, .close = true};
    CHECK(&head,
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n"
          "Transfer-Encoding: chunked\r\n\r\n",
          "head  method=HEAD target= host= status=200 minor=1 none 0 keep\n"
          " [Content-Length =5 ]\n<end, keep>\n"
          "head  method=HEAD target= host= status=200 minor=1 none 0 keep\n"
          " [Transfer-Encoding =chunked ]\n<end, keep>\ndone");
    CHECK(&answers,
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
          "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"
          "HTTP/1.1 177 What\r\nContent-Length: 5\r\n\r\n"
          "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
          "head  method= target= host= status=304 minor=1 none 0 keep\n"
          " [Content-Length =5 ]\n<end, keep>\n"
          "head  method= target= host= status=204 minor=1 none 0 keep\n"
          " [Content-Length =5 ]\n<end, keep>\ndone");
}

static void test_answer_broken(void **state)
{
    (void)state;
    CHECK(&answers, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
          "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
          "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
          "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 000 OK\r\n\r\n", "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/2.0 200 OK\r\n\r\n", "UPSTREAM_BROKEN");
    CHECK(&answers, "\r\nHTTP/1.1 200 OK\r\n\r\n", "UPSTREAM_BROKEN");
    CHECK(&answers, "\r\r\nHTTP/1.1", "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 200 OK\nA: b\n\n", "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 2000 OK\r\n\r\n", "UPSTREAM_BROKEN");
    CHECK(&answers, "<html>", "UPSTREAM_BROKEN");
    CHECK(&answers, "HTTP/1.1 200 OK\r\nContent-Le", "UPSTREAM_CUT");
    CHECK(&answers, "HTTP/1.1 100 Continue\r\n\r\n", "UPSTREAM_CUT");
    CHECK(&answers, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
          "head  method= target= host= status=200 minor=1 sized 3 keep\n"
          " [Content-Length =3 ]\nabUPSTREAM_CUT");
    CHECK(&answers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
          "head  method= target= host= status=200 minor=1 chunked 0 keep\n"
          " [Transfer-Encoding =chunked ]\nabUPSTREAM_CUT");

    char flood[20 * 25 + 1] = "";
    for (size_t i = 0; i < 20; i++)
        memcpy(flood + i * 25, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    check(&answers, (struct dgm_str){flood, 20 * 25}, "UPSTREAM_BROKEN");
}

static void test_answer_limit(void **state)
{
    (void)state;
    const struct http_setup s = {
        .kind = HTTP_ANSWERS, .limits = {.body_bytes = 4, .head_bytes = 60}, .close = true};
    CHECK(&s, "HTTP/1.1 200 OK\r\n\r\n0123",
          "head  method= target= host= status=200 minor=1 to-close 0 close\n"
          "0123<end, close>\ndone");
    CHECK(&s, "HTTP/1.1 200 OK\r\n\r\n01234",
          "head  method= target= host= status=200 minor=1 to-close 0 close\n0123UPSTREAM_LARGE");
    CHECK(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n01234",
          "head  method= target= host= status=200 minor=1 sized 5 keep\n"
          " [Content-Length =5 ]\nUPSTREAM_LARGE");
    CHECK(&s, "HTTP/1.1 200 OK\r\nA: 0123456789012345678901234567890123456789\r\n\r\n",
          "UPSTREAM_LARGE");
}

static void test_methods(void **state)
{
    (void)state;
#define METHOD(name, safe, body)                                                                   \
    assert_int_equal(http_method_find(DGM_STR(#name)), HTTP_METHOD_##name);                        \
    assert_true(dgm_str_eq(http_method_name(HTTP_METHOD_##name), DGM_STR(#name)));
#include "http/method.def"
#undef METHOD
    static const char *const known[] = {"GET",  "HEAD", "OPTIONS", "TRACE",
                                        "POST", "PUT",  "PATCH",   "DELETE"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_not_equal(http_method_find(dgm_str_c(known[i])), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_find(DGM_STR("get")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_find(DGM_STR("")), HTTP_METHOD_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),        cmocka_unit_test(test_request),
        cmocka_unit_test(test_no_version),    cmocka_unit_test(test_absolute_form),
        cmocka_unit_test(test_pipeline),      cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_upgrade),       cmocka_unit_test(test_expect),
        cmocka_unit_test(test_places),        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_finish),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_body_limit),    cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_answer),        cmocka_unit_test(test_answer_without_body),
        cmocka_unit_test(test_answer_broken), cmocka_unit_test(test_answer_limit),
        cmocka_unit_test(test_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
