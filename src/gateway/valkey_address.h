/* SPDX-License-Identifier: Apache-2.0 */
/* valkey_address.h - where a Valkey is: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// with TLS. */
#ifndef GATEWAY_VALKEY_ADDRESS_H
#define GATEWAY_VALKEY_ADDRESS_H

#include <dragoman/types.h>

#define GW_VALKEY_TEXT_MAX 256 /* bytes of each of its texts */

/** An address taken apart; it owns its texts, which are decoded. */
struct gw_valkey_address {
    char host[GW_VALKEY_TEXT_MAX], user[GW_VALKEY_TEXT_MAX], password[GW_VALKEY_TEXT_MAX];
    size_t host_n, user_n, password_n; /* no user: the default one; no password: none is said */
    uint16_t port;
    uint32_t db;
    bool tls;
};

/** Reads one; valkey:// and valkeys:// are the same. NULL, or what is wrong with it: "must begin with ...". */
const char *gw_valkey_read(struct dgm_str url, struct gw_valkey_address *ret);

#endif
