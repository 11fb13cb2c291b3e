/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - `auth.google: verify`, in a worker: whose a token of Google's is that a caller shows, and whether he may come in.
 *
 *   1. ID tokens are judged here (auth/jwks.h), by keys that the keeper has fetched; whose access tokens are the keeper asks
 *      (keeper_google.h). auth/holder.h says who may come in.
 *   2. Verdicts are kept by the token's digest: a good one to the token's end, another ten seconds; 2,048 of them.
 *   3. Who has to wait does so for GW_VERIFY_WAIT_MS at most. What can not be found out lets nobody in.
 */
#ifndef GATEWAY_VERIFY_H
#define GATEWAY_VERIFY_H

#include "gateway/worker.h"

#define GW_VERIFY_WAIT_MS 5000
#define GW_VERIFY_RETRY_MS 1000 /* what who could not be judged is told to wait */

struct gw_verify;

/** NULL: memory is short. Nothing is asked for yet. */
struct gw_verify *gw_verify_new(struct gw_worker *);

/** Behind the worker's link: nothing waits any more. NULL is fine. */
void gw_verify_free(struct gw_verify *);

struct gw_asking;

/** One request's wait. Zeroed, it is none. */
struct gw_verify_wait {
    struct gw_asking *asking; /* NULL: it waits for nothing */
    struct gw_verify_wait *next, **at;
    struct net_timer late;
    void (*on_ready)(void *owner);
    void *owner;
    int64_t since_ms; /* on the loop's clock */
    bool asked,
        lacked; /* it has waited: not for the same again; a key that was lacked is another thing */
    bool is_late;
};

struct gw_verdict {
    enum dgm_error
        error; /* NONE: he may come in; TOKEN_INVALID, _EXPIRED, _SCOPE, SUBJECT, VERIFY_AWAY */
    struct dgm_str name; /* of who may; borrowed until the loop turns */
};

/** False: `on_ready` comes once, from the loop: look again then, with the same wait. */
DGM_MUST_USE bool gw_verify_look(struct gw_verify *, struct dgm_str token, struct gw_verdict *ret,
                                 struct gw_verify_wait *wait, void (*on_ready)(void *owner),
                                 void *owner);

/** No word comes any more. Fine on one that waits for nothing. */
void gw_verify_leave(struct gw_verify_wait *);

#endif
