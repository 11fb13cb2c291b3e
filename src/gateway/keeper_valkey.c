/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_valkey.c - the keeper's connection to Valkey.
 *
 * OFF, DIALLING, then UP until it fails. What is sent stands in a line, in the order of the answers. One that is late has
 * its owner told so and stays in the line, for its answer is still to be read.
 */
#include "gateway/keeper_valkey.h"

#include "base/str.h"
#include "gateway/log.h"
#include "net/dial.h"
#include "store/valkey.h"

#include <assert.h>

#define DIAL_MS 3000
#define DEAD_MS 2000 /* without an answer the connection is given up */
#define AGAIN_MIN_MS 100
#define AGAIN_MAX_MS 10000
#define WORDS_MAX 4096               /* that wait for an answer */
#define QUEUED_MAX ((size_t)8 << 20) /* bytes that wait for the kernel */
#define COMMAND_MAX ((size_t)1 << 20)

/** One command that was sent. */
struct word {
    struct word *next;
    gw_valkey_put_fn *put; /* NULL: a get's, or one of the greeting's */
    gw_valkey_get_fn *get;
    void *owner; /* NULL: nobody waits for it */
    int64_t due_ms;
    enum store_map map;
    size_t n;
    struct dgm_buf keys; /* the bytes of all, one after the other */
    size_t ends[STORE_VALKEY_WORDS_MAX];
};

struct gw_valkey {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    const struct gw_valkey_address *address;
    struct net_target target;
    int64_t age_ms, again_ms;
    struct net_dial *dial;
    struct net_stream *stream;
    struct store_valkey_reader *reader;
    struct word *first, **last;
    size_t words_n, greeting_n; /* greeting_n: answers to come before it may be used */
    struct net_timer timer;     /* the next attempt; or the next that is late */
    bool told;                  /* that it is down, since it was up */
    bool refusal_told;          /* of this connection */
};

static void dial(struct gw_valkey *);
static void drop(struct gw_valkey *, struct dgm_str why);

/* ---- the line ---------------------------------------------------------------------------------------- */

static void free_word(struct gw_valkey *v, struct word *w)
{
    dgm_buf_dispose(&w->keys);
    v->alloc->resize(v->alloc->ctx, w, sizeof *w, 0);
}

/* Its owner hears that no answer came, once. */
static void give_up(struct word *w)
{
    void *owner = w->owner;
    w->owner = NULL;
    if (owner && w->put)
        w->put(owner, false);
    else if (owner && w->get)
        w->get(owner, SIZE_MAX, (struct dgm_str){0});
}

static struct word *shift(struct gw_valkey *v)
{
    struct word *w = v->first;
    v->first = w->next;
    v->words_n--;
    if (!v->first)
        v->last = &v->first;
    return w;
}

static void arm(struct gw_valkey *v)
{
    const struct word *w = v->first;
    int64_t now = net_loop_now_ms(v->loop), due = INT64_MAX;
    if (!v->stream)
        return;
    if (w)
        due = w->due_ms + DEAD_MS - GW_VALKEY_MS;
    while (w && !w->owner)
        w = w->next;
    if (w && w->due_ms < due)
        due = w->due_ms;
    if (due != INT64_MAX)
        net_timer_start(v->loop, &v->timer, due > now ? due - now : 0);
    else
        net_timer_stop(&v->timer);
}

/* Not while it is greeted, nor while an answer is overdue: then the next one would be too. */
static bool is_ready(const struct gw_valkey *v)
{
    return v->stream && v->greeting_n == 0 && v->words_n < WORDS_MAX &&
           (!v->first || net_loop_now_ms(v->loop) < v->first->due_ms) &&
           net_stream_queued(v->stream) < QUEUED_MAX;
}

