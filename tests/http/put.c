/* SPDX-License-Identifier: Apache-2.0 */
/* put.c - tests of http/put; what it puts is read back by http/message. */
#include "http/put.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/message.h"
#include "support/alloc_fail.h"

static struct dgm_buf buf;

static int setup(void **state)
{
    (void)state;
    dgm_buf_init(&buf, &dgm_alloc_libc, (size_t)1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dgm_buf_dispose(&buf);
    return 0;
}

static void assert_put(struct dgm_str expected)
{
    assert_int_equal(buf.rc, DGM_OK);
    assert_int_equal(buf.n, expected.n);
    if (expected.n)
        assert_memory_equal(buf.p, expected.p, expected.n);
    dgm_buf_clear(&buf);
}

#define ASSERT_PUT(literal) assert_put(DGM_STR(literal))

static void test_status(void **state)
{
    (void)state;
    http_put_status(&buf, 200);
    ASSERT_PUT("HTTP/1.1 200 OK\r\n");
    http_put_status(&buf, 599);
    ASSERT_PUT("HTTP/1.1 599 \r\n");
    http_put_continue(&buf);
    ASSERT_PUT("HTTP/1.1 100 Continue\r\n\r\n");
}

/* Every status an error of ours can have is one with a reason. */
static void test_reasons(void **state)
{
    (void)state;
#define ERROR(id, number, status, type, code, sentence)                                            \
    assert_true(http_status_reason(status).n != 0);
#include <dragoman/errors.def>
#undef ERROR
    int last = 0;
#define STATUS(code, phrase)                                                                       \
    assert_true((code) > last && (code) >= 100 && (code) <= 999);                                  \
    assert_true(dgm_str_eq(http_status_reason(code), DGM_STR(phrase)));                            \
    last = (code);
#include "http/status.def"
#undef STATUS
}

/* RFC 9110 15, RFC 6585, and nginx's own. */
static void test_each_reason(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *reason;
    } wanted[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!dgm_str_eq(http_status_reason(wanted[i].status), dgm_str_c(wanted[i].reason)))
            fail_msg("%d %s", wanted[i].status, wanted[i].reason);
}

static void test_header(void **state)
{
    (void)state;
    http_put_header_lit(&buf, "X-A", "b");
    ASSERT_PUT("X-A: b\r\n");
    http_put_header(&buf, DGM_STR("X-A"), DGM_STR(" \t b \tc \t"));
    ASSERT_PUT("X-A: b \tc\r\n");
    http_put_header(&buf, DGM_STR("X-A"), (struct dgm_str){0});
    ASSERT_PUT("X-A: \r\n");
    http_put_header(&buf, DGM_STR("X-A"), DGM_STR("b\r\nX-Evil: c\0\x7f\x01\xc3\xa4"));
    ASSERT_PUT("X-A: b??X-Evil: c???\xc3\xa4\r\n");
    http_put_header(&buf, DGM_STR("X-A"), DGM_STR("\r\n"));
    ASSERT_PUT("X-A: ??\r\n");
    http_put_header_int(&buf, DGM_STR("Age"), -5);
    ASSERT_PUT("Age: -5\r\n");
}

static void test_request(void **state)
{
    (void)state;
    http_put_request(&buf, DGM_STR("POST"), DGM_STR("/v1"), DGM_STR("/a:b?c=d"));
    ASSERT_PUT("POST /v1/a:b?c=d HTTP/1.1\r\n");
    http_put_request(&buf, DGM_STR("GET"), (struct dgm_str){0}, DGM_STR("/a b\r\n\0\xff\x7f"));
    ASSERT_PUT("GET /a%20b%0d%0a%00%ff%7f HTTP/1.1\r\n");
}

static void test_framing(void **state)
{
    (void)state;
    http_put_length(&buf, 0);
    http_put_length(&buf, 104857600);
    http_put_chunked(&buf);
    ASSERT_PUT("Content-Length: 0\r\nContent-Length: 104857600\r\nTransfer-Encoding: chunked\r\n");
    http_put_connection(&buf, true, 1);
    ASSERT_PUT("");
    http_put_connection(&buf, true, 0);
    ASSERT_PUT("Connection: keep-alive\r\n");
    http_put_connection(&buf, false, 0);
    http_put_connection(&buf, false, 1);
    ASSERT_PUT("Connection: close\r\nConnection: close\r\n");
}

static void test_chunks(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *line;
    } rows[] = {{1, "1\r\n"},
                {15, "f\r\n"},
                {16, "10\r\n"},
                {4096, "1000\r\n"},
                {0xabcdef, "abcdef\r\n"},
                {SIZE_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        http_put_chunk_open(&buf, rows[i].n);
        assert_true(buf.n <= HTTP_CHUNK_OPEN_MAX);
        assert_put(dgm_str_c(rows[i].line));
    }
    http_put_chunk(&buf, DGM_STR("hello"));
    http_put_chunk(&buf, DGM_STR("")); /* would end the body */
    http_put_last_chunk(&buf);
    ASSERT_PUT("5\r\nhello\r\n0\r\n\r\n");
}

