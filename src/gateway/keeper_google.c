/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_google.c - what Google says of callers' tokens, in the keeper. */
#include "gateway/keeper_google.h"

#include "auth/holder.h"
#include "auth/jwks.h"
#include "auth/mac.h"
#include "auth/wipe.h"
#include "base/str.h"
#include "gateway/errand.h"
#include "gateway/log.h"

#include <string.h>

#define CHAINS 1024     /* of tokens, by their digests */
#define CHAIN_MAX 8     /* tokens of one of them */
#define SETS_MAX 16     /* of keys */
#define ASKED_MAX 32    /* tokens that are asked for at once */
#define QUEUE_MAX 512   /* and that wait for that */
#define ASKERS_MAX 4096 /* who wait for one answer */
#define TRUSTS_MAX 4
#define TEXTS_MAX ((size_t)64 * 1024) /* of one subject, its token among them */
#define WORK_MAX ((size_t)1024 * 1024)
#define REFUSED_MS 10000
#define AWAY_MS 1000
#define LACKS_MS 60000
#define FRESH_S 300 /* of keys whose answer does not say */
#define FRESH_MIN_S 60
#define FRESH_MAX_S 86400

struct asker {
    void *link;
    uint32_t id;
    bool lacks; /* a key, for which the set was asked for anew */
};

/**
 * What is asked about: a token, or a set of keys. Lifetime: from the first question; a set stays, a token until its chain is full.
 * While it is asked for, or waits for that, it stays in any case.
 */
struct subject {
    struct gw_keeper_google *google;
    struct subject *next;   /* of the chain, the newest first; or of the sets */
    struct subject *behind; /* in the queue */
    unsigned char digest[AUTH_MAC_BYTES];
    bool is_token, queued;
    struct dgm_arena texts; /* of `what` and `way`; empty while nothing is asked */
    struct auth_errand what;
    struct gw_errand_way way;
    struct gw_errand *errand;
    struct dgm_buf askers; /* struct asker */
    struct dgm_buf text;
    struct gw_google_says says; /* its times are on the loop's clock */
    int64_t due_ms, tried_ms, lacked_ms;
    bool failed; /* the last try */
};

struct trust {
    struct dgm_str file, dir; /* in `texts` */
    struct net_trust *loaded;
};

struct gw_keeper_google {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    void (*say)(void *link, enum gw_message, uint32_t id, struct dgm_str payload);
    struct subject *chains[CHAINS], *sets;
    struct subject *first, **last; /* the queue */
    size_t asked_n, queued_n, trusts_n;
    struct trust trusts[TRUSTS_MAX];
    struct dgm_arena texts;
    struct net_timer turn; /* subjects whose errand could not begin */
    bool away;             /* so the log was told */
};

/* ---- telling ----------------------------------------------------------------------------------------- */

static int64_t now_ms(const struct gw_keeper_google *g)
{
    return net_loop_now_ms(g->loop);
}

static bool is_under_way(const struct subject *s)
{
    return s->errand != NULL || s->queued;
}

static void tell(struct subject *s, const struct asker *to, enum gw_google_word word)
{
    struct gw_keeper_google *g = s->google;
    struct gw_google_says says = s->says;
    struct dgm_buf payload;
    int64_t to_wall_ms = net_loop_wall_ms(g->loop) - now_ms(g);
    says.word = word;
    says.text = word == GW_GOOGLE_TELLS ? dgm_buf_str(&s->text) : DGM_STR("");
    says.until_ms += to_wall_ms;
    says.lacks_ms = is_under_way(s) ? 0 : s->lacked_ms + LACKS_MS + to_wall_ms;
    dgm_buf_init(&payload, g->alloc, gw_message_max_bytes(GW_MSG_GOOGLE_SAYS));
    gw_google_says_put(&says, &payload);
    if (payload.rc == DGM_OK) /* else his question ends by itself, and lets nobody in */
        g->say(to->link, GW_MSG_GOOGLE_SAYS, to->id, dgm_buf_str(&payload));
    dgm_buf_dispose(&payload);
}

static bool is_good(const struct subject *s)
{
    return s->says.word != GW_GOOGLE_AWAY && now_ms(s->google) < s->says.until_ms;
}

/* What one who asks hears. A key that is lacked may be there, while nobody can look. */
static void tell_now(struct subject *s, const struct asker *to)
{
    tell(s, to, is_good(s) && !(to->lacks && s->failed) ? s->says.word : GW_GOOGLE_AWAY);
}

