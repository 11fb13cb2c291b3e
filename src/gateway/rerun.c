/* SPDX-License-Identifier: Apache-2.0 */
/* rerun.c - a recorded exchange done again. */
#include "gateway/rerun.h"

#include "base/sse.h"
#include "base/str.h"
#include "gateway/body_key.h"
#include "gateway/destination.h"
#include "gateway/fetch_policy.h"
#include "gateway/places.h"

#include <string.h>

#define PLACES_TOLD 5
#define EVENT_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define TARGET_BYTES_MAX 4096

/* One exchange, with the configuration as far as it shaped the translation. */
struct run {
    const struct gw_recording *recording;
    const struct gw_recorded_call *call;
    struct dgm_arena arena; /* of all that is compared */
    struct dgm_buf *out;    /* for people */
    bool changed, nomem;
    /* Of the call: */
    struct gw_upstream upstream; /* the call's, which fetches what was fetched then */
    struct gw_config config;
    struct gw_choice choice;
    struct gw_model models;
    struct gw_endpoint endpoint;
    struct dgm_buf body;
    struct dgm_request *request;
};

/* ---- what is told ----------------------------------------------------------------------------------- */

static void tell(struct run *r, struct dgm_str what, struct dgm_str more)
{
    dgm_buf_put_lit(r->out, "  ");
    dgm_buf_put(r->out, what);
    dgm_buf_put(r->out, more);
    dgm_buf_put_lit(r->out, "\n");
}

static void tell_change(struct run *r, struct dgm_str what, struct dgm_str then, struct dgm_str now)
{
    r->changed = true;
    dgm_buf_put_lit(r->out, "  ");
    dgm_buf_put(r->out, what);
    dgm_buf_put_lit(r->out, ": ");
    dgm_buf_put(r->out, then.n != 0 ? dgm_str_head(then, 100) : DGM_STR("nothing"));
    dgm_buf_put_lit(r->out, " then, ");
    dgm_buf_put(r->out, now.n != 0 ? dgm_str_head(now, 100) : DGM_STR("nothing"));
    dgm_buf_put_lit(r->out, " now\n");
}

static const struct json_val *parse(struct run *r, struct dgm_str text)
{
    const struct json_val *root;
    struct json_error error;
    char *copy = dgm_arena_take0(&r->arena, text.n + JSON_PADDING);
    r->nomem |= copy == NULL;
    if (copy == NULL || text.p == NULL)
        return NULL;
    memcpy(copy, text.p, text.n);
    enum dgm_rc rc = json_parse(&r->arena, copy, text.n, JSON_DEPTH_MAX, &root, &error);
    r->nomem |= rc == DGM_E_NOMEM;
    return rc == DGM_OK ? root : NULL;
}

/* Signatures may come from a memory, which is not asked here. */
static bool is_remembered(struct dgm_str pointer)
{
    return dgm_str_ends(pointer, DGM_STR("/thoughtSignature"));
}

/* Two JSON texts; what is none is compared as bytes. */
static void compare_json(struct run *r, struct dgm_str what, struct dgm_str then,
                         struct dgm_str now)
{
    if (dgm_str_eq(then, now))
        return;
    struct dgm_buf before, text;
    dgm_buf_init(&before, dgm_arena_alloc(&r->arena), SIZE_MAX);
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), SIZE_MAX);
    dgm_buf_put_lit(&before, "  ");
    dgm_buf_put(&before, what);
    dgm_buf_put_lit(&before, " ");
    const struct gw_places places = {.before = dgm_buf_str(&before),
                                     .between = DGM_STR("\n    "),
                                     .a = DGM_STR(" then, "),
                                     .b = DGM_STR(" now"),
                                     .most = PLACES_TOLD,
                                     .skips = is_remembered};
    const struct json_val *a = parse(r, then), *b = parse(r, now);
    size_t told = gw_places_put(&places, a, b, &text);
    r->nomem |= text.rc != DGM_OK || before.rc != DGM_OK;
    if (told != 0) {
        dgm_buf_put(r->out, dgm_buf_str(&text));
        dgm_buf_put_lit(r->out, "\n");
        r->changed = true;
    } else if (a == NULL || b == NULL) {
        tell_change(r, what, then, now);
    } else if (gw_places_put(&(const struct gw_places){.most = 0}, a, b, NULL) == 0) {
        tell(r, what, DGM_STR(": the same, in another order or with other blanks"));
        r->changed = true;
    }
}

