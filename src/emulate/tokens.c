/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.c - counting tokens, plausibly. */
#include "emulate/tokens.h"

#define RUN_MAX 6

#define TEN true, true, true, true, true, true, true, true, true, true
#define LETTERS TEN, TEN, true, true, true, true, true, true

/* Answers are counted byte by byte, so one look must tell. */
static const bool alnum[256] = {['0'] = TEN, ['A'] = LETTERS, ['a'] = LETTERS};

static bool is_alnum(char c)
{
    return alnum[(unsigned char)c];
}

size_t emu_tokens_end(struct dgm_str s, size_t at)
{
    if (s.p[at] == ' ' && at + 1 < s.n && s.p[at + 1] != ' ')
        at++;
    if (!is_alnum(s.p[at])) {
        at++;
        while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80) /* the rest of one character */
            at++;
        return at;
    }
    size_t last = s.n - at < RUN_MAX ? s.n : at + RUN_MAX;
    for (at++; at < last && is_alnum(s.p[at]);)
        at++;
    return at;
}

uint64_t emu_tokens_count(struct dgm_str s)
{
    uint64_t n = 0;
    unsigned run = 0; /* letters and digits of the token that is open */
    for (size_t at = 0; at < s.n; at++) {
        char c = s.p[at];
        if (is_alnum(c)) {
            n += run == 0;
            run = run + 1 < RUN_MAX ? run + 1 : 0;
        } else if (((unsigned char)c & 0xc0) != 0x80) { /* not the rest of a character */
            run = 0;
            n += c != ' ' || at + 1 == s.n || s.p[at + 1] == ' ';
        }
    }
    return n;
}

struct dgm_str emu_tokens_head(struct dgm_str s, uint64_t n)
{
    size_t at = 0;
    if (n >= s.n) /* a token has a byte at least */
        return s;
    while (n-- != 0 && at < s.n)
        at = emu_tokens_end(s, at);
    return (struct dgm_str){s.p, at};
}
