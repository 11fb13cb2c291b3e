/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.c - fuzzes http/message with requests.
 *
 * Cut anywhere = whole; memory is bounded; and nothing smuggles: what is accepted reads the same to
 * the most lenient of parsers, and, put again from what the reader said, to the reader itself. The
 * last two bytes of an input choose the ceilings and the size of the pieces.
 */
#include "reading.h"

#include "http/put.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the lenient parser: any line end will do, blanks and controls around names do not count - */

struct lenient {
    size_t end; /* of the head */
    unsigned lengths, codings, hosts, lines;
};

static bool is_noise(char c)
{
    return (unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f;
}

static struct dgm_str without_noise(struct dgm_str s)
{
    while (s.n != 0 && is_noise(s.p[0]))
        s = dgm_str_skip(s, 1);
    while (s.n != 0 && is_noise(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Reads the head at the front of `s` with CR, LF, NUL or any mix of them as line ends. */
static struct lenient read_leniently(struct dgm_str s)
{
    struct lenient l = {0};
    size_t at = 0;
    while (at < s.n && (s.p[at] == '\r' || s.p[at] == '\n'))
        at++;
    while (at < s.n) {
        size_t start = at;
        while (at < s.n && s.p[at] != '\r' && s.p[at] != '\n' && s.p[at] != 0)
            at++;
        struct dgm_str line = {s.p + start, at - start};
        at += at + 1 < s.n && s.p[at] == '\r' && s.p[at + 1] == '\n' ? 2 : 1;
        if (line.n == 0)
            break;
        struct dgm_str name = without_noise(dgm_str_head(line, dgm_str_find_char(line, ':')));
        l.lengths += dgm_str_eq_nocase(name, DGM_STR("content-length"));
        l.codings += dgm_str_eq_nocase(name, DGM_STR("transfer-encoding"));
        l.hosts += dgm_str_eq_nocase(name, DGM_STR("host"));
        l.lines++;
    }
    l.end = at;
    return l;
}

/* ---- watching a run -------------------------------------------------------------------------- */

struct watch {
    struct dgm_str in;
    size_t start;        /* of the present message */
    struct dgm_buf copy; /* all requests, put again */
};

static void put_again(struct dgm_buf *b, const struct http_reader *r)
{
    struct dgm_str name, value;
    dgm_buf_put(b, r->head.method_name);
    dgm_buf_put_lit(b, " ");
    dgm_buf_put(b, r->head.target);
    dgm_buf_put_lit(b, " HTTP/1.");
    dgm_buf_put_int(b, r->head.minor);
    dgm_buf_put_lit(b, "\r\n");
    for (size_t i = 0; http_head_at(&r->head, i, &name, &value); i++) {
        bool host = dgm_str_eq_nocase(name, DGM_STR("host"));
        http_put_header(b, name, host ? r->head.host : value); /* absolute-form moved it */
    }
    if (r->head.host.n != 0 && http_head_count(&r->head, DGM_STR("host")) == 0)
        http_put_header(b, DGM_STR("Host"), r->head.host);
    http_put_head_end(b);
}

static void check_head(const struct watch *w, const struct http_reader *r, size_t at)
{
    const struct http_head *h = &r->head;
    struct dgm_str name, value;
    struct lenient l = read_leniently(dgm_str_skip(w->in, w->start));
    PROPERTY(w->start + l.end == at);
    PROPERTY(l.lines == h->headers + 1);
    PROPERTY(l.hosts <= 1 && l.codings + l.lengths <= 1);
    PROPERTY(l.codings == (h->framing == HTTP_BODY_CHUNKED));
    PROPERTY(l.lengths == (h->framing == HTTP_BODY_SIZED));
    PROPERTY(h->framing != HTTP_BODY_TO_CLOSE && h->minor <= 1 && h->status == 0);
    PROPERTY(h->host.n != 0 || h->minor == 0);
    PROPERTY(h->target.n != 0 && (h->target.p[0] == '/' || h->target.p[0] == '*'));
    for (size_t i = 0; http_head_at(h, i, &name, &value); i++) {
        PROPERTY(dgm_str_find_char(value, '\r') == value.n);
        PROPERTY(dgm_str_find_char(value, '\n') == value.n);
        PROPERTY(dgm_str_find_char(value, 0) == value.n);
    }
}

static void watch(void *ctx, const struct http_reader *r, const struct http_event *e, size_t at)
{
    struct watch *w = ctx;
    switch (e->kind) {
    case HTTP_EV_HEAD:
        check_head(w, r, at);
        put_again(&w->copy, r);
        return;
    case HTTP_EV_BODY:
        if (r->head.framing == HTTP_BODY_CHUNKED)
            http_put_chunk(&w->copy, e->body);
        else
            dgm_buf_put(&w->copy, e->body);
        return;
    case HTTP_EV_END:
        if (r->head.framing == HTTP_BODY_CHUNKED)
            http_put_last_chunk(&w->copy);
        w->start = at;
        return;
    }
}

/* The log up to the end of the last complete message. */
static struct dgm_str complete_part(const struct reading *run)
{
    struct dgm_str log = dgm_buf_str(&run->log);
    while (log.n != 0 && !dgm_str_ends(log, DGM_STR("\nend\n")))
        log.n--;
    return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dgm_str in = {(const char *)data, size};
    const struct reading_setup s = reading_options(&in, HTTP_REQUESTS);
    struct watch w = {.in = in};
    dgm_buf_init(&w.copy, &dgm_alloc_libc, (size_t)64 << 20);
    struct reading run = reading_both(&s, in, watch, &w);

    /* Ceilings are off for the copy: a head put again may be a few bytes longer than it came. */
    PROPERTY(w.copy.rc == DGM_OK);
    const struct reading_setup plain = {.kind = HTTP_REQUESTS};
    struct reading again = reading_run(&plain, dgm_buf_str(&w.copy), NULL, NULL);
    if (!(s.limits.body_bytes || run.rc == DGM_E_LIMIT)) {
        if (!dgm_str_starts(dgm_buf_str(&again.log), complete_part(&run)))
            fprintf(stderr, "first:\n%.*s\nagain:\n%.*s\n", (int)run.log.n, run.log.p,
                    (int)again.log.n, again.log.p);
        PROPERTY(dgm_str_starts(dgm_buf_str(&again.log), complete_part(&run)));
    }
    dgm_buf_dispose(&again.log);
    dgm_buf_dispose(&run.log);
    dgm_buf_dispose(&w.copy);
    return 0;
}
