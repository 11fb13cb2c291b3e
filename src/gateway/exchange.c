/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - one request: may it, what is it, how does its answer leave. */
#include "gateway/exchange.h"

#include "gateway/attempt.h"

#include "base/str.h"
#include "gateway/gate.h"
#include "gateway/log.h"
#include "gateway/tape.h"
#include "http/media.h"
#include "http/put.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)1024 * 1024) /* paths, names, targets: the chat has its own */
#define OUT_BYTES_MAX                                                                              \
    ((size_t)512 * 1024 * 1024) /* never met: the core's limits on an answer come first */
#define PROBE_ANSWER_BYTES_MAX ((size_t)64 * 1024)  /* of a refusal that names nothing */
#define NATIVE_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of a whole answer: no more is translated */
#define SLICE_BYTES ((size_t)64 * 1024) /* of a whole answer, given to the stream at a time */
#define HEAD_BYTES 384                  /* what most need */
#define HEAD_BYTES_MAX ((size_t)64 * 1024)
#define SMALL_BODY_BYTES                                                                           \
    65536 /* a refused request's body that is read to its end rather than cut off */
#define BODY_SLACK_BYTES 64 /* what a parser wants behind a body */

/* ---- begin and end ---------------------------------------------------------------------------------- */

static void on_released(struct gw_hold *);

static int64_t now_ms(const struct gw_exchange *x)
{
    return net_loop_now_ms(x->worker->loop);
}

/* The client's own id if it is a fit one, else ours. */
static void choose_request_id(struct gw_exchange *x)
{
    x->reply.request_id = http_head_get(x->head, DGM_STR("x-request-id"));
    if (http_request_id_ok(x->reply.request_id))
        return;
    gw_random_id(x->id);
    x->reply.request_id = (struct dgm_str){x->id, sizeof x->id};
}

/* Whose shapes the answer has: what the request asks for counts before the setting. */
static void choose_compat(struct gw_exchange *x)
{
    struct dgm_str asked = http_head_get(x->head, DGM_STR("x-dragoman-compat"));
    x->reply.compat = (enum dgm_compat)x->worker->config->compat;
    if (dgm_str_eq_nocase(asked, DGM_STR("google")))
        x->reply.compat = DGM_COMPAT_GOOGLE;
    else if (dgm_str_eq_nocase(asked, DGM_STR("openai")))
        x->reply.compat = DGM_COMPAT_OPENAI;
    else
        x->odd_compat = asked.p != NULL;
    x->reply.tells_compat = asked.p != NULL || x->reply.compat != DGM_COMPAT_OPENAI;
}

struct gw_exchange *gw_exchange_new(struct gw_conn *c)
{
    struct gw_worker *w = c->worker;
    struct gw_exchange *x = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *x);
    if (x == NULL)
        return NULL;
    *x = (struct gw_exchange){
        .conn = c, .worker = w, .head = &c->reader.head, .hold = {1, on_released}};
    gw_job_init(&x->chat.job, w, x);
    dgm_arena_init(&x->arena, &w->alloc, ARENA_BYTES_MAX);
    dgm_buf_init(&x->out, &w->alloc, OUT_BYTES_MAX);
    /* A job may work on these. */
    const struct dgm_alloc *a = &x->chat.job.alloc;
    dgm_buf_init(&x->body, a, (size_t)w->config->limits.body_bytes + BODY_SLACK_BYTES);
    dgm_buf_init(&x->chat.again, a, x->body.max);
    dgm_buf_init(&x->chat.kept, a, x->body.max);
    dgm_buf_init(&x->chat.native, a, NATIVE_BYTES_MAX);
    dgm_buf_init(&x->chat.object, a, OUT_BYTES_MAX);
    dgm_buf_init(&x->chat.later, &w->alloc, NATIVE_BYTES_MAX);
    dgm_buf_init(&x->chat.healing.first, a, OUT_BYTES_MAX);
    dgm_buf_init(&x->chat.probing.body, a, x->body.max);
    dgm_buf_init(&x->chat.probing.answer, a, PROBE_ANSWER_BYTES_MAX);
    dgm_buf_init(&x->chat.probing.told, a, OUT_BYTES_MAX);
    gw_deadlines_init(x);
    x->chat.retry_ms = -1;
    x->started_ms = x->upstream_ms = x->client_ms = now_ms(x);
    x->first_written = x->seen_written =
        net_stream_written(c->stream) + net_stream_queued(c->stream);
    x->reply.now = net_loop_wall_s(w->loop);
    x->reply.minor = x->head->minor;
    x->reply.head_only = x->head->method == HTTP_METHOD_HEAD;
    choose_request_id(x);
    choose_compat(x);
    w->counters->exchanges++;
    w->counters->requests_total++;
    return x;
}

