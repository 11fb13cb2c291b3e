/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caching.h - the marked beginning of a request, kept by its upstream: `context_cache` of upstreams (user-pain A9).
 *
 * Where clients mark (cache_control) up to where a prompt is worth keeping, Google is asked to keep that as a cachedContent,
 * once for all workers, and gets its name and the rest from then on. What always holds:
 *   1. It fails nobody's request. What can not be kept within GW_CACHING_MS, or is not there any more, goes whole; the client hears of
 *      that in x-dragoman-warning alone.
 *   2. A prefix is one upstream's, one project's and location's, one model's; and where callers bring credentials of their own
 *      (`credentials: caller`) it is theirs alone.
 *   3. Nobody waits for another's: who finds one being made sends the request whole.
 *   4. What was refused is not tried again for a while.
 *   5. Neither with `record` nor with `replay`: a recording stands for itself.
 */
#ifndef GATEWAY_CACHING_H
#define GATEWAY_CACHING_H

#include "gateway/exchange.h"
#include "gateway/place.h"
#include "gateway/prefixes.h"

#define GW_CACHING_MS                                                                              \
    10000 /* for one to be made; a quarter of what the client has, if that is less */
#define GW_CACHING_REFUSED_S 600 /* what the upstream did not take is not tried again so long */
#define GW_CACHING_FAILED_S 30   /* nor what failed otherwise, or was gone */
#define GW_CACHING_MARGIN_S                                                                        \
    15 /* it is not used any more so long before its end; less where it lives shortly */

/**
 * Makes an opened request so that its marks count, where the upstream's settings say so; and where the client names a cache
 * that was made here, tells what that holds. Between dgm_request_open (and dgm_request_use_model) and
 * dgm_request_translate. False: memory is short.
 */
DGM_MUST_USE bool gw_caching_apply(const struct gw_config *, const struct gw_upstream *,
                                   struct dgm_request *);

/**
 * The request is about to be asked at a place. True: its body is as it is to go. False: what it marks is being kept; when that
 * is over, one way or the other, gw_attempt_ask comes.
 */
bool gw_caching_ready(struct gw_exchange *, const struct gw_upstream *, const struct gw_place *);

/** The upstream refused, and the client has nothing of it. True: the request had used a cache, and is asked whole, once. */
bool gw_caching_refused(struct gw_exchange *, int status);

/** The upstream answers: where going whole was what helped, the cache is not used again for a while, and the client hears of it. */
void gw_caching_worked(struct gw_exchange *);

/** The request is another one now. */
void gw_caching_forget(struct gw_exchange *);

/** Ends what is under way; also twice. */
void gw_caching_cancel(struct gw_exchange *);

#endif
