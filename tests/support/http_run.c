/* SPDX-License-Identifier: Apache-2.0 */
/* http_run.c - one connection read by http/message, whole, cut everywhere and short of memory. */
#include "support/http_run.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

#define LOG_BYTES ((size_t)4 * 1024 * 1024)
#define CUT_ALL_BYTES 2048 /* messages up to this size are cut at every single place */

static const char *error_name(enum dgm_error error)
{
    switch (error) {
#define ERROR(id, number, status, type, code, sentence)                                            \
    case DGM_ERR_##id:                                                                             \
        return #id;
#include <dragoman/errors.def>
#undef ERROR
    }
    return "?";
}

static void log_c(struct http_run *run, const char *s)
{
    dgm_buf_put(&run->log, dgm_str_c(s));
}

static void log_word(struct http_run *run, const char *name, struct dgm_str value)
{
    log_c(run, name);
    dgm_buf_put(&run->log, value);
    log_c(run, " ");
}

static void log_head(struct http_run *run)
{
    static const char *const framings[] = {"none", "sized", "chunked", "to-close"};
    const struct http_head *h = &run->reader.head;
    struct dgm_str name, value;
    log_word(run, "head ", h->method_name);
    log_word(run, "method=", http_method_name(h->method));
    log_word(run, "target=", h->target);
    log_word(run, "host=", h->host);
    log_c(run, "status=");
    dgm_buf_put_int(&run->log, h->status);
    log_c(run, " minor=");
    dgm_buf_put_int(&run->log, h->minor);
    log_word(run, " ", dgm_str_c(framings[h->framing]));
    dgm_buf_put_int(&run->log, (int64_t)h->length);
    log_c(run, h->keep_alive ? " keep" : " close");
    log_c(run, h->expects_continue ? " expects\n" : "\n");
    for (size_t i = 0; http_head_at(h, i, &name, &value); i++) {
        log_word(run, " [", name);
        log_word(run, "=", value);
        log_c(run, "]\n");
    }
    assert_false(http_head_at(h, h->headers, &name, &value));
}

static void log_event(struct http_run *run, const struct http_event *e)
{
    switch (e->kind) {
    case HTTP_EV_HEAD:
        assert_false(run->in_body);
        assert_true(http_reader_in_body(&run->reader));
        log_head(run);
        run->in_body = true;
        return;
    case HTTP_EV_BODY:
        assert_true(run->in_body && e->body.n != 0);
        dgm_buf_put(&run->log, e->body);
        return;
    case HTTP_EV_END:
        assert_true(run->in_body);
        assert_false(http_reader_in_body(&run->reader) || http_reader_in_head(&run->reader));
        log_c(run, run->reader.head.keep_alive ? "<end, keep>\n" : "<end, close>\n");
        run->in_body = false;
        run->complete++;
        return;
    }
}

void http_run_feed(struct http_run *run, struct dgm_str piece)
{
    if (run->rc != DGM_MORE)
        return;
    char *block = malloc(piece.n ? piece.n : 1);
    assert_non_null(block);
    if (piece.n)
        memcpy(block, piece.p, piece.n);
    struct dgm_str in = {block, piece.n};
    struct http_event e;
    while ((run->rc = http_reader_next(&run->reader, &in, &e)) == DGM_EVENT) {
        assert_true(in.p >= block && in.p + in.n == block + piece.n);
        assert_true(e.kind != HTTP_EV_BODY ||
                    (e.body.p >= block && e.body.p + e.body.n <= block + piece.n));
        log_event(run, &e);
    }
    assert_true(run->rc != DGM_MORE || in.n == 0);
    free(block);
}

struct http_run http_run_begin(const struct http_setup *s, const struct dgm_alloc *alloc)
{
    struct http_run run = {.rc = DGM_MORE};
    dgm_buf_init(&run.log, &dgm_alloc_libc, LOG_BYTES);
    http_reader_init(&run.reader, s->kind, &s->limits, alloc);
    http_reader_expect(&run.reader, s->expect);
    return run;
}

