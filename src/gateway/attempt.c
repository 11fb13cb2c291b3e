/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.c - a chat completion's attempts: whom it asks, as what, and whether it asks again. */
#include "gateway/attempt.h"

#include "base/str.h"
#include "gateway/caching.h"
#include "gateway/destination.h"
#include "gateway/gate.h"
#include "gateway/place.h"
#include "gateway/random.h"
#include "http/media.h"

#include <assert.h>
#include <stdio.h>

#define TARGET_BYTES_MAX 4096
#define REQUEST_HEADERS_MAX 4 /* that the core asks for */
#define CALL_HEADERS_MAX                                                                           \
    (1 + REQUEST_HEADERS_MAX + 3) /* and the emulator's controls, or a server's */
#define COLD_RETRY_MS 10000       /* what a client is told of a server that is still not there */

static int64_t now_ms(const struct gw_exchange *x)
{
    return net_loop_now_ms(x->worker->loop);
}

/* ---- asking ----------------------------------------------------------------------------------------- */

static void ask(struct gw_exchange *x);

static void on_token(void *owner)
{
    gw_overhead_ours(owner);
    ask(owner);
}

/* There is no token, and none will come in time; another upstream may need none. */
static void fail_untold(struct gw_exchange *x, const struct gw_upstream *u,
                        const struct gw_token_said *said)
{
    struct dgm_fail f;
    const struct dgm_str trouble =
        said->trouble.n != 0
            ? said->trouble
            : DGM_STR("the keeper, which fetches tokens, did not give one in time.");
    dgm_fail_set(&f, said->passes ? DGM_ERR_CREDENTIALS_AWAY : DGM_ERR_CREDENTIALS,
                 (struct dgm_str){0},
                 (struct dgm_str[4]){DGM_STR("There is no access token for the upstream "), u->name,
                                     DGM_STR(": "), trouble});
    if (gw_attempt_failed(x, GW_UNAVAILABLE, -1))
        return;
    x->reply.has_retry = said->passes;
    x->reply.retry = (struct dgm_retry){.after_ms = GW_REST_MS};
    gw_exchange_fail(x, &f);
}

/* Whether there is a token, where one is needed. False: it is waited for, or that there is none was answered. */
static bool find_token(struct gw_exchange *x, const struct gw_upstream *u,
                       struct gw_token_said *ret, const struct gw_token_said **ret_token)
{
    *ret_token = NULL;
    x->chat.token_generation = 0;
    switch (gw_tokens_look(x->worker, u, ret, &x->chat.token_wait, on_token, x)) {
    case GW_TOKEN_UNWANTED:
        return true;
    case GW_TOKEN_READY:
        *ret_token = ret;
        x->chat.token_generation = ret->generation;
        return true;
    case GW_TOKEN_WAIT:
        gw_overhead_theirs(x);
        return false;
    case GW_TOKEN_NONE:
        break;
    }
    fail_untold(x, u, ret);
    return false;
}

/* Where the call goes, and who it says is asking. */
static enum dgm_rc look_place(struct gw_exchange *x, const struct gw_upstream *u,
                              const struct gw_token_said *token, struct gw_place *ret,
                              struct dgm_fail *reterr)
{
    const struct gw_place_ask question = {.upstream = u,
                                          .location = x->chat.plan.location,
                                          .path_project = x->target.project,
                                          .path_location = x->target.location,
                                          .authorization = gw_gate_authorization(x),
                                          .token = token,
                                          .relays = dgm_request_is_relayed(x->chat.request)};
    return gw_place_find(x->worker->config, &question, &x->arena, ret, reterr);
}

/* The same. False: it can not be said, and that was answered. */
static bool find_place(struct gw_exchange *x, const struct gw_upstream *u,
                       const struct gw_token_said *token, struct gw_place *ret)
{
    struct dgm_fail f;
    enum dgm_rc rc = look_place(x, u, token, ret, &f);
    if (rc == DGM_E_NOMEM)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
    else if (rc != DGM_OK)
        gw_exchange_fail(x, &f);
    return rc == DGM_OK;
}

