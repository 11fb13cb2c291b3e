/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_tokens.c - access tokens, in the keeper: fetched, refreshed, told. */
#include "gateway/keeper_tokens.h"

#include "auth/wipe.h"
#include "base/arena.h"
#include "base/str.h"
#include "gateway/log.h"
#include "gateway/random.h"

#include <string.h>

#define HELD_MAX 256                   /* sources */
#define WANTS_MAX 4096                 /* of all links, of one source */
#define TEXTS_MAX ((size_t)256 * 1024) /* of one source */
#define TOKEN_MAX ((size_t)32 * 1024)  /* a token and what is told with it */
#define REFRESH_MIN_MS 250             /* between two fetches that went well */
#define YOUNG_MS 1000                  /* a token is not given up before */
#define RETRY_MS 1000                  /* after a fetch that failed, ... */
#define RETRY_MAX_MS 30000             /* ... doubled up to this, */
#define RETRY_STUCK_MAX_MS 300000      /* or this, where nothing will change by itself */
#define RETRY_MIN_MS 100

struct want {
    void *link;
    uint64_t number;
};

/**
 * One source, and its newest token. Lifetime: from the first want; when the last is gone, to the end of its token.
 */
struct held {
    struct gw_keeper_tokens *tokens;
    struct held *next;
    struct dgm_arena texts; /* of `place`, and `key` */
    struct gw_source_place place;
    struct dgm_str key; /* the want but for its number: by which it is known */
    struct gw_source *source;
    struct dgm_buf wants; /* struct want */
    struct dgm_arena said_texts;
    struct gw_token_said said;
    int64_t fetched_ms,
        due_ms;             /* on the loop's clock: the last fetch that went well; the next one */
    struct net_timer timer; /* the next one; or, while nobody wants it, the token's end */
    bool fetching, is_bad;
    unsigned failures;
};

struct gw_keeper_tokens {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    const char *const *environment;
    void (*say)(void *link, enum gw_message, uint32_t id, struct dgm_str payload);
    struct held *held;
    size_t held_n;
};

/* ---- payloads ---- */

/* The texts of a place, in the order in which they are put. */
static struct dgm_str *place_text(struct gw_source_place *p, size_t index)
{
    struct dgm_str *const texts[] = {&p->path,         &p->proxy,          &p->proxies.https,
                                     &p->proxies.http, &p->proxies.except, &p->roots.file,
                                     &p->roots.dir};
    return index < sizeof texts / sizeof *texts ? texts[index] : NULL;
}

void gw_token_want_put(uint64_t number, const struct gw_source_place *place, struct dgm_buf *out)
{
    struct gw_source_place copy = *place;
    gw_field_put_u64(out, number);
    gw_field_put_u64(out, (uint64_t)place->kind);
    for (size_t i = 0; place_text(&copy, i) != NULL; i++)
        gw_field_put_str(out, *place_text(&copy, i));
}

bool gw_token_want_read(struct dgm_str payload, uint64_t *ret_number, struct gw_source_place *ret)
{
    struct gw_fields f = {.rest = payload};
    struct gw_source_place p = {0};
    uint64_t number = gw_field_u64(&f), kind = gw_field_u64(&f);
    for (size_t i = 0; place_text(&p, i) != NULL; i++)
        *place_text(&p, i) = gw_field_str(&f);
    p.kind = kind <= GW_CREDENTIALS_METADATA ? (enum gw_credentials_kind)kind : GW_CREDENTIALS_NONE;
    if (!gw_fields_ended(&f) || !gw_credentials_are_fetched(p.kind))
        return false;
    *ret_number = number;
    *ret = p;
    return true;
}

static struct dgm_str *said_text(struct gw_token_said *s, size_t index)
{
    struct dgm_str *const texts[] = {&s->token, &s->quota_project, &s->universe, &s->project,
                                     &s->trouble};
    return index < sizeof texts / sizeof *texts ? texts[index] : NULL;
}

