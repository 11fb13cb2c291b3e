/* SPDX-License-Identifier: Apache-2.0 */
/* str.c - looking at borrowed strings. */
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct dgm_str dgm_str_c(const char *s)
{
    return (struct dgm_str){s, s ? strlen(s) : 0};
}

bool dgm_str_eq(struct dgm_str a, struct dgm_str b)
{
    return a.n == b.n && (a.n == 0 || (a.p && b.p && memcmp(a.p, b.p, a.n) == 0));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool dgm_str_eq_nocase(struct dgm_str a, struct dgm_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool dgm_str_starts(struct dgm_str s, struct dgm_str prefix)
{
    return s.n >= prefix.n && dgm_str_eq(dgm_str_head(s, prefix.n), prefix);
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

struct dgm_str dgm_str_skip(struct dgm_str s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return (struct dgm_str){s.p ? s.p + n : NULL, s.n - n};
}

struct dgm_str dgm_str_head(struct dgm_str s, size_t n)
{
    return (struct dgm_str){s.p, n < s.n ? n : s.n};
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
        if (digit > 9 || u > (UINT64_MAX - digit) / 10)
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

static size_t skip_digits(struct dgm_str s, size_t at)
{
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
        at++;
    return at;
}

/* The grammar of RFC 8259, section 6: strtod takes more, such as hexadecimal, "inf" and leading blanks. */
static bool is_json_number(struct dgm_str s)
{
    size_t from = s.n != 0 && s.p[0] == '-', at = skip_digits(s, from);
    if (at == from || (at - from > 1 && s.p[from] == '0'))
        return false;
    if (at < s.n && s.p[at] == '.') {
        from = at + 1;
        at = skip_digits(s, from);
        if (at == from)
            return false;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        from = at + 1;
        from += from < s.n && (s.p[from] == '+' || s.p[from] == '-');
        at = skip_digits(s, from);
        if (at == from)
            return false;
    }
    return at == s.n;
}

bool dgm_str_double(struct dgm_str s, double *ret)
{
    char text[400]; /* longer numbers exist, but none that a client means */
    if (s.n >= sizeof text || !is_json_number(s))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    double d = strtod(text, NULL);
    if (!isfinite(d))
        return false;
    *ret = d;
    return true;
}
