/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_jwt.h - JWTs that service accounts sign themselves: for the token server, which gives an access token for one (google.md
 * 7.2), and instead of an access token, for the API itself (7.3; google-auth's always_use_jwt_access).
 */
#ifndef EMULATE_ACCOUNT_JWT_H
#define EMULATE_ACCOUNT_JWT_H

#include "auth/jwt.h"
#include "emulate/pass.h"

/** Whether an account signed it, whose public key is a PEM: with RS256, and with no other key's id. */
bool emu_account_signed(const struct auth_jwt *, struct dgm_str public_pem);

/** Whether it was issued, and ends, when Google takes it (7.2, check 5), but for its end, which may be over. */
bool emu_account_times(int64_t iat_s, int64_t exp_s, int64_t now_s);

/**
 * Reads one that came as a bearer, for an API of this Vertex AI at `host` (a Host header). `*ret` is what an access token would be,
 * which may have ended or lack a scope; its texts are the claims'. False: the account did not sign it, or for something else.
 *
 * A documented one has iss and sub, the same, and aud or scope. Which audiences are taken is inferred: any URL of
 * Google's Vertex AI or Gemini API, or of this host. With an audience no scope is asked for.
 */
DGM_MUST_USE bool emu_account_bearer(const struct auth_jwt *, struct dgm_str public_pem,
                                     struct dgm_str host, int64_t now_ms, struct emu_pass *ret);

#endif
