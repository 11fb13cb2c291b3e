/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - the URLs of one request, fetched for an upstream that can not read them (`fetch` of upstreams).
 *
 * GET without anything of ours or the client's: no credentials, no cookies, no Referer; never by a proxy, for who
 * resolves the name must be who checks the address (fetch_policy.h). A connection for each. Of the bytes only their base64
 * is kept, made as they come.
 */
#ifndef GATEWAY_FETCH_H
#define GATEWAY_FETCH_H

#include "gateway/worker.h"

#include <dragoman/dragoman.h>

#define GW_FETCH_AT_ONCE 8       /* of a request */
#define GW_FETCH_WORKER_MAX 64   /* of a worker; the others wait */
#define GW_FETCH_REDIRECTS_MAX 3 /* each looked at as the URL itself was */
#define GW_FETCH_CONNECT_MS 5000 /* the name, the connection and TLS of each hop */
#define GW_FETCH_ALL_BYTES                                                                         \
    ((int64_t)64 * 1024 * 1024) /* of a request, where one may not be larger alone */

/**
 * Lifetime:
 *   1. new finds the request's URLs, and begins with as many as may be.
 *   2. Their content is given to the request one by one. When all have it, or the first fails, or fetch.timeout has
 *      passed for all of them together, `done` comes, once, from the loop.
 *   3. cancel ends what is under way, at any time; then `done` does not come.
 *   4. free after the request: what was given to that stands here.
 */
struct gw_fetch;

/** DGM_OK: `*ret` is at work. DGM_DONE: there is nothing to fetch, `*ret` is untouched. Else as dgm_request_urls. */
DGM_MUST_USE enum dgm_rc gw_fetch_new(struct gw_worker *, const struct gw_upstream *,
                                      struct dgm_request *,
                                      void (*done)(void *owner, const struct dgm_fail *or_null),
                                      void *owner, struct gw_fetch **ret, struct dgm_fail *reterr);

void gw_fetch_cancel(struct gw_fetch *); /* NULL is fine, and twice */
void gw_fetch_free(struct gw_fetch *);   /* NULL is fine */

/** The request's URLs, with what was given for those that are done; as long as the request. */
const struct dgm_url *gw_fetch_urls(const struct gw_fetch *, size_t *ret_n);

#endif
