/* SPDX-License-Identifier: Apache-2.0 */
/* errand.c - one request, one file, or one program, for a fetch of a token. */
#include "gateway/errand.h"

#include "auth/wipe.h"
#include "base/arena.h"
#include "base/str.h"
#include "gateway/child.h"
#include "gateway/origin.h"
#include "gateway/watched.h"
#include "http/media.h"
#include "http/message.h"
#include "http/put.h"
#include "net/dial.h"
#include "net/proxy.h"
#include "net/work.h"

#include <errno.h>
#include <string.h>

#define HEAD_BYTES_MAX ((size_t)128 * 1024) /* of a request */
#define CHILD_TEXTS_MAX ((size_t)256 * 1024)

/**
 * Lifetime:
 *   1. new dials, starts a thread, or reads; the answer is gathered.
 *   2. What ends it is told once, from the loop.
 *   3. free at any time. The struct goes when its stream is closed, or its thread is done.
 */
struct gw_errand {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    const struct auth_errand *what;
    const struct gw_errand_way *way;
    void (*on_done)(void *owner, const struct auth_result *);
    void *owner;
    struct net_timer late; /* by when it must be over; or: what is known already is told */
    struct gw_origin origin;
    struct net_proxy proxy;
    struct net_dial *dial;
    struct net_stream *stream;
    struct http_reader reader;
    struct dgm_buf text; /* of the answer */
    int status;
    bool is_googles, whole, freed;
    const char *why; /* what is known already */
    struct net_work *work;
    struct gw_child child;
    bool running, ran;
    struct dgm_arena texts; /* of the child, which may outlive the fetch */
    struct auth_header variables[AUTH_ERRAND_HEADERS_MAX];
    char child_why[GW_CHILD_WHY_BYTES];
};

static void release(struct gw_errand *e)
{
    net_work_free(e->work);
    dgm_buf_dispose(&e->text);
    dgm_arena_dispose(&e->texts);
    e->alloc->resize(e->alloc->ctx, e, sizeof *e, 0);
}

void gw_errand_free(struct gw_errand *e)
{
    if (e == NULL)
        return;
    e->freed = true;
    net_timer_stop(&e->late);
    net_dial_cancel(e->dial);
    http_reader_dispose(&e->reader);
    if (e->stream != NULL)
        net_stream_close(e->stream);
    else if (!e->running)
        release(e);
}

/* ---- what came of it ---- */

static void finish(struct gw_errand *e, int status, struct dgm_str why)
{
    const struct auth_result result = {
        .status = status, .text = dgm_buf_str(&e->text), .why = why, .is_googles = e->is_googles};
    net_timer_stop(&e->late);
    e->on_done(e->owner, &result);
}

static void fail(struct gw_errand *e, const char *why)
{
    finish(e, 0, dgm_str_c(why));
}

/* False: the errand is over, and maybe gone. */
static bool hear(struct gw_errand *e, const struct http_event *ev)
{
    const struct http_head *head = &e->reader.head;
    switch (ev->kind) {
    case HTTP_EV_HEAD:
        e->status = head->status;
        e->is_googles =
            dgm_str_eq(http_head_get(head, DGM_STR("metadata-flavor")), DGM_STR("Google"));
        return true;
    case HTTP_EV_BODY:
        dgm_buf_put(&e->text, ev->body);
        if (e->text.rc == DGM_OK)
            return true;
        fail(e, "it answered with more than any token needs");
        return false;
    case HTTP_EV_END:
        finish(e, e->status, (struct dgm_str){0});
        return false;
    }
    return true;
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_errand *e = owner;
    struct http_event ev;
    enum dgm_rc rc;
    while ((rc = http_reader_next(&e->reader, &bytes, &ev)) == DGM_EVENT)
        if (!hear(e, &ev))
            return;
    if (rc != DGM_MORE)
        fail(e, "it answered something that is not HTTP");
}

static void on_eof(void *owner)
{
    struct gw_errand *e = owner;
    struct http_event ev;
    if (http_reader_finish(&e->reader, &ev) == DGM_EVENT)
        finish(e, e->status, (struct dgm_str){0});
    else
        fail(e, "it broke off");
}

static void on_broken(void *owner)
{
    fail(owner, "it broke off");
}

