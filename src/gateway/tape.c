/* SPDX-License-Identifier: Apache-2.0 */
/* tape.c - one exchange as it is recorded: a call between an upstream and its owner that copies what passes. */
#include "gateway/tape.h"

#include "base/str.h"
#include "gateway/exchange.h"
#include "gateway/fetch.h"
#include "gateway/recorder.h"
#include "gateway/scrub.h"

#include <string.h>

/* ---- copies ---- */

/* A copy on the tape; absent where the tape is lost, and for what is absent. */
static struct dgm_str copy(struct gw_tape *t, struct dgm_str s)
{
    if (t->lost || s.p == NULL)
        return (struct dgm_str){0};
    char *to = dgm_arena_take(&t->arena, s.n + 1);
    t->lost = to == NULL;
    if (to == NULL)
        return (struct dgm_str){0};
    if (s.n != 0)
        memcpy(to, s.p, s.n);
    return (struct dgm_str){to, s.n};
}

static void *take(struct gw_tape *t, size_t n)
{
    void *p = t->lost ? NULL : dgm_arena_take0(&t->arena, n);
    t->lost = p == NULL;
    return p;
}

/* Puts a piece behind the last one of a list. */
static void add_piece(struct gw_tape *t, int64_t ms, struct dgm_str bytes,
                      struct gw_recorded_piece **first, struct gw_recorded_piece **last)
{
    struct gw_recorded_piece *piece = take(t, sizeof *piece);
    struct dgm_str copied = copy(t, bytes);
    if (t->lost)
        return;
    *piece = (struct gw_recorded_piece){ms, copied, NULL};
    if (*last != NULL)
        (*last)->next = piece;
    else
        *first = piece;
    *last = piece;
}

/* ---- the client's side ---- */

static void keep_secret(struct gw_tape *t, size_t i, struct dgm_str s)
{
    t->secrets[i].p = s.n != 0 ? take(t, s.n) : NULL;
    if (t->secrets[i].p == NULL)
        return;
    memcpy(t->secrets[i].p, s.p, s.n);
    t->secrets[i].n = s.n;
}

static bool has_header(const struct gw_recorded_message *m, struct dgm_str name)
{
    for (size_t i = 0; i < m->headers_n; i++)
        if (dgm_str_eq_nocase(m->headers[i].name, name))
            return true;
    return false;
}

static void add_head(struct gw_tape *t, const struct http_head *head)
{
    struct gw_recorded_message *m = &t->recording.client;
    struct gw_call_header *headers = take(t, (head->headers + 1) * sizeof *headers);
    struct dgm_str name, value;
    m->method = copy(t, head->method_name);
    m->target = copy(t, head->target);
    m->headers = headers;
    for (size_t i = 0; i < head->headers && headers != NULL; i++)
        if (http_head_at(head, i, &name, &value) && gw_scrub_keeps(name) && !has_header(m, name))
            headers[m->headers_n++] = (struct gw_call_header){copy(t, name), copy(t, value)};
    struct dgm_str bearer = http_head_get(head, DGM_STR("authorization"));
    keep_secret(t, 0, dgm_str_trim(dgm_str_skip(bearer, dgm_str_find_char(bearer, ' '))));
    keep_secret(t, 1, http_head_get(head, DGM_STR("x-goog-api-key")));
}

struct gw_tape *gw_tape_new(struct gw_exchange *x)
{
    struct gw_tape *t = gw_recorder_take(x->worker->recorder);
    if (t == NULL)
        return NULL;
    t->exchange = x;
    t->recording.time_ms = net_loop_wall_ms(x->worker->loop);
    t->recording.id = copy(t, x->reply.request_id);
    add_head(t, x->head);
    t->recording.client.body = copy(t, dgm_buf_str(&x->body));
    return t;
}

