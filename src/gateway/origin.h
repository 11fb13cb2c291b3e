/* SPDX-License-Identifier: Apache-2.0 */
/* origin.h - where an upstream stands, and whether this version can go there. */
#ifndef GATEWAY_ORIGIN_H
#define GATEWAY_ORIGIN_H

#include "gateway/config.h"

/** A base_url taken apart; parts of it, not copied. */
struct gw_origin {
    struct dgm_str authority; /* "127.0.0.1:8000", "[::1]", "lab.internal": what Host says */
    struct dgm_str host;      /* without port and brackets */
    struct dgm_str prefix;    /* of every path: "" or "/proxy/google"; no slash at its end */
    uint16_t port;
    bool tls;
};

/** Takes a base_url apart that the configuration has checked. */
void gw_origin_read(struct dgm_str base_url, struct gw_origin *ret);

/**
 * Why this version can not call an upstream, as the end of a sentence that begins with its name: " needs TLS,
 * ...". Absent: it can.
 */
struct dgm_str gw_upstream_lacks(const struct gw_upstream *);

#endif
