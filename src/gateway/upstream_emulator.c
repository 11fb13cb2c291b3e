/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_emulator.c - the emulator behind an upstream's interface: the bytes Google would get, on a timer. */
#include "gateway/upstream.h"

#include "base/arena.h"
#include "base/str.h"
#include "emulate/emulate.h"
#include "gateway/caches.h"
#include "gateway/emulator_log.h"
#include "gateway/keeper_link.h"
#include "gateway/random.h"
#include "gateway/tally.h"
#include "net/loop.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define PIECES_A_TURN 16 /* with no delay between them: then others get theirs */
#define REPORT_AGAIN_MS 2
#define REPORT_WAIT_MS 1000 /* then it is answered without; its report may still get through */
#define PIECE_BYTES_MAX ((size_t)64 * 1024 * 1024)

#define ASKING_BYTES_MAX                                                                           \
    ((size_t)256 * 1024) /* the target and the controls: a head's, and a path's */

/* What the emulator is asked. Of a job it stands in `arena`, but for the body, which is held. */
struct asking {
    struct emu_env env;
    struct emu_options options;
    struct emu_request request;
    struct dgm_arena arena;
    struct gw_hold *hold;
    struct emu_caches caches;
    char id[GW_ID_CHARS];
};

/**
 * Lifetime:
 *   1. new hands the whole request to the emulator, which decides on all of its answer; a large one in a job.
 *   2. A timer asks for piece after piece; one is held in `piece` until its time has come.
 *   3. free drops both at once; from an event, as soon as the event is over, and of a job that runs when it is done.
 */
struct emulator_call {
    struct gw_call call;
    struct gw_worker *worker;
    const struct gw_call_events *events;
    void *owner;
    struct emu_call *emu;  /* NULL: not decided yet */
    struct asking *asking; /* of a job */
    struct gw_job job;
    struct net_timer timer;
    struct dgm_buf piece;
    int64_t reported_ms; /* when the keeper was told; 0: it need not be */
    bool told_head, paused;
    bool telling, unwanted; /* in an event; freed in it */
};

static void release(struct emulator_call *c)
{
    const struct dgm_alloc *a = &c->worker->alloc;
    c->worker->counters->calls--;
    net_timer_stop(&c->timer);
    emu_call_free(c->emu);
    dgm_buf_dispose(&c->piece);
    a->resize(a->ctx, c, sizeof *c, 0);
}

/* An event is over. False: the call was freed in it, and is gone now. */
static bool told(struct emulator_call *c)
{
    c->telling = false;
    if (!c->unwanted)
        return true;
    release(c);
    return false;
}

static bool fail(struct emulator_call *c, enum dgm_error id)
{
    struct dgm_fail f;
    dgm_fail_row(&f, id);
    c->telling = true;
    c->events->on_fail(c->owner, &f);
    told(c);
    return false;
}

/* The head, and before it what the emulator has doubts about. */
static void tell_head(struct emulator_call *c)
{
    const struct emu_header *headers;
    size_t n = emu_call_headers(c->emu, &headers);
    c->told_head = true;
    for (size_t i = 0; i < n; i++)
        if (dgm_str_eq(headers[i].name, DGM_STR("x-dragoman-warning")) && c->events->on_warning)
            c->events->on_warning(c->owner, headers[i].value);
    c->events->on_head(c->owner, emu_call_status(c->emu), emu_call_type(c->emu));
}

static void end(struct emulator_call *c)
{
    c->telling = true;
    if (!c->told_head)
        tell_head(c);
    if (!c->unwanted)
        c->events->on_end(c->owner);
    told(c);
}

/* Gives the piece whose time has come to the owner. False: the call is gone. */
static bool give_piece(struct emulator_call *c)
{
    c->telling = true;
    if (!c->told_head)
        tell_head(c);
    if (!c->unwanted)
        c->events->on_data(c->owner, dgm_buf_str(&c->piece));
    dgm_buf_clear(&c->piece);
    return told(c);
}

