/* SPDX-License-Identifier: Apache-2.0 */
/* drive.c - one run of a case through the core. */
#include "drive.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "support/alloc_fail.h"

#define OUTCOME_BYTES_MAX ((size_t)256 << 20)
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

static struct dgm_buf *const no_buf = NULL;

static void outcome_init(struct outcome *o)
{
    *o = (struct outcome){0};
    struct dgm_buf *bufs[] = {&o->body,    &o->error,  &o->ignored, &o->schema, &o->warning,
                              &o->headers, &o->target, &o->kept,    &o->retry,  &o->urls,
                              &o->probes,  &o->cache,  &o->cached,  no_buf};
    for (struct dgm_buf **b = bufs; *b; b++)
        dgm_buf_init(*b, &dgm_alloc_libc, OUTCOME_BYTES_MAX);
}

void outcome_dispose(struct outcome *o)
{
    struct dgm_buf *bufs[] = {&o->body,    &o->error,  &o->ignored, &o->schema, &o->warning,
                              &o->headers, &o->target, &o->kept,    &o->retry,  &o->urls,
                              &o->probes,  &o->cache,  &o->cached,  no_buf};
    for (struct dgm_buf **b = bufs; *b; b++)
        dgm_buf_dispose(*b);
}

static void expect(struct outcome *o, bool kept, const char *promise)
{
    if (!kept && !o->broken)
        o->broken = promise;
}

