/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - connections to upstreams, kept alive between calls. */
#include "gateway/pool.h"

#include "base/str.h"
#include "net/dial.h"

#include <assert.h>

#define CROWDED                                                                                    \
    "requests to as many other addresses as a worker may ask at are under way; try again"

/** Links in a row: the idle ones by when they became so, those that wait by when they came. */
struct row {
    struct gw_link *newest, *oldest;
    size_t n;
};

/** All of one worker to one origin: made at the first call; in the order of their last use, the latest first. */
struct gw_pool {
    struct gw_worker *worker;
    struct gw_pool *next;
    struct gw_origin origin; /* strings of its own, in `text` */
    struct net_proxy proxy;
    struct net_target target;
    struct net_sessions sessions;
    struct row idle, waiting;
    size_t links_n;  /* in whatever state, until they are dropped */
    size_t placed_n; /* links that have a place: all but the waiting */
    struct net_timer aging, serving;
    size_t text_bytes;
    char text[];
};

static void put_on_top(struct row *r, struct gw_link *l)
{
    l->older = r->newest;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = l;
    r->newest = l;
    r->n++;
}

static void take_out(struct row *r, struct gw_link *l)
{
    *(l->newer != NULL ? &l->newer->older : &r->newest) = l->older;
    *(l->older != NULL ? &l->older->newer : &r->oldest) = l->newer;
    l->newer = l->older = NULL;
    r->n--;
}

/* ---- places ----------------------------------------------------------------------------------------- */

static bool has_place(const struct gw_pool *p)
{
    return p->placed_n < (size_t)p->worker->config->limits.upstream_connections;
}

static void take_place(struct gw_link *l)
{
    l->placed = true;
    l->pool->placed_n++;
    l->worker->counters->upstream_connections++;
}

/* Somebody who waits may have it, in the loop's next turn: those who give and drop are in the midst of something. */
static void leave_place(struct gw_link *l)
{
    struct gw_pool *p = l->pool;
    if (!l->placed)
        return;
    l->placed = false;
    p->placed_n--;
    if (p->waiting.oldest != NULL)
        net_timer_start(p->worker->loop, &p->serving, 0);
}

static void leave_queue(struct gw_link *l)
{
    if (l->queued) {
        take_out(&l->pool->waiting, l);
        l->worker->counters->waiting--;
    }
    l->queued = false;
    net_timer_stop(&l->late);
}

/* It is its pool's no more, and will be freed. */
static void leave_pool(struct gw_link *l)
{
    l->pool->links_n--;
    l->pool = NULL;
}

static void free_link(struct gw_link *l)
{
    const struct dgm_alloc *a = &l->worker->alloc;
    a->resize(a->ctx, l, sizeof *l, 0);
}

/* ---- the idle --------------------------------------------------------------------------------------- */

/* Most have the same time from when they became idle, but servers differ: the earliest is looked for, seldom. */
static void set_aging(struct gw_pool *p)
{
    int64_t first = INT64_MAX;
    for (const struct gw_link *l = p->idle.newest; l != NULL; l = l->older)
        first = l->until_ms < first ? l->until_ms : first;
    if (first == INT64_MAX) {
        net_timer_stop(&p->aging);
        return;
    }
    int64_t left = first - net_loop_now_ms(p->worker->loop);
    net_timer_start(p->worker->loop, &p->aging, left > 0 ? left : 0);
}

static void on_aging(void *owner)
{
    struct gw_pool *p = owner;
    int64_t now = net_loop_now_ms(p->worker->loop);
    for (struct gw_link *l = p->idle.oldest, *newer; l != NULL; l = newer) {
        newer = l->newer;
        if (l->until_ms <= now)
            gw_link_drop(l);
    }
    set_aging(p);
}

/* How long the server of an answer keeps a connection that is idle, less a margin: RFC 9112 has no such header, but
 * Node.js, Apache and others say it all the same. */
static int64_t keep_ms(const struct http_head *head)
{
    struct dgm_str rest = http_head_get(head, DGM_STR("keep-alive")), part;
    uint64_t seconds;
    while (dgm_str_split(&rest, ',', &part)) {
        part = dgm_str_trim(part);
        if (!dgm_str_eq_nocase(dgm_str_head(part, 8), DGM_STR("timeout=")) ||
            !dgm_str_u64(dgm_str_skip(part, 8), &seconds))
            continue;
        if (seconds < GW_IDLE_LINK_MS / 1000)
            return (int64_t)seconds * 1000 - GW_IDLE_MARGIN_MS;
    }
    return GW_IDLE_LINK_MS;
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
    struct dgm_str why = net_stream_why(l->stream);
    if (l->events == NULL)
        gw_link_drop(l);
    else if (why.n != 0 &&
             !l->reused) /* with TLS 1.3 a server refuses us after our side is content */
        l->events->on_fail(l->owner, DGM_ERR_UPSTREAM_CONNECT, why);
    else
        l->events->on_fail(l->owner, DGM_ERR_UPSTREAM_CUT, (struct dgm_str){0});
}

