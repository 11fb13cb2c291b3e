/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping_keeper.h - what stands in a mapping that all processes share, kept in the store by the keeper so that a restart of the
 * daemon does not forget it: read once in a daemon's life, written when it has changed, chunk by chunk.
 */
#ifndef GATEWAY_MAPPING_KEEPER_H
#define GATEWAY_MAPPING_KEEPER_H

#include "gateway/keeper_store.h"

#define GW_MAPPING_CHUNKS_MAX 64

struct gw_quota;
struct gw_revoked;

/** What a mapping can do; a record may be empty. What was not read yet is never written over. */
struct gw_mapping_ops {
    enum store_map map;
    size_t chunks;
    uint64_t (*changes)(const void *mapping); /* how many there were */
    void (*put)(const void *mapping, size_t chunk, int64_t now_ms, struct dgm_buf *out);
    void (*read)(void *mapping, struct dgm_str record, int64_t now_ms);
    bool (*is_read)(const void *mapping);
    void (*set_read)(void *mapping); /* the store has told all that it has */
};

extern const struct gw_mapping_ops gw_mapping_quota;   /* struct gw_quota: what keys have used */
extern const struct gw_mapping_ops gw_mapping_revoked; /* struct gw_revoked: tokens */

struct gw_mapping_keeper;

/** All are borrowed; `every_ms`: how often it is looked at for changes; 0: only when it is told. NULL: memory is short. */
struct gw_mapping_keeper *gw_mapping_keeper_new(struct net_loop *, struct gw_keeper_store *,
                                                const struct gw_mapping_ops *, void *mapping,
                                                int64_t every_ms, const struct dgm_alloc *);

/** Writes what was not written yet; the store is still there. NULL is fine. */
void gw_mapping_keeper_free(struct gw_mapping_keeper *);

/** Gives the store what has changed since the last time; it is kept with the store's next turn. NULL is fine. */
void gw_mapping_keeper_write(struct gw_mapping_keeper *);

#endif
