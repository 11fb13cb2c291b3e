/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.c - a chat completion's attempts: whom it asks, as what, and whether it asks again. */
#include "gateway/attempt.h"

#include "base/str.h"
#include "gateway/destination.h"
#include "gateway/fetch.h"
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

/* Where the call goes, and who it says is asking. False: it can not be said, and that was answered. */
static bool find_place(struct gw_exchange *x, const struct gw_upstream *u, struct gw_place *ret)
{
    struct dgm_fail f;
    const struct gw_place_ask question = {.upstream = u,
                                          .location = x->chat.plan.location,
                                          .path_project = x->target.project,
                                          .path_location = x->target.location,
                                          .authorization =
                                              http_head_get(x->head, DGM_STR("authorization")),
                                          .relays = dgm_request_is_relayed(x->chat.request)};
    enum dgm_rc rc = gw_place_find(x->worker->config, &question, &x->arena, ret, &f);
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

static void ask(struct gw_exchange *x)
{
    const struct gw_upstream *u = gw_plan_upstream(&x->chat.plan);
    struct gw_call_header headers[CALL_HEADERS_MAX];
    struct gw_place place;
    struct dgm_buf target;
    gw_exchange_wait(x);
    if (!find_place(x, u, &place))
        return;
    name_upstream(x, u, &place);
    dgm_buf_init(&target, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    put_target(x, u, &place, &target);

    const struct dgm_str *segments;
    size_t segments_n = dgm_request_body(x->chat.request, &segments);
    x->worker->counters.attempts_total++;
    if (target.rc == DGM_OK) {
        const struct gw_call_request request = {.method = DGM_STR("POST"),
                                                .target = dgm_buf_str(&target),
                                                .origin = &place.origin,
                                                .headers = headers,
                                                .headers_n = put_headers(x, u, &place, headers),
                                                .segments = segments,
                                                .segments_n = segments_n,
                                                .hold = &x->hold};
        x->chat.asked.authority = place.origin.authority;
        x->chat.asked.prefix = place.origin.prefix;
        x->chat.asked.path = request.target;
        x->chat.asked.tls = place.origin.tls;
        x->chat.call = gw_call_new(x->worker, u, &request, &gw_chat_events, x);
    }
    if (x->chat.call == NULL)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

/* ---- making the request ----------------------------------------------------------------------------- */

/*
 * A request's body on its way to a native one. In a job it is all that the thread sees, so its texts stand neither in
 * the connection's head nor anywhere else that goes with the client.
 */
struct translation {
    const struct gw_config *config;
    struct dgm_env env;
    struct dgm_str endpoint;            /* of the path */
    bool by_endpoint;                   /* it is one that is configured */
    const struct gw_upstream *upstream; /* NULL: it is to be found */
    struct dgm_buf *body;
    /* What it comes to: */
    enum dgm_rc rc;
    struct dgm_request *request;
    const struct gw_choices *choices;
    struct dgm_fail fail; /* when rc says so */
};

/* Member by member: `fail` is large, and most translations have none. */
static void translation_init(struct translation *t, struct gw_exchange *x)
{
    const struct gw_config *config = x->worker->config;
    gw_random_id(x->chat.id);
    t->config = config;
    t->env = (struct dgm_env){.alloc = &x->chat.job.alloc,
                              .reasoning = (enum dgm_reasoning)config->reasoning,
                              .compat = x->reply.compat,
                              .strict = config->strict,
                              .max_tokens_bounds_thoughts = config->max_tokens_includes_thinking,
                              .now = x->reply.now,
                              .id = {x->chat.id, sizeof x->chat.id},
                              .model = x->target.model};
    t->endpoint = x->target.endpoint;
    t->upstream = x->chat.plan.choices != NULL ? gw_plan_upstream(&x->chat.plan) : NULL;
    t->body = x->chat.request != NULL ? &x->chat.again : &x->body;
    t->request = NULL;
    t->choices = NULL;
}

/* Maybe in a thread. */
static void translate(void *owner)
{
    struct translation *t = owner;
    t->by_endpoint = gw_config_endpoint(t->config, t->endpoint) != NULL;
    t->rc = gw_destination_make(t->config, &t->env, t->endpoint, t->upstream, t->body, &t->request,
                                &t->choices, &t->fail);
}

static void look_again(struct gw_exchange *);

/* The request is made, or refused: asks the upstream. */
static void made(struct gw_exchange *x, const struct translation *t)
{
    if (t->rc != DGM_OK) {
        gw_exchange_fail(x, &t->fail);
        return;
    }
    gw_chat_take_notes(x);
    x->reply.tells_compat = x->chat.tells_compat && !dgm_request_is_relayed(x->chat.request);
    if (dgm_request_wants_stream(x->chat.request)) {
        x->chat.stream = dgm_stream_new(x->chat.request);
        if (x->chat.stream == NULL) {
            gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
            return;
        }
    }
    if (x->chat.plan.asked)
        ask(x);
    else
        look_again(x);
}

/* ---- what its URLs lead to -------------------------------------------------------------------------- */

/* The second half, behind the fetching. Maybe in a thread. */
static void translate_rest(void *owner)
{
    struct translation *t = ((struct gw_exchange *)owner)->chat.translation;
    t->rc = gw_destination_finish(t->upstream, t->by_endpoint, t->request, &t->fail);
}

static void on_rest(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x))
        made(x, x->chat.translation);
    gw_hold_give(&x->hold);
}

static void on_fetched(void *owner, const struct dgm_fail *f)
{
    struct gw_exchange *x = owner;
    if (f != NULL) {
        gw_exchange_fail(x, f);
        return;
    }
    if (gw_job_wanted(x->worker, x->body.n)) {
        gw_chat_start_job(x, x->body.n, translate_rest, on_rest);
        return;
    }
    translate_rest(x);
    made(x, x->chat.translation);
}

/* The upstream can not read URLs: what they lead to is fetched before it is asked. */
static void fetch(struct gw_exchange *x, const struct translation *t)
{
    struct gw_chat *chat = &x->chat;
    struct dgm_fail f;
    if (chat->translation != t) {
        chat->translation = dgm_arena_take(&x->arena, sizeof *t);
        if (chat->translation == NULL) {
            gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
            return;
        }
        *chat->translation = *t;
    }
    chat->translation->upstream = chat->made_for;
    gw_exchange_wait(x);
    if (gw_fetch_new(x->worker, chat->made_for, chat->request, on_fetched, x, &chat->fetch, &f) !=
        DGM_OK)
        gw_exchange_fail(x, &f);
}

/* ---- the request and what came before it ------------------------------------------------------------ */

/* A request that was made anew takes the place of the one before, whose texts stand in its body. */
static void replace(struct gw_exchange *x)
{
    dgm_stream_free(x->chat.stream);
    dgm_request_free(x->chat.request);
    gw_fetch_free(x->chat.fetch);
    x->chat.stream = NULL;
    x->chat.request = NULL;
    x->chat.fetch = NULL;
    dgm_buf_dispose(&x->body);
    x->body = x->chat.again;
    dgm_buf_init(&x->chat.again, &x->chat.job.alloc, x->body.max);
}

/* A translation came to its end, or to URLs. */
static void take(struct gw_exchange *x, const struct translation *t)
{
    if (t->rc < 0) {
        gw_exchange_fail(x, &t->fail);
        return;
    }
    if (x->chat.request != NULL)
        replace(x);
    x->chat.request = t->request;
    if (x->chat.plan.choices == NULL)
        gw_plan_init(&x->chat.plan, t->choices, dgm_request_model_sent(t->request));
    x->chat.made_for = gw_plan_upstream(&x->chat.plan);
    if (t->rc == DGM_NEED)
        fetch(x, t);
    else
        made(x, t);
}

static void run_translation(void *owner)
{
    translate(((struct gw_exchange *)owner)->chat.translation);
}

static void on_translated(void *owner)
{
    struct gw_exchange *x = owner;
    struct translation *t = x->chat.translation;
    if (t->rc == DGM_E_NOMEM && gw_job_rc(&x->chat.job, t->rc) == DGM_E_LIMIT)
        dgm_fail_set(&t->fail, DGM_ERR_BODY_LARGE, (struct dgm_str){0},
                     (const struct dgm_str[4]){DGM_STR(
                         "The body needs more memory to be read than one request may have.")});
    if (gw_chat_is_wanted(x))
        take(x, t);
    else
        dgm_request_free(t->request);
    gw_hold_give(&x->hold);
}

/* The same off the loop. The exchange's arena is not the job's, but stays as long. */
static void translate_away(struct gw_exchange *x, size_t text_bytes)
{
    struct translation *t = dgm_arena_take(&x->arena, sizeof *t);
    if (t == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return;
    }
    translation_init(t, x);
    t->env.model = dgm_arena_copy(&x->arena, t->env.model);
    t->endpoint = dgm_arena_copy(&x->arena, t->endpoint);
    if ((t->env.model.p == NULL) != (x->target.model.p == NULL) ||
        (t->endpoint.p == NULL) != (x->target.endpoint.p == NULL)) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return;
    }
    x->chat.translation = t;
    gw_exchange_wait(x);
    gw_chat_start_job(x, text_bytes, run_translation, on_translated);
}

