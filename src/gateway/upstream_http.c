/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_http.c - an upstream over the network: one call is one request and one answer on a pool's link. */
#include "gateway/upstream.h"

#include "base/str.h"
#include "gateway/pool.h"
#include "http/media.h"
#include "http/put.h"
#include "net/proxy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES_SHOWN 100
#define RETRY_MS_MAX 86400000 /* a server may ask for a day's patience */
#define HEAD_BYTES 512        /* what most need */
#define HEAD_BYTES_MAX ((size_t)64 * 1024)
#define SLICE_BYTES                                                                                \
    ((size_t)128 * 1024) /* of a body, given to the stream at a time: that much may be copied */

/**
 * Lifetime:
 *   1. new takes a link and writes the head and the body's segments, as fast as the server takes them.
 *   2. What the server sends goes through the link's reader to the owner. The answer may begin before the
 *      request has left.
 *   3. A link that had served before and dies without a byte was closed by a server that had enough of it: the
 *      request goes out once more, on a fresh one.
 *   4. The answer's end gives the link back, or drops it; so does a failure. Nothing is told after either.
 *   5. free drops the link of an answer that is not over; from an event, as soon as the event is over.
 */
struct http_call {
    struct gw_call call;
    struct gw_worker *worker;
    const struct gw_upstream *upstream;
    const struct gw_call_events *events;
    void *owner;
    struct gw_origin origin;
    struct gw_link *link; /* NULL when it is over */
    struct dgm_buf head;  /* the request's: kept until a byte came, it may have to go out again */
    const struct dgm_str *segments;
    size_t segments_n;
    size_t part, part_bytes; /* what leaves next: the head is part 0; how much of it has left */
    enum http_method method;
    bool heard; /* a byte came on this link */
    bool replayed, paused;
    bool telling, unwanted; /* in an event; freed in it */
};

static const struct gw_link_events link_events;

/* It has a key or a token in it. */
static void forget_head(struct http_call *c)
{
    if (c->head.n != 0)
        explicit_bzero(c->head.p, c->head.n);
    dgm_buf_dispose(&c->head);
}

static void release(struct http_call *c)
{
    const struct dgm_alloc *a = &c->worker->alloc;
    c->worker->counters->calls--;
    gw_link_drop(c->link);
    forget_head(c);
    a->resize(a->ctx, c, sizeof *c, 0);
}

/* An event is over. False: the call was freed in it, and is gone now. */
static bool told(struct http_call *c)
{
    c->telling = false;
    if (!c->unwanted)
        return true;
    release(c);
    return false;
}

static void drop_link(struct http_call *c)
{
    gw_link_drop(c->link);
    c->link = NULL;
}

static void fail(struct http_call *c, const struct dgm_fail *f)
{
    drop_link(c);
    c->telling = true;
    c->events->on_fail(c->owner, f);
    told(c);
}

static void fail_as(struct http_call *c, enum dgm_error id, struct dgm_str why)
{
    struct dgm_fail f;
    const struct dgm_str sentence[4] = {DGM_STR("The upstream "), c->upstream->name,
                                        DGM_STR(" could not be reached: "), why};
    const struct dgm_str none[4] = {{0}};
    dgm_fail_set(&f, id, (struct dgm_str){0}, why.n != 0 ? sentence : none);
    fail(c, &f);
}

/* Requests without TLS go to the proxy itself, as does its refusal. */
static bool is_proxied(const struct http_call *c)
{
    return c->origin.proxy.n != 0 && !c->origin.tls;
}

static void fail_at_proxy(struct http_call *c)
{
    struct net_proxy proxy;
    char why[HOST_BYTES_SHOWN + 80] = "";
    const char *fault = net_proxy_read(c->origin.proxy, &proxy);
    assert(fault == NULL); /* the configuration looked */
    struct dgm_str host = dgm_str_head(proxy.host, HOST_BYTES_SHOWN);
    (void)snprintf(why, sizeof why, "the proxy %.*s:%u %s (407)", (int)host.n, host.p, proxy.port,
                   proxy.userinfo.p != NULL ? "does not take the user and password of its address"
                                            : "wants a user and password");
    fail_as(c, DGM_ERR_UPSTREAM_CONNECT, dgm_str_c(why));
}

/* ---- the request ------------------------------------------------------------------------------------ */

static bool is_sent(const struct http_call *c)
{
    return c->part > c->segments_n;
}