static void tell_all(struct subject *s)
{
    struct dgm_buf askers = s->askers;
    dgm_buf_init(&s->askers, s->google->alloc, askers.max);
    for (size_t i = 0; i < askers.n / sizeof(struct asker); i++) {
        struct asker to;
        memcpy(&to, askers.p + i * sizeof to, sizeof to);
        tell_now(s, &to);
    }
    dgm_buf_dispose(&askers);
}

/* ---- what Google said -------------------------------------------------------------------------------- */

static bool is_keys(struct gw_keeper_google *g, struct dgm_str text)
{
    struct dgm_arena work;
    struct auth_jwks keys = {0};
    dgm_arena_init(&work, g->alloc, WORK_MAX);
    bool sound = auth_jwks_read(text, &work, &keys) == DGM_OK && keys.n != 0;
    auth_jwks_dispose(&keys);
    dgm_arena_dispose(&work);
    return sound;
}

/* False: it is no answer. */
static bool take_keys(struct subject *s, const struct auth_result *r)
{
    struct gw_keeper_google *g = s->google;
    int64_t fresh_s = r->fresh_s >= 0 ? r->fresh_s : FRESH_S;
    fresh_s = fresh_s < FRESH_MIN_S ? FRESH_MIN_S : fresh_s > FRESH_MAX_S ? FRESH_MAX_S : fresh_s;
    if (r->status != 200 || !is_keys(g, r->text) || !dgm_buf_reserve(&s->text, r->text.n))
        return false;
    bool same = s->says.version != 0 && dgm_str_eq(dgm_buf_str(&s->text), r->text);
    uint64_t wall = (uint64_t)net_loop_wall_ms(g->loop);
    if (!same) /* of another keeper's too */
        s->says.version = wall > s->says.version ? wall : s->says.version + 1;
    dgm_buf_clear(&s->text);
    dgm_buf_put(&s->text, r->text);
    s->says.word = GW_GOOGLE_TELLS;
    s->says.until_ms = now_ms(g) + fresh_s * 1000;
    s->due_ms = now_ms(g) + fresh_s * 750;
    return true;
}

static bool take_info(struct subject *s, const struct auth_result *r)
{
    struct gw_keeper_google *g = s->google;
    struct dgm_arena work;
    struct auth_holder holder = {0};
    dgm_buf_clear(&s->text);
    if (r->status == 400 || r->status == 401) {
        s->says.word = GW_GOOGLE_REFUSES;
        s->says.until_ms = now_ms(g) + REFUSED_MS;
        return true;
    }
    dgm_arena_init(&work, g->alloc, WORK_MAX);
    bool sound = r->status == 200 && auth_holder_of_info(r->text, &work, &holder) == DGM_OK;
    dgm_arena_dispose(&work);
    if (!sound)
        return false;
    int64_t left_s = holder.ends_s - net_loop_wall_s(g->loop);
    dgm_buf_put(&s->text, r->text);
    s->says.word = left_s > 0 ? GW_GOOGLE_TELLS : GW_GOOGLE_REFUSES;
    s->says.until_ms = now_ms(g) + (left_s <= 0            ? REFUSED_MS
                                    : left_s < FRESH_MAX_S ? left_s * 1000
                                                           : FRESH_MAX_S * 1000);
    return s->text.rc == DGM_OK;
}

static void log_away(struct subject *s, const struct auth_result *r)
{
    struct gw_keeper_google *g = s->google;
    enum gw_log_level level = g->away ? GW_LOG_DEBUG : GW_LOG_WARN;
    const char *what = s->is_token ? "whose access tokens are" : "for the keys of ID tokens";
    g->away = true;
    if (r->status != 0)
        gw_log(level, "Google can not be asked %s: it answered %d", what, r->status);
    else
        gw_log(level, "Google can not be asked %s: %.*s", what, (int)r->why.n, r->why.p);
}

static void go_on(struct gw_keeper_google *);

static void on_done(void *owner, const struct auth_result *r)
{
    struct subject *s = owner;
    struct gw_keeper_google *g = s->google;
    bool taken = s->is_token ? take_info(s, r) : take_keys(s, r);
    s->failed = !taken;
    if (!taken) {
        log_away(s, r);
        if (s->is_token)
            s->says.word = GW_GOOGLE_AWAY;
    } else if (g->away) {
        gw_log(GW_LOG_INFO, "Google answers again");
        g->away = false;
    }
    gw_errand_free(s->errand);
    s->errand = NULL;
    dgm_arena_dispose(&s->texts); /* the token goes */
    g->asked_n -= s->is_token;
    tell_all(s);
    go_on(g);
}

