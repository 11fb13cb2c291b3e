/* SPDX-License-Identifier: Apache-2.0 */
/* identity_more.c - tokens looked at and revoked, keys told, service accounts impersonated (google.md 7.7, 7.8). */
#include "emulate/identity_parts.h"

#include "base/date.h"
#include "base/str.h"
#include "http/media.h"

#define LIFE_MAX_S 3600 /* of an impersonated account, unless its organization says otherwise */
#define MISSING                                                                                    \
    "Request is missing required authentication credential. Expected OAuth 2 access token, login " \
    "cookie or other valid authentication credential. See "                                        \
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
#define INVALID                                                                                    \
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie " \
    "or other valid authentication credential. See "                                               \
    "https://developers.google.com/identity/sign-in/web/devconsole-project."

/* ---- tokeninfo and revoke ---- */

static void put_text_of_number(struct json_writer *w, int64_t n)
{
    char room[24];
    struct dgm_buf text = {.p = room, .cap = sizeof room, .max = sizeof room};
    dgm_buf_put_int(&text, n);
    json_put_str(w, dgm_buf_str(&text));
}

/* Numbers and booleans are strings there. The token is a member, or the bearer, where Google's library for Node puts it. */
void identity_tokeninfo(struct identity *x)
{
    struct emu_pass pass;
    struct dgm_str text = identity_form(x, DGM_STR("access_token"));
    if (text.n == 0)
        text = http_bearer(x->call->authorization);
    if (!identity_pass(x, text, EMU_PASS_ACCESS, &pass)) {
        identity_refuse(x, OAUTH_TOKEN, DGM_STR(""));
        return;
    }
    struct json_writer w = json_writer(x->out);
    json_open_obj(&w);
    json_member_str(&w, "azp", pass.client);
    json_member_str(&w, "aud", pass.client);
    json_member_str(&w, "sub", pass.who);
    json_member_str(&w, "scope", pass.scope);
    json_put_name(&w, "exp");
    put_text_of_number(&w, pass.ends_ms / 1000);
    json_put_name(&w, "expires_in");
    put_text_of_number(&w, (pass.ends_ms - x->world->now_ms) / 1000);
    json_member_str(&w, "email", pass.who);
    json_member_str(&w, "email_verified", DGM_STR("true"));
    json_member_str(&w, "access_type", DGM_STR("online"));
    json_close_obj(&w);
}

void identity_revoke(struct identity *x)
{
    struct emu_pass pass;
    struct dgm_str text = identity_form(x, DGM_STR("token"));
    if (!identity_pass(x, text, EMU_PASS_ACCESS, &pass) &&
        !identity_pass(x, text, EMU_PASS_REFRESH, &pass)) {
        identity_refuse(x, OAUTH_TOKEN, DGM_STR(""));
        return;
    }
    if (x->world->revoke(x->world->ctx, &pass))
        dgm_buf_put_lit(x->out, "{}");
    else
        x->answer->status = 503;
}

/* ---- the keys of ID tokens ---- */

void identity_certs(struct identity *x)
{
    const struct auth_key *key = x->world->signer(x->world->ctx);
    struct dgm_buf pem, modulus, exponent;
    char kid[EMU_KID_CHARS];
    dgm_buf_init(&pem, dgm_arena_alloc(x->arena), AUTH_PEM_MAX);
    dgm_buf_init(&modulus, dgm_arena_alloc(x->arena), AUTH_PEM_MAX);
    dgm_buf_init(&exponent, dgm_arena_alloc(x->arena), AUTH_PEM_MAX);
    if (key == NULL || !auth_key_put(key, AUTH_PUBLIC, &pem) || !emu_kid(dgm_buf_str(&pem), kid) ||
        !auth_key_put_modulus(key, &modulus) || !auth_key_put_exponent(key, &exponent)) {
        x->answer->status = 503;
        return;
    }
    struct json_writer w = json_writer(x->out);
    json_open_obj(&w);
    json_put_name(&w, "keys");
    json_open_arr(&w);
    json_open_obj(&w);
    json_member_str(&w, "kid", ((struct dgm_str){kid, sizeof kid}));
    json_member_str(&w, "kty", DGM_STR("RSA"));
    json_member_str(&w, "alg", DGM_STR("RS256"));
    json_member_str(&w, "use", DGM_STR("sig"));
    json_member_str(&w, "n", dgm_buf_str(&modulus));
    json_member_str(&w, "e", dgm_buf_str(&exponent));
    json_close_obj(&w);
    json_close_arr(&w);
    json_close_obj(&w);
}

/* ---- impersonation ---- */

