/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.c - from bytes to characters in a text that comes piece by piece. */
#include "translate/offsets.h"

#include "base/utf8.h"

#include <string.h>

void offsets_init(struct offsets *o, const struct dgm_alloc *alloc, size_t max)
{
    *o = (struct offsets){0};
    dgm_buf_init(&o->bits, alloc, max);
}

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Makes the bits reach over `bytes` bytes, with zeros. False when there is no memory for it, or no room. */
static bool reach(struct offsets *o, size_t bytes)
{
    size_t wanted = (bytes + 7) / 8;
    if (wanted <= o->bits.n)
        return true;
    char *more = dgm_buf_reserve(&o->bits, wanted - o->bits.n);
    if (!more)
        return false;
    memset(more, 0, wanted - o->bits.n);
    o->bits.n = wanted;
    return true;
}

void offsets_add(struct offsets *o, struct dgm_str s)
{
    size_t chars = dgm_utf8_count(s);
    if (chars != s.n && reach(o, o->bytes + s.n)) {
        for (size_t i = 0; i < s.n; i++) {
            size_t at = o->bytes + i;
            if (is_tail(s.p[i]))
                o->bits.p[at / 8] = (char)(o->bits.p[at / 8] | 1 << at % 8);
        }
    }
    o->bytes += s.n;
    o->chars += chars;
}

size_t offsets_chars(const struct offsets *o, size_t at)
{
    size_t tails = 0;
    if (at >= o->bytes)
        return o->chars;
    for (size_t i = 0; i < o->bits.n && i < at / 8; i++)
        tails += (size_t)__builtin_popcount((unsigned char)o->bits.p[i]);
    if (at / 8 < o->bits.n)
        tails +=
            (size_t)__builtin_popcount((unsigned char)o->bits.p[at / 8] & ((1u << at % 8) - 1));
    return at - tails;
}
