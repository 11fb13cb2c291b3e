/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - one process that serves: a loop, its listeners, its connections. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "base/stock.h"
#include "emulate/pass.h"
#include "gateway/config.h"
#include "gateway/counters.h"
#include "net/listener.h"
#include "net/loop.h"

struct gw_catalog;
struct gw_conn;
struct gw_fetch;
struct gw_front;
struct gw_jobs;
struct gw_policy;
struct gw_pool;
struct gw_tally;
struct gw_caches;
struct gw_keeper_link;
struct gw_keys;
struct gw_quota;
struct gw_recorder;
struct gw_revoked;
struct gw_memory;
struct gw_tokens;
struct gw_verify;

/**
 * Lifetime: from after the fork to the process's end.
 *   1. It serves until the master asks it to drain, or the master is gone.
 *   2. Draining: no more accepting, idle connections close, exchanges run to their end.
 *   3. It ends when the last connection is closed, or timeouts.drain has passed; and no job runs any more, and every
 *      recording is written.
 */
struct gw_worker {
    const struct gw_config *config;
    struct net_loop *loop;
    struct dgm_stock stock;       /* over the C library's memory */
    struct dgm_alloc alloc;       /* the stock's, counted */
    struct gw_counters *counters; /* its sheet */
    struct gw_sheets *sheets;     /* of all workers */
    struct gw_conn *conns;        /* list */
    struct gw_pool *pools;        /* of connections to upstreams: list */
    struct gw_catalog *catalog;   /* of models; NULL: nobody has asked yet */
    struct gw_fetch *fetching;    /* URLs of requests, the oldest request first: list */
    struct gw_policy *policy;     /* which upstreams are asked next */
    struct gw_jobs *jobs;         /* off the loop; NULL: everything is done on it */
    struct gw_tally *tally;       /* shared with the other workers; NULL: there is none */
    struct gw_caches *caches;     /* shared too: the emulator's cachedContents */
    /* the same for the rules of this configuration's scenario file */
    struct gw_tally *script_tally;
    struct gw_keeper_link *keeper; /* NULL: nothing here needs one */
    struct gw_recorder *recorder;  /* NULL: nothing is recorded */
    struct gw_revoked *revoked;    /* tokens; shared with all other processes */
    /* of the tokens that clients show: auth.google is emulated */
    unsigned char pass_key[EMU_KEY_BYTES];
    uint64_t signature_key;   /* of the emulator's thought signatures */
    struct gw_memory *memory; /* NULL: there is no keeper */
    struct gw_keys *keys;     /* of clients; NULL: anybody may come in */
    struct gw_tokens *tokens; /* access tokens for upstreams; NULL: there is no keeper */
    struct gw_verify *verify; /* of tokens of Google's; NULL: auth.google is not verify */
    struct gw_quota *quota;   /* what they have used; shared with all other processes */
    size_t quota_book;        /* this worker's */
    struct gw_front *fronts;  /* what it listens on */
    size_t fronts_n, slot;
    struct net_watch *master; /* readable: drain; ended: the master is gone */
    struct net_timer drained; /* by when it must be */
    int64_t short_told_ms;    /* when it last said that descriptors are short; 0: never */
    bool draining;
};

/** What the master gives to a worker. The descriptors are the worker's from here on. */
struct gw_worker_start {
    const struct gw_config *config;
    size_t slot;
    const int *listening;
    size_t listening_n;
    int master; /* the worker's end of a stream socket to the master */
    struct gw_tally *tally, *script_tally;
    volatile bool *store_mark; /* set while the store's file is read; may be NULL */
    struct gw_revoked *revoked;
    struct gw_quota *quota;
    struct gw_sheets *sheets;
    size_t book;              /* its book in there, and its sheet */
    struct gw_caches *caches; /* of the emulator */
    int door;                 /* where the keeper is knocked for; -1: nothing here needs it */
};

/** Serves until it has drained; returns the process's exit code. */
int gw_worker_run(const struct gw_worker_start *);

/** A connection is closed: its place is free. */
void gw_worker_closed(struct gw_worker *);

/** Something is over for which a worker that drains may have waited. */
void gw_worker_settled(struct gw_worker *);

#endif
