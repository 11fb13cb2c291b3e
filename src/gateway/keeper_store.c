/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_store.c - the store as the keeper has it.
 *
 * One timer is its turn: all that one poll of the loop brought is done in one transaction behind it. Another looks
 * around: once a second while there is something to sync or to mend, once a minute else.
 */
#include "gateway/keeper_store.h"

#include "base/str.h"
#include "gateway/log.h"
#include "gateway/store_folder.h"
#include "net/work.h"
#include "store/valkey.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_MS 1000
#define IDLE_MS 60000
#define OPEN_AGAIN_MS 10000
#define STATE_BYTES_MAX (64 + STORE_PATH_MAX)

/** One key of a question. */
struct get {
    struct ask *ask;
    uint64_t index;
};

/** A worker's question, from when it is heard until it is answered or its link is gone. */
struct ask {
    struct ask *next;
    struct gw_keeper_store *store;
    void *link;
    uint32_t id;
    size_t waits_n; /* answers of the store's, and of Valkey's, that are to come, in any order */
    enum store_map map;
    enum store_rank rank; /* of a put */
    bool missed;          /* Valkey was not there, or too late */
    struct get gets[GW_STORE_GETS_MAX];
    size_t unknown[GW_STORE_GETS_MAX], unknown_n; /* keys that are looked for there */
    struct dgm_buf payload, keys; /* keys: a copy of the question's, where there is a Valkey */
};

struct gw_keeper_store {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    const struct gw_store_place *place;
    struct store *store;
    struct gw_valkey *valkey; /* NULL: none is shared */
    const struct gw_keeper_store_events *events;
    void *owner;
    volatile bool *busy;
    struct ask *asks;
    struct net_timer turn, look;
    struct net_watch *check; /* NULL: no child looks at the file */
    int check_pid;
    int64_t open_ms; /* not before this is opened what is not open */
    struct net_work *work;
    bool syncing, dirty, looks_soon; /* dirty: there is something to sync */
    bool durable;                    /* as it was told last, as the others are */
    unsigned generation;
    uint64_t lost, unsound;
};

static int64_t now_ms(const struct gw_keeper_store *s)
{
    return net_loop_wall_ms(s->loop);
}

/* ---- what is told ------------------------------------------------------------------------------------ */

static void put_state(const struct gw_keeper_store *s, struct dgm_buf *out)
{
    gw_field_put_u64(out, s->durable && !s->valkey); /* what is not in the file may be there */
    gw_field_put_u64(out, s->generation);
    gw_field_put_u64(out, (uint64_t)s->place->bounds.age_ms);
    gw_field_put_str(out, dgm_str_c(s->place->folder));
}

static void log_losses(struct gw_keeper_store *s)
{
    struct store_state now;
    store_tell(s->store, &now);
    if (now.lost != s->lost)
        gw_log(GW_LOG_WARN, "the store: %llu values were lost, for want of room",
               (unsigned long long)(now.lost - s->lost));
    if (now.unsound != s->unsound)
        gw_log(GW_LOG_WARN,
               "the store: %llu records are not what was written, and count as unknown",
               (unsigned long long)(now.unsound - s->unsound));
    s->lost = now.lost;
    s->unsound = now.unsound;
}

static void log_change(const struct gw_keeper_store *s, bool durable)
{
    struct store_state now;
    store_tell(s->store, &now);
    if (!durable)
        gw_log(GW_LOG_WARN,
               "the store can not be written: %s; what is put stands in memory for now", now.why);
    else
        gw_log(GW_LOG_INFO, "the store is open: %s/" STORE_FILE, s->place->folder);
}

/* Workers hear of it before anything is acknowledged that depends on it. */
static void tell(struct gw_keeper_store *s)
{
    bool durable = store_is_durable(s->store);
    unsigned generation = store_generation(s->store);
    char room[STATE_BYTES_MAX];
    struct dgm_buf payload = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (durable == s->durable && generation == s->generation)
        return;
    if (durable != s->durable)
        log_change(s, durable);
    s->durable = durable;
    s->generation = generation;
    put_state(s, &payload);
    s->events->push(s->owner, GW_MSG_STORE_STATE, dgm_buf_str(&payload));
}