static void make(struct gw_exchange *x)
{
    size_t text_bytes = x->chat.request != NULL ? x->chat.again.n : x->body.n;
    if (gw_job_wanted(x->worker, text_bytes)) {
        translate_away(x, text_bytes);
        return;
    }
    struct translation t;
    translation_init(&t, x);
    translate(&t);
    take(x, &t);
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
    int64_t left = x->worker->config->limits.memory_bytes - x->worker->counters.held_bytes;
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
        make(x);
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
        x->worker->counters.failovers_total +=
            again && (plan->choice != choice || plan->location != location);
        return true;
    case GW_WAIT:
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
        make(x); /* so that a stream can be kept alive meanwhile */
}

void gw_attempt_resume(struct gw_exchange *x)
{
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
    x->chat.tells_compat = x->reply.tells_compat;
    if (!x->worker->config->lists || !plan_ahead(x)) {
        make(x);
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
    dgm_buf_clear(&chat->native);
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

bool gw_attempt_failed(struct gw_exchange *x, enum gw_outcome outcome, int64_t after_ms)
{
    struct gw_plan *plan = &x->chat.plan;
    int64_t hint_ms;
    gw_policy_tell(x->worker->policy, plan, outcome, after_ms, now_ms(x));
    plan->begun =
        x->stage > GW_STREAMING || (x->chat.stream != NULL && dgm_stream_started(x->chat.stream));
    if (outcome == GW_ODD || plan->begun)
        return false;
    if (!go(x, &hint_ms)) {
        if (plan->cold && x->stage <= GW_STREAMING)
            refuse(x, hint_ms);
        return plan->cold;
    }
    if (forget_answer(x) && plan->asked)
        ask_chosen(x);
    return true;
}

void gw_attempt_end(struct gw_exchange *x)
{
    if (x->chat.plan.asked && !x->chat.plan.plain)
        gw_policy_tell(x->worker->policy, &x->chat.plan, GW_LEFT, -1, now_ms(x));
}
