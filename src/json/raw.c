/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - JSON texts looked at where they stand. */
#include "json/raw.h"

#include "base/lanes.h"
#include "base/sort.h"
#include "base/str.h"
#include "base/utf8.h"
#include "json/escape.h"

#include <assert.h>
#include <string.h>

enum { PAIRWISE_MAX = 16 }; /* names that are compared each with each */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum json_kind kind_at(char c)
{
    switch (c) {
    case '{':
        return JSON_OBJ;
    case '[':
        return JSON_ARR;
    case '"':
        return JSON_STR;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return c == '-' || is_digit(c) ? JSON_NUM : JSON_NONE;
    }
}

/* ---- checking ----------------------------------------------------------------------------------------- */

/* A zero stands at `end`, so that one character can always be looked at. */
struct check {
    char *p, *end;
    unsigned level, depth;
    const char *what;           /* the trouble, in words */
    char close[JSON_DEPTH_MAX]; /* what ends each open container */
};

static bool trouble(struct check *c, const char *what)
{
    c->what = c->p >= c->end ? "unexpected end of data" : what;
    return false;
}

static void skip_blanks(struct check *c)
{
    while (is_blank(*c->p))
        c->p++;
}

/* How many bytes at `p` stand for themselves within a string: no quote, backslash or control character. */
static size_t plain_run(const char *p, const char *end)
{
    size_t n = (size_t)(end - p), i = 0;
    for (; n - i >= DGM_LANES; i += DGM_LANES) {
        dgm_lanes x = dgm_lanes_load(p + i);
        unsigned first = dgm_lanes_first((dgm_lanes)((x < 0x20) | (x == '"') | (x == '\\')));
        if (first != DGM_LANES)
            return i + first;
    }
    while (i < n && (unsigned char)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

static bool check_string(struct check *c)
{
    c->p++;
    for (;;) {
        c->p += plain_run(c->p, c->end);
        if (*c->p == '"') {
            c->p++;
            return true;
        }
        if (*c->p != '\\')
            return trouble(c, "unexpected control character in string");
        bool sound = c->p[1] == 'u' ? json_escaped_unit(c->p, c->end) >= 0
                                    : c->p[1] != '\0' && strchr("\"\\/bfnrt", c->p[1]);
        if (!sound)
            return trouble(c, "invalid escaped character in string");
        c->p = json_skip_escape(c->p, c->end);
    }
}

static bool check_digits(struct check *c)
{
    if (!is_digit(*c->p))
        return trouble(c, "no digit where one is expected");
    while (is_digit(*c->p))
        c->p++;
    return true;
}

static bool check_number(struct check *c)
{
    c->p += *c->p == '-';
    if (*c->p == '0' && is_digit(c->p[1]))
        return trouble(c, "number with leading zero is not allowed");
    if (!check_digits(c))
        return false;
    if (*c->p == '.') {
        c->p++;
        if (!check_digits(c))
            return false;
    }
    if ((*c->p | 0x20) != 'e')
        return true;
    c->p++;
    c->p += *c->p == '+' || *c->p == '-';
    return check_digits(c);
}

static bool check_word(struct check *c, struct dgm_str word)
{
    if (!dgm_str_starts((struct dgm_str){c->p, (size_t)(c->end - c->p)}, word))
        return trouble(c, "invalid literal");
    c->p += word.n;
    return true;
}

static bool check_scalar(struct check *c)
{
    switch (*c->p) {
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, DGM_STR("true"));
    case 'f':
        return check_word(c, DGM_STR("false"));
    case 'n':
        return check_word(c, DGM_STR("null"));
    default:
        return kind_at(*c->p) == JSON_NUM ? check_number(c) : trouble(c, "unexpected character");
    }
}

/* A member's name and the colon behind it. */
static bool check_name(struct check *c)
{
    skip_blanks(c);
    if (*c->p != '"')
        return trouble(c, "unexpected character, expected a string key");
    if (!check_string(c))
        return false;
    skip_blanks(c);
    if (*c->p != ':')
        return trouble(c, "unexpected character, expected ':' after key");
    c->p++;
    return true;
}

/* From behind a value to where the next begins. True with `*ret_more` false: the root has ended. */
static bool check_behind(struct check *c, bool *ret_more)
{
    for (*ret_more = true;;) {
        if (c->level == 0) {
            *ret_more = false;
            return true;
        }
        skip_blanks(c);
        char close = c->close[c->level - 1];
        if (*c->p == ',') {
            c->p++;
            return close == ']' || check_name(c);
        }
        if (*c->p != close)
            return trouble(c, "unexpected character, expected ',' or the end of a container");
        c->p++;
        c->level--;
    }
}

/* Checks one value and all it holds; without recursion, for its depth is the client's. */
static bool check_value(struct check *c)
{
    for (bool more = true; more;) {
        skip_blanks(c);
        bool is_obj = *c->p == '{';
        if (is_obj || *c->p == '[') {
            if (c->level == c->depth)
                return false; /* `what` is not set: it is too deep */
            c->close[c->level++] = is_obj ? '}' : ']';
            c->p++;
            skip_blanks(c);
            bool is_empty = *c->p == c->close[c->level - 1];
            if (!is_empty && is_obj && !check_name(c))
                return false;
            if (!is_empty)
                continue;
        } else if (!check_scalar(c)) {
            return false;
        }
        if (!check_behind(c, &more))
            return false;
    }
    return true;
}

static enum dgm_rc fail(struct json_error *reterr, enum json_trouble trouble, size_t offset,
                        const char *what)
{
    *reterr = (struct json_error){trouble, offset, what};
    return trouble == JSON_DEEP ? DGM_E_LIMIT : DGM_E_SYNTAX;
}

enum dgm_rc json_check(char *text, size_t n, unsigned depth, struct json_raw *ret,
                       struct json_error *reterr)
{
    assert(depth != 0 && depth <= JSON_DEPTH_MAX);
    const struct dgm_str mark = DGM_STR("\xef\xbb\xbf");
    size_t at = dgm_str_starts((struct dgm_str){text, n}, mark) ? mark.n : 0;
    struct check c = {.p = text + at, .end = text + n, .depth = depth};
    memset(text + n, 0, JSON_PADDING);
    skip_blanks(&c);
    if (c.p == c.end)
        return fail(reterr, JSON_EMPTY, n, "nothing");

    const char *root = c.p;
    size_t bad = dgm_utf8_bad((struct dgm_str){text, n});
    bool sound = check_value(&c);
    size_t root_n = (size_t)(c.p - root);
    if (sound) {
        skip_blanks(&c);
        sound = c.p == c.end || trouble(&c, "unexpected content after document");
    }
    size_t offset = (size_t)(c.p - text);
    if (bad < n && (sound || bad <= offset))
        return fail(reterr, JSON_UTF8, bad, "invalid UTF-8");
    if (!sound && !c.what)
        return fail(reterr, JSON_DEEP, offset, "nested too deeply");
    if (!sound)
        return fail(reterr, JSON_SYNTAX, offset, c.what);
    *ret = (struct json_raw){kind_at(*root), {root, root_n}};
    return DGM_OK;
}

/* ---- walking ------------------------------------------------------------------------------------------ */

static struct dgm_str without_blanks(struct dgm_str s)
{
    while (s.n != 0 && is_blank(s.p[0]))
        s = dgm_str_skip(s, 1);
    return s;
}

/* The bytes of the string at the front; 0 when it does not end. */
static size_t string_bytes(struct dgm_str s)
{
    for (size_t i = 1; i < s.n;) {
        i += dgm_str_find_either(dgm_str_skip(s, i), '"', '\\');
        if (i < s.n && s.p[i] == '"')
            return i + 1;
        i += 2;
    }
    return 0;
}

static size_t container_bytes(struct dgm_str s)
{
    size_t level = 0, i = 0;
    while (i < s.n) {
        size_t step = 1;
        switch (s.p[i]) {
        case '{':
        case '[':
            level++;
            break;
        case '}':
        case ']':
            if (--level == 0)
                return i + 1;
            break;
        case '"':
            step = string_bytes(dgm_str_skip(s, i));
            if (step == 0)
                return 0;
            break;
        default:
            break;
        }
        i += step;
    }
    return 0;
}

static size_t scalar_bytes(struct dgm_str s)
{
    size_t i = 0;
    while (i < s.n && !is_blank(s.p[i]) && s.p[i] != ',' && s.p[i] != '}' && s.p[i] != ']')
        i++;
    return i;
}

/* Takes the value at the front of `*rest`. Its kind is JSON_NONE when there is none. */
static struct json_raw take_value(struct dgm_str *rest)
{
    struct dgm_str s = without_blanks(*rest);
    struct json_raw v = {.kind = s.n != 0 ? kind_at(s.p[0]) : JSON_NONE};
    size_t n = v.kind == JSON_NONE  ? 0
               : v.kind >= JSON_ARR ? container_bytes(s)
               : v.kind == JSON_STR ? string_bytes(s)
                                    : scalar_bytes(s);
    if (n == 0)
        return (struct json_raw){0};
    v.text = dgm_str_head(s, n);
    *rest = dgm_str_skip(s, n);
    return v;
}

struct json_raw json_raw_first(struct dgm_str text)
{
    const struct dgm_str mark = DGM_STR("\xef\xbb\xbf");
    if (dgm_str_starts(text, mark))
        text = dgm_str_skip(text, mark.n);
    text = without_blanks(text);
    return (struct json_raw){text.n != 0 ? kind_at(text.p[0]) : JSON_NONE, text};
}

struct json_raw_iter json_raw_iter(struct json_raw v)
{
    if (v.kind < JSON_ARR)
        return (struct json_raw_iter){0};
    return (struct json_raw_iter){._rest = dgm_str_skip(v.text, 1), ._obj = v.kind == JSON_OBJ};
}

/* Takes one character off the front, behind blanks. */
static bool take_char(struct dgm_str *rest, char c)
{
    struct dgm_str s = without_blanks(*rest);
    if (s.n == 0 || s.p[0] != c)
        return false;
    *rest = dgm_str_skip(s, 1);
    return true;
}

bool json_raw_next(struct json_raw_iter *i)
{
    if (i->_begun && !take_char(&i->_rest, ','))
        return false;
    if (i->_obj) {
        struct json_raw name = take_value(&i->_rest);
        if (name.kind != JSON_STR || !take_char(&i->_rest, ':'))
            return false;
        i->name = name.text;
    }
    i->value = take_value(&i->_rest);
    if (i->value.kind == JSON_NONE)
        return false;
    i->index += i->_begun;
    i->_begun = true;
    return true;
}

struct json_raw json_raw_get(struct json_raw obj, struct dgm_str name)
{
    struct json_raw_iter i = json_raw_iter(obj);
    while (obj.kind == JSON_OBJ && json_raw_next(&i))
        if (json_raw_says(i.name, name))
            return i.value;
    return (struct json_raw){0};
}

/* ---- what strings say --------------------------------------------------------------------------------- */

static size_t put_point(unsigned point, char to[4])
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned heads[] = {0, 0xc0, 0xe0, 0xf0};
    to[0] = (char)(heads[more] | point >> 6 * more);
    for (size_t i = 1; i <= more; i++)
        to[i] = (char)(0x80 | (point >> 6 * (more - i) & 0x3f));
    return more + 1;
}

