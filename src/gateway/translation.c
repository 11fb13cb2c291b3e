/* SPDX-License-Identifier: Apache-2.0 */
/* translation.c - a chat completion's body on its way to what an upstream gets: read, its URLs fetched, put anew. */
#include "gateway/attempt.h"
#include "gateway/caching.h"
#include "gateway/corpus.h"
#include "gateway/destination.h"
#include "gateway/fetch.h"
#include "gateway/gate.h"
#include "gateway/healing.h"
#include "gateway/memory.h"
#include "gateway/models.h"
#include "gateway/random.h"

#include "base/str.h"

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
                              .reasoning_details = config->reasoning_details,
                              .max_tokens_bounds_thoughts = config->max_tokens_includes_thinking,
                              .always_usage = config->always_usage,
                              .blocked = (enum dgm_blocked)config->blocked,
                              .image_output = (enum dgm_image_output)config->image_output,
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

static bool asks_memory(const struct dgm_request *r)
{
    const struct dgm_need *needs;
    return dgm_request_needs(r, &needs) != 0;
}

static void tell_stand_ins(struct gw_exchange *x)
{
    const struct gw_memory_of of = gw_chat_memory_of(x);
    gw_memory_stood_in(x->worker, &of, x->chat.request);
}

/* Adds to an error what only the loop knows. */
static void tell_near(const struct gw_exchange *x, const struct translation *t, struct dgm_fail *f)
{
    if (t->request != NULL)
        gw_models_tell_near(x, dgm_request_model_sent(t->request), f);
}

/* The request is made, or refused. */
static void made(struct gw_exchange *x, const struct translation *t)
{
    if (t->rc != DGM_OK) {
        struct dgm_fail f = t->fail;
        tell_near(x, t, &f);
        gw_exchange_fail(x, &f);
        return;
    }
    gw_chat_take_notes(x);
    x->worker->counters->learnt_total += dgm_request_tries(x->chat.request, NULL) != 0;
    if (asks_memory(x->chat.request))
        tell_stand_ins(x);
    x->reply.tells_compat = x->chat.tells_compat && !dgm_request_is_relayed(x->chat.request);
    if (dgm_request_wants_stream(x->chat.request)) {
        x->chat.stream = dgm_stream_new(x->chat.request);
        if (x->chat.stream == NULL) {
            gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
            return;
        }
    }
    gw_attempt_made(x);
}

/* ---- what is remembered of its calls ----------------------------------------------------------------- */

static void run_resume(void *owner)
{
    struct translation *t = ((struct gw_exchange *)owner)->chat.translation;
    t->rc = dgm_request_resume(t->request, &t->fail);
}

static void on_resumed(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x))
        made(x, x->chat.translation);
    gw_hold_give(&x->hold);
}

static void on_recalled(void *owner)
{
    struct gw_exchange *x = owner;
    x->chat.wait = NULL;
    if (gw_job_wanted(x->worker, x->body.n)) {
        gw_chat_start_job(x, x->body.n, run_resume, on_resumed);
        return;
    }
    run_resume(x);
    made(x, x->chat.translation);
}

/* A translation that goes on later must stand in the arena. False: memory is short, and that was answered. */
static bool keep_translation(struct gw_exchange *x, const struct translation *t)
{
    struct gw_chat *chat = &x->chat;
    if (chat->translation == t)
        return true;
    chat->translation = dgm_arena_take(&x->arena, sizeof *t);
    if (chat->translation == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return false;
    }
    *chat->translation = *t;
    return true;
}

static void recall(struct gw_exchange *x, const struct translation *t)
{
    const struct gw_memory_of of = gw_chat_memory_of(x);
    if (!keep_translation(x, t))
        return;
    gw_exchange_wait(x);
    x->chat.wait = gw_memory_recall(x->worker, &of, x->chat.request, on_recalled, x);
    if (x->chat.wait == NULL)
        on_recalled(x);
}

/* The body is put, but for what is asked for. */
static void go_on(struct gw_exchange *x, const struct translation *t)
{
    if (t->rc == DGM_NEED)
        recall(x, t);
    else
        made(x, t);
}

/* ---- what its URLs lead to -------------------------------------------------------------------------- */

/* The second half, behind the fetching. Maybe in a thread. */
static void translate_rest(void *owner)
{
    struct translation *t = ((struct gw_exchange *)owner)->chat.translation;
    t->rc = gw_destination_finish(t->config, &t->env, t->upstream, t->by_endpoint, t->request,
                                  &t->fail);
}

static void on_rest(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x))
        go_on(x, x->chat.translation);
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
    go_on(x, x->chat.translation);
}

/* The upstream can not read URLs: what they lead to is fetched before it is asked; or was, for a recording. */
static void fetch(struct gw_exchange *x, const struct translation *t)
{
    struct gw_chat *chat = &x->chat;
    const struct gw_corpus *corpus = x->worker->config->replay.corpus;
    struct dgm_fail f;
    if (!keep_translation(x, t))
        return;
    chat->translation->upstream = chat->made_for;
    gw_exchange_wait(x);
    if (corpus != NULL) {
        enum dgm_rc rc = gw_recorded_give(chat->made_for, chat->request, gw_corpus_url, corpus, &f);
        on_fetched(x, rc == DGM_OK ? NULL : &f);
        return;
    }
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
    gw_heal_forget(x);
    gw_caching_forget(x);
    dgm_buf_dispose(&x->body);
    x->body = x->chat.again;
    dgm_buf_init(&x->chat.again, &x->chat.job.alloc, x->body.max);
}

/* A translation came to its end, or to URLs. */
static void take(struct gw_exchange *x, const struct translation *t)
{
    if (t->rc < 0) {
        struct dgm_fail f = t->fail;
        tell_near(x, t, &f);
        dgm_request_free(t->request);
        gw_exchange_fail(x, &f);
        return;
    }
    if (x->chat.request != NULL)
        replace(x);
    x->chat.request = t->request;
    if (x->chat.plan.choices == NULL)
        gw_plan_init(&x->chat.plan, t->choices, dgm_request_model_sent(t->request));
    x->chat.made_for = gw_plan_upstream(&x->chat.plan);
    if (!gw_gate_admit(x))
        return;
    if (t->rc == DGM_NEED && !asks_memory(t->request))
        fetch(x, t);
    else
        go_on(x, t);
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

void gw_translation_begin(struct gw_exchange *x)
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
