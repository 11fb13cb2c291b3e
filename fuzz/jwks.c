/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwks.c - any text as a key set, and the rest of it, behind a line break, as a token: what is read has names, each once, and keys
 * that verify; no token is good that nobody here signed.
 */
#include "auth/jwks.h"

#include "base/str.h"

#include "property.h"

#define ARENA_MAX ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_keys(const struct auth_jwks *set)
{
    PROPERTY(set->n <= AUTH_JWKS_KEYS_MAX);
    for (size_t i = 0; i < set->n; i++) {
        struct dgm_str alg = auth_key_alg(set->at[i].key);
        PROPERTY(set->at[i].kid.n != 0 && auth_jwks_find(set, set->at[i].kid) == set->at[i].key);
        PROPERTY(dgm_str_eq(alg, DGM_STR("RS256")) || dgm_str_eq(alg, DGM_STR("ES256")));
        PROPERTY(!auth_verify(set->at[i].key, DGM_STR("nobody signed this"), DGM_STR("x")));
    }
}

static void check_token(const struct auth_jwks *set, struct dgm_str text, struct dgm_arena *arena)
{
    static const struct dgm_str issuer = {"https://accounts.google.com", 27}, audience = {"g", 1};
    const struct auth_id_wanted wanted = {&issuer, &audience, 1, 1, 1800000000};
    struct auth_jwt jwt;
    if (auth_jwt_read(text, arena, &jwt) != DGM_OK)
        return;
    enum auth_id_verdict v = auth_id_judge(&jwt, set, &wanted);
    PROPERTY((v == AUTH_ID_UNKNOWN_KEY) == (auth_jwks_find(set, jwt.kid) == NULL));
    PROPERTY(v != AUTH_ID_GOOD || jwt.signature.n >= 64);
    PROPERTY(!dgm_str_eq(jwt.alg, DGM_STR("none")) || v == AUTH_ID_UNKNOWN_KEY ||
             v == AUTH_ID_UNSIGNED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str rest = {(const char *)data, n}, text = {0};
    struct dgm_arena arena;
    struct auth_jwks set = {0};
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    (void)dgm_str_split(&rest, '\n', &text);
    enum dgm_rc rc = auth_jwks_read(text, &arena, &set);
    PROPERTY(rc == DGM_OK || rc == DGM_E_SYNTAX || (rc == DGM_E_LIMIT && text.n > AUTH_JWKS_MAX));
    if (rc == DGM_OK) {
        check_keys(&set);
        check_token(&set, rest, &arena);
    }
    auth_jwks_dispose(&set);
    dgm_arena_dispose(&arena);
    return 0;
}
