/* SPDX-License-Identifier: Apache-2.0 */
/* base64.c - base64 as proto3 JSON has it (RFC 4648). */
#include "emulate/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 1 for the letters of both alphabets: a table, for a body may be 100 MiB of them. */
static const unsigned char is_letter[256] = {
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1,
    ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,
    ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
    ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
    ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
    ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1,
    ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
    ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['+'] = 1, ['/'] = 1,
    ['-'] = 1, ['_'] = 1,
};

size_t emu_base64_size(struct dgm_str s)
{
    size_t padding = 0;
    while (s.n != 0 && padding < 2 && s.p[s.n - 1] == '=') {
        s.n--;
        padding++;
    }
    if (s.n % 4 == 1 || (padding != 0 && (s.n + padding) % 4 != 0))
        return BASE64_BAD;
    unsigned all = 1;
    for (size_t i = 0; i < s.n; i++)
        all &= is_letter[(unsigned char)s.p[i]];
    return all ? s.n / 4 * 3 + s.n % 4 * 3 / 4 : BASE64_BAD;
}

size_t emu_base64_sound_size(struct dgm_str s)
{
    while (s.n != 0 && s.p[s.n - 1] == '=')
        s.n--;
    return s.n / 4 * 3 + s.n % 4 * 3 / 4;
}

static unsigned letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : 63;
}

unsigned char emu_base64_at(struct dgm_str s, size_t at)
{
    size_t first = at / 3 * 4 + at % 3; /* of the two letters that hold it */
    unsigned bits = letter_value(s.p[first]) << 6 | letter_value(s.p[first + 1]);
    return (unsigned char)(bits >> (4 - 2 * (at % 3)));
}

static void put(struct dgm_buf *out, struct dgm_str bytes, const char *letters, bool pad)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned triple = 0;
        for (size_t k = 0; k < 3; k++)
            triple = triple << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) {
            if (k <= n)
                dgm_buf_put_char(out, letters[triple >> (18 - 6 * k) & 63]);
            else if (pad)
                dgm_buf_put_char(out, '=');
        }
    }
}

void emu_base64_put(struct dgm_buf *out, struct dgm_str bytes)
{
    put(out, bytes, standard, true);
}

void emu_base64_put_url(struct dgm_buf *out, struct dgm_str bytes)
{
    put(out, bytes, url_safe, false);
}
