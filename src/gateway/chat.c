/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - a chat completion: translate, ask the upstream, translate back as it answers. */
#include "base/str.h"
#include "gateway/destination.h"
#include "gateway/exchange.h"
#include "gateway/memory.h"
#include "gateway/place.h"
#include "gateway/upstream.h"
#include "http/media.h"

#include <assert.h>

#define TARGET_BYTES_MAX 4096
#define GUESS_MAX ((size_t)64 * 1024) /* what is put has about the size of what it was made of */
#define REQUEST_HEADERS_MAX 4         /* that the core asks for */
#define CALL_HEADERS_MAX                                                                           \
    (1 + REQUEST_HEADERS_MAX + 3) /* and the emulator's controls, or a server's */

/* ---- work off the loop ------------------------------------------------------------------------------ */

/* The exchange is held until `done` gives it back. */
static void start_job(struct gw_exchange *x, size_t text_bytes, void (*run)(void *owner),
                      void (*done)(void *owner))
{
    gw_hold_take(&x->hold);
    gw_job_start(&x->chat.job, text_bytes, run, done);
}

/* Whether anybody still waits for what a job has made. */
static bool is_wanted(const struct gw_exchange *x)
{
    return x->conn != NULL && x->stage <= GW_STREAMING;
}

/* ---- the answer ------------------------------------------------------------------------------------- */

static void fail_rc(struct gw_exchange *x, enum dgm_rc rc)
{
    gw_exchange_fail_as(x, rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY : DGM_ERR_UPSTREAM_LARGE);
}

/* When to ask again stands in headers. */
static void take_retry(struct gw_exchange *x, int status)
{
    x->reply.has_retry = status >= 400;
    x->reply.retry = dgm_request_retry(x->chat.request);
}

/* Ends a stream after its error event; as a plain answer with a real status where nothing has gone out yet. */
static void end_broken(struct gw_exchange *x)
{
    if (x->stage == GW_WAITING && !dgm_stream_started(x->chat.stream)) {
        dgm_buf_clear(&x->out);
        int status = dgm_stream_put_error(x->chat.stream, &x->out);
        take_retry(x, status);
        gw_exchange_answer(x, status, GW_MEDIA_JSON);
        return;
    }
    gw_exchange_stream(x, true);
}

/* What a feed or finish came to. True: call it again; false: the event is dealt with. */
static bool goes_on(struct gw_exchange *x, enum dgm_rc rc)
{
    switch (rc) {
    case DGM_KEEP:
        gw_memory_keep(x->chat.request);
        return true;
    case DGM_FULL:
        gw_exchange_stream(x, false);
        return true;
    case DGM_MORE:
        if (x->out.n != 0)
            gw_exchange_stream(x, false);
        return false;
    case DGM_DONE:
        gw_exchange_stream(x, true);
        return false;
    case DGM_E_UPSTREAM:
        end_broken(x);
        return false;
    default:
        if (x->stage == GW_STREAMING)
            gw_conn_break(x->conn); /* the stream can not even be ended with an error */
        else
            fail_rc(x, rc);
        return false;
    }
}

static void on_warning(void *owner, struct dgm_str value)
{
    struct gw_exchange *x = owner;
    if (x->stage == GW_WAITING)
        x->reply.doubts = dgm_arena_copy(&x->arena, value);
}