/* A copy that ends where it ends, so that AddressSanitizer sees a read behind it. */
static char *copy_of(struct dgm_str s)
{
    char *p = malloc(s.n ? s.n : 1);
    if (!p)
        abort();
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

/* ---- the request -------------------------------------------------------------------------------------- */

static struct golden_supply supply_for(const struct golden_case *c, const struct dgm_need *need)
{
    struct dgm_str key = need->digest.n != 0 ? need->digest : need->call_id;
    for (size_t i = 0; i < c->supplies_n; i++)
        if (dgm_str_eq(c->supplies[i].call_id, key))
            return c->supplies[i];
    return (struct golden_supply){0};
}

static enum dgm_rc answer_needs(const struct golden_case *c, struct dgm_request *r,
                                struct dgm_fail *fail)
{
    const struct dgm_need *needs;
    size_t n = dgm_request_needs(r, &needs);
    for (size_t i = 0; i < n; i++) {
        const struct golden_supply known = supply_for(c, &needs[i]);
        struct dgm_str signature = known.signature;
        char *copy = copy_of(signature), *id = copy_of(known.native_id);
        bool taken =
            dgm_request_supply(r, i, signature.p ? (struct dgm_str){copy, signature.n} : signature);
        if (taken && known.native_id.n)
            taken = dgm_request_supply_id(r, i, (struct dgm_str){id, known.native_id.n});
        free(copy);
        free(id);
        if (!taken) {
            dgm_fail_set(fail, DGM_ERR_NO_MEMORY, DGM_STR(""), (struct dgm_str[4]){{0}});
            return DGM_E_NOMEM;
        }
    }
    return dgm_request_resume(r, fail);
}

/* The URLs that the case knows of get what they lead to; the others, and those that lead to "-", stay as they are. */
static enum dgm_rc give_fetched(const struct golden_case *c, struct dgm_request *r,
                                struct outcome *o, struct dgm_fail *fail)
{
    const struct dgm_url *urls;
    size_t n;
    enum dgm_rc rc = dgm_request_urls(r, c->surface, &urls, &n, fail);
    for (size_t i = 0; rc == DGM_OK && i < n; i++) {
        dgm_buf_put(&o->urls, urls[i].param);
        dgm_buf_put_char(&o->urls, ' ');
        dgm_buf_put(&o->urls, urls[i].url);
        dgm_buf_put_char(&o->urls, '\n');
        for (size_t k = 0; rc == DGM_OK && k < c->fetches_n; k++) {
            const struct golden_fetch *f = &c->fetches[k];
            if (!dgm_str_eq(f->url, urls[i].url) || f->base64.n < 4)
                continue;
            if (!dgm_request_give(r, i, f->base64, f->mime, f->sure)) {
                dgm_fail_row(fail, DGM_ERR_NO_MEMORY);
                rc = DGM_E_NOMEM;
            }
        }
    }
    return rc;
}

/* What was learnt of the upstream. */
static enum dgm_rc learn(const struct golden_case *c, struct dgm_request *r, struct dgm_fail *fail)
{
    for (size_t i = 0; i < c->tries_n; i++)
        if (!dgm_request_learn(r, &c->tries[i])) {
            dgm_fail_row(fail, DGM_ERR_NO_MEMORY);
            return DGM_E_NOMEM;
        }
    return DGM_OK;
}

/* As dgm_chat_request, with what was learnt, and the URLs, between its halves. */
static enum dgm_rc fetch_request(const struct golden_case *c, const struct dgm_env *env,
                                 struct dgm_buf *body, struct outcome *o, struct dgm_request **ret,
                                 struct dgm_fail *fail)
{
    struct dgm_request *r = NULL;
    enum dgm_rc rc = dgm_request_open(env, body, &r, fail);
    if (rc != DGM_OK)
        return rc;
    rc = learn(c, r, fail);
    if (rc == DGM_OK && c->marks && !dgm_request_use_marks(r)) {
        dgm_fail_row(fail, DGM_ERR_NO_MEMORY);
        rc = DGM_E_NOMEM;
    }
    if (rc == DGM_OK)
        rc = give_fetched(c, r, o, fail);
    if (rc == DGM_OK)
        rc = dgm_request_translate(r, c->surface, fail);
    if (rc == DGM_OK || rc == DGM_NEED)
        *ret = r;
    else
        dgm_request_free(r);
    return rc;
}

/* As dgm_chat_request, for a server that speaks OpenAI's protocol. */
static enum dgm_rc relay_request(const struct golden_case *c, const struct dgm_env *env,
                                 struct dgm_buf *body, struct outcome *o, struct dgm_request **ret,
                                 struct dgm_fail *fail)
{
    struct dgm_request *r = NULL;
    enum dgm_rc rc = dgm_relay_open(env, body, &r, fail);
    if (rc == DGM_OK)
        rc = learn(c, r, fail);
    if (rc == DGM_OK && c->fetches_n != 0)
        rc = give_fetched(c, r, o, fail);
    if (rc == DGM_OK)
        rc = dgm_relay_make(r, &c->server, fail);
    if (rc == DGM_OK)
        *ret = r;
    else
        dgm_request_free(r);
    return rc;
}

static enum dgm_rc translate_request(const struct golden_case *c, const struct dgm_alloc *alloc,
                                     struct dgm_buf *body, struct outcome *o,
                                     struct dgm_request **ret)
{
    const struct dgm_env env = {
        .alloc = alloc,
        .surface = c->surface,
        .reasoning = c->reasoning,
        .compat = c->compat,
        .reasoning_details = c->details,
        .strict = c->strict,
        .max_tokens_bounds_thoughts = c->bounds_thoughts,
        .always_usage = c->always_usage,
        .blocked = c->blocked,
        .image_output = c->image_output,
        .now = GOLDEN_NOW,
        .id = DGM_STR(GOLDEN_ID),
        .model = c->kind == GOLDEN_REQUEST ? c->model : (struct dgm_str){0},
    };
    struct dgm_fail fail;
    memset(&fail, 0x5a, sizeof fail);
    const struct dgm_fail untouched = fail;

    bool halves = c->fetches_n != 0 || c->tries_n != 0 || c->marks;
    enum dgm_rc rc = c->relayed ? relay_request(c, &env, body, o, ret, &fail)
                     : halves   ? fetch_request(c, &env, body, o, ret, &fail)
                                : dgm_chat_request(&env, body, ret, &fail);
    expect(o, rc == DGM_OK || rc == DGM_NEED || !*ret, "a failed dgm_chat_request left *ret alone");
    if (rc == DGM_NEED)
        rc = answer_needs(c, *ret, &fail);
    if (rc == DGM_OK) {
        expect(o, memcmp(&fail, &untouched, sizeof fail) == 0, "success left *reterr alone");
        dgm_request_asked_at(*ret, c->asked_at);
        dgm_request_near(*ret, c->near);
        return rc;
    }
    expect(o, rc == DGM_E_REFUSED || rc == DGM_E_NOMEM || rc == DGM_E_LIMIT,
           "a named return value");
    expect(o, rc != DGM_E_NOMEM || fail.id == DGM_ERR_NO_MEMORY, "NOMEM has its row of errors.def");
    dgm_fail_put_as(&fail, c->compat, &o->error);
    o->status = dgm_error_status(fail.id);
    return rc;
}

static void put_body(const struct dgm_request *r, struct dgm_buf *out)
{
    const struct dgm_str *segments;
    size_t n = dgm_request_body(r, &segments);
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(out, segments[i]);
}

/* What is kept of it, and what goes then. False: memory was short. */
static bool note_prefix(struct dgm_request *r, const struct golden_case *c, struct outcome *o)
{
    const struct dgm_place place = {c->surface, DGM_STR("golden-project"), DGM_STR("us-central1")};
    const struct dgm_str *segments;
    struct dgm_buf whole;
    if (!dgm_request_prefix(r))
        return true;
    size_t n = dgm_request_prefix_body(r, &place, &segments);
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(&o->cache, segments[i]);
    if (n == 0 ||
        !dgm_request_use_prefix(r, c->surface == DGM_VERTEX
                                       ? DGM_STR("projects/1/locations/l/cachedContents/2")
                                       : DGM_STR("cachedContents/2")))
        return false;
    put_body(r, &o->cached);
    dgm_buf_init(&whole, &dgm_alloc_libc, OUTCOME_BYTES_MAX);
    expect(o, !dgm_request_use_prefix(r, DGM_STR("cachedContents/../2")), "a name is a name");
    dgm_request_use_whole(r);
    put_body(r, &whole);
    expect(o, dgm_str_eq(dgm_buf_str(&whole), dgm_buf_str(&o->body)),
           "a request is the same again without a cache");
    dgm_buf_dispose(&whole);
    return true;
}

static void note_request(struct dgm_request *r, const struct golden_case *c, struct outcome *o)
{
    size_t n;
    put_body(r, &o->body);
    dgm_buf_put(&o->ignored, dgm_request_notes(r, DGM_NOTE_IGNORED));
    dgm_buf_put(&o->schema, dgm_request_notes(r, DGM_NOTE_SCHEMA));
    dgm_buf_put(&o->warning, dgm_request_notes(r, DGM_NOTE_WARNING));

    const struct dgm_header *headers;
    n = dgm_request_headers(r, &headers);
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put(&o->headers, headers[i].name);
        dgm_buf_put_lit(&o->headers, ": ");
        dgm_buf_put(&o->headers, headers[i].value);
        dgm_buf_put_char(&o->headers, '\n');
    }

    if (c->relayed)
        return;
    const struct dgm_place place = {c->surface, DGM_STR("golden-project"), DGM_STR("us-central1")};
    dgm_buf_put_lit(&o->target, "POST ");
    dgm_request_put_path(r, &place, &o->target);
}

