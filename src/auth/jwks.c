/* SPDX-License-Identifier: Apache-2.0 */
/* jwks.c - key sets, and ID tokens judged. */
#include "auth/jwks.h"

#include "auth/base64url.h"
#include "auth/key_made.h"
#include "base/str.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#define DEPTH_MAX 8
#define NUMBER_MAX ((size_t)8192 / 8) /* bytes of a modulus */
#define POINT_HALF ((size_t)32)       /* bytes of a coordinate of P-256 */

/* ---- keys -------------------------------------------------------------------------------------------- */

/* Bytes of a member in base64url; 0: it is none, or too long. */
static size_t read_bytes(const struct json_val *jwk, struct dgm_str name, unsigned char *to,
                         size_t room)
{
    struct dgm_buf bytes = {.p = (char *)to, .cap = room, .max = room};
    return auth_base64url_read(json_get_str(jwk, name), &bytes) ? bytes.n : 0;
}

static EVP_PKEY *make(const char *kind, OSSL_PARAM_BLD *b)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *make_rsa(const struct json_val *jwk)
{
    unsigned char n[NUMBER_MAX], e[8];
    size_t n_n = read_bytes(jwk, DGM_STR("n"), n, sizeof n),
           e_n = read_bytes(jwk, DGM_STR("e"), e, sizeof e);
    EVP_PKEY *pkey = NULL;
    if (n_n == 0 || e_n == 0)
        return NULL;
    BIGNUM *modulus = BN_bin2bn(n, (int)n_n, NULL), *exponent = BN_bin2bn(e, (int)e_n, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    /* An exponent of 1 signs anything with nothing; an even one is none. */
    if (b != NULL && modulus != NULL && exponent != NULL && BN_is_odd(exponent) &&
        !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent))
        pkey = make("RSA", b);
    OSSL_PARAM_BLD_free(b);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

static EVP_PKEY *make_p256(const struct json_val *jwk)
{
    unsigned char point[1 + 2 * POINT_HALF] = {4}; /* uncompressed (SEC 1, 2.3.3) */
    EVP_PKEY *pkey = NULL;
    if (!dgm_str_eq(json_get_str(jwk, DGM_STR("crv")), DGM_STR("P-256")) ||
        read_bytes(jwk, DGM_STR("x"), point + 1, POINT_HALF) != POINT_HALF ||
        read_bytes(jwk, DGM_STR("y"), point + 1 + POINT_HALF, POINT_HALF) != POINT_HALF)
        return NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    if (b != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        pkey = make("EC", b); /* which looks whether the point is on the curve */
    OSSL_PARAM_BLD_free(b);
    return pkey;
}

/* NULL: it is no key that verifies. */
static struct auth_key *read_key(const struct json_val *jwk)
{
    struct dgm_str kind = json_get_str(jwk, DGM_STR("kty")),
                   use = json_get_str(jwk, DGM_STR("use")), alg = json_get_str(jwk, DGM_STR("alg"));
    struct auth_key *key = NULL;
    if (use.n != 0 && !dgm_str_eq(use, DGM_STR("sig")))
        return NULL;
    if (dgm_str_eq(kind, DGM_STR("RSA")))
        key = auth_key_keep(make_rsa(jwk));
    else if (dgm_str_eq(kind, DGM_STR("EC")))
        key = auth_key_keep(make_p256(jwk));
    if (key == NULL || alg.n == 0 || dgm_str_eq(alg, auth_key_alg(key)))
        return key;
    auth_key_free(key);
    return NULL;
}

static void add(struct auth_jwks *set, const struct json_val *jwk)
{
    struct dgm_str kid = json_get_str(jwk, DGM_STR("kid"));
    if (kid.n == 0 || set->n == AUTH_JWKS_KEYS_MAX || auth_jwks_find(set, kid) != NULL)
        return;
    struct auth_key *key = read_key(jwk);
    if (key != NULL)
        set->at[set->n++] = (struct auth_jwk){kid, key};
}

enum dgm_rc auth_jwks_read(struct dgm_str text, struct dgm_arena *arena, struct auth_jwks *ret)
{
    const struct json_val *root;
    struct json_error error;
    if (text.n > AUTH_JWKS_MAX)
        return DGM_E_LIMIT;
    char *copy = dgm_arena_take0(arena, text.n + JSON_PADDING);
    if (copy == NULL)
        return DGM_E_NOMEM;
    if (text.n != 0)
        memcpy(copy, text.p, text.n);
    enum dgm_rc rc = json_parse(arena, copy, text.n, DEPTH_MAX, &root, &error);
    if (rc != DGM_OK)
        return rc == DGM_E_NOMEM ? rc : DGM_E_SYNTAX;
    const struct json_val *keys = json_get(root, DGM_STR("keys"));
    if (json_kind(keys) != JSON_ARR)
        return DGM_E_SYNTAX;
    *ret = (struct auth_jwks){0};
    for (struct json_iter i = json_iter(keys); json_next(&i);)
        if (json_kind(i.value) == JSON_OBJ)
            add(ret, i.value);
    return DGM_OK;
}

void auth_jwks_dispose(struct auth_jwks *set)
{
    while (set->n != 0)
        auth_key_free(set->at[--set->n].key);
}

const struct auth_key *auth_jwks_find(const struct auth_jwks *set, struct dgm_str kid)
{
    for (size_t i = 0; i < set->n; i++)
        if (dgm_str_eq(set->at[i].kid, kid))
            return set->at[i].key;
    return NULL;
}

/* ---- tokens ------------------------------------------------------------------------------------------ */

static bool is_for(const struct json_val *claims, const struct auth_id_wanted *w)
{
    for (size_t i = 0; i < w->audiences_n; i++)
        if (auth_jwt_is_for(claims, w->audiences[i]))
            return true;
    return false;
}

/* Whether a time that may be left out is later than now. */
static bool is_later(const struct json_val *claims, struct dgm_str name, int64_t now_s)
{
    int64_t t;
    if (json_get(claims, name) == NULL)
        return false;
    return !auth_jwt_time(claims, name, &t) || t > now_s + AUTH_JWKS_SKEW_S;
}

enum auth_id_verdict auth_id_judge(const struct auth_jwt *jwt, const struct auth_jwks *keys,
                                   const struct auth_id_wanted *w)
{
    const struct auth_key *key = auth_jwks_find(keys, jwt->kid);
    int64_t ends;
    if (key == NULL)
        return AUTH_ID_UNKNOWN_KEY;
    if (!auth_jwt_is_signed(jwt, key))
        return AUTH_ID_UNSIGNED;
    struct dgm_str issuer = json_get_str(jwt->claims, DGM_STR("iss"));
    if (dgm_str_index(issuer, w->issuers, w->issuers_n) == w->issuers_n)
        return AUTH_ID_ISSUER;
    if (!is_for(jwt->claims, w))
        return AUTH_ID_AUDIENCE;
    if (!auth_jwt_time(jwt->claims, DGM_STR("exp"), &ends) || ends <= w->now_s - AUTH_JWKS_SKEW_S)
        return AUTH_ID_EXPIRED;
    if (is_later(jwt->claims, DGM_STR("nbf"), w->now_s) ||
        is_later(jwt->claims, DGM_STR("iat"), w->now_s))
        return AUTH_ID_EARLY;
    return json_get_str(jwt->claims, DGM_STR("sub")).n != 0 ? AUTH_ID_GOOD : AUTH_ID_NOBODY;
}

struct dgm_str auth_id_email(const struct auth_jwt *jwt)
{
    bool verified = json_bool(json_get(jwt->claims, DGM_STR("email_verified")), false);
    return verified ? json_get_str(jwt->claims, DGM_STR("email")) : (struct dgm_str){0};
}