static const char *outcome_name(const struct http_run *run, bool open)
{
    if (run->rc < 0)
        return error_name(run->error);
    return run->rc == DGM_DONE ? "done" : open ? "more" : "ok";
}

void http_run_end(struct http_run *run, const struct http_setup *s)
{
    struct http_event e;
    struct dgm_fail fail;
    if (s->close && run->rc == DGM_MORE) {
        run->rc = http_reader_finish(&run->reader, &e);
        if (run->rc == DGM_EVENT) {
            log_event(run, &e);
            run->rc = http_reader_finish(&run->reader, &e);
        }
    }
    http_reader_fail(&run->reader, &fail);
    run->error = fail.id;
    assert_int_equal(run->rc < 0, fail.id != DGM_ERR_NONE);
    if (run->rc < 0) { /* sticky */
        struct dgm_str more = DGM_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(http_reader_next(&run->reader, &more, &e), run->rc);
        assert_int_equal(http_reader_finish(&run->reader, &e), run->rc);
    }
    bool open = http_reader_in_head(&run->reader) || http_reader_in_body(&run->reader);
    log_c(run, outcome_name(run, open));
    assert_int_equal(run->log.rc, DGM_OK);
    http_reader_dispose(&run->reader);
    http_reader_dispose(&run->reader);
}

static void assert_same(const char *what, size_t cut, struct http_run *run,
                        const struct http_run *whole)
{
    if (!dgm_str_eq(dgm_buf_str(&run->log), dgm_buf_str(&whole->log)))
        fail_msg("%s, cut %zu:\n%.*s\n--- but whole:\n%.*s", what, cut, (int)run->log.n, run->log.p,
                 (int)whole->log.n, whole->log.p);
    dgm_buf_dispose(&run->log);
}

struct http_run http_run_all(const char *what, const struct http_setup *s, struct dgm_str bytes)
{
    static const size_t sizes[] = {1, 2, 3, 7, 64, 4095};
    struct http_run whole = http_run_begin(s, &dgm_alloc_libc);
    http_run_feed(&whole, bytes);
    http_run_end(&whole, s);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct http_run run = http_run_begin(s, &dgm_alloc_libc);
        for (struct dgm_str rest = bytes; rest.n != 0; rest = dgm_str_skip(rest, sizes[i])) {
            http_run_feed(&run, dgm_str_head(rest, sizes[i]));
            http_run_feed(&run, DGM_STR(""));
        }
        http_run_end(&run, s);
        assert_same(what, sizes[i], &run, &whole);
    }
    for (size_t cut = 1; cut < bytes.n && bytes.n <= CUT_ALL_BYTES; cut++) {
        struct http_run run = http_run_begin(s, &dgm_alloc_libc);
        http_run_feed(&run, dgm_str_head(bytes, cut));
        http_run_feed(&run, dgm_str_skip(bytes, cut));
        http_run_end(&run, s);
        assert_same(what, cut, &run, &whole);
    }
    return whole;
}

/*
 * Reads it with the k-th allocation failing, for every k: it ends in NO_MEMORY and leaks nothing.
 */
void http_run_failing(const struct http_setup *s, struct dgm_str bytes,
                      const struct http_run *whole)
{
    for (size_t k = 1;; k++) {
        struct alloc_fail alloc;
        alloc_fail_init(&alloc, k);
        struct http_run run = http_run_begin(s, &alloc.alloc);
        http_run_feed(&run, bytes);
        bool failed = alloc_fail_failed(&alloc);
        http_run_end(&run, s);
        alloc_fail_done(&alloc, "reader");
        if (failed)
            assert_int_equal(run.error, DGM_ERR_NO_MEMORY);
        else
            assert_true(dgm_str_eq(dgm_buf_str(&run.log), dgm_buf_str(&whole->log)));
        dgm_buf_dispose(&run.log);
        if (!failed)
            return;
    }
}
