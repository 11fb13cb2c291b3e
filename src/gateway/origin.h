/* SPDX-License-Identifier: Apache-2.0 */
/* origin.h - where an upstream stands, and how it is reached. */
#ifndef GATEWAY_ORIGIN_H
#define GATEWAY_ORIGIN_H

#include "gateway/config.h"

/** A base_url taken apart, and the way there; parts of the configuration, not copied. */
struct gw_origin {
    struct dgm_str url;       /* all of it, but for slashes at its end; wanted without TLS alone */
    struct dgm_str authority; /* "127.0.0.1:8000", "[::1]", "lab.internal": what Host says */
    struct dgm_str host;      /* without port and brackets */
    struct dgm_str prefix;    /* of every path: "" or "/proxy/google"; no slash at its end */
    uint16_t port;
    bool tls;
    const struct net_trust *trust; /* with tls: whom to trust */
    struct dgm_str proxy;          /* address of the proxy on the way; absent: none */
};

/** Takes a base_url apart that the configuration has checked. Says nothing of trust and proxy. */
void gw_origin_read(struct dgm_str base_url, struct gw_origin *ret);

/**
 * Finds the way to an upstream's origin, whose host, port and tls are known already, whether from its base_url or from
 * its location: sets trust and proxy.
 */
void gw_origin_reach(const struct gw_config *, const struct gw_upstream *, struct gw_origin *);

/**
 * The proxy on the way to an origin: `own`, where it is set ("none" is none), else the environment's, with its exceptions.
 * Absent: there is none.
 */
struct dgm_str gw_origin_proxy(const struct gw_proxies *, struct dgm_str own,
                               const struct gw_origin *);

#endif
