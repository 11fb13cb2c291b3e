/* SPDX-License-Identifier: Apache-2.0 */
/* identity_oauth.c - POST /token (google.md 7.2, 7.4). */
#include "emulate/identity_parts.h"

#include "base/str.h"
#include "emulate/account_jwt.h"

#define GRANT_JWT DGM_STR("urn:ietf:params:oauth:grant-type:jwt-bearer")
#define GRANT_REFRESH DGM_STR("refresh_token")

/* An `exp` of now was seen accepted, one of an hour ago refused; as much as Google lets pass of `iat` is let pass here. */
#define SKEW_S 300

/* ---- what is put ---- */

void identity_put_access(struct identity *x, struct dgm_str token, struct dgm_str scope,
                         struct dgm_str issued_type)
{
    struct json_writer w = json_writer(x->out);
    json_open_obj(&w);
    json_member_str(&w, "access_token", token);
    json_member_int(&w, "expires_in", x->world->life_s);
    if (scope.n != 0)
        json_member_str(&w, "scope", scope);
    if (issued_type.n != 0)
        json_member_str(&w, "issued_token_type", issued_type);
    json_member_str(&w, "token_type", DGM_STR("Bearer"));
    json_close_obj(&w);
}

static void answer_id_token(struct identity *x, struct dgm_str who, struct dgm_str audience)
{
    struct dgm_str token = identity_new_id_token(x, who, audience);
    struct json_writer w = json_writer(x->out);
    if (token.p == NULL)
        return;
    json_open_obj(&w);
    json_member_str(&w, "id_token", token);
    json_close_obj(&w);
}

/* ---- a service account's JWT ---- */

/* Google's own, and those that are known by a short name. */
static bool is_scope(struct dgm_str s)
{
    static const struct dgm_str names[] = {
        {"openid", 6}, {"email", 5}, {"profile", 7}, {"https://mail.google.com/", 24}};
    return dgm_str_starts(s, DGM_STR("https://www.googleapis.com/auth/")) ||
           dgm_str_index(s, names, sizeof names / sizeof *names) < sizeof names / sizeof *names;
}

bool identity_are_scopes(struct dgm_str scopes)
{
    struct dgm_str one;
    while (dgm_str_split(&scopes, ' ', &one))
        if (one.n != 0 && !is_scope(one))
            return false;
    return true;
}

/* "http://HOST/token" or "https://HOST/token": what a library sends that takes the audience from the file. */
static bool is_own_url(struct dgm_str url, struct dgm_str host)
{
    struct dgm_str rest = dgm_str_skip(url, dgm_str_starts(url, DGM_STR("https://")) ? 8 : 7);
    return (dgm_str_starts(url, DGM_STR("http://")) || dgm_str_starts(url, DGM_STR("https://"))) &&
           host.n != 0 && dgm_str_starts(rest, host) &&
           dgm_str_eq(dgm_str_skip(rest, host.n), DGM_STR("/token"));
}

static bool is_for_us(const struct identity *x, const struct json_val *claims)
{
    static const struct dgm_str googles[] = {{"https://oauth2.googleapis.com/token", 35},
                                             {"https://www.googleapis.com/oauth2/v4/token", 42},
                                             {"https://accounts.google.com/o/oauth2/token", 42}};
    for (size_t i = 0; i < sizeof googles / sizeof *googles; i++)
        if (auth_jwt_is_for(claims, googles[i]))
            return true;
    return is_own_url(json_get_str(claims, DGM_STR("aud")), x->call->host);
}

/* OAUTH_ERRORS: it is the account's own. An algorithm of another kind is told before anything is looked up. */
static enum oauth_error check_signature(const struct identity *x, const struct auth_jwt *jwt)
{
    if (x->account_key.n == 0 && dgm_str_eq(jwt->alg, DGM_STR("RS256")))
        return OAUTH_ACCOUNT;
    return emu_account_signed(jwt, x->account_key) ? OAUTH_ERRORS : OAUTH_SIGNATURE;
}

/* The checks behind the signature, in their order. OAUTH_ERRORS: nothing is wrong. */
static enum oauth_error check_claims(const struct identity *x, const struct json_val *claims)
{
    int64_t iat, exp, now = x->world->now_ms / 1000;
    if (!auth_jwt_time(claims, DGM_STR("iat"), &iat))
        return OAUTH_IAT;
    if (!auth_jwt_time(claims, DGM_STR("exp"), &exp))
        return OAUTH_EXP;
    if (!emu_account_times(iat, exp, now) || exp < now - SKEW_S)
        return OAUTH_WINDOW;
    if (json_get_str(claims, DGM_STR("scope")).n == 0 &&
        json_get_str(claims, DGM_STR("target_audience")).n == 0)
        return OAUTH_SCOPE;
    if (!is_for_us(x, claims))
        return OAUTH_AUDIENCE;
    struct dgm_str sub = json_get_str(claims, DGM_STR("sub"));
    if (sub.n != 0 && !dgm_str_eq(sub, json_get_str(claims, DGM_STR("iss"))))
        return OAUTH_DELEGATION;
    return OAUTH_ERRORS;
}