static void on_drain(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    release(owner);
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_eof,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_broken,
                                                       .on_closed = on_closed};

static void on_late(void *owner)
{
    struct gw_errand *e = owner;
    if (e->whole)
        finish(e, 200, (struct dgm_str){0});
    else
        fail(e, e->why != NULL ? e->why : "it did not answer in time");
}

/* Told in the loop's next turn. */
static void tell_soon(struct gw_errand *e, const char *why)
{
    e->why = why;
    net_timer_start(e->loop, &e->late, 0);
}

/* ---- a request ---- */

/* What stands behind the host: "/token", "/?Action=x". */
static struct dgm_str target_of(const struct gw_errand *e)
{
    return dgm_str_skip(e->what->url, (e->origin.tls ? 8 : 7) + e->origin.authority.n);
}

/* To a proxy the whole URL is named, where there is no tunnel. */
static void put_request(const struct gw_errand *e, struct dgm_buf *head)
{
    const struct auth_errand *w = e->what;
    bool proxied = e->origin.proxy.n != 0 && !e->origin.tls;
    struct dgm_str base = dgm_str_head(w->url, 7 + e->origin.authority.n), target = target_of(e);
    http_put_request(head, w->method, proxied ? base : DGM_STR(""),
                     target.n != 0 ? target : DGM_STR("/"));
    http_put_header(head, DGM_STR("Host"), e->origin.authority);
    if (proxied)
        net_proxy_put_authorization(&e->proxy, head);
    http_put_header_lit(head, "User-Agent", "dragoman/" DGM_VERSION);
    http_put_header_lit(head, "Accept", "*/*");
    http_put_header_lit(head, "Accept-Encoding", "identity");
    http_put_header_lit(head, "Connection", "close");
    for (size_t i = 0; i < w->headers_n; i++)
        http_put_header(head, w->headers[i].name, w->headers[i].value);
    if (!dgm_str_eq(w->method, DGM_STR("GET")))
        http_put_length(head, w->body.n);
    http_put_head_end(head);
}

static void on_open(void *owner, struct net_stream *stream)
{
    struct gw_errand *e = owner;
    struct dgm_buf head;
    e->dial = NULL;
    e->stream = stream;
    net_stream_own(stream, &stream_events, e);
    dgm_buf_init(&head, &e->wiping, HEAD_BYTES_MAX);
    put_request(e, &head);
    const struct dgm_str parts[] = {dgm_buf_str(&head), e->what->body};
    bool sent =
        head.rc == DGM_OK && net_stream_write(stream, parts, e->what->body.n != 0 ? 2 : 1) >= 0;
    dgm_buf_dispose(&head);
    if (!sent)
        fail(e, "memory is short");
}

static void on_dial_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct gw_errand *e = owner;
    (void)phase;
    e->dial = NULL;
    finish(e, 0, why);
}

static const struct net_dial_events dial_events = {.on_open = on_open, .on_failed = on_dial_failed};

/* A host of this link alone (RFC 3927): clouds have their metadata servers there, and no proxy leads to them. */
static bool is_of_this_link(struct dgm_str host)
{
    return dgm_str_starts(host, DGM_STR("169.254."));
}

/* The way there. False: the URL is none. */
static bool find_origin(struct gw_errand *e)
{
    struct dgm_str url = e->what->url, rest;
    struct http_host host;
    struct gw_origin *o = &e->origin;
    o->tls = dgm_str_starts(url, DGM_STR("https://"));
    rest = dgm_str_skip(url, o->tls ? 8 : 7);
    o->authority = dgm_str_head(rest, dgm_str_find_either(rest, '/', '?'));
    if (!http_host_parse(o->authority, &host))
        return false;
    o->host = host.name;
    o->port = host.port > 0 ? (uint16_t)host.port : o->tls ? 443 : 80;
    if (!e->what->direct && !is_of_this_link(o->host))
        o->proxy = gw_origin_proxy(&e->way->proxies, e->way->proxy, o);
    return true;
}

