/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked.h - which tokens of the emulated identity were revoked, for all processes at once.
 *
 * A mapping that the master makes before it forks, as tally.h: who is told that a token is revoked may ask any worker with it
 * next, and no message to that worker could be sure to be there before. Nothing in it is ever taken back.
 */
#ifndef GATEWAY_REVOKED_H
#define GATEWAY_REVOKED_H

#include "emulate/pass.h"

#define GW_REVOKED_MAX 65536

struct gw_revoked;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_revoked *gw_revoked_new(void);
void gw_revoked_free(struct gw_revoked *); /* NULL is fine */

/** Revokes a token. False: GW_REVOKED_MAX are already; NULL revokes nothing and is false too. */
DGM_MUST_USE bool gw_revoked_add(struct gw_revoked *, const struct emu_pass *);

/** Revokes all tokens that `who`, or with an absent `who` anybody, has got up to a time. As the other. */
DGM_MUST_USE bool gw_revoked_add_all(struct gw_revoked *, struct dgm_str who, int64_t until_ms);

/** Whether a token is one of them. */
bool gw_revoked_has(const struct gw_revoked *, const struct emu_pass *);

#endif
