/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - from a path to what is asked. */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "http/message.h"
#include "http/target.h"

/** What a path is about. */
enum gw_what {
    GW_CHAT,
    GW_NATIVE, /* the server of an endpoint, byte for byte */
    GW_GOOGLE, /* Google's own APIs */
    GW_MODELS,
    GW_MODEL,
    GW_ENDPOINTS,
    GW_ENDPOINT,
    GW_HEALTH,
    GW_READY,
    GW_STATS,
    GW_EMULATED,
    GW_IDENTITY,        /* Google's identity servers, emulated */
    GW_IDENTITY_PAGE,   /* what they did */
    GW_IDENTITY_REVOKE, /* tokens, from now on */
};

/** For whom a path is; routes.def. */
enum gw_whose { GW_ASKED, GW_OPEN, GW_LOCAL };

/** One row of routes.def. */
struct gw_route {
    struct dgm_str pattern;
    enum http_method method;
    enum gw_whose whose;
    enum gw_what what;
    enum http_method also; /* is served too: DELETE, POST; OTHER: nothing */
    bool shared;           /* with OpenAI's API: only for who asks as Google's clients do */
};

/** A path that is served, and what stands in it: absent where its pattern has no such part. */
struct gw_target {
    const struct gw_route *route;
    struct dgm_str project, location, endpoint, model, call,
        id; /* parts of the path; all but id match dgm_name_ok. call: "MODEL:generateContent" */
};

/**
 * The row whose pattern a target is, letter by letter, as most are: it needs no parsing. NULL: it is spelled in another
 * way, has parts to be captured, a query, or no row, or both APIs have it.
 */
const struct gw_route *gw_route_of(struct dgm_str target);

/**
 * Finds what a path asks for. `googles`: it is asked as Google's clients do, which settles whose a path is that both APIs
 * have.
 *
 * DGM_OK: `*ret` is set. DGM_E_REFUSED: `*reterr` has ENDPOINT_UNSUPPORTED (naming what is served beside it),
 * PATH_UNKNOWN (with "did you mean") or HTTP_TARGET (a name that may not stand in a resource path).
 */
DGM_MUST_USE enum dgm_rc gw_route_find(const struct http_path *, bool googles,
                                       struct gw_target *ret, struct dgm_fail *reterr);

/** Whether a route serves a method; OPTIONS counts. Google's take all, for their frontend has an answer to each. */
bool gw_route_serves(const struct gw_route *, enum http_method);

/** The value of Allow for a route; for NULL (OPTIONS *) all methods. */
struct dgm_str gw_route_allow(const struct gw_route *);

/** The table: so many rows at `*ret`. */
size_t gw_routes(const struct gw_route **ret);

#endif
