/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where a call to Google goes, and who it says is asking: host, path and headers, of the upstream, the
 * location and the credentials (google.md 1.2, 1.5, 1.7).
 */
#ifndef GATEWAY_PLACE_H
#define GATEWAY_PLACE_H

#include "gateway/keeper_tokens.h"
#include "gateway/origin.h"
#include "gateway/upstream.h"

#include <dragoman/dragoman.h>

#define GW_PLACE_HEADERS_MAX 2

/** What a place is made of. Borrowed. */
struct gw_place_ask {
    const struct gw_upstream *upstream;
    size_t location;                            /* which of its locations; the first is 0 */
    struct dgm_str path_project, path_location; /* of the request's path; may be absent */
    struct dgm_str authorization;               /* the caller's; absent when he sent none */
    const struct gw_token_said *token; /* where the credentials' tokens are fetched; else NULL */
    /* it is OpenAI's protocol that goes there, to an endpoint: express mode has none */
    bool relays;
};

struct gw_place {
    struct dgm_place native; /* for dgm_request_put_path; project absent: Vertex's express mode */
    struct gw_origin origin; /* texts stand in the arena, or are the configuration's */
    struct gw_call_header headers[GW_PLACE_HEADERS_MAX];
    size_t headers_n;
    char *_secret; /* the text that was made of it */
    size_t _secret_n;
};

/**
 * Finds it.
 *
 *   Vertex   The project and location are the upstream's, or else those of the path; the host is the location's:
 *            aiplatform.googleapis.com for "global", aiplatform.{us,eu}.rep.googleapis.com for those two,
 *            {location}-aiplatform.googleapis.com else. An API key without a project is express mode: the global
 *            host, and a path without project and location.
 *   Gemini   generativelanguage.googleapis.com.
 *   emulator The native place alone, as of Vertex: it stands nowhere.
 *   tokens   Of fetched credentials: their universe is in Vertex's hosts in the place of googleapis.com, their quota project goes
 *            along to Google in x-goog-user-project, and where neither upstream nor path names a project theirs does.
 *   others   base_url, which for all kinds counts before what is said above.
 *
 * An API key goes in x-goog-api-key to Google and as a bearer to others. `caller`: his own bearer goes on; one that
 * looks like an API key ("AIza...", "AQ....") goes where a key goes (user-pain H5).
 *
 * DGM_OK. DGM_E_REFUSED: `*reterr` has CALLER_UNKNOWN (`caller`, and he sent no bearer) or UPSTREAM_NONE (a location that
 * can not stand in a host's name) or RESIDENCY (one that may not be asked: whoever made the place, no other way leads
 * to Vertex). DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc gw_place_find(const struct gw_config *, const struct gw_place_ask *,
                                       struct dgm_arena *, struct gw_place *ret,
                                       struct dgm_fail *reterr);

/** The call was made: wipes the text of the secret, and the headers are gone. */
void gw_place_forget(struct gw_place *);

#endif
