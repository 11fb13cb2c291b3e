/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - what came with calls: recalled from the store's file or the keeper, kept by the keeper. */
#include "gateway/memory.h"

#include "base/str.h"
#include "gateway/keeper_link.h"
#include "gateway/keeper_store.h"
#include "gateway/memory_record.h"

#include <assert.h>

/* For the keeper: then the session goes on as if it knew nothing. It knows at once, but for the seconds in which it has a
 * large file looked at, and for those it is worth waiting. What it keeps does not wait for that. */
#define RECALL_MS 10000
#define KEEP_MS 1000

struct gw_memory {
    struct gw_worker *worker;
    volatile bool *mark;
    struct store_reader
        *reader;         /* NULL: none of this generation can be opened, or none was wanted */
    bool durable;        /* what is kept is in the file: what is not there is nowhere */
    uint64_t generation; /* of the file; 0: there is none */
    int64_t age_ms;
    char folder[STORE_PATH_MAX];
};

/** One question to the keeper. */
struct word {
    struct gw_memory_wait *wait;
    struct gw_ask *ask; /* NULL: answered */
};

/** A recall that asks the keeper, some keys at a time; or a keep that waits for a word for each record. */
struct gw_memory_wait {
    struct gw_worker *worker;
    struct net_timer timer;
    void (*done)(void *owner);
    void *owner;
    /* Of a recall: */
    struct dgm_request *request;
    struct gw_memory_of of;
    size_t next;                     /* the first need that was not looked at */
    size_t asked[GW_STORE_GETS_MAX]; /* the needs that are asked for */
    /* Of both: */
    size_t waits_n, words_n;
    struct word words[];
};

/* ---- where the store is ------------------------------------------------------------------------------ */

struct gw_memory *gw_memory_new(struct gw_worker *w, volatile bool *mark)
{
    struct gw_memory *m = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *m);
    if (m == NULL)
        return NULL;
    *m = (struct gw_memory){.worker = w};
    m->mark = mark;
    return m;
}

static void set_mark(const struct gw_memory *m, bool set)
{
    if (m->mark != NULL)
        *m->mark = set;
}

static void close_reader(struct gw_memory *m)
{
    set_mark(m, true);
    store_reader_close(m->reader);
    set_mark(m, false);
    m->reader = NULL;
}

void gw_memory_free(struct gw_memory *m)
{
    if (m == NULL)
        return;
    const struct dgm_alloc *a = &m->worker->alloc;
    close_reader(m);
    a->resize(a->ctx, m, sizeof *m, 0);
}

void gw_memory_hear(void *owner, const struct gw_frame *frame)
{
    struct gw_memory *m = owner;
    if (frame == NULL)
        m->durable = false; /* the next keeper may know what is in no file */
    if (frame == NULL || frame->kind != GW_MSG_STORE_STATE)
        return;
    struct gw_fields f = {.rest = frame->payload};
    m->durable = gw_field_u64(&f) != 0;
    uint64_t generation = gw_field_u64(&f);
    m->age_ms = (int64_t)gw_field_u64(&f);
    struct dgm_buf folder = {.p = m->folder, .cap = sizeof m->folder, .max = sizeof m->folder - 1};
    dgm_buf_put(&folder, gw_field_str(&f));
    m->folder[folder.n] = '\0';
    close_reader(m); /* another keeper may have begun another file */
    m->generation = generation;
}

/* The reader, opened when it is first wanted. NULL: there is none. */
static struct store_reader *reader_of(struct gw_memory *m)
{
    if (m->reader != NULL || m->generation == 0)
        return m->reader;
    set_mark(m, true);
    m->reader = store_reader_open(m->folder, &m->worker->alloc);
    set_mark(m, false);
    if (m->reader == NULL)
        m->generation = 0; /* the keeper answers for it, until there is another */
    return m->reader;
}

/* As store_read; there is a reader. */
static enum dgm_rc read_file(struct gw_memory *m, enum store_map map, struct dgm_str key,
                             int64_t oldest_ms, struct dgm_buf *out)
{
    set_mark(m, true);
    enum dgm_rc rc = store_read(m->reader, map, key, oldest_ms, out);
    set_mark(m, false);
    return rc;
}