/* Behind a wrong address there often is a page, which says nothing: then the URL is worth more. */
static void tell_url(struct gw_exchange *x)
{
    struct dgm_buf url;
    dgm_buf_init(&url, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    dgm_buf_put(&url, x->chat.asked.tls ? DGM_STR("https://") : DGM_STR("http://"));
    dgm_buf_put(&url, x->chat.asked.authority);
    dgm_buf_put(&url, x->chat.asked.prefix);
    dgm_buf_put(&url, dgm_str_head(x->chat.asked.path, dgm_str_find_char(x->chat.asked.path, '?')));
    if (url.rc == DGM_OK)
        dgm_request_asked_at(x->chat.request, dgm_buf_str(&url));
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    struct gw_exchange *x = owner;
    (void)content_type; /* the body is judged by what it is */
    x->chat.status = status;
    if (status >= 400 && x->chat.asked.authority.n != 0)
        tell_url(x);
    gw_exchange_heard(x);
}

static bool is_streamed(const struct gw_exchange *x)
{
    return x->chat.stream != NULL && x->chat.status == 200;
}

static void on_data(void *owner, struct dgm_str bytes)
{
    struct gw_exchange *x = owner;
    if (x->stage > GW_STREAMING)
        return;
    gw_exchange_heard(x);
    if (is_streamed(x)) {
        while (goes_on(x, dgm_stream_feed(x->chat.stream, &bytes, &x->out)))
            ;
        return;
    }
    dgm_buf_put(&x->chat.native, bytes);
    if (x->chat.native.rc != DGM_OK)
        fail_rc(x, x->chat.native.rc);
}

/* An error as the last event of a stream whose head has gone: it is one line already. */
static void stream_error(struct gw_exchange *x, struct dgm_buf *object)
{
    dgm_buf_put_lit(&x->out, "data: ");
    dgm_buf_put(&x->out, dgm_fail_event(dgm_buf_str(object)));
    dgm_buf_put_lit(&x->out, "\n\n");
    gw_exchange_stream(x, true);
}

/* What the translation has to say goes out as headers, which outlive the request. */
static void take_notes(struct gw_exchange *x)
{
    for (size_t i = 0; i < GW_REPLY_NOTES; i++)
        x->reply.notes[i] =
            dgm_arena_copy(&x->arena, dgm_request_notes(x->chat.request, (enum dgm_note)i));
}

/* What arrived becomes what is sent. Maybe in a thread: touches nothing of the exchange but these. */
static void make_object(void *owner)
{
    struct gw_chat *chat = &((struct gw_exchange *)owner)->chat;
    struct dgm_str native = dgm_buf_str(&chat->native);
    dgm_buf_reserve(&chat->object, native.n < GUESS_MAX ? native.n : GUESS_MAX);
    chat->object_rc =
        dgm_chat_response(chat->request, chat->status, native, &chat->object, &chat->object_status);
}

static void give_object(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    if (chat->object_rc == DGM_KEEP)
        gw_memory_keep(chat->request);
    take_notes(x); /* the answer may have added to them */
    if (chat->object_rc < 0) {
        fail_rc(x, gw_job_rc(&chat->job, chat->object_rc));
    } else if (x->stage == GW_STREAMING) {
        stream_error(x, &chat->object);
    } else {
        struct dgm_buf empty = x->out;
        x->out = chat->object;
        chat->object = empty;
        take_retry(x, chat->object_status);
        gw_exchange_answer(x, chat->object_status, GW_MEDIA_JSON);
    }
}

static void on_object(void *owner)
{
    struct gw_exchange *x = owner;
    if (is_wanted(x))
        give_object(x);
    gw_hold_give(&x->hold);
}

static void on_end(void *owner)
{
    struct gw_exchange *x = owner;
    if (x->stage > GW_STREAMING)
        return;
    if (is_streamed(x)) {
        while (goes_on(x, dgm_stream_finish(x->chat.stream, &x->out)))
            ;
        return;
    }
    if (gw_job_wanted(x->worker, x->chat.native.n)) {
        start_job(x, x->chat.native.n, make_object, on_object);
        return;
    }
    make_object(x);
    give_object(x);
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct gw_exchange *x = owner;
    if (x->stage <= GW_STREAMING)
        gw_exchange_fail(x, f);
}

void gw_chat_fail(struct gw_exchange *x, const struct dgm_fail *f)
{
    gw_chat_cancel(x);
    x->worker->counters.refused_total++;
    /* Native events have no place for an error of ours, and what a job works on must not be touched. */
    if (x->chat.stream == NULL || x->chat.job.state != GW_JOB_IDLE) {
        gw_conn_break(x->conn);
        return;
    }
    dgm_stream_fail(x->chat.stream, f, &x->out);
    gw_exchange_stream(x, true);
}

void gw_chat_pause(struct gw_exchange *x, bool paused)
{
    gw_call_pause(x->chat.call, paused);
}

void gw_chat_cancel(struct gw_exchange *x)
{
    gw_call_free(x->chat.call);
    x->chat.call = NULL;
    if (gw_job_cancel(&x->chat.job))
        gw_hold_give(&x->hold);
}

void gw_chat_dispose(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    dgm_stream_free(chat->stream);
    dgm_request_free(chat->request);
    dgm_buf_dispose(&chat->native);
    dgm_buf_dispose(&chat->object);
}

/* ---- the request ------------------------------------------------------------------------------------ */

/*
 * A request's body on its way to a native one. In a job it is all that the thread sees, so its texts stand neither in
 * the connection's head nor anywhere else that goes with the client.
 */
struct translation {
    const struct gw_config *config;
    struct dgm_env env;
    struct dgm_str endpoint; /* of the path */
    struct dgm_buf *body;
    /* What it comes to: */
    enum dgm_rc rc;
    struct dgm_request *request;
    const struct gw_upstream *upstream;
    struct dgm_fail fail; /* when rc says so */
};

/* Where the call goes, and who it says is asking. False: it can not be said, and that was answered. */
static bool find_place(struct gw_exchange *x, const struct gw_upstream *u, struct gw_place *ret)
{
    struct dgm_fail f;
    const struct gw_place_ask question = {.upstream = u,
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

static const struct gw_call_events call_events = {.on_head = on_head,
                                                  .on_data = on_data,
                                                  .on_end = on_end,
                                                  .on_fail = on_fail,
                                                  .on_warning = on_warning};

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

static void ask(struct gw_exchange *x, const struct gw_upstream *u)
{
    struct gw_call_header headers[CALL_HEADERS_MAX];
    struct gw_place place;
    struct dgm_buf target;
    if (!find_place(x, u, &place))
        return;
    dgm_buf_init(&target, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    put_target(x, u, &place, &target);

    const struct dgm_str *segments;
    size_t segments_n = dgm_request_body(x->chat.request, &segments);
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
        x->chat.call = gw_call_new(x->worker, u, &request, &call_events, x);
    }
    if (x->chat.call == NULL)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

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
    t->body = &x->body;
    t->request = NULL;
    t->upstream = NULL;
}

/* Maybe in a thread. */
static void translate(void *owner)
{
    struct translation *t = owner;
    t->rc = gw_destination_make(t->config, &t->env, t->endpoint, t->body, &t->request, &t->upstream,
                                &t->fail);
}

/* The request is translated, or refused: asks the upstream. */
static void go_on(struct gw_exchange *x, const struct translation *t)
{
    const struct gw_upstream *u = t->upstream;
    x->chat.request = t->request;
    if (t->rc != DGM_OK) {
        gw_exchange_fail(x, &t->fail);
        return;
    }
    assert(u != NULL); /* or it would have been refused */
    take_notes(x);
    x->reply.tells_compat = x->reply.tells_compat && !dgm_request_is_relayed(x->chat.request);
    x->chat.upstream = u->name;
    x->reply.upstream = u->kind == GW_EMULATOR ? DGM_STR("emulator") : u->name;
    if (dgm_request_wants_stream(x->chat.request)) {
        x->chat.stream = dgm_stream_new(x->chat.request);
        if (x->chat.stream == NULL) {
            gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
            return;
        }
    }
    gw_exchange_wait(x);
    ask(x, u);
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
    if (is_wanted(x))
        go_on(x, t);
    else
        x->chat.request = t->request;
    gw_hold_give(&x->hold);
}

/* The same off the loop. The exchange's arena is not the job's, but stays as long. */
static void translate_away(struct gw_exchange *x)
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
    start_job(x, x->body.n, run_translation, on_translated);
}

void gw_chat_run(struct gw_exchange *x)
{
    if (gw_job_wanted(x->worker, x->body.n)) {
        translate_away(x);
        return;
    }
    struct translation t;
    translation_init(&t, x);
    translate(&t);
    go_on(x, &t);
}
