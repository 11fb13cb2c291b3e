/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwks.h - whose ID tokens are believed: JSON Web Key Sets (RFC 7517) as Google serves them, and the checks of OpenID Connect
 * Core 3.1.3.7, as data. Who fetches the keys, and when, is the caller's business; so is the time.
 */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "auth/jwt.h"

#define AUTH_JWKS_MAX                                                                              \
    ((size_t)64 * 1024)       /* bytes of a set's text; Google's has two keys and is under 2 KiB */
#define AUTH_JWKS_KEYS_MAX 32 /* more are not looked at */
#define AUTH_JWKS_SKEW_S 60   /* how far two clocks may differ */

/** A set. All zero is none. */
struct auth_jwks {
    struct auth_jwk {
        struct dgm_str kid; /* in the arena */
        struct auth_key *key;
    } at[AUTH_JWKS_KEYS_MAX];
    size_t n;
};

/**
 * Reads a set: RSA and P-256 keys that verify. Those of other kinds, for encryption, without a name, or that are none are left out
 * (RFC 7517 5). `*ret` is to be disposed; names stand in `arena`. DGM_OK; DGM_E_SYNTAX: it is no set; DGM_E_LIMIT; DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc auth_jwks_read(struct dgm_str text, struct dgm_arena *arena,
                                        struct auth_jwks *ret);
void auth_jwks_dispose(struct auth_jwks *); /* fine on one that is all zero */

/** The key of a name, whatever the token says of algorithms; NULL: there is none. */
const struct auth_key *auth_jwks_find(const struct auth_jwks *, struct dgm_str kid);

/** What an ID token must be. Each list matches when one of it does. */
struct auth_id_wanted {
    const struct dgm_str *issuers, *audiences;
    size_t issuers_n, audiences_n;
    int64_t now_s; /* since 1970 */
};

enum auth_id_verdict {
    AUTH_ID_GOOD,
    AUTH_ID_UNKNOWN_KEY, /* no key of the set has its name: the set may be old */
    AUTH_ID_UNSIGNED, /* that key did not sign it, or it names another algorithm than the key's */
    AUTH_ID_ISSUER,
    AUTH_ID_AUDIENCE,
    AUTH_ID_EXPIRED,
    AUTH_ID_EARLY,  /* issued, or in force, later than now */
    AUTH_ID_NOBODY, /* it names nobody: no `sub` */
};

/** Judges a token. The signature is looked at before anything that it says. */
enum auth_id_verdict auth_id_judge(const struct auth_jwt *, const struct auth_jwks *,
                                   const struct auth_id_wanted *);

/** The e-mail address that a good token's issuer has verified; absent: none. */
struct dgm_str auth_id_email(const struct auth_jwt *);

#endif
