/* SPDX-License-Identifier: Apache-2.0 */
/* sse.c - tests of base/sse, against a decoder that is simple because it has the whole stream. */
#include "base/sse.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

enum { MAX_EVENTS = 200, MAX_TEXT = 4096 };

/* What came out of a stream. */
struct log {
    size_t n;
    struct {
        struct dgm_str data; /* into `text` */
        bool raw, cut;
    } events[MAX_EVENTS];
    char text[MAX_TEXT];
    size_t text_bytes;
    enum dgm_rc rc;
};

static void log_event(struct log *log, struct dgm_str data, bool raw, bool cut)
{
    assert_true(log->n < MAX_EVENTS && data.n <= MAX_TEXT - log->text_bytes);
    assert_non_null(data.p);
    char *to = log->text + log->text_bytes;
    if (data.n)
        memcpy(to, data.p, data.n);
    log->text_bytes += data.n;
    log->events[log->n].data = (struct dgm_str){to, data.n};
    log->events[log->n].raw = raw;
    log->events[log->n++].cut = cut;
}

static void assert_same(const struct log *got, const struct log *expected)
{
    assert_int_equal(got->rc, expected->rc);
    assert_int_equal(got->n, expected->n);
    for (size_t i = 0; i < got->n; i++) {
        assert_true(dgm_str_eq(got->events[i].data, expected->events[i].data));
        assert_int_equal(got->events[i].raw, expected->events[i].raw);
        assert_int_equal(got->events[i].cut, expected->events[i].cut);
    }
}

/* ---- the reference ---- */

struct reference {
    struct log *log;
    char data[MAX_TEXT];
    size_t n, max;
    bool open, raw, cut;
};

static void reference_dispatch(struct reference *r)
{
    if (r->open)
        log_event(r->log, (struct dgm_str){r->data, r->n}, r->raw, r->cut);
    r->open = r->raw = r->cut = false;
    r->n = 0;
}

static void reference_add(struct reference *r, const char *p, size_t n, bool raw, bool cut)
{
    if (r->open && r->raw != raw)
        reference_dispatch(r);
    if (r->open)
        r->data[r->n++] = '\n';
    memcpy(r->data + r->n, p, n);
    r->n += n;
    r->open = true;
    r->raw = raw;
    r->cut = cut;
    if (r->n > r->max)
        r->log->rc = DGM_E_LIMIT;
}

static void reference_line(struct reference *r, const char *p, size_t n, bool cut)
{
    if (n > r->max + 16)
        r->log->rc = DGM_E_LIMIT;
    else if (n == 0)
        reference_dispatch(r);
    else if (n == 4 && memcmp(p, "data", 4) == 0)
        reference_add(r, p, 0, false, cut);
    else if (n >= 6 && memcmp(p, "data: ", 6) == 0)
        reference_add(r, p + 6, n - 6, false, cut);
    else if (n >= 5 && memcmp(p, "data:", 5) == 0)
        reference_add(r, p + 5, n - 5, false, cut);
    else if (*p == '{' || *p == '[' || (r->open && r->raw && *p != ':'))
        reference_add(r, p, n, true, cut);
}

static void decode_by_reference(struct dgm_str s, size_t max, struct log *log)
{
    struct reference r = {.log = log, .max = max};
    *log = (struct log){.rc = DGM_DONE};
    if (s.n >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0)
        s = dgm_str_skip(s, 3);
    while (s.n != 0 && log->rc == DGM_DONE) {
        size_t n = 0;
        while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
            n++;
        reference_line(&r, s.p, n, n == s.n);
        size_t end = n < s.n ? (s.p[n] == '\r' && n + 1 < s.n && s.p[n + 1] == '\n' ? 2 : 1) : 0;
        s = dgm_str_skip(s, n + end);
    }
    if (log->rc == DGM_DONE)
        reference_dispatch(&r);
}

/* ---- the decoder ---- */

static void take_events(struct dgm_sse *d, struct dgm_str in, struct log *log)
{
    struct dgm_sse_event e;
    for (;;) {
        size_t before = in.n;
        log->rc = dgm_sse_next(d, &in, &e);
        assert_true(in.n <= before);
        if (log->rc != DGM_EVENT)
            break;
        log_event(log, e.data, e.raw, e.cut);
    }
    if (log->rc == DGM_MORE)
        assert_int_equal(in.n, 0);
}

static void finish(struct dgm_sse *d, struct log *log)
{
    struct dgm_sse_event e;
    while ((log->rc = dgm_sse_finish(d, &e)) == DGM_EVENT)
        log_event(log, e.data, e.raw, e.cut);
    assert_int_equal(dgm_sse_finish(d, &e), log->rc);
}

