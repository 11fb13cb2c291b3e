/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_policy.h - which URLs of clients may be fetched, and from which addresses. Pure: text and numbers in, a verdict
 * out; nothing is looked up.
 *
 * A client may name any URL, and this machine can reach more than he: its own loopback, the network behind it, the
 * metadata server of its cloud, which gives away credentials (user-pain E4). So everything is refused that is not
 * plainly a public host on a usual port, before a name is asked for; and the addresses of a name are held to the same,
 * all of them, and then used: nobody asks for the name a second time.
 */
#ifndef GATEWAY_FETCH_POLICY_H
#define GATEWAY_FETCH_POLICY_H

#include "gateway/config.h"
#include "net/names.h"

#define GW_FETCH_URL_MAX 8192 /* bytes of a URL */

/** A URL that may be asked for, if its host's addresses may. */
struct gw_fetch_url {
    bool tls, is_number;
    uint16_t port;
    char host[NET_HOST_MAX + 1]; /* lower case; a number as numbers are written, without brackets */
    union net_address number;    /* of a number */
    struct dgm_str target;       /* "/path?query", in the arena */
    struct dgm_str authority;    /* what Host says, in the arena */
};

/**
 * Whether an upstream's `fetch` is about a URL: gcs about gs://BUCKET/OBJECT and the same by
 * https://storage.googleapis.com/ or storage.cloud.google.com/; public about all, fit or not. Others go on as they are.
 */
bool gw_fetch_wants(int fetch, struct dgm_str url);

/**
 * Takes a URL apart. DGM_OK. DGM_E_REFUSED: it may not be asked for, and `*reterr` is the end of a sentence, a constant:
 * "it has a user in it". DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc gw_fetch_url_read(struct dgm_str url, const struct gw_strs *allow,
                                           struct dgm_arena *, struct gw_fetch_url *ret,
                                           struct dgm_str *reterr);

/** Where a redirect leads that came from `from`: an absolute URL, in the arena. Absent: nowhere, or memory is short. */
struct dgm_str gw_fetch_redirect(const struct gw_fetch_url *from, struct dgm_str location,
                                 struct dgm_arena *);

/** Whether a URL's host may be reached at an address. */
bool gw_fetch_address_ok(const struct gw_strs *allow, const struct gw_fetch_url *,
                         const union net_address *);

/** Whether an address is one of the public internet. */
bool gw_address_is_public(const union net_address *);

/** What is wrong with an entry of fetch.allow, as the end of a sentence; NULL: nothing. */
const char *gw_fetch_allow_fault(struct dgm_str entry);

#endif
