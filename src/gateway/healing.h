/* SPDX-License-Identifier: Apache-2.0 */
/*
 * healing.h - a refusal that can be healed: the request is asked once more, otherwise (user-pain A11, B2, D5, I3).
 *
 * Before the client has a byte of an answer. What a refusal calls for the core says (dgm_request_try, tries.def), or it is
 * about a thought signature (gw_memory_doubt). What always holds:
 *   1. At most two tries a request, each of another row, and each within the retry budget of its upstream (policy.h).
 *   2. Where they do not help the client gets the first refusal, not the last, unless that was looked into (probing.h),
 *      which comes behind all tries.
 *   3. What helped is remembered (lessons.h), and done from the beginning by all workers; signatures have a memory of
 *      their own. A try behind which the very same refusal came did not: the core takes it back.
 *   4. Each is counted (counters.def) and told in x-dragoman-warning.
 */
#ifndef GATEWAY_HEALING_H
#define GATEWAY_HEALING_H

#include "gateway/exchange.h"

/**
 * The upstream refused, and the client's error for it is made (`chat.object`). True: the request goes on without it, or the
 * exchange is over.
 */
bool gw_heal(struct gw_exchange *);

/** The upstream answers: what led there is remembered. */
void gw_heal_worked(struct gw_exchange *);

/** Nothing helped: the first error takes the place of what `chat.object` holds. False: there is none, for nothing was tried. */
bool gw_heal_give_first(struct gw_exchange *);

/** The request is another one now, of another upstream. */
void gw_heal_forget(struct gw_exchange *);

void gw_heal_dispose(struct gw_exchange *);

#endif
