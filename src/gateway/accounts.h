/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.h - the emulated service accounts that `dragoman credentials create` made: an e-mail address -> a public key. */
#ifndef GATEWAY_ACCOUNTS_H
#define GATEWAY_ACCOUNTS_H

#include "gateway/keeper_store.h"

/** Those of the keeper's store, which is borrowed. */
struct gw_accounts {
    struct gw_keeper_store *store;
};

/** Looks one up; `done` comes once, behind this call, with the PEM of its public key, or absent. The
 * address is at most STORE_KEY_MAX long. False: memory is short, and it does not come. */
DGM_MUST_USE bool gw_account_find(struct gw_accounts *, struct dgm_str email, store_get_fn *done,
                                  void *owner);

/** It does not come any more. */
void gw_account_cancel(struct gw_accounts *, const void *owner);

#endif
