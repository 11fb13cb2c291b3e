/* SPDX-License-Identifier: Apache-2.0 */
/* caching.c - the marked beginning of a request, kept by its upstream. */
#include "gateway/caching.h"

#include "base/digest.h"
#include "base/str.h"
#include "gateway/attempt.h"
#include "gateway/upstream.h"
#include "json/read.h"

#include <string.h>

#define TARGET_BYTES_MAX 1024
#define ANSWER_BYTES_MAX ((size_t)64 * 1024)
#define ANSWER_DEPTH_MAX 16
#define MARK DGM_STR("cache_control")

struct gw_caching {
    struct gw_call *call;    /* that has it kept; NULL: none is under way */
    struct net_timer late;   /* of that */
    struct gw_prefix prefix; /* it */
    struct dgm_buf answer;
    int64_t asked_ms;
    int status;
    bool settled; /* the body is as it goes to where `prefix` is */
    bool used;    /* it names a cache */
    bool whole;   /* it goes whole from now on, for a cache was refused ... */
    bool doubted; /* ... and if that alone helps it was the cache's fault */
};

static int64_t now_ms(const struct gw_exchange *x)
{
    return net_loop_now_ms(x->worker->loop);
}

static void warn(struct gw_exchange *x, struct dgm_str sentence)
{
    dgm_request_warn(x->chat.request, MARK, sentence);
    gw_chat_take_notes(x);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

/* A text of a key, which can not be taken for a part of another. */
static void add(struct dgm_digest *d, struct dgm_str text)
{
    uint64_t n = text.n;
    dgm_digest_add(d, (struct dgm_str){(const char *)&n, sizeof n});
    dgm_digest_add(d, text);
}

static bool are_callers(const struct gw_upstream *u)
{
    return u->credentials.kind == GW_CREDENTIALS_CALLER;
}

static struct gw_prefix_key key_of(const struct gw_exchange *x, const struct gw_upstream *u,
                                   const struct gw_place *place, const struct dgm_prefix *p)
{
    struct dgm_digest d;
    struct gw_prefix_key key;
    dgm_digest_init(&d);
    add(&d, u->name);
    add(&d, place->native.project);
    add(&d, place->native.location);
    add(&d, dgm_request_model(x->chat.request));
    for (size_t i = 0; are_callers(u) && i < place->headers_n; i++)
        add(&d, place->headers[i].value);
    add(&d, (struct dgm_str){p->digest, sizeof p->digest});
    dgm_digest_end(&d, key.letters);
    return key;
}

/* Of a cache by its name, of which the last part is its own: a project has a number and an id. */
static struct gw_prefix_key key_of_name(const struct gw_upstream *u, struct dgm_str name)
{
    struct dgm_digest d;
    struct gw_prefix_key key;
    while (dgm_str_find_char(name, '/') < name.n)
        name = dgm_str_skip(name, dgm_str_find_char(name, '/') + 1);
    dgm_digest_init(&d);
    add(&d, u->name);
    add(&d, DGM_STR("cachedContents"));
    add(&d, name);
    dgm_digest_end(&d, key.letters);
    return key;
}

/* ---- requests on their way ------------------------------------------------------------------------------ */

bool gw_caching_apply(const struct gw_config *c, const struct gw_upstream *u, struct dgm_request *r)
{
    struct dgm_str named = dgm_request_cache(r);
    struct gw_prefix known;
    if (u->context_cache == GW_CONTEXT_CACHE_OFF || c->record.dir.n != 0 ||
        c->replay.corpus != NULL)
        return true;
    if (named.n == 0)
        return dgm_request_use_marks(r);
    /* Whether its time is over is for the upstream to say: what it holds it did hold. */
    const struct gw_prefix_key key = key_of_name(u, named);
    return gw_prefixes_look(c->prefixes, &key, INT64_MIN, &known) != GW_PREFIX_KEPT ||
           dgm_request_tell_cache(r, &known.lead);
}

/* From now on the request goes with the name of what is kept. */
static void use(struct gw_exchange *x)
{
    struct gw_caching *c = x->chat.caching;
    struct dgm_str name = dgm_str_c(c->prefix.name);
    c->used = dgm_request_use_prefix(x->chat.request, name);
    if (!c->used)
        return;
    x->worker->counters->context_caches_used_total++;
    x->reply.cache = dgm_arena_copy(&x->arena, name);
}

static void use_none(struct gw_exchange *x)
{
    x->chat.caching->used = false;
    x->reply.cache = (struct dgm_str){0};
    dgm_request_use_whole(x->chat.request);
}

/* ---- having one kept ------------------------------------------------------------------------------------ */

/* A while before the upstream forgets it, for a request must still get there. */
static int64_t until_ms(const struct gw_caching *c, int64_t ttl_s)
{
    int64_t margin_ms = ttl_s * 1000 / 5;
    if (margin_ms > GW_CACHING_MARGIN_S * 1000)
        margin_ms = GW_CACHING_MARGIN_S * 1000;
    return c->asked_ms + ttl_s * 1000 - margin_ms;
}

static void stop(struct gw_caching *c)
{
    gw_call_free(c->call);
    c->call = NULL;
    net_timer_stop(&c->late);
    dgm_buf_dispose(&c->answer);
}

/* It is over: the request goes on, with what is kept or whole. */
static void go_on(struct gw_exchange *x)
{
    x->chat.caching->settled = true;
    gw_overhead_ours(x);
    gw_attempt_ask(x);
}

/* It is not kept, and not tried again for a while. */
static void give_up(struct gw_exchange *x, int64_t rest_s, struct dgm_str why)
{
    struct gw_caching *c = x->chat.caching;
    stop(c);
    c->prefix.state = GW_PREFIX_VAIN;
    gw_prefixes_tell(x->worker->config->prefixes, &c->prefix, now_ms(x), now_ms(x) + rest_s * 1000);
    x->worker->counters->context_caches_failed_total++;
    warn(x, why);
    go_on(x);
}

/* The name that the answer has. False: it has none. */
static bool read_name(struct gw_exchange *x, struct dgm_buf *answer, char ret[GW_PREFIX_NAME_MAX])
{
    const struct json_val *root;
    struct json_error error;
    size_t n = answer->n;
    if (!dgm_buf_reserve(answer, JSON_PADDING) ||
        json_parse(&x->arena, answer->p, n, ANSWER_DEPTH_MAX, &root, &error) != DGM_OK)
        return false;
    struct dgm_str name = json_get_str(root, DGM_STR("name"));
    if (name.n == 0 || name.n >= GW_PREFIX_NAME_MAX)
        return false;
    memcpy(ret, name.p, name.n);
    ret[name.n] = '\0';
    return true;
}

static void kept(struct gw_exchange *x)
{
    struct gw_caching *c = x->chat.caching;
    const struct gw_upstream *u = gw_plan_upstream(&x->chat.plan);
    const struct dgm_prefix *p = dgm_request_prefix(x->chat.request);
    struct gw_prefixes *known = x->worker->config->prefixes;
    int64_t until = until_ms(c, p->ttl_s);
    stop(c);
    c->prefix.state = GW_PREFIX_KEPT;
    c->prefix.lead = p->lead;
    x->worker->counters->context_caches_made_total++;
    gw_prefixes_tell(known, &c->prefix, now_ms(x), until);
    if (!are_callers(u)) { /* whose caches are nobody else's to ask about */
        struct gw_prefix by_name = c->prefix;
        by_name.key = key_of_name(u, dgm_str_c(c->prefix.name));
        gw_prefixes_tell(known, &by_name, now_ms(x), until);
    }
    use(x);
    go_on(x);
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    (void)content_type;
    ((struct gw_exchange *)owner)->chat.caching->status = status;
}

static void on_data(void *owner, struct dgm_str bytes)
{
    dgm_buf_put(&((struct gw_exchange *)owner)->chat.caching->answer, bytes);
}

static void on_end(void *owner)
{
    struct gw_exchange *x = owner;
    struct gw_caching *c = x->chat.caching;
    bool refused = c->status == 400 || c->status == 403 || c->status == 404;
    if (c->status == 200 && c->answer.rc == DGM_OK && read_name(x, &c->answer, c->prefix.name))
        kept(x);
    else if (refused)
        give_up(x, GW_CACHING_REFUSED_S,
                DGM_STR("the upstream did not take what is marked as a cache; it was sent whole"));
    else
        give_up(x, GW_CACHING_FAILED_S,
                DGM_STR("no cache could be made of what is marked; it was sent whole"));
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    (void)f;
    give_up(owner, GW_CACHING_FAILED_S,
            DGM_STR("no cache could be made of what is marked; it was sent whole"));
}

static void on_late(void *owner)
{
    give_up(owner, GW_CACHING_FAILED_S,
            DGM_STR("no cache of what is marked was there in time; it was sent whole"));
}

static const struct gw_call_events events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

static int64_t least(int64_t ms, int64_t said_ms)
{
    return said_ms != 0 && said_ms / 4 < ms ? said_ms / 4 : ms;
}

/* False: memory is short. */
static bool ask(struct gw_exchange *x, const struct gw_upstream *u, const struct gw_place *place)
{
    struct gw_caching *c = x->chat.caching;
    struct gw_call_header headers[1 + GW_PLACE_HEADERS_MAX];
    struct dgm_buf target;
    const struct dgm_str *segments = NULL;
    size_t n = dgm_request_prefix_body(x->chat.request, &place->native, &segments), headers_n = 0;
    dgm_buf_init(&target, dgm_arena_alloc(&x->arena), TARGET_BYTES_MAX);
    dgm_request_put_prefix_path(&place->native, &target);
    if (n == 0 || target.rc != DGM_OK)
        return false;
    headers[headers_n++] = (struct gw_call_header){DGM_STR("content-type"), GW_MEDIA_JSON};
    for (size_t i = 0; i < place->headers_n; i++)
        headers[headers_n++] = place->headers[i];
    const struct gw_call_request request = {.method = DGM_STR("POST"),
                                            .target = dgm_buf_str(&target),
                                            .origin = &place->origin,
                                            .headers = headers,
                                            .headers_n = headers_n,
                                            .segments = segments,
                                            .segments_n = n,
                                            .hold = &x->hold};
    c->status = 0;
    c->asked_ms = now_ms(x);
    dgm_buf_init(&c->answer, &x->worker->alloc, ANSWER_BYTES_MAX);
    net_timer_init(&c->late, on_late, x);
    c->call = gw_call_new(x->worker, u, &request, &events, x);
    if (c->call == NULL)
        return false;
    net_timer_start(x->worker->loop, &c->late,
                    least(least(GW_CACHING_MS, x->silence_ms), x->whole_ms));
    return true;
}

/* Nobody waits for what this exchange would have told. */
static void leave(struct gw_exchange *x)
{
    struct gw_prefix *p = &x->chat.caching->prefix;
    p->state = GW_PREFIX_UNKNOWN;
    gw_prefixes_tell(x->worker->config->prefixes, p, now_ms(x), 0);
}

/* Looks for what is marked. True: the body is as it goes. */
static bool find(struct gw_exchange *x, const struct gw_upstream *u, const struct gw_place *place)
{
    struct gw_caching *c = x->chat.caching;
    const struct gw_prefix_key key = c->prefix.key;
    int64_t now = now_ms(x);
    enum gw_prefix_state state = gw_prefixes_claim(x->worker->config->prefixes, &key, now,
                                                   now + 2 * (int64_t)GW_CACHING_MS, &c->prefix);
    c->prefix.key = key; /* whatever was looked at */
    switch (state) {
    case GW_PREFIX_KEPT:
        use(x);
        return true;
    case GW_PREFIX_MAKING:
        warn(x, DGM_STR("a cache of what is marked is being made; it was sent whole"));
        return true;
    case GW_PREFIX_VAIN:
        warn(x, DGM_STR("lately no cache could be made of what is marked; it was sent whole"));
        return true;
    case GW_PREFIX_UNKNOWN:
        break;
    }
    if (ask(x, u, place))
        return false;
    leave(x);
    return true;
}

/* ---- public --------------------------------------------------------------------------------------------- */

bool gw_caching_ready(struct gw_exchange *x, const struct gw_upstream *u,
                      const struct gw_place *place)
{
    struct gw_chat *chat = &x->chat;
    const struct dgm_prefix *p =
        u->context_cache != GW_CONTEXT_CACHE_OFF ? dgm_request_prefix(chat->request) : NULL;
    bool express = place->native.surface == DGM_VERTEX && place->native.project.n == 0;
    if (chat->caching == NULL && p != NULL)
        chat->caching = dgm_arena_take0(&x->arena, sizeof *chat->caching);
    struct gw_caching *c = chat->caching;
    if (c == NULL)
        return true;
    struct gw_prefix_key key = {{0}};
    if (p != NULL)
        key = key_of(x, u, place, p);
    bool settled = c->settled && memcmp(&key, &c->prefix.key, sizeof key) == 0;
    c->settled = false;
    if (settled)
        return true;
    use_none(x);
    if (p == NULL || express || c->whole)
        return true;
    c->prefix.key = key;
    return find(x, u, place);
}

bool gw_caching_refused(struct gw_exchange *x, int status)
{
    struct gw_caching *c = x->chat.caching;
    if (c == NULL || !c->used || (status != 400 && status != 403 && status != 404))
        return false;
    use_none(x);
    c->whole = c->doubted = true;
    gw_attempt_anew(x);
    return true;
}

void gw_caching_worked(struct gw_exchange *x)
{
    struct gw_caching *c = x->chat.caching;
    bool helped = c != NULL && c->doubted && x->chat.healing.tries_n == 0;
    if (c != NULL)
        c->doubted = false;
    if (!helped)
        return;
    x->worker->counters->context_caches_gone_total++;
    warn(x, DGM_STR("the upstream did not take the cache of what is marked; it was sent whole"));
    c->prefix.state = GW_PREFIX_VAIN;
    gw_prefixes_tell(x->worker->config->prefixes, &c->prefix, now_ms(x),
                     now_ms(x) + (int64_t)GW_CACHING_FAILED_S * 1000);
}

void gw_caching_forget(struct gw_exchange *x)
{
    struct gw_caching *c = x->chat.caching;
    if (c != NULL)
        c->settled = c->used = c->doubted = false;
}

void gw_caching_cancel(struct gw_exchange *x)
{
    struct gw_caching *c = x->chat.caching;
    if (c == NULL || c->call == NULL)
        return;
    stop(c);
    leave(x);
}
