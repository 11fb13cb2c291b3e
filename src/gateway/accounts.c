/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.c - the emulated service accounts, in the store. */
#include "gateway/accounts.h"

bool gw_account_find(struct gw_accounts *a, struct dgm_str email, store_get_fn *done, void *owner)
{
    bool asked = store_get(gw_keeper_store_of(a->store), STORE_ACCOUNTS, email, done, owner);
    gw_keeper_store_soon(a->store);
    return asked;
}

void gw_account_cancel(struct gw_accounts *a, const void *owner)
{
    store_cancel(gw_keeper_store_of(a->store), owner);
}