/* A request that was made as ever and then otherwise is the one that was made so from the beginning. */
static enum dgm_rc check_adapted(const struct golden_case *c, const struct dgm_alloc *alloc,
                                 struct outcome *o)
{
    struct golden_case plain = *c;
    struct outcome ignored;
    struct dgm_buf body, made;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    plain.tries_n = 0;
    outcome_init(&ignored);
    dgm_buf_init(&made, &dgm_alloc_libc, OUTCOME_BYTES_MAX);
    dgm_buf_init(&body, &dgm_alloc_libc, OUTCOME_BYTES_MAX);
    dgm_buf_put(&body, dgm_buf_str(&c->request));
    enum dgm_rc rc = translate_request(&plain, alloc, &body, &ignored, &r);
    for (size_t i = 0; rc == DGM_OK && i < c->tries_n; i++)
        rc = dgm_request_adapt(r, &c->tries[i], &fail);
    if (rc == DGM_OK) {
        const struct dgm_str *segments;
        size_t n = dgm_request_body(r, &segments);
        for (size_t i = 0; i < n; i++)
            dgm_buf_put(&made, segments[i]);
        expect(o, dgm_str_eq(dgm_buf_str(&made), dgm_buf_str(&o->body)),
               "a request that is adapted is as one that was learnt");
    }
    expect(o, rc == DGM_OK || rc == DGM_E_NOMEM, "what can be learnt can be adapted");
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&made);
    outcome_dispose(&ignored);
    return rc;
}