/* Reads the escape at the front of a string's inside: what it says, in bytes. */
static size_t take_escape(struct dgm_str *s, char to[4])
{
    static const char letters[] = "bfnrt", said[] = "\b\f\n\r\t";
    const char *p = s->p, *end = s->p + s->n;
    int unit = json_escaped_unit(p, end), low = -1;
    if (unit < 0) {
        const char *letter = s->n > 1 && p[1] != '\0' ? strchr(letters, p[1]) : NULL;
        to[0] = letter ? said[letter - letters] : s->n > 1 ? p[1] : '\\';
        *s = dgm_str_skip(*s, 2);
        return 1;
    }
    if (unit >= 0xd800 && unit < 0xdc00)
        low = json_escaped_unit(p + 6, end);
    bool is_pair = low >= 0xdc00 && low <= 0xdfff;
    *s = dgm_str_skip(*s, is_pair ? 12 : 6);
    unsigned point = is_pair ? 0x10000 + ((unsigned)unit - 0xd800) * 0x400 + (unsigned)low - 0xdc00
                             : (unsigned)unit;
    return put_point(point >= 0xd800 && point <= 0xdfff ? 0xfffd : point, to);
}

static bool is_quoted(struct dgm_str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
}

static struct dgm_str inside(struct dgm_str quoted)
{
    return dgm_str_skip(dgm_str_head(quoted, quoted.n - 1), 1);
}

