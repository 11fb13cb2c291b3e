/* SPDX-License-Identifier: Apache-2.0 */
/* store_folder.h - where the store is: the configuration's folder, or one that goes with the daemon. */
#ifndef GATEWAY_STORE_FOLDER_H
#define GATEWAY_STORE_FOLDER_H

#include "gateway/config.h"
#include "gateway/keeper_store.h"

/**
 * Finds it, and makes it where it is to be a temporary one; without that, memory is all, and the log says so. Temporary ones
 * that are nobody's any more, as all of their processes were killed, go.
 */
void gw_store_place_make(struct gw_store_place *, const struct gw_config *);

/** Removes a temporary folder; any other stays. */
void gw_store_place_remove(const struct gw_store_place *);

#endif
