/* SPDX-License-Identifier: Apache-2.0 */
/* jwt.c - JSON web tokens, read and put. */
#include "auth/jwt.h"

#include "auth/base64url.h"
#include "base/str.h"
#include "json/write.h"

#include <float.h>

#define DEPTH_MAX 8
#define HEADER_MAX 512

/* ---- reading ---- */

/* The bytes of one part, in the arena, with room for a parser behind them. */
static enum dgm_rc decode(struct dgm_str part, struct dgm_arena *arena, struct dgm_buf *ret)
{
    dgm_buf_init(ret, dgm_arena_alloc(arena), part.n + JSON_PADDING);
    if (dgm_buf_reserve(ret, part.n + JSON_PADDING) == NULL)
        return DGM_E_NOMEM;
    return auth_base64url_read(part, ret) ? DGM_OK : DGM_E_SYNTAX;
}

/* No name twice in it, nor in what it holds. */
static enum dgm_rc check_names(const struct json_val *v, struct dgm_arena *arena)
{
    struct dgm_str twice = {0};
    enum dgm_rc rc = json_twice(v, arena, &twice);
    if (rc == DGM_OK && twice.p != NULL)
        rc = DGM_E_SYNTAX;
    for (struct json_iter i = json_iter(v); rc == DGM_OK && json_next(&i);)
        rc = check_names(i.value, arena);
    return rc;
}

static enum dgm_rc read_object(struct dgm_str part, struct dgm_arena *arena,
                               const struct json_val **ret)
{
    struct dgm_buf text;
    struct json_error error;
    enum dgm_rc rc = decode(part, arena, &text);
    if (rc == DGM_OK)
        rc = json_parse(arena, text.p, text.n, DEPTH_MAX, ret, &error);
    if (rc == DGM_OK && json_kind(*ret) != JSON_OBJ)
        rc = DGM_E_SYNTAX;
    if (rc == DGM_OK)
        rc = check_names(*ret, arena);
    return rc == DGM_E_LIMIT ? DGM_E_SYNTAX : rc; /* too deep is as wrong as anything else */
}

/* A member that is a string, or not there. False: it is something else. */
static bool read_word(const struct json_val *header, struct dgm_str name, struct dgm_str *ret)
{
    const struct json_val *v = json_get(header, name);
    *ret = json_str(v);
    return v == NULL || json_kind(v) == JSON_STR;
}

enum dgm_rc auth_jwt_read(struct dgm_str text, struct dgm_arena *arena, struct auth_jwt *ret)
{
    struct auth_jwt jwt = {0};
    struct dgm_str rest = text, header, claims, signature, more;
    const struct json_val *head = NULL;
    struct dgm_buf bytes;
    if (text.n > AUTH_JWT_MAX)
        return DGM_E_LIMIT;
    if (!dgm_str_split(&rest, '.', &header) || !dgm_str_split(&rest, '.', &claims) ||
        !dgm_str_split(&rest, '.', &signature) || dgm_str_split(&rest, '.', &more))
        return DGM_E_SYNTAX;

    enum dgm_rc rc = read_object(header, arena, &head);
    if (rc == DGM_OK)
        rc = read_object(claims, arena, &jwt.claims);
    if (rc == DGM_OK)
        rc = decode(signature, arena, &bytes);
    if (rc != DGM_OK)
        return rc;
    if (!read_word(head, DGM_STR("alg"), &jwt.alg) || !read_word(head, DGM_STR("kid"), &jwt.kid) ||
        json_get(head, DGM_STR("crit")) != NULL || json_get(head, DGM_STR("b64")) != NULL)
        return DGM_E_SYNTAX;
    jwt.signature = dgm_buf_str(&bytes);
    jwt.signed_text = dgm_str_head(text, header.n + 1 + claims.n);
    *ret = jwt;
    return DGM_OK;
}

bool auth_jwt_is_signed(const struct auth_jwt *jwt, const struct auth_key *key)
{
    return dgm_str_eq(jwt->alg, auth_key_alg(key)) &&
           auth_verify(key, jwt->signed_text, jwt->signature);
}

/* ---- claims ---- */

bool auth_jwt_time(const struct json_val *claims, struct dgm_str name, int64_t *ret)
{
    const struct json_val *v = json_get(claims, name);
    uint64_t digits;
    double d;
    if (json_kind(v) == JSON_STR) {
        if (!dgm_str_u64(json_str(v), &digits) || digits > INT64_MAX)
            return false;
        *ret = (int64_t)digits;
        return true;
    }
    if (json_int(v, ret))
        return true;
    /* Beyond 2^53 a fraction is none, and what does not fit is no time. */
    if (!json_double(v, &d) || !(d > -1 / DBL_EPSILON && d < 1 / DBL_EPSILON))
        return false;
    *ret = (int64_t)d;
    return true;
}

bool auth_jwt_is_for(const struct json_val *claims, struct dgm_str audience)
{
    const struct json_val *aud = json_get(claims, DGM_STR("aud"));
    if (json_kind(aud) == JSON_STR)
        return dgm_str_eq(json_str(aud), audience);
    for (struct json_iter i = json_iter(json_kind(aud) == JSON_ARR ? aud : NULL); json_next(&i);)
        if (json_kind(i.value) == JSON_STR && dgm_str_eq(json_str(i.value), audience))
            return true;
    return false;
}

/* ---- putting ---- */

static void put_header(const struct auth_key *key, struct dgm_str kid, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_member_str(&w, "alg", auth_key_alg(key));
    if (kid.n != 0)
        json_member_str(&w, "kid", kid);
    json_member_str(&w, "typ", DGM_STR("JWT"));
    json_close_obj(&w);
}

bool auth_jwt_put(const struct auth_key *key, struct dgm_str kid, struct dgm_str claims,
                  struct dgm_buf *out)
{
    char header_room[HEADER_MAX], signature_room[AUTH_SIGNATURE_MAX];
    struct dgm_buf header = {.p = header_room, .cap = HEADER_MAX, .max = HEADER_MAX};
    struct dgm_buf signature = {
        .p = signature_room, .cap = AUTH_SIGNATURE_MAX, .max = AUTH_SIGNATURE_MAX};
    size_t start = out->n;
    put_header(key, kid, &header);
    auth_base64url_put(out, dgm_buf_str(&header));
    dgm_buf_put_char(out, '.');
    auth_base64url_put(out, claims);
    if (header.rc != DGM_OK || out->rc != DGM_OK ||
        !auth_sign(key, dgm_str_skip(dgm_buf_str(out), start), &signature))
        return false;
    dgm_buf_put_char(out, '.');
    auth_base64url_put(out, dgm_buf_str(&signature));
    return out->rc == DGM_OK;
}
