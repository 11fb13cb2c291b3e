/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_google.h - what Google says of the tokens that callers show, in the keeper: asked once for all workers, kept a while.
 *
 *   1. Keys of ID tokens (JWKS) serve as long as their answer says (Cache-Control), a minute at least and a day at most; in the last
 *      quarter of that time they are fetched anew, and the old ones serve on to its end. A key that they lack makes one fetch besides, and
 *      that once a minute at most: whoever makes up names of keys does not make us ask Google.
 *   2. Whose an access token is (tokeninfo) serves to the token's end; that it is nobody's, ten seconds. It is asked for once, however
 *      many wait for it; 32 tokens at once, 512 wait for that, no more. Of a token its digest is kept, and the token itself while it
 *      is asked for. It goes in a header, never in a URL.
 *   3. Where Google can not be asked, nothing is said of the token, and a second later it is asked again.
 */
#ifndef GATEWAY_KEEPER_GOOGLE_H
#define GATEWAY_KEEPER_GOOGLE_H

#include "gateway/config.h"
#include "gateway/keeper_wire.h"
#include "net/loop.h"

#define GW_GOOGLE_TIMEOUT_MS 4000 /* of one answer of Google's */

/** What a worker asks (GOOGLE_ASK). Texts are borrowed. */
struct gw_google_ask {
    struct dgm_str url;
    struct dgm_str token;      /* whose it is; absent: the keys at `url` */
    uint64_t version;          /* of the keys that the worker has; 0: it has none */
    bool lacks;                /* and in them one that a token names */
    struct gw_proxies proxies; /* the way there */
    struct gw_roots roots;
};

void gw_google_ask_put(const struct gw_google_ask *, struct dgm_buf *out);
DGM_MUST_USE bool gw_google_ask_read(struct dgm_str payload, struct gw_google_ask *ret);

enum gw_google_word {
    GW_GOOGLE_AWAY,    /* it can not be asked: try again in a second */
    GW_GOOGLE_TELLS,   /* `text` */
    GW_GOOGLE_REFUSES, /* the token is nobody's */
    GW_GOOGLE_WORDS
};

/** What it is told (GOOGLE_SAYS). Times are since 1970. */
struct gw_google_says {
    enum gw_google_word word;
    uint64_t version; /* of keys; never 0 */
    int64_t until_ms; /* so long it counts */
    int64_t lacks_ms; /* of keys: before that nobody looks for one that is not among them */
    struct dgm_str
        text; /* as Google said it: a JSON text of at most AUTH_JWKS_MAX, or AUTH_INFO_MAX, bytes */
};

void gw_google_says_put(const struct gw_google_says *, struct dgm_buf *out);
DGM_MUST_USE bool gw_google_says_read(struct dgm_str payload, struct gw_google_says *ret);

struct gw_keeper_google;

/** `say` writes a frame to a link. NULL: memory is short. */
struct gw_keeper_google *gw_keeper_google_new(struct net_loop *,
                                              void (*say)(void *link, enum gw_message, uint32_t id,
                                                          struct dgm_str payload));
void gw_keeper_google_free(struct gw_keeper_google *); /* NULL is fine */

/** A GOOGLE_ASK, answered at once or later. False: it is none. */
bool gw_keeper_google_hear(struct gw_keeper_google *, void *link, uint32_t id,
                           struct dgm_str payload);

/** The link is gone. */
void gw_keeper_google_forget(struct gw_keeper_google *, const void *link);

#endif