void gw_keeper_store_greet(struct gw_keeper_store *s, void *link)
{
    char room[STATE_BYTES_MAX];
    struct dgm_buf payload = {.p = room, .cap = sizeof room, .max = sizeof room};
    put_state(s, &payload);
    s->events->say(link, GW_MSG_STORE_STATE, 0, dgm_buf_str(&payload));
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static void set_busy(struct gw_keeper_store *s, bool busy)
{
    if (s->busy)
        *s->busy = busy;
}

static void open_file(struct gw_keeper_store *s)
{
    char why[STORE_WHY_BYTES];
    set_busy(s, true);
    bool open = store_open(s->store, s->place->folder, why);
    set_busy(s, false);
    s->open_ms = now_ms(s) + OPEN_AGAIN_MS;
    if (!open)
        gw_log(GW_LOG_WARN, "the store can not be opened, what is put stands in memory for now: %s",
               why);
    gw_keeper_store_soon(s);
}

static void set_aside(struct gw_keeper_store *s, const char *why)
{
    if (store_set_aside(s->place->folder))
        gw_log(GW_LOG_ERROR,
               "the store's file %s: it is set aside as %s/" STORE_SET_ASIDE
               ", and a new one is begun",
               why, s->place->folder);
}

static void on_checked(void *owner)
{
    struct gw_keeper_store *s = owner;
    net_watch_close(s->check);
    s->check = NULL;
    if (store_check_end(s->check_pid) == STORE_DAMAGED)
        set_aside(s, "is damaged");
    open_file(s);
}

static void check_file(struct gw_keeper_store *s)
{
    int fd;
    if (s->place->folder[0] == '\0') {
        store_open_none(s->store);
        return;
    }
    if (store_check_start(s->place->folder, &fd, &s->check_pid)) {
        s->check = net_watch_new(s->loop, fd, on_checked, s);
        if (s->check)
            return;
        store_check_end(s->check_pid);
    }
    gw_log(GW_LOG_WARN,
           "the store is not opened: there is no process or memory to look at its file");
    store_open_none(s->store);
    s->open_ms = now_ms(s) + OPEN_AGAIN_MS;
}

/* ---- turns ------------------------------------------------------------------------------------------- */

static void on_synced(void *owner)
{
    struct gw_keeper_store *s = owner;
    s->syncing = false;
    s->events->settled(s->owner);
}

static void run_sync(void *owner)
{
    store_sync(((struct gw_keeper_store *)owner)->store);
}

static void look_in(struct gw_keeper_store *s, bool soon)
{
    if (s->looks_soon)
        return;
    s->looks_soon = soon;
    net_timer_start(s->loop, &s->look, soon ? BUSY_MS : IDLE_MS);
}

static void take_turn(struct gw_keeper_store *s)
{
    set_busy(s, true);
    store_turn(s->store, now_ms(s));
    set_busy(s, false);
    tell(s);
    if (store_waits(s->store))
        gw_keeper_store_soon(s);
}

static void on_turn(void *owner)
{
    struct gw_keeper_store *s = owner;
    s->dirty = true;
    take_turn(s);
    look_in(s, true);
}

/* Whether there is a file that is not open, and that nobody is about to open. */
static bool is_missing(const struct gw_keeper_store *s)
{
    return s->place->folder[0] != '\0' && store_generation(s->store) == 0 && !s->check;
}

static void on_look(void *owner)
{
    struct gw_keeper_store *s = owner;
    bool was_durable = s->durable;
    s->looks_soon = false;
    take_turn(s);
    if (is_missing(s) && !s->syncing && now_ms(s) >= s->open_ms)
        check_file(s);
    s->dirty = s->dirty || s->durable != was_durable; /* what stood in memory has moved */
    if (s->dirty && s->durable && !s->syncing) {
        s->dirty = false;
        s->syncing = true;
        net_work_start(s->work, run_sync, on_synced, s);
    }
    log_losses(s);
    look_in(s, s->dirty || !s->durable);
}

void gw_keeper_store_soon(struct gw_keeper_store *s)
{
    net_timer_start(s->loop, &s->turn, 0);
}

void gw_keeper_store_now(struct gw_keeper_store *s)
{
    on_turn(s);
}

/* ---- questions --------------------------------------------------------------------------------------- */

static void free_ask(struct ask *ask)
{
    struct ask **at = &ask->store->asks;
    const struct dgm_alloc *a = ask->store->alloc;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    dgm_buf_dispose(&ask->payload);
    dgm_buf_dispose(&ask->keys);
    a->resize(a->ctx, ask, sizeof *ask, 0);
}

static struct ask *make_ask(struct gw_keeper_store *s, void *link, uint32_t id)
{
    struct ask *ask = s->alloc->resize(s->alloc->ctx, NULL, 0, sizeof *ask);
    if (!ask)
        return NULL;
    ask->next = s->asks;
    ask->store = s;
    ask->link = link;
    ask->id = id;
    ask->waits_n = 0;
    ask->rank = STORE_LOST;
    ask->missed = false;
    ask->unknown_n = 0;
    dgm_buf_init(&ask->keys, s->alloc, gw_message_max_bytes(GW_MSG_STORE_GET));
    dgm_buf_init(&ask->payload, s->alloc, gw_message_max_bytes(GW_MSG_STORE_VALUES));
    s->asks = ask;
    return ask;
}

static void say_rank(struct gw_keeper_store *s, void *link, uint32_t id, enum store_rank rank,
                     bool missed)
{
    char room[16];
    struct dgm_buf payload = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_field_put_u64(&payload, rank);
    gw_field_put_u64(&payload, missed);
    s->events->say(link, GW_MSG_STORE_KEPT, id, dgm_buf_str(&payload));
}

static void end_put(struct ask *ask)
{
    if (--ask->waits_n != 0)
        return;
    tell(ask->store);
    say_rank(ask->store, ask->link, ask->id, ask->rank, ask->missed);
    free_ask(ask);
}

static void on_put(void *owner, enum store_rank rank)
{
    struct ask *ask = owner;
    ask->rank = rank;
    end_put(ask);
}

static void on_shared(void *owner, bool kept)
{
    struct ask *ask = owner;
    ask->missed = !kept;
    end_put(ask);
}

static bool hear_put(struct gw_keeper_store *s, void *link, const struct gw_frame *frame)
{
    struct gw_fields f = {.rest = frame->payload};
    enum store_map map = store_map_of(gw_field_u64(&f));
    struct dgm_str key = gw_field_str(&f), value = gw_field_str(&f);
    if (!gw_fields_ended(&f) || map == 0)
        return false;
    struct ask *ask = make_ask(s, link, frame->id);
    if (ask) {
        ask->waits_n = store_put(s->store, map, key, value, on_put, ask);
        if (s->valkey && store_valkey_shares(map) &&
            gw_valkey_put(s->valkey, map, key, value, on_shared, ask))
            ask->waits_n++;
        else
            ask->missed = s->valkey != NULL && store_valkey_shares(map);
    }
    if (ask && ask->waits_n != 0)
        return true;
    if (ask)
        free_ask(ask);
    say_rank(s, link, frame->id, STORE_LOST, s->valkey != NULL);
    return true;
}

static void end_gets(struct ask *ask)
{
    if (ask->missed) {
        gw_field_put_u64(&ask->payload, GW_STORE_MISSED);
        gw_field_put_str(&ask->payload, DGM_STR(""));
    }
    if (ask->payload.rc != DGM_OK) { /* without memory nothing is known */
        dgm_buf_dispose(&ask->payload);
        dgm_buf_clear(&ask->payload);
    }
    ask->store->events->say(ask->link, GW_MSG_STORE_VALUES, ask->id, dgm_buf_str(&ask->payload));
    free_ask(ask);
}

static void on_found(void *owner, size_t i, struct dgm_str value)
{
    struct ask *ask = owner;
    if (i == SIZE_MAX) {
        ask->missed = value.p == NULL;
        end_gets(ask);
        return;
    }
    gw_field_put_u64(&ask->payload, ask->unknown[i]);
    gw_field_put_str(&ask->payload, value);
    gw_field_put_u64(&ask->payload, GW_STORE_SHARED);
    gw_field_put_str(&ask->payload, DGM_STR(""));
}

/* Asks Valkey for what is not here. False: there is nothing, or it can not be asked. */
static bool ask_valkey(struct ask *ask)
{
    struct gw_keeper_store *s = ask->store;
    struct gw_fields f = {.rest = dgm_buf_str(&ask->keys)};
    struct dgm_str keys[GW_STORE_GETS_MAX];
    size_t n = 0;
    if (!s->valkey || ask->unknown_n == 0 || !store_valkey_shares(ask->map))
        return false;
    for (size_t i = 0; !f.bad && f.rest.n != 0 && n < ask->unknown_n; i++) {
        struct dgm_str key = gw_field_str(&f);
        if (i == ask->unknown[n])
            keys[n++] = key;
    }
    ask->missed =
        n != ask->unknown_n || !gw_valkey_get(s->valkey, ask->map, keys, n, on_found, ask);
    return !ask->missed;
}

static int compare_sizes(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void on_get(void *owner, struct dgm_str value)
{
    const struct get *get = owner;
    struct ask *ask = get->ask;
    if (value.p) {
        gw_field_put_u64(&ask->payload, get->index);
        gw_field_put_str(&ask->payload, value);
    } else {
        ask->unknown[ask->unknown_n++] = get->index;
    }
    if (--ask->waits_n != 0)
        return;
    qsort(ask->unknown, ask->unknown_n, sizeof *ask->unknown, compare_sizes);
    if (!ask_valkey(ask))
        end_gets(ask);
}

static void cancel_ask(struct ask *ask)
{
    store_cancel(ask->store->store, ask);
    for (size_t i = 0; i < GW_STORE_GETS_MAX; i++)
        store_cancel(ask->store->store, &ask->gets[i]);
    if (ask->store->valkey)
        gw_valkey_cancel(ask->store->valkey, ask);
    free_ask(ask);
}

static bool hear_get(struct gw_keeper_store *s, void *link, const struct gw_frame *frame)
{
    struct gw_fields f = {.rest = frame->payload};
    enum store_map map = store_map_of(gw_field_u64(&f));
    struct dgm_str keys[GW_STORE_GETS_MAX];
    size_t n = 0;
    const struct dgm_str asked = f.rest;
    while (!f.bad && f.rest.n != 0 && n < GW_STORE_GETS_MAX)
        keys[n++] = gw_field_str(&f);
    if (!gw_fields_ended(&f) || map == 0 || n == 0)
        return false;
    struct ask *ask = make_ask(s, link, frame->id);
    if (ask && s->valkey) {
        ask->map = map;
        dgm_buf_put(&ask->keys, asked);
    }
    for (size_t i = 0; ask && i < n; i++) {
        ask->gets[i] = (struct get){ask, i};
        ask->waits_n += store_get(s->store, map, keys[i], on_get, &ask->gets[i]);
    }
    if (ask && ask->waits_n != 0)
        return true; /* what could not even be asked for is unknown */
    if (ask)
        free_ask(ask);
    s->events->say(link, GW_MSG_STORE_VALUES, frame->id, DGM_STR(""));
    return true;
}

bool gw_keeper_store_hear(struct gw_keeper_store *s, void *link, const struct gw_frame *frame)
{
    gw_keeper_store_soon(s);
    return frame->kind == GW_MSG_STORE_PUT   ? hear_put(s, link, frame)
           : frame->kind == GW_MSG_STORE_GET ? hear_get(s, link, frame)
                                             : false;
}

void gw_keeper_store_forget(struct gw_keeper_store *s, void *link)
{
    struct ask *next;
    for (struct ask *ask = s->asks; ask; ask = next) {
        next = ask->next;
        if (ask->link == link)
            cancel_ask(ask);
    }
    set_busy(s, true);
    store_reader_died(s->store);
    set_busy(s, false);
}

/* ---- its life ---------------------------------------------------------------------------------------- */

struct gw_keeper_store *
gw_keeper_store_new(struct net_loop *loop, const struct gw_store_place *place, bool is_suspect,
                    volatile bool *busy, const struct gw_keeper_store_events *events, void *owner)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_keeper_store *s = a->resize(a->ctx, NULL, 0, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct gw_keeper_store){
        .loop = loop, .alloc = a, .place = place, .events = events, .owner = owner};
    s->busy = busy;
    net_timer_init(&s->turn, on_turn, s);
    net_timer_init(&s->look, on_look, s);
    s->store = store_new(&place->bounds, a);
    s->work = net_work_new(loop);
    if (!s->store || !s->work) {
        gw_keeper_store_free(s);
        return NULL;
    }
    if (place->is_shared) {
        s->valkey = gw_valkey_new(loop, &place->valkey, place->trust, place->bounds.age_ms);
        if (!s->valkey) {
            gw_keeper_store_free(s);
            return NULL;
        }
    }
    if (is_suspect)
        set_aside(s, "was open when processes died");
    check_file(s);
    look_in(s, true);
    return s;
}

bool gw_keeper_store_is_busy(const struct gw_keeper_store *s)
{
    return s->syncing;
}

void gw_keeper_store_free(struct gw_keeper_store *s)
{
    if (!s)
        return;
    gw_valkey_free(s->valkey);
    while (s->asks)
        free_ask(s->asks);
    net_timer_stop(&s->turn);
    net_timer_stop(&s->look);
    if (s->check) {
        net_watch_close(s->check);
        store_check_end(s->check_pid);
    }
    if (s->store && s->dirty)
        store_sync(s->store);
    store_free(s->store);
    net_work_free(s->work);
    gw_store_place_remove(s->place); /* the master, which would, may be gone */
    s->alloc->resize(s->alloc->ctx, s, sizeof *s, 0);
}

struct store *gw_keeper_store_of(struct gw_keeper_store *s)
{
    return s->store;
}
