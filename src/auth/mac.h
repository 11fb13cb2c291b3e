/* SPDX-License-Identifier: Apache-2.0 */
/* mac.h - seals: HMAC-SHA256 (RFC 2104), digests, and how two of them are compared. */
#ifndef AUTH_MAC_H
#define AUTH_MAC_H

#include <dragoman/types.h>

#define AUTH_MAC_BYTES 32

/** The seal of a text under a key. False: libcrypto has no memory. */
DGM_MUST_USE bool auth_mac(struct dgm_str key, struct dgm_str text,
                           unsigned char ret[AUTH_MAC_BYTES]);

/** SHA-256 of a text, as many bytes. False: libcrypto has no memory. */
DGM_MUST_USE bool auth_digest(struct dgm_str text, unsigned char ret[AUTH_MAC_BYTES]);

/** Whether two secrets are the same; how long that takes tells their lengths alone. */
bool auth_same(struct dgm_str, struct dgm_str);

#endif