enum dgm_rc gw_memory_account(struct gw_worker *w, struct dgm_str email, struct dgm_buf *out)
{
    if (email.n == 0 || email.n > STORE_KEY_MAX)
        return DGM_MORE;
    if (w->memory == NULL || reader_of(w->memory) == NULL)
        return DGM_E_LIMIT;
    return read_file(w->memory, STORE_ACCOUNTS, email, 0, out);
}

/* ---- recalling --------------------------------------------------------------------------------------- */

/** A key of the store. */
struct key {
    enum store_map map;
    struct dgm_buf text;
    char room[STORE_KEY_MAX];
};

/* The key of a call, or of what a digest names. */
static bool key_init(struct key *k, const struct gw_memory_of *of, struct dgm_str call_id,
                     struct dgm_str digest)
{
    k->map = digest.n != 0 ? STORE_TEXTS : STORE_SIGNATURES;
    k->text = (struct dgm_buf){.p = k->room, .cap = sizeof k->room, .max = sizeof k->room};
    return digest.n != 0 ? gw_memory_put_digest(of->scope, digest, &k->text)
                         : gw_memory_put_key(of->scope, call_id, &k->text);
}

/* What is remembered of a need answers it; without memory for that it is unknown. */
static void take_value(struct gw_worker *w, const struct gw_memory_of *of,
                       struct dgm_request *request, size_t i, struct dgm_str value)
{
    const struct dgm_need *needs;
    struct gw_memory_record record;
    dgm_request_needs(request, &needs);
    if (!gw_memory_read_value(value, &record))
        return;
    bool is_ours = record.surface == (uint64_t)of->surface;
    if (is_ours && !dgm_request_supply_id(request, i, record.native_id))
        return;
    if (record.signature.n == 0) /* it came with none: what the client says counts */
        return;
    bool fits = gw_memory_fits(&record, dgm_request_model(request), of->surface);
    if (!dgm_request_supply(request, i, fits ? record.signature : DGM_STR("")))
        return;
    w->counters->signatures_foreign_total += !fits;
    bool is_altered = fits && needs[i].sent.n != 0;
    if (needs[i].digest.n != 0) { /* it stands within what is kept of a text */
        w->counters->text_signatures_recalled_total += fits;
        is_altered &= dgm_str_find(record.signature, needs[i].sent) == record.signature.n;
    } else {
        w->counters->signatures_recalled_total += fits;
        is_altered &= !dgm_str_eq(needs[i].sent, record.signature);
    }
    w->counters->signatures_altered_total += is_altered;
}

enum found { FOUND, UNKNOWN, ASK };

/* Looks into the file for a need. ASK: the keeper may know; `key` is what to ask for then. */
static enum found look(struct gw_worker *w, const struct gw_memory_of *of,
                       struct dgm_request *request, size_t i, struct key *key)
{
    struct gw_memory *m = w->memory;
    const struct dgm_need *needs;
    struct dgm_buf value;
    int64_t oldest_ms = m->age_ms != 0 ? net_loop_wall_ms(w->loop) - m->age_ms : 0;
    dgm_request_needs(request, &needs);
    if (!key_init(key, of, needs[i].call_id, needs[i].digest))
        return UNKNOWN;
    if (reader_of(m) == NULL)
        return ASK;
    dgm_buf_init(&value, &w->alloc, store_value_max(key->map));
    enum dgm_rc rc = read_file(m, key->map, dgm_buf_str(&key->text), oldest_ms, &value);
    if (rc == DGM_OK)
        take_value(w, of, request, i, dgm_buf_str(&value));
    dgm_buf_dispose(&value);
    return rc == DGM_OK ? FOUND : rc == DGM_MORE && m->durable ? UNKNOWN : ASK;
}

static void free_wait(struct gw_memory_wait *w)
{
    const struct dgm_alloc *a = &w->worker->alloc;
    net_timer_stop(&w->timer);
    for (size_t i = 0; i < w->words_n; i++)
        gw_keeper_cancel(w->words[i].ask);
    a->resize(a->ctx, w, sizeof *w + w->words_n * sizeof *w->words, 0);
}

void gw_memory_cancel(struct gw_memory_wait *w)
{
    if (w != NULL)
        free_wait(w);
}

static void end_wait(struct gw_memory_wait *w)
{
    void (*done)(void *) = w->done;
    void *owner = w->owner;
    free_wait(w);
    done(owner);
}

