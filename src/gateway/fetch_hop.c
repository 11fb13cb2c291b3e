/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_hop.c - one GET to a host that a client named. */
#include "gateway/fetch_hop.h"

#include "base/str.h"
#include "gateway/fetch.h"
#include "gateway/trust.h"
#include "http/media.h"
#include "http/message.h"
#include "http/put.h"
#include "net/dial.h"

#include <stdio.h>

#define HEAD_BYTES_MAX ((size_t)64 * 1024) /* of a request; its URL is a fraction of that */
#define ANSWER_HEAD_BYTES_MAX ((size_t)32 * 1024)
#define WHY_BYTES 300

/**
 * Lifetime:
 *   1. new asks for the name's addresses, as a guest (net/names.h), or has a number.
 *   2. All of them are looked at; then the connection goes to them and to no others.
 *   3. The request leaves, the answer is read. What ends it is told once.
 *   4. free at any time. The struct goes when its stream is closed, in a later turn of the loop.
 */
struct gw_hop {
    struct gw_worker *worker;
    const struct gw_fetch_url *url;
    const struct gw_hop_events *events;
    void *owner;
    struct net_lookup lookup;
    struct net_addresses addresses;
    struct net_timer late; /* by when it must be connected; or: what failed at once is told */
    struct net_dial *dial;
    struct net_stream *stream;
    struct http_reader reader;
    int64_t until_ms;
    bool freed, whole; /* whole: 200, its bytes are the owner's */
};

static void release(struct gw_hop *h)
{
    const struct dgm_alloc *a = &h->worker->alloc;
    a->resize(a->ctx, h, sizeof *h, 0);
}

void gw_hop_free(struct gw_hop *h)
{
    h->freed = true;
    net_lookup_cancel(&h->lookup);
    net_timer_stop(&h->late);
    net_dial_cancel(h->dial);
    http_reader_dispose(&h->reader);
    if (h->stream != NULL)
        net_stream_close(h->stream);
    else
        release(h);
}

static void fail(struct gw_hop *h, const char *why)
{
    h->events->on_fail(h->owner, dgm_str_c(why));
}

/* ---- the answer ------------------------------------------------------------------------------------- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The host's own status is told: a 429 of its is not one of the model's server (user-pain E2). */
static void fail_status(struct gw_hop *h, int status)
{
    char why[WHY_BYTES];
    struct dgm_str reason = http_status_reason(status);
    (void)snprintf(why, sizeof why, "its host answered %d%s%.*s", status, reason.n != 0 ? " " : "",
                   (int)reason.n, reason.n != 0 ? reason.p : "");
    fail(h, why);
}

/* False: the hop is over, and maybe gone. */
static bool hear_head(struct gw_hop *h)
{
    const struct http_head *head = &h->reader.head;
    struct dgm_str location = http_head_get(head, DGM_STR("location"));
    if (is_redirect(head->status) && location.n != 0) {
        h->events->on_redirect(h->owner, location);
        return false;
    }
    if (head->status != 200) {
        fail_status(h, head->status);
        return false;
    }
    if (!http_coding_is_plain(http_head_get(head, DGM_STR("content-encoding")))) {
        fail(h, "its host sent it compressed, though it was asked not to");
        return false;
    }
    h->whole = true;
    h->events->on_type(h->owner, http_head_get(head, DGM_STR("content-type")));
    return true;
}

static void fail_unread(struct gw_hop *h)
{
    struct dgm_fail f;
    http_reader_fail(&h->reader, &f);
    if (f.id == DGM_ERR_UPSTREAM_LARGE)
        fail(h, "its host sent a head that is too large");
    else
        fail(h, "its host sent something that is not HTTP");
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_hop *h = owner;
    for (;;) {
        struct http_event ev;
        enum dgm_rc rc = http_reader_next(&h->reader, &bytes, &ev);
        if (rc == DGM_MORE)
            return;
        if (rc != DGM_EVENT) {
            fail_unread(h);
            return;
        }
        switch (ev.kind) {
        case HTTP_EV_HEAD:
            if (!hear_head(h))
                return;
            break;
        case HTTP_EV_BODY:
            h->events->on_bytes(h->owner, ev.body); /* frees nothing: see fetch.c, end_soon */
            break;
        case HTTP_EV_END:
            h->events->on_whole(h->owner);
            return;
        }
    }
}

static void on_eof(void *owner)
{
    struct gw_hop *h = owner;
    struct http_event ev;
    if (h->whole && http_reader_finish(&h->reader, &ev) == DGM_EVENT)
        h->events->on_whole(h->owner); /* the connection's end was the body's */
    else
        fail(h, "its host broke off");
}

