/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - where UTF-8 is sound and where it may be cut. */
#include "base/utf8.h"

#include <string.h>

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* The length of the character that starts at `p`, 0 when there is none (RFC 3629, section 4). */
static size_t char_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return n >= 2 && is_tail(p[1]) ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        if (n < 3 || !is_tail(p[1]) || !is_tail(p[2]))
            return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
            return 0; /* overlong; a surrogate */
        return 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if (n < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
            return 0;
        if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
            return 0; /* overlong; past U+10FFFF */
        return 4;
    }
    return 0;
}

size_t dgm_utf8_bad(struct dgm_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t at = 0;
    while (at < s.n) {
        uint64_t eight;
        if (s.n - at >= 8) {
            memcpy(&eight, p + at, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        size_t length = char_length(p + at, s.n - at);
        if (length == 0)
            return at;
        at += length;
    }
    return s.n;
}

struct dgm_str dgm_utf8_head(struct dgm_str s, size_t n)
{
    if (n >= s.n)
        return s;
    while (n != 0 && is_tail((unsigned char)s.p[n]))
        n--;
    return (struct dgm_str){s.p, n};
}

size_t dgm_utf8_count(struct dgm_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += !is_tail((unsigned char)s.p[i]);
    return count;
}
