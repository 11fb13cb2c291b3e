/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.c - access tokens in a worker. */
#include "gateway/tokens.h"

#include "auth/wipe.h"
#include "base/str.h"
#include "gateway/keeper_link.h"

#include <string.h>

#define PAYLOAD_MAX ((size_t)64 * 1024)
#define TROUBLE_MAX ((size_t)4096)

/** The credentials of one upstream, or of several that have the same. */
struct gw_token_slot {
    struct gw_worker *worker;
    const struct gw_upstream *upstream; /* the first of them */
    struct dgm_buf payload;             /* as it came; `said` is part of it */
    struct gw_token_said said;
    struct dgm_buf trouble;       /* what the last fetch came to; empty: it went well */
    uint64_t refused;             /* a generation that is not to be used again; 0: none */
    bool want_told, refused_told; /* to the keeper, on the link there is */
    struct gw_token_wait *waiting;
};

struct gw_tokens {
    struct gw_worker *worker;
    struct dgm_alloc wiping;
    struct gw_token_slot at[]; /* one for each upstream; not all are in use */
};

static bool is_wanted(const struct gw_upstream *u)
{
    return u->kind != GW_EMULATOR && gw_credentials_are_fetched(u->credentials.kind);
}

static bool same_texts(struct dgm_str a, struct dgm_str b)
{
    return (a.n == 0 && b.n == 0) || dgm_str_eq(a, b);
}

/* The slot of an upstream: that of the first which has the same credentials and the same way to them. */
static struct gw_token_slot *slot_of(struct gw_tokens *t, const struct gw_upstream *u)
{
    for (size_t i = 0; i < u->index; i++) {
        const struct gw_upstream *other = &t->worker->config->upstreams[i];
        if (is_wanted(other) && other->credentials.kind == u->credentials.kind &&
            same_texts(other->credentials.value, u->credentials.value) &&
            same_texts(other->proxy, u->proxy))
            return &t->at[i];
    }
    return &t->at[u->index];
}

/* ---- wants ---- */

/* For what there is no room, or no memory, the next request tells. */
static void tell_want(struct gw_tokens *t, struct gw_token_slot *s)
{
    struct dgm_buf payload;
    const struct gw_source_place place = gw_source_place_of(t->worker->config, s->upstream);
    dgm_buf_init(&payload, &t->wiping, gw_message_max_bytes(GW_MSG_TOKEN_WANT));
    gw_token_want_put(s->upstream->index, &place, &payload);
    s->want_told = payload.rc == DGM_OK &&
                   gw_keeper_tell(t->worker->keeper, GW_MSG_TOKEN_WANT, dgm_buf_str(&payload));
    dgm_buf_dispose(&payload);
}

void gw_tokens_begin(struct gw_tokens *t)
{
    const struct gw_config *c = t->worker->config;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        if (is_wanted(u) && slot_of(t, u) == &t->at[i])
            tell_want(t, &t->at[i]);
    }
}

static void tell_bad(struct gw_token_slot *s)
{
    char room[16];
    struct dgm_buf payload = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_field_put_u64(&payload, s->upstream->index);
    gw_field_put_u64(&payload, s->refused);
    s->refused_told = gw_keeper_tell(s->worker->keeper, GW_MSG_TOKEN_BAD, dgm_buf_str(&payload));
}

/* ---- what is told ---- */

/* The list is taken off before: whoever finds nothing of use waits again, for the next word. */
static void wake(struct gw_token_slot *s)
{
    struct gw_token_wait *woken = s->waiting;
    s->waiting = NULL;
    if (woken != NULL)
        woken->at = &woken;
    while (woken != NULL) {
        struct gw_token_wait *w = woken;
        void (*on_ready)(void *) = w->on_ready;
        void *owner = w->owner;
        gw_token_leave(w); /* as any of the others may, from within on_ready */
        on_ready(owner);
    }
}

static bool is_good(const struct gw_token_slot *s)
{
    return s->said.token.n != 0 && s->said.generation != s->refused &&
           net_loop_wall_ms(s->worker->loop) < s->said.ends_ms;
}

static void take(struct gw_token_slot *s, struct dgm_str payload, const struct dgm_alloc *wiping)
{
    struct dgm_buf copy;
    struct gw_token_said said;
    dgm_buf_init(&copy, wiping, PAYLOAD_MAX);
    dgm_buf_put(&copy, payload);
    if (copy.rc != DGM_OK || !gw_token_said_read(dgm_buf_str(&copy), &said)) {
        dgm_buf_dispose(&copy); /* the one there is lives on */
        return;
    }
    dgm_buf_clear(&s->trouble);
    dgm_buf_put(&s->trouble, said.trouble);
    if (said.trouble.n != 0) /* there is no better one: it may have been the upstream's mood */
        s->refused = 0;
    if (said.token.n == 0 && is_good(s)) { /* of a keeper that began anew, and has none yet */
        s->said.passes = said.passes;
        dgm_buf_dispose(&copy);
    } else {
        dgm_buf_dispose(&s->payload);
        s->payload = copy;
        s->said = said;
    }
    if (s->refused != 0 && said.generation == s->refused && !s->refused_told)
        tell_bad(s);
    wake(s);
}

