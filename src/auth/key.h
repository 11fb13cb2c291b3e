/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - keys that sign and verify: RSA of 2048 to 8192 bits with SHA-256 (RS256), P-256 (ES256). Each has one algorithm,
 * which it brings along: no text can choose it (RFC 8725 3.1).
 *
 * Memory is libcrypto's own; where it has none a call fails like any other.
 */
#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include <dragoman/types.h>

#define AUTH_SEED_BYTES 32
#define AUTH_PEM_MAX ((size_t)16 * 1024)      /* a longer text is no key */
#define AUTH_SIGNATURE_MAX ((size_t)8192 / 8) /* bytes */

/** A key pair, or its public half. */
struct auth_key;

enum auth_half { AUTH_PRIVATE, AUTH_PUBLIC };

/** Reads PEM (PKCS#8, PKCS#1, SEC 1; SPKI), which is not encrypted. NULL: it is no such key. */
struct auth_key *auth_key_read(struct dgm_str pem, enum auth_half);

/** The RSA key of 2048 bits that belongs to a seed: of random bytes a fresh one. Takes some tenths of a second. NULL: no memory. */
struct auth_key *auth_key_of_seed(const unsigned char seed[AUTH_SEED_BYTES]);

void auth_key_free(struct auth_key *); /* NULL is fine */

/** "RS256" or "ES256". */
struct dgm_str auth_key_alg(const struct auth_key *);

/** Puts PEM: PKCS#8 of a pair, SPKI of its public half. False: it has not that half, or `out` or memory failed. */
DGM_MUST_USE bool auth_key_put(const struct auth_key *, enum auth_half, struct dgm_buf *out);

/** Puts the modulus, or the exponent, of an RSA key as JWK wants them (RFC 7518 6.3.1). False: it is no RSA key. */
DGM_MUST_USE bool auth_key_put_modulus(const struct auth_key *, struct dgm_buf *out);
DGM_MUST_USE bool auth_key_put_exponent(const struct auth_key *, struct dgm_buf *out);

/** Puts the signature of a text, as JWS has it: of ES256 both numbers, 32 bytes each. False: it is no pair, or something failed. */
DGM_MUST_USE bool auth_sign(const struct auth_key *, struct dgm_str text, struct dgm_buf *out);

/** Whether a signature is this key's, of this text. Both may be anything. */
bool auth_verify(const struct auth_key *, struct dgm_str text, struct dgm_str signature);

#endif