void gw_token_said_put(const struct gw_token_said *s, struct dgm_buf *out)
{
    struct gw_token_said copy = *s;
    gw_field_put_u64(out, s->number);
    gw_field_put_u64(out, s->generation);
    gw_field_put_u64(out, (uint64_t)s->ends_ms);
    gw_field_put_u64(out, s->passes);
    for (size_t i = 0; said_text(&copy, i) != NULL; i++)
        gw_field_put_str(out, *said_text(&copy, i));
}

bool gw_token_said_read(struct dgm_str payload, struct gw_token_said *ret)
{
    struct gw_fields f = {.rest = payload};
    struct gw_token_said s = {.number = gw_field_u64(&f), .generation = gw_field_u64(&f)};
    s.ends_ms = (int64_t)(gw_field_u64(&f) & INT64_MAX);
    s.passes = gw_field_u64(&f) != 0;
    for (size_t i = 0; said_text(&s, i) != NULL; i++)
        *said_text(&s, i) = gw_field_str(&f);
    if (!gw_fields_ended(&f))
        return false;
    *ret = s;
    return true;
}

/* ---- telling ---- */

static void tell_link(struct held *h, const struct want *w)
{
    struct dgm_buf payload;
    struct gw_token_said said = h->said;
    said.number = w->number;
    dgm_buf_init(&payload, &h->tokens->wiping, gw_message_max_bytes(GW_MSG_TOKEN));
    gw_token_said_put(&said, &payload);
    if (payload.rc == DGM_OK)
        h->tokens->say(w->link, GW_MSG_TOKEN, 0, dgm_buf_str(&payload));
    dgm_buf_dispose(&payload);
}

static struct want *wants_of(const struct held *h)
{
    return (struct want *)(void *)h->wants.p;
}

static size_t wants_n(const struct held *h)
{
    return h->wants.n / sizeof(struct want);
}

static void tell_all(struct held *h)
{
    for (size_t i = 0; i < wants_n(h); i++)
        tell_link(h, &wants_of(h)[i]);
}

/* ---- when ---- */

static int64_t now_ms(const struct held *h)
{
    return net_loop_now_ms(h->tokens->loop);
}

static int64_t left_ms(const struct held *h)
{
    return h->said.token.n != 0 ? h->said.ends_ms - net_loop_wall_ms(h->tokens->loop) : 0;
}

static void start_in(struct held *h, int64_t ms)
{
    h->due_ms = now_ms(h) + ms;
    net_timer_start(h->tokens->loop, &h->timer, ms);
}

static void plan_refresh(struct held *h)
{
    int64_t life = left_ms(h), sixteenth = life > 16 ? life / 16 : 1;
    int64_t in = life - life / 4 - gw_random_u32() % sixteenth;
    start_in(h, in > REFRESH_MIN_MS ? in : REFRESH_MIN_MS);
}

static void plan_retry(struct held *h)
{
    int64_t most = h->said.passes ? RETRY_MAX_MS : RETRY_STUCK_MAX_MS, in = RETRY_MS,
            left = left_ms(h);
    for (unsigned i = 1; i < h->failures && in < most; i++)
        in *= 2;
    in = in < most ? in : most;
    if (left > 0 && in > left / 4) /* a token that ends first costs requests */
        in = left / 4 > RETRY_MIN_MS ? left / 4 : RETRY_MIN_MS;
    start_in(h, in - gw_random_u32() % (in / 8 + 1));
}

/* ---- fetching ---- */

static void free_held(struct held *h)
{
    struct gw_keeper_tokens *t = h->tokens;
    struct held **at = &t->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    t->held_n--;
    net_timer_stop(&h->timer);
    gw_source_free(h->source);
    dgm_buf_dispose(&h->wants);
    dgm_arena_dispose(&h->said_texts);
    dgm_arena_dispose(&h->texts);
    t->alloc->resize(t->alloc->ctx, h, sizeof *h, 0);
}

static void fetch(struct held *h)
{
    if (h->fetching)
        return;
    h->fetching = true;
    net_timer_stop(&h->timer);
    gw_source_fetch(h->source, net_loop_wall_ms(h->tokens->loop));
}

static void on_timer(void *owner)
{
    struct held *h = owner;
    if (wants_n(h) != 0)
        fetch(h);
    else if (left_ms(h) > 0)
        net_timer_start(h->tokens->loop, &h->timer, left_ms(h));
    else
        free_held(h);
}