void gw_tape_reply(struct gw_tape *t, int status, struct dgm_str type, struct dgm_str bytes)
{
    if (t == NULL || t->lost || dgm_str_starts(bytes, DGM_STR(":")))
        return;
    if (t->recording.status == 0) {
        t->recording.status = status;
        t->recording.type = copy(t, type);
    }
    if (bytes.n != 0)
        add_piece(t, 0, bytes, &t->recording.reply, &t->last_reply);
}

void gw_tape_end(struct gw_tape *t)
{
    if (t == NULL)
        return;
    t->exchange = NULL;
    gw_recorder_give(t);
}

/* ---- an upstream's side ---- */

/**
 * A call on the tape. Lifetime: that of the call it is made of. What comes is copied, then told to the owner as the last
 * act, for he may free us in it.
 */
struct recorded_call {
    struct gw_call call;
    struct gw_call *inner;
    struct gw_worker *worker;
    struct gw_tape *tape;
    struct gw_recorded_call *to; /* NULL: the tape is lost */
    struct gw_recorded_piece *last;
    const struct gw_call_events *events;
    void *owner;
    int64_t begun_ms;
};

static bool is_on(const struct recorded_call *c)
{
    return c->to != NULL && !c->tape->lost;
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    struct recorded_call *c = owner;
    if (is_on(c)) {
        c->to->status = status;
        c->to->type = copy(c->tape, content_type);
    }
    c->events->on_head(c->owner, status, content_type);
}

static void on_data(void *owner, struct dgm_str bytes)
{
    struct recorded_call *c = owner;
    if (is_on(c))
        add_piece(c->tape, net_loop_now_ms(c->worker->loop) - c->begun_ms, bytes, &c->to->pieces,
                  &c->last);
    c->events->on_data(c->owner, bytes);
}

static void on_end(void *owner)
{
    struct recorded_call *c = owner;
    if (is_on(c))
        c->to->end = GW_RECORDED_WHOLE;
    c->events->on_end(c->owner);
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct recorded_call *c = owner;
    if (is_on(c)) {
        c->to->end = GW_RECORDED_FAILED;
        c->to->error = f->id;
        if (f->detail[0] != '\0')
            c->to->detail = copy(c->tape, dgm_str_c(f->detail));
    }
    c->events->on_fail(c->owner, f);
}

static void on_warning(void *owner, struct dgm_str value)
{
    struct recorded_call *c = owner;
    if (is_on(c))
        c->to->warning = copy(c->tape, value);
    if (c->events->on_warning != NULL)
        c->events->on_warning(c->owner, value);
}

static void on_retry(void *owner, int64_t after_ms)
{
    struct recorded_call *c = owner;
    if (is_on(c))
        c->to->retry_ms = after_ms;
    if (c->events->on_retry != NULL)
        c->events->on_retry(c->owner, after_ms);
}

static const struct gw_call_events recorded_events = {.on_head = on_head,
                                                      .on_data = on_data,
                                                      .on_end = on_end,
                                                      .on_fail = on_fail,
                                                      .on_warning = on_warning,
                                                      .on_retry = on_retry};

static void recorded_pause(struct gw_call *call, bool paused)
{
    gw_call_pause(((struct recorded_call *)call)->inner, paused);
}

static void recorded_free(struct gw_call *call)
{
    struct recorded_call *c = (struct recorded_call *)call;
    const struct dgm_alloc *a = &c->worker->alloc;
    gw_call_free(c->inner);
    a->resize(a->ctx, c, sizeof *c, 0);
}

static const struct gw_call_ops recorded_ops = {.pause = recorded_pause, .free = recorded_free};

/* What was fetched for the request; of several attempts the last one's. */
static void add_fetched(struct gw_tape *t)
{
    const struct gw_exchange *x = t->exchange;
    size_t n = 0;
    const struct dgm_url *urls = x->chat.fetch != NULL ? gw_fetch_urls(x->chat.fetch, &n) : NULL;
    struct gw_recorded_url **end = &t->recording.fetched;
    *end = NULL;
    for (size_t i = 0; i < n; i++) {
        struct gw_recorded_url *to = urls[i].base64.n != 0 ? take(t, sizeof *to) : NULL;
        if (to == NULL)
            continue;
        *to = (struct gw_recorded_url){copy(t, urls[i].url), copy(t, urls[i].mime),
                                       copy(t, urls[i].base64), urls[i].sure, NULL};
        *end = to;
        end = &to->next;
    }
}

