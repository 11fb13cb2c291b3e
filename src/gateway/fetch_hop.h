/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_hop.h - one GET to a host that a client named: its addresses looked at, one of them reached, one answer read. */
#ifndef GATEWAY_FETCH_HOP_H
#define GATEWAY_FETCH_HOP_H

#include "gateway/fetch_policy.h"
#include "gateway/worker.h"

/** What a hop tells, from the loop alone. The owner may free it in any of them. */
struct gw_hop_events {
    void (*on_type)(void *owner, struct dgm_str content_type); /* 200: the bytes follow */
    void (*on_bytes)(void *owner, struct dgm_str);
    void (*on_whole)(void *owner); /* the last; one of the three below instead */
    void (*on_redirect)(void *owner, struct dgm_str location);
    void (*on_fail)(void *owner, struct dgm_str why); /* the end of a sentence; borrowed */
};

struct gw_hop;

/** Begins; the URL is borrowed until it is freed. NULL: memory is short. */
struct gw_hop *gw_hop_new(struct gw_worker *, const struct gw_fetch_url *,
                          const struct gw_hop_events *, void *owner);

/** Ends it at once; nothing is told any more. */
void gw_hop_free(struct gw_hop *);

#endif