static void log_access(const struct gw_exchange *x)
{
    if (!x->worker->config->log.access)
        return;
    /* Without the query: Google's clients may send their key there. */
    struct dgm_str target = dgm_str_head(x->head->target, dgm_str_find_char(x->head->target, '?'));
    struct dgm_str id = x->reply.request_id;
    target = dgm_str_head(target, 200);
    uint64_t bytes =
        net_stream_written(x->conn->stream) + net_stream_queued(x->conn->stream) - x->first_written;
    char attempts[32] = "";
    if (x->chat.plan.tries > 1)
        (void)snprintf(attempts, sizeof attempts, " attempts=%u", x->chat.plan.tries);
    gw_log(GW_LOG_INFO, "%.*s %.*s %d %" PRIu64 " bytes %" PRId64 " ms id=%.*s%s%.*s%s%.*s%s",
           (int)x->head->method_name.n, x->head->method_name.p, (int)target.n, target.p, x->status,
           bytes, now_ms(x) - x->started_ms, (int)id.n, id.p, x->subject.n != 0 ? " who=" : "",
           (int)x->subject.n, x->subject.n != 0 ? x->subject.p : "",
           x->chat.upstream.n != 0 ? " upstream=" : "", (int)x->chat.upstream.n,
           x->chat.upstream.n != 0 ? x->chat.upstream.p : "", attempts);
}

/* Neither its connection nor a job needs it any more. */
static void on_released(struct gw_hold *hold)
{
    struct gw_exchange *x =
        (struct gw_exchange *)(void *)((char *)hold - offsetof(struct gw_exchange, hold));
    struct gw_worker *w = x->worker;
    gw_chat_dispose(x);
    dgm_buf_dispose(&x->body);
    dgm_buf_dispose(&x->out);
    dgm_arena_dispose(&x->arena);
    w->alloc.resize(w->alloc.ctx, x, sizeof *x, 0);
}

void gw_exchange_free(struct gw_exchange *x)
{
    if (x == NULL)
        return;
    struct gw_worker *w = x->worker;
    if (x->stage != GW_ANSWERED) {
        x->status = 499; /* the client left: nginx's number for it */
        log_access(x);
        w->counters->left_total++;
    }
    if (x->stage == GW_STREAMING)
        w->counters->streams--;
    gw_deadlines_stop(x);
    gw_chat_cancel(x);
    gw_gate_leave(x);
    gw_tape_end(x->tape);
    gw_catalog_leave(&x->models);
    w->counters->exchanges--;
    x->conn = NULL;
    x->head = NULL;
    gw_hold_give(&x->hold);
}

/* ---- the answer ------------------------------------------------------------------------------------- */

/* Whether another request can follow: not over a large rest of this one's body. */
static bool may_keep(const struct gw_exchange *x)
{
    if (!x->head->keep_alive || x->worker->draining || x->final ||
        (x->conn->eof && x->conn->held.n == 0))
        return false;
    if (x->conn->phase != GW_CONN_BODY)
        return true;
    bool small = x->head->framing == HTTP_BODY_NONE ||
                 (x->head->framing == HTTP_BODY_SIZED && x->head->length <= SMALL_BODY_BYTES);
    return small && !x->head->expects_continue;
}

static void finish(struct gw_exchange *x)
{
    if (x->stage == GW_STREAMING)
        x->worker->counters->streams--;
    x->stage = GW_ANSWERED;
    gw_deadlines_stop(x);
    log_access(x);
    gw_conn_answered(x->conn, x->reply.keep_alive);
}

/* Gives parts to the client. False: no more for now. With the last of them what the request took of its key's limits is given
 * back, before: who has his answer may ask again at once. */
static bool give(struct gw_exchange *x, const struct dgm_str *parts, size_t n, bool last)
{
    if (last)
        gw_gate_settle(x);
    x->client_ms = now_ms(x);
    x->blocked = gw_conn_send(x->conn, parts, n) == DGM_FULL;
    x->seen_written = net_stream_written(x->conn->stream);
    return !x->blocked;
}