static struct word *append(struct gw_valkey *v, void *owner)
{
    struct word *w = v->alloc->resize(v->alloc->ctx, NULL, 0, sizeof *w);
    if (!w)
        return NULL;
    w->next = NULL;
    w->put = NULL;
    w->get = NULL;
    w->owner = owner;
    w->n = 0;
    w->due_ms = net_loop_now_ms(v->loop) + GW_VALKEY_MS;
    dgm_buf_init(&w->keys, v->alloc, (size_t)STORE_VALKEY_WORDS_MAX * STORE_KEY_MAX);
    *v->last = w;
    v->last = &w->next;
    v->words_n++;
    return w;
}

/* Sends a command for which a word stands at the line's end. False: memory is short, and the connection of no use. */
static bool send_words(struct gw_valkey *v, const struct dgm_str *words, size_t n)
{
    struct dgm_buf command;
    dgm_buf_init(&command, v->alloc, COMMAND_MAX);
    store_valkey_put(&command, words, n);
    const struct dgm_str part = dgm_buf_str(&command);
    bool sent = command.rc == DGM_OK && net_stream_write(v->stream, &part, 1) != DGM_E_NOMEM;
    dgm_buf_dispose(&command);
    arm(v);
    return sent;
}

/* ---- answers ----------------------------------------------------------------------------------------- */

/* What it may not, or can not now: -NOPERM, -LOADING, -MOVED, -OOM. */
static void tell_refusal(struct gw_valkey *v, struct dgm_str why)
{
    if (!v->refusal_told)
        gw_log(GW_LOG_WARN, "Valkey refuses, and what it refuses is this machine's alone: %.*s",
               (int)(why.n < STORE_WHY_BYTES ? why.n : STORE_WHY_BYTES), why.p);
    v->refusal_told = true;
}

/* A key without a value is known to be nowhere; an answer of another shape says nothing of any key. */
static void give_values(struct gw_valkey *v, struct word *w, const struct store_valkey_reply *reply)
{
    int64_t now = net_loop_wall_ms(v->loop);
    size_t begin = 0;
    if (reply->kind != STORE_VALKEY_VALUES || reply->n != w->n) {
        give_up(w);
        return;
    }
    for (size_t i = 0; i < w->n && w->owner; begin = w->ends[i++]) {
        struct dgm_str key = {w->keys.p + begin, w->ends[i] - begin};
        struct dgm_str value = store_valkey_value(store_valkey_at(reply, i).text, w->map, key,
                                                  v->age_ms != 0 ? now - v->age_ms : 0);
        if (value.p)
            w->get(w->owner, i, value);
    }
    if (w->owner)
        w->get(w->owner, SIZE_MAX, DGM_STR(""));
}

static void hear(struct gw_valkey *v, const struct store_valkey_reply *reply)
{
    struct word *w = shift(v);
    if (v->greeting_n != 0) {
        free_word(v, w);
        if (reply->kind == STORE_VALKEY_ERROR) {
            drop(v, reply->text);
            return;
        }
        if (--v->greeting_n == 0) {
            v->again_ms = 0;
            gw_log(GW_LOG_INFO, "Valkey is there: what is kept is shared");
            v->told = false;
        }
        return;
    }
    if (reply->kind == STORE_VALKEY_ERROR)
        tell_refusal(v, reply->text);
    if (w->owner && w->put)
        w->put(w->owner, reply->kind == STORE_VALKEY_OK);
    else if (w->owner)
        give_values(v, w, reply);
    free_word(v, w);
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_valkey *v = owner;
    struct store_valkey_reply reply;
    enum dgm_rc rc = store_valkey_feed(v->reader, bytes) ? DGM_OK : DGM_E_LIMIT;
    while (rc == DGM_OK && v->stream) {
        rc = store_valkey_next(v->reader, &reply);
        if (rc == DGM_OK && v->first)
            hear(v, &reply);
        else if (rc == DGM_OK)
            rc = DGM_E_SYNTAX; /* nobody asked */
    }
    if (rc < 0 && v->stream)
        drop(v, DGM_STR("what it answers is not Valkey's protocol"));
    arm(v);
}

/* ---- the connection ---------------------------------------------------------------------------------- */

static void on_eof(void *owner)
{
    drop(owner, DGM_STR("it closed the connection"));
}

static void on_fail(void *owner)
{
    drop(owner, DGM_STR("the connection broke"));
}

