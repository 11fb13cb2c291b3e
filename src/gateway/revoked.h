/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked.h - which tokens of the emulated identity were revoked, for all processes at once.
 *
 * A mapping that the master makes before it forks, as tally.h: who is told that a token is revoked may ask any worker with it
 * next, and no message to that worker could be sure to be there before. Nothing in it is ever taken back.
 *
 * So that a restart forgets none, the keeper writes it into the store, GW_REVOKED_CHUNK places a record, and reads it once in a
 * daemon's life (revoked_keeper.h). What has ended is not written: a token that is over needs no revocation.
 */
#ifndef GATEWAY_REVOKED_H
#define GATEWAY_REVOKED_H

#include "emulate/pass.h"

#define GW_REVOKED_MAX 65536
#define GW_REVOKED_CHUNK 1024

struct gw_revoked;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_revoked *gw_revoked_new(int64_t now_ms);
void gw_revoked_free(struct gw_revoked *); /* NULL is fine */

/** Revokes a token. False: GW_REVOKED_MAX are already; NULL revokes nothing and is false too. */
DGM_MUST_USE bool gw_revoked_add(struct gw_revoked *, const struct emu_pass *);

/** Revokes all tokens that `who`, or with an absent `who` anybody, has got up to a time. As the other. */
DGM_MUST_USE bool gw_revoked_add_all(struct gw_revoked *, struct dgm_str who, int64_t until_ms);

/**
 * Whether what the store had is read: before that nobody can say that a token is good. After ten seconds of the daemon's life it
 * counts as read, for then the store has no file. NULL is known: nothing is.
 */
bool gw_revoked_is_known(const struct gw_revoked *, int64_t now_ms);

/** The keeper's: how often something was revoked; the record of a chunk, empty where nothing counts any more; it is read back. */
uint64_t gw_revoked_changes(const struct gw_revoked *);
void gw_revoked_put(const struct gw_revoked *, size_t chunk, int64_t now_ms, struct dgm_buf *out);
void gw_revoked_read(struct gw_revoked *, struct dgm_str record, int64_t now_ms);
bool gw_revoked_is_read(const struct gw_revoked *);
void gw_revoked_set_read(struct gw_revoked *);

/** Whether a token is one of them. */
bool gw_revoked_has(const struct gw_revoked *, const struct emu_pass *);

#endif
