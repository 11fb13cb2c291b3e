/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the keeper: the one process beside the workers that keeps what there must be one of. So far that is what
 * the emulator received, its identity servers, the store, access tokens of Google's, and what Google says of the tokens that
 * callers show; what keys have used it writes down.
 *
 * Its door is a socket pair that the master makes before it forks anybody: it has both ends, workers have one and the
 * keeper the other. A worker that wants a link sends one end of a new socket pair through it. So links need no name in
 * any name space, nobody else can make one, and a new keeper finds at the same door what its predecessor left there.
 */
#ifndef GATEWAY_KEEPER_H
#define GATEWAY_KEEPER_H

#include "gateway/config.h"
#include "gateway/keeper_store.h"
#include "gateway/quota.h"
#include "gateway/revoked.h"

/** The two ends of the door. */
struct gw_door {
    int workers, keeper; /* -1: there is none */
};

/** Whether a configuration has something for a keeper to keep. */
bool gw_keeper_needed(const struct gw_config *);

/** Opens a door. False, and errno: no descriptors. */
bool gw_door_open(struct gw_door *ret);
void gw_door_close(struct gw_door *); /* fine on a closed one */

/** What the master gives to a keeper. */
struct gw_keeper_start {
    int door;                           /* its end; the keeper's from here on */
    const struct gw_store_place *store; /* where the store is; NULL: in memory */
    bool is_suspect;                    /* processes have died of its file */
    struct gw_revoked *revoked;         /* tokens; borrowed, may be NULL */
    struct gw_quota *quota;             /* what keys have used; borrowed, may be NULL */
    volatile bool *busy;                /* see gw_keeper_store_new; may be NULL */
};

/**
 * The keeper's process, from the fork to its end: serves until nobody could knock any more, neither a worker nor
 * the master. Returns the process's exit code. Nothing but the door's own end may hold a worker's end here.
 */
int gw_keeper_run(const struct gw_keeper_start *);

#endif