/* A head, but for what of it has left already. */
static struct dgm_str rest_of_head(const struct gw_exchange *x, const struct dgm_buf *head)
{
    return dgm_str_skip(dgm_buf_str(head), x->begun ? sizeof HTTP_STATUS_BEGIN - 1 : 0);
}

static void send_rest(struct gw_exchange *x)
{
    while (x->sent_bytes < x->out.n) {
        struct dgm_str slice =
            dgm_str_head(dgm_str_skip(dgm_buf_str(&x->out), x->sent_bytes), SLICE_BYTES);
        x->sent_bytes += slice.n;
        if (!give(x, &slice, 1, x->sent_bytes == x->out.n) && x->sent_bytes < x->out.n)
            return;
    }
    finish(x);
}

void gw_exchange_answer(struct gw_exchange *x, int status, struct dgm_str media)
{
    assert(x->stage < GW_STREAMING);
    gw_gate_turn_away(x);
    gw_deadlines_stop(x);
    if (x->out.rc != DGM_OK) {
        status = 503; /* not even memory for a text */
        dgm_buf_dispose(&x->out);
    }
    x->status = status;
    gw_tape_reply(x->tape, status, media, dgm_buf_str(&x->out));
    x->reply.keep_alive = may_keep(x);
    x->reply.now = net_loop_wall_s(x->worker->loop);
    x->reply.overhead_us = gw_overhead_us(x);

    struct dgm_buf head;
    dgm_buf_init(&head, dgm_arena_alloc(&x->arena), HEAD_BYTES_MAX);
    dgm_buf_reserve(&head, HEAD_BYTES);
    gw_reply_put_head(&head, &x->reply, status, media, x->out.n);
    if (head.rc != DGM_OK) {
        dgm_buf_dispose(&head);
        gw_conn_break(x->conn);
        return;
    }
    if (x->reply.head_only || status == 204)
        dgm_buf_clear(&x->out);
    struct dgm_str parts[] = {rest_of_head(x, &head),
                              dgm_str_head(dgm_buf_str(&x->out), SLICE_BYTES)};
    x->stage = GW_SENDING;
    x->sent_bytes = parts[1].n;
    bool more = give(x, parts, 2, x->sent_bytes == x->out.n);
    dgm_buf_dispose(&head);
    if (more || x->sent_bytes == x->out.n)
        send_rest(x);
    else
        gw_deadlines_set(x);
}

void gw_exchange_stream(struct gw_exchange *x, bool last)
{
    char opening[HTTP_CHUNK_OPEN_MAX], ending[HTTP_CHUNK_END_MAX];
    struct dgm_buf head, open = {.p = opening, .cap = sizeof opening, .max = sizeof opening},
                         end = {.p = ending, .cap = sizeof ending, .max = sizeof ending};
    if (gw_chat_holds(x, last))
        return;
    dgm_buf_init(&head, &x->worker->alloc,
                 HEAD_BYTES_MAX); /* the arena would keep it while the stream lasts */
    if (x->stage == GW_WAITING) {
        x->stage = GW_STREAMING;
        x->status = 200;
        x->worker->counters->streams++;
        x->reply.keep_alive = may_keep(x) && x->head->minor >= 1;
        x->reply.now = net_loop_wall_s(x->worker->loop);
        x->reply.overhead_us = gw_overhead_us(x);
        dgm_buf_reserve(&head, HEAD_BYTES);
        gw_reply_put_stream_head(&head, &x->reply);
    }
    gw_tape_reply(x->tape, 200,
                  x->reply.media.n != 0 ? x->reply.media : DGM_STR("text/event-stream"),
                  dgm_buf_str(&x->out));
    bool chunked = x->head->minor >= 1;
    if (chunked && x->out.n != 0) {
        http_put_chunk_open(&open, x->out.n);
        http_put_chunk_close(&end);
    }
    if (chunked && last)
        http_put_last_chunk(&end);
    bool sound = head.rc == DGM_OK && x->out.rc == DGM_OK;
    if (sound) {
        struct dgm_str parts[] = {head.n != 0 ? rest_of_head(x, &head) : (struct dgm_str){0},
                                  dgm_buf_str(&open), dgm_buf_str(&x->out), dgm_buf_str(&end)};
        give(x, parts, 4, last);
    } else {
        gw_conn_break(x->conn); /* an event was lost: this must not look like a whole stream */
    }
    dgm_buf_dispose(&head);
    dgm_buf_clear(&x->out);
    if (!sound)
        return;
    if (last) {
        finish(x);
        return;
    }
    if (x->blocked)
        gw_chat_pause(x, true);
    gw_deadlines_set(x);
}

