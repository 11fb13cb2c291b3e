/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reading.h - what the fuzzers of HTTP messages share: a reader's whole run as text, in bounded
 * memory.
 */
#ifndef FUZZ_READING_H
#define FUZZ_READING_H

#include "base/str.h"
#include "http/message.h"

#include "property.h"

#include <string.h>

/* An allocator that counts. */
struct counter {
    struct dgm_alloc alloc;
    size_t live_bytes, peak_bytes;
};

static void *count_resize(void *ctx, void *p, size_t old_n, size_t n)
{
    struct counter *c = ctx;
    void *moved = dgm_alloc_libc.resize(dgm_alloc_libc.ctx, p, old_n, n);
    PROPERTY(moved || n == 0);
    c->live_bytes += n;
    c->peak_bytes = c->live_bytes > c->peak_bytes ? c->live_bytes : c->peak_bytes;
    c->live_bytes -= p ? old_n : 0;
    return moved;
}

/* How to read: the kind, the ceilings, and the size of the pieces (0: all at once). */
struct reading_setup {
    enum http_kind kind;
    struct http_limits limits;
    enum http_method expect;
    size_t piece;
};

/* What came out: everything that is equal however the input was cut. */
struct reading {
    struct http_reader reader; /* disposed; only its scalars are of use */
    struct dgm_buf log;
    enum dgm_rc rc;
    size_t taken; /* bytes up to the end of the last complete message */
};

/* Is called with the reader at each event of a run. */
typedef void reading_watch(void *ctx, const struct http_reader *, const struct http_event *,
                           size_t at);

static void reading_log(struct dgm_buf *log, const struct http_reader *r,
                        const struct http_event *e)
{
    struct dgm_str name, value;
    if (e->kind == HTTP_EV_BODY) {
        dgm_buf_put(log, e->body);
        return;
    }
    if (e->kind == HTTP_EV_END) {
        dgm_buf_put_lit(log, "\nend\n");
        return;
    }
    dgm_buf_put(log, r->head.method_name);
    dgm_buf_put_lit(log, " ");
    dgm_buf_put(log, r->head.target);
    dgm_buf_put_lit(log, " ");
    dgm_buf_put(log, r->head.host);
    const int64_t facts[] = {r->head.method,          r->head.status,     r->head.minor,
                             r->head.framing,         r->head.keep_alive, (int64_t)r->head.length,
                             r->head.expects_continue};
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        dgm_buf_put_lit(log, " ");
        dgm_buf_put_int(log, facts[i]);
    }
    for (size_t i = 0; http_head_at(&r->head, i, &name, &value); i++) {
        if (dgm_str_eq_nocase(name,
                              DGM_STR("host"))) /* stands above, and absolute-form overrides it */
            continue;
        dgm_buf_put_lit(log, "\n");
        dgm_buf_put(log, name);
        dgm_buf_put_lit(log, ": ");
        dgm_buf_put(log, value);
    }
    dgm_buf_put_lit(log, "\n\n");
}

/* Reads all of `bytes`, then the end of the connection. The log is the caller's to dispose. */
static struct reading reading_run(const struct reading_setup *s, struct dgm_str bytes,
                                  reading_watch *watch, void *ctx)
{
    struct counter counter = {.alloc = {.resize = count_resize, .ctx = &counter}};
    struct reading run = {.rc = DGM_MORE};
    struct http_event e;
    dgm_buf_init(&run.log, &dgm_alloc_libc, (size_t)64 << 20);
    http_reader_init(&run.reader, s->kind, &s->limits, &counter.alloc);
    http_reader_expect(&run.reader, s->expect);

    size_t step = s->piece ? s->piece : bytes.n;
    for (size_t at = 0; at < bytes.n && run.rc == DGM_MORE; at += step) {
        struct dgm_str in = dgm_str_head(dgm_str_skip(bytes, at), step);
        const char *end = in.p + in.n;
        while ((run.rc = http_reader_next(&run.reader, &in, &e)) == DGM_EVENT) {
            PROPERTY(in.p + in.n == end);
            if (e.kind == HTTP_EV_END)
                run.taken = (size_t)(in.p - bytes.p);
            reading_log(&run.log, &run.reader, &e);
            if (watch)
                watch(ctx, &run.reader, &e, (size_t)(in.p - bytes.p));
        }
        PROPERTY(run.rc != DGM_MORE || in.n == 0);
    }
    if (run.rc == DGM_MORE)
        run.rc = http_reader_finish(&run.reader, &e);
    if (run.rc == DGM_EVENT) {
        reading_log(&run.log, &run.reader, &e);
        run.rc = http_reader_finish(&run.reader, &e);
    }
    struct dgm_fail fail;
    http_reader_fail(&run.reader, &fail);
    dgm_buf_put_int(&run.log, run.rc);
    dgm_buf_put_lit(&run.log, " ");
    dgm_buf_put_int(&run.log, fail.id);
    PROPERTY(run.log.rc == DGM_OK);
    PROPERTY((run.rc < 0) == (fail.id != DGM_ERR_NONE));
    PROPERTY(run.rc < 0 || run.rc == DGM_DONE);

    /* A buffer that grows is there twice while it moves; 4 KiB are the reader's own. */
    size_t head = run.reader._limits.head_bytes, fields = run.reader._limits.headers * 16;
    PROPERTY(counter.peak_bytes <= 2 * (head + fields) + 4096);
    http_reader_dispose(&run.reader);
    PROPERTY(counter.live_bytes == 0);
    return run;
}

/* Takes the options off the end of the fuzzer's input. */
static struct reading_setup reading_options(struct dgm_str *in, enum http_kind kind)
{
    struct reading_setup s = {.kind = kind};
    if (in->n < 2)
        return s;
    unsigned char piece = (unsigned char)in->p[in->n - 1];
    unsigned char options = (unsigned char)in->p[in->n - 2];
    in->n -= 2;
    s.piece = piece ? piece : 1;
    s.expect = options & 1 ? HTTP_METHOD_HEAD : HTTP_METHOD_POST;
    if (options & 2)
        s.limits = (struct http_limits){
            .head_bytes = 128, .target_bytes = 32, .headers = 4, .body_bytes = 16};
    return s;
}

/* Whole and in pieces: the same. Returns the whole run. */
static struct reading reading_both(const struct reading_setup *s, struct dgm_str in,
                                   reading_watch *watch, void *ctx)
{
    struct reading_setup at_once = *s;
    at_once.piece = 0;
    struct reading cut = reading_run(s, in, NULL, NULL);
    struct reading whole = reading_run(&at_once, in, watch, ctx);
    if (!dgm_str_eq(dgm_buf_str(&cut.log), dgm_buf_str(&whole.log)))
        fprintf(stderr, "cut:\n%.*s\nwhole:\n%.*s\n", (int)cut.log.n, cut.log.p, (int)whole.log.n,
                whole.log.p);
    PROPERTY(dgm_str_eq(dgm_buf_str(&cut.log), dgm_buf_str(&whole.log)));
    dgm_buf_dispose(&cut.log);
    return whole;
}

#endif