static void test_date(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        const char *line;
    } rows[] = {
        {784111777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"}, /* RFC 9110 5.6.7 */
        {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
        {-1, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
        {951782399, "Date: Mon, 28 Feb 2000 23:59:59 GMT\r\n"},
        {951782400, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n"},
        {951868800, "Date: Wed, 01 Mar 2000 00:00:00 GMT\r\n"},
        {4107542399, "Date: Sun, 28 Feb 2100 23:59:59 GMT\r\n"},
        {4107542400, "Date: Mon, 01 Mar 2100 00:00:00 GMT\r\n"}, /* 2100 has no leap day */
        {1735689599, "Date: Tue, 31 Dec 2024 23:59:59 GMT\r\n"},
        {253402300799, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"},
        {INT64_MAX, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        http_put_date(&buf, rows[i].now);
        assert_put(dgm_str_c(rows[i].line));
    }
}

/* Every day from 1970 to 2200 against a calendar that counts days one by one. */
static void test_every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    int64_t days = 0;
    for (int year = 1970; year < 2200; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 0; month < 12; month++) {
            int length = lengths[month] + (month == 1 && leap);
            for (int day = 1; day <= length; day++, days++) {
                char line[64];
                snprintf(line, sizeof(line), "Date: %s, %02d %s %d 00:00:00 GMT\r\n",
                         weekdays[days % 7], day, months[month], year);
                http_put_date(&buf, days * 86400);
                assert_put(dgm_str_c(line));
            }
        }
    }
}

/* A head with the worst of values reads back as one head with just its own headers. */
static void test_round_trip(void **state)
{
    (void)state;
    char worst[256];
    for (size_t i = 0; i < sizeof(worst); i++)
        worst[i] = (char)i;
    http_put_status(&buf, 200);
    http_put_date(&buf, 784111777);
    http_put_header(&buf, DGM_STR("X-Worst"), (struct dgm_str){worst, sizeof(worst)});
    http_put_header(&buf, DGM_STR("X-Smuggle"), DGM_STR("a\r\nContent-Length: 5\r\n\r\n"));
    http_put_chunked(&buf);
    http_put_head_end(&buf);
    http_put_chunk(&buf, DGM_STR("hello"));
    http_put_last_chunk(&buf);
    assert_int_equal(buf.rc, DGM_OK);

    struct http_reader r;
    struct http_event e;
    struct dgm_str in = dgm_buf_str(&buf);
    http_reader_init(&r, HTTP_ANSWERS, NULL, &dgm_alloc_libc);
    assert_int_equal(http_reader_next(&r, &in, &e), DGM_EVENT);
    assert_int_equal(e.kind, HTTP_EV_HEAD);
    assert_int_equal(r.head.headers, 4);
    assert_int_equal(r.head.framing, HTTP_BODY_CHUNKED);
    assert_int_equal(http_head_get(&r.head, DGM_STR("x-worst")).n, sizeof(worst));
    assert_int_equal(http_reader_next(&r, &in, &e), DGM_EVENT);
    assert_true(dgm_str_eq(e.body, DGM_STR("hello")));
    assert_int_equal(http_reader_next(&r, &in, &e), DGM_EVENT);
    assert_int_equal(e.kind, HTTP_EV_END);
    assert_int_equal(in.n, 0);
    http_reader_dispose(&r);
}

static void put_everything(struct dgm_buf *b)
{
    http_put_status(b, 200);
    http_put_request(b, DGM_STR("GET"), (struct dgm_str){0}, DGM_STR("/a b"));
    http_put_header_lit(b, "X-A", "b");
    http_put_header_int(b, DGM_STR("X-B"), 1);
    http_put_date(b, 0);
    http_put_length(b, 1);
    http_put_chunked(b);
    http_put_connection(b, false, 1);
    http_put_head_end(b);
    http_put_continue(b);
    http_put_chunk(b, DGM_STR("hello"));
    http_put_last_chunk(b);
}

/* A full buffer or no memory: sticky, and nothing beyond the ceiling. */
static void test_failing(void **state)
{
    (void)state;
    put_everything(&buf);
    size_t all = buf.n;
    for (size_t max = 0; max <= all; max++) {
        struct dgm_buf b;
        dgm_buf_init(&b, &dgm_alloc_libc, max);
        put_everything(&b);
        assert_true(b.n <= max);
        assert_int_equal(b.rc, max < all ? DGM_E_LIMIT : DGM_OK);
        dgm_buf_dispose(&b);
    }
    for (size_t k = 1; k < 4; k++) {
        struct alloc_fail alloc;
        struct dgm_buf b;
        alloc_fail_init(&alloc, k);
        dgm_buf_init(&b, &alloc.alloc, (size_t)1 << 20);
        put_everything(&b);
        assert_int_equal(b.rc, alloc_fail_failed(&alloc) ? DGM_E_NOMEM : DGM_OK);
        dgm_buf_dispose(&b);
        alloc_fail_done(&alloc, "put");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_each_reason),
        cmocka_unit_test_setup_teardown(test_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_framing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_date, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