/* Each text anew: what was said before is wiped. False: memory is short. */
static bool keep_said(struct held *h, const struct gw_token_said *said)
{
    struct gw_token_said copy = *said;
    struct dgm_arena texts;
    dgm_arena_init(&texts, &h->tokens->wiping, TOKEN_MAX);
    for (size_t i = 0; said_text(&copy, i) != NULL; i++) {
        struct dgm_str *text = said_text(&copy, i);
        *text = dgm_arena_copy(&texts, text->p != NULL ? *text : DGM_STR(""));
        if (text->p == NULL) {
            dgm_arena_dispose(&texts);
            return false;
        }
    }
    dgm_arena_dispose(&h->said_texts);
    h->said_texts = texts;
    h->said = copy;
    return true;
}

static void log_trouble(const struct held *h, struct dgm_str trouble)
{
    bool old = dgm_str_eq(h->said.trouble, trouble);
    int64_t left = left_ms(h) / 1000;
    gw_log(old ? GW_LOG_DEBUG : GW_LOG_WARN, "no new access token: %.*s%s", (int)trouble.n,
           trouble.p, left > 0 ? " The one there is lives on." : "");
}

static void take_token(struct held *h, const struct gw_source_said *s)
{
    uint64_t wall = (uint64_t)net_loop_wall_ms(h->tokens->loop);
    const struct gw_token_said said = {
        .generation = wall > h->said.generation ? wall : h->said.generation + 1,
        .ends_ms = s->ends_ms,
        .token = s->token,
        .quota_project = s->quota_project,
        .universe = s->universe,
        .project = s->project};
    if (h->said.generation == 0 || h->failures != 0)
        gw_log(GW_LOG_INFO, "an access token of %.*s%s%.*s, for %lld s", (int)s->about.n,
               s->about.p, s->who.n != 0 ? ", " : "", (int)s->who.n, s->who.n != 0 ? s->who.p : "",
               (long long)(s->ends_ms - (int64_t)wall) / 1000);
    h->failures = keep_said(h, &said) ? 0 : h->failures + 1;
    h->is_bad = h->is_bad && h->failures != 0;
    h->fetched_ms = now_ms(h);
}

static void on_said(void *owner, const struct gw_source_said *s)
{
    struct held *h = owner;
    h->fetching = false;
    if (s->token.n != 0) {
        take_token(h, s);
    } else {
        struct gw_token_said said = h->said;
        log_trouble(h, s->trouble);
        said.trouble = s->trouble;
        said.passes = s->passes;
        h->failures++;
        h->is_bad = false;
        (void)keep_said(h, &said); /* without memory the old trouble is told */
    }
    if (h->failures == 0)
        plan_refresh(h);
    else
        plan_retry(h);
    tell_all(h);
}

/* ---- wants ---- */

static bool copy_place(struct held *h, const struct gw_source_place *place)
{
    h->place = *place;
    for (size_t i = 0; place_text(&h->place, i) != NULL; i++) {
        struct dgm_str *text = place_text(&h->place, i);
        char *copy = dgm_arena_take(&h->texts,
                                    text->n + 1); /* zero-terminated, as those of a configuration */
        if (copy == NULL)
            return false;
        memcpy(copy, text->p, text->n);
        copy[text->n] = '\0';
        *text = text->n != 0 ? (struct dgm_str){copy, text->n} : (struct dgm_str){0};
    }
    return true;
}

static struct held *new_held(struct gw_keeper_tokens *t, const struct gw_source_place *place,
                             struct dgm_str key)
{
    struct held *h =
        t->held_n < HELD_MAX ? t->alloc->resize(t->alloc->ctx, NULL, 0, sizeof *h) : NULL;
    if (h == NULL)
        return NULL;
    *h = (struct held){.tokens = t, .next = t->held};
    t->held = h;
    t->held_n++;
    net_timer_init(&h->timer, on_timer, h);
    dgm_buf_init(&h->wants, t->alloc, WANTS_MAX * sizeof(struct want));
    dgm_arena_init(&h->texts, &t->wiping, TEXTS_MAX); /* a proxy's address may hold a password */
    h->key = dgm_arena_copy(&h->texts, key);
    if (h->key.p != NULL && copy_place(h, place))
        h->source = gw_source_new(t->loop, &h->place, t->environment, on_said, h);
    if (h->source != NULL)
        return h;
    free_held(h);
    return NULL;
}

