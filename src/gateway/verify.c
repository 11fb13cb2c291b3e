/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - whose a token of Google's is that a caller shows. */
#include "gateway/verify.h"

#include "auth/holder.h"
#include "auth/jwks.h"
#include "auth/mac.h"
#include "base/str.h"
#include "gateway/keeper_google.h"
#include "gateway/keeper_link.h"

#include <string.h>

#define SETS 512 /* of verdicts, by their digests, */
#define WAYS 4   /* so many each */
#define ASKED_MAX 256
#define KEPT_MS 10000 /* a verdict that lets nobody in */
#define WORK_MAX ((size_t)256 * 1024)
#define KEYS_MAX ((size_t)1024 * 1024)

/** What was found out of a token. */
struct kept {
    unsigned char digest[AUTH_MAC_BYTES];
    int64_t until_ms; /* since 1970; 0: there is none */
    enum dgm_error error;
    char *name; /* NULL: it has none */
    size_t name_n;
};

/** A question to the keeper: whose a token is, or for keys. It goes when it is answered. */
struct gw_asking {
    struct gw_verify *verify;
    struct gw_asking *next;
    unsigned char digest[AUTH_MAC_BYTES]; /* of the token */
    bool is_keys;
    struct gw_ask *ask;
    struct gw_verify_wait *waiting;
};

struct gw_verify {
    struct gw_worker *worker;
    struct kept kept[SETS][WAYS];
    struct gw_asking *asking;
    size_t asking_n;
    struct dgm_arena texts; /* of the keys */
    struct auth_jwks keys;
    uint64_t version; /* 0: there are none */
    int64_t until_ms; /* since 1970: so long they are believed */
    int64_t due_ms;   /* newer ones are asked for, while they serve on */
    int64_t lacks_ms; /* nobody asks before for one that they lack */
    bool away;        /* the keeper had no newer ones, as Google could not be asked */
};

static int64_t wall_ms(const struct gw_verify *v)
{
    return net_loop_wall_ms(v->worker->loop);
}

/* ---- verdicts ---------------------------------------------------------------------------------------- */

static struct kept *set_of(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES])
{
    return v->kept[(digest[0] << 8 | digest[1]) % SETS];
}

static void forget(struct gw_verify *v, struct kept *k)
{
    const struct dgm_alloc *a = &v->worker->alloc;
    if (k->name != NULL)
        a->resize(a->ctx, k->name, k->name_n, 0);
    *k = (struct kept){0};
}

/* False: nobody knows. */
static bool recall(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES],
                   struct gw_verdict *ret)
{
    struct kept *set = set_of(v, digest);
    for (size_t i = 0; i < WAYS; i++)
        if (wall_ms(v) < set[i].until_ms && memcmp(set[i].digest, digest, AUTH_MAC_BYTES) == 0) {
            *ret = (struct gw_verdict){set[i].error, {set[i].name, set[i].name_n}};
            return true;
        }
    return false;
}

/* Nothing, when its time is over; little, when it lets nobody in. */
static int worth(const struct gw_verify *v, const struct kept *k)
{
    return k->until_ms <= wall_ms(v) ? 0 : k->error != DGM_ERR_NONE ? 1 : 2;
}

/* The same token's, or the one of least use; of two the one that ends first. */
static struct kept *choose(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES])
{
    struct kept *set = set_of(v, digest), *least = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        struct kept *k = &set[i];
        int more = worth(v, k) - worth(v, least);
        if (k->until_ms != 0 && memcmp(k->digest, digest, AUTH_MAC_BYTES) == 0)
            return k;
        if (more < 0 || (more == 0 && k->until_ms < least->until_ms))
            least = k;
    }
    return least;
}

/* Without memory it is not kept: it is found out again. */
static void keep(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES], int64_t until_ms,
                 enum dgm_error error, struct dgm_str name)
{
    const struct dgm_alloc *a = &v->worker->alloc;
    struct kept *k = choose(v, digest);
    char *copy = name.n != 0 ? a->resize(a->ctx, NULL, 0, name.n) : NULL;
    forget(v, k);
    if (name.n != 0 && copy == NULL)
        return;
    if (name.n != 0)
        memcpy(copy, name.p, name.n);
    *k = (struct kept){.until_ms = until_ms, .error = error, .name = copy, .name_n = name.n};
    memcpy(k->digest, digest, AUTH_MAC_BYTES);
}