/* Decodes pieces of `step` bytes; each stands in memory of its own, which is gone before the next. */
static void decode(const struct dgm_alloc *alloc, struct dgm_str s, size_t max, size_t first,
                   size_t step, struct log *log)
{
    struct dgm_sse d;
    *log = (struct log){.rc = DGM_MORE};
    dgm_sse_init(&d, alloc, max);
    for (size_t n = first; s.n != 0 && log->rc == DGM_MORE; n = step) {
        struct dgm_str piece = dgm_str_head(s, n);
        char *copy = malloc(piece.n ? piece.n : 1);
        assert_non_null(copy);
        memcpy(copy, piece.p, piece.n);
        take_events(&d, (struct dgm_str){copy, piece.n}, log);
        free(copy);
        s = dgm_str_skip(s, piece.n);
    }
    if (log->rc == DGM_MORE)
        finish(&d, log);
    dgm_sse_dispose(&d);
    dgm_sse_dispose(&d);
}

static void check(struct dgm_str s, size_t max)
{
    static struct log expected, got;
    struct alloc_fail memory;
    decode_by_reference(s, max, &expected);
    alloc_fail_init(&memory, 0);
    for (size_t n = 1; n <= s.n + 1; n++) { /* every size of piece, every single cut */
        decode(&memory.alloc, s, max, n, n, &got);
        assert_same(&got, &expected);
        decode(&memory.alloc, s, max, n, s.n + 1, &got);
        assert_same(&got, &expected);
    }
    assert_true(memory.peak_bytes <= 2 * max + 16);
    alloc_fail_done(&memory, "dgm_sse");
}

/* ---- tests ---- */

static void assert_events(struct dgm_str s, size_t n, const char *const *expected)
{
    struct alloc_fail memory;
    static struct log got;
    alloc_fail_init(&memory, 0);
    decode(&memory.alloc, s, SIZE_MAX, s.n, s.n, &got);
    assert_int_equal(got.rc, DGM_DONE);
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n; i++) { /* "raw " and "cut " are put before the data */
        char text[200];
        snprintf(text, sizeof text, "%s%s%.*s", got.events[i].raw ? "raw " : "",
                 got.events[i].cut ? "cut " : "", (int)got.events[i].data.n, got.events[i].data.p);
        assert_string_equal(text, expected[i]);
    }
    alloc_fail_done(&memory, "dgm_sse");
    check(s, 1000);
}

#define EVENTS(stream, ...)                                                                        \
    do {                                                                                           \
        const char *const expected[] = {__VA_ARGS__, NULL};                                        \
        assert_events(DGM_STR(stream), sizeof expected / sizeof *expected - 1, expected);          \
    } while (0)

static void decodes_events(void **state)
{
    (void)state;
    EVENTS("data: one\n\ndata: two\n\n", "one", "two");
    EVENTS("data: one\r\n\r\ndata: two\r\n\r\n", "one", "two");
    EVENTS("data: one\r\rdata: two\r\r", "one", "two");
    EVENTS("data: one\r\n\rdata: two\n\r", "one", "two");
    EVENTS("\xef\xbb\xbf"
           "data: marked\n\n",
           "marked");
    EVENTS("data: a\ndata:b\ndata:  c\ndata\ndata:\n\n", "a\nb\n c\n\n");
    EVENTS("data\n\n", "");
    EVENTS("data: \n\n\n\ndata:\n\n", "", "");
    EVENTS(
        ": comment\nevent: x\nid: 1\nretry: 3\ndata: a\n: more\nnonsense\ndatax: y\n\nevent: only\n\n",
        "a");
    EVENTS("data: [DONE]\n\n", "[DONE]");
    EVENTS("data: {\"a\":1}\n\n", "{\"a\":1}");
}

static void ends_streams(void **state)
{
    (void)state;
    EVENTS("data: no blank line\n", "no blank line");
    EVENTS("data: no line end", "cut no line end");
    EVENTS("data: a\ndata: b", "cut a\nb");
    EVENTS("data: a\n: comment", "a");
    EVENTS("data: a\ndat", "a");
    EVENTS("data", "cut ");
    assert_events(DGM_STR(""), 0, NULL);
    assert_events(DGM_STR("\r\n\r\n"), 0, NULL);
    assert_events(DGM_STR(": comment"), 0, NULL);
    assert_events(DGM_STR("\xef\xbb"), 0, NULL);
}

static void delivers_raw_json(void **state)
{
    (void)state;
    EVENTS("data: a\n\n{\n  \"error\": {\n    \"code\": 499\n  }\n}\n", "a",
           "raw {\n  \"error\": {\n    \"code\": 499\n  }\n}");
    EVENTS("{\n}\n\ndata: b\n\n", "raw {\n}", "b");
    EVENTS("{\n}\ndata: b\n\n", "raw {\n}", "b"); /* ended by a field */
    EVENTS("data: a\n{\n}\n", "a", "raw {\n}");   /* ends an event without its blank line */
    EVENTS("data: a\n[\ndata: b\n{", "a", "raw [", "b", "raw cut {");
    EVENTS("[{\r\n: keep-alive\r\n}]", "raw cut [{\n}]");
    EVENTS("{\"error\":{}}", "raw cut {\"error\":{}}");
    EVENTS("Bad gateway\n{}\n", "raw {}"); /* other lines are nothing */
    EVENTS("\xef\xbb\xbf{}\n", "raw {}");
}

