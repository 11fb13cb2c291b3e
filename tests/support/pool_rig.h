/* SPDX-License-Identifier: Apache-2.0 */
/* pool_rig.h - a worker's pools and a server in the same loop, for their tests. */
#ifndef SUPPORT_POOL_RIG_H
#define SUPPORT_POOL_RIG_H

#include "gateway/pool.h"
#include "support/alloc_fail.h"

#define POOL_PEERS_MAX (GW_IDLE_LINKS_MAX + 8)

enum { PEER_STAYS, PEER_ENDS, PEER_RESETS };

/* A server that accepts all and answers whatever ends in "}" with {}. */
struct pool_rig {
    struct alloc_fail memory;
    size_t once_at; /* the number of the one allocation that fails; 0: none */
    bool once_failed;
    struct gw_config config;
    struct gw_worker worker;
    struct gw_counters counters;
    struct gw_origin origin;
    char url[40];
    int listening;
    int peers[POOL_PEERS_MAX];
    size_t peers_n, requests;
    bool refuses; /* it closes a connection that brings a second request */
    int after; /* PEER_STAYS, PEER_ENDS or PEER_RESETS: what it does to a connection behind each answer */
    const char *says; /* headers of its answers, besides */
    struct net_timer turn, give_up;
    bool (*done)(struct pool_rig *);
    unsigned opened, ended, failed;
    size_t body_bytes;
    enum dgm_error error;
};

void pool_rig_open(struct pool_rig *);

/** Checks that no link, no call and no memory is left. */
void pool_rig_close(struct pool_rig *);

/** Lets loop and server run until something is so; fails after ten seconds. */
void pool_rig_run(struct pool_rig *, bool (*done)(struct pool_rig *));

#endif