/* Fetches the next piece. True: it is in `piece` and due at once; else a timer runs, or the call is over. */
static bool fetch_piece(struct emulator_call *c)
{
    uint32_t wait_ms = 0;
    switch (emu_call_next(c->emu, &c->piece, &wait_ms)) {
    case DGM_EVENT:
        if (wait_ms == 0)
            return true;
        net_timer_start(c->worker->loop, &c->timer, wait_ms);
        return false;
    case DGM_DONE:
        end(c);
        return false;
    case DGM_E_UPSTREAM:
        return fail(c, DGM_ERR_UPSTREAM_CUT);
    case DGM_E_NOMEM:
        return fail(c, DGM_ERR_NO_MEMORY);
    default:
        return fail(c, DGM_ERR_UPSTREAM_LARGE);
    }
}

/* One of the controls among a call's headers; absent when it is not there. */
static struct dgm_str control(const struct gw_call_request *request, struct dgm_str name)
{
    for (size_t i = 0; i < request->headers_n; i++)
        if (dgm_str_eq(request->headers[i].name, name))
            return request->headers[i].value;
    return (struct dgm_str){0};
}

/* ---- what the keeper is told ------------------------------------------------------------------------- */

/* The target without an API key: the Gemini API takes one as ?key=. */
static void put_path(struct dgm_str target, struct dgm_buf *out)
{
    size_t query = dgm_str_find_char(target, '?');
    struct dgm_str rest = dgm_str_skip(target, query + 1), part;
    dgm_buf_put(out, dgm_str_head(target, query));
    for (char before = '?'; rest.n != 0 && dgm_str_split(&rest, '&', &part); before = '&') {
        bool secret =
            dgm_str_starts(part, DGM_STR("key=")) || dgm_str_starts(part, DGM_STR("access_token="));
        dgm_buf_put_char(out, before);
        dgm_buf_put(out, secret ? dgm_str_head(part, dgm_str_find_char(part, '=') + 1) : part);
        dgm_buf_put(out, secret ? DGM_STR("***") : DGM_STR(""));
    }
}

/* The body, or of a long one the beginning. */
static void put_body(const struct emu_request *request, struct gw_emulated *e, struct dgm_buf *out)
{
    for (size_t i = 0; i < request->nsegs; i++)
        e->body_bytes += request->segs[i].n;
    size_t wanted =
        e->body_bytes > GW_EMULATED_BODY_MAX ? GW_EMULATED_CUT_BYTES : GW_EMULATED_BODY_MAX;
    for (size_t i = 0; i < request->nsegs && out->n < wanted; i++)
        dgm_buf_put(out, dgm_str_head(request->segs[i], wanted - out->n));
    e->body = dgm_buf_str(out);
}

/* Tells the keeper of a request, before its answer may leave. */
static void report(struct emulator_call *c, const struct asking *a)
{
    struct gw_worker *w = c->worker;
    const struct emu_account *account = emu_call_account(c->emu);
    struct dgm_buf path, body, payload;
    if (w->keeper == NULL || !w->config->emulator.read_back)
        return;
    dgm_buf_init(&path, &w->alloc, GW_EMULATED_TEXT_MAX);
    dgm_buf_init(&body, &w->alloc, GW_EMULATED_BODY_MAX);
    dgm_buf_init(&payload, &w->alloc, gw_message_max_bytes(GW_MSG_EMULATED));
    struct gw_emulated e = {
        .worker = w->slot,
        .time_s = (uint64_t)net_loop_wall_s(w->loop),
        .status = emu_call_status(c->emu),
        .method = a->request.method,
        .emulate = a->env.responder,
        .fault = a->env.fault,
        .responder = account->responder,
        .failed = account->fault,
        .scenario = account->scenario,
        .rules_n = account->nrules,
    };
    static_assert(GW_EMULATED_RULES_MAX == EMU_ACCOUNT_RULES_MAX, "one place for each");
    for (size_t i = 0; i < account->nrules; i++)
        e.rules[i] = account->rules[i];
    put_path(a->request.target, &path);
    e.path = dgm_buf_str(&path);
    put_body(&a->request, &e, &body);
    gw_emulated_put(&e, &payload);
    if (payload.rc == DGM_OK && gw_keeper_tell(w->keeper, GW_MSG_EMULATED, dgm_buf_str(&payload)))
        c->reported_ms = net_loop_now_ms(w->loop);
    dgm_buf_dispose(&path);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&payload);
}