static void on_closed(void *owner)
{
    struct gw_link *l = owner;
    l->worker->counters->upstream_connections--;
    free_link(l);
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_eof,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_stream_fail,
                                                       .on_closed = on_closed};

static void on_open(void *owner, struct net_stream *stream)
{
    struct gw_link *l = owner;
    l->dial = NULL;
    l->stream = stream;
    net_stream_own(stream, &stream_events, l);
    l->events->on_open(l->owner);
}

static void on_dial_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct gw_link *l = owner;
    (void)phase;
    l->dial = NULL;
    l->events->on_fail(l->owner, DGM_ERR_UPSTREAM_CONNECT, why);
}

static const struct net_dial_events dial_events = {.on_open = on_open, .on_failed = on_dial_failed};

/* ---- waiting ---------------------------------------------------------------------------------------- */

static bool begin_dial(struct gw_link *l)
{
    struct gw_worker *w = l->worker;
    l->dial =
        net_dial_new(w->loop, &l->pool->target, w->config->timeouts.connect_ms, &dial_events, l);
    if (l->dial == NULL)
        return false;
    take_place(l);
    w->counters->upstream_connections_total++;
    return true;
}

/* What was another's, and is idle, becomes this link's. */
static void adopt(struct gw_link *l, struct gw_link *from)
{
    take_out(&l->pool->idle, from);
    l->stream = from->stream;
    net_stream_own(l->stream, &stream_events, l);
    l->reused = l->placed = true;
    http_reader_dispose(&from->reader);
    leave_pool(from);
    free_link(from);
}

static void on_serving(void *owner)
{
    struct gw_pool *p = owner;
    while (p->waiting.oldest != NULL && (p->idle.newest != NULL || has_place(p))) {
        struct gw_link *l = p->waiting.oldest;
        leave_queue(l);
        if (p->idle.newest != NULL) {
            adopt(l, p->idle.newest);
            l->events->on_open(l->owner);
        } else if (!begin_dial(l)) {
            l->events->on_fail(l->owner, DGM_ERR_NO_MEMORY, (struct dgm_str){0});
        }
    }
}

static void on_late(void *owner)
{
    struct gw_link *l = owner;
    leave_queue(l);
    l->events->on_fail(l->owner, DGM_ERR_UPSTREAM_BUSY,
                       l->crowded ? DGM_STR(CROWDED) : (struct dgm_str){0});
}

/* One that finds the queue full is told so in the loop's next turn. */
static void wait_in_line(struct gw_link *l)
{
    struct gw_worker *w = l->worker;
    bool full = l->pool->waiting.n >= (size_t)w->config->limits.waiting;
    net_timer_start(w->loop, &l->late, full ? 0 : w->config->timeouts.waiting_ms);
    if (full)
        return;
    l->queued = true;
    put_on_top(&l->pool->waiting, l);
    w->counters->waiting++;
}

/* ---- pools ------------------------------------------------------------------------------------------ */

static bool is_same(const struct gw_origin *a, const struct gw_origin *b)
{
    return a->port == b->port && a->tls == b->tls && a->trust == b->trust &&
           dgm_str_eq_nocase(a->host, b->host) && dgm_str_eq(a->proxy, b->proxy);
}

static struct gw_pool *new_pool(struct gw_worker *w, const struct gw_origin *origin)
{
    size_t text_bytes = origin->host.n + origin->proxy.n;
    struct gw_pool *p = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *p + text_bytes);
    if (p == NULL)
        return NULL;
    *p = (struct gw_pool){
        .worker = w, .next = w->pools, .origin = *origin, .text_bytes = text_bytes};
    memcpy(p->text, origin->host.p, origin->host.n);
    p->origin.host.p = p->text;
    p->target = (struct net_target){.host = p->origin.host,
                                    .port = origin->port,
                                    .trust = origin->trust,
                                    .sessions = &p->sessions};
    if (origin->proxy.n != 0) {
        memcpy(p->text + origin->host.n, origin->proxy.p, origin->proxy.n);
        p->origin.proxy.p = p->text + origin->host.n;
        const char *fault = net_proxy_read(p->origin.proxy, &p->proxy);
        assert(fault == NULL); /* the configuration looked */
        p->target.proxy = &p->proxy;
    }
    net_timer_init(&p->aging, on_aging, p);
    net_timer_init(&p->serving, on_serving, p);
    w->pools = p;
    w->counters->pools++;
    return p;
}

