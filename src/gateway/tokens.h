/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens.h - access tokens in a worker: the newest of each credentials that its upstreams want, as the keeper tells them
 * (keeper_tokens.h). Nobody waits for one while one is good.
 */
#ifndef GATEWAY_TOKENS_H
#define GATEWAY_TOKENS_H

#include "gateway/keeper_tokens.h"
#include "gateway/worker.h"

#define GW_TOKEN_WAIT_MS 10000 /* as long as the keeper may take over one */

struct gw_tokens;

/** NULL: memory is short. Nothing is asked for yet. */
struct gw_tokens *gw_tokens_new(struct gw_worker *);
void gw_tokens_free(struct gw_tokens *); /* NULL is fine */

/** The worker's link is made: says what is wanted. */
void gw_tokens_begin(struct gw_tokens *);

/** What the keeper says of its own accord; NULL: the link has ended. Requests that wait may go on, and end, in it. */
void gw_tokens_hear(struct gw_tokens *, const struct gw_frame *);

/** One request's wait. Zeroed, it is none. */
struct gw_token_wait {
    struct gw_token_slot *slot; /* NULL: it waits for nothing */
    struct gw_token_wait *next, **at;
    struct net_timer late;
    void (*on_ready)(void *owner);
    void *owner;
    bool is_late;
};

enum gw_token_state {
    GW_TOKEN_UNWANTED, /* these credentials need none */
    GW_TOKEN_READY,    /* `*ret` is it */
    GW_TOKEN_WAIT,     /* `on_ready` comes once, from the loop: look again then */
    GW_TOKEN_NONE,     /* `*ret`'s trouble says why; passes: whether it may be there soon */
};

/** The token for an upstream; `*ret` is borrowed until the loop turns. `wait` NULL: nobody waits, NONE stands for it. */
enum gw_token_state gw_tokens_look(struct gw_worker *, const struct gw_upstream *,
                                   struct gw_token_said *ret, struct gw_token_wait *wait,
                                   void (*on_ready)(void *owner), void *owner);

/** No word comes any more. Fine on one that waits for nothing. */
void gw_token_leave(struct gw_token_wait *);

/** A token was refused with 401. */
void gw_tokens_refused(struct gw_worker *, const struct gw_upstream *, uint64_t generation);

#endif