static void on_late(void *owner)
{
    struct gw_memory_wait *w = owner;
    w->worker->counters->store_late_total++;
    end_wait(w);
}

/* NULL: memory is short. */
static struct gw_memory_wait *new_wait(struct gw_worker *worker, size_t words_n, int64_t ms,
                                       void (*done)(void *owner), void *owner)
{
    const struct dgm_alloc *a = &worker->alloc;
    struct gw_memory_wait *w = a->resize(a->ctx, NULL, 0, sizeof *w + words_n * sizeof *w->words);
    if (w == NULL)
        return NULL;
    *w =
        (struct gw_memory_wait){.worker = worker, .done = done, .owner = owner, .words_n = words_n};
    for (size_t i = 0; i < words_n; i++)
        w->words[i] = (struct word){.wait = w};
    net_timer_init(&w->timer, on_late, w);
    net_timer_start(worker->loop, &w->timer, ms);
    return w;
}

static void on_values(void *owner, const struct gw_frame *);

/* Looks at the needs that are left; those that the keeper may know are asked for, as many as one question takes. False:
 * there are none. */
static bool ask_some(struct gw_memory_wait *w)
{
    const struct dgm_need *needs;
    size_t n = dgm_request_needs(w->request, &needs), keys = 0;
    struct dgm_buf payload;
    struct key key;
    dgm_buf_init(&payload, &w->worker->alloc, gw_message_max_bytes(GW_MSG_STORE_GET));
    for (enum store_map map = STORE_SIGNATURES; w->next < n && keys < GW_STORE_GETS_MAX;
         w->next++) {
        if (look(w->worker, &w->of, w->request, w->next, &key) != ASK)
            continue;
        if (keys != 0 && key.map != map) /* a question is about one map */
            break;
        if (keys == 0)
            gw_field_put_u64(&payload, key.map);
        map = key.map;
        gw_field_put_str(&payload, dgm_buf_str(&key.text));
        w->asked[keys++] = w->next;
    }
    if (keys != 0 && payload.rc == DGM_OK)
        w->words[0].ask = gw_keeper_ask(w->worker->keeper, GW_MSG_STORE_GET, dgm_buf_str(&payload),
                                        on_values, &w->words[0]);
    dgm_buf_dispose(&payload);
    return w->words[0].ask != NULL;
}

static void on_values(void *owner, const struct gw_frame *reply)
{
    struct word *word = owner;
    struct gw_memory_wait *w = word->wait;
    struct gw_fields f = {.rest = reply != NULL ? reply->payload : DGM_STR("")};
    word->ask = NULL;
    while (!f.bad && f.rest.n != 0) {
        uint64_t index = gw_field_u64(&f);
        struct dgm_str value = gw_field_str(&f);
        w->worker->counters->valkey_missed_total += index == GW_STORE_MISSED;
        w->worker->counters->valkey_recalled_total += index == GW_STORE_SHARED;
        if (!f.bad && index < GW_STORE_GETS_MAX)
            take_value(w->worker, &w->of, w->request, w->asked[index], value);
    }
    if (!ask_some(w))
        end_wait(w);
}

struct gw_memory_wait *gw_memory_recall(struct gw_worker *worker, const struct gw_memory_of *of,
                                        struct dgm_request *request, void (*done)(void *owner),
                                        void *owner)
{
    const struct dgm_need *needs;
    struct key key;
    size_t n = dgm_request_needs(request, &needs), i = 0;
    if (worker->memory == NULL)
        return NULL;
    while (i < n && look(worker, of, request, i, &key) != ASK)
        i++;
    struct gw_memory_wait *w = i < n ? new_wait(worker, 1, RECALL_MS, done, owner) : NULL;
    if (w == NULL)
        return NULL;
    w->request = request;
    w->of = *of;
    w->next = i;
    if (ask_some(w))
        return w;
    free_wait(w);
    return NULL;
}

/* ---- keeping ----------------------------------------------------------------------------------------- */

static void on_kept(void *owner, const struct gw_frame *reply)
{
    struct word *word = owner;
    struct gw_memory_wait *w = word->wait;
    struct gw_fields f = {.rest = reply != NULL ? reply->payload : DGM_STR("")};
    word->ask = NULL;
    if (gw_field_u64(&f) == STORE_LOST)
        w->worker->counters->signatures_lost_total++;
    w->worker->counters->valkey_missed_total += gw_field_u64(&f) != 0;
    if (--w->waits_n == 0)
        end_wait(w);
}