static void on_broken(void *owner)
{
    fail(owner, "its host broke off");
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

/* ---- the request ------------------------------------------------------------------------------------ */

static void on_open(void *owner, struct net_stream *stream)
{
    struct gw_hop *h = owner;
    struct dgm_buf head;
    h->dial = NULL;
    h->stream = stream;
    net_stream_own(stream, &stream_events, h);
    dgm_buf_init(&head, &h->worker->alloc, HEAD_BYTES_MAX);
    http_put_request(&head, DGM_STR("GET"), DGM_STR(""), h->url->target);
    http_put_header(&head, DGM_STR("Host"), h->url->authority);
    http_put_header_lit(&head, "User-Agent", "dragoman/" DGM_VERSION);
    http_put_header_lit(&head, "Accept", "*/*");
    http_put_header_lit(&head, "Accept-Encoding", "identity");
    http_put_header_lit(&head, "Connection", "close");
    http_put_head_end(&head);
    struct dgm_str text = dgm_buf_str(&head);
    bool sent = head.rc == DGM_OK && net_stream_write(stream, &text, 1) >= 0;
    dgm_buf_dispose(&head);
    if (!sent)
        fail(h, "memory is short");
}

static void on_dial_failed(void *owner, enum net_phase phase, struct dgm_str text)
{
    struct gw_hop *h = owner;
    char why[WHY_BYTES];
    (void)phase;
    h->dial = NULL;
    (void)snprintf(why, sizeof why, "its host could not be reached: %.*s",
                   (int)(text.n < WHY_BYTES ? text.n : WHY_BYTES), text.n != 0 ? text.p : "");
    fail(h, why);
}

static const struct net_dial_events dial_events = {.on_open = on_open, .on_failed = on_dial_failed};

/* ---- where to --------------------------------------------------------------------------------------- */

/* One that may not be is enough to refuse all: who answers with both means harm, or has a resolver that does. */
static bool may_reach_all(const struct gw_hop *h)
{
    for (size_t i = 0; i < h->addresses.n; i++)
        if (!gw_fetch_address_ok(&h->worker->config->fetch.allow, h->url, &h->addresses.at[i]))
            return false;
    return true;
}

static const char not_public[] = "its host's address is not public, and not in fetch.allow";

/* NULL: it is on its way. */
static const char *connect_to(struct gw_hop *h)
{
    struct gw_worker *w = h->worker;
    const struct net_target to = {
        .host = dgm_str_c(h->url->host),
        .port = h->url->port,
        .pinned = &h->addresses,
        .trust = h->url->tls ? gw_trust_find(w->config, (struct dgm_str){0}) : NULL};
    if (!may_reach_all(h))
        return not_public;
    if (h->url->tls && to.trust == NULL)
        return "no authorities are loaded for TLS";
    int64_t left = h->until_ms - net_loop_now_ms(w->loop);
    h->dial = net_dial_new(w->loop, &to, left > 1 ? left : 1, &dial_events, h);
    return h->dial != NULL ? NULL : "memory is short";
}

static void on_found(void *owner, const struct net_addresses *found, int error)
{
    struct gw_hop *h = owner;
    net_timer_stop(&h->late);
    h->addresses = *found;
    const char *why =
        error != 0 || found->n == 0 ? "its host's name could not be resolved" : connect_to(h);
    if (why != NULL)
        fail(h, why);
}

static void on_late(void *owner)
{
    struct gw_hop *h = owner;
    if (h->url->is_number)
        fail(h, may_reach_all(h) ? "memory is short" : not_public);
    else
        fail(h, "its host's name was not resolved in time");
}

struct gw_hop *gw_hop_new(struct gw_worker *w, const struct gw_fetch_url *url,
                          const struct gw_hop_events *events, void *owner)
{
    struct gw_hop *h = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *h);
    if (h == NULL)
        return NULL;
    *h = (struct gw_hop){.worker = w, .url = url, .events = events, .owner = owner};
    h->until_ms = net_loop_now_ms(w->loop) + GW_FETCH_CONNECT_MS;
    h->lookup = (struct net_lookup){.on_found = on_found, .owner = h};
    net_timer_init(&h->late, on_late, h);
    const struct http_limits limits = {.head_bytes = ANSWER_HEAD_BYTES_MAX};
    http_reader_init(&h->reader, HTTP_ANSWERS, &limits, &w->alloc);
    http_reader_expect(&h->reader, HTTP_METHOD_GET);
    if (url->is_number) {
        net_addresses_add(&h->addresses, &url->number.any);
        if (connect_to(h) != NULL) /* told in the loop's next turn */
            net_timer_start(w->loop, &h->late, 0);
        return h;
    }
    if (net_lookup_guest(w->loop, &h->lookup, url->host) < 0) {
        gw_hop_free(h);
        return NULL;
    }
    net_timer_start(w->loop, &h->late, GW_FETCH_CONNECT_MS);
    return h;
}