static void note_kept(const struct dgm_request *r, struct outcome *o)
{
    const struct dgm_kept *kept;
    size_t n = dgm_request_kept(r, &kept);
    expect(o, n != 0, "DGM_KEEP has records");
    for (size_t i = 0; i < n; i++) {
        const struct dgm_str words[] = {
            kept[i].call_id, kept[i].name,
            kept[i].digest,  kept[i].signature.n ? kept[i].signature : DGM_STR("-"),
            kept[i].model,   kept[i].native_id};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            dgm_buf_put(&o->kept, words[k]);
            if (words[k].n != 0)
                dgm_buf_put_char(&o->kept, ' ');
        }
        if (o->kept.n != 0)
            o->kept.p[o->kept.n - 1] = '\n';
    }
}

/* What the headers of an error advise, and a caller may do: "after_ms N", "hopeless", "unsaid", "try NAME". */
static void note_retry(const struct dgm_request *r, struct outcome *o)
{
    struct dgm_retry retry = dgm_request_retry(r);
    if (retry.after_ms >= 0) {
        dgm_buf_put_lit(&o->retry, "after_ms ");
        dgm_buf_put_int(&o->retry, retry.after_ms);
        dgm_buf_put_char(&o->retry, '\n');
    }
    if (retry.hopeless)
        dgm_buf_put_lit(&o->retry, "hopeless\n");
    if (retry.unsaid)
        dgm_buf_put_lit(&o->retry, "unsaid\n");
    struct dgm_try try;
    if (!dgm_request_try(r, &try))
        return;
    dgm_buf_put_lit(&o->retry, "try ");
    dgm_buf_put(&o->retry, dgm_try_name(try.id));
    if (try.least != 0 || try.most != 0) {
        dgm_buf_put_char(&o->retry, ' ');
        dgm_buf_put_int(&o->retry, try.least);
        dgm_buf_put_char(&o->retry, ' ');
        dgm_buf_put_int(&o->retry, try.most);
    }
    dgm_buf_put_char(&o->retry, '\n');
}

/*
 * The reduced requests that a refusal without a reason is worth, a line each, all refused as the request was; behind them the
 * client's error that tells so.
 */
