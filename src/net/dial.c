/* SPDX-License-Identifier: Apache-2.0 */
/* dial.c - connect, tunnel, handshake, one after the other. */
#include "net/dial.h"

#include "base/str.h"

#include <assert.h>
#include <stdio.h>

#define HEAD_BYTES_MAX ((size_t)4096) /* of our CONNECT */
#define SHOWN_BYTES 100               /* of a host's name in a sentence */

/**
 * Lifetime:
 *   1. CONNECTING until a descriptor is there, which becomes a stream.
 *   2. PROXYING while the proxy makes a tunnel, SECURING while TLS shakes hands; each only where it is wanted.
 *   3. An event or cancel ends it. Without a stream it goes at once, with one when that is closed.
 */
struct net_dial {
    struct net_loop *loop;
    struct net_target to;
    const struct net_dial_events *events;
    void *owner;
    enum net_phase phase;
    struct net_connect *connect;
    struct net_stream *stream;
    struct net_timer timer;
    struct dgm_buf heard; /* of the proxy */
    bool over;
};

static void release(struct net_dial *d)
{
    const struct dgm_alloc *a = net_loop_alloc(d->loop);
    a->resize(a->ctx, d, sizeof *d, 0);
}

void net_dial_cancel(struct net_dial *d)
{
    if (d == NULL)
        return;
    d->over = true;
    net_timer_stop(&d->timer);
    net_connect_cancel(d->connect);
    dgm_buf_dispose(&d->heard);
    if (d->stream != NULL)
        net_stream_close(d->stream);
    else
        release(d);
}

/* ---- why not ---------------------------------------------------------------------------------------- */

static void fail(struct net_dial *d, struct dgm_str why)
{
    char text[NET_WHY_BYTES + 2 * SHOWN_BYTES];
    const struct net_proxy *proxy = d->to.proxy;
    struct dgm_str host = dgm_str_head(proxy != NULL ? proxy->host : d->to.host, SHOWN_BYTES);
    int n = 0;
    switch (d->phase) {
    case NET_PHASE_NAME:
        n = snprintf(text, sizeof text, "the name %.*s could not be resolved: %.*s", (int)host.n,
                     host.p, (int)why.n, why.p);
        break;
    case NET_PHASE_CONNECT:
        if (proxy == NULL)
            n = snprintf(text, sizeof text, "%.*s", (int)why.n, why.p);
        else
            n = snprintf(text, sizeof text, "the proxy %.*s:%u could not be reached: %.*s",
                         (int)host.n, host.p, proxy->port, (int)why.n, why.p);
        break;
    case NET_PHASE_PROXY:
        assert(proxy != NULL);
        n = snprintf(text, sizeof text, "the proxy %.*s:%u %.*s", (int)host.n, host.p, proxy->port,
                     (int)why.n, why.p);
        break;
    default:
        n = snprintf(text, sizeof text, "TLS: %.*s", (int)why.n, why.p);
        break;
    }
    const struct net_dial_events *events = d->events;
    void *owner = d->owner;
    enum net_phase phase = d->phase;
    net_dial_cancel(d);
    events->on_failed(
        owner, phase,
        (struct dgm_str){text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1});
}

static void on_timer(void *owner)
{
    struct net_dial *d = owner;
    fail(d, d->phase == NET_PHASE_PROXY ? DGM_STR("did not answer in time")
            : d->phase == NET_PHASE_TLS ? DGM_STR("the handshake did not end in time")
                                        : DGM_STR("connection timed out"));
}

/* ---- the last step ---------------------------------------------------------------------------------- */

static void succeed(struct net_dial *d)
{
    const struct net_dial_events *events = d->events;
    void *owner = d->owner;
    struct net_stream *stream = d->stream;
    d->stream = NULL;
    net_dial_cancel(d);
    events->on_open(owner, stream);
}

static void secure(struct net_dial *d)
{
    d->phase = NET_PHASE_TLS;
    struct net_tls *tls =
        net_tls_new(d->to.trust, d->to.host, d->to.sessions, net_loop_alloc(d->loop));
    if (tls == NULL)
        fail(d, DGM_STR("not enough memory"));
    else
        net_stream_secure(d->stream, tls);
}

/* ---- the proxy -------------------------------------------------------------------------------------- */

static void ask_proxy(struct net_dial *d)
{
    struct dgm_buf head;
    d->phase = NET_PHASE_PROXY;
    dgm_buf_init(&head, net_loop_alloc(d->loop), HEAD_BYTES_MAX);
    net_proxy_put_connect(d->to.proxy, d->to.host, d->to.port, &head);
    struct dgm_str text = dgm_buf_str(&head);
    enum dgm_rc rc = head.rc;
    if (rc == DGM_OK)
        rc = net_stream_write(d->stream, &text, 1);
    dgm_buf_dispose(&head);
    if (rc < 0)
        fail(d, DGM_STR("could not be asked: not enough memory"));
}

