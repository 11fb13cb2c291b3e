/* SPDX-License-Identifier: Apache-2.0 */
/* caches.c - the emulator's cachedContents, in memory that all processes share. */
#include "gateway/caches.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "gateway/slots.h"

/* It is its slots; a slot's name is a hash of the cache's. */
struct gw_caches *gw_caches_new(void)
{
    return (struct gw_caches *)gw_slots_new(GW_CACHES_MAX, sizeof(struct emu_cache));
}

void gw_caches_free(struct gw_caches *c)
{
    gw_slots_free((struct gw_slots *)c);
}

static uint64_t hash_of(struct dgm_str name)
{
    return emu_hash_mix(emu_hash_str(name)) | 1;
}

/* The slot of a cache; GW_CACHES_MAX: it has none, or it is being written all the time (`*ret_busy`). */
static size_t find(const struct gw_slots *all, struct dgm_str name, struct emu_cache *ret,
                   bool *ret_busy)
{
    uint64_t hash = hash_of(name);
    *ret_busy = false;
    for (size_t i = 0; all != NULL && i < GW_CACHES_MAX && !*ret_busy; i++)
        if (gw_slots_look(all, i).name == hash && gw_slots_read(all, i, ret, ret_busy) &&
            dgm_str_eq(dgm_str_c(ret->name), name))
            return i;
    return GW_CACHES_MAX;
}

static bool get(void *ctx, struct dgm_str name, struct emu_cache *ret)
{
    bool busy;
    return find(ctx, name, ret, &busy) != GW_CACHES_MAX;
}

static bool is_room(struct gw_slot slot, int64_t now_ms)
{
    return slot.name == 0 || slot.until_ms <= now_ms;
}

/* A free slot, or that of one whose time is over; GW_CACHES_MAX: there is none. */
static size_t find_room(const struct gw_slots *all, int64_t now_ms)
{
    for (size_t i = 0; i < GW_CACHES_MAX; i++) {
        const struct gw_slot slot = gw_slots_look(all, i);
        if (!(slot.version & 1) && is_room(slot, now_ms))
            return i;
    }
    return GW_CACHES_MAX;
}

static bool put(void *ctx, const struct emu_cache *c, int64_t now_ms)
{
    struct gw_slots *all = ctx;
    struct dgm_str name = dgm_str_c(c->name);
    struct emu_cache old;
    bool busy;
    for (unsigned tries = 0; all != NULL && tries < GW_SLOTS_TRIES; tries++) {
        size_t i = find(all, name, &old, &busy);
        if (busy)
            continue;
        if (i == GW_CACHES_MAX)
            i = find_room(all, now_ms);
        if (i == GW_CACHES_MAX)
            return false;
        /* Whoever took the slot in between has made its version another one. */
        const struct gw_slot slot = gw_slots_look(all, i);
        bool same = gw_slots_read(all, i, &old, &busy) && dgm_str_eq(dgm_str_c(old.name), name);
        if ((same || is_room(slot, now_ms)) &&
            gw_slots_write(all, i, slot.version, hash_of(name), c->expires_ms, c))
            return true;
    }
    return false;
}

static bool drop(void *ctx, struct dgm_str name)
{
    struct emu_cache old;
    bool busy;
    for (unsigned tries = 0; tries < GW_SLOTS_TRIES; tries++) {
        size_t i = find(ctx, name, &old, &busy);
        if (busy)
            continue;
        if (i == GW_CACHES_MAX)
            return false;
        uint64_t version = gw_slots_look(ctx, i).version;
        if (gw_slots_read(ctx, i, &old, &busy) && dgm_str_eq(dgm_str_c(old.name), name) &&
            gw_slots_write(ctx, i, version, 0, 0, NULL))
            return true;
    }
    return false;
}

static bool at(void *ctx, size_t i, struct emu_cache *ret)
{
    bool busy;
    if (ctx == NULL || i >= GW_CACHES_MAX)
        return false;
    if (!gw_slots_read(ctx, i, ret, &busy))
        *ret = (struct emu_cache){0};
    return true;
}

struct emu_caches gw_caches_of(struct gw_caches *c)
{
    return (struct emu_caches){.get = get, .put = put, .drop = drop, .at = at, .ctx = c};
}
