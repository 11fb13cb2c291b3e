/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_store.h - the store as the keeper has it: opened when it is found sound, done turn by turn, synced, and asked
 * by workers.
 *
 * Whoever lives in the keeper uses `store` itself (store_put, store_get, store_cancel) and calls gw_keeper_store_soon behind it.
 */
#ifndef GATEWAY_KEEPER_STORE_H
#define GATEWAY_KEEPER_STORE_H

#include "gateway/keeper_valkey.h"
#include "gateway/keeper_wire.h"
#include "net/loop.h"
#include "store/store.h"

#define GW_STORE_GETS_MAX 32 /* keys in one question */

/* Indexes in STORE_VALUES that are no key's: Valkey did not answer in time; one for each value that came from there. */
#define GW_STORE_MISSED GW_STORE_GETS_MAX
#define GW_STORE_SHARED (GW_STORE_GETS_MAX + 1)

/** Where it is; does not change while the daemon runs. */
struct gw_store_place {
    char folder[STORE_PATH_MAX]; /* "": none, memory is all */
    struct store_bounds bounds;
    bool temporary; /* it goes with the daemon */
    bool is_shared; /* there is a Valkey, too */
    struct gw_valkey_address valkey;
    struct net_trust *trust; /* for TLS; NULL: it is not wanted */
};

/** What it says to links of the keeper's. */
struct gw_keeper_store_events {
    void (*say)(void *link, enum gw_message, uint32_t id, struct dgm_str payload);
    void (*push)(void *owner, enum gw_message, struct dgm_str payload); /* to all of them */
    void (*settled)(void *owner); /* it is not busy any more */
};

struct gw_keeper_store;

/**
 * `place` is borrowed. `is_suspect`: processes have died of the file, which is set aside. `busy` (borrowed, may be NULL) is
 * set while the file is touched, for whoever sees us die. NULL: memory is short.
 */
struct gw_keeper_store *gw_keeper_store_new(struct net_loop *, const struct gw_store_place *,
                                            bool is_suspect, volatile bool *busy,
                                            const struct gw_keeper_store_events *, void *owner);

/** Not while it is busy. NULL is fine. */
void gw_keeper_store_free(struct gw_keeper_store *);

/** Whether a thread syncs. */
bool gw_keeper_store_is_busy(const struct gw_keeper_store *);

/** The store; it lives as long. */
struct store *gw_keeper_store_of(struct gw_keeper_store *);

/** Something was asked of it: it is done in the loop's next turn. */
void gw_keeper_store_soon(struct gw_keeper_store *);

/** It is done before this returns, where the store has its file. Not from a callback of the store's. */
void gw_keeper_store_now(struct gw_keeper_store *);

/** A worker's question, STORE_PUT or STORE_GET. False: it is none. */
bool gw_keeper_store_hear(struct gw_keeper_store *, void *link, const struct gw_frame *);

/** A worker's link is new; it has ended: nothing is said to it any more. */
void gw_keeper_store_greet(struct gw_keeper_store *, void *link);
void gw_keeper_store_forget(struct gw_keeper_store *, void *link);

#endif
