/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - one request and the answer to it. */
#include "emulate/emulate.h"

#include "base/arena.h"
#include "base/str.h"
#include "emulate/cache.h"
#include "emulate/check.h"
#include "emulate/count.h"
#include "emulate/dialect_rules.h"
#include "emulate/directory.h"
#include "emulate/fault.h"
#include "emulate/hash.h"
#include "emulate/plan.h"
#include "emulate/rules.h"
#include "emulate/scenario.h"

#include <assert.h>
#include <string.h>

#define DEFAULT_BODY_BYTES ((size_t)100 << 20)
#define DEFAULT_PIECE_CHARS 48
#define HEADERS_MAX 2 /* Content-Type, the warnings */
#define ANSWER_MAX_BYTES ((size_t)64 << 20)
/* Of a body: itself, and its JSON tree at 16 bytes a value, of which one of two bytes of text is the least; and both once
 * more, for arguments of calls are read for themselves. */
#define REQUEST_MAX_FACTOR 24
#define REQUEST_MIN_BYTES ((size_t)16 << 20)

/* How the answer's pieces stand in the body. */
enum framing {
    FRAMING_WHOLE,  /* one piece */
    FRAMING_SSE,    /* `data: {...}` and an empty line */
    FRAMING_ARRAY,  /* a JSON array, written as it grows: what a stream is without alt=sse */
    FRAMING_CHUNKS, /* a dialect's stream */
};

/*
 * Lifetime: 1. new reads the request with an arena of its own, which ends with new; 2. the answer, decided
 * there, stands in `arena`; 3. next writes one piece at a time into `piece`, which stays until it fits `out`.
 */
struct emu_call {
    const struct dgm_alloc *alloc;
    struct dgm_arena arena;
    struct emu_options options;
    int status;
    struct emu_header headers[HEADERS_MAX];
    size_t nheaders;
    enum framing framing;
    struct dgm_str body; /* of a refusal, or of an answer that is no model's: no plan is needed */
    enum emu_dialect dialect;
    struct dialect_ask dialect_ask; /* unless the dialect is Gemini's own */
    struct dialect_mark dialect_mark;
    struct emu_account account;
    struct faults faults;
    struct plan plan;
    struct plan_cursor cursor;
    struct dgm_buf piece;
    size_t npieces;        /* written so far */
    size_t piece_at, sent; /* bytes of the piece that have left; of the whole body */
    bool piece_waits, done;
    enum dgm_rc rc; /* sticky */
};

/* ---- deciding ----------------------------------------------------------------------------------------- */

static size_t body_size(const struct emu_request *request)
{
    size_t n = 0;
    for (size_t i = 0; i < request->nsegs; i++) {
        if (request->segs[i].n > SIZE_MAX - n)
            return SIZE_MAX;
        n += request->segs[i].n;
    }
    return n;
}

/* The body in one piece, with the room behind it that json_parse wants. NULL when memory is short. */
static char *join(const struct emu_request *request, size_t n, struct dgm_arena *arena)
{
    char *body = dgm_arena_take(arena, n + JSON_PADDING);
    size_t at = 0;
    for (size_t i = 0; body && i < request->nsegs; i++) {
        if (request->segs[i].n != 0)
            memcpy(body + at, request->segs[i].p, request->segs[i].n);
        at += request->segs[i].n;
    }
    return body;
}

/* The body, to be read in place. */
static enum dgm_rc take_body(const struct emu_call *call, const struct emu_request *request,
                             struct dgm_arena *scratch, char **ret, size_t *ret_n,
                             struct refusal *reterr)
{
    *ret_n = body_size(request);
    if (*ret_n > call->options.body_max_bytes)
        return emu_refuse_size(call->options.body_max_bytes, scratch, reterr);
    *ret = join(request, *ret_n, scratch);
    return *ret ? DGM_OK : DGM_E_NOMEM;
}

/* Applies the rules. Their warnings are a header of the answer. */
static enum dgm_rc judge(struct emu_call *call, const struct ask *ask, uint64_t prompt_tokens,
                         struct dgm_arena *scratch, struct refusal *reterr)
{
    struct findings findings;
    enum dgm_rc rc = emu_rules_check(ask, prompt_tokens, scratch, &findings);
    if (rc == DGM_E_REFUSED)
        *reterr = findings.refusal;
    static_assert(RULES_BROKEN_MAX == EMU_ACCOUNT_RULES_MAX, "one place for each");
    for (size_t i = 0; rc != DGM_E_NOMEM && i < findings.nbroken && i < RULES_BROKEN_MAX; i++)
        call->account.rules[call->account.nrules++] = dgm_str_c(findings.broken[i]->id);
    if (rc != DGM_OK || !findings.warnings.p)
        return rc;
    struct dgm_str value = dgm_arena_copy(&call->arena, findings.warnings);
    call->headers[call->nheaders++] = (struct emu_header){DGM_STR("x-dragoman-warning"), value};
    return value.p ? DGM_OK : DGM_E_NOMEM;
}

