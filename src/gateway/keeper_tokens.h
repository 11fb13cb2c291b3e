/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_tokens.h - access tokens, in the keeper: one source for all workers that want the same, refreshed in time.
 *
 *   1. A token is refreshed when three quarters of its life are over, less up to a sixteenth, which is random. Until
 *      the new one is there, and while none can be had, the old one is used to its end.
 *   2. Each token has a *generation*. Who was refused with it says so; the first word begins a refresh, the others are
 *      about a generation that is gone. A token younger than a second is not given up before that: where every token is
 *      refused the token server is asked once a second at most.
 *   3. A fetch that fails is tried again: after a second, twice as long each time, up to half a minute (five
 *      minutes where nothing will change by itself), and sooner while a token nears its end; no sooner because it was refused.
 *   4. What nobody wants any more is not refreshed, and goes with its end.
 */
#ifndef GATEWAY_KEEPER_TOKENS_H
#define GATEWAY_KEEPER_TOKENS_H

#include "gateway/keeper_wire.h"
#include "gateway/source.h"

/** What a worker wants (TOKEN_WANT): the place of the credentials. Texts are borrowed. */
void gw_token_want_put(uint64_t number, const struct gw_source_place *, struct dgm_buf *out);
DGM_MUST_USE bool gw_token_want_read(struct dgm_str payload, uint64_t *ret_number,
                                     struct gw_source_place *ret);

/** What it is told (TOKEN). */
struct gw_token_said {
    uint64_t number;                                        /* the worker's own, of its want */
    uint64_t generation;                                    /* never 0 with a token */
    int64_t ends_ms;                                        /* since 1970 */
    struct dgm_str token, quota_project, universe, project; /* token empty: there is none */
    struct dgm_str trouble; /* of the last fetch; empty: it had none */
    bool passes;
};

void gw_token_said_put(const struct gw_token_said *, struct dgm_buf *out);
DGM_MUST_USE bool gw_token_said_read(struct dgm_str payload, struct gw_token_said *ret);

struct gw_keeper_tokens;

/** `say` writes a frame to a link. NULL: memory is short. */
struct gw_keeper_tokens *gw_keeper_tokens_new(struct net_loop *, const char *const *environment,
                                              void (*say)(void *link, enum gw_message, uint32_t id,
                                                          struct dgm_str payload));
void gw_keeper_tokens_free(struct gw_keeper_tokens *); /* NULL is fine */

/** A TOKEN_WANT or TOKEN_BAD. False: it is none. */
bool gw_keeper_tokens_hear(struct gw_keeper_tokens *, void *link, const struct gw_frame *);

/** The link is gone. */
void gw_keeper_tokens_forget(struct gw_keeper_tokens *, const void *link);

#endif