void gw_exchange_comment(struct gw_exchange *x)
{
    dgm_buf_put_lit(&x->out, ": still waiting for the model\n\n");
    if (x->stage == GW_WAITING && !x->chat.plan.plain && !x->chat.heard)
        x->reply.upstream = (struct dgm_str){0}; /* it may be another one in the end */
    gw_exchange_stream(x, false);
}

void gw_exchange_probe(struct gw_exchange *x)
{
    if (x->stage == GW_STREAMING && x->chat.stream != NULL && !x->blocked) {
        gw_exchange_comment(x);
    } else if (x->stage <= GW_WAITING && !x->begun) {
        x->begun = true;
        give(x, &DGM_STR(HTTP_STATUS_BEGIN), 1, false);
    } /* else there are bytes on their way, or a native stream's next will be */
}

void gw_exchange_drained(struct gw_exchange *x)
{
    x->blocked = false;
    x->client_ms = x->upstream_ms = now_ms(x); /* an upstream that was paused could not be heard */
    if (x->stage == GW_SENDING) {
        send_rest(x);
        return;
    }
    if (x->stage == GW_STREAMING)
        gw_chat_pause(x, false);
    gw_deadlines_set(x);
}

void gw_exchange_fail(struct gw_exchange *x, const struct dgm_fail *f)
{
    if (x->stage == GW_STREAMING) {
        gw_chat_fail(x, f);
        return;
    }
    if (x->stage > GW_STREAMING) {
        gw_conn_break(x->conn);
        return;
    }
    gw_chat_cancel(x);
    x->worker->counters->refused_total++;
    dgm_buf_clear(&x->out);
    gw_reply_put_error(&x->reply, f, &x->out);
    gw_exchange_answer(x, dgm_error_status(f->id), GW_MEDIA_JSON);
}

void gw_exchange_fail_as(struct gw_exchange *x, enum dgm_error id)
{
    struct dgm_fail f;
    dgm_fail_row(&f, id);
    gw_exchange_fail(x, &f);
}

/* ---- the request ------------------------------------------------------------------------------------ */

static void refuse_with(struct gw_exchange *x, enum dgm_error id, struct dgm_str a,
                        struct dgm_str b, struct dgm_str c)
{
    struct dgm_fail f;
    dgm_fail_set(&f, id, (struct dgm_str){0}, (struct dgm_str[4]){a, b, c});
    gw_exchange_fail(x, &f);
}

/* Whether this machine is asked by a name of its own: none that a foreign page could have pointed here (DNS rebinding).
 * No page can reach a unix socket. Asked last: it is a call into the kernel. */
static bool names_us(const struct gw_exchange *x)
{
    return x->head->host.n == 0 || x->head->host_is_loopback ||
           net_stream_peer(x->conn->stream) == NET_PEER_UNIX;
}

/* Safe by default: no foreign name, unless who asks must show something, which makes him no page's unknowing helper; and
 * no foreign page. False: it was answered. */
static bool check_origin(struct gw_exchange *x)
{
    struct dgm_str origin = http_head_get(x->head, DGM_STR("origin"));
    if (!gw_config_asks(x->worker->config) && !names_us(x)) {
        gw_exchange_fail_as(x, DGM_ERR_HOST_FORBIDDEN);
        return false;
    }
    if (origin.p == NULL)
        return true;
    const struct gw_strs *allowed = &x->worker->config->auth.origins;
    for (size_t i = 0; i < allowed->n; i++) {
        if (dgm_str_eq_nocase(origin, allowed->at[i])) {
            x->reply.origin = origin;
            return true;
        }
    }
    gw_exchange_fail_as(x, DGM_ERR_ORIGIN_FORBIDDEN);
    return false;
}

/* The target, with the encoded slashes of a model's id as slashes: openai-node asks for models/google%2Fx. An id
 * is only looked up; everywhere else an encoded slash is refused. */
