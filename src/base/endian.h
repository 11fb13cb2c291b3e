/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endian.h - numbers as bytes, the least significant first, whatever the machine.
 */
#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <stdint.h>

/** Puts the lowest `bytes` (at most 8) of n at `to`. */
static inline void dgm_put_le(char *to, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, n >>= 8)
        to[i] = (char)(n & 0xff);
}

/** The number of `bytes` (at most 8) at p. */
static inline uint64_t dgm_read_le(const char *p, unsigned bytes)
{
    uint64_t n = 0;
    while (bytes-- != 0)
        n = n << 8 | (unsigned char)p[bytes];
    return n;
}

#endif
