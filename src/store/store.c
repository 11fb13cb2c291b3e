/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - the keeper's store: what was asked for is noted, and a turn does it: in the file, else in memory.
 *
 * A get looks into memory first, for what stands there is newer than what the file has. While nobody knows yet whether
 * there is a file, gets that memory can not answer wait.
 */
#include "store/store.h"

#include "store/file.h"
#include "store/volatile.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS 10000  /* after the file failed, before it is tried again */
#define EXPIRE_MS 60000 /* between two looks for what is too old */
#define ROOM_TRIES 4    /* of transactions that drop, for one that found no room */
#define UNLOAD_BYTES ((size_t)256 * 1024) /* from memory to the file in one turn */

/** What was asked for. Key and value stand behind it; a get's answer is a buffer. */
struct op {
    struct op *next;
    enum store_map map;
    uint32_t key_n, value_n;
    enum store_rank rank;  /* of a put */
    struct dgm_buf answer; /* of a get, */
    bool found, waits;     /* if it is known; nobody can say yet */
    store_put_fn *on_put;  /* maybe NULL */
    store_get_fn *on_get;  /* NULL for a put */
    void *owner;
    bool is_put, cancelled;
    bool is_moved; /* a put that is counted already, from memory to the file */
};

struct ops {
    struct op *first, **end;
};

enum phase {
    UNDECIDED, /* nobody said yet whether there is a file */
    ALONE,     /* there is none */
    FILED,     /* there is one */
};

/**
 * Lifetime of what is asked for: `noted` until a turn takes it; then it is done and called back, or, as a get that has to
 * wait, `held` until it is noted again.
 */
struct store {
    const struct dgm_alloc *alloc;
    struct store_bounds bounds;
    struct store_volatile *memory;
    struct store_file *file; /* FILED, or broken: it is not touched then but by store_sync */
    enum phase phase;
    struct ops noted, held, done;
    size_t noted_bytes;
    unsigned generation;
    int64_t again_ms, expired_ms; /* the file failed: not before; when was looked last */
    uint64_t put, put_volatile, lost;
    struct store_state closed; /* what files counted that are closed */
    char why[STORE_WHY_BYTES]; /* "": the file takes what is put */
};

/* ---- what is asked for ------------------------------------------------------------------------------- */

static void ops_init(struct ops *o)
{
    o->first = NULL;
    o->end = &o->first;
}

static void ops_add(struct ops *o, struct op *op)
{
    op->next = NULL;
    *o->end = op;
    o->end = &op->next;
}

static struct op *ops_take(struct ops *o)
{
    struct op *op = o->first;
    if (!op)
        return NULL;
    o->first = op->next;
    if (!o->first)
        o->end = &o->first;
    return op;
}

/* Moves all of `from` behind `to`. */
static void ops_move(struct ops *to, struct ops *from)
{
    struct op *op;
    while ((op = ops_take(from)))
        ops_add(to, op);
}

static size_t op_bytes(const struct op *op)
{
    return sizeof *op + op->key_n + op->value_n;
}

static struct dgm_str op_key(const struct op *op)
{
    return (struct dgm_str){(const char *)(op + 1), op->key_n};
}

static struct dgm_str op_value(const struct op *op)
{
    return (struct dgm_str){(const char *)(op + 1) + op->key_n, op->value_n};
}

static void op_free(struct store *s, struct op *op)
{
    s->noted_bytes -= op_bytes(op);
    dgm_buf_dispose(&op->answer);
    s->alloc->resize(s->alloc->ctx, op, op_bytes(op), 0);
}

/* NULL: memory is short, or it is no key, or too much is noted already. */
static struct op *note(struct store *s, enum store_map map, struct dgm_str key,
                       struct dgm_str value, void *owner)
{
    size_t bytes = sizeof(struct op) + key.n + value.n;
    if (key.n == 0 || key.n > STORE_KEY_MAX || value.n > store_value_max(map) ||
        s->noted_bytes > s->bounds.memory_bytes)
        return NULL;
    struct op *op = s->alloc->resize(s->alloc->ctx, NULL, 0, bytes);
    if (!op)
        return NULL;
    *op = (struct op){
        .map = map, .key_n = (uint32_t)key.n, .value_n = (uint32_t)value.n, .owner = owner};
    memcpy(op + 1, key.p, key.n);
    if (value.n != 0)
        memcpy((char *)(op + 1) + key.n, value.p, value.n);
    dgm_buf_init(&op->answer, s->alloc, store_value_max(map));
    s->noted_bytes += bytes;
    ops_add(&s->noted, op);
    return op;
}