static struct dgm_str spell_out_id(struct gw_exchange *x)
{
    const struct dgm_str models = DGM_STR("/models/"), target = x->head->target;
    if (x->head->method != HTTP_METHOD_GET && x->head->method != HTTP_METHOD_HEAD)
        return target;
    size_t from = dgm_str_find(target, models), n = from + models.n;
    char *to = from < target.n ? dgm_arena_take(&x->arena, target.n) : NULL;
    if (to == NULL)
        return target;
    memcpy(to, target.p, n);
    size_t to_n = n;
    while (n < target.n) {
        bool slash = dgm_str_eq_nocase(dgm_str_head(dgm_str_skip(target, n), 3), DGM_STR("%2f"));
        to[to_n++] = slash ? '/' : target.p[n];
        n += slash ? 3 : 1;
    }
    return (struct dgm_str){to, to_n};
}

/* An endpoint of one's own must be configured; "openapi" is none. */
static bool has_endpoint(const struct gw_exchange *x)
{
    struct dgm_str endpoint = x->target.endpoint;
    return endpoint.p == NULL || x->target.route->what == GW_ENDPOINT ||
           dgm_str_eq(endpoint, DGM_STR("openapi")) ||
           gw_config_endpoint(x->worker->config, endpoint) != NULL;
}

/* Whether a path may be one that OpenAI's API and Google's both have. */
static bool is_shared(const struct http_path *path)
{
    return dgm_str_starts(path->text, DGM_STR("/v1/models"));
}

/* Whether a request is made as Google's clients make theirs: they name themselves, and their key in a place of its own; and
 * nobody else posts to a model. */
static bool asks_as_google(const struct gw_exchange *x)
{
    struct dgm_str target = x->head->target, query = target, path;
    dgm_str_split(&query, '?', &path);
    return http_head_get(x->head, DGM_STR("x-goog-api-key")).p != NULL ||
           http_head_get(x->head, DGM_STR("x-goog-api-client")).p != NULL ||
           dgm_str_starts(query, DGM_STR("key=")) ||
           dgm_str_find(query, DGM_STR("&key=")) < query.n ||
           (x->head->method == HTTP_METHOD_POST && dgm_str_find_char(path, ':') < path.n);
}

/* False: it was answered. */
static bool parse_target(struct gw_exchange *x)
{
    struct http_path path;
    struct dgm_fail f;
    enum dgm_rc rc = http_path_parse(spell_out_id(x), &x->arena, &path, &f);
    if (rc == DGM_E_NOMEM) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return false;
    }
    if (rc == DGM_OK)
        rc = gw_route_find(&path, is_shared(&path) && asks_as_google(x), &x->target, &f);
    if (rc != DGM_OK)
        gw_exchange_fail(x, &f);
    return rc == DGM_OK;
}

/* What is this machine's alone, however its path is spelled. False: it was answered. */
static bool check_local(struct gw_exchange *x)
{
    if (x->target.route->whose != GW_LOCAL ||
        (names_us(x) && net_stream_peer(x->conn->stream) != NET_PEER_OTHER))
        return true;
    gw_exchange_fail_as(x, DGM_ERR_LOCAL_ONLY);
    return false;
}

/* False: it was answered. */
static bool find_route(struct gw_exchange *x)
{
    x->target.route = gw_route_of(x->head->target);
    if (x->target.route == NULL && !parse_target(x))
        return false;
    if (!check_local(x))
        return false;
    if (x->target.route->what == GW_GOOGLE)
        gw_reply_as_google(&x->reply);
    if (!has_endpoint(x)) {
        refuse_with(x, DGM_ERR_UPSTREAM_NONE, DGM_STR("The endpoint "), x->target.endpoint,
                    DGM_STR(" is not configured; models are served at endpoints/openapi."));
        return false;
    }
    if (gw_route_serves(x->target.route, x->head->method))
        return true;
    x->reply.allow = gw_route_allow(x->target.route);
    refuse_with(x, DGM_ERR_METHOD, x->head->method_name, DGM_STR(" is not allowed here; allowed: "),
                x->reply.allow);
    return false;
}

