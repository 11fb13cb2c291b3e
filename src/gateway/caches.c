/* SPDX-License-Identifier: Apache-2.0 */
/* caches.c - the emulator's cachedContents, in memory that all processes share. */
#include "gateway/caches.h"

#include "base/str.h"
#include "emulate/hash.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS ((sizeof(struct emu_cache) + 7) / 8)
#define TRIES 200 /* while somebody writes, who may have to wait for a processor */

/* A name of 0 is a free place. The cache stands there as words, since others may write while it is read. */
struct place {
    _Atomic uint64_t version; /* odd: it is being written */
    _Atomic uint64_t name;
    _Atomic int64_t expires_ms;
    _Atomic uint64_t words[WORDS];
};

struct gw_caches {
    struct place places[GW_CACHES_MAX];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

struct gw_caches *gw_caches_new(void)
{
    void *p = mmap(NULL, sizeof(struct gw_caches), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gw_caches_free(struct gw_caches *c)
{
    if (c != NULL)
        munmap(c, sizeof *c);
}

static uint64_t hash_of(struct dgm_str name)
{
    return emu_hash_mix(emu_hash_str(name)) | 1;
}

/* What stands at a place. False: nothing, or somebody writes there and does not end (`*ret_busy`). */
static bool read_place(const struct place *p, struct emu_cache *ret, bool *ret_busy)
{
    uint64_t copy[WORDS];
    *ret_busy = false;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = atomic_load(&p->version);
        if (i != 0)
            sched_yield();
        if (before & 1)
            continue;
        bool there = atomic_load(&p->name) != 0;
        for (size_t w = 0; w < WORDS; w++)
            copy[w] = atomic_load(&p->words[w]);
        if (atomic_load(&p->version) != before)
            continue;
        memcpy(ret, copy, sizeof *ret);
        return there;
    }
    *ret_busy = true;
    return false;
}

/* Writes what stands there from now on; NULL: nothing. False: somebody else was sooner. */
static bool write_place(struct place *p, uint64_t version, const struct emu_cache *c)
{
    uint64_t copy[WORDS] = {0};
    if (version & 1 || !atomic_compare_exchange_strong(&p->version, &version, version + 1))
        return false;
    if (c != NULL)
        memcpy(copy, c, sizeof *c);
    for (size_t w = 0; w < WORDS; w++)
        atomic_store(&p->words[w], copy[w]);
    atomic_store(&p->expires_ms, c != NULL ? c->expires_ms : 0);
    atomic_store(&p->name, c != NULL ? hash_of(dgm_str_c(c->name)) : 0);
    atomic_store(&p->version, version + 2);
    return true;
}

/* NULL: there is none, or it is being written all the time (`*ret_busy`). */
static struct place *find(struct gw_caches *all, struct dgm_str name, struct emu_cache *ret,
                          bool *ret_busy)
{
    uint64_t hash = hash_of(name);
    *ret_busy = false;
    for (size_t i = 0; all != NULL && i < GW_CACHES_MAX && !*ret_busy; i++) {
        struct place *p = &all->places[i];
        if (atomic_load(&p->name) == hash && read_place(p, ret, ret_busy) &&
            dgm_str_eq(dgm_str_c(ret->name), name))
            return p;
    }
    return NULL;
}

static bool get(void *ctx, struct dgm_str name, struct emu_cache *ret)
{
    bool busy;
    return find(ctx, name, ret, &busy) != NULL;
}

/* A free place, or that of one whose time is over; NULL: there is none. */
static struct place *find_room(struct gw_caches *all, int64_t now_ms)
{
    for (size_t i = 0; i < GW_CACHES_MAX; i++) {
        struct place *p = &all->places[i];
        if (!(atomic_load(&p->version) & 1) &&
            (atomic_load(&p->name) == 0 || atomic_load(&p->expires_ms) <= now_ms))
            return p;
    }
    return NULL;
}

static bool put(void *ctx, const struct emu_cache *c, int64_t now_ms)
{
    struct gw_caches *all = ctx;
    struct emu_cache old;
    bool busy;
    for (unsigned i = 0; all != NULL && i < TRIES; i++) {
        struct place *p = find(all, dgm_str_c(c->name), &old, &busy);
        if (busy)
            continue;
        if (p == NULL)
            p = find_room(all, now_ms);
        if (p == NULL)
            return false;
        /* Whoever took the place in between has made its version another one. */
        uint64_t version = atomic_load(&p->version);
        bool same =
            read_place(p, &old, &busy) && dgm_str_eq(dgm_str_c(old.name), dgm_str_c(c->name));
        bool free = atomic_load(&p->name) == 0 || atomic_load(&p->expires_ms) <= now_ms;
        if ((same || free) && write_place(p, version, c))
            return true;
    }
    return false;
}

static bool drop(void *ctx, struct dgm_str name)
{
    struct emu_cache old;
    bool busy;
    for (unsigned i = 0; i < TRIES; i++) {
        struct place *p = find(ctx, name, &old, &busy);
        if (busy)
            continue;
        if (p == NULL)
            return false;
        uint64_t version = atomic_load(&p->version);
        if (read_place(p, &old, &busy) && dgm_str_eq(dgm_str_c(old.name), name) &&
            write_place(p, version, NULL))
            return true;
    }
    return false;
}

static bool at(void *ctx, size_t i, struct emu_cache *ret)
{
    struct gw_caches *all = ctx;
    bool busy;
    if (all == NULL || i >= GW_CACHES_MAX)
        return false;
    if (!read_place(&all->places[i], ret, &busy))
        *ret = (struct emu_cache){0};
    return true;
}

struct emu_caches gw_caches_of(struct gw_caches *c)
{
    return (struct emu_caches){.get = get, .put = put, .drop = drop, .at = at, .ctx = c};
}