/* False: the payload is none. A want for which there is no memory is forgotten; the worker's requests say so. */
static bool hear_want(struct gw_keeper_tokens *t, void *link, struct dgm_str payload)
{
    struct gw_source_place place;
    struct want w = {.link = link};
    if (!gw_token_want_read(payload, &w.number, &place))
        return false;
    struct dgm_str key = dgm_str_skip(payload, 8);
    struct held *h = t->held;
    while (h != NULL && !dgm_str_eq(h->key, key))
        h = h->next;
    if (h == NULL)
        h = new_held(t, &place, key);
    if (h == NULL)
        return true;
    dgm_buf_put(&h->wants, (struct dgm_str){(const char *)&w, sizeof w});
    h->wants.rc = DGM_OK;
    if (left_ms(h) > 0 || h->said.trouble.n != 0)
        tell_link(h, &w);
    if (left_ms(h) <= 0 && h->failures == 0)
        fetch(h);
    else if (wants_n(h) == 1 && !h->fetching) /* nobody wanted it for a while */
        start_in(h, h->due_ms > now_ms(h) ? h->due_ms - now_ms(h) : 0);
    return true;
}

static bool hear_bad(struct gw_keeper_tokens *t, const void *link, struct dgm_str payload)
{
    struct gw_fields f = {.rest = payload};
    uint64_t number = gw_field_u64(&f), generation = gw_field_u64(&f);
    if (!gw_fields_ended(&f))
        return false;
    for (struct held *h = t->held; h != NULL; h = h->next)
        for (size_t i = 0; i < wants_n(h); i++) {
            const struct want *w = &wants_of(h)[i];
            if (w->link != link || w->number != number)
                continue;
            /* There is a newer one, which crossed its word; or none can be had, and the next try is planned. */
            if (generation != h->said.generation || (h->failures != 0 && !h->fetching)) {
                tell_link(h, w);
                return true;
            }
            int64_t age = now_ms(h) - h->fetched_ms;
            if (!h->is_bad && !h->fetching)
                start_in(h, age < YOUNG_MS ? YOUNG_MS - age : 0);
            h->is_bad = true;
            return true;
        }
    return true;
}

/* ---- public ---- */

bool gw_keeper_tokens_hear(struct gw_keeper_tokens *t, void *link, const struct gw_frame *frame)
{
    return frame->kind == GW_MSG_TOKEN_WANT ? hear_want(t, link, frame->payload)
                                            : hear_bad(t, link, frame->payload);
}

void gw_keeper_tokens_forget(struct gw_keeper_tokens *t, const void *link)
{
    for (struct held *h = t->held; h != NULL; h = h->next) {
        size_t kept = 0;
        for (size_t i = 0; i < wants_n(h); i++)
            if (wants_of(h)[i].link != link)
                wants_of(h)[kept++] = wants_of(h)[i];
        h->wants.n = kept * sizeof(struct want);
    }
}

struct gw_keeper_tokens *gw_keeper_tokens_new(struct net_loop *loop, const char *const *environment,
                                              void (*say)(void *link, enum gw_message, uint32_t id,
                                                          struct dgm_str payload))
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_keeper_tokens *t = a->resize(a->ctx, NULL, 0, sizeof *t);
    if (t != NULL)
        *t = (struct gw_keeper_tokens){.loop = loop,
                                       .alloc = a,
                                       .wiping = auth_wiping(a),
                                       .environment = environment,
                                       .say = say};
    return t;
}

void gw_keeper_tokens_free(struct gw_keeper_tokens *t)
{
    if (t == NULL)
        return;
    while (t->held != NULL)
        free_held(t->held);
    t->alloc->resize(t->alloc->ctx, t, sizeof *t, 0);
}