/* Whether the answer may leave: once the kernel has the report, this process's death can not lose it. */
static bool is_reported(struct emulator_call *c)
{
    if (c->reported_ms == 0 || gw_keeper_flush(c->worker->keeper) ||
        net_loop_now_ms(c->worker->loop) - c->reported_ms > REPORT_WAIT_MS) {
        c->reported_ms = 0;
        return true;
    }
    net_timer_start(c->worker->loop, &c->timer, REPORT_AGAIN_MS);
    return false;
}

/* ---- pieces ------------------------------------------------------------------------------------------ */

static void on_timer(void *owner)
{
    struct emulator_call *c = owner;
    if (!is_reported(c))
        return;
    for (unsigned i = 0; i < PIECES_A_TURN; i++) {
        if (c->paused)
            return;
        if (c->piece.n != 0 && !give_piece(c))
            return;
        if (!fetch_piece(c))
            return;
    }
    net_timer_start(c->worker->loop, &c->timer, 0);
}

/* ---- a large request -------------------------------------------------------------------------------- */

static void decide(struct emulator_call *c, const struct asking *a)
{
    struct emu_env env = a->env;
    env.caches = &a->caches;
    c->emu = emu_call_new(&env, &a->options, &a->request);
}

/* Neither the job nor the call needs what was asked any more. */
static void end_asking(struct emulator_call *c)
{
    struct asking *a = c->asking;
    c->asking = NULL;
    gw_hold_give(a->hold);
    dgm_arena_dispose(&a->arena);
    c->worker->alloc.resize(c->worker->alloc.ctx, a, sizeof *a, 0);
}

static void run_deciding(void *owner)
{
    struct emulator_call *c = owner;
    decide(c, c->asking);
}

static void on_decided(void *owner)
{
    struct emulator_call *c = owner;
    if (!c->unwanted && c->emu != NULL)
        report(c, c->asking);
    end_asking(c);
    if (c->unwanted)
        release(c);
    else if (c->emu == NULL)
        fail(c, gw_job_rc(&c->job, DGM_E_NOMEM) == DGM_E_LIMIT ? DGM_ERR_BODY_LARGE
                                                               : DGM_ERR_NO_MEMORY);
    else
        net_timer_start(c->worker->loop, &c->timer, 0);
}

static bool copy(struct asking *a, struct dgm_str *s)
{
    struct dgm_str from = *s;
    *s = dgm_arena_copy(&a->arena, from);
    return s->p != NULL || from.p == NULL;
}

/* Lets a job decide. False: memory is short. */
static bool decide_away(struct emulator_call *c, const struct asking *asking,
                        const struct gw_call_request *request, size_t body_bytes)
{
    struct gw_worker *w = c->worker;
    struct asking *a = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *a);
    if (a == NULL)
        return false;
    *a = *asking;
    dgm_arena_init(&a->arena, &w->alloc, ASKING_BYTES_MAX);
    a->env.id = (struct dgm_str){memcpy(a->id, asking->env.id.p, sizeof a->id), sizeof a->id};
    a->request.headers = NULL; /* the controls are all that it looks at */
    a->request.nheaders = 0;
    a->hold = gw_hold_take(request->hold);
    c->asking = a;
    if (!copy(a, &a->request.method) || !copy(a, &a->request.target) ||
        !copy(a, &a->env.responder) || !copy(a, &a->env.fault)) {
        end_asking(c);
        return false;
    }
    gw_job_start(&c->job, body_bytes, run_deciding, on_decided);
    return true;
}

/* ---- for the owner ---------------------------------------------------------------------------------- */

static void emulator_pause(struct gw_call *call, bool paused)
{
    struct emulator_call *c = (struct emulator_call *)call;
    /* While a job decides, `emu` is its thread's. */
    bool decided = c->job.state == GW_JOB_IDLE && c->emu != NULL;
    if (c->paused && !paused && decided && !net_timer_is_on(&c->timer))
        net_timer_start(c->worker->loop, &c->timer, 0);
    c->paused = paused;
}