/* NULL: it is on its way. */
static const char *ask(struct gw_errand *e)
{
    const struct http_limits limits = {.body_bytes = AUTH_ANSWER_MAX};
    http_reader_init(&e->reader, HTTP_ANSWERS, &limits, &e->wiping);
    http_reader_expect(&e->reader, http_method_find(e->what->method));
    if (!find_origin(e))
        return "its URL is none";
    if (e->origin.tls && e->way->trust == NULL)
        return "no authorities could be loaded for TLS";
    if (e->origin.proxy.n != 0 && net_proxy_read(e->origin.proxy, &e->proxy) != NULL)
        return "the address of the proxy is none";
    const struct net_target to = {.host = e->origin.host,
                                  .port = e->origin.port,
                                  .trust = e->origin.tls ? e->way->trust : NULL,
                                  .proxy = e->origin.proxy.n != 0 ? &e->proxy : NULL};
    e->dial = net_dial_new(e->loop, &to, e->what->timeout_ms, &dial_events, e);
    return e->dial != NULL ? NULL : "memory is short";
}

/* ---- a file ---- */

const char *gw_errand_file(const char *path, struct dgm_buf *out, bool *ret_missing)
{
    int error = gw_file_read(path, out);
    *ret_missing = error == ENOENT || error == ENOTDIR;
    if (error == EFBIG)
        return "it is too large";
    return error != 0 ? strerror(error) : NULL;
}

static const char *read_file(struct gw_errand *e)
{
    char path[4096];
    bool missing;
    if (e->what->path.n >= sizeof path)
        return "its name is too long";
    memcpy(path, e->what->path.p, e->what->path.n);
    path[e->what->path.n] = '\0';
    const char *why = gw_errand_file(path, &e->text, &missing);
    e->whole = why == NULL;
    return why;
}

/* ---- a program ---- */

static void run_program(void *owner)
{
    struct gw_errand *e = owner;
    e->ran = gw_child_run(&e->child, &e->text, e->child_why);
}

static void on_program(void *owner)
{
    struct gw_errand *e = owner;
    e->running = false;
    if (e->freed)
        release(e);
    else
        finish(e, e->ran ? 200 : 0, dgm_str_c(e->child_why));
}

static const char *run(struct gw_errand *e)
{
    dgm_arena_init(&e->texts, e->alloc, CHILD_TEXTS_MAX);
    e->work = net_work_new(e->loop);
    struct dgm_str command = dgm_arena_copy(&e->texts, e->what->path);
    bool copied = command.p != NULL;
    for (size_t i = 0; i < e->what->headers_n; i++) {
        const struct auth_header *v = &e->what->headers[i];
        struct dgm_str value = v->value.p != NULL ? v->value : DGM_STR("");
        e->variables[i] = (struct auth_header){dgm_arena_copy(&e->texts, v->name),
                                               dgm_arena_copy(&e->texts, value)};
        copied = copied && e->variables[i].name.p != NULL && e->variables[i].value.p != NULL;
    }
    if (e->work == NULL || !copied)
        return "memory is short";
    e->child = (struct gw_child){.command = command,
                                 .variables = e->variables,
                                 .variables_n = e->what->headers_n,
                                 .environment = e->way->environment,
                                 .timeout_ms = e->what->timeout_ms};
    e->running = true;
    net_work_start(e->work, run_program, on_program, e);
    return NULL;
}

/* ---- public ---- */

struct gw_errand *gw_errand_new(struct net_loop *loop, const struct auth_errand *what,
                                const struct gw_errand_way *way,
                                void (*on_done)(void *owner, const struct auth_result *),
                                void *owner)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    const char *why = NULL;
    struct gw_errand *e = a->resize(a->ctx, NULL, 0, sizeof *e);
    if (e == NULL)
        return NULL;
    *e = (struct gw_errand){.loop = loop,
                            .alloc = a,
                            .wiping = auth_wiping(a),
                            .what = what,
                            .way = way,
                            .on_done = on_done,
                            .owner = owner};
    net_timer_init(&e->late, on_late, e);
    dgm_buf_init(&e->text, &e->wiping, AUTH_ANSWER_MAX + 4096);
    switch (what->act) {
    case AUTH_ASK:
        why = ask(e);
        break;
    case AUTH_READ:
        why = read_file(e);
        break;
    case AUTH_RUN:
        why = run(e);
        break;
    }
    if (why != NULL || e->whole)
        tell_soon(e, why);
    else if (!e->running)
        net_timer_start(loop, &e->late, what->timeout_ms);
    return e;
}