/* The payload of the next event; absent behind the last. */
static struct dgm_str next_event(struct run *r, struct dgm_sse *sse, struct dgm_str *in)
{
    struct dgm_sse_event event;
    enum dgm_rc rc = dgm_sse_next(sse, in, &event);
    if (rc == DGM_MORE)
        rc = dgm_sse_finish(sse, &event);
    r->nomem |= rc == DGM_E_NOMEM || rc == DGM_E_LIMIT;
    return rc == DGM_EVENT ? dgm_arena_copy(&r->arena, event.data) : (struct dgm_str){0};
}

/* Two streams, event by event, up to the first that differs. */
static void compare_events(struct run *r, struct dgm_str then, struct dgm_str now)
{
    struct dgm_sse a, b;
    dgm_sse_init(&a, &dgm_alloc_libc, EVENT_BYTES_MAX);
    dgm_sse_init(&b, &dgm_alloc_libc, EVENT_BYTES_MAX);
    for (int64_t i = 1; !r->changed && !r->nomem; i++) {
        struct dgm_str was = next_event(r, &a, &then), is = next_event(r, &b, &now);
        if (was.p == NULL && is.p == NULL)
            break;
        char text[32];
        struct dgm_buf what = {.p = text, .cap = sizeof text, .max = sizeof text};
        dgm_buf_put_lit(&what, "event ");
        dgm_buf_put_int(&what, i);
        compare_json(r, dgm_buf_str(&what), was, is);
    }
    dgm_sse_dispose(&a);
    dgm_sse_dispose(&b);
}

/* ---- the request ------------------------------------------------------------------------------------ */

/* What was fetched says what was to be. */
static int fetch_of(const struct gw_recorded_url *fetched)
{
    int kind = fetched != NULL ? GW_FETCH_GCS : GW_FETCH_OFF;
    for (const struct gw_recorded_url *at = fetched; at != NULL; at = at->next)
        if (!gw_fetch_wants(GW_FETCH_GCS, at->url))
            kind = GW_FETCH_PUBLIC;
    return kind;
}

static const struct gw_recorded_url *find_fetched(const void *ctx, struct dgm_str url)
{
    return gw_recorded_url_find(ctx, url);
}

/* A configuration in which all goes to the call's upstream. */
static void configure(struct run *r)
{
    const struct gw_recording *from = r->recording;
    const struct gw_upstream *u = &r->upstream;
    r->upstream = r->call->upstream;
    r->upstream.fetch = fetch_of(from->fetched);
    r->choice = (struct gw_choice){.upstream = u};
    const struct gw_choices choices = {.at = &r->choice, .n = 1};
    r->models = (struct gw_model){.match = DGM_STR("*"), .upstream = u, .choices = choices};
    r->endpoint = (struct gw_endpoint){.id = from->endpoint, .upstream = u, .choices = choices};
    bool own = from->endpoint.n != 0 && !dgm_str_eq(from->endpoint, DGM_STR("openapi"));
    r->config = (struct gw_config){.upstreams = u,
                                   .upstreams_n = 1,
                                   .models = &r->models,
                                   .models_n = 1,
                                   .endpoints = &r->endpoint,
                                   .endpoints_n = own,
                                   .mixed = true};
}

static enum dgm_rc make_request(struct run *r, struct dgm_fail *reterr)
{
    const struct gw_recording *from = r->recording;
    const struct gw_choices *choices;
    const struct dgm_env env = {.reasoning = (enum dgm_reasoning)from->reasoning,
                                .compat = (enum dgm_compat)from->compat,
                                .strict = from->strict,
                                .reasoning_details = from->reasoning_details,
                                .max_tokens_bounds_thoughts = from->max_tokens_includes_thinking,
                                .always_usage = from->always_usage,
                                .blocked = (enum dgm_blocked)from->blocked,
                                .image_output = (enum dgm_image_output)from->image_output,
                                .now = from->now,
                                .id = from->seed,
                                .model = from->model};
    configure(r);
    dgm_buf_put(&r->body, from->client.body);
    if (r->body.rc != DGM_OK) {
        dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
        return DGM_E_NOMEM;
    }
    enum dgm_rc rc = gw_destination_make(&r->config, &env, from->endpoint, &r->upstream, &r->body,
                                         &r->request, &choices, reterr);
    const struct dgm_need *needs;
    if (rc == DGM_NEED && dgm_request_needs(r->request, &needs) == 0) {
        rc = gw_recorded_give(&r->upstream, r->request, find_fetched, from->fetched, reterr);
        if (rc == DGM_E_REFUSED)
            return DGM_NEED;
        if (rc == DGM_OK)
            rc = gw_destination_finish(&r->config, &r->upstream, r->config.endpoints_n != 0,
                                       r->request, reterr);
    }
    if (rc == DGM_NEED && dgm_request_needs(r->request, &needs) != 0)
        rc = dgm_request_resume(r->request, reterr); /* nothing is remembered here */
    return rc;
}