static void refused(struct net_dial *d, int status)
{
    char text[2 * SHOWN_BYTES];
    struct dgm_str host = dgm_str_head(d->to.host, SHOWN_BYTES);
    if (status == 407) {
        fail(d, d->to.proxy->userinfo.p != NULL
                    ? DGM_STR("does not take the user and password of its address (407)")
                    : DGM_STR("wants a user and password, which its address has not (407)"));
        return;
    }
    int n = snprintf(text, sizeof text, "refused to connect to %.*s:%u (%d)", (int)host.n, host.p,
                     d->to.port, status);
    fail(d, (struct dgm_str){text, (size_t)n});
}

static void hear_proxy(struct net_dial *d, struct dgm_str bytes)
{
    int status = 0;
    size_t head_bytes = 0;
    dgm_buf_put(&d->heard, bytes);
    if (d->heard.rc != DGM_OK) {
        fail(d, DGM_STR("answered too much"));
        return;
    }
    enum dgm_rc rc = net_proxy_answer(dgm_buf_str(&d->heard), &status, &head_bytes);
    if (rc == DGM_MORE)
        return;
    if (rc != DGM_OK) {
        fail(d, DGM_STR("answered something that is not HTTP"));
    } else if (status < 200 || status > 299) {
        refused(d, status);
    } else if (head_bytes != d->heard.n) {
        fail(d,
             DGM_STR("sent something before it was asked")); /* servers of TLS never speak first */
    } else {
        dgm_buf_dispose(&d->heard);
        secure(d);
    }
}

/* ---- the stream ------------------------------------------------------------------------------------- */

static void on_read(void *owner, struct dgm_str bytes)
{
    struct net_dial *d = owner;
    if (d->phase == NET_PHASE_PROXY)
        hear_proxy(d, bytes);
}

static void on_gone(void *owner)
{
    struct net_dial *d = owner;
    struct dgm_str why = net_stream_why(d->stream);
    fail(d, d->phase == NET_PHASE_PROXY ? DGM_STR("closed the connection")
            : why.n != 0                ? why
                                        : DGM_STR("the connection was closed in the handshake"));
}

static void on_drain(void *owner)
{
    (void)owner;
}

static void on_secure(void *owner)
{
    succeed(owner);
}

static void on_closed(void *owner)
{
    release(owner);
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_gone,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_gone,
                                                       .on_closed = on_closed,
                                                       .on_secure = on_secure};

static void on_connected(void *owner, int fd)
{
    struct net_dial *d = owner;
    d->connect = NULL;
    d->stream = net_stream_new(d->loop, fd, &stream_events, d);
    if (d->stream == NULL)
        fail(d, DGM_STR("not enough memory"));
    else if (d->to.trust == NULL)
        succeed(d);
    else if (d->to.proxy != NULL)
        ask_proxy(d);
    else
        secure(d);
}

static void on_connect_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct net_dial *d = owner;
    d->connect = NULL;
    d->phase = phase;
    fail(d, why);
}

static const struct net_connect_events connect_events = {.on_connected = on_connected,
                                                         .on_failed = on_connect_failed};

struct net_dial *net_dial_new(struct net_loop *loop, const struct net_target *to,
                              int64_t timeout_ms, const struct net_dial_events *events, void *owner)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct net_dial *d = a->resize(a->ctx, NULL, 0, sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (struct net_dial){
        .loop = loop, .to = *to, .events = events, .owner = owner, .phase = NET_PHASE_CONNECT};
    dgm_buf_init(&d->heard, a, NET_PROXY_HEAD_MAX);
    net_timer_init(&d->timer, on_timer, d);
    const struct net_proxy *proxy = to->proxy;
    if (to->pinned != NULL && proxy == NULL)
        d->connect = net_connect_pinned(loop, to->pinned, to->port, timeout_ms, &connect_events, d);
    else
        d->connect =
            net_connect_new(loop, proxy != NULL ? proxy->host : to->host,
                            proxy != NULL ? proxy->port : to->port, timeout_ms, &connect_events, d);
    if (d->connect == NULL) {
        release(d);
        return NULL;
    }
    if (timeout_ms > 0) /* a turn later than the connection's own, which knows more */
        net_timer_start(loop, &d->timer, timeout_ms + 1);
    return d;
}
