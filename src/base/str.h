/* SPDX-License-Identifier: Apache-2.0 */
/* str.h - looking at borrowed strings. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <dragoman/types.h>

#include <string.h>

/* What is asked for all the time stands here, where a literal's length is known to the compiler. */

/**
 * memcmp for names, most of which are a word or two long: two loads that may overlap see all of one, and need no
 * call. A lookup compares one name that is its match, and many that already differ in length.
 */
static inline bool dgm_same_bytes(const char *a, const char *b, size_t n)
{
    uint64_t x, y, x_last, y_last;
    uint32_t v, w, v_last, w_last;
    if (n > 2 * sizeof x || n < sizeof v)
        return n == 0 || memcmp(a, b, n) == 0;
    if (n >= sizeof x) {
        memcpy(&x, a, sizeof x), memcpy(&x_last, a + n - sizeof x, sizeof x);
        memcpy(&y, b, sizeof y), memcpy(&y_last, b + n - sizeof y, sizeof y);
        return ((x ^ y) | (x_last ^ y_last)) == 0;
    }
    memcpy(&v, a, sizeof v), memcpy(&v_last, a + n - sizeof v, sizeof v);
    memcpy(&w, b, sizeof w), memcpy(&w_last, b + n - sizeof w, sizeof w);
    return ((v ^ w) | (v_last ^ w_last)) == 0;
}

/** The view of a zero-terminated string; absent for NULL. */
static inline struct dgm_str dgm_str_c(const char *s)
{
    return (struct dgm_str){s, s ? strlen(s) : 0};
}

static inline bool dgm_str_eq(struct dgm_str a, struct dgm_str b)
{
    return a.n == b.n && (a.n == 0 || (a.p && b.p && dgm_same_bytes(a.p, b.p, a.n)));
}

/** Which of `n` names it is, the first of equal ones; `n` when none. Most differ in length already. */
static inline size_t dgm_str_index(struct dgm_str s, const struct dgm_str *names, size_t n)
{
    size_t i = 0;
    while (i < n && (names[i].n != s.n || !dgm_same_bytes(names[i].p, s.p, s.n)))
        i++;
    return i;
}

bool dgm_str_eq_nocase(struct dgm_str, struct dgm_str); /* ASCII letters only */

/** Their order by bytes, as memcmp tells it; of two that begin alike the shorter is first. */
int dgm_str_compare(struct dgm_str, struct dgm_str);

/** Whether `part` stands in it, whatever the case of ASCII letters. */
bool dgm_str_has_nocase(struct dgm_str, struct dgm_str part);

/**
 * Whether a text is like a pattern, in which '*' stands for any run of bytes. With `nocase` the case of ASCII letters
 * does not count. Linear but for going back to the last star: O(pattern * text).
 */
bool dgm_str_like(struct dgm_str pattern, struct dgm_str text, bool nocase);

/** Where `needle` first stands in it; its length when nowhere. */
size_t dgm_str_find(struct dgm_str, struct dgm_str needle);
size_t dgm_str_find_char(struct dgm_str, char);

/** Where the first of two characters stands; the length when neither does. One pass, whichever is missing. */
size_t dgm_str_find_either(struct dgm_str, char, char);

/** The rest after `n` bytes, empty when there are fewer; the first `n` bytes, fewer when there are. */
static inline struct dgm_str dgm_str_skip(struct dgm_str s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return s.p ? (struct dgm_str){s.p + n, s.n - n} : (struct dgm_str){0};
}

static inline struct dgm_str dgm_str_head(struct dgm_str s, size_t n)
{
    return (struct dgm_str){s.p, n < s.n ? n : s.n};
}

static inline bool dgm_str_starts(struct dgm_str s, struct dgm_str prefix)
{
    return s.n >= prefix.n && dgm_str_eq(dgm_str_head(s, prefix.n), prefix);
}

bool dgm_str_ends(struct dgm_str, struct dgm_str suffix);

/** Without spaces and tabs at both ends. */
struct dgm_str dgm_str_trim(struct dgm_str);

/** Takes what stands before the next `sep` off the front of `*rest`. False when `*rest` is absent. */
bool dgm_str_split(struct dgm_str *rest, char sep, struct dgm_str *ret);

/** Decimal digits alone, no sign, no blanks. False when it is anything else or does not fit. */
bool dgm_str_u64(struct dgm_str, uint64_t *ret);

/** An optional minus and digits; also a JSON number of integral value such as 5.0 or 1e3. */
bool dgm_str_i64(struct dgm_str, int64_t *ret);

/** A JSON number. False when it is none or not finite. */
bool dgm_str_double(struct dgm_str, double *ret);

#endif