static void grant_jwt(struct identity *x)
{
    struct auth_jwt jwt;
    if (!identity_jwt(x, identity_form(x, DGM_STR("assertion")), &jwt)) {
        identity_refuse(x, OAUTH_ASSERTION, DGM_STR(""));
        return;
    }
    enum oauth_error error = check_signature(x, &jwt);
    if (error == OAUTH_ERRORS)
        error = check_claims(x, jwt.claims);
    if (error != OAUTH_ERRORS) {
        identity_refuse(x, error, DGM_STR(""));
        return;
    }
    struct dgm_str who = json_get_str(jwt.claims, DGM_STR("iss"));
    struct dgm_str scope = json_get_str(jwt.claims, DGM_STR("scope"));
    struct dgm_str audience = json_get_str(jwt.claims, DGM_STR("target_audience"));
    if (scope.n == 0 ||
        !identity_are_scopes(scope)) { /* check 8: what is no scope is taken for an audience */
        answer_id_token(x, who, audience.n != 0 ? audience : scope);
        return;
    }
    struct dgm_str token = identity_new_pass(x, who, scope, who, x->world->life_s);
    if (token.p != NULL)
        identity_put_access(x, token, (struct dgm_str){0}, (struct dgm_str){0});
}

/* ---- a user's refresh token ---- */

void emu_client_secret_put(const unsigned char key[EMU_KEY_BYTES], struct dgm_str client,
                           struct dgm_buf *out)
{
    unsigned char mac[AUTH_MAC_BYTES];
    if (!auth_mac((struct dgm_str){(const char *)key, EMU_KEY_BYTES}, client, mac)) {
        out->rc = DGM_E_NOMEM;
        return;
    }
    dgm_buf_put_lit(out, "GOCSPX-");
    for (size_t i = 0; i < 14; i++)
        dgm_buf_put_hex(out, mac[i], 2);
}

static bool is_secret(const struct identity *x, struct dgm_str client, struct dgm_str secret)
{
    char room[64];
    struct dgm_buf expected = {.p = room, .cap = sizeof room, .max = sizeof room};
    emu_client_secret_put(x->key, client, &expected);
    return expected.rc == DGM_OK && auth_same(secret, dgm_buf_str(&expected));
}

static void grant_refresh(struct identity *x)
{
    struct emu_pass pass;
    struct dgm_str client = identity_form(x, DGM_STR("client_id"));
    struct dgm_str text = identity_form(x, DGM_STR("refresh_token"));
    struct dgm_str scope = identity_form(x, DGM_STR("scope"));
    enum oauth_error error = OAUTH_ERRORS;
    if (client.n == 0)
        error = OAUTH_CLIENT_MISSING;
    else if (!emu_pass_read(text, x->key, x->arena, &pass) || pass.kind != EMU_PASS_REFRESH)
        error = OAUTH_REFRESH;
    else if (!dgm_str_eq(pass.client, client))
        error = OAUTH_CLIENT_UNKNOWN;
    else if (!is_secret(x, client, identity_form(x, DGM_STR("client_secret"))))
        error = OAUTH_CLIENT_SECRET;
    else if (!identity_pass(x, text, EMU_PASS_REFRESH, &pass))
        error = OAUTH_REVOKED;
    else if (!identity_are_scopes(scope))
        error = OAUTH_SCOPE;
    if (error != OAUTH_ERRORS) {
        identity_refuse(x, error, DGM_STR(""));
        return;
    }
    scope = scope.n != 0 ? scope : pass.scope;
    struct dgm_str token = identity_new_pass(x, pass.who, scope, client, x->world->life_s);
    if (token.p != NULL)
        identity_put_access(x, token, scope, (struct dgm_str){0});
}

/* ---- the token server ---- */

void identity_token(struct identity *x)
{
    struct dgm_str grant = identity_form(x, DGM_STR("grant_type"));
    if (dgm_str_eq(grant, GRANT_JWT))
        grant_jwt(x);
    else if (dgm_str_eq(grant, GRANT_REFRESH))
        grant_refresh(x);
    else
        identity_refuse(x, OAUTH_GRANT_TYPE, grant);
}