bool json_raw_says(struct dgm_str quoted, struct dgm_str plain)
{
    if (!is_quoted(quoted))
        return false;
    struct dgm_str s = inside(quoted);
    if (dgm_str_find_char(s, '\\') == s.n)
        return dgm_str_eq(s, plain);
    while (s.n != 0) {
        char said[4] = {s.p[0]};
        size_t n = 1;
        if (s.p[0] == '\\')
            n = take_escape(&s, said);
        else
            s = dgm_str_skip(s, 1);
        if (plain.n < n || memcmp(plain.p, said, n) != 0)
            return false;
        plain = dgm_str_skip(plain, n);
    }
    return plain.n == 0;
}

void json_raw_put(struct dgm_str quoted, struct dgm_buf *out)
{
    if (!is_quoted(quoted))
        return;
    for (struct dgm_str s = inside(quoted); s.n != 0;) {
        size_t run = dgm_str_find_char(s, '\\');
        dgm_buf_put(out, dgm_str_head(s, run));
        s = dgm_str_skip(s, run);
        if (s.n == 0)
            return;
        char said[4];
        size_t n = take_escape(&s, said);
        dgm_buf_put(out, (struct dgm_str){said, n});
    }
}

/* ---- doubled names ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return dgm_str_compare(*(const struct dgm_str *)a, *(const struct dgm_str *)b);
}

/* What a name says: where it stands, or put together in `scratch`. Absent when memory is short. */
static struct dgm_str said_name(struct dgm_str quoted, struct dgm_arena *scratch)
{
    struct dgm_str s = inside(quoted);
    struct dgm_buf text;
    if (dgm_str_find_char(s, '\\') == s.n)
        return s;
    dgm_buf_init(&text, dgm_arena_alloc(scratch), s.n);
    if (!dgm_buf_reserve(&text, s.n)) /* an escape is never shorter than what it says */
        return (struct dgm_str){0};
    json_raw_put(quoted, &text);
    return dgm_buf_str(&text);
}

