/* SPDX-License-Identifier: Apache-2.0 */
/* str.c - looking at borrowed strings. */
#include "base/str.h"

#include "base/lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The same for eight at once: of bytes below 0x80 a sum sets the highest bit from 'A' on, another one behind 'Z'. */
static uint64_t lower_eight(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t x;
    memcpy(&x, p, sizeof x);
    uint64_t low = x & ~highs, from_a = low + ones * (0x80 - 'A'),
             past_z = low + ones * (0x7f - 'Z');
    return x | ((from_a ^ past_z) & ~x & highs) >> 2;
}

bool dgm_str_eq_nocase(struct dgm_str a, struct dgm_str b)
{
    if (a.n != b.n)
        return false;
    if (a.n < sizeof(uint64_t)) {
        for (size_t i = 0; i < a.n; i++)
            if (lower(a.p[i]) != lower(b.p[i]))
                return false;
        return true;
    }
    size_t last = a.n - sizeof(uint64_t); /* may overlap those before */
    for (size_t i = 0; i < last; i += sizeof(uint64_t))
        if (lower_eight(a.p + i) != lower_eight(b.p + i))
            return false;
    return lower_eight(a.p + last) == lower_eight(b.p + last);
}

int dgm_str_compare(struct dgm_str a, struct dgm_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n != 0 ? memcmp(a.p, b.p, n) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool dgm_str_has_nocase(struct dgm_str s, struct dgm_str part)
{
    for (size_t at = 0; part.n <= s.n && at <= s.n - part.n; at++)
        if (dgm_str_eq_nocase(dgm_str_head(dgm_str_skip(s, at), part.n), part))
            return true;
    return false;
}

bool dgm_str_like(struct dgm_str pattern, struct dgm_str text, bool nocase)
{
    size_t i = 0, j = 0, star = SIZE_MAX, back = 0;
    while (j < text.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            back = j;
            if (i == pattern.n) /* it takes all the rest */
                return true;
        } else if (i < pattern.n && (pattern.p[i] == text.p[j] ||
                                     (nocase && lower(pattern.p[i]) == lower(text.p[j])))) {
            i++;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++back;
        } else {
            return false;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*')
        i++;
    return i == pattern.n;
}

bool dgm_str_ends(struct dgm_str s, struct dgm_str suffix)
{
    return s.n >= suffix.n && dgm_str_eq(dgm_str_skip(s, s.n - suffix.n), suffix);
}

size_t dgm_str_find(struct dgm_str s, struct dgm_str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t at = 0; at + needle.n <= s.n; at++) {
        at += dgm_str_find_char(dgm_str_skip(s, at), needle.p[0]);
        if (at + needle.n <= s.n && memcmp(s.p + at, needle.p, needle.n) == 0)
            return at;
    }
    return s.n;
}

size_t dgm_str_find_char(struct dgm_str s, char c)
{
    const char *at = s.n && s.p ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

size_t dgm_str_find_either(struct dgm_str s, char a, char b)
{
    size_t i = 0;
    for (; s.n - i >= DGM_LANES; i += DGM_LANES) {
        dgm_lanes x = dgm_lanes_load(s.p + i);
        unsigned first = dgm_lanes_first((dgm_lanes)((x == (uint8_t)a) | (x == (uint8_t)b)));
        if (first != DGM_LANES)
            return i + first;
    }
    while (i < s.n && s.p[i] != a && s.p[i] != b)
        i++;
    return i;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct dgm_str dgm_str_trim(struct dgm_str s)
{
    while (s.n != 0 && is_blank(s.p[0]))
        s = dgm_str_skip(s, 1);
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool dgm_str_split(struct dgm_str *rest, char sep, struct dgm_str *ret)
{
    if (!rest->p)
        return false;
    size_t at = dgm_str_find_char(*rest, sep);
    *ret = dgm_str_head(*rest, at);
    *rest = at < rest->n ? dgm_str_skip(*rest, at + 1) : (struct dgm_str){0};
    return true;
}

bool dgm_str_u64(struct dgm_str s, uint64_t *ret)
{
    uint64_t u = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';
        /* Nineteen digits always fit. */
        if (digit > 9 || (i >= 19 && u > (UINT64_MAX - digit) / 10))
            return false;
        u = u * 10 + digit;
    }
    if (s.n == 0)
        return false;
    *ret = u;
    return true;
}

bool dgm_str_i64(struct dgm_str s, int64_t *ret)
{
    bool minus = s.n != 0 && s.p[0] == '-';
    uint64_t u;
    if (dgm_str_u64(dgm_str_skip(s, minus), &u)) {
        if (u > (uint64_t)INT64_MAX + minus)
            return false;
        *ret = (int64_t)(minus ? 0 - u : u);
        return true;
    }
    double d;
    /* 5.0 and 1e3 are integers too; past 2^53 a double could no longer tell which. */
    if (!dgm_str_double(s, &d) || d < -9007199254740992.0 || d > 9007199254740992.0)
        return false;
    if ((double)(int64_t)d != d)
        return false;
    *ret = (int64_t)d;
    return true;
}

/* A JSON number taken apart. The digits are of use only where there are few of them: they wrap. */
struct number {
    uint64_t digits;
    size_t places; /* behind the point */
    bool minus, exponent;
};

/* Reads digits from `at` on; returns where they end. */
static size_t read_digits(struct dgm_str s, size_t at, uint64_t *digits)
{
    for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++)
        *digits = *digits * 10 + (uint64_t)(s.p[at] - '0');
    return at;
}

/* The grammar of RFC 8259, section 6: strtod takes more, such as hexadecimal, "inf" and leading blanks. */
static bool read_number(struct dgm_str s, struct number *ret)
{
    *ret = (struct number){.minus = s.n != 0 && s.p[0] == '-'};
    size_t from = ret->minus, at = read_digits(s, from, &ret->digits);
    if (at == from || (at - from > 1 && s.p[from] == '0'))
        return false;
    if (at < s.n && s.p[at] == '.') {
        from = at + 1;
        at = read_digits(s, from, &ret->digits);
        ret->places = at - from;
        if (at == from)
            return false;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        uint64_t unused = 0;
        from = at + 1;
        from += from < s.n && (s.p[from] == '+' || s.p[from] == '-');
        at = read_digits(s, from, &unused);
        ret->exponent = true;
        if (at == from)
            return false;
    }
    return at == s.n;
}

bool dgm_str_double(struct dgm_str s, double *ret)
{
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    char text[400]; /* longer numbers exist, but none that a client means */
    struct number number;
    if (s.n >= sizeof text || !read_number(s, &number))
        return false;

    /* What clients send is short: up to 15 digits and the power of ten under them are exact as doubles, so
     * one division rounds as strtod would. */
    if (s.n <= sizeof tens / sizeof *tens && !number.exponent) {
        double d = (double)(int64_t)number.digits;
        if (number.places)
            d /= tens[number.places];
        *ret = number.minus ? -d : d;
        return true;
    }

    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    double d = strtod(text, NULL);
    if (!isfinite(d))
        return false;
    *ret = d;
    return true;
}
