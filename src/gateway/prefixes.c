/* SPDX-License-Identifier: Apache-2.0 */
/* prefixes.c - which beginnings of requests upstreams keep, under what names. */
#include "gateway/prefixes.h"

#include "gateway/slots.h"

#include <string.h>

#define LOOKED_AT 8 /* slots from the one on that a key says */

/* It is its slots. */
struct gw_prefixes *gw_prefixes_new(void)
{
    return (struct gw_prefixes *)gw_slots_new(GW_PREFIXES_MAX, sizeof(struct gw_prefix));
}

void gw_prefixes_free(struct gw_prefixes *p)
{
    gw_slots_free((struct gw_slots *)p);
}

static const struct gw_slots *slots_of(const struct gw_prefixes *p)
{
    return (const struct gw_slots *)p;
}

/* A digest's first letters are as good a hash as any. */
static uint64_t name_of(const struct gw_prefix_key *key)
{
    uint64_t name;
    memcpy(&name, key->letters, sizeof name);
    return name;
}

static size_t index_of(const struct gw_prefix_key *key, size_t i)
{
    uint64_t word;
    memcpy(&word, key->letters + sizeof word, sizeof word);
    word *= UINT64_C(0x9e3779b97f4a7c15); /* letters are 16 of 256 values */
    return (size_t)((word >> 32) + i) % GW_PREFIXES_MAX;
}

/* Where a key stands; or else where it could, `*ret_there` false: a free slot, one whose time is over, the one whose is next. */
static size_t find(const struct gw_slots *s, const struct gw_prefix_key *key, int64_t now_ms,
                   struct gw_prefix *ret, bool *ret_there)
{
    size_t room = index_of(key, 0);
    int64_t room_until_ms = INT64_MAX;
    bool busy;
    for (size_t i = 0; i < LOOKED_AT; i++) {
        size_t at = index_of(key, i);
        const struct gw_slot slot = gw_slots_look(s, at);
        *ret_there = slot.name == name_of(key) && gw_slots_read(s, at, ret, &busy) &&
                     memcmp(&ret->key, key, sizeof *key) == 0;
        if (*ret_there)
            return at;
        int64_t until_ms = slot.name == 0 || slot.until_ms <= now_ms ? INT64_MIN : slot.until_ms;
        if (!(slot.version & 1) && until_ms < room_until_ms) {
            room = at;
            room_until_ms = until_ms;
        }
    }
    return room;
}

enum gw_prefix_state gw_prefixes_look(const struct gw_prefixes *p, const struct gw_prefix_key *key,
                                      int64_t now_ms, struct gw_prefix *ret)
{
    bool there = false;
    size_t at = p != NULL ? find(slots_of(p), key, now_ms, ret, &there) : 0;
    if (!there || gw_slots_look(slots_of(p), at).until_ms <= now_ms)
        return GW_PREFIX_UNKNOWN;
    return ret->state;
}

enum gw_prefix_state gw_prefixes_claim(struct gw_prefixes *p, const struct gw_prefix_key *key,
                                       int64_t now_ms, int64_t until_ms, struct gw_prefix *ret)
{
    const struct gw_prefix mine = {.key = *key, .state = GW_PREFIX_MAKING};
    struct gw_slots *s = (struct gw_slots *)p;
    for (unsigned tries = 0; p != NULL && tries < GW_SLOTS_TRIES; tries++) {
        bool there;
        size_t at = find(s, key, now_ms, ret, &there);
        const struct gw_slot slot = gw_slots_look(s, at);
        if (there && slot.until_ms > now_ms)
            return ret->state;
        /* Whoever was sooner is found in the next round. */
        if (gw_slots_write(s, at, slot.version, name_of(key), until_ms, &mine))
            return GW_PREFIX_UNKNOWN;
    }
    return GW_PREFIX_VAIN;
}

void gw_prefixes_tell(struct gw_prefixes *p, const struct gw_prefix *known, int64_t now_ms,
                      int64_t until_ms)
{
    struct gw_slots *s = (struct gw_slots *)p;
    bool forget = known->state == GW_PREFIX_UNKNOWN, done = p == NULL;
    for (unsigned tries = 0; !done && tries < GW_SLOTS_TRIES; tries++) {
        struct gw_prefix old;
        bool there;
        size_t at = find(s, &known->key, now_ms, &old, &there);
        const struct gw_slot slot = gw_slots_look(s, at);
        done = (forget && !there) || gw_slots_write(s, at, slot.version, name_of(&known->key),
                                                    until_ms, forget ? NULL : known);
    }
}
