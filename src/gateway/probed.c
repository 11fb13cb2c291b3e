/* SPDX-License-Identifier: Apache-2.0 */
/* probed.c - which requests were looked into just now. */
#include "gateway/probed.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#define LOOKED_AT 8     /* places behind the one that a digest says */
#define TRIES_MAX 8     /* while others claim, too */
#define SECONDS_BITS 24 /* half a year, and then an old claim may hold once more for a minute */
#define SECONDS_MASK ((UINT64_C(1) << SECONDS_BITS) - 1)

/* A digest's upper bits, and the second of the claim. 0: a free place. */
struct gw_probed {
    _Atomic uint64_t places[GW_PROBED_MAX];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

struct gw_probed *gw_probed_new(void)
{
    void *p = mmap(NULL, sizeof(struct gw_probed), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gw_probed_free(struct gw_probed *p)
{
    if (p != NULL)
        munmap(p, sizeof *p);
}

static bool is_recent(uint64_t claim, int64_t now_s)
{
    return claim != 0 && (((uint64_t)now_s - claim) & SECONDS_MASK) < GW_PROBED_S;
}

bool gw_probed_claim(struct gw_probed *p, uint64_t digest, int64_t now_s)
{
    /* Never 0, whatever the second is. */
    uint64_t name = digest >> SECONDS_BITS | 1;
    uint64_t claim = name << SECONDS_BITS | ((uint64_t)now_s & SECONDS_MASK);
    for (size_t try = 0; p != NULL && try < TRIES_MAX; try++) {
        _Atomic uint64_t *place = NULL;
        uint64_t was = 0;
        for (size_t i = 0; i < LOOKED_AT; i++) {
            _Atomic uint64_t *at = &p->places[(digest + i) % GW_PROBED_MAX];
            uint64_t found = atomic_load(at);
            if (is_recent(found, now_s) && found >> SECONDS_BITS == name)
                return false;
            if (place == NULL && !is_recent(found, now_s)) {
                place = at;
                was = found;
            }
        }
        if (place == NULL)
            return false;
        if (atomic_compare_exchange_strong(place, &was, claim))
            return true;
    }
    return false;
}