/* Notes what goes wrong with the answer, in the words of whoever asked for it. */
static enum dgm_rc take_fault(struct emu_call *call, struct dgm_str spec, uint64_t seen,
                              struct dgm_arena *scratch, struct refusal *reterr)
{
    enum dgm_rc rc = emu_faults_read(spec, seen, scratch, &call->faults, reterr);
    bool done = rc == DGM_E_REFUSED ? emu_faults_known(spec) : emu_faults_any(&call->faults);
    if (rc != DGM_E_NOMEM && done) {
        call->account.fault = dgm_arena_copy(&call->arena, spec);
        if (!call->account.fault.p)
            return DGM_E_NOMEM;
    }
    return rc;
}

/* Lets a scenario's rule answer, if one does. */
static enum dgm_rc follow_scenario(struct emu_call *call, const struct emu_env *env,
                                   const struct ask *ask, const struct prompt *prompt,
                                   struct responder *responder, struct dgm_arena *scratch,
                                   struct refusal *reterr)
{
    struct scenario_found found;
    enum dgm_rc rc = emu_scenario_find(env->scenario, ask, prompt, &env->counter, scratch, &found);
    if (rc != DGM_OK || !found.rule)
        return rc;
    const struct scenario_answer *a = found.answer;
    call->account.scenario = found.rule->name;
    if (a->first_ms >= 0)
        call->options.first_ms = (uint32_t)a->first_ms;
    if (a->piece_ms >= 0)
        call->options.piece_ms = (uint32_t)a->piece_ms;
    rc = take_fault(call, a->fault, found.before, scratch, reterr);
    if (rc == DGM_OK)
        rc = emu_responder_read(a->responder, ask->target.surface, scratch, responder, reterr);
    if (rc == DGM_OK && emu_scenario_says(a))
        responder->script = a;
    return rc;
}

/* Who answers a request that nothing is wrong with, and what. */
static enum dgm_rc compose(struct emu_call *call, const struct emu_env *env, const struct ask *ask,
                           const struct prompt *prompt, struct responder *responder,
                           struct dgm_arena *scratch, struct refusal *reterr)
{
    enum dgm_rc rc = DGM_OK;
    if (env->scenario && !env->fault.p && !env->responder.p)
        rc = follow_scenario(call, env, ask, prompt, responder, scratch, reterr);
    if (rc != DGM_OK)
        return rc;
    call->account.responder =
        responder->script ? DGM_STR("scenario") : dgm_str_c(emu_responder_at(responder->id)->name);
    return emu_plan_compose(ask, prompt, responder, env, &call->arena, &call->plan);
}

/* A model of a self-deployed server, as far as composing an answer asks: it has no family of Google's. */
static struct model server_model(const struct dialect_ask *ask)
{
    static const struct family plain = {.word = "", .output_tokens = 1 << 17},
                               thinker = {.word = "",
                                          .thinks = THINKS_LEVEL,
                                          .thinks_by_default = true,
                                          .output_tokens = 1 << 17};
    return (struct model){.name = ask->model, .family = ask->reasons ? &thinker : &plain};
}

/* An error that is none of the server's table has Google's words or the emulator's, and the server's own type. */
static enum dgm_rc give_type(const struct emu_env *env, enum dgm_rc rc, struct refusal *reterr)
{
    if (rc == DGM_E_REFUSED)
        reterr->google = emu_dialect_error_type(env->dialect, reterr->status);
    return rc;
}

/* What can be said of a request before its body is read: what its headers ask for, and how long it is. */
static enum dgm_rc read_dialect_headers(struct emu_call *call, const struct emu_env *env,
                                        size_t body_bytes, struct responder *responder,
                                        struct dgm_arena *scratch, struct refusal *reterr)
{
    enum dgm_rc rc = take_fault(call, env->fault, env->fault_seen, scratch, reterr);
    if (rc == DGM_OK)
        rc = emu_responder_read(env->responder, NATIVE_V1, scratch, responder, reterr);
    if (rc == DGM_OK && body_bytes > call->options.body_max_bytes)
        rc = emu_refuse_size(call->options.body_max_bytes, scratch, reterr);
    return give_type(env, rc, reterr);
}