/* All streams of a few tokens that matter, in every order. */
static void agrees_with_the_reference(void **state)
{
    (void)state;
    static const char *const tokens[] = {"\n", "\r", "data: a", "data",
                                         ":",  "{",  "x",       "\xef\xbb\xbf"};
    enum { KINDS = sizeof tokens / sizeof *tokens, LENGTH = 5 };
    size_t streams = 1;
    for (int i = 0; i < LENGTH; i++)
        streams *= KINDS;
    for (size_t number = 0; number < streams; number++) {
        char text[64];
        size_t n = 0;
        for (size_t rest = number, i = 0; i < LENGTH; i++, rest /= KINDS)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", tokens[rest % KINDS]);
        check((struct dgm_str){text, n}, 1000);
    }
}

static void holds_the_ceiling(void **state)
{
    (void)state;
    struct dgm_str streams[] = {
        DGM_STR("data: 12345\n\ndata: 123456\n\n"),
        DGM_STR("data: 12\ndata: 34\n\ndata: 12\ndata: 345\n\n"),
        DGM_STR("{2345\n\n{2\n45\n\n{2\n456"),
        DGM_STR(": a comment of 21 b.\n: a comment of 22 by.\ndata: never\n\n"),
        DGM_STR("data: 123456789012345678901234567890"),
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        for (size_t max = 0; max < 12; max++)
            check(streams[i], max);
}

static void crosses_search_windows(void **state)
{
    (void)state;
    static char text[4000];
    struct dgm_str s = {text, sizeof text};
    for (size_t n = 1000; n < 2100; n++) {
        static struct log expected, got;
        memset(text, 'a', sizeof text);
        memcpy(text, "data: ", 6);
        memcpy(text + n, n % 2 ? "\n\n" : "\r\r", 2);
        struct alloc_fail memory;
        alloc_fail_init(&memory, 0);
        decode_by_reference(s, SIZE_MAX / 2, &expected);
        decode(&memory.alloc, s, SIZE_MAX / 2, sizeof text, 1, &got);
        assert_same(&got, &expected);
        assert_int_equal(got.n, 1);
    }
}

static void does_not_copy_what_came_whole(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_sse d;
    struct dgm_sse_event e;
    struct dgm_str in = DGM_STR("data: one\n\n: c\ndata: two\r\n\r\n");
    const char *begin = in.p;
    alloc_fail_init(&memory, 1);
    dgm_sse_init(&d, &memory.alloc, 100);
    assert_int_equal(dgm_sse_next(&d, &in, &e), DGM_EVENT);
    assert_ptr_equal(e.data.p, begin + 6);
    assert_int_equal(dgm_sse_next(&d, &in, &e), DGM_EVENT);
    assert_ptr_equal(e.data.p, begin + 21);
    assert_int_equal(dgm_sse_next(&d, &in, &e), DGM_MORE);
    assert_int_equal(memory.calls, 0);
    dgm_sse_dispose(&d);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    struct dgm_str s = DGM_STR("data: a\ndata: b\n\ndata: c\n{\n}\ndata: d\n\n{\n}\n\ndata: e");
    static struct log expected, got;
    decode_by_reference(s, 400, &expected);
    for (size_t step = 1; step <= s.n; step++)
        for (size_t k = 1;; k++) {
            struct alloc_fail memory;
            alloc_fail_init(&memory, k);
            decode(&memory.alloc, s, 400, step, step, &got);
            alloc_fail_done(&memory, "dgm_sse");
            if (!alloc_fail_failed(&memory)) {
                assert_same(&got, &expected);
                break;
            }
            assert_int_equal(got.rc, DGM_E_NOMEM);
            for (size_t i = 0; i < got.n; i++) /* and nothing wrong before */
                assert_true(dgm_str_eq(got.events[i].data, expected.events[i].data));
        }
}

static void errors_stick(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_sse d;
    struct dgm_sse_event e = {.data = DGM_STR("untouched")};
    struct dgm_str in = DGM_STR("data: 12345678901234567890123456789\n\ndata: x\n\n");
    alloc_fail_init(&memory, 0);
    dgm_sse_init(&d, &memory.alloc, 4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dgm_sse_next(&d, &in, &e), DGM_E_LIMIT);
    assert_int_equal(dgm_sse_finish(&d, &e), DGM_E_LIMIT);
    assert_true(dgm_str_eq(e.data, DGM_STR("untouched")));
    dgm_sse_dispose(&d);
    alloc_fail_done(&memory, "dgm_sse");

    struct dgm_sse zeroed = {0};
    dgm_sse_dispose(&zeroed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_events),
        cmocka_unit_test(ends_streams),
        cmocka_unit_test(delivers_raw_json),
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(holds_the_ceiling),
        cmocka_unit_test(crosses_search_windows),
        cmocka_unit_test(does_not_copy_what_came_whole),
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(errors_stick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
