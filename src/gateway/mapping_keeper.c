/* SPDX-License-Identifier: Apache-2.0 */
/* mapping_keeper.c - shared mappings in the store: a record for each chunk. */
#include "gateway/mapping_keeper.h"

#include "emulate/hash.h"
#include "gateway/quota.h"
#include "gateway/revoked.h"

#include <assert.h>
#include <stdio.h>

#define KEY_CHARS 8
#define UNKNOWN 2

/**
 * Lifetime: with the keeper. The first keeper of a daemon asks the store for all records, and the mapping says from then on that
 * they are read; later ones find the mapping as it is.
 */
struct gw_mapping_keeper {
    struct net_loop *loop;
    struct gw_keeper_store *store;
    const struct gw_mapping_ops *ops;
    void *mapping;
    const struct dgm_alloc *alloc;
    struct net_timer timer;
    int64_t every_ms;
    size_t unread; /* records that the store has not given yet */
    uint64_t seen; /* changes, when it last wrote */
    /* hashes of what stands in the store, which are odd; 0: empty; UNKNOWN */
    uint64_t written[GW_MAPPING_CHUNKS_MAX];
};

static struct dgm_str key_of(size_t chunk, char room[KEY_CHARS])
{
    int n = snprintf(room, KEY_CHARS, "%zu", chunk);
    return (struct dgm_str){room, (size_t)n};
}

/* Nobody waits for it: the next time writes again what has changed. */
static void on_put(void *owner, enum store_rank rank)
{
    (void)owner, (void)rank;
}

static void write_chunk(struct gw_mapping_keeper *k, size_t i)
{
    char room[KEY_CHARS];
    struct dgm_buf record;
    dgm_buf_init(&record, k->alloc, store_value_max(k->ops->map));
    k->ops->put(k->mapping, i, net_loop_wall_ms(k->loop), &record);
    uint64_t hash = record.n != 0 ? emu_hash_str(dgm_buf_str(&record)) | 1 : 0;
    if (record.rc == DGM_OK && hash != k->written[i] &&
        store_put(gw_keeper_store_of(k->store), k->ops->map, key_of(i, room), dgm_buf_str(&record),
                  on_put, k))
        k->written[i] = hash;
    dgm_buf_dispose(&record);
}

void gw_mapping_keeper_write(struct gw_mapping_keeper *k)
{
    uint64_t changes = k != NULL ? k->ops->changes(k->mapping) : 0;
    if (k == NULL || changes == k->seen || !k->ops->is_read(k->mapping))
        return; /* what is not read must not be written over */
    k->seen = changes;
    for (size_t i = 0; i < k->ops->chunks; i++)
        write_chunk(k, i);
    gw_keeper_store_soon(k->store);
}

static void on_timer(void *owner)
{
    struct gw_mapping_keeper *k = owner;
    gw_mapping_keeper_write(k);
    net_timer_start(k->loop, &k->timer, k->every_ms);
}

static void on_record(void *owner, struct dgm_str value)
{
    struct gw_mapping_keeper *k = owner;
    if (value.n != 0)
        k->ops->read(k->mapping, value, net_loop_wall_ms(k->loop));
    if (--k->unread == 0)
        k->ops->set_read(k->mapping);
}

/* A keeper that died over it leaves it to the next one: what it had read of keys' counts is counted twice then, which is no harm
 * done to anybody's bill. */
static bool read_all(struct gw_mapping_keeper *k)
{
    char room[KEY_CHARS];
    for (size_t i = 0; i < k->ops->chunks; i++, k->unread++)
        if (!store_get(gw_keeper_store_of(k->store), k->ops->map, key_of(i, room), on_record, k))
            return false;
    gw_keeper_store_soon(k->store);
    return true;
}

struct gw_mapping_keeper *gw_mapping_keeper_new(struct net_loop *loop,
                                                struct gw_keeper_store *store,
                                                const struct gw_mapping_ops *ops, void *mapping,
                                                int64_t every_ms, const struct dgm_alloc *alloc)
{
    struct gw_mapping_keeper *k = alloc->resize(alloc->ctx, NULL, 0, sizeof *k);
    if (k == NULL)
        return NULL;
    assert(ops->chunks <= GW_MAPPING_CHUNKS_MAX);
    *k = (struct gw_mapping_keeper){.loop = loop,
                                    .store = store,
                                    .ops = ops,
                                    .mapping = mapping,
                                    .alloc = alloc,
                                    .every_ms = every_ms};
    for (size_t i = 0; i < ops->chunks; i++)
        k->written[i] =
            UNKNOWN; /* a name may have another place than before: nowhere may it stand twice */
    net_timer_init(&k->timer, on_timer, k);
    if (every_ms != 0)
        net_timer_start(loop, &k->timer, every_ms);
    if (ops->is_read(mapping) || read_all(k))
        return k;
    gw_mapping_keeper_free(k);
    return NULL;
}

void gw_mapping_keeper_free(struct gw_mapping_keeper *k)
{
    if (k == NULL)
        return;
    struct store *store = gw_keeper_store_of(k->store);
    net_timer_stop(&k->timer);
    gw_mapping_keeper_write(k);
    store_turn(store, net_loop_wall_ms(k->loop));
    store_cancel(store, k);
    k->alloc->resize(k->alloc->ctx, k, sizeof *k, 0);
}

/* ---- the mappings ------------------------------------------------------------------------------------ */

static uint64_t quota_changes(const void *q)
{
    return gw_quota_changes(q);
}

static void quota_put(const void *q, size_t chunk, int64_t now_ms, struct dgm_buf *out)
{
    gw_quota_put(q, chunk, now_ms, out);
}

static void quota_read(void *q, struct dgm_str record, int64_t now_ms)
{
    gw_quota_read(q, record, now_ms);
}

static bool quota_is_read(const void *q)
{
    return gw_quota_is_read(q);
}

static void quota_set_read(void *q)
{
    (void)gw_quota_set_read(q);
}

const struct gw_mapping_ops gw_mapping_quota = {.map = STORE_COUNTS,
                                                .chunks = GW_QUOTA_PLACES / GW_QUOTA_CHUNK,
                                                .changes = quota_changes,
                                                .put = quota_put,
                                                .read = quota_read,
                                                .is_read = quota_is_read,
                                                .set_read = quota_set_read};

static uint64_t revoked_changes(const void *r)
{
    return gw_revoked_changes(r);
}

static void revoked_put(const void *r, size_t chunk, int64_t now_ms, struct dgm_buf *out)
{
    gw_revoked_put(r, chunk, now_ms, out);
}

static void revoked_read(void *r, struct dgm_str record, int64_t now_ms)
{
    gw_revoked_read(r, record, now_ms);
}

static bool revoked_is_read(const void *r)
{
    return gw_revoked_is_read(r);
}

static void revoked_set_read(void *r)
{
    gw_revoked_set_read(r);
}

const struct gw_mapping_ops gw_mapping_revoked = {.map = STORE_REVOKED,
                                                  .chunks = GW_REVOKED_MAX / GW_REVOKED_CHUNK,
                                                  .changes = revoked_changes,
                                                  .put = revoked_put,
                                                  .read = revoked_read,
                                                  .is_read = revoked_is_read,
                                                  .set_read = revoked_set_read};
