/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - numbers that look random and are always the same. Not for secrets. */
#ifndef EMULATE_HASH_H
#define EMULATE_HASH_H

#include <dragoman/types.h>

/** The finisher of splitmix64. */
static inline uint64_t emu_hash_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/** FNV-1a. */
static inline uint64_t emu_hash_str(struct dgm_str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#endif
