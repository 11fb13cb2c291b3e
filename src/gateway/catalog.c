/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c - lists of models, fetched when they are wanted and kept when they can not be. */
#include "gateway/catalog.h"

#include "base/str.h"
#include "gateway/destination.h"
#include "gateway/place.h"
#include "gateway/tokens.h"
#include "gateway/upstream.h"

#include <assert.h>

#define LIST_BYTES_MAX ((size_t)1024 * 1024)
#define ARENA_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define LIST_DEPTH_MAX 16
#define TARGET_BYTES_MAX 256

/** What one server said: the text, and the tree over it. */
struct said {
    struct dgm_buf text;
    struct dgm_arena arena;
    const struct json_val *models; /* NULL: nothing that counts */
};

struct list {
    struct gw_worker *worker;
    const struct gw_upstream *upstream;
    struct gw_call *call; /* NULL: none is under way */
    struct net_timer late;
    struct said good, coming; /* the last good answer, and the one that is on its way */
    int64_t next_ms;          /* not fetched again before */
    int status;
};

struct gw_catalog {
    struct gw_catalog_wait *waiting;
    size_t n;
    struct list at[];
};

/* ---- one answer ------------------------------------------------------------------------------------- */

static void said_init(struct said *s, const struct dgm_alloc *a)
{
    dgm_buf_init(&s->text, a, LIST_BYTES_MAX);
    dgm_arena_init(&s->arena, a, ARENA_BYTES_MAX);
    s->models = NULL;
}

static void said_dispose(struct said *s)
{
    dgm_buf_dispose(&s->text);
    dgm_arena_dispose(&s->arena);
    s->models = NULL;
}

static bool said_read(struct said *s)
{
    const struct json_val *root;
    struct json_error error;
    size_t n = s->text.n;
    if (!dgm_buf_reserve(&s->text, JSON_PADDING) ||
        json_parse(&s->arena, s->text.p, n, LIST_DEPTH_MAX, &root, &error) != DGM_OK)
        return false;
    s->models = json_get(root, DGM_STR("data"));
    return json_kind(s->models) == JSON_ARR;
}

/* ---- fetching --------------------------------------------------------------------------------------- */

static bool is_missing(const struct list *l)
{
    return l->call != NULL && l->good.models == NULL;
}

/* Those who wait are told when nothing is missing any more. */
static void tell(struct gw_catalog *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (is_missing(&c->at[i]))
            return;
    while (c->waiting != NULL) {
        struct gw_catalog_wait *w = c->waiting;
        gw_catalog_leave(w);
        w->on_ready(w->owner);
    }
}

/* Until the next fetch. */
static int64_t wait_ms(const struct list *l, bool good)
{
    int64_t keep = l->worker->config->timeouts.models_ms;
    return good || keep < GW_CATALOG_RETRY_MS ? keep : GW_CATALOG_RETRY_MS;
}

/* The fetch is over; what was good stays where this one was not. */
static void settle(struct list *l, bool good)
{
    struct said rest = l->coming;
    gw_call_free(l->call);
    l->call = NULL;
    net_timer_stop(&l->late);
    if (good) {
        rest = l->good;
        l->good = l->coming;
    }
    l->next_ms = net_loop_now_ms(l->worker->loop) + wait_ms(l, good);
    said_dispose(&rest);
    said_init(&l->coming, &l->worker->alloc);
    tell(l->worker->catalog);
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    (void)content_type;
    ((struct list *)owner)->status = status;
}

static void on_data(void *owner, struct dgm_str bytes)
{
    struct list *l = owner;
    dgm_buf_put(&l->coming.text, bytes); /* what finds no room is no list */
}

static void on_end(void *owner)
{
    struct list *l = owner;
    settle(l, l->status == 200 && l->coming.text.rc == DGM_OK && said_read(&l->coming));
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    (void)f;
    settle(owner, false);
}

static void on_late(void *owner)
{
    settle(owner, false);
}

static const struct gw_call_events events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