/* The path's, where it is one of its own. */
static struct dgm_str endpoint_of(const struct gw_exchange *x)
{
    const struct gw_endpoint *e = gw_config_endpoint(x->worker->config, x->target.endpoint);
    return e != NULL ? x->target.endpoint : (struct dgm_str){0};
}

static void put_target(struct gw_exchange *x, const struct gw_upstream *u,
                       const struct gw_place *place, struct dgm_buf *out)
{
    if (dgm_request_is_relayed(x->chat.request))
        gw_relay_put_target(u, &place->native, endpoint_of(x), out);
    else
        dgm_request_put_path(x->chat.request, &place->native, out);
}

/* What goes in the head of a call besides its length: at most CALL_HEADERS_MAX of them. */
static size_t put_headers(struct gw_exchange *x, const struct gw_upstream *u,
                          const struct gw_place *place, struct gw_call_header *to)
{
    const struct dgm_header *more;
    size_t n = 0, more_n = dgm_request_headers(x->chat.request, &more);
    to[n++] = (struct gw_call_header){DGM_STR("content-type"), GW_MEDIA_JSON};
    for (size_t i = 0; i < more_n && i < REQUEST_HEADERS_MAX; i++)
        to[n++] = (struct gw_call_header){more[i].name, more[i].value};
    for (size_t i = 0; i < place->headers_n; i++)
        to[n++] = place->headers[i];
    if (u->kind == GW_EMULATOR)
        n += gw_emulator_controls(x->head, to + n);
    else if (dgm_request_is_relayed(
                 x->chat.request)) /* by which the log of a server of one's own can be searched */
        to[n++] = (struct gw_call_header){DGM_STR("x-request-id"), x->reply.request_id};
    return n;
}

/* NAME, or NAME/LOCATION of Vertex: who answers, for the client and the log. */
static void name_upstream(struct gw_exchange *x, const struct gw_upstream *u,
                          const struct gw_place *place)
{
    struct dgm_buf name;
    x->chat.upstream = u->name;
    x->reply.upstream = u->kind == GW_EMULATOR ? DGM_STR("emulator") : u->name;
    if (u->kind != GW_VERTEX || place->native.location.n == 0)
        return;
    dgm_buf_init(&name, dgm_arena_alloc(&x->arena), SIZE_MAX);
    dgm_buf_reserve(&name, u->name.n + 1 + place->native.location.n);
    dgm_buf_put(&name, u->name);
    dgm_buf_put_lit(&name, "/");
    dgm_buf_put(&name, place->native.location);
    if (name.rc == DGM_OK)
        x->chat.upstream = x->reply.upstream = dgm_buf_str(&name);
}

/* Calls the upstream there. NULL: memory is short. */
static struct gw_call *call(struct gw_exchange *x, const struct gw_upstream *u,
                            const struct gw_place *place, struct gw_call_request *request,
                            const struct gw_call_events *events)
{
    struct gw_call_header headers[CALL_HEADERS_MAX];
    request->method = DGM_STR("POST");
    request->origin = &place->origin;
    request->headers = headers;
    request->headers_n = put_headers(x, u, place, headers);
    request->hold = &x->hold;
    request->model = gw_destination_model(x->worker->config, u, x->chat.request);
    return gw_call_new(x->worker, u, request, events, x);
}