static enum dgm_rc note_probes(const struct golden_case *c, struct dgm_request *r,
                               const struct dgm_alloc *alloc, struct outcome *o)
{
    struct dgm_buf out;
    bool more = true, accepted;
    int status;
    enum dgm_rc rc = DGM_OK;
    dgm_buf_init(&out, alloc, ANSWER_BYTES_MAX);
    while (more && rc == DGM_OK) {
        rc = dgm_request_probe(r, &out);
        if (rc != DGM_OK)
            break;
        dgm_buf_put(&o->probes, dgm_buf_str(&out));
        dgm_buf_put_char(&o->probes, '\n');
        more = dgm_request_probed(r, 400, dgm_buf_str(&c->native));
    }
    rc = rc == DGM_DONE ? DGM_OK : rc;
    unsigned n = dgm_request_probes(r, &accepted);
    expect(o, n <= 3 && !accepted, "three reduced requests at most, none of them accepted");
    dgm_buf_clear(&out);
    if (rc == DGM_OK && n != 0)
        rc = dgm_chat_response(r, c->status, dgm_buf_str(&c->native), &out, &status);
    if (rc == DGM_OK && n != 0) {
        dgm_buf_put(&o->probes, dgm_buf_str(&out));
        expect(o, dgm_request_probe(r, &out) == DGM_DONE, "what was told is not asked again");
    }
    dgm_buf_dispose(&out);
    return rc;
}

/* ---- the whole answer --------------------------------------------------------------------------------- */

static enum dgm_rc drive_response(const struct golden_case *c, struct dgm_request *r,
                                  const struct dgm_alloc *alloc, struct outcome *o)
{
    struct dgm_buf out;
    int status = -1;
    dgm_buf_init(&out, alloc, ANSWER_BYTES_MAX);
    struct dgm_str native = dgm_buf_str(&c->native);
    char *copy = copy_of(native);
    enum dgm_rc rc =
        dgm_chat_response(r, c->status, (struct dgm_str){copy, native.n}, &out, &status);
    free(copy);
    if (rc == DGM_KEEP) {
        note_kept(r, o);
        rc = DGM_OK;
    }
    if (rc == DGM_OK) {
        expect(o, out.rc == DGM_OK, "DGM_OK means that `out` is complete");
        dgm_buf_put(&o->body, dgm_buf_str(&out));
        o->status = status;
        if (status >= 400)
            note_retry(r, o);
        if (status == 400)
            rc = note_probes(c, r, alloc, o);
    }
    dgm_buf_dispose(&out);
    return rc;
}

/* ---- the stream --------------------------------------------------------------------------------------- */

struct run {
    const struct golden_case *c;
    struct dgm_request *r;
    struct dgm_stream *s;
    struct dgm_buf out;
    struct outcome *o;
};

static void drain(struct run *run)
{
    dgm_buf_put(&run->o->body, dgm_buf_str(&run->out));
    dgm_buf_clear(&run->out);
}

/* What a caller does on a state; true when the same call is to be made again. */
static bool goes_on(struct run *run, enum dgm_rc rc)
{
    if (rc == DGM_KEEP) {
        note_kept(run->r, run->o);
        return !run->o->broken;
    }
    if (rc != DGM_FULL)
        return false;
    expect(run->o, run->out.n != 0, "DGM_FULL never comes with an empty `out`");
    drain(run);
    return !run->o->broken;
}

static enum dgm_rc feed(struct run *run, struct dgm_str piece)
{
    char *copy = copy_of(piece);
    struct dgm_str in = {copy, piece.n};
    enum dgm_rc rc;
    do {
        size_t before = in.n;
        rc = dgm_stream_feed(run->s, &in, &run->out);
        expect(run->o, in.n <= before, "feed only takes from the front");
    } while (goes_on(run, rc));
    expect(run->o, rc != DGM_MORE || in.n == 0, "DGM_MORE means that the input is used up");
    free(copy);
    return rc;
}

static enum dgm_rc end(struct run *run)
{
    if (run->c->end != DGM_ERR_NONE) {
        struct dgm_fail fail;
        dgm_fail_set(&fail, run->c->end, DGM_STR(""), (struct dgm_str[4]){{0}});
        dgm_stream_fail(run->s, &fail, &run->out);
    }
    enum dgm_rc rc;
    do
        rc = dgm_stream_finish(run->s, &run->out);
    while (goes_on(run, rc));
    return rc;
}