/* What the translation took from outside; of several attempts the last one's. */
static void add_translation(struct gw_tape *t)
{
    const struct gw_exchange *x = t->exchange;
    const struct gw_config *config = x->worker->config;
    if (x->chat.request == NULL)
        return;
    memcpy(t->seed, x->chat.id, sizeof t->seed);
    t->recording.seed = (struct dgm_str){t->seed, sizeof t->seed};
    t->recording.now = x->reply.now;
    t->recording.endpoint = copy(t, x->target.endpoint);
    t->recording.model = copy(t, x->target.model);
    t->recording.compat = (int)x->reply.compat;
    t->recording.reasoning = config->reasoning;
    t->recording.strict = config->strict;
    t->recording.reasoning_details = config->reasoning_details;
    t->recording.max_tokens_includes_thinking = config->max_tokens_includes_thinking;
    t->recording.always_usage = config->always_usage;
    t->recording.blocked = config->blocked;
    add_fetched(t);
    t->recording.image_output = config->image_output;
}

static struct dgm_str join(struct gw_tape *t, const struct dgm_str *segments, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += segments[i].n;
    char *to = take(t, bytes + 1), *end = to;
    for (size_t i = 0; i < n && to != NULL; i++) {
        if (segments[i].n != 0)
            memcpy(end, segments[i].p, segments[i].n);
        end += segments[i].n;
    }
    return (struct dgm_str){to, to != NULL ? bytes : 0};
}

/* The request of a call, behind those before. NULL: the tape is lost. */
static struct gw_recorded_call *add_call(struct gw_tape *t, const struct gw_upstream *u,
                                         const struct gw_call_request *request)
{
    struct gw_recorded_call *to = take(t, sizeof *to);
    struct gw_call_header *headers = take(t, (request->headers_n + 1) * sizeof *headers);
    if (headers == NULL)
        return NULL;
    to->retry_ms = -1;
    to->upstream = (struct gw_upstream){.name = copy(t, u->name),
                                        .kind = u->kind,
                                        .dialect = u->dialect,
                                        .model = copy(t, request->model),
                                        .base_url = copy(t, u->base_url)};
    to->request.method = copy(t, request->method);
    to->request.target = copy(t, request->target);
    for (size_t i = 0; i < request->headers_n; i++)
        if (gw_scrub_keeps(request->headers[i].name))
            headers[to->request.headers_n++] = (struct gw_call_header){
                copy(t, request->headers[i].name), copy(t, request->headers[i].value)};
    to->request.headers = headers;
    to->request.body = join(t, request->segments, request->segments_n);
    if (t->lost)
        return NULL;
    if (t->last_call != NULL)
        t->last_call->next = to;
    else
        t->recording.calls = to;
    return t->last_call = to;
}

struct gw_call *gw_recorded_call(struct gw_worker *w, const struct gw_upstream *u,
                                 const struct gw_call_request *request,
                                 const struct gw_call_events *events, void *owner)
{
    struct gw_call_request plain = *request;
    struct recorded_call *c = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct recorded_call){.call = {&recorded_ops},
                                .worker = w,
                                .tape = request->tape,
                                .events = events,
                                .owner = owner,
                                .begun_ms = net_loop_now_ms(w->loop)};
    add_translation(c->tape);
    c->to = add_call(c->tape, u, request);
    plain.tape = NULL;
    c->inner = gw_call_new(w, u, &plain, &recorded_events, c);
    if (c->inner != NULL)
        return &c->call;
    w->alloc.resize(w->alloc.ctx, c, sizeof *c, 0);
    return NULL;
}