static void on_drain(void *owner)
{
    (void)owner; /* nobody waits for that: is_ready looks at the queue */
}

/* A stream tells its end later, when another may be there already: it has no owner's memory to touch. */
static void on_closed(void *owner)
{
    (void)owner;
}

static const struct net_stream_events events = {.on_read = on_read,
                                                .on_eof = on_eof,
                                                .on_drain = on_drain,
                                                .on_fail = on_fail,
                                                .on_closed = on_closed};

static void try_later(struct gw_valkey *v)
{
    v->again_ms = v->again_ms == 0 ? AGAIN_MIN_MS : 2 * v->again_ms;
    if (v->again_ms > AGAIN_MAX_MS)
        v->again_ms = AGAIN_MAX_MS;
    net_timer_start(v->loop, &v->timer, v->again_ms);
}

static void drop(struct gw_valkey *v, struct dgm_str why)
{
    if (!v->told)
        gw_log(GW_LOG_WARN, "Valkey can not be used, what is kept is this machine's alone: %.*s",
               (int)(why.n < STORE_WHY_BYTES ? why.n : STORE_WHY_BYTES), why.p);
    v->told = true;
    if (v->stream)
        net_stream_close(v->stream);
    v->stream = NULL;
    v->greeting_n = 0;
    while (v->first) {
        struct word *w = shift(v);
        give_up(w);
        free_word(v, w);
    }
    try_later(v);
}

static void greet(struct gw_valkey *v)
{
    const struct gw_valkey_address *a = v->address;
    const struct dgm_str user = {a->user, a->user_n}, password = {a->password, a->password_n};
    char room[24];
    struct dgm_buf db = {.p = room, .cap = sizeof room, .max = sizeof room};
    dgm_buf_put_int(&db, a->db);
    const struct dgm_str select[] = {DGM_STR("SELECT"), dgm_buf_str(&db)};
    const struct dgm_str auth[] = {DGM_STR("AUTH"), user, password};
    const struct dgm_str auth_alone[] = {DGM_STR("AUTH"), password};
    bool sent = true;
    if (a->password_n != 0) {
        v->greeting_n++;
        sent = append(v, NULL) &&
               (a->user_n != 0 ? send_words(v, auth, 3) : send_words(v, auth_alone, 2));
    }
    v->greeting_n++;
    sent = sent && append(v, NULL) && send_words(v, select, 2);
    if (!sent)
        drop(v, DGM_STR("memory is short"));
}

static void on_open(void *owner, struct net_stream *stream)
{
    struct gw_valkey *v = owner;
    v->dial = NULL;
    v->stream = stream;
    v->refusal_told = false;
    net_stream_own(stream, &events, v);
    store_valkey_reader_free(v->reader);
    v->reader = store_valkey_reader_new(v->alloc);
    if (v->reader)
        greet(v);
    else
        drop(v, DGM_STR("memory is short"));
}

static void on_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct gw_valkey *v = owner;
    (void)phase;
    v->dial = NULL;
    drop(v, why);
}

static void dial(struct gw_valkey *v)
{
    static const struct net_dial_events dial_events = {on_open, on_failed};
    v->dial = net_dial_new(v->loop, &v->target, DIAL_MS, &dial_events, v);
    if (!v->dial)
        try_later(v);
}

static void on_timer(void *owner)
{
    struct gw_valkey *v = owner;
    int64_t now = net_loop_now_ms(v->loop);
    if (!v->stream) {
        if (!v->dial)
            dial(v);
        return;
    }
    if (v->first && now >= v->first->due_ms + DEAD_MS - GW_VALKEY_MS) {
        drop(v, DGM_STR("it does not answer"));
        return;
    }
    for (struct word *w = v->first; w && w->due_ms <= now; w = w->next)
        give_up(w);
    arm(v);
}

/* ---- public ------------------------------------------------------------------------------------------ */