static void ask(struct gw_exchange *x)
{
    const struct gw_upstream *u = gw_plan_upstream(&x->chat.plan);
    struct gw_place place;
    struct dgm_buf target;
    struct gw_token_said said;
    const struct gw_token_said *token;
    gw_exchange_wait(x);
    if (!find_token(x, u, &said, &token) || !find_place(x, u, token, &place))
        return;
    name_upstream(x, u, &place);
    if (!gw_caching_ready(x, u, &place)) {
        gw_place_forget(&place);
        gw_overhead_theirs(x);
        return;
    }
    dgm_buf_init(&target, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    put_target(x, u, &place, &target);

    const struct dgm_str *segments;
    size_t segments_n = dgm_request_body(x->chat.request, &segments);
    x->worker->counters->attempts_total++;
    if (target.rc == DGM_OK) {
        struct gw_call_request request = {.target = dgm_buf_str(&target),
                                          .segments = segments,
                                          .segments_n = segments_n,
                                          .tape = x->tape};
        x->chat.asked.authority = place.origin.authority;
        x->chat.asked.prefix = place.origin.prefix;
        x->chat.asked.path = request.target;
        x->chat.asked.tls = place.origin.tls;
        x->chat.call = call(x, u, &place, &request, &gw_chat_events);
    }
    gw_place_forget(&place);
    gw_overhead_theirs(x);
    if (x->chat.call == NULL)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

bool gw_attempt_aside(struct gw_exchange *x, const struct dgm_str *body,
                      const struct gw_call_events *events)
{
    const struct gw_upstream *u = gw_plan_upstream(&x->chat.plan);
    const struct gw_token_said *token = NULL;
    struct gw_token_said said;
    struct gw_place place;
    struct dgm_fail unused;
    struct dgm_buf target;
    switch (gw_tokens_look(x->worker, u, &said, &x->chat.token_wait, on_token, x)) {
    case GW_TOKEN_UNWANTED:
        break;
    case GW_TOKEN_READY:
        token = &said;
        break;
    case GW_TOKEN_WAIT: /* the one that was asked with is over just now: not worth waiting for */
    case GW_TOKEN_NONE:
        gw_token_leave(&x->chat.token_wait);
        return false;
    }
    if (look_place(x, u, token, &place, &unused) != DGM_OK)
        return false;
    dgm_buf_init(&target, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    dgm_request_put_whole_path(x->chat.request, &place.native, &target);
    gw_exchange_wait(x);
    gw_call_free(x->chat.call);
    x->chat.call = NULL;
    if (target.rc == DGM_OK) {
        struct gw_call_request request = {
            .target = dgm_buf_str(&target), .segments = body, .segments_n = 1};
        x->chat.call = call(x, u, &place, &request, events);
    }
    gw_place_forget(&place);
    gw_overhead_theirs(x);
    return x->chat.call != NULL;
}

void gw_attempt_ask(struct gw_exchange *x)
{
    ask(x);
}

/* ---- the next attempt ------------------------------------------------------------------------------- */

/* Whether the request that was made is the one that this upstream gets. */
static bool fits(const struct gw_exchange *x)
{
    const struct gw_chat *chat = &x->chat;
    return chat->request != NULL &&
           (!chat->plan.choices->remakes || chat->made_for == gw_plan_upstream(&chat->plan));
}

/* A copy of the body, for it is read in place. False: memory is short, and that was answered. */
static bool keep_body(struct gw_exchange *x, struct dgm_buf *to, struct dgm_str body)
{
    int64_t left = x->worker->config->limits.memory_bytes - x->worker->counters->held_bytes;
    if (left >= (int64_t)body.n)
        dgm_buf_put(to, body);
    if (left >= (int64_t)body.n && to->rc == DGM_OK)
        return true;
    gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
    return false;
}

static void ask_chosen(struct gw_exchange *x)
{
    if (fits(x)) {
        ask(x);
        return;
    }
    dgm_buf_clear(&x->chat.again);
    if (x->chat.request == NULL || keep_body(x, &x->chat.again, dgm_buf_str(&x->chat.kept)))
        gw_translation_begin(x);
}

/* Nobody could be asked, and nobody was. */
static void refuse(struct gw_exchange *x, int64_t after_ms)
{
    const struct gw_plan *plan = &x->chat.plan;
    struct dgm_fail f;
    char why[120] = "";
    dgm_fail_row(&f, plan->cold ? DGM_ERR_UPSTREAM_COLD : DGM_ERR_UPSTREAM_RESTING);
    if (plan->cold) {
        const struct gw_upstream *u = gw_plan_upstream(plan);
        (void)snprintf(why, sizeof why, " was not ready within %lld s (cold_start.max_wait).",
                       (long long)((u->cold_start_ms + 999) / 1000));
        dgm_fail_set(&f, DGM_ERR_UPSTREAM_COLD, (struct dgm_str){0},
                     (struct dgm_str[4]){DGM_STR("The upstream "), u->name, dgm_str_c(why)});
    }
    x->reply.has_retry = true;
    x->reply.retry = (struct dgm_retry){.after_ms = plan->cold     ? COLD_RETRY_MS
                                                    : after_ms > 0 ? after_ms
                                                                   : GW_REST_MS};
    gw_exchange_fail(x, &f);
}

/* Asks, or waits. False: neither helps. */
static bool go(struct gw_exchange *x, int64_t *ret_after_ms)
{
    struct gw_plan *plan = &x->chat.plan;
    size_t choice = plan->choice, location = plan->location;
    bool again = plan->tries != 0;
    uint32_t random = plan->choices->n > 1 ? gw_random_u32() : 0;
    switch (gw_policy_next(x->worker->policy, plan, now_ms(x), random, ret_after_ms)) {
    case GW_ASK:
        x->worker->counters->failovers_total +=
            again && (plan->choice != choice || plan->location != location);
        return true;
    case GW_WAIT:
        gw_overhead_theirs(x);
        gw_exchange_hold(x, *ret_after_ms);
        return true;
    case GW_GIVE_UP:
        break;
    }
    return false;
}

static void look_again(struct gw_exchange *x)
{
    int64_t after_ms;
    if (!go(x, &after_ms))
        refuse(x, after_ms);
    else if (x->chat.plan.asked)
        ask_chosen(x);
    else if (x->chat.request == NULL)
        gw_translation_begin(x); /* so that a stream can be kept alive meanwhile */
}

void gw_attempt_made(struct gw_exchange *x)
{
    if (x->chat.plan.asked)
        ask(x);
    else
        look_again(x);
}

void gw_attempt_resume(struct gw_exchange *x)
{
    gw_overhead_ours(x);
    if (x->chat.job.state == GW_JOB_IDLE)
        look_again(x);
}

/* Several upstreams: which of them is known before the body is read, for they may each want another one. */
static bool plan_ahead(struct gw_exchange *x)
{
    char name[GW_MODEL_BYTES_MAX];
    struct dgm_buf room = {.p = name, .cap = sizeof name, .max = sizeof name};
    struct dgm_str model = x->target.model;
    const struct gw_choices *choices = gw_destination_look(x->worker->config, x->target.endpoint,
                                                           dgm_buf_str(&x->body), &room, &model);
    if (choices == NULL || choices->n == 1)
        return false;
    gw_plan_init(&x->chat.plan, choices, model);
    return true;
}

void gw_attempt_begin(struct gw_exchange *x)
{
    gw_overhead_ours(x);
    x->chat.tells_compat = x->reply.tells_compat;
    if (!x->worker->config->lists || !plan_ahead(x)) {
        gw_translation_begin(x);
        return;
    }
    if (!x->chat.plan.choices->remakes || keep_body(x, &x->chat.kept, dgm_buf_str(&x->body)))
        look_again(x);
}

/* ---- what came of it -------------------------------------------------------------------------------- */

void gw_attempt_worked(struct gw_exchange *x)
{
    struct gw_plan *plan = &x->chat.plan;
    if (!plan->plain && plan->asked)
        gw_policy_tell(x->worker->policy, plan, GW_WORKED, -1, now_ms(x));
    if (x->worker->counters->resting != 0)
        gw_policy_count_resting(x->worker->policy, now_ms(x), x->worker->counters);
}

/* A 400 that means the location, not the request (google.md 1.5, 5.4). */
static bool tells_of_location(struct dgm_str body)
{
    static const struct dgm_str words[] = {
        {"only available via global endpoint", 34}, {"is not served in", 16},
        {"not supported in this location", 30},     {"not available in region", 23},
        {"not available in location", 25},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (dgm_str_find(body, words[i]) < body.n)
            return true;
    return false;
}

enum gw_outcome gw_attempt_judge(const struct gw_exchange *x, int status, struct dgm_str body)
{
    switch (status) {
    case 400:
        return tells_of_location(body) ? GW_NOT_SERVED : GW_ODD;
    case 404:
        return GW_NOT_SERVED;
    case 429:
        return GW_LIMITED;
    case 502:
        return gw_plan_upstream(&x->chat.plan)->cold_start_ms != 0 ? GW_UNAVAILABLE : GW_ODD;
    case 503:
        return GW_UNAVAILABLE;
    default:
        return GW_ODD;
    }
}

/* Nothing is left of the answer that failed. False: memory is short, and that was answered. */
static bool forget_answer(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    gw_call_free(chat->call);
    chat->call = NULL;
    bool streamed = chat->stream != NULL && chat->status == 200;
    chat->status = 0;
    chat->heard = false;
    chat->retry_ms = -1;
    chat->refused = chat->ended = false;
    chat->failed = NULL;
    dgm_buf_clear(&chat->native);
    dgm_buf_clear(&chat->later);
    dgm_buf_clear(&chat->object);
    dgm_buf_clear(&x->out);
    x->reply.doubts = (struct dgm_str){0};
    if (!streamed)
        return true;
    dgm_stream_free(chat->stream); /* it has ended */
    chat->stream = dgm_stream_new(chat->request);
    if (chat->stream != NULL)
        return true;
    gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
    return false;
}

/* What came of an attempt is told. Whether another may follow: the client has no byte of an answer. */
static bool tell(struct gw_exchange *x, enum gw_outcome outcome, int64_t after_ms)
{
    struct gw_plan *plan = &x->chat.plan;
    gw_policy_tell(x->worker->policy, plan, outcome, after_ms, now_ms(x));
    gw_policy_count_resting(x->worker->policy, now_ms(x), x->worker->counters);
    plan->begun =
        x->stage > GW_STREAMING || (x->chat.stream != NULL && dgm_stream_started(x->chat.stream));
    return !plan->begun;
}

bool gw_attempt_unsaid(struct gw_exchange *x)
{
    struct gw_plan *plan = &x->chat.plan;
    int64_t hint_ms;
    x->worker->counters->unsaid_total++;
    if (!tell(x, GW_ODD, -1) || plan->repeated || !x->worker->config->ask_again || !go(x, &hint_ms))
        return false;
    plan->repeated = true;
    x->worker->counters->repeated_total++;
    if (forget_answer(x) && plan->asked)
        ask_chosen(x);
    return true;
}

bool gw_attempt_failed(struct gw_exchange *x, enum gw_outcome outcome, int64_t after_ms)
{
    struct gw_plan *plan = &x->chat.plan;
    int64_t hint_ms;
    if (!tell(x, outcome, after_ms) || outcome == GW_ODD)
        return false;
    if (!go(x, &hint_ms)) {
        bool cold = plan->cold; /* the plan goes with the exchange, which the refusal may free */
        if (cold && x->stage <= GW_STREAMING)
            refuse(x, hint_ms);
        return cold;
    }
    if (forget_answer(x) && plan->asked)
        ask_chosen(x);
    return true;
}

bool gw_attempt_otherwise(struct gw_exchange *x)
{
    int64_t hint_ms;
    if (!tell(x, GW_ODD, -1) || !go(x, &hint_ms))
        return false;
    if (forget_answer(x) && x->chat.plan.asked)
        ask_chosen(x);
    return true;
}

void gw_attempt_anew(struct gw_exchange *x)
{
    if (forget_answer(x))
        ask(x);
}

bool gw_attempt_renew(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    if (chat->token_generation == 0 || chat->token_renewed || x->stage > GW_STREAMING ||
        (chat->stream != NULL && dgm_stream_started(chat->stream)))
        return false;
    chat->token_renewed = true;
    gw_tokens_refused(x->worker, gw_plan_upstream(&chat->plan), chat->token_generation);
    gw_attempt_anew(x);
    return true;
}

void gw_attempt_end(struct gw_exchange *x)
{
    gw_token_leave(&x->chat.token_wait);
    if (x->chat.plan.asked && !x->chat.plan.plain)
        gw_policy_tell(x->worker->policy, &x->chat.plan, GW_LEFT, -1, now_ms(x));
}
