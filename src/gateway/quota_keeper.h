/* SPDX-License-Identifier: Apache-2.0 */
/* quota_keeper.h - what keys have used, kept in the store by the keeper: read once in a daemon's life, written once a second. */
#ifndef GATEWAY_QUOTA_KEEPER_H
#define GATEWAY_QUOTA_KEEPER_H

#include "gateway/keeper_store.h"
#include "gateway/quota.h"

struct gw_quota_keeper;

/** All are borrowed. NULL: memory is short. */
struct gw_quota_keeper *gw_quota_keeper_new(struct net_loop *, struct gw_keeper_store *,
                                            struct gw_quota *, const struct dgm_alloc *);

/** Writes what was not written yet; the store is still there. NULL is fine. */
void gw_quota_keeper_free(struct gw_quota_keeper *);

#endif
