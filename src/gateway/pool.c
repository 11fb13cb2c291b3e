/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - connections to upstreams, kept alive between calls. */
#include "gateway/pool.h"

#include "base/str.h"
#include "net/connect.h"

#include <assert.h>

/** All of one worker to one origin: made at the first call, there to the worker's end. */
struct gw_pool {
    struct gw_worker *worker;
    struct gw_pool *next;
    struct gw_origin origin;         /* parts of the configuration's text */
    struct gw_link *newest, *oldest; /* the idle ones, by when they became so */
    size_t idle_n;
    struct net_timer aging;
};

static void free_link(struct gw_link *l)
{
    const struct dgm_alloc *a = &l->worker->alloc;
    l->worker->counters.upstream_connections--;
    a->resize(a->ctx, l, sizeof *l, 0);
}

/* ---- the idle --------------------------------------------------------------------------------------- */

static void take_out(struct gw_link *l)
{
    struct gw_pool *p = l->pool;
    *(l->newer != NULL ? &l->newer->older : &p->newest) = l->older;
    *(l->older != NULL ? &l->older->newer : &p->oldest) = l->newer;
    l->newer = l->older = NULL;
    p->idle_n--;
}

static void set_aging(struct gw_pool *p)
{
    if (p->oldest == NULL) {
        net_timer_stop(&p->aging);
        return;
    }
    int64_t left = p->oldest->idle_ms + GW_IDLE_LINK_MS - net_loop_now_ms(p->worker->loop);
    net_timer_start(p->worker->loop, &p->aging, left > 0 ? left : 0);
}

static void on_aging(void *owner)
{
    struct gw_pool *p = owner;
    int64_t now = net_loop_now_ms(p->worker->loop);
    while (p->oldest != NULL && p->oldest->idle_ms + GW_IDLE_LINK_MS <= now)
        gw_link_drop(p->oldest);
    set_aging(p);
}

/* ---- what a link hears ------------------------------------------------------------------------------ */

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_link *l = owner;
    if (l->events == NULL)
        gw_link_drop(l); /* an answer that nobody asked for: whose is the next? */
    else
        l->events->on_read(l->owner, bytes);
}

static void on_eof(void *owner)
{
    struct gw_link *l = owner;
    if (l->events == NULL)
        gw_link_drop(l);
    else
        l->events->on_eof(l->owner);
}

static void on_drain(void *owner)
{
    struct gw_link *l = owner;
    if (l->events != NULL)
        l->events->on_drain(l->owner);
}

static void on_stream_fail(void *owner)
{
    struct gw_link *l = owner;
    if (l->events == NULL)
        gw_link_drop(l);
    else
        l->events->on_fail(l->owner, (struct dgm_str){0});
}

static void on_closed(void *owner)
{
    free_link(owner);
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_eof,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_stream_fail,
                                                       .on_closed = on_closed};

static void on_connected(void *owner, int fd)
{
    struct gw_link *l = owner;
    l->connect = NULL;
    l->stream = net_stream_new(l->worker->loop, fd, &stream_events, l);
    if (l->stream == NULL)
        l->events->on_fail(l->owner, DGM_STR("not enough memory"));
    else
        l->events->on_open(l->owner);
}

static void on_connect_failed(void *owner, struct dgm_str why)
{
    struct gw_link *l = owner;
    l->connect = NULL;
    l->events->on_fail(l->owner, why);
}

static const struct net_connect_events connect_events = {.on_connected = on_connected,
                                                         .on_failed = on_connect_failed};

/* ---- pools ------------------------------------------------------------------------------------------ */

static bool is_same(const struct gw_origin *a, const struct gw_origin *b)
{
    return a->port == b->port && a->tls == b->tls && dgm_str_eq_nocase(a->host, b->host);
}

static struct gw_pool *find_pool(struct gw_worker *w, const struct gw_origin *origin)
{
    for (struct gw_pool *p = w->pools; p != NULL; p = p->next) {
        if (is_same(&p->origin, origin))
            return p;
    }
    struct gw_pool *p = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct gw_pool){.worker = w, .next = w->pools, .origin = *origin};
    net_timer_init(&p->aging, on_aging, p);
    w->pools = p;
    return p;
}

void gw_pools_close(struct gw_worker *w)
{
    while (w->pools != NULL) {
        struct gw_pool *p = w->pools;
        w->pools = p->next;
        while (p->oldest != NULL)
            gw_link_drop(p->oldest);
        net_timer_stop(&p->aging);
        w->alloc.resize(w->alloc.ctx, p, sizeof *p, 0);
    }
}

/* ---- links ------------------------------------------------------------------------------------------ */

static struct gw_link *new_link(struct gw_pool *p)
{
    struct gw_worker *w = p->worker;
    struct gw_link *l = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *l);
    if (l == NULL)
        return NULL;
    *l = (struct gw_link){.worker = w, .pool = p};
    http_reader_init(&l->reader, HTTP_ANSWERS, NULL, &w->alloc);
    w->counters.upstream_connections++;
    l->connect = net_connect_new(w->loop, p->origin.host, p->origin.port,
                                 w->config->timeouts.connect_ms, &connect_events, l);
    if (l->connect == NULL) {
        free_link(l);
        return NULL;
    }
    w->counters.upstream_connections_total++;
    return l;
}

struct gw_link *gw_link_take(struct gw_worker *w, const struct gw_origin *origin, bool fresh,
                             const struct gw_link_events *events, void *owner)
{
    struct gw_pool *p = find_pool(w, origin);
    struct gw_link *l = p == NULL ? NULL : fresh ? NULL : p->newest;
    if (l != NULL)
        take_out(l);
    else if (p != NULL)
        l = new_link(p);
    if (l == NULL)
        return NULL;
    l->events = events;
    l->owner = owner;
    return l;
}

void gw_link_give(struct gw_link *l)
{
    struct gw_pool *p = l->pool;
    assert(l->stream != NULL && l->events != NULL);
    http_reader_rest(&l->reader);
    net_stream_pause(l->stream, false);
    l->events = NULL;
    l->owner = NULL;
    l->reused = true;
    l->idle_ms = net_loop_now_ms(p->worker->loop);
    l->older = p->newest;
    *(p->newest != NULL ? &p->newest->newer : &p->oldest) = l;
    p->newest = l;
    p->idle_n++;
    if (p->idle_n > GW_IDLE_LINKS_MAX)
        gw_link_drop(p->oldest);
    if (!net_timer_is_on(&p->aging))
        set_aging(p);
}

void gw_link_drop(struct gw_link *l)
{
    if (l == NULL)
        return;
    if (l->events == NULL)
        take_out(l);
    l->events = NULL;
    http_reader_dispose(&l->reader);
    net_connect_cancel(l->connect);
    if (l->stream != NULL)
        net_stream_close(l->stream);
    else
        free_link(l);
}