void gw_tokens_hear(struct gw_tokens *t, const struct gw_frame *frame)
{
    struct gw_token_said said;
    if (frame == NULL) {
        for (size_t i = 0; i < t->worker->config->upstreams_n; i++)
            t->at[i].refused_told = false; /* it may have gone with the link */
        gw_tokens_begin(t);                /* the next keeper hears it first */
    } else if (frame->kind == GW_MSG_TOKEN && gw_token_said_read(frame->payload, &said) &&
               said.number < t->worker->config->upstreams_n) {
        take(&t->at[said.number], frame->payload, &t->wiping);
    }
}

/* ---- for requests ---- */

static void on_late(void *owner)
{
    struct gw_token_wait *w = owner;
    void (*on_ready)(void *) = w->on_ready;
    gw_token_leave(w);
    w->is_late = true;
    on_ready(w->owner);
}

static void enter(struct gw_token_slot *s, struct gw_token_wait *w, void (*on_ready)(void *owner),
                  void *owner)
{
    *w = (struct gw_token_wait){.slot = s, .on_ready = on_ready, .owner = owner};
    w->next = s->waiting;
    w->at = &s->waiting;
    if (w->next != NULL)
        w->next->at = &w->next;
    s->waiting = w;
    net_timer_init(&w->late, on_late, w);
    net_timer_start(s->worker->loop, &w->late, GW_TOKEN_WAIT_MS);
}

void gw_token_leave(struct gw_token_wait *w)
{
    if (w->slot == NULL)
        return;
    *w->at = w->next;
    if (w->next != NULL)
        w->next->at = w->at;
    w->slot = NULL;
    net_timer_stop(&w->late);
}

enum gw_token_state gw_tokens_look(struct gw_worker *w, const struct gw_upstream *u,
                                   struct gw_token_said *ret, struct gw_token_wait *wait,
                                   void (*on_ready)(void *owner), void *owner)
{
    if (!is_wanted(u) || w->tokens == NULL)
        return GW_TOKEN_UNWANTED;
    struct gw_token_slot *s = slot_of(w->tokens, u);
    if (!s->want_told)
        tell_want(w->tokens, s);
    if (s->refused != 0 && !s->refused_told)
        tell_bad(s);
    *ret = s->said;
    ret->trouble = dgm_buf_str(&s->trouble);
    if (is_good(s))
        return GW_TOKEN_READY;
    bool late = wait == NULL || wait->is_late;
    if (wait != NULL)
        wait->is_late = false;
    if (late || (s->trouble.n != 0 && s->refused == 0)) {
        if (ret->trouble.n == 0)
            ret->passes = true;
        return GW_TOKEN_NONE;
    }
    enter(s, wait, on_ready, owner);
    return GW_TOKEN_WAIT;
}

void gw_tokens_refused(struct gw_worker *w, const struct gw_upstream *u, uint64_t generation)
{
    struct gw_token_slot *s = slot_of(w->tokens, u);
    if (s->said.generation != generation || s->refused == generation)
        return; /* there is a newer one already, or it was said */
    s->refused = generation;
    tell_bad(s);
}

/* ---- its life ---- */

struct gw_tokens *gw_tokens_new(struct gw_worker *w)
{
    size_t n = w->config->upstreams_n;
    struct gw_tokens *t = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *t + n * sizeof *t->at);
    if (t == NULL)
        return NULL;
    *t = (struct gw_tokens){.worker = w, .wiping = auth_wiping(&w->alloc)};
    for (size_t i = 0; i < n; i++) {
        t->at[i] = (struct gw_token_slot){.worker = w, .upstream = &w->config->upstreams[i]};
        dgm_buf_init(&t->at[i].trouble, &w->alloc, TROUBLE_MAX);
    }
    return t;
}

void gw_tokens_free(struct gw_tokens *t)
{
    if (t == NULL)
        return;
    struct gw_worker *w = t->worker;
    size_t n = w->config->upstreams_n;
    for (size_t i = 0; i < n; i++) {
        dgm_buf_dispose(&t->at[i].payload);
        dgm_buf_dispose(&t->at[i].trouble);
    }
    w->alloc.resize(w->alloc.ctx, t, sizeof *t + n * sizeof *t->at, 0);
}
