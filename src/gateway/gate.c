/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - who may come in. */
#include "gateway/gate.h"

#include "base/str.h"
#include "emulate/account_jwt.h"
#include "emulate/identity.h"
#include "emulate/refusal.h"
#include "gateway/keeper_link.h"
#include "gateway/keys.h"
#include "gateway/memory.h"
#include "gateway/revoked.h"
#include "gateway/verify.h"
#include "http/media.h"
#include "json/write.h"

#include <assert.h>
#include <string.h>

#define REALM "Bearer realm=\"https://accounts.google.com/\""
#define ERROR_INFO(reason, more)                                                                   \
    "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason                \
    "\",\"domain\":\"googleapis.com\"" more "}]"
#define LITERAL(s) {"" s, sizeof(s) - 1}
#define SERVICE ",\"metadata\":{\"service\":\"aiplatform.googleapis.com\"}"

#define RESOURCE_MAX 1024

/* What a refusal has besides its row in errors.def. */
static const struct refused {
    enum dgm_error id, says; /* whose sentence Google's form has: Google knows no keys of ours */
    struct dgm_str authenticate; /* the header */
    struct dgm_str google;       /* the code's name */
    struct dgm_str details;      /* of Google's object */
} refusals[] = {
    {DGM_ERR_TOKEN_MISSING, DGM_ERR_TOKEN_MISSING, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
    {DGM_ERR_TOKEN_INVALID,
     DGM_ERR_TOKEN_INVALID,
     LITERAL(REALM ", error=\"invalid_token\""),
     LITERAL("UNAUTHENTICATED"),
     {0}},
    {DGM_ERR_TOKEN_EXPIRED,
     DGM_ERR_TOKEN_EXPIRED,
     LITERAL(REALM ", error=\"invalid_token\""),
     LITERAL("UNAUTHENTICATED"),
     {0}},
    {DGM_ERR_TOKEN_KEY, DGM_ERR_TOKEN_KEY, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
    {DGM_ERR_TOKEN_SCOPE, DGM_ERR_TOKEN_SCOPE,
     LITERAL(REALM ", error=\"insufficient_scope\", scope=\"" EMU_SCOPE "\""),
     LITERAL("PERMISSION_DENIED"), LITERAL(ERROR_INFO("ACCESS_TOKEN_SCOPE_INSUFFICIENT", SERVICE))},
    {DGM_ERR_KEY_MISSING, DGM_ERR_TOKEN_MISSING, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
    {DGM_ERR_KEY_WRONG,
     DGM_ERR_TOKEN_INVALID,
     LITERAL(REALM ", error=\"invalid_token\""),
     LITERAL("UNAUTHENTICATED"),
     {0}},
    {DGM_ERR_KEY_IN_QUERY, DGM_ERR_KEY_IN_QUERY, LITERAL(REALM), LITERAL("UNAUTHENTICATED"),
     LITERAL(ERROR_INFO("CREDENTIALS_MISSING", SERVICE))},
};

/* Paths of Google's REST APIs, whose clients read nothing but Google's object, without the array. */
static bool is_googles(const struct gw_route *r)
{
    return r->what == GW_GOOGLE || r->what == GW_ENDPOINT || r->what == GW_ENDPOINTS;
}

/* Whether it is answered in OpenAI's form. */
static bool is_openais(const struct gw_exchange *x)
{
    return !is_googles(x->target.route) && x->reply.compat == DGM_COMPAT_OPENAI;
}

static void answer_as_google(struct gw_exchange *x, const struct refusal *refusal)
{
    bool plain = is_googles(x->target.route);
    dgm_buf_clear(&x->out);
    if (!plain)
        dgm_buf_put_char(&x->out, '[');
    emu_refusal_put(refusal, &x->out);
    if (!plain)
        dgm_buf_put_char(&x->out, ']');
    x->worker->counters->refused_total++;
    gw_exchange_answer(x, refusal->status, GW_MEDIA_JSON);
}

static void refuse(struct gw_exchange *x, enum dgm_error id)
{
    const struct refused *r = refusals;
    while (r->id != id)
        r++;
    x->reply.authenticate = r->authenticate;
    if (is_openais(x)) {
        gw_exchange_fail_as(x, id);
        return;
    }
    const struct refusal refusal = {.status = dgm_error_status(id),
                                    .message = dgm_error_sentence(r->says),
                                    .google = r->google,
                                    .details = r->details};
    answer_as_google(x, &refusal);
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

/* ---- keys of ours ------------------------------------------------------------------------------------ */

/* What may be a key, in the places where clients send one: OpenAI's, Google's, Azure's. */
static const struct {
    struct dgm_str header;
    bool is_bearer;
} key_places[] = {
    {LITERAL("authorization"), true},
    {LITERAL("x-goog-api-key"), false},
    {LITERAL("api-key"), false},
};

static bool has_key_in_query(const struct gw_exchange *x)
{
    struct dgm_str query =
        dgm_str_skip(x->head->target, dgm_str_find_char(x->head->target, '?') + 1);
    return dgm_str_starts(query, DGM_STR("key=")) ||
           dgm_str_find(query, DGM_STR("&key=")) < query.n;
}

/* NONE: it is one of ours. */
static enum dgm_error judge_key(struct gw_exchange *x)
{
    struct gw_worker *w = x->worker;
    struct gw_admission *a = &x->admission;
    bool shown = false;
    for (size_t i = 0; i < sizeof key_places / sizeof *key_places; i++) {
        struct dgm_str key = http_head_get(x->head, key_places[i].header);
        if (key_places[i].is_bearer)
            key = http_bearer(key);
        if (key.n == 0)
            continue;
        shown = true;
        a->client = gw_keys_find(w->keys, net_loop_now_ms(w->loop), key, &a->keys);
        if (a->client == NULL)
            continue;
        a->by_bearer = key_places[i].is_bearer;
        x->subject = dgm_arena_copy(&x->arena, a->client->name);
        return x->subject.p != NULL ? DGM_ERR_NONE : DGM_ERR_NO_MEMORY;
    }
    return shown                 ? DGM_ERR_KEY_WRONG
           : has_key_in_query(x) ? DGM_ERR_KEY_IN_QUERY
                                 : DGM_ERR_KEY_MISSING;
}

struct dgm_str gw_gate_authorization(const struct gw_exchange *x)
{
    return x->admission.by_bearer ? (struct dgm_str){0}
                                  : http_head_get(x->head, DGM_STR("authorization"));
}

/* What the upstream told; where it was asked and told nothing, as the client left or it broke off, all that was reserved; what
 * it refused cost nothing. */
static int64_t tokens_used(const struct gw_exchange *x)
{
    const struct dgm_request *r = x->chat.request;
    int64_t told = r != NULL ? dgm_request_tokens_used(r) : -1;
    bool refused = x->chat.status == 0 ? x->chat.plan.tries == 0 : x->chat.status >= 400;
    return told >= 0 ? told : refused ? 0 : -1;
}

void gw_gate_settle(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    if (x->admission.hold.entered)
        gw_quota_leave(w->quota, w->quota_book, net_loop_wall_ms(w->loop), tokens_used(x),
                       &x->admission.hold);
}

void gw_gate_turn_away(struct gw_exchange *x)
{
    if (!x->admission.waits)
        return;
    x->admission.waits = false;
    gw_verify_leave(&x->admission.wait);
    gw_conn_hold(x->conn, false);
}

void gw_gate_leave(struct gw_exchange *x)
{
    gw_verify_leave(&x->admission.wait);
    gw_gate_settle(x);
    gw_key_set_give(x->admission.keys);
    x->admission = (struct gw_admission){0};
}

/* ---- tokens of Google's ------------------------------------------------------------------------------ */

/* A JWT that its account has signed itself. NONE: `*ret` is as one of the emulator's own tokens, and may have ended. */
static enum dgm_error read_self_signed(struct gw_exchange *x, struct dgm_str token,
                                       struct emu_pass *ret)
{
    struct gw_worker *w = x->worker;
    struct auth_jwt jwt;
    struct dgm_buf public_key;
    enum dgm_rc rc = auth_jwt_read(token, &x->arena, &jwt);
    if (rc != DGM_OK)
        return rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY : DGM_ERR_TOKEN_INVALID;
    dgm_buf_init(&public_key, dgm_arena_alloc(&x->arena), AUTH_PEM_MAX);
    rc = gw_memory_account(w, json_get_str(jwt.claims, DGM_STR("iss")), &public_key);
    if (rc == DGM_E_LIMIT && w->keeper != NULL)
        gw_keeper_knock(w->keeper);
    if (rc < 0)
        return rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY : DGM_ERR_IDENTITY_UNREAD;
    bool good = rc == DGM_OK && emu_account_bearer(&jwt, dgm_buf_str(&public_key), x->head->host,
                                                   net_loop_wall_ms(w->loop), ret);
    return good ? DGM_ERR_NONE : DGM_ERR_TOKEN_INVALID;
}

/* NONE: it is good. */
static enum dgm_error judge_emulated(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    struct emu_pass pass;
    bool key;
    struct dgm_str token = shown(x, &key);
    if (token.n == 0)
        return DGM_ERR_TOKEN_MISSING;
    if (!emu_pass_read(token, w->pass_key, &x->arena, &pass) || pass.kind != EMU_PASS_ACCESS) {
        enum dgm_error error = key ? DGM_ERR_TOKEN_KEY : read_self_signed(x, token, &pass);
        if (error != DGM_ERR_NONE)
            return error;
    }
    if (emu_pass_has_ended(&pass, net_loop_wall_ms(w->loop)))
        return DGM_ERR_TOKEN_EXPIRED;
    if (!gw_revoked_is_known(w->revoked, net_loop_wall_ms(w->loop)))
        return DGM_ERR_IDENTITY_UNREAD;
    if (gw_revoked_has(w->revoked, &pass))
        return DGM_ERR_TOKEN_INVALID;
    if (!emu_pass_has_scope(&pass, DGM_STR(EMU_SCOPE)))
        return DGM_ERR_TOKEN_SCOPE;
    x->subject = pass.who;
    return DGM_ERR_NONE;
}

/* Whether nothing has to be shown: what is LOCAL was looked at before (exchange.c). */
static bool is_open(const struct gw_exchange *x)
{
    return x->target.route->whose != GW_ASKED || x->head->method == HTTP_METHOD_OPTIONS;
}

/* ---- what for ---------------------------------------------------------------------------------------- */

/* "//aiplatform.googleapis.com/projects/P/locations/L/publishers/google/models/M", as far as the path tells. */
static void put_resource(const struct gw_exchange *x, struct dgm_str model, struct dgm_buf *out)
{
    const struct gw_target *t = &x->target;
    dgm_buf_put_lit(out, "//aiplatform.googleapis.com/projects/");
    dgm_buf_put(out, t->project.n != 0 ? t->project : DGM_STR("-"));
    dgm_buf_put_lit(out, "/locations/");
    dgm_buf_put(out, t->location.n != 0 ? t->location : DGM_STR("-"));
    if (model.p == NULL) {
        dgm_buf_put_lit(out, "/endpoints/");
        dgm_buf_put(out, t->endpoint.n != 0 ? t->endpoint : DGM_STR("openapi"));
        return;
    }
    bool long_form = dgm_str_starts(model, DGM_STR("google/"));
    dgm_buf_put_lit(out, "/publishers/google/models/");
    dgm_buf_put(out, dgm_str_head(dgm_str_skip(model, long_form ? 7 : 0), 200));
}

/* The caller is known, and this is not for him (google.md 5.4). Without a model it is the endpoint. */
static void forbid(struct gw_exchange *x, enum dgm_error id, struct dgm_str model)
{
    struct dgm_buf resource, details, text;
    struct dgm_buf *const all[] = {&resource, &details, &text};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dgm_buf_init(all[i], dgm_arena_alloc(&x->arena), RESOURCE_MAX);
    if (is_openais(x)) {
        struct dgm_fail f;
        bool by_model = model.p != NULL;
        dgm_fail_set(&f, id, by_model ? DGM_STR("model") : (struct dgm_str){0},
                     (struct dgm_str[4]){DGM_STR("The API key of "), x->subject,
                                         by_model ? DGM_STR(" may not use the model ")
                                                  : DGM_STR(" may not use the endpoint "),
                                         dgm_str_head(by_model               ? model
                                                      : x->target.endpoint.n ? x->target.endpoint
                                                                             : DGM_STR("openapi"),
                                                      200)});
        gw_exchange_fail(x, &f);
        return;
    }
    put_resource(x, model, &resource);
    struct json_writer w = json_writer(&details);
    json_open_arr(&w);
    json_open_obj(&w);
    json_member_str(&w, "@type", DGM_STR("type.googleapis.com/google.rpc.ErrorInfo"));
    json_member_str(&w, "reason", DGM_STR("IAM_PERMISSION_DENIED"));
    json_member_str(&w, "domain", DGM_STR("aiplatform.googleapis.com"));
    json_put_name(&w, "metadata");
    json_open_obj(&w);
    json_member_str(&w, "resource", dgm_str_skip(dgm_buf_str(&resource), 28));
    json_member_str(&w, "permission", DGM_STR("aiplatform.endpoints.predict"));
    json_close_obj(&w);
    json_close_obj(&w);
    json_close_arr(&w);
    dgm_buf_put_lit(&text, "Permission 'aiplatform.endpoints.predict' denied on resource '");
    dgm_buf_put(&text, dgm_buf_str(&resource));
    dgm_buf_put_lit(&text, "' (or it may not exist).");
    const struct refusal refusal = {.status = dgm_error_status(id),
                                    .message = dgm_buf_str(&text),
                                    .google = DGM_STR("PERMISSION_DENIED"),
                                    .details = dgm_buf_str(&details)};
    answer_as_google(x, &refusal);
}

static struct dgm_str endpoint_of(const struct gw_exchange *x)
{
    struct dgm_str own = x->target.endpoint;
    return own.n != 0 ? own : DGM_STR("openapi");
}

/* Whether a path costs what models cost. */
static bool is_call(const struct gw_exchange *x)
{
    enum gw_what what = x->target.route->what;
    return what == GW_CHAT || what == GW_GOOGLE || what == GW_NATIVE;
}

bool gw_gate_shows(const struct gw_exchange *x, struct dgm_str model)
{
    const struct auth_client *c = x->admission.client;
    struct dgm_str patterns = c != NULL ? c->models : (struct dgm_str){0}, pattern;
    if (patterns.p == NULL || !dgm_str_eq(endpoint_of(x), DGM_STR("openapi")))
        return true; /* an endpoint of one's own answers to any name */
    while (dgm_str_split(&patterns, ',', &pattern))
        if (gw_model_is_like(pattern, model))
            return true;
    return false;
}

static bool pass_model(struct gw_exchange *x, struct dgm_str model)
{
    if (gw_gate_shows(x, model))
        return true;
    forbid(x, DGM_ERR_KEY_MODEL, model);
    return false;
}

/* ---- how much ---------------------------------------------------------------------------------------- */

/* What stands before the name: a verified one is its bearer's own. */
static struct dgm_str who(const struct gw_exchange *x)
{
    return x->admission.keys != NULL ? DGM_STR("The API key of ") : DGM_STR("");
}

/* "The API key of alice may use 1000 tokens a minute, and this request wants up to 4096." */
static void put_limit(struct gw_exchange *x, enum dgm_error id, int64_t limit, struct dgm_buf *out)
{
    dgm_buf_put(out, who(x));
    dgm_buf_put(out, x->subject);
    dgm_buf_put_lit(out, " may ");
    dgm_buf_put(out, id == DGM_ERR_KEY_REQUESTS   ? DGM_STR("make ")
                     : id == DGM_ERR_KEY_PARALLEL ? DGM_STR("have ")
                                                  : DGM_STR("use "));
    dgm_buf_put_int(out, limit);
    dgm_buf_put(out, id == DGM_ERR_KEY_REQUESTS   ? DGM_STR(" requests a minute")
                     : id == DGM_ERR_KEY_PARALLEL ? DGM_STR(" requests under way at once")
                     : id == DGM_ERR_KEY_TOKENS   ? DGM_STR(" tokens a minute")
                                                  : DGM_STR(" tokens a day"));
}

/* False: it was answered. */
static bool pass_limit(struct gw_exchange *x, enum dgm_error id, const struct gw_quota_refusal *why,
                       int64_t tokens)
{
    struct dgm_buf text;
    struct dgm_fail f;
    if (id == DGM_ERR_NONE)
        return true;
    bool limited = id != DGM_ERR_NO_MEMORY && id != DGM_ERR_COUNTS_UNREAD;
    bool hopeless = limited && (why->after_ms < 0 || id == DGM_ERR_KEY_DAY);
    x->reply.has_retry = true;
    x->reply.retry = (struct dgm_retry){.after_ms = why->after_ms, .hopeless = hopeless};
    dgm_buf_init(&text, dgm_arena_alloc(&x->arena), RESOURCE_MAX);
    dgm_fail_row(&f, id);
    if (limited) {
        put_limit(x, id, why->limit, &text);
        if (why->after_ms < 0) {
            dgm_buf_put_lit(&text, ", and this request wants up to ");
            dgm_buf_put_int(&text, tokens);
        }
        dgm_buf_put_char(&text, '.');
        dgm_fail_set(&f, id, (struct dgm_str){0}, (struct dgm_str[4]){dgm_buf_str(&text)});
    }
    gw_exchange_fail(x, &f);
    return false;
}

static bool enter(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    const struct auth_client *c = x->admission.client;
    struct gw_quota_refusal why = {0};
    enum dgm_error e = DGM_ERR_NONE;
    if (auth_client_is_limited(c))
        e = gw_quota_enter(w->quota, w->quota_book, c, net_loop_wall_ms(w->loop),
                           &x->admission.hold, &why);
    return pass_limit(x, e, &why, 0);
}

/* A small limit is no reason to refuse who does not say how much he wants. */
static int64_t unsaid_tokens(const struct auth_client *c)
{
    int64_t least = GW_QUOTA_UNSAID_TOKENS;
    for (size_t i = AUTH_LIMIT_TOKENS_MINUTE; i <= AUTH_LIMIT_TOKENS_DAY; i++)
        if (c->limits[i] != 0 && c->limits[i] < least)
            least = c->limits[i];
    return least;
}

static bool reserve(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    struct gw_quota_refusal why = {0};
    int64_t tokens = dgm_request_tokens_wanted(x->chat.request);
    if (!x->admission.hold.entered)
        return true;
    if (tokens == 0)
        tokens = unsaid_tokens(x->admission.client);
    enum dgm_error e =
        gw_quota_reserve(w->quota, w->quota_book, x->admission.client, net_loop_wall_ms(w->loop),
                         tokens, &x->admission.hold, &why);
    return pass_limit(x, e, &why, tokens);
}

bool gw_gate_admit(struct gw_exchange *x)
{
    if (x->admission.client == NULL || x->admission.admitted)
        return true;
    x->admission.admitted = true;
    return pass_model(x, dgm_request_model_sent(x->chat.request)) && reserve(x);
}

/* Whether a key is for this path; of Google's own the path names the model. */
static bool pass_key(struct gw_exchange *x)
{
    const struct auth_client *c = x->admission.client;
    if (!is_call(x))
        return true;
    if (!auth_client_may_use(c, endpoint_of(x))) {
        forbid(x, DGM_ERR_KEY_ENDPOINT, (struct dgm_str){0});
        return false;
    }
    struct dgm_str call = x->target.call;
    return (x->target.route->what != GW_GOOGLE || call.n == 0 ||
            pass_model(x, dgm_str_head(call, dgm_str_find_char(call, ':')))) &&
           enter(x);
}

/* ---- the gate ---------------------------------------------------------------------------------------- */

/* Who has shown that he is this comes in as one with a key of that name would, with the limits that all of them have. NULL: no memory. */
static const struct auth_client *make_client(struct gw_exchange *x, struct dgm_str name)
{
    struct auth_client *c = dgm_arena_take0(&x->arena, sizeof *c);
    x->subject = dgm_arena_copy(&x->arena, name);
    if (c == NULL || x->subject.p == NULL)
        return NULL;
    c->name = x->subject;
    memcpy(c->limits, x->worker->config->auth.verify.limits, sizeof c->limits);
    return c;
}

static void on_verdict(void *owner);

/* NONE: he may come in, or it is not known yet (admission.waits). `keyless`: what is wrong where no bearer is shown. */
static enum dgm_error judge_verified(struct gw_exchange *x, enum dgm_error keyless)
{
    struct gw_admission *a = &x->admission;
    struct gw_verdict verdict;
    struct dgm_str token = http_bearer(http_head_get(x->head, DGM_STR("authorization")));
    if (token.n == 0)
        return keyless;
    a->waits = !gw_verify_look(x->worker->verify, token, &verdict, &a->wait, on_verdict, x);
    if (a->waits || verdict.error != DGM_ERR_NONE)
        return a->waits ? DGM_ERR_NONE : verdict.error;
    a->client = make_client(x, verdict.name);
    return a->client != NULL ? DGM_ERR_NONE : DGM_ERR_NO_MEMORY;
}

/* False: it was answered. */
static bool pass_verdict(struct gw_exchange *x, enum dgm_error error)
{
    if (error == DGM_ERR_NONE && (x->admission.waits || x->admission.client == NULL))
        return true;
    if (error == DGM_ERR_NONE)
        return pass_key(x);
    if (error == DGM_ERR_VERIFY_AWAY) {
        x->reply.has_retry = true;
        x->reply.retry = (struct dgm_retry){.after_ms = GW_VERIFY_RETRY_MS};
    }
    if (error == DGM_ERR_SUBJECT && !is_openais(x))
        forbid(x, error, (struct dgm_str){0});
    else if (error == DGM_ERR_NO_MEMORY || error == DGM_ERR_VERIFY_AWAY ||
             error == DGM_ERR_SUBJECT || error == DGM_ERR_IDENTITY_UNREAD)
        gw_exchange_fail_as(x, error);
    else
        refuse(x, error);
    return false;
}

/* From the loop. */
static void on_verdict(void *owner)
{
    struct gw_exchange *x = owner;
    enum dgm_error error = judge_verified(x, DGM_ERR_TOKEN_MISSING);
    if (pass_verdict(x, error) && !x->admission.waits)
        gw_exchange_admit(x);
}

static enum dgm_error without_bearer(const struct gw_exchange *x)
{
    bool key = http_head_get(x->head, DGM_STR("x-goog-api-key")).n != 0 || has_key_in_query(x);
    return key ? DGM_ERR_TOKEN_KEY : DGM_ERR_TOKEN_MISSING;
}

bool gw_gate_pass(struct gw_exchange *x)
{
    const struct gw_worker *w = x->worker;
    int google = w->config->auth.google;
    if ((w->keys == NULL && google == GW_GOOGLE_OFF) || is_open(x))
        return true;
    enum dgm_error error = w->keys != NULL ? judge_key(x) : DGM_ERR_KEY_MISSING;
    if (error == DGM_ERR_NONE)
        return pass_key(x);
    if (google == GW_GOOGLE_EMULATED)
        error = judge_emulated(x);
    else if (google == GW_GOOGLE_VERIFY && error != DGM_ERR_NO_MEMORY)
        error = judge_verified(x, w->keys != NULL ? error : without_bearer(x));
    bool passes = pass_verdict(x, error);
    if (passes && x->admission.waits)
        gw_conn_hold(x->conn, true);
    return passes;
}