static struct dgm_str body_of(struct run *r)
{
    const struct dgm_str *segments;
    size_t n = dgm_request_body(r->request, &segments);
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(&r->arena), SIZE_MAX);
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(&out, segments[i]);
    r->nomem |= out.rc != DGM_OK;
    return dgm_buf_str(&out);
}

/* The end of the target that says what is asked for; projects and locations are the configuration's. */
static struct dgm_str what_of(struct run *r)
{
    static const struct dgm_str any = {"any", 3};
    const struct gw_upstream *u = &r->call->upstream;
    const struct dgm_place place = {
        .surface = gw_upstream_surface(u), .project = any, .location = any};
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(&r->arena), TARGET_BYTES_MAX);
    if (dgm_request_is_relayed(r->request))
        gw_relay_put_target(
            u, &place, r->config.endpoints_n != 0 ? r->recording->endpoint : (struct dgm_str){0},
            &out);
    else
        dgm_request_put_path(r->request, &place, &out);
    return gw_body_what(dgm_buf_str(&out));
}

/* ---- the answer ------------------------------------------------------------------------------------- */

/* What the client gets now. */
struct reply {
    int status; /* 0: it can not be told */
    bool streamed;
    struct dgm_buf out;
};

static struct dgm_fail failure_of(const struct gw_recorded_call *call)
{
    struct dgm_fail f;
    dgm_fail_set(&f, call->error, (struct dgm_str){0}, (const struct dgm_str[4]){call->detail});
    return f;
}

/* An error of ours, told before anything else was. */
static void reply_failure(struct run *r, const struct dgm_fail *f, struct reply *to)
{
    dgm_buf_clear(&to->out);
    dgm_fail_put_as(f, (enum dgm_compat)r->recording->compat, &to->out);
    to->status = dgm_error_status(f->id);
}

/* How a stream stands after a feed or a finish: DGM_MORE goes on. */
static enum dgm_rc feed(struct dgm_stream *s, struct dgm_str *in, struct dgm_buf *out)
{
    enum dgm_rc rc;
    do {
        rc = in != NULL ? dgm_stream_feed(s, in, out) : dgm_stream_finish(s, out);
    } while (rc == DGM_KEEP || rc == DGM_FULL);
    return rc;
}

static void reply_stream(struct run *r, struct reply *to)
{
    struct dgm_stream *s = dgm_stream_new(r->request);
    enum dgm_rc rc = s != NULL ? DGM_MORE : DGM_E_NOMEM;
    for (const struct gw_recorded_piece *at = r->call->pieces; at != NULL && rc == DGM_MORE;
         at = at->next) {
        struct dgm_str in = at->bytes;
        rc = feed(s, &in, &to->out);
    }
    if (rc == DGM_MORE && r->call->end == GW_RECORDED_WHOLE)
        rc = feed(s, NULL, &to->out);
    to->status = rc == DGM_DONE || rc == DGM_E_UPSTREAM ? 200 : 0;
    to->streamed = true;
    if (rc == DGM_E_UPSTREAM && !dgm_stream_started(s)) {
        dgm_buf_clear(&to->out);
        to->status = dgm_stream_put_error(s, &to->out);
        to->streamed = false;
    } else if (rc == DGM_MORE && r->call->end == GW_RECORDED_FAILED) {
        const struct dgm_fail f = failure_of(r->call);
        to->streamed = dgm_stream_started(s);
        to->status = 200;
        if (to->streamed)
            dgm_stream_fail(s, &f, &to->out);
        else
            reply_failure(r, &f, to);
    }
    r->nomem |= rc == DGM_E_NOMEM;
    dgm_stream_free(s);
}