/* ---- asking ------------------------------------------------------------------------------------------ */

/* For https; NULL: none could be loaded, and the errand says so. */
static const struct net_trust *find_trust(struct gw_keeper_google *g, const struct gw_roots *roots)
{
    char why[NET_WHY_BYTES];
    for (size_t i = 0; i < g->trusts_n; i++)
        if (dgm_str_eq(g->trusts[i].file, roots->file) && dgm_str_eq(g->trusts[i].dir, roots->dir))
            return g->trusts[i].loaded;
    const struct net_roots from = {.file = roots->file.n != 0 ? roots->file.p : NULL,
                                   .dir = roots->dir.n != 0 ? roots->dir.p : NULL};
    const struct dgm_str none = DGM_STR("");
    struct trust t = {.file = dgm_arena_copy(&g->texts, roots->file.n != 0 ? roots->file : none),
                      .dir = dgm_arena_copy(&g->texts, roots->dir.n != 0 ? roots->dir : none)};
    if (g->trusts_n == TRUSTS_MAX || t.file.p == NULL || t.dir.p == NULL)
        return NULL;
    t.loaded = net_trust_new(&from, why);
    if (t.loaded != NULL)
        g->trusts[g->trusts_n++] = t;
    return t.loaded;
}

static struct dgm_str copy(struct subject *s, struct dgm_str text, bool *ret_short)
{
    char *to = dgm_arena_take0(&s->texts, text.n + 1); /* zero-terminated, as a configuration's */
    *ret_short = *ret_short || to == NULL;
    if (to == NULL || text.n == 0)
        return (struct dgm_str){0};
    memcpy(to, text.p, text.n);
    return (struct dgm_str){to, text.n};
}

static struct dgm_str bearer(struct subject *s, struct dgm_str token, bool *ret_short)
{
    const struct dgm_str scheme = DGM_STR("Bearer ");
    char *to = dgm_arena_take(&s->texts, scheme.n + token.n);
    *ret_short = *ret_short || to == NULL;
    if (to == NULL)
        return scheme;
    memcpy(to, scheme.p, scheme.n);
    memcpy(to + scheme.n, token.p, token.n);
    return (struct dgm_str){to, scheme.n + token.n};
}

/* Makes what is asked, which outlives the question. False: memory is short. */
static bool prepare(struct subject *s, const struct gw_google_ask *a)
{
    bool starved = false;
    dgm_arena_dispose(&s->texts);
    const struct gw_roots roots = {copy(s, a->roots.file, &starved),
                                   copy(s, a->roots.dir, &starved)};
    s->way = (struct gw_errand_way){.proxies = {.https = copy(s, a->proxies.https, &starved),
                                                .http = copy(s, a->proxies.http, &starved),
                                                .except = copy(s, a->proxies.except, &starved)}};
    s->what = (struct auth_errand){.act = AUTH_ASK,
                                   .method = DGM_STR("GET"),
                                   .url = copy(s, a->url, &starved),
                                   .timeout_ms = GW_GOOGLE_TIMEOUT_MS};
    if (s->is_token) {
        s->what.method = DGM_STR("POST");
        s->what.headers[0] =
            (struct auth_header){DGM_STR("Authorization"), bearer(s, a->token, &starved)};
        s->what.headers[1] = (struct auth_header){DGM_STR("Content-Type"),
                                                  DGM_STR("application/x-www-form-urlencoded")};
        s->what.headers_n = 2;
    }
    if (!starved && dgm_str_starts(a->url, DGM_STR("https://")))
        s->way.trust = find_trust(s->google, &roots);
    return !starved;
}

static void fail_soon(struct gw_keeper_google *g)
{
    if (!net_timer_is_on(&g->turn))
        net_timer_start(g->loop, &g->turn, 0);
}

static void begin(struct subject *s)
{
    struct gw_keeper_google *g = s->google;
    s->tried_ms = now_ms(g);
    s->errand = gw_errand_new(g->loop, &s->what, &s->way, on_done, s);
    if (s->errand != NULL) {
        g->asked_n += s->is_token;
        return;
    }
    s->failed = true;
    dgm_arena_dispose(&s->texts);
    fail_soon(g);
}