/* Tells the keeper. NULL: it can not be told. */
static struct gw_ask *put(struct gw_worker *worker, const struct key *key,
                          const struct gw_memory_record *record,
                          void (*on_reply)(void *owner, const struct gw_frame *), void *owner)
{
    struct gw_ask *ask = NULL;
    struct dgm_buf payload, value;
    dgm_buf_init(&value, &worker->alloc, store_value_max(key->map));
    dgm_buf_init(&payload, &worker->alloc, gw_message_max_bytes(GW_MSG_STORE_PUT));
    gw_memory_put_value(record, &value);
    if (value.rc == DGM_OK) {
        gw_field_put_u64(&payload, key->map);
        gw_field_put_str(&payload, dgm_buf_str(&key->text));
        gw_field_put_str(&payload, dgm_buf_str(&value));
        if (payload.rc == DGM_OK)
            ask = gw_keeper_ask(worker->keeper, GW_MSG_STORE_PUT, dgm_buf_str(&payload), on_reply,
                                owner);
    }
    dgm_buf_dispose(&payload);
    dgm_buf_dispose(&value);
    return ask;
}

struct gw_memory_wait *gw_memory_keep(struct gw_worker *worker, const struct gw_memory_of *of,
                                      const struct dgm_request *request, void (*done)(void *owner),
                                      void *owner)
{
    const struct dgm_kept *kept;
    size_t n = dgm_request_kept(request, &kept);
    if (worker->memory == NULL || n == 0)
        return NULL;
    struct gw_memory_wait *w = new_wait(worker, n, KEEP_MS, done, owner);
    for (size_t i = 0; i < n; i++) {
        struct key key;
        if (kept[i].digest.n != 0)
            worker->counters->text_signatures_kept_total++;
        else
            worker->counters->signatures_kept_total++;
        if (w == NULL || !key_init(&key, of, kept[i].call_id, kept[i].digest))
            continue;
        const struct gw_memory_record record = {kept[i].signature, kept[i].model, kept[i].name,
                                                (uint64_t)of->surface, kept[i].native_id};
        w->words[i].ask = put(worker, &key, &record, on_kept, &w->words[i]);
        w->waits_n += w->words[i].ask != NULL;
    }
    worker->counters->signatures_lost_total += (int64_t)(n - (w != NULL ? w->waits_n : 0));
    if (w != NULL && w->waits_n != 0)
        return w;
    gw_memory_cancel(w);
    return NULL;
}

static void on_noted(void *owner, const struct gw_frame *reply)
{
    (void)owner, (void)reply; /* nobody waits for it */
}

void gw_memory_stood_in(struct gw_worker *worker, const struct gw_memory_of *of,
                        const struct dgm_request *request)
{
    const struct dgm_need *needs;
    size_t n = dgm_request_needs(request, &needs);
    struct gw_memory_record record = {.signature = DGM_STR(DGM_SIGNATURE_STAND_IN),
                                      .model = dgm_request_model(request),
                                      .surface = (uint64_t)of->surface};
    for (size_t i = 0; i < n; i++) {
        if (!needs[i].stood_in)
            continue;
        worker->counters->stand_ins_total++;
        record.native_id = needs[i].native_id;
        struct key key;
        if (worker->memory != NULL && key_init(&key, of, needs[i].call_id, (struct dgm_str){0}))
            put(worker, &key, &record, on_noted, worker);
    }
}

/* ---- doubting ---------------------------------------------------------------------------------------- */

bool gw_memory_doubt(struct dgm_request *request)
{
    const struct dgm_need *needs;
    size_t n = dgm_request_needs(request, &needs), unvouched = 0, doubted = 0;
    for (size_t i = 0; i < n; i++)
        unvouched += needs[i].sent.n != 0 && needs[i].signature.p == NULL;
    for (size_t i = 0; i < n; i++) {
        bool is_unvouched = needs[i].sent.n != 0 && needs[i].signature.p == NULL;
        bool is_sent = !needs[i].stood_in && (is_unvouched || needs[i].signature.n != 0);
        if (is_sent && (unvouched == 0 || is_unvouched))
            doubted += dgm_request_supply(request, i, DGM_STR(""));
    }
    return doubted != 0;
}