/* Twice among a few names without escapes, as nearly all objects have them. False: it takes the long way. */
static bool twice_pairwise(struct json_raw obj, struct dgm_str *ret)
{
    struct dgm_str names[PAIRWISE_MAX];
    size_t n = 0;
    *ret = (struct dgm_str){0};
    for (struct json_raw_iter i = json_raw_iter(obj); json_raw_next(&i); n++) {
        if (n == PAIRWISE_MAX || dgm_str_find_char(i.name, '\\') != i.name.n)
            return false;
        names[n] = i.name;
        for (size_t k = 0; k < n && !ret->p; k++)
            if (dgm_str_eq(names[k], names[n]))
                *ret = inside(names[n]);
    }
    return true;
}

enum dgm_rc json_raw_twice(struct json_raw obj, struct dgm_arena *scratch, struct dgm_str *ret)
{
    size_t n = 0;
    *ret = (struct dgm_str){0};
    if (obj.kind != JSON_OBJ || twice_pairwise(obj, ret))
        return DGM_OK;
    *ret = (struct dgm_str){0};
    for (struct json_raw_iter i = json_raw_iter(obj); json_raw_next(&i);)
        n++;
    struct dgm_str *names = dgm_arena_take(scratch, (n ? n : 1) * sizeof *names);
    if (!names)
        return DGM_E_NOMEM;
    for (struct json_raw_iter i = json_raw_iter(obj); json_raw_next(&i);) {
        names[i.index] = said_name(i.name, scratch);
        if (!names[i.index].p)
            return DGM_E_NOMEM;
    }
    dgm_sort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n && !ret->p; i++)
        if (dgm_str_eq(names[i - 1], names[i]))
            *ret = names[i];
    return DGM_OK;
}
