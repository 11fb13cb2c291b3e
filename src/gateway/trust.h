/* SPDX-License-Identifier: Apache-2.0 */
/* trust.h - the authorities that upstreams' certificates are checked against, loaded once for all workers. */
#ifndef GATEWAY_TRUST_H
#define GATEWAY_TRUST_H

#include "gateway/config.h"
#include "net/tls.h"

/** Authorities by the `ca` of upstreams; an absent one is the system's. */
struct gw_trust {
    struct dgm_str ca;
    struct net_trust *trust;
};

/**
 * Loads what the upstreams that speak TLS need, each `ca` once; nothing where none does. They belong to the
 * configuration. False, and a sentence without its full stop in `why`, when a file can not be used.
 */
bool gw_trust_open(struct gw_config *, char why[NET_WHY_BYTES]);

/** Those of a `ca`; NULL when they were not loaded. */
const struct net_trust *gw_trust_find(const struct gw_config *, struct dgm_str ca);

/** For gw_config_free. */
void gw_trust_close(struct gw_config *);

#endif