static void free_pool(struct gw_worker *w, struct gw_pool **at)
{
    struct gw_pool *p = *at;
    *at = p->next;
    w->counters->pools--;
    while (p->idle.oldest != NULL)
        gw_link_drop(p->idle.oldest);
    net_timer_stop(&p->aging);
    net_timer_stop(&p->serving);
    net_sessions_dispose(&p->sessions);
    explicit_bzero(p->text, p->text_bytes); /* a proxy's password */
    w->alloc.resize(w->alloc.ctx, p, sizeof *p + p->text_bytes, 0);
}

/* Makes room for one more. False: all are in use. */
static bool forget_oldest(struct gw_worker *w)
{
    struct gw_pool **oldest = NULL;
    if (w->counters->pools < GW_POOLS_MAX)
        return true;
    for (struct gw_pool **at = &w->pools; *at != NULL; at = &(*at)->next)
        if ((*at)->links_n == 0)
            oldest = at;
    if (oldest == NULL)
        return false;
    free_pool(w, oldest);
    return true;
}

/* DGM_OK: `*ret` stands first. DGM_E_LIMIT: there are too many. DGM_E_NOMEM. */
static enum dgm_rc find_pool(struct gw_worker *w, const struct gw_origin *origin,
                             struct gw_pool **ret)
{
    assert(origin->tls == (origin->trust != NULL));
    for (struct gw_pool **at = &w->pools; *at != NULL; at = &(*at)->next) {
        struct gw_pool *p = *at;
        if (!is_same(&p->origin, origin))
            continue;
        *at = p->next;
        p->next = w->pools;
        *ret = w->pools = p;
        return DGM_OK;
    }
    if (!forget_oldest(w))
        return DGM_E_LIMIT;
    *ret = new_pool(w, origin);
    return *ret != NULL ? DGM_OK : DGM_E_NOMEM;
}

void gw_pools_close(struct gw_worker *w)
{
    while (w->pools != NULL)
        free_pool(w, &w->pools);
}

/* ---- links ------------------------------------------------------------------------------------------ */

/* crowded: `p` is any pool, and the link fails. */
static struct gw_link *new_link(struct gw_pool *p, bool fresh, bool crowded)
{
    struct gw_worker *w = p->worker;
    struct gw_link *l = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *l);
    if (l == NULL)
        return NULL;
    *l = (struct gw_link){.worker = w, .pool = p, .crowded = crowded};
    p->links_n++;
    http_reader_init(&l->reader, HTTP_ANSWERS, NULL, &w->alloc);
    net_timer_init(&l->late, on_late, l);
    if (crowded) {
        net_timer_start(w->loop, &l->late, 0);
        return l;
    }
    if (fresh && !has_place(p) && p->idle.oldest != NULL)
        gw_link_drop(p->idle.oldest);
    /* A second try has waited before. */
    if (!has_place(p) || (p->waiting.oldest != NULL && !fresh)) {
        wait_in_line(l);
    } else if (!begin_dial(l)) {
        leave_pool(l);
        free_link(l);
        return NULL;
    }
    return l;
}

struct gw_link *gw_link_take(struct gw_worker *w, const struct gw_origin *origin, bool fresh,
                             const struct gw_link_events *events, void *owner)
{
    struct gw_pool *p = NULL;
    enum dgm_rc rc = find_pool(w, origin, &p);
    struct gw_link *l = p == NULL || fresh || p->waiting.oldest != NULL ? NULL : p->idle.newest;
    if (l != NULL)
        take_out(&p->idle, l);
    else if (rc != DGM_E_NOMEM)
        l = new_link(p != NULL ? p : w->pools, fresh, rc == DGM_E_LIMIT);
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
    int64_t keep = keep_ms(&l->reader.head);
    if (keep <= 0) {
        gw_link_drop(l);
        return;
    }
    http_reader_rest(&l->reader);
    net_stream_pause(l->stream, false);
    l->events = NULL;
    l->owner = NULL;
    l->reused = true;
    l->until_ms = net_loop_now_ms(p->worker->loop) + keep;
    put_on_top(&p->idle, l);
    if (p->waiting.oldest != NULL)
        net_timer_start(p->worker->loop, &p->serving, 0);
    if (p->idle.n > GW_IDLE_LINKS_MAX)
        gw_link_drop(p->idle.oldest);
    if (!net_timer_is_on(&p->aging) || keep < GW_IDLE_LINK_MS)
        set_aging(p);
}

void gw_link_drop(struct gw_link *l)
{
    if (l == NULL)
        return;
    if (l->events == NULL)
        take_out(&l->pool->idle, l);
    leave_queue(l);
    bool counted = l->placed;
    leave_place(l);
    leave_pool(l);
    l->events = NULL;
    http_reader_dispose(&l->reader);
    net_dial_cancel(l->dial);
    l->dial = NULL;
    if (l->stream != NULL) {
        net_stream_close(l->stream); /* it is a connection until it is closed */
        return;
    }
    l->worker->counters->upstream_connections -= counted;
    free_link(l);
}