bool store_put(struct store *s, enum store_map map, struct dgm_str key, struct dgm_str value,
               store_put_fn *done, void *owner)
{
    struct op *op = note(s, map, key, value, owner);
    if (!op) {
        s->lost++;
        return false;
    }
    op->is_put = true;
    op->on_put = done;
    return true;
}

bool store_get(struct store *s, enum store_map map, struct dgm_str key, store_get_fn *done,
               void *owner)
{
    struct op *op = note(s, map, key, (struct dgm_str){0}, owner);
    if (op)
        op->on_get = done;
    return op != NULL;
}

void store_cancel(struct store *s, const void *owner)
{
    const struct ops *lists[] = {&s->noted, &s->held, &s->done};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (struct op *op = lists[i]->first; op; op = op->next)
            op->cancelled = op->cancelled || op->owner == owner;
}

/* ---- one at a time ----------------------------------------------------------------------------------- */

static void do_get(struct store *s, struct op *op, int64_t now_ms)
{
    struct dgm_str value = store_volatile_get(s->memory, op->map, op_key(op), now_ms);
    dgm_buf_clear(&op->answer);
    if (value.p)
        dgm_buf_put(&op->answer, value);
    op->found = value.p && op->answer.rc == DGM_OK;
    if (!value.p && s->phase == FILED)
        op->found = store_file_get(s->file, op->map, op_key(op), now_ms, &op->answer) == DGM_OK;
    op->waits = !value.p && s->phase == UNDECIDED;
}

static void put_to_memory(struct store *s, struct op *op, int64_t now_ms)
{
    bool there = store_volatile_put(s->memory, op->map, op_key(op), op_value(op), now_ms);
    op->rank = there ? STORE_VOLATILE : STORE_LOST;
}

/* All that is noted, without a transaction. */
static void do_in_memory(struct store *s, int64_t now_ms)
{
    for (struct op *op = s->noted.first; op; op = op->next) {
        if (op->is_put)
            put_to_memory(s, op, now_ms);
        else
            do_get(s, op, now_ms);
    }
}

/* ---- transactions ------------------------------------------------------------------------------------ */

static void close_file(struct store *s)
{
    if (s->phase == FILED)
        store_file_tell(s->file, &s->closed);
    store_file_close(s->file);
    s->file = NULL;
}

static void note_failure(struct store *s, int64_t now_ms)
{
    snprintf(s->why, sizeof s->why, "%s", store_file_why(s->file));
    s->again_ms = now_ms + AGAIN_MS;
    if (store_file_is_broken(s->file))
        s->phase = ALONE; /* until somebody has it checked, and opens it anew */
}

/* What is noted, in one transaction, up to `*ret_rest`: as much as one should take. False: nothing of it is in the file. */
static bool do_in_file(struct store *s, int64_t now_ms, struct op **ret_rest)
{
    struct op *op = s->noted.first;
    if (!store_file_begin(s->file, now_ms))
        return false;
    for (; op && !store_file_is_full(s->file); op = op->next) {
        if (!op->is_put) {
            do_get(s, op, now_ms);
            continue;
        }
        enum store_put put = store_file_put(s->file, op->map, op_key(op), op_value(op));
        if (put == STORE_PUT_FAILED) {
            store_file_abort(s->file);
            return false;
        }
        op->rank = put == STORE_PUT_DONE ? STORE_DURABLE : STORE_LOST;
    }
    *ret_rest = op;
    return store_file_commit(s->file);
}

/* The same; where there is no room the oldest go. */
static bool do_with_room(struct store *s, int64_t now_ms, struct op **ret_rest)
{
    for (int tries = 0; tries < ROOM_TRIES; tries++) {
        if (do_in_file(s, now_ms, ret_rest))
            return true;
        store_file_check_readers(s->file); /* a dead one may hold what was freed */
        if (!store_file_was_no_room(s->file) || !store_file_drop(s->file, now_ms))
            break;
    }
    return false;
}

/* What stands in memory is noted again, before all else: newer values may be noted already. */
static void unload_memory(struct store *s)
{
    struct store_volatile_entry e;
    struct ops noted = s->noted;
    bool was_empty = !noted.first;
    size_t bytes = 0;
    ops_init(&s->noted);
    while (bytes < UNLOAD_BYTES && store_volatile_oldest(s->memory, &e)) {
        struct op *op = note(s, e.map, e.key, e.value, NULL);
        if (!op)
            break;
        op->is_put = op->is_moved = true;
        bytes += op_bytes(op);
        store_volatile_drop(s->memory, e.map, e.key);
    }
    if (was_empty)
        return;
    *s->noted.end = noted.first;
    s->noted.end = noted.end;
}

static bool has_puts(const struct ops *o)
{
    const struct op *op = o->first;
    while (op && !op->is_put)
        op = op->next;
    return op != NULL;
}

