/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - a short text that a regular expression matches.
 *
 * There is no tree: what is repeated is read again. An atom is first read in silence, to find its quantifier,
 * so a nest of groups is read twice at each level: STEPS_MAX and DEPTH_MAX bound that.
 */
#include "emulate/pattern.h"

#include "base/str.h"
#include "base/utf8.h"

#include <string.h>

#define STEPS_MAX 20000
#define DEPTH_MAX 12
#define REPEATS_MAX 255
#define EXTRA_MAX 64

struct reader {
    struct dgm_str s;
    size_t at;
    char *text;
    size_t n;
    size_t extra; /* repeats beyond the fewest */
    unsigned steps, depth;
    bool silent, failed;
};

static void read_alternatives(struct reader *);

static bool at_end(const struct reader *r)
{
    return r->failed || r->at >= r->s.n;
}

static char peek(const struct reader *r)
{
    return r->at < r->s.n ? r->s.p[r->at] : '\0';
}

static bool take(struct reader *r, struct dgm_str wanted)
{
    if (!dgm_str_starts(dgm_str_skip(r->s, r->at), wanted))
        return false;
    r->at += wanted.n;
    return true;
}

static void emit(struct reader *r, struct dgm_str s)
{
    if (r->silent)
        return;
    if (s.n > PATTERN_MAX_BYTES - r->n) {
        r->failed = true;
        return;
    }
    memcpy(r->text + r->n, s.p, s.n);
    r->n += s.n;
}

/* ---- sets of characters ------------------------------------------------------------------------------- */

struct set {
    bool has[128];
};

static void add_range(struct set *set, unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to && c < 128; c++)
        set->has[c] = true;
}

static void invert(struct set *set)
{
    for (unsigned c = 0; c < 128; c++)
        set->has[c] = !set->has[c];
}

/* What stands behind a backslash: a class of characters. False: one character, or something else. */
static bool add_class(struct set *set, char c)
{
    struct set named = {0};
    switch (c) {
    case 'd':
    case 'D':
        add_range(&named, '0', '9');
        break;
    case 'w':
    case 'W':
        add_range(&named, '0', '9');
        add_range(&named, 'A', 'Z');
        add_range(&named, 'a', 'z');
        add_range(&named, '_', '_');
        break;
    case 's':
    case 'S':
        add_range(&named, ' ', ' ');
        add_range(&named, '\t', '\r');
        break;
    default:
        return false;
    }
    if (c == 'D' || c == 'W' || c == 'S')
        invert(&named);
    for (unsigned i = 0; i < 128; i++)
        set->has[i] = set->has[i] || named.has[i];
    return true;
}

static void emit_one_of(struct reader *r, const struct set *set)
{
    static const char liked[] = "aA1 -";
    for (const char *c = liked; *c; c++)
        if (set->has[(unsigned char)*c]) {
            emit(r, (struct dgm_str){c, 1});
            return;
        }
    for (unsigned char c = ' '; c < 127; c++)
        if (set->has[c]) {
            emit(r, (struct dgm_str){(const char *)&c, 1});
            return;
        }
    r->failed = true;
}

/* The character of an escape that is no class; 0: none that is known. */
static char escaped(char c)
{
    static const char from[] = "ntrfv", to[] = "\n\t\r\f\v";
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    if (known)
        return to[known - from];
    bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return word || (unsigned char)c >= 0x80 ? '\0' : c;
}

/* One end of a range within brackets. False: it was a class, or is not known. */
static bool read_end(struct reader *r, struct set *set, unsigned *ret)
{
    char c = peek(r);
    r->at++;
    if (c == '\\') {
        c = peek(r);
        r->at++;
        if (add_class(set, c))
            return false;
        c = c == 'b' ? '\b' : escaped(c);
    }
    r->failed = r->failed || c == '\0' || (unsigned char)c >= 0x80;
    *ret = (unsigned char)c;
    return !r->failed;
}

static void read_set(struct reader *r)
{
    struct set set = {0};
    bool inverted = take(r, DGM_STR("^"));
    while (!at_end(r) && peek(r) != ']') {
        unsigned from, to;
        if (!read_end(r, &set, &from))
            continue;
        to = from;
        bool range = peek(r) == '-' && r->at + 1 < r->s.n && r->s.p[r->at + 1] != ']';
        if (range) {
            r->at++;
            if (!read_end(r, &set, &to))
                to = from;
        }
        add_range(&set, from, to);
    }
    r->failed = r->failed || !take(r, DGM_STR("]"));
    if (inverted)
        invert(&set);
    if (!r->failed)
        emit_one_of(r, &set);
}