/* The next parts, at most a slice of them. */
static size_t next_parts(struct http_call *c, struct dgm_str parts[NET_PARTS_MAX])
{
    size_t n = 0, room = SLICE_BYTES;
    while (n < NET_PARTS_MAX && room != 0 && !is_sent(c)) {
        struct dgm_str whole = c->part == 0 ? dgm_buf_str(&c->head) : c->segments[c->part - 1];
        struct dgm_str rest = dgm_str_skip(whole, c->part_bytes);
        parts[n] = dgm_str_head(rest, room);
        room -= parts[n].n;
        c->part_bytes += parts[n].n;
        if (parts[n].n == rest.n) {
            c->part++;
            c->part_bytes = 0;
        }
        n++;
    }
    return n;
}

/* Writes until all has left or the server has enough for now. DGM_OK, or DGM_E_NOMEM. */
static enum dgm_rc send_more(struct http_call *c)
{
    while (!is_sent(c)) {
        struct dgm_str parts[NET_PARTS_MAX];
        enum dgm_rc rc = net_stream_write(c->link->stream, parts, next_parts(c, parts));
        if (rc != DGM_OK)
            return rc == DGM_FULL ? DGM_OK : rc;
    }
    return DGM_OK;
}

/* Takes a link; on one that is open already the request leaves at once. */
static enum dgm_rc begin(struct http_call *c, bool fresh)
{
    c->part = c->part_bytes = 0;
    c->heard = false;
    c->link = gw_link_take(c->worker, &c->origin, fresh, &link_events, c);
    if (c->link == NULL)
        return DGM_E_NOMEM;
    http_reader_expect(&c->link->reader, c->method);
    return c->link->stream != NULL ? send_more(c) : DGM_OK;
}

static void on_open(void *owner)
{
    struct http_call *c = owner;
    net_stream_pause(c->link->stream, c->paused);
    if (send_more(c) != DGM_OK)
        fail_as(c, DGM_ERR_NO_MEMORY, (struct dgm_str){0});
}

static void on_drain(void *owner)
{
    struct http_call *c = owner;
    if (send_more(c) != DGM_OK)
        fail_as(c, DGM_ERR_NO_MEMORY, (struct dgm_str){0});
}

/* ---- the answer ------------------------------------------------------------------------------------- */

/*
 * The answer is whole. `rest`: what came behind it, and belongs to nobody. The link is given back last: what is asked in
 * on_end must not go over it while the end of TLS, which may be in the bytes at hand, has not been looked at.
 */
static void end(struct http_call *c, struct dgm_str rest)
{
    struct gw_link *l = c->link;
    bool keep = l->reader.head.keep_alive && is_sent(c) && rest.n == 0;
    c->link = NULL;
    if (!keep)
        gw_link_drop(l);
    c->telling = true;
    c->events->on_end(c->owner);
    told(c);
    if (keep)
        gw_link_give(l);
}

static void fail_unread(struct http_call *c)
{
    struct dgm_fail f;
    http_reader_fail(&c->link->reader, &f);
    fail(c, &f);
}

/* In milliseconds; negative: it says none, or a date, which needs clocks that agree. */
static int64_t retry_after(const struct http_head *head)
{
    uint64_t n;
    if (dgm_str_u64(http_head_get(head, DGM_STR("retry-after-ms")), &n))
        return n < RETRY_MS_MAX ? (int64_t)n : RETRY_MS_MAX;
    if (dgm_str_u64(http_head_get(head, DGM_STR("retry-after")), &n))
        return n < RETRY_MS_MAX / 1000 ? (int64_t)n * 1000 : RETRY_MS_MAX;
    return -1;
}

/* False: the call is gone, or over. */
static bool begin_answer(struct http_call *c)
{
    const struct http_head *head = &c->link->reader.head;
    if (head->status == 407 && is_proxied(c)) {
        fail_at_proxy(c);
        return false;
    }
    if (!http_coding_is_plain(http_head_get(head, DGM_STR("content-encoding")))) {
        fail_as(c, DGM_ERR_UPSTREAM_BROKEN, (struct dgm_str){0}); /* we asked for none */
        return false;
    }
    struct dgm_str warning = http_head_get(head, DGM_STR("x-dragoman-warning")); /* of a chain */
    c->telling = true;
    if (warning.n != 0 && c->events->on_warning)
        c->events->on_warning(c->owner, warning);
    if ((head->status == 429 || head->status == 503) && c->events->on_retry)
        c->events->on_retry(c->owner, retry_after(head));
    c->events->on_head(c->owner, head->status, http_head_get(head, DGM_STR("content-type")));
    return told(c);
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct http_call *c = owner;
    c->heard = true;
    if (c->part > 0) /* it has left, and will not go out again: a stream may last for long */
        forget_head(c);
    for (;;) {
        struct http_event ev;
        enum dgm_rc rc = http_reader_next(&c->link->reader, &bytes, &ev);
        if (rc == DGM_MORE)
            return;
        if (rc != DGM_EVENT) {
            fail_unread(c);
            return;
        }
        switch (ev.kind) {
        case HTTP_EV_HEAD:
            if (!begin_answer(c))
                return;
            break;
        case HTTP_EV_BODY:
            c->telling = true;
            c->events->on_data(c->owner, ev.body);
            if (!told(c))
                return;
            break;
        case HTTP_EV_END:
            end(c, bytes);
            return;
        }
    }
}