static void enqueue(struct subject *s)
{
    struct gw_keeper_google *g = s->google;
    s->behind = NULL;
    s->queued = true;
    *g->last = s;
    g->last = &s->behind;
    g->queued_n++;
}

/* Those that waited for their turn. Who waited for too long is not asked for: nobody waits any more. */
static void go_on(struct gw_keeper_google *g)
{
    while (g->first != NULL && g->asked_n < ASKED_MAX) {
        struct subject *s = g->first;
        g->first = s->behind;
        if (g->first == NULL)
            g->last = &g->first;
        g->queued_n--;
        s->queued = false;
        if (s->askers.n != 0 && now_ms(g) - s->tried_ms < GW_GOOGLE_TIMEOUT_MS) {
            begin(s);
            continue;
        }
        dgm_arena_dispose(&s->texts);
        tell_all(s);
    }
}

/* Who waits for a subject that nobody could be asked about. */
static void on_turn(void *owner)
{
    struct gw_keeper_google *g = owner;
    for (struct subject *s = g->sets; s != NULL; s = s->next)
        if (s->errand == NULL)
            tell_all(s);
    for (size_t i = 0; i < CHAINS; i++)
        for (struct subject *s = g->chains[i]; s != NULL; s = s->next)
            if (s->errand == NULL && !s->queued)
                tell_all(s);
}

/* Whether the answer there is will not do, and another may be had. */
static bool is_wanted(struct subject *s, const struct gw_google_ask *a)
{
    struct gw_keeper_google *g = s->google;
    int64_t since = now_ms(g) - s->tried_ms;
    if (s->failed && since < AWAY_MS)
        return false;
    if (!is_good(s))
        return true;
    if (s->is_token || a->version != s->says.version)
        return false;
    if (a->lacks && now_ms(g) >= s->lacked_ms + LACKS_MS) {
        s->lacked_ms = now_ms(g);
        return true;
    }
    return now_ms(g) >= s->due_ms && since >= LACKS_MS;
}

/* Whether he would rather have the answer that is on its way: there is none, or he has it and lacks something. */
static bool waits(const struct subject *s, const struct gw_google_ask *a)
{
    return is_under_way(s) && (!is_good(s) || a->version == s->says.version);
}

/* False: there is no room for it, or no memory. */
static bool ask(struct subject *s, const struct gw_google_ask *a)
{
    struct gw_keeper_google *g = s->google;
    bool full = s->is_token && g->asked_n == ASKED_MAX;
    if ((full && g->queued_n == QUEUE_MAX) || !prepare(s, a))
        return false;
    s->tried_ms = now_ms(g);
    if (full)
        enqueue(s);
    else
        begin(s);
    return true;
}

/* ---- subjects ---------------------------------------------------------------------------------------- */

static void free_subject(struct subject *s)
{
    struct gw_keeper_google *g = s->google;
    gw_errand_free(s->errand);
    dgm_arena_dispose(&s->texts);
    dgm_buf_dispose(&s->askers);
    dgm_buf_dispose(&s->text);
    g->alloc->resize(g->alloc->ctx, s, sizeof *s, 0);
}

/* Makes room among `max`: the oldest that is idle goes, of those that are nobody's, or whose time is over, before the others. False:
 * all are under way. */
static bool make_room(struct subject **from, size_t max)
{
    struct subject **worse = NULL, **oldest = NULL;
    size_t n = 0;
    for (struct subject **at = from; *at != NULL; at = &(*at)->next, n++) {
        if (is_under_way(*at) || (*at)->askers.n != 0)
            continue;
        oldest = at;
        if (!is_good(*at) || (*at)->says.word != GW_GOOGLE_TELLS)
            worse = at;
    }
    if (n < max)
        return true;
    struct subject **at = worse != NULL ? worse : oldest;
    if (at == NULL)
        return false;
    struct subject *s = *at;
    *at = s->next;
    free_subject(s);
    return true;
}

static bool digest_of(const struct gw_google_ask *a, struct dgm_arena *work,
                      unsigned char ret[AUTH_MAC_BYTES])
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(work), WORK_MAX);
    gw_field_put_str(&text, a->url);
    gw_field_put_str(&text, a->token);
    return text.rc == DGM_OK && auth_digest(dgm_buf_str(&text), ret);
}

