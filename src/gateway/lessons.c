/* SPDX-License-Identifier: Apache-2.0 */
/* lessons.c - what upstreams have taught by refusing. */
#include "gateway/lessons.h"

#include "emulate/hash.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define LOOKED_AT 8 /* places behind the one that a name's hash says */
#define BUSY 1      /* a place that is being written */

/* A name of 0 is a free place. Whoever reads looks at the name again behind the rest. */
struct place {
    _Atomic uint64_t name;
    _Atomic int64_t least, most, until_s;
};

struct gw_lessons {
    _Atomic uint64_t n; /* ever learnt: while there is none nobody looks */
    struct place places[GW_LESSONS_MAX];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

struct gw_lessons *gw_lessons_new(void)
{
    void *p = mmap(NULL, sizeof(struct gw_lessons), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gw_lessons_free(struct gw_lessons *l)
{
    if (l != NULL)
        munmap(l, sizeof *l);
}

bool gw_lessons_any(const struct gw_lessons *l)
{
    return l != NULL && atomic_load(&l->n) != 0;
}

/* ---- the places --------------------------------------------------------------------------------------- */

static uint64_t name_of(const struct gw_pupil *p, enum dgm_try_id id)
{
    uint64_t h = emu_hash_mix(emu_hash_str(p->upstream) + (uint64_t)id);
    h = emu_hash_mix(h ^ emu_hash_str(p->model));
    return emu_hash_mix(h ^ p->schemas) | 2; /* neither free nor BUSY */
}

/* What is of schemas, of which there are none that could be told apart, would be of all requests. */
static bool is_of_somebody(const struct gw_pupil *p, enum dgm_try_id id)
{
    return !dgm_try_is_of_schemas(id) || p->schemas != 0;
}

static size_t index_of(uint64_t name, size_t i)
{
    return (size_t)((name >> 8) + i) % GW_LESSONS_MAX;
}

/* The place of a name, a free one, or the one that would be forgotten first. */
static struct place *find(struct gw_lessons *l, uint64_t name)
{
    struct place *oldest = NULL;
    for (size_t i = 0; i < LOOKED_AT; i++) {
        struct place *p = &l->places[index_of(name, i)];
        uint64_t found = atomic_load(&p->name);
        if (found == name || found == 0)
            return p;
        if (found != BUSY &&
            (oldest == NULL || atomic_load(&p->until_s) < atomic_load(&oldest->until_s)))
            oldest = p;
    }
    return oldest;
}

void gw_lessons_keep(struct gw_lessons *l, const struct gw_pupil *pupil, const struct dgm_try *try,
                     int64_t now_s)
{
    uint64_t name = name_of(pupil, try->id);
    struct place *p = l != NULL && is_of_somebody(pupil, try->id) ? find(l, name) : NULL;
    uint64_t was = p != NULL ? atomic_load(&p->name) : BUSY;
    /* Who is killed between the two loses the place, and nothing else. */
    if (was == BUSY || !atomic_compare_exchange_strong(&p->name, &was, BUSY))
        return;
    atomic_store(&p->least, try->least);
    atomic_store(&p->most, try->most);
    atomic_store(&p->until_s, now_s + GW_LESSON_S);
    atomic_store(&p->name, name);
    atomic_fetch_add(&l->n, 1);
}

bool gw_lessons_recall(const struct gw_lessons *l, const struct gw_pupil *pupil, enum dgm_try_id id,
                       int64_t now_s, struct dgm_try *ret)
{
    uint64_t name = name_of(pupil, id);
    for (size_t i = 0; gw_lessons_any(l) && is_of_somebody(pupil, id) && i < LOOKED_AT; i++) {
        const struct place *p = &l->places[index_of(name, i)];
        uint64_t found = atomic_load(&p->name);
        if (found == 0)
            return false;
        if (found != name)
            continue;
        const struct dgm_try try = {id, atomic_load(&p->least), atomic_load(&p->most)};
        if (now_s >= atomic_load(&p->until_s) || atomic_load(&p->name) != name)
            return false;
        *ret = try;
        return true;
    }
    return false;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

struct gw_pupil gw_lessons_pupil(const struct gw_upstream *u, const struct dgm_request *r,
                                 enum dgm_try_id id)
{
    return (struct gw_pupil){u->name, dgm_request_model_sent(r),
                             dgm_try_is_of_schemas(id) ? dgm_request_schemas(r) : 0};
}

/* What an upstream's settings say of a row: auto where they say nothing. */
static enum gw_mend mend_of(const struct gw_upstream *u, enum dgm_try_id id)
{
    switch (id) {
    case DGM_TRY_MERGE_SYSTEM:
        return u->merge_system == GW_SYSTEM_USER ? GW_MEND_NEVER : (enum gw_mend)u->merge_system;
    case DGM_TRY_SYSTEM_USER:
        return u->merge_system == GW_SYSTEM_USER    ? GW_MEND_ALWAYS
               : u->merge_system == GW_SYSTEM_FIRST ? GW_MEND_AUTO
                                                    : (enum gw_mend)u->merge_system;
    case DGM_TRY_ALTERNATE:
        return (enum gw_mend)u->alternate;
    case DGM_TRY_FLATTEN:
        return (enum gw_mend)u->content;
    default:
        return GW_MEND_AUTO;
    }
}

bool gw_lessons_allow(const struct gw_upstream *u, enum dgm_try_id id)
{
    return mend_of(u, id) != GW_MEND_NEVER;
}

bool gw_lessons_apply(const struct gw_config *c, const struct gw_upstream *u, struct dgm_request *r,
                      int64_t now_s)
{
    bool relayed = dgm_request_is_relayed(r), any = c->adapt && gw_lessons_any(c->lessons);
    for (enum dgm_try_id id = 0; (relayed || any) && id < DGM_TRIES; id++) {
        struct dgm_try try = {.id = id};
        enum gw_mend mend = mend_of(u, id);
        if (dgm_try_is_relayed(id) != relayed || mend == GW_MEND_NEVER)
            continue;
        if (mend == GW_MEND_AUTO) {
            if (!any)
                continue;
            const struct gw_pupil pupil = gw_lessons_pupil(u, r, id);
            if (!gw_lessons_recall(c->lessons, &pupil, id, now_s, &try))
                continue;
        }
        if (!dgm_request_learn(r, &try))
            return false;
    }
    return true;
}
