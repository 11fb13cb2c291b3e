/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the clients' keys as a worker has them: the file of `auth.keys`, read anew when it has changed.
 *
 * A worker looks at the file when a request comes, ten times a second at most: a key that was added or revoked is so before
 * anybody can have asked twice. What can not be read changes nothing, and is told: the keys of before go on. Where that was for want
 * of memory or descriptors, or the system's refusal, it is tried again with every look.
 */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include "auth/keyring.h"

#define GW_KEYS_WHY_BYTES 512 /* of a sentence for people, its zero included */

struct gw_keys;

/**
 * One reading of the file. Whoever keeps a client of it (an exchange does, to its end) holds it; it goes when the last of them
 * lets go and a newer one is there.
 */
struct gw_key_set;

/** A worker's. `path` is borrowed. A file that can not be read is one without keys: nobody comes in. NULL: memory is short. */
struct gw_keys *gw_keys_new(const char *path, const struct dgm_alloc *);
void gw_keys_free(struct gw_keys *); /* NULL is fine; not while a set is held */

/**
 * Whose key it is; NULL: nobody's. `now_ms` is of a steady clock. When it is somebody's, `*ret_set` is held, and must be given
 * back.
 */
const struct auth_client *gw_keys_find(struct gw_keys *, int64_t now_ms, struct dgm_str key,
                                       struct gw_key_set **ret_set);
void gw_key_set_give(struct gw_key_set *); /* NULL is fine */

/** Whether a file can be used, before anybody needs it. False: `why` says what is wrong with it, "k: line 3: ...". */
bool gw_keys_check(const char *path, char why[GW_KEYS_WHY_BYTES]);

#endif
