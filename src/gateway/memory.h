/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what outlives an exchange: thought signatures and Google's own ids, by tool call id, in the store.
 *
 * A worker reads the store's file itself; what is not there it asks the keeper for where that may know more. What it keeps
 * it gives to the keeper, and the answer waits for the word that it is kept, for a second at most: without it the session
 * goes on with the stand-in. Without a tool call nothing here is touched.
 */
#ifndef GATEWAY_MEMORY_H
#define GATEWAY_MEMORY_H

#include "gateway/worker.h"

#include <dragoman/dragoman.h>

struct gw_frame;

/** A worker's. */
struct gw_memory;

/** `mark` is set while the store's file is read; may be NULL. NULL: memory is short. */
struct gw_memory *gw_memory_new(struct gw_worker *, volatile bool *mark);
void gw_memory_free(struct gw_memory *); /* NULL is fine; nothing is recalled or kept any more */

/** The keeper says where the store is; a gw_keeper_push_fn. `owner` is the memory. */
void gw_memory_hear(void *owner, const struct gw_frame *);

/**
 * Puts the public key of an emulated service account, which dragoman credentials create put into the store's file. DGM_OK; DGM_MORE:
 * there is no such account; DGM_E_LIMIT: nobody can say now, the keeper has not told yet where the file is.
 */
DGM_MUST_USE enum dgm_rc gw_memory_account(struct gw_worker *, struct dgm_str email,
                                           struct dgm_buf *out);

/** Whose memory it is, and of which of Google's surfaces: what one scope keeps no other recalls. */
struct gw_memory_of {
    struct dgm_str scope; /* a key's name, or a verified subject; "" without authentication */
    enum dgm_surface surface;
};

/** Something that is on its way. */
struct gw_memory_wait;

/** It is not waited for any more. NULL is fine. */
void gw_memory_cancel(struct gw_memory_wait *);

/**
 * Answers all that a request asks for after DGM_NEED. NULL: it can be resumed. Else `done(owner)` comes from the loop when it
 * can, and what was returned is gone by then. What memory is short for is unknown.
 */
struct gw_memory_wait *gw_memory_recall(struct gw_worker *, const struct gw_memory_of *,
                                        struct dgm_request *, void (*done)(void *owner),
                                        void *owner);

/** Keeps what DGM_KEEP asks to. NULL: nothing to wait for. Else `done(owner)` comes, when all is kept or a second is over. */
struct gw_memory_wait *gw_memory_keep(struct gw_worker *, const struct gw_memory_of *,
                                      const struct dgm_request *, void (*done)(void *owner),
                                      void *owner);

/** Remembers and counts which calls of a complete request went with the stand-in: it is sent for them from now on. */
void gw_memory_stood_in(struct gw_worker *, const struct gw_memory_of *,
                        const struct dgm_request *);

/**
 * An upstream found a signature wrong or missing: forgets those that nobody but the client vouches for, or, where there
 * are none, all. False: there is nothing to forget. Then the request is to be made anew (dgm_request_remake).
 */
DGM_MUST_USE bool gw_memory_doubt(struct dgm_request *);

#endif