/* The same for a server that speaks OpenAI's protocol: its request is asked natively (dialect.h). */
static enum dgm_rc decide_dialect(struct emu_call *call, const struct emu_env *env,
                                  const struct emu_request *request, struct dgm_arena *scratch,
                                  struct refusal *reterr)
{
    struct dialect_ask *said = &call->dialect_ask;
    struct ask ask = {.target = {.surface = NATIVE_V1}, .signature_key = env->signature_key};
    struct responder responder;
    struct prompt prompt;
    struct dgm_buf native;
    struct json_error error;
    size_t n = body_size(request);
    if (!dgm_str_eq(request->target, DGM_STR("/v1/chat/completions"))) {
        *reterr = (struct refusal){.status = 404};
        return DGM_E_REFUSED;
    }
    enum dgm_rc rc = read_dialect_headers(call, env, n, &responder, scratch, reterr);
    if (rc != DGM_OK)
        return rc;

    char *body = join(request, n, scratch);
    dgm_buf_init(&native, dgm_arena_alloc(scratch), SIZE_MAX);
    if (!body)
        return DGM_E_NOMEM;
    rc = emu_dialect_read(env->dialect, body, n, scratch, said, &native, reterr);
    if (rc != DGM_OK)
        return rc;
    dgm_buf_reserve(&native, JSON_PADDING);
    if (native.rc != DGM_OK ||
        json_parse(scratch, native.p, native.n, JSON_DEPTH_MAX, &ask.root, &error) != DGM_OK)
        return DGM_E_NOMEM;
    ask.model = server_model(said);
    ask.target.model = said->model; /* for a scenario's rules */
    ask.target.verb = said->stream ? TARGET_STREAM : TARGET_GENERATE;
    emu_ask_init(&ask, ask.root);
    rc = emu_prompt_read(&ask, scratch, &prompt);
    if (rc == DGM_OK)
        rc = compose(call, env, &ask, &prompt, &responder, scratch, reterr);
    rc = give_type(env, rc, reterr); /* of a scenario's fault */
    if (rc != DGM_OK)
        return rc;
    if (call->plan.ncandidates == 0) /* nobody blocks prompts there: an answer that says nothing */
        call->plan.ncandidates = 1;
    emu_dialect_cut(said, &call->plan);
    call->framing = said->stream ? FRAMING_CHUNKS : FRAMING_WHOLE;
    said->created = env->now_ms / 1000;
    said->seed = emu_hash_str(env->id);
    said->model = dgm_arena_copy(&call->arena, said->model);
    said->nstops = 0; /* they stood in the body */
    return said->model.p ? DGM_OK : DGM_E_NOMEM;
}

/* The model and the body of a call to it. */
static enum dgm_rc read_ask(const struct emu_call *call, const struct emu_request *request,
                            struct dgm_arena *scratch, struct ask *ask, struct refusal *reterr)
{
    const struct target *t = &ask->target;
    char *body = NULL;
    size_t n = 0;
    enum dgm_rc rc = take_body(call, request, scratch, &body, &n, reterr);
    if (rc == DGM_OK)
        rc = emu_check_body(scratch, body, n,
                            t->verb == TARGET_COUNT ? NATIVE_COUNT_TOKENS_REQUEST
                                                    : NATIVE_GENERATE_CONTENT_REQUEST,
                            t->surface, &ask->root, reterr);
    if (rc != DGM_OK)
        return rc;
    bool ours = !t->publisher.p || dgm_str_eq(t->publisher, DGM_STR("google"));
    if (!ours || !emu_model_find(t->model, &ask->model) || !emu_model_is_on(t->model, t->surface))
        return emu_directory_refuse(t, scratch, reterr);
    return DGM_OK;
}

static enum dgm_rc answer_cache(const struct emu_call *call, const struct emu_env *env,
                                const struct emu_request *request, struct dgm_arena *scratch,
                                const struct target *t, struct dgm_buf *out, struct refusal *reterr)
{
    char *body = NULL;
    size_t n = 0;
    enum dgm_rc rc = take_body(call, request, scratch, &body, &n, reterr);
    return rc == DGM_OK ? emu_cache_answer(t, env, body, n, scratch, out, reterr) : rc;
}

