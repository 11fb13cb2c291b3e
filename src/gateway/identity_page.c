/* SPDX-License-Identifier: Apache-2.0 */
/* identity_page.c - requests to the emulated identity servers, which the keeper answers; what they did; tokens revoked. */
#include "base/str.h"
#include "gateway/identity.h"
#include "gateway/keeper_page.h"
#include "json/read.h"

#define WORK_BYTES_MAX ((size_t)256 * 1024)

/* ---- the servers ---- */

static void on_says(struct gw_exchange *x, const struct gw_frame *reply)
{
    struct gw_identity_says says;
    if (reply->kind != GW_MSG_IDENTITY_SAYS || !gw_identity_says_read(reply->payload, &says)) {
        gw_exchange_fail_as(x, DGM_ERR_INTERNAL);
        return;
    }
    x->reply.flavored = says.flavored;
    x->reply.doubts = dgm_arena_copy(&x->arena, says.doubt);
    dgm_buf_put(&x->out, says.body);
    gw_exchange_answer(x, says.status, dgm_arena_copy(&x->arena, says.media));
}

/* Whether they are there: a gateway before Google itself has no machine's account to give away. False: it was answered. */
static bool are_on(struct gw_exchange *x)
{
    const struct gw_config *c = x->worker->config;
    bool on = c->auth.google == GW_GOOGLE_EMULATED;
    for (size_t i = 0; i < c->upstreams_n; i++)
        on = on || c->upstreams[i].kind == GW_EMULATOR;
    if (on && x->worker->keeper != NULL)
        return true;
    bool root = x->target.route->pattern.n == 1;
    gw_exchange_fail_as(x, root ? DGM_ERR_PATH_UNKNOWN : DGM_ERR_IDENTITY_OFF);
    return false;
}

void gw_identity_run(struct gw_exchange *x)
{
    const struct gw_emulator *e = &x->worker->config->emulator;
    const struct http_head *h = x->head;
    if (!are_on(x))
        return;
    if (x->body.n > GW_IDENTITY_BODY_MAX) {
        gw_exchange_fail_as(x, DGM_ERR_BODY_LARGE);
        return;
    }
    const struct gw_identity_request r = {
        .seed = e->seed,
        .life_s = e->token_life_ms / 1000,
        .call = {.method = h->method_name,
                 .target = h->target,
                 .host = h->host,
                 .authorization = http_head_get(h, DGM_STR("authorization")),
                 .flavor = http_head_get(h, DGM_STR("metadata-flavor")),
                 .forwarded = http_head_get(h, DGM_STR("x-forwarded-for")),
                 .body = dgm_buf_str(&x->body)}};
    struct dgm_buf payload;
    dgm_buf_init(&payload, &x->worker->alloc, gw_message_max_bytes(GW_MSG_IDENTITY));
    gw_identity_request_put(&r, &payload);
    if (payload.rc == DGM_OK)
        gw_keeper_page(x, GW_MSG_IDENTITY, dgm_buf_str(&payload), on_says);
    else
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
    dgm_buf_dispose(&payload);
}

/* ---- what they did ---- */

void gw_identity_page(struct gw_exchange *x)
{
    bool reset = x->head->method == HTTP_METHOD_DELETE;
    if (are_on(x))
        gw_keeper_page(x, reset ? GW_MSG_IDENTITY_RESET : GW_MSG_IDENTITY_READ, DGM_STR(""),
                       gw_keeper_page_answer);
}

/* ---- revoking: {"token": T}, {"account": E}, or {"all": true} ---- */

static void refuse_value(struct gw_exchange *x, struct dgm_str param, struct dgm_str detail)
{
    struct dgm_fail f;
    dgm_fail_set(&f, DGM_ERR_VALUE, param, (struct dgm_str[4]){detail});
    gw_exchange_fail(x, &f);
}

/* False: it was answered. */
static bool revoke(struct gw_exchange *x, const struct json_val *body)
{
    struct gw_worker *w = x->worker;
    struct emu_pass pass;
    struct dgm_str token = json_get_str(body, DGM_STR("token"));
    struct dgm_str account = json_get_str(body, DGM_STR("account"));
    int64_t now_ms = net_loop_wall_ms(w->loop);
    bool room = true;
    if (token.n != 0 && !emu_pass_read(token, w->pass_key, &x->arena, &pass)) {
        refuse_value(x, DGM_STR("token"), DGM_STR("This is no token of these identity servers."));
        return false;
    }
    if (token.n != 0) {
        room = gw_revoked_add(w->revoked, &pass);
    } else if (account.n != 0) {
        room = gw_revoked_add_all(w->revoked, account, now_ms);
    } else if (json_bool(json_get(body, DGM_STR("all")), false)) {
        room = gw_revoked_add_all(w->revoked, (struct dgm_str){0}, now_ms);
    } else {
        refuse_value(
            x, DGM_STR(""),
            DGM_STR(
                "Say what to revoke: {\"token\": T}, {\"account\": EMAIL} or {\"all\": true}."));
        return false;
    }
    if (!room)
        gw_exchange_fail_as(x, DGM_ERR_REVOKED_FULL);
    return room;
}

void gw_identity_revoke(struct gw_exchange *x)
{
    struct dgm_arena arena;
    const struct json_val *root = NULL;
    struct json_error error;
    dgm_arena_init(&arena, &x->worker->alloc, WORK_BYTES_MAX);
    bool read = x->body.n <= GW_IDENTITY_BODY_MAX &&
                dgm_buf_reserve(&x->body, JSON_PADDING) != NULL &&
                json_parse(&arena, x->body.p, x->body.n, 8, &root, &error) == DGM_OK;
    if (!read)
        gw_exchange_fail_as(x, DGM_ERR_BODY_SYNTAX);
    else if (revoke(x, root))
        gw_keeper_page(x, GW_MSG_REVOKED, DGM_STR(""), gw_keeper_page_answer);
    dgm_arena_dispose(&arena);
}