/* Begins; where it can not, it is as if it had failed. */
static void fetch(struct list *l)
{
    struct gw_token_said said;
    enum gw_token_state token = gw_tokens_look(l->worker, l->upstream, &said, NULL, NULL, NULL);
    const struct gw_place_ask question = {.upstream = l->upstream,
                                          .token = token == GW_TOKEN_READY ? &said : NULL};
    struct gw_place place;
    struct dgm_fail fail;
    char path[TARGET_BYTES_MAX];
    struct dgm_buf target = {.p = path, .cap = sizeof path, .max = sizeof path};
    l->next_ms = net_loop_now_ms(l->worker->loop) + wait_ms(l, false);
    if (token == GW_TOKEN_NONE ||
        gw_place_find(l->worker->config, &question, &l->coming.arena, &place, &fail) != DGM_OK)
        return; /* or it is asked with the caller's own token: nobody's list is everybody's */
    gw_relay_put_models_target(&place.origin, &target);
    const struct gw_call_request request = {.method = DGM_STR("GET"),
                                            .target = dgm_buf_str(&target),
                                            .origin = &place.origin,
                                            .headers = place.headers,
                                            .headers_n = place.headers_n};
    l->status = 0;
    l->call = gw_call_new(l->worker, l->upstream, &request, &events, l);
    gw_place_forget(&place);
    if (l->call != NULL)
        net_timer_start(l->worker->loop, &l->late, GW_CATALOG_WAIT_MS);
}

/* ---- for who asks ----------------------------------------------------------------------------------- */

/* Whether it has a list of its own: a server of one's own that speaks OpenAI's protocol. */
static bool lists(const struct gw_upstream *u)
{
    return u->kind == GW_VLLM || u->kind == GW_TGI || u->kind == GW_OPENAI;
}

static struct gw_catalog *open_catalog(struct gw_worker *w)
{
    size_t n = 0, bytes = sizeof(struct gw_catalog) + w->config->upstreams_n * sizeof(struct list);
    struct gw_catalog *c = w->alloc.resize(w->alloc.ctx, NULL, 0, bytes);
    if (c == NULL)
        return NULL;
    c->waiting = NULL;
    for (size_t i = 0; i < w->config->upstreams_n; i++) {
        struct list *l = &c->at[n];
        if (!lists(&w->config->upstreams[i]))
            continue;
        *l = (struct list){.worker = w, .upstream = &w->config->upstreams[i], .next_ms = INT64_MIN};
        said_init(&l->good, &w->alloc);
        said_init(&l->coming, &w->alloc);
        net_timer_init(&l->late, on_late, l);
        n++;
    }
    c->n = n;
    return c;
}

bool gw_catalog_ask(struct gw_worker *w, struct gw_catalog_wait *wait,
                    void (*on_ready)(void *owner), void *owner)
{
    bool missing = false;
    if (w->catalog == NULL)
        w->catalog = open_catalog(w);
    struct gw_catalog *c = w->catalog;
    for (size_t i = 0; c != NULL && i < c->n; i++) {
        struct list *l = &c->at[i];
        if (l->call == NULL && l->next_ms <= net_loop_now_ms(w->loop))
            fetch(l);
        missing |= is_missing(l);
    }
    if (!missing)
        return true;
    *wait = (struct gw_catalog_wait){c, c->waiting, on_ready, owner};
    c->waiting = wait;
    return false;
}

void gw_catalog_leave(struct gw_catalog_wait *w)
{
    if (w->catalog == NULL)
        return;
    struct gw_catalog_wait **at = &w->catalog->waiting;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    w->catalog = NULL;
}

const struct json_val *gw_catalog_models(const struct gw_worker *w, const struct gw_upstream *u)
{
    for (size_t i = 0; w->catalog != NULL && i < w->catalog->n; i++)
        if (w->catalog->at[i].upstream == u)
            return w->catalog->at[i].good.models;
    return NULL;
}

void gw_catalog_close(struct gw_worker *w)
{
    struct gw_catalog *c = w->catalog;
    if (c == NULL)
        return;
    assert(c->waiting == NULL); /* no exchange is left */
    for (size_t i = 0; i < c->n; i++) {
        struct list *l = &c->at[i];
        gw_call_free(l->call);
        net_timer_stop(&l->late);
        said_dispose(&l->good);
        said_dispose(&l->coming);
    }
    w->alloc.resize(w->alloc.ctx, c, sizeof *c + w->config->upstreams_n * sizeof(struct list), 0);
    w->catalog = NULL;
}