static void emulator_free(struct gw_call *call)
{
    struct emulator_call *c = (struct emulator_call *)call;
    c->unwanted = true;
    if (gw_job_cancel(&c->job))
        end_asking(c);
    if (!c->telling && c->job.state == GW_JOB_IDLE)
        release(c);
}

static const struct gw_call_ops emulator_ops = {.pause = emulator_pause, .free = emulator_free};

size_t gw_emulator_controls(const struct http_head *head, struct gw_call_header *ret)
{
    static const struct dgm_str names[] = {{"x-dragoman-emulate", 18}, {"x-dragoman-fault", 16}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dgm_str value = http_head_get(head, names[i]);
        if (value.p != NULL)
            ret[n++] = (struct gw_call_header){names[i], value};
    }
    return n;
}

/* One more request of a scenario's rule, over all workers. */
static uint64_t count_rule(void *ctx, size_t rule)
{
    return gw_tally_next(ctx, (struct dgm_str){(const char *)&rule, sizeof rule});
}

struct gw_call *gw_emulator_call(struct gw_worker *w, const struct gw_upstream *u,
                                 const struct gw_call_request *request,
                                 const struct gw_call_events *events, void *owner)
{
    const struct dgm_alloc *a = &w->alloc;
    struct emulator_call *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct emulator_call){
        .call = {&emulator_ops}, .worker = w, .events = events, .owner = owner};
    w->counters->calls++;
    gw_job_init(&c->job, w, c);
    net_timer_init(&c->timer, on_timer, c);
    dgm_buf_init(&c->piece, a, PIECE_BYTES_MAX);

    char id[GW_ID_CHARS];
    gw_random_id(id);
    const struct gw_emulator *pace = &w->config->emulator;
    struct dgm_str fault = control(request, DGM_STR("x-dragoman-fault"));
    static_assert((int)EMU_VLLM == (int)GW_DIALECT_VLLM && (int)EMU_TGI == (int)GW_DIALECT_TGI,
                  "the dialects of the configuration are those of the emulator");
    static_assert(sizeof(struct gw_call_header) == sizeof(struct emu_header) &&
                      offsetof(struct gw_call_header, value) == offsetof(struct emu_header, value),
                  "a header is a header");
    const struct asking asking = {
        .caches = gw_caches_of(w->caches),
        .env = {.dialect = (enum emu_dialect)u->dialect,
                .alloc = &c->job.alloc,
                .now_ms = net_loop_wall_s(w->loop) * 1000,
                .id = {id, sizeof id},
                .responder = control(request, DGM_STR("x-dragoman-emulate")),
                .fault = fault,
                .fault_seen = fault.n != 0 ? gw_tally_next(w->tally, fault) : 0,
                .scenario = w->config->emulator.script,
                .counter = {count_rule, w->script_tally},
                .signature_key = w->signature_key},
        .options = {.first_ms = (uint32_t)pace->first_ms,
                    .piece_ms = (uint32_t)pace->piece_ms,
                    .piece_chars = (uint32_t)pace->piece_chars,
                    .body_max_bytes = (size_t)w->config->limits.body_bytes},
        .request = {.method = request->method,
                    .target = request->target,
                    .headers = (const struct emu_header *)request->headers,
                    .nheaders = request->headers_n,
                    .segs = request->segments,
                    .nsegs = request->segments_n}};
    size_t body_bytes = 0;
    for (size_t i = 0; i < request->segments_n; i++)
        body_bytes += request->segments[i].n;
    bool began;
    if (gw_job_wanted(w, body_bytes)) {
        began = decide_away(c, &asking, request, body_bytes);
    } else {
        decide(c, &asking);
        began = c->emu != NULL;
        if (began)
            report(c, &asking);
        net_timer_start(w->loop, &c->timer, 0);
    }
    if (began)
        return &c->call;
    emulator_free(&c->call);
    return NULL;
}