/* An answer that is no model's: it stands there as it leaves. */
static enum dgm_rc decide_plain(struct emu_call *call, const struct emu_env *env,
                                const struct emu_request *request, struct dgm_arena *scratch,
                                struct ask *ask, struct refusal *reterr)
{
    struct dgm_buf body;
    dgm_buf_init(&body, dgm_arena_alloc(&call->arena), ANSWER_MAX_BYTES);
    enum dgm_rc rc;
    if (ask->target.verb == TARGET_COUNT) {
        rc = read_ask(call, request, scratch, ask, reterr);
        if (rc == DGM_OK)
            rc = emu_count_put(ask, ask->root, scratch, &body, reterr);
    } else if (ask->target.verb >= TARGET_CACHE_CREATE) {
        rc = answer_cache(call, env, request, scratch, &ask->target, &body, reterr);
    } else {
        rc = emu_directory_put(&ask->target, scratch, &body, reterr);
    }
    dgm_buf_put_lit(&body, "\n");
    call->body = dgm_buf_str(&body);
    return rc == DGM_OK ? body.rc : rc;
}

/* From bytes to a plan. What is refused stands in `scratch`, the plan in the call's arena. */
static enum dgm_rc decide(struct emu_call *call, const struct emu_env *env,
                          const struct emu_request *request, struct dgm_arena *scratch,
                          struct refusal *reterr)
{
    struct ask ask = {.signature_key = env->signature_key};
    struct responder responder;
    struct prompt prompt;
    uint64_t cached[MODALITIES] = {0};
    if (env->dialect != EMU_GEMINI)
        return decide_dialect(call, env, request, scratch, reterr);
    if (!emu_target_read(request->method, request->target, &ask.target)) {
        *reterr = (struct refusal){.status = 404};
        return DGM_E_REFUSED;
    }
    if (ask.target.verb == TARGET_STREAM)
        call->framing = ask.target.sse ? FRAMING_SSE : FRAMING_ARRAY;
    if (ask.target.verb == TARGET_UNSERVED)
        return emu_directory_refuse_method(&ask.target, scratch, reterr);
    enum dgm_rc rc = take_fault(call, env->fault, env->fault_seen, scratch, reterr);
    if (rc == DGM_OK)
        rc = emu_responder_read(env->responder, ask.target.surface, scratch, &responder, reterr);
    if (rc != DGM_OK)
        return rc;
    if (ask.target.verb >= TARGET_COUNT)
        return decide_plain(call, env, request, scratch, &ask, reterr);

    rc = read_ask(call, request, scratch, &ask, reterr);
    if (rc != DGM_OK)
        return rc;
    emu_ask_init(&ask, ask.root);
    rc = emu_prompt_read(&ask, scratch, &prompt);
    if (rc == DGM_OK)
        rc = judge(call, &ask, prompt.tokens_total, scratch, reterr);
    if (rc == DGM_OK) /* a name's form is a rule */
        rc = emu_cache_use(&ask, env, &prompt, scratch, cached, reterr);
    if (rc == DGM_OK)
        rc = compose(call, env, &ask, &prompt, &responder, scratch, reterr);
    memcpy(call->plan.cached_tokens, cached, sizeof cached);
    return rc;
}

/* A server's own refusal; TGI's frontend sends a plain text. The HTML page is Google's, in front of either. */
static enum dgm_rc keep_dialect_refusal(struct emu_call *call, const struct refusal *refusal)
{
    struct dgm_buf body;
    bool plain = call->dialect == EMU_TGI && refusal->google.n == 0;
    dgm_buf_init(&body, dgm_arena_alloc(&call->arena), ANSWER_MAX_BYTES);
    emu_dialect_put_refusal(call->dialect, refusal, &body);
    call->status = refusal->status;
    call->faults = (struct faults){0};
    call->framing = FRAMING_WHOLE;
    call->body = dgm_buf_str(&body);
    call->headers[0].value =
        plain ? DGM_STR("text/plain; charset=utf-8") : DGM_STR("application/json");
    return body.rc;
}

/* A refused stream without alt=sse is an array too. */
static enum dgm_rc keep_refusal(struct emu_call *call, const struct refusal *refusal)
{
    struct dgm_buf body;
    bool html = refusal->status == 404 && refusal->message.n == 0;
    if (call->dialect != EMU_GEMINI && !html)
        return keep_dialect_refusal(call, refusal);
    bool array = call->framing == FRAMING_ARRAY && !html;
    dgm_buf_init(&body, dgm_arena_alloc(&call->arena), ANSWER_MAX_BYTES);
    if (array)
        dgm_buf_put_lit(&body, "[");
    emu_refusal_put(refusal, &body);
    dgm_buf_put(&body, array ? DGM_STR("\n]\n") : DGM_STR("\n"));
    call->status = refusal->status;
    call->framing = FRAMING_WHOLE;
    call->faults = (struct faults){0};
    call->body = dgm_buf_str(&body);
    call->headers[0].value = html ? DGM_STR("text/html; charset=UTF-8") : call->headers[0].value;
    return body.rc;
}

