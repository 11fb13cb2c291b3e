/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - which models servers of one's own have, by what they said last at GET /v1/models.
 *
 * Asked for by clients that list models, and by nothing else: no list is fetched before, none in the background, and no
 * health check comes here. A list serves for timeouts.models; then it is fetched anew beside the client that gets the old one,
 * and kept while its server fails. Where there is none yet, a client waits GW_CATALOG_WAIT_MS for it at most.
 */
#ifndef GATEWAY_CATALOG_H
#define GATEWAY_CATALOG_H

#include "gateway/worker.h"
#include "json/read.h"

#define GW_CATALOG_RETRY_MS 5000 /* behind a fetch that failed, if timeouts.models is not shorter */
#define GW_CATALOG_WAIT_MS 2000

struct gw_catalog;

/** One who waits. All zero: nobody does. */
struct gw_catalog_wait {
    struct gw_catalog *catalog; /* NULL: it does not wait */
    struct gw_catalog_wait *next;
    void (*on_ready)(void *owner);
    void *owner;
};

/**
 * Fetches what is old. True: what there is can be used now. False: `w` waits, and on_ready comes, from the loop, once. When
 * memory is short there is nothing to wait for.
 */
bool gw_catalog_ask(struct gw_worker *, struct gw_catalog_wait *w, void (*on_ready)(void *owner),
                    void *owner);

/** It does not wait any more; nothing happens where it did not. */
void gw_catalog_leave(struct gw_catalog_wait *);

/** The `data` of an upstream's list; NULL: none is known. Valid until the loop's next turn. */
const struct json_val *gw_catalog_models(const struct gw_worker *, const struct gw_upstream *);

/** Cancels what is under way and frees all. */
void gw_catalog_close(struct gw_worker *);

#endif