/* Does what can be done, and returns the first that is left for the next turn. */
static struct op *do_noted(struct store *s, int64_t now_ms)
{
    struct op *rest = NULL;
    bool expires = now_ms - s->expired_ms >= EXPIRE_MS;
    if (expires) {
        s->expired_ms = now_ms;
        store_volatile_expire(s->memory, now_ms);
    }
    if (s->phase == FILED && (s->why[0] == '\0' || now_ms >= s->again_ms)) {
        unload_memory(s);
        if (!has_puts(&s->noted) && !expires) {
            do_in_memory(s, now_ms);
            return NULL;
        }
        if (do_with_room(s, now_ms, &rest)) {
            s->why[0] = '\0';
            return rest;
        }
        note_failure(s, now_ms);
    }
    do_in_memory(s, now_ms);
    return NULL;
}

/* ---- turns ------------------------------------------------------------------------------------------- */

static void count(struct store *s, const struct op *op)
{
    if (!op->is_put || op->is_moved)
        return;
    s->put += op->rank == STORE_DURABLE;
    s->put_volatile += op->rank == STORE_VOLATILE;
    s->lost += op->rank == STORE_LOST;
}

static void call_back(struct store *s, struct op *op)
{
    struct dgm_str none = {0}, answer = dgm_buf_str(&op->answer);
    if (!answer.p)
        answer = DGM_STR("");
    if (!op->cancelled && op->on_put)
        op->on_put(op->owner, op->rank);
    if (!op->cancelled && op->on_get)
        op->on_get(op->owner, op->found ? answer : none);
    op_free(s, op);
}

void store_turn(struct store *s, int64_t now_ms)
{
    struct op *rest = do_noted(s, now_ms), *op;
    while (s->noted.first != rest) {
        op = ops_take(&s->noted);
        count(s, op);
        ops_add(op->waits ? &s->held : &s->done, op);
    }
    while ((op = ops_take(&s->done))) /* which may note, and cancel */
        call_back(s, op);
}

bool store_waits(const struct store *s)
{
    return s->noted.first != NULL;
}

/* ---- its life ---------------------------------------------------------------------------------------- */

struct store *store_new(const struct store_bounds *bounds, const struct dgm_alloc *alloc)
{
    struct store *s = alloc->resize(alloc->ctx, NULL, 0, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct store){.alloc = alloc, .bounds = *bounds, .phase = UNDECIDED};
    ops_init(&s->noted);
    ops_init(&s->held);
    ops_init(&s->done);
    s->memory = store_volatile_new(bounds, alloc);
    if (s->memory)
        return s;
    alloc->resize(alloc->ctx, s, sizeof *s, 0);
    return NULL;
}

void store_free(struct store *s)
{
    struct op *op;
    if (!s)
        return;
    ops_move(&s->noted, &s->held);
    ops_move(&s->noted, &s->done);
    while ((op = ops_take(&s->noted)))
        op_free(s, op);
    store_file_close(s->file);
    store_volatile_free(s->memory);
    s->alloc->resize(s->alloc->ctx, s, sizeof *s, 0);
}

/* What waited is noted again, before what came later. */
static void decide(struct store *s, enum phase phase)
{
    s->phase = phase;
    ops_move(&s->held, &s->noted);
    ops_move(&s->noted, &s->held);
}

bool store_open(struct store *s, const char *folder, char why[STORE_WHY_BYTES])
{
    close_file(s);
    s->phase = ALONE;
    s->file = store_file_open(folder, &s->bounds, s->alloc, why);
    decide(s, s->file ? FILED : ALONE);
    if (!s->file) {
        snprintf(s->why, sizeof s->why, "%s", why);
        return false;
    }
    s->why[0] = '\0';
    s->generation++;
    return true;
}

void store_open_none(struct store *s)
{
    decide(s, ALONE);
}

void store_sync(struct store *s)
{
    if (s->file)
        store_file_sync(s->file);
}

void store_reader_died(struct store *s)
{
    if (s->phase == FILED)
        store_file_check_readers(s->file);
}

void store_tell(const struct store *s, struct store_state *ret)
{
    *ret = s->closed;
    ret->durable = store_is_durable(s);
    ret->generation = store_generation(s);
    ret->put = s->put;
    ret->put_volatile = s->put_volatile;
    ret->lost = s->lost;
    ret->why = s->why;
    store_volatile_tell(s->memory, ret);
    if (s->phase == FILED)
        store_file_tell(s->file, ret);
}

bool store_is_durable(const struct store *s)
{
    return s->phase == FILED && s->why[0] == '\0';
}

unsigned store_generation(const struct store *s)
{
    return s->phase == FILED ? s->generation : 0;
}