struct emu_call *emu_call_new(const struct emu_env *env, const struct emu_options *options,
                              const struct emu_request *request)
{
    const struct dgm_alloc *alloc = env->alloc ? env->alloc : &dgm_alloc_libc;
    struct emu_call *call = alloc->resize(alloc->ctx, NULL, 0, sizeof *call);
    if (!call)
        return NULL;
    *call = (struct emu_call){
        .alloc = alloc, .options = *options, .status = 200, .dialect = env->dialect};
    if (call->options.body_max_bytes == 0)
        call->options.body_max_bytes = DEFAULT_BODY_BYTES;
    if (call->options.piece_chars == 0)
        call->options.piece_chars = DEFAULT_PIECE_CHARS;
    call->headers[call->nheaders++] =
        (struct emu_header){DGM_STR("Content-Type"), DGM_STR("application/json; charset=UTF-8")};
    dgm_arena_init(&call->arena, alloc, 2 * ANSWER_MAX_BYTES);
    dgm_buf_init(&call->piece, alloc, ANSWER_MAX_BYTES);

    struct dgm_arena scratch;
    struct refusal refusal = {0};
    size_t n = body_size(request);
    dgm_arena_init(&scratch, alloc,
                   n < SIZE_MAX / REQUEST_MAX_FACTOR - REQUEST_MIN_BYTES
                       ? n * REQUEST_MAX_FACTOR + REQUEST_MIN_BYTES
                       : SIZE_MAX);
    enum dgm_rc rc = decide(call, env, request, &scratch, &refusal);
    if (rc == DGM_E_REFUSED)
        rc = keep_refusal(call, &refusal);
    else if (rc == DGM_OK && call->framing == FRAMING_SSE)
        call->headers[0].value = DGM_STR("text/event-stream");
    else if (rc == DGM_OK && call->dialect != EMU_GEMINI)
        call->headers[0].value = call->framing == FRAMING_CHUNKS
                                     ? DGM_STR("text/event-stream; charset=utf-8")
                                     : DGM_STR("application/json");
    dgm_arena_dispose(&scratch);
    if (rc == DGM_OK)
        return call;
    emu_call_free(call);
    return NULL;
}

void emu_call_free(struct emu_call *call)
{
    if (!call)
        return;
    dgm_buf_dispose(&call->piece);
    dgm_arena_dispose(&call->arena);
    call->alloc->resize(call->alloc->ctx, call, sizeof *call, 0);
}

int emu_call_status(const struct emu_call *call)
{
    return call->status;
}

size_t emu_call_headers(const struct emu_call *call, const struct emu_header **ret)
{
    *ret = call->headers;
    return call->nheaders;
}

const struct emu_account *emu_call_account(const struct emu_call *call)
{
    return &call->account;
}

struct dgm_str emu_call_type(const struct emu_call *call)
{
    return call->headers[0].value;
}

/* ---- sending ------------------------------------------------------------------------------------------ */

/* The next response of the plan, as the framing has it. */
static void write_piece(struct emu_call *call)
{
    bool whole = call->framing == FRAMING_WHOLE;
    struct json_writer w = json_writer(&call->piece);
    dgm_buf_clear(&call->piece);
    if (call->body.p) {
        dgm_buf_put(&call->piece, call->body);
        call->done = true;
        return;
    }
    if (call->framing == FRAMING_CHUNKS) {
        call->done =
            emu_dialect_put_next(&call->dialect_ask, &call->plan, call->options.piece_chars,
                                 &call->dialect_mark, &call->piece);
        return;
    }
    if (call->dialect != EMU_GEMINI) {
        emu_dialect_put(&call->dialect_ask, &call->plan, &call->piece);
        call->done = true;
        return;
    }
    if (call->framing == FRAMING_ARRAY)
        dgm_buf_put(&call->piece, call->npieces == 0 ? DGM_STR("[") : DGM_STR(",\r\n"));
    else if (call->framing == FRAMING_SSE)
        emu_fault_open_event(&call->faults, call->npieces, &call->piece);
    size_t json_at = call->piece.n;
    call->done = emu_plan_next(&call->plan, whole ? PLAN_WHOLE : call->options.piece_chars,
                               &call->cursor, &w);
    if (call->framing == FRAMING_SSE)
        emu_fault_close_event(&call->faults, call->done, json_at, &call->piece);
    else if (call->framing == FRAMING_ARRAY && call->done)
        dgm_buf_put_lit(&call->piece, "]");
}