/* Where a page came instead of an answer, the URL is told with it. */
static void tell_url(struct run *r)
{
    const struct gw_upstream *u = &r->call->upstream;
    struct dgm_str path = r->call->request.target;
    struct dgm_buf url;
    if (u->base_url.n == 0 || r->call->status < 400)
        return;
    dgm_buf_init(&url, dgm_arena_alloc(&r->arena), SIZE_MAX);
    dgm_buf_put(&url, u->base_url);
    while (url.n != 0 && url.p[url.n - 1] == '/')
        url.n--;
    dgm_buf_put(&url, dgm_str_head(path, dgm_str_find_char(path, '?')));
    if (url.rc == DGM_OK)
        dgm_request_asked_at(r->request, dgm_buf_str(&url));
}

static void reply_whole(struct run *r, struct reply *to)
{
    if (r->call->end == GW_RECORDED_FAILED) {
        const struct dgm_fail f = failure_of(r->call);
        reply_failure(r, &f, to);
    }
    if (r->call->end != GW_RECORDED_WHOLE)
        return;
    tell_url(r);
    struct dgm_str native = gw_recorded_bytes(r->call->pieces, &r->arena);
    enum dgm_rc rc = dgm_chat_response(r->request, r->call->status, native, &to->out, &to->status);
    r->nomem |= rc < 0;
}

static void compare_reply(struct run *r)
{
    struct dgm_str then = gw_recorded_bytes(r->recording->reply, &r->arena);
    struct reply now = {.status = 0};
    dgm_buf_init(&now.out, &dgm_alloc_libc, SIZE_MAX);
    if (dgm_request_wants_stream(r->request) && (r->call->status == 200 || r->call->status == 0))
        reply_stream(r, &now);
    else
        reply_whole(r, &now);
    r->nomem |= now.out.rc != DGM_OK;
    bool was_streamed = dgm_str_eq(r->recording->type, DGM_STR("text/event-stream"));
    if (now.status == 0 || r->recording->status == 0) {
        tell(r, DGM_STR("answer"), DGM_STR(": not run, nobody waited for its end"));
    } else if (now.status != r->recording->status) {
        char text[2][16];
        struct dgm_buf a = {.p = text[0], .cap = 16, .max = 16},
                       b = {.p = text[1], .cap = 16, .max = 16};
        dgm_buf_put_int(&a, r->recording->status);
        dgm_buf_put_int(&b, now.status);
        tell_change(r, DGM_STR("status"), dgm_buf_str(&a), dgm_buf_str(&b));
    } else if (now.streamed && was_streamed) {
        compare_events(r, then, dgm_buf_str(&now.out));
    } else {
        compare_json(r, DGM_STR("answer"), then, dgm_buf_str(&now.out));
    }
    dgm_buf_dispose(&now.out);
}

/* ---- one call --------------------------------------------------------------------------------------- */

/* False: it can not be run, which is told. */
static bool run_call(struct run *r)
{
    struct dgm_fail f;
    dgm_buf_init(&r->body, &dgm_alloc_libc, SIZE_MAX);
    r->request = NULL;
    enum dgm_rc rc = make_request(r, &f);
    if (rc == DGM_NEED) {
        tell(r, DGM_STR("not run"), DGM_STR(": what its URLs led to is not in the recording"));
    } else if (rc != DGM_OK) {
        r->nomem |= rc == DGM_E_NOMEM;
        tell_change(r, DGM_STR("request"), DGM_STR("made"), dgm_str_c(f.detail));
    } else {
        struct dgm_str then = gw_body_what(r->call->request.target), now = what_of(r);
        if (!dgm_str_eq(then, now))
            tell_change(r, DGM_STR("target"), then, now);
        compare_json(r, DGM_STR("request"), r->call->request.body, body_of(r));
        if (r->call->next == NULL)
            compare_reply(r);
    }
    dgm_request_free(r->request);
    dgm_buf_dispose(&r->body);
    return rc != DGM_NEED;
}

enum gw_rerun gw_rerun(const struct gw_recording *recording, struct dgm_buf *out)
{
    struct run r = {.recording = recording, .out = out};
    bool ran = recording->seed.p != NULL;
    if (!ran)
        tell(&r, DGM_STR("not run"),
             DGM_STR(": a call of Gemini's own API, which is not translated"));
    dgm_arena_init(&r.arena, &dgm_alloc_libc, SIZE_MAX);
    for (r.call = recording->calls; r.call != NULL && ran && !r.nomem; r.call = r.call->next)
        ran = run_call(&r);
    dgm_arena_dispose(&r.arena);
    if (r.nomem)
        return GW_RERUN_NOMEM;
    return r.changed ? GW_RERUN_CHANGED : ran ? GW_RERUN_SAME : GW_RERUN_NOT_RUN;
}
