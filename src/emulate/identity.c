/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - the identity servers: whose request it is, what they share. */
#include "emulate/identity_parts.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/refusal.h"

#define MEDIA_JSON DGM_STR("application/json; charset=utf-8")
#define MEDIA_TEXT DGM_STR("application/text")
#define ID_TOKEN_LIFE_S 3600

static const struct dgm_str patterns[EMU_SERVERS] = {
    {0},
#define SERVER(id, pattern, methods, host) {pattern, sizeof(pattern) - 1},
#include "emulate/identity.def"
};

struct dgm_str emu_server_pattern(enum emu_server server)
{
    return patterns[server];
}

/* ---- what a request says ---- */

/* Which server it is for, by its path, which the gateway has looked at before. */
static enum emu_server find_server(struct dgm_str target, struct dgm_arena *arena,
                                   struct http_path *ret, struct dgm_str *ret_captured,
                                   bool *ret_starved)
{
    struct dgm_fail fail;
    struct dgm_str captured[HTTP_CAPTURES_MAX];
    enum dgm_rc rc = http_path_parse(target, arena, ret, &fail);
    *ret_starved = rc == DGM_E_NOMEM;
    if (rc != DGM_OK)
        return EMU_SERVER_NONE;
    for (enum emu_server s = EMU_SERVER_NONE + 1; s < EMU_SERVERS; s++) {
        if (!http_path_match(ret, patterns[s], captured))
            continue;
        *ret_captured = captured[0];
        return s;
    }
    return EMU_SERVER_NONE;
}

static struct dgm_str value_of(struct dgm_str form, struct dgm_str name, struct dgm_arena *arena,
                               bool *starved)
{
    struct dgm_buf value;
    dgm_buf_init(&value, dgm_arena_alloc(arena), IDENTITY_TEXT_MAX);
    bool found = http_query_get(form, name, &value);
    *starved |= value.rc == DGM_E_NOMEM;
    bool sound =
        found && value.rc == DGM_OK && value.n != 0 && dgm_utf8_bad(dgm_buf_str(&value)) == value.n;
    return sound ? dgm_buf_str(&value) : DGM_STR("");
}

struct dgm_str identity_form(struct identity *x, struct dgm_str name)
{
    bool posted = dgm_str_eq(x->call->method, DGM_STR("POST"));
    struct dgm_str value =
        posted ? value_of(x->call->body, name, x->arena, &x->starved) : DGM_STR("");
    /* Google reads the query of a POST too. */
    return value.n != 0 ? value : value_of(x->path.query, name, x->arena, &x->starved);
}

bool identity_jwt(struct identity *x, struct dgm_str text, struct auth_jwt *ret)
{
    enum dgm_rc rc = auth_jwt_read(text, x->arena, ret);
    x->starved |= rc == DGM_E_NOMEM;
    return rc == DGM_OK;
}

struct dgm_str emu_identity_account(const struct emu_identity_call *call, struct dgm_arena *arena)
{
    struct http_path path;
    struct dgm_str captured;
    struct auth_jwt jwt;
    bool starved; /* the answer will be too */
    if (find_server(call->target, arena, &path, &captured, &starved) != EMU_SERVER_TOKEN)
        return (struct dgm_str){0};
    struct dgm_str assertion = value_of(call->body, DGM_STR("assertion"), arena, &starved);
    if (assertion.n == 0 || auth_jwt_read(assertion, arena, &jwt) != DGM_OK)
        return (struct dgm_str){0};
    return json_get_str(jwt.claims, DGM_STR("iss"));
}

/* ---- answers ---- */

void identity_refuse(struct identity *x, enum oauth_error error, struct dgm_str more)
{
    static const struct {
        int status;
        struct dgm_str error, description;
    } rows[] = {
#define OAUTH(id, status, error, description)                                                      \
    {(status), {error, sizeof(error) - 1}, {description, sizeof(description) - 1}},
#include "emulate/oauth_errors.def"
#undef OAUTH
    };
    struct json_writer w = json_writer(x->out);
    x->answer->status = rows[error].status;
    json_open_obj(&w);
    json_member_str(&w, "error", rows[error].error);
    json_put_name(&w, "error_description");
    json_open_str(&w);
    json_add_str(&w, rows[error].description);
    json_add_str(&w, more);
    json_close_str(&w);
    json_close_obj(&w);
}

void identity_refuse_api(struct identity *x, int status, struct dgm_str google,
                         struct dgm_str message)
{
    struct refusal r = {.status = status, .google = google, .message = message};
    x->answer->status = status;
    if (message.n == 0) /* the frontend's page */
        x->answer->media = DGM_STR("text/html; charset=UTF-8");
    emu_refusal_put(&r, x->out);
}

void identity_say(struct identity *x, int status, struct dgm_str text)
{
    x->answer->status = status;
    x->answer->media = MEDIA_TEXT;
    dgm_buf_put(x->out, text);
}

/* ---- tokens ---- */

/* What was made; or it was not, for there is no memory. */
static struct dgm_str issued(struct identity *x, bool made, const struct dgm_buf *text)
{
    x->answer->issued = made;
    if (!made)
        x->answer->status = 503;
    return made ? dgm_buf_str(text) : (struct dgm_str){0};
}