static void refuse_large(struct gw_exchange *x, uint64_t bytes, bool declared)
{
    char numbers[160];
    struct dgm_buf text = {.p = numbers, .cap = sizeof numbers, .max = sizeof numbers};
    dgm_buf_put(&text, declared ? DGM_STR("The body of ") : DGM_STR("The body, of which "));
    dgm_buf_put_int(&text, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
    dgm_buf_put(&text, declared ? DGM_STR(" bytes") : DGM_STR(" bytes have come,"));
    dgm_buf_put_lit(&text, " is larger than the limit of ");
    dgm_buf_put_int(&text, x->worker->config->limits.body_bytes);
    dgm_buf_put_lit(&text, " bytes.");
    refuse_with(x, DGM_ERR_BODY_LARGE, dgm_buf_str(&text), (struct dgm_str){0},
                (struct dgm_str){0});
}

/* PATCH is Google's alone (routes.def): other paths refuse it before. */
static bool takes_body(const struct gw_exchange *x)
{
    return x->head->method == HTTP_METHOD_POST || x->head->method == HTTP_METHOD_PATCH;
}

void gw_exchange_head(struct gw_exchange *x)
{
    if (!check_origin(x))
        return;
    bool server_wide =
        dgm_str_eq(x->head->target, DGM_STR("*")); /* OPTIONS alone, says the reader */
    if (!server_wide && !find_route(x))
        return;
    if (x->odd_compat) {
        refuse_with(x, DGM_ERR_VALUE, DGM_STR("x-dragoman-compat must be google or openai."),
                    (struct dgm_str){0}, (struct dgm_str){0});
        return;
    }
    if (!server_wide && !gw_gate_pass(x))
        return;
    if (x->head->framing == HTTP_BODY_SIZED &&
        x->head->length > (uint64_t)x->worker->config->limits.body_bytes) {
        refuse_large(x, x->head->length, true);
        return;
    }
    /* It grows with what arrives, to no more than what was promised. */
    if (x->head->framing == HTTP_BODY_SIZED)
        x->body.max = (size_t)x->head->length + BODY_SLACK_BYTES;
    if (takes_body(x)) {
        /* A page may send text/plain, or no type at all, to any server without asking first; but not unnamed (Origin). */
        bool form = !server_wide && x->target.route->what == GW_IDENTITY;
        if (!form &&
            http_media_type(http_head_get(x->head, DGM_STR("content-type"))) != HTTP_MEDIA_JSON) {
            gw_exchange_fail_as(x, DGM_ERR_MEDIA_TYPE);
            return;
        }
        if (!http_coding_is_plain(http_head_get(x->head, DGM_STR("content-encoding")))) {
            gw_exchange_fail_as(x, DGM_ERR_CODING);
            return;
        }
    }
    gw_deadlines_set(x);
}

void gw_exchange_body(struct gw_exchange *x, struct dgm_str bytes)
{
    if (!takes_body(x))
        return; /* it means nothing */
    int64_t left = x->worker->config->limits.memory_bytes - x->worker->counters->held_bytes;
    if (left >= (int64_t)bytes.n)
        dgm_buf_put(&x->body, bytes);
    if (left < (int64_t)bytes.n || x->body.rc != DGM_OK)
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

bool gw_exchange_is_at_gate(const struct gw_exchange *x)
{
    return x->admission.waits;
}

void gw_exchange_admit(struct gw_exchange *x)
{
    gw_conn_hold(x->conn, false);
    if (x->admission.whole)
        gw_exchange_run(x);
    else
        gw_conn_continue(x->conn);
}

void gw_exchange_run(struct gw_exchange *x)
{
    if (x->admission.waits) {
        x->admission.whole = true;
        return;
    }
    if (x->head->method == HTTP_METHOD_OPTIONS) {
        x->reply.allow = gw_route_allow(x->target.route);
        x->reply.preflight = http_head_get(x->head, DGM_STR("access-control-request-headers"));
        gw_exchange_answer(x, 204, (struct dgm_str){0});
        return;
    }
    x->client_ms = now_ms(x);
    gw_deadlines_read(x);
    if (x->worker->recorder != NULL)
        x->tape = gw_tape_new(x);
    switch (x->target.route->what) {
    case GW_CHAT:
        gw_chat_run(x);
        break;
    case GW_NATIVE:
    case GW_GOOGLE:
        gw_native_run(x);
        break;
    case GW_EMULATED:
        gw_emulator_page(x);
        break;
    case GW_IDENTITY:
        gw_identity_run(x);
        break;
    case GW_IDENTITY_PAGE:
        gw_identity_page(x);
        break;
    case GW_IDENTITY_REVOKE:
        gw_identity_revoke(x);
        break;
    default:
        gw_pages_answer(x);
        break;
    }
}

void gw_exchange_refuse(struct gw_exchange *x, const struct dgm_fail *f)
{
    x->final = true;
    if (f->id == DGM_ERR_BODY_LARGE)
        refuse_large(x, http_reader_body_bytes(&x->conn->reader),
                     false); /* a chunk's size says so */
    else
        gw_exchange_fail(x, f);
}
