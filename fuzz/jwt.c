/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.c - any text as a token: it is none, or its parts put again are the same text; nobody signed it; and it needs no more
 * memory than its length allows. What is put of any claims is read again, and is signed.
 */
#include "auth/jwt.h"

#include "auth/base64url.h"
#include "auth/keys.h"
#include "base/str.h"

#include "property.h"

#define ARENA_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct auth_key *key(void)
{
    static struct auth_key *one;
    if (!one)
        one = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    PROPERTY(one);
    return one;
}

/* base64url has one spelling for each run of bytes. */
static void check_spelling(struct dgm_str text)
{
    struct dgm_buf bytes, again;
    dgm_buf_init(&bytes, &dgm_alloc_libc, text.n);
    dgm_buf_init(&again, &dgm_alloc_libc, text.n + 4);
    if (auth_base64url_read(text, &bytes)) {
        auth_base64url_put(&again, dgm_buf_str(&bytes));
        PROPERTY(dgm_str_eq(text, dgm_buf_str(&again)));
    } else {
        PROPERTY(bytes.n == 0);
    }
    dgm_buf_dispose(&bytes);
    dgm_buf_dispose(&again);
}

static void check_read(struct dgm_str text)
{
    struct dgm_arena arena;
    struct auth_jwt jwt;
    int64_t t;
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    enum dgm_rc rc = auth_jwt_read(text, &arena, &jwt);
    PROPERTY(rc == DGM_OK || rc == DGM_E_SYNTAX || (rc == DGM_E_LIMIT && text.n > AUTH_JWT_MAX));
    if (rc == DGM_OK) {
        PROPERTY(dgm_str_starts(text, jwt.signed_text) && text.p[jwt.signed_text.n] == '.');
        PROPERTY(json_kind(jwt.claims) == JSON_OBJ);
        PROPERTY(!auth_jwt_is_signed(&jwt, key()));
        (void)auth_jwt_time(jwt.claims, DGM_STR("exp"), &t);
        (void)auth_jwt_is_for(jwt.claims, DGM_STR("a"));
    }
    dgm_arena_dispose(&arena);
}

/* The bytes as claims: what is put reads as it was, if they are an object at all. */
static void check_put(struct dgm_str claims)
{
    struct dgm_buf text;
    struct dgm_arena arena;
    struct auth_jwt jwt;
    dgm_buf_init(&text, &dgm_alloc_libc, 2 * AUTH_JWT_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    if (auth_jwt_put(key(), DGM_STR("k"), claims, &text) &&
        auth_jwt_read(dgm_buf_str(&text), &arena, &jwt) == DGM_OK) {
        PROPERTY(auth_jwt_is_signed(&jwt, key()));
        PROPERTY(dgm_str_eq(jwt.kid, DGM_STR("k")));
    }
    dgm_buf_dispose(&text);
    dgm_arena_dispose(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str text = {(const char *)data, n};
    check_spelling(text);
    check_read(text);
    if (n != 0 && data[0] == '{')
        check_put(text);
    return 0;
}
