/* SPDX-License-Identifier: Apache-2.0 */
/* key_made.h - between key.c and who makes keys: libcrypto's own behind a struct auth_key. */
#ifndef AUTH_KEY_MADE_H
#define AUTH_KEY_MADE_H

#include "auth/key.h"

#include <openssl/evp.h>

struct auth_key {
    EVP_PKEY *pkey;
};

/** Takes over a key of libcrypto's. NULL, and it is freed: NULL, or not of a kind that is taken. */
struct auth_key *auth_key_keep(EVP_PKEY *);

#endif
