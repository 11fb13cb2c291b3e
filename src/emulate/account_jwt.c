/* SPDX-License-Identifier: Apache-2.0 */
/* account_jwt.c - JWTs that service accounts sign themselves. */
#include "emulate/account_jwt.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "emulate/identity.h"

/* 300 s into the future were seen accepted, and an `exp` of now. */
#define WINDOW_S 3600
#define SKEW_S 300

bool emu_account_signed(const struct auth_jwt *jwt, struct dgm_str public_pem)
{
    char kid[EMU_KID_CHARS];
    if (!dgm_str_eq(jwt->alg, DGM_STR("RS256")))
        return false;
    bool other_key = jwt->kid.n != 0 && emu_kid(public_pem, kid) &&
                     !dgm_str_eq(jwt->kid, (struct dgm_str){kid, sizeof kid});
    struct auth_key *key = other_key ? NULL : auth_key_read(public_pem, AUTH_PUBLIC);
    bool good = key != NULL && auth_jwt_is_signed(jwt, key);
    auth_key_free(key);
    return good;
}

bool emu_account_times(int64_t iat_s, int64_t exp_s, int64_t now_s)
{
    return iat_s <= now_s + SKEW_S && exp_s >= iat_s && exp_s <= iat_s + WINDOW_S;
}

/* ---- as a bearer ---- */

/* Whether a URL's host is this, whatever stands behind it: libraries send the service's URL, with a slash or with the path of a
 * gRPC service. */
static bool is_at(struct dgm_str url, struct dgm_str scheme, struct dgm_str host)
{
    struct dgm_str rest = dgm_str_skip(url, scheme.n);
    if (!dgm_str_starts(url, scheme) || host.n == 0 || !dgm_str_starts(rest, host))
        return false;
    rest = dgm_str_skip(rest, host.n);
    return rest.n == 0 || rest.p[0] == '/';
}

/* "aiplatform.googleapis.com", of a region, a multi-region; the Gemini API's. */
static bool is_googles(struct dgm_str url)
{
    static const struct dgm_str patterns[] = {{"aiplatform.googleapis.com", 25},
                                              {"*-aiplatform.googleapis.com", 27},
                                              {"aiplatform.*.rep.googleapis.com", 31},
                                              {"generativelanguage.googleapis.com", 33}};
    const struct dgm_str https = DGM_STR("https://");
    struct dgm_str host = dgm_str_skip(url, https.n);
    if (!dgm_str_starts(url, https))
        return false;
    host = dgm_str_head(host, dgm_str_find_char(host, '/'));
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (dgm_str_like(patterns[i], host, false))
            return true;
    return false;
}

bool emu_account_bearer(const struct auth_jwt *jwt, struct dgm_str public_pem, struct dgm_str host,
                        int64_t now_ms, struct emu_pass *ret)
{
    struct dgm_str iss = json_get_str(jwt->claims, DGM_STR("iss"));
    struct dgm_str aud = json_get_str(jwt->claims, DGM_STR("aud"));
    struct dgm_str scope = json_get_str(jwt->claims, DGM_STR("scope"));
    int64_t iat, exp;
    if (iss.n == 0 || !dgm_str_eq(iss, json_get_str(jwt->claims, DGM_STR("sub"))) ||
        !auth_jwt_time(jwt->claims, DGM_STR("iat"), &iat) || iat < 0 ||
        !auth_jwt_time(jwt->claims, DGM_STR("exp"), &exp) ||
        !emu_account_times(iat, exp, now_ms / 1000))
        return false;
    bool has_aud = json_get(jwt->claims, DGM_STR("aud")) != NULL;
    if (has_aud ? !is_googles(aud) && !is_at(aud, DGM_STR("https://"), host) &&
                      !is_at(aud, DGM_STR("http://"), host)
                : scope.n == 0)
        return false;
    if (!emu_account_signed(jwt, public_pem))
        return false;
    *ret = (struct emu_pass){.kind = EMU_PASS_ACCESS,
                             .id = emu_hash_str(jwt->signature),
                             .issued_ms = iat * 1000,
                             .ends_ms = exp * 1000,
                             .who = iss,
                             .scope = has_aud ? DGM_STR(EMU_SCOPE) : scope,
                             .client = iss};
    return true;
}
