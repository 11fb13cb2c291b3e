/* SPDX-License-Identifier: Apache-2.0 */
/* volatile.c - the same maps in memory: a table, and a list by age. */
#include "store/volatile.h"

#include "store/record.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

#define PLACES_MIN 64

/** Key and value stand behind it. */
struct entry {
    struct entry *next;          /* in its place of the table */
    struct entry *older, *newer; /* in the list */
    uint64_t hash;
    int64_t put_ms;
    enum store_map map;
    uint32_t key_n, value_n;
};

struct store_volatile {
    const struct dgm_alloc *alloc;
    size_t max_bytes, bytes;
    int64_t age_ms;
    struct entry **places;
    size_t places_n, n; /* places_n: a power of two */
    struct entry *oldest, *newest;
    uint64_t evicted, expired;
};

static struct dgm_str key_of(const struct entry *e)
{
    return (struct dgm_str){(const char *)(e + 1), e->key_n};
}

static struct dgm_str value_of(const struct entry *e)
{
    return (struct dgm_str){(const char *)(e + 1) + e->key_n, e->value_n};
}

static size_t bytes_of(const struct entry *e)
{
    return sizeof *e + e->key_n + e->value_n;
}

struct store_volatile *store_volatile_new(const struct store_bounds *bounds,
                                          const struct dgm_alloc *alloc)
{
    struct store_volatile *v = alloc->resize(alloc->ctx, NULL, 0, sizeof *v);
    if (!v)
        return NULL;
    *v = (struct store_volatile){
        .alloc = alloc, .max_bytes = bounds->memory_bytes, .age_ms = bounds->age_ms};
    return v;
}

/* ---- the table --------------------------------------------------------------------------------------- */

static uint64_t hash_of(enum store_map map, struct dgm_str key)
{
    return store_hash(map, key);
}

static struct entry **place_of(const struct store_volatile *v, uint64_t hash)
{
    return &v->places[hash & (v->places_n - 1)];
}

/* Where the entry of a key is linked, or would be. */
static struct entry **find(const struct store_volatile *v, enum store_map map, struct dgm_str key)
{
    uint64_t hash = hash_of(map, key);
    struct entry **at = place_of(v, hash);
    while (*at && ((*at)->hash != hash || (*at)->map != map || !dgm_str_eq(key_of(*at), key)))
        at = &(*at)->next;
    return at;
}

/* False: there is no table, and no memory for one. Without memory for a larger one the chains grow. */
static bool grow(struct store_volatile *v)
{
    struct store_volatile larger = *v;
    if (v->n < v->places_n)
        return true;
    larger.places_n = v->places_n ? 2 * v->places_n : PLACES_MIN;
    larger.places =
        v->alloc->resize(v->alloc->ctx, NULL, 0, larger.places_n * sizeof *larger.places);
    if (!larger.places)
        return v->places_n != 0;
    memset(larger.places, 0, larger.places_n * sizeof *larger.places);
    for (struct entry *e = v->oldest; e; e = e->newer) {
        struct entry **at = place_of(&larger, e->hash);
        e->next = *at;
        *at = e;
    }
    v->alloc->resize(v->alloc->ctx, v->places, v->places_n * sizeof *v->places, 0);
    *v = larger;
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------- */

static void drop_at(struct store_volatile *v, struct entry **at)
{
    struct entry *e = *at;
    assert(e);
    *at = e->next;
    *(e->older ? &e->older->newer : &v->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &v->newest) = e->older;
    v->n--;
    v->bytes -= bytes_of(e);
    v->alloc->resize(v->alloc->ctx, e, bytes_of(e), 0);
}

static void drop_entry(struct store_volatile *v, const struct entry *e)
{
    drop_at(v, find(v, e->map, key_of(e)));
}

void store_volatile_drop(struct store_volatile *v, enum store_map map, struct dgm_str key)
{
    struct entry **at = v->places_n != 0 ? find(v, map, key) : NULL;
    if (at && *at)
        drop_at(v, at);
}

/* The oldest that may go. */
static struct entry *oldest_that_ages(const struct store_volatile *v)
{
    struct entry *e = v->oldest;
    while (e && !store_map_ages(e->map))
        e = e->newer;
    return e;
}

static bool is_old(const struct store_volatile *v, const struct entry *e, int64_t now_ms)
{
    return v->age_ms != 0 && store_map_ages(e->map) && now_ms - e->put_ms > v->age_ms;
}

void store_volatile_expire(struct store_volatile *v, int64_t now_ms)
{
    for (const struct entry *e = oldest_that_ages(v); e && is_old(v, e, now_ms);
         e = oldest_that_ages(v)) {
        drop_entry(v, e);
        v->expired++;
    }
}

bool store_volatile_put(struct store_volatile *v, enum store_map map, struct dgm_str key,
                        struct dgm_str value, int64_t now_ms)
{
    struct entry *e;
    size_t bytes = sizeof *e + key.n + value.n;
    store_volatile_drop(v, map, key);
    if (bytes > v->max_bytes)
        return false;
    for (e = oldest_that_ages(v); e && v->bytes > v->max_bytes - bytes; e = oldest_that_ages(v)) {
        drop_entry(v, e);
        v->evicted++;
    }
    if (v->bytes > v->max_bytes - bytes || !grow(v))
        return false;
    e = v->alloc->resize(v->alloc->ctx, NULL, 0, bytes);
    if (!e)
        return false;
    *e = (struct entry){.older = v->newest,
                        .hash = hash_of(map, key),
                        .put_ms = now_ms,
                        .map = map,
                        .key_n = (uint32_t)key.n,
                        .value_n = (uint32_t)value.n};
    memcpy(e + 1, key.p, key.n);
    if (value.n != 0)
        memcpy((char *)(e + 1) + key.n, value.p, value.n);
    *(v->newest ? &v->newest->newer : &v->oldest) = e;
    v->newest = e;
    struct entry **at = place_of(v, e->hash);
    e->next = *at;
    *at = e;
    v->n++;
    v->bytes += bytes;
    return true;
}

struct dgm_str store_volatile_get(const struct store_volatile *v, enum store_map map,
                                  struct dgm_str key, int64_t now_ms)
{
    const struct entry *e = v->places_n != 0 ? *find(v, map, key) : NULL;
    return e && !is_old(v, e, now_ms) ? value_of(e) : (struct dgm_str){0};
}

bool store_volatile_oldest(const struct store_volatile *v, struct store_volatile_entry *ret)
{
    if (!v->oldest)
        return false;
    *ret = (struct store_volatile_entry){v->oldest->map, key_of(v->oldest), value_of(v->oldest)};
    return true;
}

void store_volatile_free(struct store_volatile *v)
{
    if (!v)
        return;
    while (v->oldest)
        drop_entry(v, v->oldest);
    v->alloc->resize(v->alloc->ctx, v->places, v->places_n * sizeof *v->places, 0);
    v->alloc->resize(v->alloc->ctx, v, sizeof *v, 0);
}

void store_volatile_tell(const struct store_volatile *v, struct store_state *ret)
{
    ret->evicted += v->evicted;
    ret->expired += v->expired;
    ret->memory_bytes_used = v->bytes;
}
