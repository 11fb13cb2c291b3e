/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.c - which tokens were revoked. */
#include "gateway/revoked.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "gateway/keeper_wire.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define READ_WITHIN_MS 10000

/* A name of 0 is a free place. Places are taken one behind the other from where the name's hash says. */
struct place {
    _Atomic uint64_t name;
    _Atomic int64_t until_ms; /* tokens that were issued up to then are revoked */
    _Atomic int64_t ends_ms;  /* all of these have ended by then; 0: never */
};

struct gw_revoked {
    int64_t made_ms;
    _Atomic bool is_read;
    _Atomic uint64_t changes;
    _Atomic uint64_t n; /* of names: while there is none nobody looks */
    struct place places[GW_REVOKED_MAX];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

struct gw_revoked *gw_revoked_new(int64_t now_ms)
{
    struct gw_revoked *r = mmap(NULL, sizeof(struct gw_revoked), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r == MAP_FAILED)
        return NULL;
    r->made_ms = now_ms;
    return r;
}

void gw_revoked_free(struct gw_revoked *r)
{
    if (r != NULL)
        munmap(r, sizeof *r);
}

/* A token's name, and an account's; "" is everybody's. */
static uint64_t name_of_id(uint64_t id)
{
    return emu_hash_mix(id) | 1;
}

static uint64_t name_of_who(struct dgm_str who)
{
    return emu_hash_mix(emu_hash_str(who) ^ UINT64_C(0x77686f)) | 1;
}

static bool add(struct gw_revoked *r, uint64_t name, int64_t until_ms, int64_t ends_ms)
{
    for (size_t i = 0; r != NULL && i < GW_REVOKED_MAX; i++) {
        struct place *p = &r->places[(name + i) % GW_REVOKED_MAX];
        uint64_t found = 0;
        if (!atomic_compare_exchange_strong(&p->name, &found, name) && found != name)
            continue;
        int64_t was = atomic_load(&p->until_ms);
        while (was < until_ms && !atomic_compare_exchange_weak(&p->until_ms, &was, until_ms))
            ;
        atomic_store(&p->ends_ms, ends_ms); /* of one name it is always the same */
        atomic_fetch_add(&r->n, found == 0);
        atomic_fetch_add(&r->changes, 1);
        return true;
    }
    return false;
}

static bool has(const struct gw_revoked *r, uint64_t name, int64_t issued_ms)
{
    for (size_t i = 0; i < GW_REVOKED_MAX; i++) {
        const struct place *p = &r->places[(name + i) % GW_REVOKED_MAX];
        uint64_t found = atomic_load(&p->name);
        if (found == 0 || found == name)
            return found != 0 && issued_ms <= atomic_load(&p->until_ms);
    }
    return false;
}

bool gw_revoked_add(struct gw_revoked *r, const struct emu_pass *pass)
{
    return add(r, name_of_id(pass->id), INT64_MAX, pass->ends_ms);
}

bool gw_revoked_add_all(struct gw_revoked *r, struct dgm_str who, int64_t until_ms)
{
    return add(r, name_of_who(who), until_ms, 0); /* refresh tokens never end */
}

bool gw_revoked_has(const struct gw_revoked *r, const struct emu_pass *pass)
{
    return r != NULL && atomic_load(&r->n) != 0 &&
           (has(r, name_of_id(pass->id), pass->issued_ms) ||
            has(r, name_of_who(pass->who), pass->issued_ms) ||
            has(r, name_of_who((struct dgm_str){0}), pass->issued_ms));
}

/* ---- over a restart ---------------------------------------------------------------------------------- */

bool gw_revoked_is_known(const struct gw_revoked *r, int64_t now_ms)
{
    return r == NULL || atomic_load(&r->is_read) || now_ms - r->made_ms >= READ_WITHIN_MS;
}

uint64_t gw_revoked_changes(const struct gw_revoked *r)
{
    return atomic_load(&r->changes);
}

void gw_revoked_put(const struct gw_revoked *r, size_t chunk, int64_t now_ms, struct dgm_buf *out)
{
    for (size_t i = chunk * GW_REVOKED_CHUNK; i < (chunk + 1) * GW_REVOKED_CHUNK; i++) {
        const struct place *p = &r->places[i];
        uint64_t name = atomic_load(&p->name);
        int64_t until_ms = atomic_load(&p->until_ms), ends_ms = atomic_load(&p->ends_ms);
        if (name == 0 || until_ms == 0 || (ends_ms != 0 && ends_ms <= now_ms))
            continue; /* free; being taken, and counted as a change then; over */
        gw_field_put_u64(out, name);
        gw_field_put_u64(out, (uint64_t)until_ms);
        gw_field_put_u64(out, (uint64_t)ends_ms);
    }
}

void gw_revoked_read(struct gw_revoked *r, struct dgm_str record, int64_t now_ms)
{
    struct gw_fields f = {.rest = record};
    while (!f.bad && f.rest.n != 0) {
        uint64_t name = gw_field_u64(&f);
        int64_t until_ms = (int64_t)gw_field_u64(&f), ends_ms = (int64_t)gw_field_u64(&f);
        if (!f.bad && name != 0 && (ends_ms == 0 || ends_ms > now_ms) &&
            !add(r, name, until_ms, ends_ms))
            return; /* it was full before, and is again */
    }
}

bool gw_revoked_is_read(const struct gw_revoked *r)
{
    return atomic_load(&r->is_read);
}

void gw_revoked_set_read(struct gw_revoked *r)
{
    atomic_store(&r->is_read, true);
}
