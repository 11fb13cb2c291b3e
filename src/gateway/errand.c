/* SPDX-License-Identifier: Apache-2.0 */
/* errand.c - one request, one file, or one program, for a fetch of a token. */
#include "gateway/errand.h"

#include "auth/wipe.h"
#include "base/arena.h"
#include "base/str.h"
#include "gateway/child.h"
#include "gateway/once.h"
#include "gateway/origin.h"
#include "gateway/watched.h"
#include "http/media.h"
#include "net/proxy.h"
#include "net/work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES_MAX ((size_t)128 * 1024) /* of a request */
#define CHILD_TEXTS_MAX ((size_t)256 * 1024)
#define WHY_BYTES 400

/**
 * Lifetime:
 *   1. new asks, starts a thread, or reads; the answer is gathered.
 *   2. What ends it is told once, from the loop.
 *   3. free at any time. The struct goes then, or when its thread is done.
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
    struct gw_once_request request;
    struct gw_once *asked;
    struct dgm_buf text; /* of the answer */
    int status;
    int64_t fresh_s;
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
    gw_once_free(e->asked);
    e->asked = NULL;
    if (!e->running)
        release(e);
}

/* ---- what came of it ---- */

static void finish(struct gw_errand *e, int status, struct dgm_str why)
{
    const struct auth_result result = {.status = status,
                                       .text = dgm_buf_str(&e->text),
                                       .why = why,
                                       .is_googles = e->is_googles,
                                       .fresh_s = e->fresh_s};
    net_timer_stop(&e->late);
    e->on_done(e->owner, &result);
}

static void fail(struct gw_errand *e, const char *why)
{
    finish(e, 0, dgm_str_c(why));
}

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

static void on_head(void *owner, const struct http_head *head)
{
    struct gw_errand *e = owner;
    e->status = head->status;
    e->is_googles = dgm_str_eq(http_head_get(head, DGM_STR("metadata-flavor")), DGM_STR("Google"));
    e->fresh_s = http_fresh_s(http_head_get(head, DGM_STR("cache-control")),
                              http_head_get(head, DGM_STR("age")));
}

static void on_body(void *owner, struct dgm_str bytes)
{
    struct gw_errand *e = owner;
    dgm_buf_put(&e->text, bytes);
    if (e->text.rc != DGM_OK)
        fail(e, "it answered with more than any token needs");
}

static void on_whole(void *owner)
{
    struct gw_errand *e = owner;
    finish(e, e->status, (struct dgm_str){0});
}

static void on_fail(void *owner, enum gw_once_fault fault, struct dgm_str why)
{
    char text[WHY_BYTES];
    int n = snprintf(text, sizeof text, "%s%.*s", fault == GW_ONCE_SPOILT ? "it " : "",
                     (int)(why.n < WHY_BYTES ? why.n : WHY_BYTES), why.p);
    finish(owner, 0, (struct dgm_str){text, n < WHY_BYTES ? (size_t)n : WHY_BYTES - 1});
}

static const struct gw_once_events once_events = {
    .on_head = on_head, .on_body = on_body, .on_whole = on_whole, .on_fail = on_fail};

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

/* To a proxy the whole URL is named, where there is no tunnel. */
static struct gw_once_request request_of(const struct gw_errand *e)
{
    const struct auth_errand *w = e->what;
    size_t scheme = e->origin.tls ? 8 : 7, server = scheme + e->origin.authority.n;
    bool proxied = e->origin.proxy.n != 0 && !e->origin.tls;
    struct dgm_str target = dgm_str_skip(w->url, server); /* "/token", "/?Action=x" */
    return (struct gw_once_request){
        .method = w->method,
        .base = proxied ? dgm_str_head(w->url, server) : DGM_STR(""),
        .target = target.n != 0 ? target : DGM_STR("/"),
        .authority = e->origin.authority,
        .proxy = proxied ? &e->proxy : NULL,
        .headers = w->headers,
        .headers_n = w->headers_n,
        .body = w->body,
        .head_bytes = HEAD_BYTES_MAX,
    };
}

/* NULL: it is on its way. */
static const char *ask(struct gw_errand *e)
{
    const struct http_limits limits = {0};
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
    e->request = request_of(e);
    e->asked = gw_once_new(e->loop, &e->wiping, &to, e->what->timeout_ms, &e->request, &limits,
                           &once_events, e);
    return e->asked != NULL ? NULL : "memory is short";
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
    dgm_buf_init(&e->text, &e->wiping, AUTH_ANSWER_MAX);
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
