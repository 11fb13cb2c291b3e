/* SPDX-License-Identifier: Apache-2.0 */
/* mac.c - HMAC-SHA256 by libcrypto. */
#include "auth/mac.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool auth_mac(struct dgm_str key, struct dgm_str text, unsigned char ret[AUTH_MAC_BYTES])
{
    unsigned n = 0;
    return key.n <= INT_MAX &&
           HMAC(EVP_sha256(), key.n != 0 ? key.p : "", (int)key.n, (const unsigned char *)text.p,
                text.n, ret, &n) != NULL &&
           n == AUTH_MAC_BYTES;
}

bool auth_digest(struct dgm_str text, unsigned char ret[AUTH_MAC_BYTES])
{
    unsigned n = 0;
    return EVP_Digest(text.n != 0 ? text.p : "", text.n, ret, &n, EVP_sha256(), NULL) == 1 &&
           n == AUTH_MAC_BYTES;
}

bool auth_same(struct dgm_str a, struct dgm_str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