/* Who he is, and whether he may; `name` has room for AUTH_HOLDER_NAME_MAX. */
static enum dgm_error judge_holder(const struct gw_verify *v, const struct auth_holder *h,
                                   struct dgm_buf *name)
{
    const struct gw_verifying *s = &v->worker->config->auth.verify;
    const struct auth_rules rules = {.audiences = s->audiences.at,
                                     .audiences_n = s->audiences.n,
                                     .emails = s->emails.at,
                                     .emails_n = s->emails.n,
                                     .domains = s->domains.at,
                                     .domains_n = s->domains.n};
    if (!auth_holder_has_scope(h))
        return DGM_ERR_TOKEN_SCOPE;
    auth_holder_put_name(h, name);
    if (!auth_holder_may(h, &rules) || name->n == 0 || name->rc != DGM_OK)
        return DGM_ERR_SUBJECT;
    return DGM_ERR_NONE;
}

static void conclude(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES],
                     const struct auth_holder *h)
{
    char room[AUTH_HOLDER_NAME_MAX];
    struct dgm_buf name = {.p = room, .cap = sizeof room, .max = sizeof room};
    enum dgm_error error = judge_holder(v, h, &name);
    int64_t soon_ms = wall_ms(v) + KEPT_MS, ends_ms = h->ends_s * 1000;
    if (error == DGM_ERR_NONE)
        keep(v, digest, ends_ms, error, dgm_buf_str(&name));
    else
        keep(v, digest, soon_ms < ends_ms ? soon_ms : ends_ms, error, (struct dgm_str){0});
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

void gw_verify_leave(struct gw_verify_wait *w)
{
    if (w->asking == NULL)
        return;
    *w->at = w->next;
    if (w->next != NULL)
        w->next->at = w->at;
    w->asking = NULL;
    net_timer_stop(&w->late);
}

static void end_wait(struct gw_verify_wait *w)
{
    void (*on_ready)(void *) = w->on_ready;
    gw_verify_leave(w);
    on_ready(w->owner);
}

static void on_late(void *owner)
{
    struct gw_verify_wait *w = owner;
    w->lacked = w->is_late = true;
    end_wait(w);
}

/* All waits of a request have the time of one. */
static void wait_for(struct gw_asking *a, struct gw_verify_wait *w, bool lacks,
                     void (*on_ready)(void *owner), void *owner)
{
    struct net_loop *loop = a->verify->worker->loop;
    int64_t now_ms = net_loop_now_ms(loop), since_ms = w->asked ? w->since_ms : now_ms;
    *w = (struct gw_verify_wait){.asking = a,
                                 .next = a->waiting,
                                 .at = &a->waiting,
                                 .on_ready = on_ready,
                                 .owner = owner,
                                 .since_ms = since_ms,
                                 .asked = true,
                                 .lacked = lacks};
    if (w->next != NULL)
        w->next->at = &w->next;
    a->waiting = w;
    int64_t left_ms = since_ms + GW_VERIFY_WAIT_MS - now_ms;
    net_timer_init(&w->late, on_late, w);
    net_timer_start(loop, &w->late, left_ms > 0 ? left_ms : 0);
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static void take_out(struct gw_asking *a)
{
    struct gw_asking **at = &a->verify->asking;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    a->verify->asking_n--;
}

static void free_asking(struct gw_asking *a)
{
    const struct dgm_alloc *alloc = &a->verify->worker->alloc;
    alloc->resize(alloc->ctx, a, sizeof *a, 0);
}

static void take_keys(struct gw_verify *v, const struct gw_google_says *s)
{
    struct dgm_arena texts;
    struct auth_jwks keys = {0};
    v->lacks_ms = s->lacks_ms;
    v->away = s->word == GW_GOOGLE_AWAY;
    if (s->word != GW_GOOGLE_TELLS)
        return;
    if (s->version != v->version) {
        dgm_arena_init(&texts, &v->worker->alloc, KEYS_MAX);
        if (auth_jwks_read(s->text, &texts, &keys) != DGM_OK) {
            auth_jwks_dispose(&keys);
            dgm_arena_dispose(&texts);
            v->away = true; /* memory is short, or the keeper is not what it was */
            return;
        }
        auth_jwks_dispose(&v->keys);
        dgm_arena_dispose(&v->texts);
        v->keys = keys;
        v->texts = texts;
        v->version = s->version;
    }
    int64_t left_ms = s->until_ms - wall_ms(v);
    v->until_ms = s->until_ms;
    v->due_ms = wall_ms(v) + left_ms - left_ms / 4;
}

static void take_info(struct gw_verify *v, const struct gw_asking *a,
                      const struct gw_google_says *s)
{
    struct dgm_arena work;
    struct auth_holder holder;
    if (s->word == GW_GOOGLE_REFUSES)
        keep(v, a->digest, wall_ms(v) + KEPT_MS, DGM_ERR_TOKEN_INVALID, (struct dgm_str){0});
    if (s->word != GW_GOOGLE_TELLS)
        return;
    dgm_arena_init(&work, &v->worker->alloc, WORK_MAX);
    if (auth_holder_of_info(s->text, &work, &holder) == DGM_OK)
        conclude(v, a->digest, &holder);
    dgm_arena_dispose(&work);
}

static void on_reply(void *owner, const struct gw_frame *reply)
{
    struct gw_asking *a = owner;
    struct gw_verify *v = a->verify;
    struct gw_google_says says = {.word = GW_GOOGLE_AWAY};
    if (reply != NULL &&
        (reply->kind != GW_MSG_GOOGLE_SAYS || !gw_google_says_read(reply->payload, &says)))
        says = (struct gw_google_says){.word = GW_GOOGLE_AWAY};
    if (a->is_keys)
        take_keys(v, &says);
    else
        take_info(v, a, &says);
    take_out(a); /* who looks from now on asks anew */
    while (a->waiting != NULL)
        end_wait(a->waiting);
    free_asking(a);
}

/* Keys for the digest NULL. NULL: so much is asked already, or memory is short. */
static struct gw_asking *ask(struct gw_verify *v, const unsigned char *digest,
                             const struct gw_google_ask *what)
{
    const struct gw_worker *w = v->worker;
    const struct dgm_alloc *alloc = &w->alloc;
    struct dgm_buf payload;
    struct gw_asking *a = v->asking_n < ASKED_MAX && w->keeper != NULL
                              ? alloc->resize(alloc->ctx, NULL, 0, sizeof *a)
                              : NULL;
    if (a == NULL)
        return NULL;
    *a = (struct gw_asking){.verify = v, .next = v->asking, .is_keys = digest == NULL};
    if (digest != NULL)
        memcpy(a->digest, digest, AUTH_MAC_BYTES);
    dgm_buf_init(&payload, alloc, gw_message_max_bytes(GW_MSG_GOOGLE_ASK));
    gw_google_ask_put(what, &payload);
    if (payload.rc == DGM_OK)
        a->ask = gw_keeper_ask(w->keeper, GW_MSG_GOOGLE_ASK, dgm_buf_str(&payload), on_reply, a);
    dgm_buf_dispose(&payload);
    if (a->ask == NULL) {
        free_asking(a);
        return NULL;
    }
    v->asking = a;
    v->asking_n++;
    return a;
}

static struct gw_asking *ask_keys(struct gw_verify *v, bool lacks)
{
    const struct gw_config *c = v->worker->config;
    for (struct gw_asking *a = v->asking; a != NULL; a = a->next)
        if (a->is_keys)
            return a;
    const struct gw_google_ask what = {.url = c->auth.verify.jwks_url,
                                       .version = wall_ms(v) < v->until_ms ? v->version : 0,
                                       .lacks = lacks,
                                       .proxies = c->proxies,
                                       .roots = c->roots};
    return ask(v, NULL, &what);
}

static struct gw_asking *ask_info(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES],
                                  struct dgm_str token)
{
    const struct gw_config *c = v->worker->config;
    for (struct gw_asking *a = v->asking; a != NULL; a = a->next)
        if (!a->is_keys && memcmp(a->digest, digest, AUTH_MAC_BYTES) == 0)
            return a;
    const struct gw_google_ask what = {.url = c->auth.verify.tokeninfo_url,
                                       .token = token,
                                       .proxies = c->proxies,
                                       .roots = c->roots};
    return ask(v, digest, &what);
}

/* ---- ID tokens --------------------------------------------------------------------------------------- */

/* Whether it means to be a JWT: '{"' in base64url. No access token of Google's does, and what fails here goes to nobody. */
static bool is_jwt(struct dgm_str token)
{
    return dgm_str_starts(token, DGM_STR("eyJ"));
}

static enum auth_id_verdict judge_claims(const struct gw_verify *v, const struct auth_jwt *jwt)
{
    const struct gw_verifying *s = &v->worker->config->auth.verify;
    const struct auth_id_wanted wanted = {.issuers = s->issuers.at,
                                          .issuers_n = s->issuers.n,
                                          .audiences = s->audiences.at,
                                          .audiences_n = s->audiences.n,
                                          .now_s = wall_ms(v) / 1000};
    return auth_id_judge(jwt, &v->keys, &wanted);
}

/** What has to be waited for. */
struct wanted {
    struct gw_asking *asking;
    bool lacks; /* it is a key that the keys there are lack */
};

/* No key of those there are has the token's name, or there are none. False: `*ret_wanted` has to be waited for. */
static bool miss_key(struct gw_verify *v, bool there, const struct gw_verify_wait *wait,
                     struct gw_verdict *ret, struct wanted *ret_wanted)
{
    bool may_ask = there ? !wait->lacked && wall_ms(v) >= v->lacks_ms : !wait->asked;
    struct gw_asking *asking = may_ask ? ask_keys(v, there) : NULL;
    bool sure = there && !v->away && !may_ask && !wait->is_late;
    ret->error = sure ? DGM_ERR_TOKEN_INVALID : DGM_ERR_VERIFY_AWAY;
    *ret_wanted = (struct wanted){asking, there};
    return asking == NULL;
}

/* False: `*ret_wanted` has to be waited for. */
static bool judge_id(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES],
                     const struct auth_jwt *jwt, const struct gw_verify_wait *wait,
                     struct gw_verdict *ret, struct wanted *ret_wanted)
{
    struct auth_holder holder;
    int64_t now = wall_ms(v);
    bool there = v->version != 0 && now < v->until_ms;
    enum auth_id_verdict verdict = there ? judge_claims(v, jwt) : AUTH_ID_UNKNOWN_KEY;
    if (there && now >= v->due_ms) {
        v->due_ms = now + GW_VERIFY_RETRY_MS;
        (void)ask_keys(v, false); /* nobody waits for these */
    }
    if (verdict == AUTH_ID_UNKNOWN_KEY)
        return miss_key(v, there, wait, ret, ret_wanted);
    ret->error = verdict == AUTH_ID_EXPIRED ? DGM_ERR_TOKEN_EXPIRED : DGM_ERR_TOKEN_INVALID;
    if (verdict != AUTH_ID_GOOD)
        return true;
    auth_holder_of_id(jwt, &holder);
    if (holder.ends_s * 1000 <=
        now) /* their clock is behind ours: it is good, and not kept for long */
        holder.ends_s = now / 1000 + 1;
    conclude(v, digest, &holder);
    if (!recall(v, digest, ret))
        ret->error = DGM_ERR_VERIFY_AWAY;
    return true;
}

