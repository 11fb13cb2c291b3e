/* SPDX-License-Identifier: Apache-2.0 */
/* volatile.h - the same maps in memory: what the file has not taken, or all, where there is none. */
#ifndef STORE_VOLATILE_H
#define STORE_VOLATILE_H

#include "store/store.h"

struct store_volatile;

/** NULL: memory is short. */
struct store_volatile *store_volatile_new(const struct store_bounds *, const struct dgm_alloc *);
void store_volatile_free(struct store_volatile *); /* NULL is fine */

/** Puts a value; the oldest of those that age make room. False: there is none, or memory is short. */
bool store_volatile_put(struct store_volatile *, enum store_map, struct dgm_str key,
                        struct dgm_str value, int64_t now_ms);

/** A value, borrowed until the next put or drop; absent: it is not here, or too old. */
struct dgm_str store_volatile_get(const struct store_volatile *, enum store_map, struct dgm_str key,
                                  int64_t now_ms);

/** One that is here. */
struct store_volatile_entry {
    enum store_map map;
    struct dgm_str key, value;
};

/** The oldest; false: there is none. */
bool store_volatile_oldest(const struct store_volatile *, struct store_volatile_entry *ret);

/** Drops one, which may not be here. */
void store_volatile_drop(struct store_volatile *, enum store_map, struct dgm_str key);

/** Drops what is too old. */
void store_volatile_expire(struct store_volatile *, int64_t now_ms);

/** Adds to the counts that it has. */
void store_volatile_tell(const struct store_volatile *, struct store_state *);

#endif
