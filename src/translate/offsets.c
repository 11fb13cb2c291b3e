/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.c - from bytes to characters in a text that comes piece by piece. */
#include "translate/offsets.h"

#include "base/lanes.h"
#include "base/str.h"

#include <string.h>

void offsets_init(struct offsets *o, const struct dgm_alloc *alloc, size_t max)
{
    *o = (struct offsets){0};
    dgm_buf_init(&o->bits, alloc, max);
}

/* Makes the bits reach over `bytes` bytes, with zeros. False when there is no memory for it, or no room. */
static bool reach(struct offsets *o, size_t bytes)
{
    size_t wanted =
        (bytes + 7) / 8 + DGM_LANES / 8; /* what is set at once may begin at the last bit */
    if (wanted <= o->bits.n)
        return true;
    char *more = dgm_buf_reserve(&o->bits, wanted - o->bits.n);
    if (!more)
        return false;
    memset(more, 0, wanted - o->bits.n);
    o->bits.n = wanted;
    return true;
}

/* A bit for each of the next bytes, sixteen at most, that continues a character: it is 10xxxxxx. */
static unsigned tails_of(struct dgm_str s)
{
    char padded[DGM_LANES] = {0};
    const char *p = s.p;
    if (s.n < DGM_LANES) {
        memcpy(padded, s.p, s.n);
        p = padded;
    }
    return dgm_lanes_mask((dgm_lanes)((dgm_lanes_load(p) & 0xc0) == 0x80));
}

static void set_bits(struct offsets *o, size_t at, unsigned mask)
{
    unsigned char *p = (unsigned char *)o->bits.p + at / 8;
    mask <<= at % 8;
    for (unsigned i = 0; i < 3; i++)
        p[i] = (unsigned char)(p[i] | mask >> 8 * i);
}

void offsets_add(struct offsets *o, struct dgm_str s)
{
    size_t end = o->bytes + s.n;
    bool kept = true;
    for (; s.n != 0; s = dgm_str_skip(s, DGM_LANES)) {
        unsigned mask = tails_of(s);
        if (mask != 0 && kept) {
            kept = reach(o, end);
            if (kept)
                set_bits(o, o->bytes, mask);
        }
        o->bytes += s.n < DGM_LANES ? s.n : DGM_LANES;
    }
}

size_t offsets_chars(const struct offsets *o, size_t at)
{
    size_t tails = 0;
    if (at > o->bytes)
        at = o->bytes;
    for (size_t i = 0; i < o->bits.n && i < at / 8; i++)
        tails += (size_t)__builtin_popcount((unsigned char)o->bits.p[i]);
    if (at / 8 < o->bits.n)
        tails +=
            (size_t)__builtin_popcount((unsigned char)o->bits.p[at / 8] & ((1u << at % 8) - 1));
    return at - tails;
}