static bool look_at_id(struct gw_verify *v, const unsigned char digest[AUTH_MAC_BYTES],
                       struct dgm_str token, const struct gw_verify_wait *wait,
                       struct gw_verdict *ret, struct wanted *ret_wanted)
{
    struct dgm_arena work;
    struct auth_jwt jwt;
    bool known = true;
    dgm_arena_init(&work, &v->worker->alloc, WORK_MAX);
    enum dgm_rc rc = auth_jwt_read(token, &work, &jwt);
    if (rc == DGM_OK)
        known = judge_id(v, digest, &jwt, wait, ret, ret_wanted);
    else
        ret->error = rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY : DGM_ERR_TOKEN_INVALID;
    dgm_arena_dispose(&work);
    return known;
}

/* ---- public ------------------------------------------------------------------------------------------ */

bool gw_verify_look(struct gw_verify *v, struct dgm_str token, struct gw_verdict *ret,
                    struct gw_verify_wait *wait, void (*on_ready)(void *owner), void *owner)
{
    unsigned char digest[AUTH_MAC_BYTES];
    struct wanted wanted = {0};
    *ret = (struct gw_verdict){.error = DGM_ERR_TOKEN_INVALID};
    if (token.n > AUTH_JWT_MAX)
        return true;
    if (!auth_digest(token, digest)) {
        ret->error = DGM_ERR_NO_MEMORY;
        return true;
    }
    if (recall(v, digest, ret))
        return true;
    if (is_jwt(token)) {
        if (look_at_id(v, digest, token, wait, ret, &wanted))
            return true;
    } else {
        wanted.asking = wait->asked ? NULL : ask_info(v, digest, token);
        ret->error = DGM_ERR_VERIFY_AWAY;
        if (wanted.asking == NULL)
            return true;
    }
    wait_for(wanted.asking, wait, wanted.lacks, on_ready, owner);
    return false;
}

struct gw_verify *gw_verify_new(struct gw_worker *w)
{
    struct gw_verify *v = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *v);
    if (v == NULL)
        return NULL;
    memset(v, 0, sizeof *v);
    v->worker = w;
    return v;
}

void gw_verify_free(struct gw_verify *v)
{
    if (v == NULL)
        return;
    while (v->asking != NULL) {
        struct gw_asking *a = v->asking;
        take_out(a);
        free_asking(a);
    }
    for (size_t i = 0; i < SETS; i++)
        for (size_t j = 0; j < WAYS; j++)
            forget(v, &v->kept[i][j]);
    auth_jwks_dispose(&v->keys);
    dgm_arena_dispose(&v->texts);
    v->worker->alloc.resize(v->worker->alloc.ctx, v, sizeof *v, 0);
}
