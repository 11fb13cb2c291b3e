/* SPDX-License-Identifier: Apache-2.0 */
/* tally.c - counts that all workers share. */
#include "gateway/tally.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PLACES 4096

/* A name of 0 is a free place. */
struct place {
    _Atomic uint64_t name, count;
};

struct gw_tally {
    struct place places[PLACES];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

struct gw_tally *gw_tally_new(void)
{
    void *p = mmap(NULL, sizeof(struct gw_tally), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gw_tally_free(struct gw_tally *t)
{
    if (t != NULL)
        munmap(t, sizeof *t);
}

/* FNV-1a. */
static uint64_t hash(struct dgm_str s)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return h != 0 ? h : 1;
}

uint64_t gw_tally_next(struct gw_tally *t, struct dgm_str name)
{
    if (t == NULL)
        return 0;
    uint64_t h = hash(name);
    for (size_t i = 0; i < PLACES; i++) {
        struct place *p = &t->places[(h + i) % PLACES];
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&p->name, &found, h) || found == h)
            return atomic_fetch_add(&p->count, 1);
    }
    return UINT64_MAX;
}

void gw_tally_reset(struct gw_tally *t)
{
    for (size_t i = 0; t != NULL && i < PLACES; i++)
        atomic_store(&t->places[i].count, 0);
}
