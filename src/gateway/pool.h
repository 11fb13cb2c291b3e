/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - a worker's connections to upstreams, kept alive between calls: a pool for each origin.
 *
 * A link belongs to one call at a time. Between calls it is idle in its pool, the newest on top: under little load
 * the same few are used and the others grow old. What an idle link hears ends it, for there is nothing to hear.
 * A pool has limits.upstream_connections links; a call beyond them waits its turn, limits.waiting calls at most, each
 * for timeouts.waiting. A worker has GW_POOLS_MAX pools: for one more the pool that has not been used for longest goes,
 * of those that have no link; where all have some, the call fails.
 */
#ifndef GATEWAY_POOL_H
#define GATEWAY_POOL_H

#include "gateway/origin.h"
#include "gateway/worker.h"
#include "http/message.h"
#include "net/stream.h"

#define GW_POOLS_MAX 512      /* of a worker, for clients may name locations, and so origins */
#define GW_IDLE_LINKS_MAX 256 /* of a pool; one more pushes the oldest out */
/* Then it is closed: a server that closes first costs a call its second try. Where the server says how long it waits
 * ("Keep-Alive: timeout=5"), a second before that. */
#define GW_IDLE_LINK_MS 60000
#define GW_IDLE_MARGIN_MS 1000

/** What a link tells the call that has it, from the loop alone. */
struct gw_link_events {
    void (*on_open)(void *owner); /* it is connected, or got one that was kept: write */
    void (*on_read)(void *owner, struct dgm_str bytes);
    void (*on_eof)(void *owner);   /* the server ended its side */
    void (*on_drain)(void *owner); /* the stream's queue is empty again */
    /* Drop it. UPSTREAM_CONNECT: not connected, `why` is the end of a sentence; UPSTREAM_BUSY: there was no place for
     * it; NO_MEMORY; UPSTREAM_CUT: lost. */
    void (*on_fail)(void *owner, enum dgm_error, struct dgm_str why);
};

struct gw_pool;
struct net_dial;

/**
 * One connection. Lifetime:
 *   1. take makes it, CONNECTING, when its pool has no idle one, or WAITING, when that has no place either; on_open or
 *      on_fail follows. One that waits begins to connect, or gets the connection of one that became idle.
 *   2. OPEN, it is its call's: stream and reader are used directly.
 *   3. give makes it IDLE; the next take has it, or it ends by age, by the server, or with the pools.
 *   4. drop closes it in any state. The struct goes when its stream is closed, in a later turn of the loop.
 */
struct gw_link {
    struct gw_worker *worker;
    struct gw_pool *pool;
    struct gw_link *newer, *older;       /* among the idle, or those that wait */
    struct net_dial *dial;               /* while it is CONNECTING */
    struct net_stream *stream;           /* from then on */
    struct net_timer late;               /* when it has waited too long */
    struct http_reader reader;           /* of answers */
    const struct gw_link_events *events; /* NULL when idle */
    void *owner;
    int64_t until_ms; /* when idle: how long it may be */
    bool placed;      /* it is one of those that its pool may have */
    bool queued;      /* it waits for a place */
    bool crowded;     /* there was no pool for it: it fails in the next turn */
    bool reused;      /* it has served a call before this one */
};

/** A link for a call: an idle one unless it must be `fresh`. NULL: memory is short. */
struct gw_link *gw_link_take(struct gw_worker *, const struct gw_origin *, bool fresh,
                             const struct gw_link_events *, void *owner);

/** Back to the pool, after a whole answer behind which the server keeps the connection; its head is still there. */
void gw_link_give(struct gw_link *);

/** Closes it, whatever it is doing. NULL is fine. */
void gw_link_drop(struct gw_link *);

/** Closes what is idle and forgets the pools; the worker ends, no call has a link any more. */
void gw_pools_close(struct gw_worker *);

#endif