/* ---- atoms -------------------------------------------------------------------------------------------- */

static void read_group(struct reader *r)
{
    if (take(r, DGM_STR("?")) && !take(r, DGM_STR(":"))) {
        take(r, DGM_STR("P"));
        bool named = take(r, DGM_STR("<")) && peek(r) != '=' && peek(r) != '!';
        r->failed = r->failed || !named;
        while (!at_end(r) && peek(r) != '>')
            r->at++;
        r->at++;
    }
    if (++r->depth > DEPTH_MAX)
        r->failed = true;
    if (!r->failed)
        read_alternatives(r);
    r->depth--;
    r->failed = r->failed || !take(r, DGM_STR(")"));
}

static void read_escape(struct reader *r)
{
    struct set set = {0};
    char c = peek(r);
    r->at++;
    if (c == 'b' || c == 'B' || c == 'A' || c == 'Z' || c == 'z') /* a place, not a character */
        return;
    if (add_class(&set, c)) {
        emit_one_of(r, &set);
        return;
    }
    c = escaped(c);
    r->failed = r->failed || c == '\0';
    emit(r, (struct dgm_str){&c, 1});
}

static void read_atom(struct reader *r)
{
    if (++r->steps > STEPS_MAX)
        r->failed = true;
    char c = peek(r);
    if (c == '(' || c == '[' || c == '\\') {
        r->at++;
        if (c == '(')
            read_group(r);
        else if (c == '[')
            read_set(r);
        else
            read_escape(r);
    } else if (c == '^' || c == '$') {
        r->at++;
    } else if (c == '.') {
        r->at++;
        emit(r, DGM_STR("a"));
    } else if (c == '\0' || strchr("*+?{}", c)) {
        r->failed = true;
    } else {
        struct dgm_str rest = dgm_str_skip(r->s, r->at), one = dgm_utf8_head(rest, 4);
        while (dgm_utf8_count(one) > 1)
            one = dgm_utf8_head(one, one.n - 1);
        emit(r, one);
        r->at += one.n != 0 ? one.n : 1;
    }
}

/* ---- repeats ------------------------------------------------------------------------------------------ */

static size_t read_count(struct reader *r, size_t otherwise)
{
    size_t n = 0, start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') {
        n = n > REPEATS_MAX ? n : n * 10 + (size_t)(peek(r) - '0');
        r->at++;
    }
    return r->at == start ? otherwise : n;
}

/* How often an atom is put. */
static size_t read_quantifier(struct reader *r)
{
    size_t min = 1, max = 1;
    if (take(r, DGM_STR("*"))) {
        min = 0;
        max = SIZE_MAX;
    } else if (take(r, DGM_STR("+"))) {
        max = SIZE_MAX;
    } else if (take(r, DGM_STR("?"))) {
        min = 0;
    } else if (take(r, DGM_STR("{"))) {
        min = max = read_count(r, 0);
        if (take(r, DGM_STR(",")))
            max = read_count(r, SIZE_MAX);
        r->failed = r->failed || !take(r, DGM_STR("}")) || max < min;
    } else {
        return 1;
    }
    if (!take(r, DGM_STR("?")))
        take(r, DGM_STR("+")); /* lazy or possessive: the same texts */
    size_t more = r->failed ? 0 : max - min;
    return min + (more < r->extra ? more : r->extra);
}

static void read_repeated(struct reader *r)
{
    bool silent = r->silent;
    size_t start = r->at;
    r->silent = true;
    read_atom(r);
    size_t n = r->failed ? 0 : read_quantifier(r), end = r->at;
    r->silent = silent;
    if (n > REPEATS_MAX)
        r->failed = true;
    for (size_t i = 0; i < n && !silent && !r->failed; i++) {
        r->at = start;
        read_atom(r);
    }
    r->at = end;
}

static void read_alternatives(struct reader *r)
{
    bool silent = r->silent;
    while (!at_end(r) && peek(r) != ')') {
        if (take(r, DGM_STR("|")))
            r->silent = true; /* the first was put */
        else
            read_repeated(r);
    }
    r->silent = silent;
}

struct dgm_str emu_pattern_make(char room[PATTERN_MAX_BYTES], struct dgm_str pattern,
                                size_t min_chars)
{
    for (size_t extra = 0; extra <= EXTRA_MAX; extra++) {
        struct reader r = {.s = pattern, .text = room, .extra = extra};
        read_alternatives(&r);
        if (r.failed || r.at < r.s.n)
            break;
        struct dgm_str text = {room, r.n};
        if (dgm_utf8_count(text) >= min_chars)
            return text;
    }
    return (struct dgm_str){0};
}
