/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - request targets: path segments, route patterns, query parameters. */
#include "http/target.h"

#include "base/str.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

static bool refuse(struct dgm_fail *reterr, const char *detail)
{
    const struct dgm_str pieces[4] = {dgm_str_c(detail)};
    dgm_fail_set(reterr, DGM_ERR_HTTP_TARGET, (struct dgm_str){0}, pieces);
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte of a "%xx" at the front of `s`; -1 when it is none. */
static int escaped(struct dgm_str s)
{
    if (s.n < 3 || s.p[0] != '%')
        return -1;
    int high = hex_value(s.p[1]), low = hex_value(s.p[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* What may stand in a path and says nothing but itself. */
static const bool is_plain[256] = {
    ['!'] = true,         ['$'] = true, ['&' ... '.'] = true, ['0' ... '['] = true,
    [']' ... '~'] = true, ['/'] = true, ['"'] = true,
};

static bool raw_is_fine(struct dgm_str target, struct dgm_fail *reterr)
{
    if (target.n == 0 || target.p[0] != '/')
        return refuse(reterr, "The path does not start with a slash.");
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (is_plain[c])
            continue;
        if (c <= 0x20 || c >= 0x7f)
            return refuse(
                reterr,
                "The path holds a blank, a control character or a byte that has to be escaped.");
        if (c == '\\' || c == '#')
            return refuse(reterr, "The path holds a backslash or a fragment.");
        if (c == '%' && escaped(dgm_str_skip(target, i)) < 0)
            return refuse(reterr, "A \"%\" in the path has no two hexadecimal digits behind it.");
    }
    return true;
}

/* Decodes one segment to `out`, which has room for it. */
static bool decode_segment(struct dgm_str raw, char *out, size_t *ret_n, struct dgm_fail *reterr)
{
    size_t n = dgm_str_find_char(raw, '%'); /* most have none */
    memcpy(out, raw.p, n);
    for (size_t i = n; i < raw.n; i++) {
        if (raw.p[i] != '%') {
            out[n++] = raw.p[i];
            continue;
        }
        int c = escaped(dgm_str_skip(raw, i));
        if (c == '/' || c == '\\')
            return refuse(reterr, "The path holds an escaped slash or backslash.");
        if (c < 0x20 || c == 0x7f)
            return refuse(reterr, "The path holds an escaped control character.");
        out[n++] = (char)c;
        i += 2;
    }
    struct dgm_str s = {out, n};
    if (dgm_str_eq(s, DGM_STR(".")) || dgm_str_eq(s, DGM_STR("..")))
        return refuse(reterr, "The path holds \".\" or \"..\" as a segment.");
    if (n != raw.n && dgm_utf8_bad(s) != n)
        return refuse(reterr, "The path's escapes are not UTF-8.");
    *ret_n = n;
    return true;
}

enum dgm_rc http_path_parse(struct dgm_str target, struct dgm_arena *arena, struct http_path *ret,
                            struct dgm_fail *reterr)
{
    if (!raw_is_fine(target, reterr))
        return DGM_E_REFUSED;
    struct http_path path = {0};
    size_t mark = dgm_str_find_char(target, '?');
    if (mark < target.n)
        path.query = dgm_str_skip(target, mark + 1);
    struct dgm_str rest = dgm_str_head(target, mark), raw;
    char *text = dgm_arena_take(arena, rest.n);
    if (!text)
        return DGM_E_NOMEM;

    size_t n = 0;
    while (dgm_str_split(&rest, '/', &raw)) {
        if (raw.n == 0) /* a double slash, or one at an end */
            continue;
        size_t segment_n = 0;
        text[n++] = '/';
        if (!decode_segment(raw, text + n, &segment_n, reterr))
            return DGM_E_REFUSED;
        if (path.segments < HTTP_SEGMENTS_MAX)
            path.segment[path.segments] = (struct dgm_str){text + n, segment_n};
        path.segments++;
        n += segment_n;
    }
    path.text = n != 0 ? (struct dgm_str){text, n} : DGM_STR("/");
    *ret = path;
    return DGM_OK;
}

/* Both texts from `at` on, where a capture begins in the pattern; no text of one has to be cut in pieces for it. */
static bool match_from(struct dgm_str text, struct dgm_str pattern, size_t at,
                       struct dgm_str found[HTTP_CAPTURES_MAX])
{
    size_t captures = 0, from = at;
    while (at < pattern.n) {
        if (pattern.p[at] != '{') {
            if (from == text.n || pattern.p[at] != text.p[from])
                return false;
            at++, from++;
            continue;
        }
        size_t name_n = dgm_str_find_char(dgm_str_skip(pattern, at), '}'), end = from;
        assert(at + name_n < pattern.n && captures < HTTP_CAPTURES_MAX);
        bool rest = pattern.p[at + name_n - 1] == '+';
        assert(!rest || at + name_n + 1 == pattern.n);
        while (end < text.n && (rest || text.p[end] != '/'))
            end++;
        if (end == from)
            return false;
        found[captures++] = (struct dgm_str){text.p + from, end - from};
        from = end;
        at += name_n + 1;
    }
    return from == text.n;
}

bool http_path_match(const struct http_path *path, struct dgm_str pattern,
                     struct dgm_str captured[HTTP_CAPTURES_MAX])
{
    assert(dgm_str_starts(pattern, DGM_STR("/")));
    /* What stands at both ends, before the first capture and behind the last one, tells nearly all paths apart. */
    char last = pattern.p[pattern.n - 1];
    if (last != '}' && last != path->text.p[path->text.n - 1])
        return false;
    size_t same = 0;
    while (same < pattern.n && same < path->text.n && pattern.p[same] != '{' &&
           pattern.p[same] == path->text.p[same])
        same++;
    if (same < pattern.n && pattern.p[same] != '{')
        return false;
    if (path->segments > HTTP_SEGMENTS_MAX && !dgm_str_ends(pattern, DGM_STR("+}")))
        return false;
    struct dgm_str found[HTTP_CAPTURES_MAX] = {0};
    if (!match_from(path->text, pattern, same, found))
        return false;
    for (size_t k = 0; captured && k < HTTP_CAPTURES_MAX; k++)
        captured[k] = found[k];
    return true;
}

/* Takes the next character of a query's name or value, decoded, off the front of `*s`. */
static bool next_decoded(struct dgm_str *s, char *ret)
{
    if (s->n == 0)
        return false;
    int c = escaped(*s);
    *ret = c >= 0 ? (char)c : s->p[0] == '+' ? ' ' : s->p[0];
    *s = dgm_str_skip(*s, c >= 0 ? 3 : 1);
    return true;
}

static bool is_named(struct dgm_str raw, struct dgm_str name)
{
    char c;
    while (next_decoded(&raw, &c)) {
        if (name.n == 0 || name.p[0] != c)
            return false;
        name = dgm_str_skip(name, 1);
    }
    return name.n == 0;
}

bool http_query_get(struct dgm_str query, struct dgm_str name, struct dgm_buf *out)
{
    struct dgm_str pair;
    while (dgm_str_split(&query, '&', &pair)) {
        size_t mark = dgm_str_find_char(pair, '=');
        if (pair.n == 0 || !is_named(dgm_str_head(pair, mark), name))
            continue;
        struct dgm_str value = dgm_str_skip(pair, mark + 1);
        char c;
        while (next_decoded(&value, &c))
            dgm_buf_put_char(out, c);
        return true;
    }
    return false;
}
