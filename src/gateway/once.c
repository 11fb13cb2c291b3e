/* SPDX-License-Identifier: Apache-2.0 */
/* once.c - one request over a connection of its own. */
#include "gateway/once.h"

#include "base/str.h"
#include "http/put.h"

/**
 * Lifetime:
 *   1. new dials.
 *   2. The request leaves, the answer is read. What ends it is told once.
 *   3. free at any time. The struct goes when its stream is closed, in a later turn of the loop.
 */
struct gw_once {
    struct dgm_alloc alloc;
    const struct gw_once_request *request;
    const struct gw_once_events *events;
    void *owner;
    struct net_dial *dial;
    struct net_stream *stream;
    struct http_reader reader;
    bool freed;
};

static void release(struct gw_once *o)
{
    struct dgm_alloc a = o->alloc;
    a.resize(a.ctx, o, sizeof *o, 0);
}

void gw_once_free(struct gw_once *o)
{
    if (o == NULL)
        return;
    o->freed = true;
    net_dial_cancel(o->dial);
    http_reader_dispose(&o->reader);
    if (o->stream != NULL)
        net_stream_close(o->stream);
    else
        release(o);
}

static void fail(struct gw_once *o, const char *what_it_did)
{
    o->events->on_fail(o->owner, GW_ONCE_SPOILT, dgm_str_c(what_it_did));
}

static void fail_memory(struct gw_once *o)
{
    o->events->on_fail(o->owner, GW_ONCE_MEMORY, DGM_STR("memory is short"));
}

/* ---- the answer ---- */

/* False: that was the last. */
static bool hear(struct gw_once *o, const struct http_event *ev)
{
    switch (ev->kind) {
    case HTTP_EV_HEAD:
        o->events->on_head(o->owner, &o->reader.head);
        return true;
    case HTTP_EV_BODY:
        o->events->on_body(o->owner, ev->body);
        return true;
    case HTTP_EV_END:
        o->events->on_whole(o->owner);
        return false;
    }
    return true;
}

static void fail_unread(struct gw_once *o)
{
    struct dgm_fail f;
    http_reader_fail(&o->reader, &f);
    if (f.id == DGM_ERR_NO_MEMORY)
        fail_memory(o);
    else if (f.id == DGM_ERR_UPSTREAM_LARGE)
        fail(o, "sent a head that is too large");
    else
        fail(o, "sent something that is not HTTP");
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_once *o = owner;
    struct http_event ev;
    enum dgm_rc rc;
    while ((rc = http_reader_next(&o->reader, &bytes, &ev)) == DGM_EVENT)
        if (!hear(o, &ev) || o->freed)
            return;
    if (rc != DGM_MORE)
        fail_unread(o);
}

/* The connection's end may be the body's. */
static void on_eof(void *owner)
{
    struct gw_once *o = owner;
    struct http_event ev;
    if (http_reader_finish(&o->reader, &ev) == DGM_EVENT)
        o->events->on_whole(o->owner);
    else
        fail(o, "broke off");
}

static void on_broken(void *owner)
{
    fail(owner, "broke off");
}

static void on_drain(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    release(owner);
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_eof,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_broken,
                                                       .on_closed = on_closed};

/* ---- the request ---- */

static void put_head(const struct gw_once_request *r, struct dgm_buf *head)
{
    http_put_request(head, r->method, r->base, r->target);
    http_put_header(head, DGM_STR("Host"), r->authority);
    if (r->proxy != NULL)
        net_proxy_put_authorization(r->proxy, head);
    http_put_header_lit(head, "User-Agent", "dragoman/" DGM_VERSION);
    http_put_header_lit(head, "Accept", "*/*");
    http_put_header_lit(head, "Accept-Encoding", "identity");
    http_put_header_lit(head, "Connection", "close");
    for (size_t i = 0; i < r->headers_n; i++)
        http_put_header(head, r->headers[i].name, r->headers[i].value);
    if (!dgm_str_eq(r->method, DGM_STR("GET")))
        http_put_length(head, r->body.n);
    http_put_head_end(head);
}

static void on_open(void *owner, struct net_stream *stream)
{
    struct gw_once *o = owner;
    const struct gw_once_request *r = o->request;
    struct dgm_buf head;
    o->dial = NULL;
    o->stream = stream;
    net_stream_own(stream, &stream_events, o);
    dgm_buf_init(&head, &o->alloc, r->head_bytes);
    put_head(r, &head);
    const struct dgm_str parts[] = {dgm_buf_str(&head), r->body};
    bool sent = head.rc == DGM_OK && net_stream_write(stream, parts, r->body.n != 0 ? 2 : 1) >= 0;
    dgm_buf_dispose(&head);
    if (!sent)
        fail_memory(o);
}

static void on_dial_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct gw_once *o = owner;
    (void)phase;
    o->dial = NULL;
    o->events->on_fail(o->owner, GW_ONCE_UNREACHED, why);
}

static const struct net_dial_events dial_events = {.on_open = on_open, .on_failed = on_dial_failed};

struct gw_once *gw_once_new(struct net_loop *loop, const struct dgm_alloc *alloc,
                            const struct net_target *to, int64_t timeout_ms,
                            const struct gw_once_request *request, const struct http_limits *limits,
                            const struct gw_once_events *events, void *owner)
{
    struct gw_once *o = alloc->resize(alloc->ctx, NULL, 0, sizeof *o);
    if (o == NULL)
        return NULL;
    *o = (struct gw_once){.alloc = *alloc, .request = request, .events = events, .owner = owner};
    http_reader_init(&o->reader, HTTP_ANSWERS, limits, &o->alloc);
    http_reader_expect(&o->reader, http_method_find(request->method));
    o->dial = net_dial_new(loop, to, timeout_ms, &dial_events, o);
    if (o->dial == NULL) {
        gw_once_free(o);
        return NULL;
    }
    return o;
}