bool identity_pass(const struct identity *x, struct dgm_str text, enum emu_pass_kind kind,
                   struct emu_pass *ret)
{
    return emu_pass_read(text, x->key, x->arena, ret) && ret->kind == kind &&
           !emu_pass_has_ended(ret, x->world->now_ms) && !x->world->is_revoked(x->world->ctx, ret);
}

struct dgm_str identity_new_pass(struct identity *x, struct dgm_str who, struct dgm_str scope,
                                 struct dgm_str client, int64_t life_s)
{
    struct dgm_buf text;
    const struct emu_pass pass = {.kind = EMU_PASS_ACCESS,
                                  .id = x->world->fresh,
                                  .issued_ms = x->world->now_ms,
                                  .ends_ms = x->world->now_ms + life_s * 1000,
                                  .who = who,
                                  .scope = scope,
                                  .client = client};
    dgm_buf_init(&text, dgm_arena_alloc(x->arena), EMU_PASS_MAX);
    emu_pass_put(&pass, x->key, &text);
    return issued(x, text.rc == DGM_OK, &text);
}

bool emu_kid(struct dgm_str public_pem, char ret[EMU_KID_CHARS])
{
    unsigned char mac[AUTH_MAC_BYTES];
    if (!auth_mac(DGM_STR("dragoman: the id of a key"), public_pem, mac))
        return false;
    for (size_t i = 0; i < EMU_KID_CHARS; i++)
        ret[i] = "0123456789abcdef"[mac[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    return true;
}

static void put_id_claims(struct identity *x, struct dgm_str who, struct dgm_str audience,
                          struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    int64_t now_s = x->world->now_ms / 1000;
    json_open_obj(&w);
    json_member_str(&w, "aud", audience);
    json_member_str(&w, "azp", who);
    json_member_str(&w, "email", who);
    json_member_bool(&w, "email_verified", true);
    json_member_int(&w, "exp", now_s + ID_TOKEN_LIFE_S);
    json_member_int(&w, "iat", now_s);
    json_member_str(&w, "iss", DGM_STR(EMU_ISSUER));
    json_member_str(&w, "sub", who);
    json_close_obj(&w);
}

struct dgm_str identity_new_id_token(struct identity *x, struct dgm_str who,
                                     struct dgm_str audience)
{
    const struct auth_key *key = x->world->signer(x->world->ctx);
    struct dgm_buf pem, claims, text;
    char kid[EMU_KID_CHARS];
    dgm_buf_init(&pem, dgm_arena_alloc(x->arena), AUTH_PEM_MAX);
    dgm_buf_init(&claims, dgm_arena_alloc(x->arena), AUTH_JWT_MAX);
    dgm_buf_init(&text, dgm_arena_alloc(x->arena), 2 * AUTH_JWT_MAX);
    put_id_claims(x, who, audience, &claims);
    bool made = key != NULL && claims.rc == DGM_OK && auth_key_put(key, AUTH_PUBLIC, &pem) &&
                emu_kid(dgm_buf_str(&pem), kid) &&
                auth_jwt_put(key, (struct dgm_str){kid, sizeof kid}, dgm_buf_str(&claims), &text);
    return issued(x, made, &text);
}

/* ---- public ---- */

void emu_identity_answer(const struct emu_identity *world, const struct emu_identity_call *call,
                         struct dgm_str public_key, struct dgm_arena *arena, struct dgm_buf *out,
                         struct emu_identity_answer *ret)
{
    static void (*const answers[EMU_SERVERS])(struct identity *) = {
        [EMU_SERVER_TOKEN] = identity_token,
        [EMU_SERVER_REVOKE] = identity_revoke,
        [EMU_SERVER_TOKENINFO] = identity_tokeninfo,
        [EMU_SERVER_CERTS] = identity_certs,
        [EMU_SERVER_STS] = identity_sts,
        [EMU_SERVER_IMPERSONATE] = identity_impersonate,
        [EMU_SERVER_PING] = identity_metadata,
        [EMU_SERVER_METADATA_ROOT] = identity_metadata,
        [EMU_SERVER_METADATA] = identity_metadata,
    };
    struct identity x = {.world = world,
                         .call = call,
                         .account_key = public_key,
                         .arena = arena,
                         .out = out,
                         .answer = ret};
    *ret = (struct emu_identity_answer){.status = 200, .media = MEDIA_JSON};
    ret->server = find_server(call->target, arena, &x.path, &x.captured, &x.starved);
    if (ret->server == EMU_SERVER_NONE)
        identity_refuse_api(&x, 404, DGM_STR("NOT_FOUND"), (struct dgm_str){0});
    else if (emu_key_of_seed(world->seed, x.key))
        answers[ret->server](&x);
    else
        ret->status = 503;
    if (out->rc != DGM_OK || x.starved)
        ret->status = 503;
    if (ret->status != 503)
        return;
    dgm_buf_clear(out);
    ret->issued = false;
    ret->doubt = (struct dgm_str){0};
}