/* The link is of no more use, and the answer is not whole. */
static void lose(struct http_call *c)
{
    if (!c->link->reused || c->heard || c->replayed) {
        fail_as(c, DGM_ERR_UPSTREAM_CUT, (struct dgm_str){0});
        return;
    }
    drop_link(c);
    c->replayed = true;
    c->worker->counters->replayed_total++;
    if (begin(c, true) != DGM_OK)
        fail_as(c, DGM_ERR_NO_MEMORY, (struct dgm_str){0});
}

static void on_eof(void *owner)
{
    struct http_call *c = owner;
    struct http_event ev;
    if (c->heard && http_reader_finish(&c->link->reader, &ev) == DGM_EVENT)
        end(c, (struct dgm_str){0}); /* the connection's end was the body's */
    else
        lose(c);
}

static void on_fail(void *owner, enum dgm_error id, struct dgm_str why)
{
    struct http_call *c = owner;
    if (id == DGM_ERR_UPSTREAM_CUT || c->heard)
        lose(c);
    else
        fail_as(c, id, why);
}

static const struct gw_link_events link_events = {.on_open = on_open,
                                                  .on_read = on_read,
                                                  .on_eof = on_eof,
                                                  .on_drain = on_drain,
                                                  .on_fail = on_fail};

/* ---- for the owner ---------------------------------------------------------------------------------- */

static void http_pause(struct gw_call *call, bool paused)
{
    struct http_call *c = (struct http_call *)call;
    c->paused = paused;
    if (c->link != NULL && c->link->stream != NULL)
        net_stream_pause(c->link->stream, paused);
}

static void http_free(struct gw_call *call)
{
    struct http_call *c = (struct http_call *)call;
    c->unwanted = true;
    if (!c->telling)
        release(c);
}

static const struct gw_call_ops http_ops = {.pause = http_pause, .free = http_free};

/* Room for all of it: a buffer that grew behind a token would leave that where it was. */
static void reserve_head(struct http_call *c, const struct gw_call_request *request)
{
    size_t n = HEAD_BYTES + c->origin.url.n + c->origin.proxy.n + request->target.n;
    for (size_t i = 0; i < request->headers_n; i++)
        n += request->headers[i].value.n;
    dgm_buf_reserve(&c->head, n);
}

static void put_head(struct http_call *c, const struct gw_call_request *request)
{
    size_t body_bytes = 0;
    for (size_t i = 0; i < request->segments_n; i++)
        body_bytes += request->segments[i].n;

    struct net_proxy proxy;
    bool proxied = is_proxied(c) && net_proxy_read(c->origin.proxy, &proxy) == NULL;
    http_put_request(&c->head, request->method, proxied ? c->origin.url : c->origin.prefix,
                     request->target);
    http_put_header_of(&c->head, "Host", c->origin.authority);
    http_put_header_lit(&c->head, "User-Agent", "dragoman/" DGM_VERSION);
    if (proxied)
        net_proxy_put_authorization(&proxy, &c->head);
    for (size_t i = 0; i < request->headers_n; i++)
        http_put_header(&c->head, request->headers[i].name, request->headers[i].value);
    http_put_length(&c->head, body_bytes);
    http_put_head_end(&c->head);
}

struct gw_call *gw_http_call(struct gw_worker *w, const struct gw_upstream *u,
                             const struct gw_call_request *request,
                             const struct gw_call_events *events, void *owner)
{
    struct http_call *c = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct http_call){.call = {&http_ops},
                            .worker = w,
                            .upstream = u,
                            .origin = *request->origin,
                            .events = events,
                            .owner = owner,
                            .segments = request->segments,
                            .segments_n = request->segments_n,
                            .method = http_method_find(request->method)};
    w->counters->calls++;
    dgm_buf_init(&c->head, &w->alloc, HEAD_BYTES_MAX);
    reserve_head(c, request);
    put_head(c, request);
    if (c->head.rc != DGM_OK || begin(c, false) != DGM_OK) {
        release(c);
        return NULL;
    }
    return &c->call;
}