/* NULL: there is no room for another, or no memory. */
static struct subject *find(struct gw_keeper_google *g, const struct gw_google_ask *a)
{
    struct dgm_arena work;
    unsigned char digest[AUTH_MAC_BYTES];
    dgm_arena_init(&work, &g->wiping, WORK_MAX);
    bool made = digest_of(a, &work, digest);
    dgm_arena_dispose(&work);
    if (!made)
        return NULL;
    bool is_token = a->token.n != 0;
    struct subject **from = is_token ? &g->chains[(digest[0] << 8 | digest[1]) % CHAINS] : &g->sets;
    for (struct subject *s = *from; s != NULL; s = s->next)
        if (memcmp(s->digest, digest, sizeof digest) == 0)
            return s;
    struct subject *s = make_room(from, is_token ? CHAIN_MAX : SETS_MAX)
                            ? g->alloc->resize(g->alloc->ctx, NULL, 0, sizeof *s)
                            : NULL;
    if (s == NULL)
        return NULL;
    *s = (struct subject){.google = g, .next = *from, .is_token = is_token, .lacked_ms = -LACKS_MS};
    memcpy(s->digest, digest, sizeof digest);
    dgm_arena_init(&s->texts, &g->wiping, TEXTS_MAX);
    dgm_buf_init(&s->askers, g->alloc, ASKERS_MAX * sizeof(struct asker));
    dgm_buf_init(&s->text, g->alloc, is_token ? AUTH_INFO_MAX : AUTH_JWKS_MAX);
    *from = s;
    return s;
}

/* ---- public ------------------------------------------------------------------------------------------ */

bool gw_keeper_google_hear(struct gw_keeper_google *g, void *link, uint32_t id,
                           struct dgm_str payload)
{
    struct gw_google_ask a;
    if (!gw_google_ask_read(payload, &a))
        return false;
    const struct asker asker = {link, id, a.lacks};
    struct subject *s = find(g, &a);
    if (s == NULL) {
        struct subject none = {.google = g};
        tell(&none, &asker, GW_GOOGLE_AWAY);
        return true;
    }
    bool begun = !is_under_way(s) && is_wanted(s, &a) && ask(s, &a);
    if (begun || waits(s, &a)) {
        dgm_buf_put(&s->askers, (struct dgm_str){(const char *)&asker, sizeof asker});
        if (s->askers.rc == DGM_OK)
            return true;
        s->askers.rc = DGM_OK;
    }
    tell_now(s, &asker);
    return true;
}

static void forget(struct subject *s, const void *link)
{
    size_t kept = 0;
    struct asker *at = (struct asker *)(void *)s->askers.p;
    for (size_t i = 0; i < s->askers.n / sizeof *at; i++)
        if (at[i].link != link)
            at[kept++] = at[i];
    s->askers.n = kept * sizeof *at;
}

void gw_keeper_google_forget(struct gw_keeper_google *g, const void *link)
{
    for (struct subject *s = g->sets; s != NULL; s = s->next)
        forget(s, link);
    for (size_t i = 0; i < CHAINS; i++)
        for (struct subject *s = g->chains[i]; s != NULL; s = s->next)
            forget(s, link);
}

struct gw_keeper_google *gw_keeper_google_new(struct net_loop *loop,
                                              void (*say)(void *link, enum gw_message, uint32_t id,
                                                          struct dgm_str payload))
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_keeper_google *g = a->resize(a->ctx, NULL, 0, sizeof *g);
    if (g == NULL)
        return NULL;
    *g = (struct gw_keeper_google){.loop = loop, .alloc = a, .wiping = auth_wiping(a), .say = say};
    g->last = &g->first;
    dgm_arena_init(&g->texts, a, TEXTS_MAX);
    net_timer_init(&g->turn, on_turn, g);
    return g;
}

static void free_list(struct subject *s)
{
    while (s != NULL) {
        struct subject *next = s->next;
        free_subject(s);
        s = next;
    }
}

void gw_keeper_google_free(struct gw_keeper_google *g)
{
    if (g == NULL)
        return;
    net_timer_stop(&g->turn);
    free_list(g->sets);
    for (size_t i = 0; i < CHAINS; i++)
        free_list(g->chains[i]);
    for (size_t i = 0; i < g->trusts_n; i++)
        net_trust_free(g->trusts[i].loaded);
    dgm_arena_dispose(&g->texts);
    g->alloc->resize(g->alloc->ctx, g, sizeof *g, 0);
}
