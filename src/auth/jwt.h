/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.h - JSON web tokens (RFC 7519) in their compact form (RFC 7515), read and put; the time is the caller's business.
 *
 * Strict where two readers could differ: three parts in base64url of one spelling, a header and claims that are objects
 * of UTF-8 with no name twice and no depth over eight, no `crit`, no `b64`.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "auth/key.h"
#include "json/read.h"

#define AUTH_JWT_MAX ((size_t)16 * 1024) /* bytes; Google's own are under two KiB */

/** A token as it reads. Nothing of it is true until auth_jwt_is_signed. */
struct auth_jwt {
    struct dgm_str alg, kid; /* of the header; absent where it has none */
    const struct json_val *claims;
    struct dgm_str signed_text; /* header and claims as they were signed: part of what was read */
    struct dgm_str signature;   /* bytes; empty for one that nobody signed */
};

/**
 * Reads a token. All of it stands in `arena`, but for `signed_text`. DGM_OK; DGM_E_SYNTAX: it is none; DGM_E_LIMIT: it is
 * longer than AUTH_JWT_MAX; DGM_E_NOMEM. `*ret` is set by DGM_OK alone.
 */
DGM_MUST_USE enum dgm_rc auth_jwt_read(struct dgm_str text, struct dgm_arena *arena,
                                       struct auth_jwt *ret);

/** Whether this key signed it, and the header names the key's own algorithm: never "none", never another. */
bool auth_jwt_is_signed(const struct auth_jwt *, const struct auth_key *);

/** A claim that is a time, in seconds since 1970: a number, of which fractions are cut, or digits in a string. */
bool auth_jwt_time(const struct json_val *claims, struct dgm_str name, int64_t *ret);

/** Whether `aud` is this, or a list that has it. */
bool auth_jwt_is_for(const struct json_val *claims, struct dgm_str audience);

/** Puts a token: `claims` is a JSON text; `kid` may be empty. False: `out`, or libcrypto, failed. */
DGM_MUST_USE bool auth_jwt_put(const struct auth_key *, struct dgm_str kid, struct dgm_str claims,
                               struct dgm_buf *out);

#endif
