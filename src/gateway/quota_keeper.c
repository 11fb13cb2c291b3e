/* SPDX-License-Identifier: Apache-2.0 */
/* quota_keeper.c - what keys have used, in the store: a record for each GW_QUOTA_CHUNK places. */
#include "gateway/quota_keeper.h"

#include "base/str.h"
#include "emulate/hash.h"

#include <stdio.h>

#define EVERY_MS 1000
#define CHUNKS (GW_QUOTA_PLACES / GW_QUOTA_CHUNK)
#define KEY_CHARS 8
#define UNKNOWN 2

/**
 * Lifetime: with the keeper. The first keeper of a daemon asks the store for all records, and the mapping says from then on that
 * they are read; later ones find the mapping as it is.
 */
struct gw_quota_keeper {
    struct net_loop *loop;
    struct gw_keeper_store *store;
    struct gw_quota *quota;
    const struct dgm_alloc *alloc;
    struct net_timer timer;
    size_t unread; /* records that the store has not given yet */
    uint64_t seen; /* changes, when it last wrote */
    uint64_t
        written[CHUNKS]; /* hashes of what stands in the store, which are odd; 0: empty; UNKNOWN */
};

static struct dgm_str key_of(size_t chunk, char room[KEY_CHARS])
{
    int n = snprintf(room, KEY_CHARS, "%zu", chunk);
    return (struct dgm_str){room, (size_t)n};
}

/* Nobody waits for it: the next second writes again what has changed. */
static void on_put(void *owner, enum store_rank rank)
{
    (void)owner, (void)rank;
}

static void write_chunk(struct gw_quota_keeper *k, size_t i)
{
    char room[KEY_CHARS];
    struct dgm_buf record;
    dgm_buf_init(&record, k->alloc, store_value_max(STORE_COUNTS));
    gw_quota_put(k->quota, i, net_loop_wall_ms(k->loop), &record);
    uint64_t hash = record.n != 0 ? emu_hash_str(dgm_buf_str(&record)) | 1 : 0;
    if (record.rc == DGM_OK && hash != k->written[i] &&
        store_put(gw_keeper_store_of(k->store), STORE_COUNTS, key_of(i, room), dgm_buf_str(&record),
                  on_put, k))
        k->written[i] = hash;
    dgm_buf_dispose(&record);
}

static void write_all(struct gw_quota_keeper *k)
{
    uint64_t changes = gw_quota_changes(k->quota);
    if (changes == k->seen || !gw_quota_is_read(k->quota))
        return; /* what is not read must not be written over */
    k->seen = changes;
    for (size_t i = 0; i < CHUNKS; i++)
        write_chunk(k, i);
    gw_keeper_store_soon(k->store);
}

static void on_timer(void *owner)
{
    struct gw_quota_keeper *k = owner;
    write_all(k);
    net_timer_start(k->loop, &k->timer, EVERY_MS);
}

static void on_record(void *owner, struct dgm_str value)
{
    struct gw_quota_keeper *k = owner;
    if (value.n != 0)
        gw_quota_read(k->quota, value, net_loop_wall_ms(k->loop));
    if (--k->unread == 0)
        (void)gw_quota_set_read(k->quota);
}

/* A keeper that died over it leaves it to the next one: what it had read is counted twice then, which is no harm done to
 * anybody's bill. */
static bool read_all(struct gw_quota_keeper *k)
{
    char room[KEY_CHARS];
    for (size_t i = 0; i < CHUNKS; i++, k->unread++)
        if (!store_get(gw_keeper_store_of(k->store), STORE_COUNTS, key_of(i, room), on_record, k))
            return false;
    gw_keeper_store_soon(k->store);
    return true;
}

struct gw_quota_keeper *gw_quota_keeper_new(struct net_loop *loop, struct gw_keeper_store *store,
                                            struct gw_quota *quota, const struct dgm_alloc *alloc)
{
    struct gw_quota_keeper *k = alloc->resize(alloc->ctx, NULL, 0, sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct gw_quota_keeper){.loop = loop, .store = store, .quota = quota, .alloc = alloc};
    for (size_t i = 0; i < CHUNKS; i++)
        k->written[i] =
            UNKNOWN; /* a name may have another place than before: nowhere may it stand twice */
    net_timer_init(&k->timer, on_timer, k);
    net_timer_start(loop, &k->timer, EVERY_MS);
    if (gw_quota_is_read(quota) || read_all(k))
        return k;
    gw_quota_keeper_free(k);
    return NULL;
}

void gw_quota_keeper_free(struct gw_quota_keeper *k)
{
    if (k == NULL)
        return;
    struct store *store = gw_keeper_store_of(k->store);
    net_timer_stop(&k->timer);
    write_all(k);
    store_turn(store, net_loop_wall_ms(k->loop));
    store_cancel(store, k);
    k->alloc->resize(k->alloc->ctx, k, sizeof *k, 0);
}