bool gw_valkey_put(struct gw_valkey *v, enum store_map map, struct dgm_str key,
                   struct dgm_str value, gw_valkey_put_fn *done, void *owner)
{
    struct dgm_buf name, record;
    char digits[24];
    struct dgm_buf age = {.p = digits, .cap = sizeof digits, .max = sizeof digits};
    if (!is_ready(v) || !store_valkey_shares(map))
        return false;
    dgm_buf_init(&name, v->alloc, 2 * STORE_KEY_MAX);
    dgm_buf_init(&record, v->alloc, COMMAND_MAX);
    store_valkey_put_key(&name, map, key);
    store_valkey_put_record(&record, map, key, value, net_loop_wall_ms(v->loop));
    dgm_buf_put_int(&age, v->age_ms);
    const struct dgm_str words[] = {DGM_STR("SET"), dgm_buf_str(&name), dgm_buf_str(&record),
                                    DGM_STR("PX"), dgm_buf_str(&age)};
    struct word *w = name.rc == DGM_OK && record.rc == DGM_OK ? append(v, NULL) : NULL;
    bool sent = w && send_words(v, words, v->age_ms != 0 ? 5 : 3);
    if (sent) {
        w->put = done;
        w->owner = owner;
        arm(v);
    } else if (w) {
        drop(v, DGM_STR("memory is short"));
    }
    dgm_buf_dispose(&name);
    dgm_buf_dispose(&record);
    return sent;
}

bool gw_valkey_get(struct gw_valkey *v, enum store_map map, const struct dgm_str *keys, size_t n,
                   gw_valkey_get_fn *done, void *owner)
{
    struct dgm_str words[STORE_VALKEY_WORDS_MAX] = {DGM_STR("MGET")};
    size_t ends[STORE_VALKEY_WORDS_MAX];
    struct dgm_buf names;
    if (!is_ready(v) || !store_valkey_shares(map))
        return false;
    assert(n < STORE_VALKEY_WORDS_MAX);
    struct word *w = append(v, NULL);
    dgm_buf_init(&names, v->alloc, (size_t)STORE_VALKEY_WORDS_MAX * 2 * STORE_KEY_MAX);
    for (size_t i = 0; w && i < n; i++) {
        store_valkey_put_key(&names, map, keys[i]);
        ends[i] = names.n;
        dgm_buf_put(&w->keys, keys[i]);
        w->ends[i] = w->keys.n;
    }
    bool made = w && names.rc == DGM_OK && w->keys.rc == DGM_OK;
    for (size_t i = 0, begin = 0; made && i < n; begin = ends[i++])
        words[i + 1] = (struct dgm_str){names.p + begin, ends[i] - begin};
    bool sent = made && send_words(v, words, n + 1);
    if (sent) {
        w->get = done;
        w->owner = owner;
        w->map = map;
        w->n = n;
        arm(v);
    } else if (w) {
        drop(v, DGM_STR("memory is short"));
    }
    dgm_buf_dispose(&names);
    return sent;
}

void gw_valkey_cancel(struct gw_valkey *v, const void *owner)
{
    for (struct word *w = v->first; w; w = w->next)
        if (w->owner == owner)
            w->owner = NULL;
}

struct gw_valkey *gw_valkey_new(struct net_loop *loop, const struct gw_valkey_address *address,
                                const struct net_trust *trust, int64_t age_ms)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_valkey *v = a->resize(a->ctx, NULL, 0, sizeof *v);
    if (!v)
        return NULL;
    *v = (struct gw_valkey){
        .loop = loop,
        .alloc = a,
        .address = address,
        .target = {.host = {address->host, address->host_n}, .port = address->port, .trust = trust},
        .age_ms = age_ms};
    v->last = &v->first;
    net_timer_init(&v->timer, on_timer, v);
    dial(v);
    return v;
}

void gw_valkey_free(struct gw_valkey *v)
{
    if (!v)
        return;
    net_timer_stop(&v->timer);
    net_dial_cancel(v->dial);
    if (v->stream)
        net_stream_close(v->stream);
    while (v->first)
        free_word(v, shift(v));
    store_valkey_reader_free(v->reader);
    v->alloc->resize(v->alloc->ctx, v, sizeof *v, 0);
}
