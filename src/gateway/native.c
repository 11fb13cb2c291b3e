/* SPDX-License-Identifier: Apache-2.0 */
/* native.c - Google's own APIs, and the servers of endpoints, answered by the emulator byte for byte. */
#include "base/str.h"
#include "gateway/exchange.h"
#include "gateway/upstream.h"

/* ---- the answer ------------------------------------------------------------------------------------- */

/* A good stream leaves piece by piece, as it comes; everything else has its length. */
static bool is_streamed(const struct gw_exchange *x)
{
    bool asked = dgm_str_find(x->target.call, DGM_STR(":stream")) < x->target.call.n;
    return x->chat.status == 200 &&
           (asked || dgm_str_starts(x->reply.media, DGM_STR("text/event-stream")));
}

static void on_warning(void *owner, struct dgm_str value)
{
    struct gw_exchange *x = owner;
    if (x->stage == GW_WAITING)
        x->reply.doubts = dgm_arena_copy(&x->arena, value);
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    struct gw_exchange *x = owner;
    x->chat.status = status;
    gw_exchange_heard(x, false);
    x->reply.media = dgm_arena_copy(&x->arena, content_type);
}

static void on_data(void *owner, struct dgm_str bytes)
{
    struct gw_exchange *x = owner;
    if (x->stage > GW_STREAMING)
        return;
    gw_exchange_heard(x, true);
    dgm_buf_put(&x->out, bytes);
    if (is_streamed(x))
        gw_exchange_stream(x, false);
}

static void on_end(void *owner)
{
    struct gw_exchange *x = owner;
    if (x->stage > GW_STREAMING)
        return;
    if (is_streamed(x))
        gw_exchange_stream(x, true);
    else
        gw_exchange_answer(x, x->chat.status, x->reply.media);
}

/* A server that breaks off is heard breaking off, behind what it had said. */
static void break_off(struct gw_exchange *x)
{
    if (x->stage == GW_WAITING && x->out.n != 0)
        gw_exchange_stream(x, false);
    gw_conn_break(x->conn);
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct gw_exchange *x = owner;
    if (f->id == DGM_ERR_UPSTREAM_CUT)
        break_off(x);
    else if (x->stage <= GW_STREAMING)
        gw_exchange_fail(x, f);
}

static const struct gw_call_events call_events = {.on_head = on_head,
                                                  .on_data = on_data,
                                                  .on_end = on_end,
                                                  .on_fail = on_fail,
                                                  .on_warning = on_warning};

/* ---- the request ------------------------------------------------------------------------------------ */

static bool is_gemini(const struct gw_upstream *u)
{
    return u != NULL && u->kind == GW_EMULATOR && u->dialect == GW_DIALECT_GEMINI;
}

/* What the emulator is asked for: the server behind an endpoint, or a model of Gemini's; absent: all of them. */
static struct dgm_str asked_name(const struct gw_exchange *x)
{
    struct dgm_str call = x->target.call;
    return x->target.endpoint.p ? x->target.endpoint
                                : dgm_str_head(call, dgm_str_find_char(call, ':'));
}

static const struct gw_upstream *emulator_of(const struct gw_config *c, bool server,
                                             struct dgm_str name)
{
    if (server) {
        const struct gw_endpoint *e = gw_config_endpoint(c, name);
        bool emulated = e != NULL && e->upstream->kind == GW_EMULATOR && !is_gemini(e->upstream);
        return emulated ? e->upstream : NULL;
    }
    if (name.p != NULL) {
        const struct gw_upstream *u = gw_config_model(c, name);
        return is_gemini(u) ? u : NULL;
    }
    for (size_t i = 0; i < c->upstreams_n; i++)
        if (is_gemini(&c->upstreams[i]))
            return &c->upstreams[i];
    return NULL;
}

/* The emulator that this goes to; NULL: it goes elsewhere, and that was answered. */
static const struct gw_upstream *find_emulator(struct gw_exchange *x)
{
    bool server = x->target.endpoint.p != NULL;
    struct dgm_str name = asked_name(x);
    const struct gw_upstream *u = emulator_of(x->worker->config, server, name);
    if (u != NULL)
        return u;
    struct dgm_fail f;
    dgm_fail_set(&f, DGM_ERR_UPSTREAM_NONE, (struct dgm_str){0},
                 (struct dgm_str[4]){DGM_STR("No emulator is configured for the "),
                                     server           ? DGM_STR("endpoint ")
                                     : name.p != NULL ? DGM_STR("model ")
                                                      : DGM_STR("list of models"),
                                     dgm_str_head(name, 200), DGM_STR(".")});
    gw_exchange_fail(x, &f);
    return NULL;
}

void gw_native_run(struct gw_exchange *x)
{
    const struct gw_upstream *u = find_emulator(x);
    if (u == NULL)
        return;
    struct gw_call_header headers[4] = {
        {DGM_STR("content-type"), http_head_get(x->head, DGM_STR("content-type"))}};
    size_t headers_n = 1 + gw_emulator_controls(x->head, headers + 1);
    x->chat.upstream = u->name;
    x->reply.upstream = DGM_STR("emulator");
    x->chat.body = dgm_buf_str(&x->body);
    bool server = x->target.endpoint.p != NULL;
    const struct gw_call_request request = {
        .method = x->reply.head_only ? DGM_STR("GET") : x->head->method_name,
        .target = server ? DGM_STR("/v1/chat/completions") : x->head->target,
        .headers = headers,
        .headers_n = headers_n,
        .segments = &x->chat.body,
        .segments_n = 1,
        .hold = &x->hold,
        .tape = x->tape};
    gw_exchange_wait(x);
    x->chat.call = gw_call_new(x->worker, u, &request, &call_events, x);
    if (x->chat.call == NULL)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}