/* An error in the midst of a stream, as that server tells it. */
static void put_fault_error(struct emu_call *call)
{
    const struct refusal overloaded = {.status = 503, .message = DGM_STR("Model is overloaded")};
    if (call->dialect == EMU_GEMINI)
        emu_fault_put_error(&call->faults, &call->piece);
    else
        emu_dialect_put_event(call->dialect, &overloaded, &call->piece);
}

/* A piece of a dialect's stream, written anew as the faults ask. */
static void reshape_piece(struct emu_call *call)
{
    struct dgm_buf plain = call->piece;
    if (plain.rc != DGM_OK)
        return;
    dgm_buf_init(&call->piece, call->alloc, ANSWER_MAX_BYTES);
    emu_fault_put_events(&call->faults, call->npieces, call->done, dgm_buf_str(&plain),
                         &call->piece);
    dgm_buf_dispose(&plain);
}

/* Makes the next piece wait in `piece`, as far as the faults let it. DGM_EVENT, or what the call came to. */
static enum dgm_rc next_piece(struct emu_call *call)
{
    enum fault_turn turn =
        call->body.p ? FAULT_TURN_NONE : emu_fault_turn(&call->faults, call->npieces);
    switch (turn) {
    case FAULT_TURN_CUT:
        return DGM_E_UPSTREAM;
    case FAULT_TURN_END:
        call->done = true;
        return DGM_DONE;
    case FAULT_TURN_STALL:
        dgm_buf_clear(&call->piece);
        return DGM_EVENT;
    case FAULT_TURN_ERROR:
        dgm_buf_clear(&call->piece);
        put_fault_error(call);
        call->done = true;
        break;
    case FAULT_TURN_NONE:
        write_piece(call);
    }
    if (call->framing == FRAMING_CHUNKS && emu_faults_form(&call->faults))
        reshape_piece(call);
    call->piece_waits = true;
    call->piece_at = 0;
    return call->piece.rc == DGM_OK ? DGM_EVENT : call->piece.rc;
}

/* How much of the piece that waits goes out at once. */
static size_t next_bytes(const struct emu_call *call)
{
    size_t n = call->piece.n - call->piece_at;
    const struct faults *f = &call->faults;
    if (f->on[FAULT_ONE_BYTE] && n > 1)
        n = 1;
    if (f->on[FAULT_CUT_BYTE] && n > f->at[FAULT_CUT_BYTE] - call->sent)
        n = f->at[FAULT_CUT_BYTE] - call->sent;
    return n;
}

static uint32_t wait_for(const struct emu_call *call)
{
    if (call->status != 200 || call->piece_at != 0)
        return 0;
    return call->npieces == 0 ? call->options.first_ms : call->options.piece_ms;
}

enum dgm_rc emu_call_next(struct emu_call *call, struct dgm_buf *out, uint32_t *ret_wait_ms)
{
    if (call->rc != DGM_OK)
        return call->rc;
    if (call->done && !call->piece_waits)
        return DGM_DONE;
    if (!call->piece_waits) {
        enum dgm_rc rc = next_piece(call);
        if (rc != DGM_EVENT)
            return rc == DGM_DONE ? rc : (call->rc = rc);
        *ret_wait_ms = UINT32_MAX; /* of a stall */
        if (!call->piece_waits)
            return DGM_EVENT;
    }
    size_t n = next_bytes(call);
    if (n == 0 && call->piece.n != 0)
        return call->rc = DGM_E_UPSTREAM;
    if (n > out->max - out->n && out->rc == DGM_OK) {
        if (out->n != 0)
            return DGM_FULL;
        return call->rc = DGM_E_LIMIT;
    }
    dgm_buf_put(out, (struct dgm_str){call->piece.p + call->piece_at, n});
    if (out->rc != DGM_OK)
        return call->rc = out->rc;
    *ret_wait_ms = wait_for(call);
    call->piece_at += n;
    call->sent += n;
    call->piece_waits = call->piece_at < call->piece.n;
    call->npieces += !call->piece_waits;
    return DGM_EVENT;
}
