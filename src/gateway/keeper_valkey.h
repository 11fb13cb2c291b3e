/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_valkey.h - the keeper's connection to a Valkey that replicas share: what is kept goes there too, and what is not
 * here is looked for there.
 *
 * Nobody ever waits long for it. A question has GW_VALKEY_MS; while the connection is down, or an answer is overdue, none
 * is asked at all. It comes back by itself: at once, then later and later (100 ms to 10 s).
 */
#ifndef GATEWAY_KEEPER_VALKEY_H
#define GATEWAY_KEEPER_VALKEY_H

#include "gateway/valkey_address.h"
#include "net/loop.h"
#include "net/tls.h"
#include "store/store.h"

#define GW_VALKEY_MS 20

struct gw_valkey;

/** Where it is, and how long values live there (0: for ever). Borrowed. `trust`: for TLS. NULL: memory is short. */
struct gw_valkey *gw_valkey_new(struct net_loop *, const struct gw_valkey_address *,
                                const struct net_trust *trust, int64_t age_ms);
void gw_valkey_free(struct gw_valkey *); /* no callback comes any more; NULL is fine */

/** Comes once from the loop: whether it is there. */
typedef void gw_valkey_put_fn(void *owner, bool kept);

/** Puts a value of a map there. False: it can not be; `done` does not come. */
DGM_MUST_USE bool gw_valkey_put(struct gw_valkey *, enum store_map, struct dgm_str key,
                                struct dgm_str value, gw_valkey_put_fn *done, void *owner);

/**
 * Comes from the loop for each key that is known, by its index, then once with SIZE_MAX: an absent value says that the
 * answer did not come in time, an empty one that it did.
 */
typedef void gw_valkey_get_fn(void *owner, size_t i, struct dgm_str value);

/** Asks for values of a map, at most STORE_VALKEY_WORDS_MAX - 1; the keys are copied. False: as above. */
DGM_MUST_USE bool gw_valkey_get(struct gw_valkey *, enum store_map, const struct dgm_str *keys,
                                size_t n, gw_valkey_get_fn *done, void *owner);

/** Forgets all callbacks of an owner. */
void gw_valkey_cancel(struct gw_valkey *, const void *owner);

#endif
