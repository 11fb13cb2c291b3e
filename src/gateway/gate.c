/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - who may come in. */
#include "gateway/gate.h"

#include "base/str.h"
#include "emulate/identity.h"
#include "emulate/refusal.h"
#include "gateway/revoked.h"
#include "http/media.h"

#include <assert.h>

#define REALM "Bearer realm=\"https://accounts.google.com/\""
#define ERROR_INFO(reason, more)                                                                   \
    "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason                \
    "\",\"domain\":\"googleapis.com\"" more "}]"
#define LITERAL(s) {"" s, sizeof(s) - 1}
#define SERVICE ",\"metadata\":{\"service\":\"aiplatform.googleapis.com\"}"

/* What a refusal has besides its row in errors.def. */
static const struct refused {
    enum dgm_error id;
    struct dgm_str authenticate; /* the header */
    struct dgm_str google;       /* the code's name */
    struct dgm_str details;      /* of Google's object */
} refusals[] = {
    {DGM_ERR_TOKEN_MISSING, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
    {DGM_ERR_TOKEN_INVALID,
     LITERAL(REALM ", error=\"invalid_token\""),
     LITERAL("UNAUTHENTICATED"),
     {0}},
    {DGM_ERR_TOKEN_EXPIRED,
     LITERAL(REALM ", error=\"invalid_token\""),
     LITERAL("UNAUTHENTICATED"),
     {0}},
    {DGM_ERR_TOKEN_KEY, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
    {DGM_ERR_TOKEN_SCOPE, LITERAL(REALM ", error=\"insufficient_scope\", scope=\"" EMU_SCOPE "\""),
     LITERAL("PERMISSION_DENIED"), LITERAL(ERROR_INFO("ACCESS_TOKEN_SCOPE_INSUFFICIENT", SERVICE))},
};

/* Paths of Google's REST APIs, whose clients read nothing but Google's object, without the array. */
static bool is_googles(const struct gw_route *r)
{
    return r->what == GW_GOOGLE || r->what == GW_ENDPOINT || r->what == GW_ENDPOINTS;
}

static void refuse(struct gw_exchange *x, enum dgm_error id)
{
    const struct refused *r = refusals;
    while (r->id != id)
        r++;
    x->reply.authenticate = r->authenticate;
    bool plain = is_googles(x->target.route);
    if (!plain && x->reply.compat == DGM_COMPAT_OPENAI) {
        gw_exchange_fail_as(x, id);
        return;
    }
    const struct refusal refusal = {.status = dgm_error_status(id),
                                    .message = dgm_error_sentence(id),
                                    .google = r->google,
                                    .details = r->details};
    if (!plain)
        dgm_buf_put_char(&x->out, '[');
    emu_refusal_put(&refusal, &x->out);
    if (!plain)
        dgm_buf_put_char(&x->out, ']');
    x->worker->counters.refused_total++;
    gw_exchange_answer(x, refusal.status, GW_MEDIA_JSON);
}

/* What says who is asking: a bearer, or an API key in a header or the query; Google's clients send one or the other. */
static struct dgm_str shown(struct gw_exchange *x, bool *ret_key)
{
    struct dgm_str bearer = http_bearer(http_head_get(x->head, DGM_STR("authorization")));
    struct dgm_str key = http_head_get(x->head, DGM_STR("x-goog-api-key"));
    *ret_key = bearer.n == 0;
    if (bearer.n != 0 || key.n != 0)
        return bearer.n != 0 ? bearer : key;
    struct dgm_str target = x->head->target;
    struct dgm_buf value;
    dgm_buf_init(&value, dgm_arena_alloc(&x->arena), EMU_PASS_MAX);
    bool found = http_query_get(dgm_str_skip(target, dgm_str_find_char(target, '?') + 1),
                                DGM_STR("key"), &value);
    return found && value.rc == DGM_OK ? dgm_buf_str(&value) : (struct dgm_str){0};
}

/* NONE: it is good. */
static enum dgm_error judge(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    struct emu_pass pass;
    bool key;
    struct dgm_str token = shown(x, &key);
    if (token.n == 0)
        return DGM_ERR_TOKEN_MISSING;
    if (!emu_pass_read(token, w->pass_key, &x->arena, &pass) || pass.kind != EMU_PASS_ACCESS)
        return key ? DGM_ERR_TOKEN_KEY : DGM_ERR_TOKEN_INVALID;
    if (emu_pass_has_ended(&pass, net_loop_wall_ms(w->loop)))
        return DGM_ERR_TOKEN_EXPIRED;
    if (gw_revoked_has(w->revoked, &pass))
        return DGM_ERR_TOKEN_INVALID;
    if (!emu_pass_has_scope(&pass, DGM_STR(EMU_SCOPE)))
        return DGM_ERR_TOKEN_SCOPE;
    x->subject = pass.who;
    return DGM_ERR_NONE;
}

/* Health, our own pages and who hands out tokens are open to anybody who can reach them. */
static bool is_open(const struct gw_exchange *x)
{
    enum gw_what what = x->target.route->what;
    return what == GW_HEALTH || what == GW_READY || what == GW_IDENTITY ||
           dgm_str_starts(x->target.route->pattern, DGM_STR("/_dragoman/")) ||
           x->head->method == HTTP_METHOD_OPTIONS;
}

bool gw_gate_pass(struct gw_exchange *x)
{
    if (x->worker->config->auth.google != GW_GOOGLE_EMULATED || is_open(x))
        return true;
    enum dgm_error error = judge(x);
    if (error != DGM_ERR_NONE)
        refuse(x, error);
    return error == DGM_ERR_NONE;
}
