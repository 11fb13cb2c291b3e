/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - small values in memory that processes share, without a lock. */
#include "gateway/slots.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

/* The value stands there as words, since others may write while it is read. */
struct slot {
    _Atomic uint64_t version, name;
    _Atomic int64_t until_ms;
    _Atomic uint64_t words[];
};

struct gw_slots {
    size_t n, value_bytes, words, bytes; /* bytes: of the mapping */
    char slots[];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");
static_assert(offsetof(struct gw_slots, slots) % _Alignof(struct slot) == 0, "slots are aligned");

static size_t slot_bytes(size_t words)
{
    return sizeof(struct slot) + words * sizeof(uint64_t);
}

struct gw_slots *gw_slots_new(size_t n, size_t value_bytes)
{
    size_t words = (value_bytes + 7) / 8, bytes = sizeof(struct gw_slots) + n * slot_bytes(words);
    struct gw_slots *s =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return NULL;
    *s = (struct gw_slots){.n = n, .value_bytes = value_bytes, .words = words, .bytes = bytes};
    return s;
}

void gw_slots_free(struct gw_slots *s)
{
    if (s != NULL)
        munmap(s, s->bytes);
}

/* What is read alone is not changed, but an atomic is read through a pointer that could. */
static struct slot *at(const struct gw_slots *s, size_t i)
{
    assert(i < s->n);
    return (void *)((uintptr_t)s->slots + i * slot_bytes(s->words));
}

struct gw_slot gw_slots_look(const struct gw_slots *s, size_t i)
{
    const struct slot *p = at(s, i);
    return (struct gw_slot){atomic_load(&p->version), atomic_load(&p->name),
                            atomic_load(&p->until_ms)};
}

/* The words of a value; the last one may be more than the value has. */
static void take_word(const struct gw_slots *s, void *to, size_t w, uint64_t word)
{
    size_t at = w * 8, n = s->value_bytes - at;
    memcpy((char *)to + at, &word, n < 8 ? n : 8);
}

static uint64_t give_word(const struct gw_slots *s, const void *from, size_t w)
{
    uint64_t word = 0;
    size_t at = w * 8, n = s->value_bytes - at;
    memcpy(&word, (const char *)from + at, n < 8 ? n : 8);
    return word;
}

bool gw_slots_read(const struct gw_slots *s, size_t i, void *ret, bool *ret_busy)
{
    const struct slot *p = at(s, i);
    *ret_busy = false;
    for (unsigned tries = 0; tries < GW_SLOTS_TRIES; tries++) {
        uint64_t before = atomic_load(&p->version);
        if (tries != 0)
            sched_yield();
        if (before & 1)
            continue;
        bool there = atomic_load(&p->name) != 0;
        for (size_t w = 0; w < s->words; w++)
            take_word(s, ret, w, atomic_load(&p->words[w]));
        if (atomic_load(&p->version) == before)
            return there;
    }
    *ret_busy = true;
    return false;
}

bool gw_slots_write(struct gw_slots *s, size_t i, uint64_t version, uint64_t name, int64_t until_ms,
                    const void *value)
{
    struct slot *p = at(s, i);
    if (version & 1 || !atomic_compare_exchange_strong(&p->version, &version, version + 1))
        return false;
    for (size_t w = 0; w < s->words; w++)
        atomic_store(&p->words[w], value != NULL ? give_word(s, value, w) : 0);
    atomic_store(&p->until_ms, value != NULL ? until_ms : 0);
    atomic_store(&p->name, value != NULL ? name : 0);
    atomic_store(&p->version, version + 2);
    return true;
}