/* What has ended stays so: no byte more, whatever comes. */
static void poke_ended(struct run *run, enum dgm_rc rc)
{
    size_t before = run->out.n;
    if (rc == DGM_E_UPSTREAM) {
        struct dgm_str in = DGM_STR("data: {}\n\n");
        expect(run->o, dgm_stream_feed(run->s, &in, &run->out) == rc,
               "an ended stream says so again");
    }
    expect(run->o, dgm_stream_finish(run->s, &run->out) == rc, "an ended stream says so again");
    struct dgm_fail fail;
    dgm_fail_set(&fail, DGM_ERR_UPSTREAM_CUT, DGM_STR(""), (struct dgm_str[4]){{0}});
    dgm_stream_fail(run->s, &fail, &run->out);
    expect(run->o, run->out.n == before, "nothing is put behind the end of a stream");
}

static enum dgm_rc drive_stream(const struct golden_case *c, struct dgm_request *r,
                                const struct dgm_alloc *alloc, const struct way *way,
                                struct outcome *o)
{
    struct run run = {.c = c, .r = r, .s = dgm_stream_new(r), .o = o};
    if (!run.s)
        return DGM_E_NOMEM;

    dgm_buf_init(&run.out, alloc, way->out_bytes);
    struct dgm_str rest = dgm_buf_str(&c->native);
    enum dgm_rc rc = DGM_MORE;
    for (size_t n = way->first; rest.n != 0 && rc == DGM_MORE; n = way->step) {
        rc = feed(&run, dgm_str_head(rest, n));
        rest = dgm_str_skip(rest, n);
    }
    if (rc == DGM_MORE)
        rc = end(&run);
    if (rc == DGM_DONE || rc == DGM_E_UPSTREAM) {
        poke_ended(&run, rc);
        drain(&run);
    }
    if (rc == DGM_E_UPSTREAM && !dgm_stream_started(run.s)) {
        o->status = dgm_stream_put_error(run.s, &o->error);
        note_retry(r, o);
    }
    dgm_stream_free(run.s);
    dgm_buf_dispose(&run.out);
    return rc;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static void drive_with(const struct golden_case *c, const struct dgm_alloc *alloc,
                       struct dgm_buf *body, const struct way *way, struct outcome *o)
{
    struct dgm_request *r = NULL;
    o->rc = translate_request(c, alloc, body, o, &r);
    if (o->rc == DGM_OK && c->kind == GOLDEN_REQUEST)
        note_request(r, c, o);
    if (o->rc == DGM_OK && c->kind == GOLDEN_REQUEST && !note_prefix(r, c, o))
        o->rc = DGM_E_NOMEM;
    if (o->rc == DGM_OK && c->kind == GOLDEN_REQUEST && c->tries_n != 0)
        o->rc = check_adapted(c, alloc, o);
    if (o->rc == DGM_E_REFUSED && c->kind != GOLDEN_REQUEST)
        expect(o, false, "the case's own request is a good one");
    if (o->rc == DGM_OK && c->kind == GOLDEN_RESPONSE)
        o->rc = drive_response(c, r, alloc, o);
    if (o->rc == DGM_OK && c->kind == GOLDEN_STREAM)
        o->rc = drive_stream(c, r, alloc, way, o);
    dgm_request_free(r);
}

void drive(const struct golden_case *c, struct alloc_fail *memory, const struct way *way,
           struct outcome *o)
{
    outcome_init(o);

    /* The body stands in just as much memory as it needs: room behind it is the core's business. */
    struct dgm_buf body;
    dgm_buf_init(&body, &memory->alloc, ANSWER_BYTES_MAX);
    size_t fail_at = memory->fail_at;
    memory->fail_at = 0;
    dgm_buf_put(&body, dgm_buf_str(&c->request));
    memory->fail_at = fail_at ? fail_at + memory->calls : 0;

    drive_with(c, &memory->alloc, &body, way, o);
    dgm_buf_dispose(&body);
    expect(o, memory->live_blocks == 0, "all memory was given back");
}