/* "3600s", whole seconds. */
static bool read_life(const struct json_val *v, int64_t *ret)
{
    uint64_t n;
    struct dgm_str text = json_str(v);
    if (v == NULL)
        return true;
    if (!dgm_str_ends(text, DGM_STR("s")) || !dgm_str_u64(dgm_str_head(text, text.n - 1), &n) ||
        n == 0 || n > LIFE_MAX_S)
        return false;
    *ret = (int64_t)n;
    return true;
}

/* The scopes of a list, with blanks between them. "" when there is none, or one that is no string. */
static struct dgm_str join_scopes(const struct identity *x, const struct json_val *list)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(x->arena), EMU_PASS_TEXT_MAX);
    for (struct json_iter i = json_iter(list); json_next(&i);) {
        if (json_str(i.value).n == 0)
            return DGM_STR("");
        if (text.n != 0)
            dgm_buf_put_char(&text, ' ');
        dgm_buf_put(&text, json_str(i.value));
    }
    return text.rc == DGM_OK && text.n != 0 ? dgm_buf_str(&text) : DGM_STR("");
}

static const struct json_val *read_body(struct identity *x)
{
    const struct json_val *root = NULL;
    struct json_error error;
    struct dgm_str body = x->call->body;
    char *copy = dgm_arena_take(x->arena, body.n + JSON_PADDING);
    if (copy == NULL || body.n == 0)
        return NULL;
    memcpy(copy, body.p, body.n);
    return json_parse(x->arena, copy, body.n, JSON_DEPTH_MAX, &root, &error) == DGM_OK ? root
                                                                                       : NULL;
}

static void answer_impersonated(struct identity *x, struct dgm_str who, const struct json_val *body)
{
    int64_t life = LIFE_MAX_S < x->world->life_s ? LIFE_MAX_S : x->world->life_s;
    struct dgm_str scope = join_scopes(x, json_get(body, DGM_STR("scope")));
    if (json_kind(body) != JSON_OBJ || scope.n == 0) {
        identity_refuse_api(x, 400, DGM_STR("INVALID_ARGUMENT"), DGM_STR("Scope is required."));
        return;
    }
    if (!read_life(json_get(body, DGM_STR("lifetime")), &life)) {
        identity_refuse_api(x, 400, DGM_STR("INVALID_ARGUMENT"),
                            DGM_STR("The access token lifetime must be from 1s to 3600s."));
        return;
    }
    struct dgm_str token = identity_new_pass(x, who, scope, who, life);
    if (token.p == NULL)
        return;
    char room[32];
    struct dgm_buf ends = {.p = room, .cap = sizeof room, .max = sizeof room};
    dgm_date_put(&ends, x->world->now_ms / 1000 + life);
    struct json_writer w = json_writer(x->out);
    json_open_obj(&w);
    json_member_str(&w, "accessToken", token);
    json_member_str(&w, "expireTime", dgm_buf_str(&ends));
    json_close_obj(&w);
}

static void answer_impersonated_id(struct identity *x, struct dgm_str who,
                                   const struct json_val *body)
{
    struct dgm_str audience = json_get_str(body, DGM_STR("audience"));
    if (audience.n == 0) {
        identity_refuse_api(x, 400, DGM_STR("INVALID_ARGUMENT"), DGM_STR("Audience is required."));
        return;
    }
    struct dgm_str token = identity_new_id_token(x, who, audience);
    struct json_writer w = json_writer(x->out);
    if (token.p == NULL)
        return;
    json_open_obj(&w);
    json_member_str(&w, "token", token);
    json_close_obj(&w);
}

void identity_impersonate(struct identity *x)
{
    struct emu_pass caller;
    size_t colon = dgm_str_find_char(x->captured, ':');
    struct dgm_str who = dgm_str_head(x->captured, colon);
    struct dgm_str verb = dgm_str_skip(x->captured, colon + 1);
    bool access = dgm_str_eq(verb, DGM_STR("generateAccessToken"));
    if (!access && !dgm_str_eq(verb, DGM_STR("generateIdToken"))) {
        identity_refuse_api(x, 404, DGM_STR("NOT_FOUND"), (struct dgm_str){0});
        return;
    }
    struct dgm_str bearer = http_bearer(x->call->authorization);
    if (!identity_pass(x, bearer, EMU_PASS_ACCESS, &caller)) {
        identity_refuse_api(x, 401, DGM_STR("UNAUTHENTICATED"),
                            bearer.n != 0 ? DGM_STR(INVALID) : DGM_STR(MISSING));
        return;
    }
    if (access)
        answer_impersonated(x, who, read_body(x));
    else
        answer_impersonated_id(x, who, read_body(x));
}
