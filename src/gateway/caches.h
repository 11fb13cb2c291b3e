/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caches.h - the emulator's cachedContents, for all workers at once.
 *
 * A mapping that the master makes before it forks, as tally.h: who has made a cache may ask any worker with it next. There is no
 * lock. Each place has a number that is odd while it is written, so who reads sees all of a cache or none; a worker that is
 * killed while it writes leaves one place of GW_CACHES_MAX that nobody can use any more.
 */
#ifndef GATEWAY_CACHES_H
#define GATEWAY_CACHES_H

#include "emulate/emulate.h"

#define GW_CACHES_MAX 256

struct gw_caches;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_caches *gw_caches_new(void);
void gw_caches_free(struct gw_caches *); /* NULL is fine */

/** As the emulator asks them: with a `ctx` that is the mapping. NULL has none, and takes none. */
struct emu_caches gw_caches_of(struct gw_caches *);

#endif
