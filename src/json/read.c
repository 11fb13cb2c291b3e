/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - JSON texts as trees of borrowed values, over yyjson. */
#include "json/read.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <yyjson.h>

#include "base/lanes.h"
#include "base/sort.h"
#include "base/str.h"
#include "base/utf8.h"
#include "json/escape.h"

static_assert(sizeof(struct json_val) == sizeof(yyjson_val) &&
                  offsetof(struct json_val, _tag) == offsetof(yyjson_val, tag) &&
                  offsetof(struct json_val, _u) == offsetof(yyjson_val, uni) &&
                  sizeof(((struct json_val *)0)->_u) == sizeof(yyjson_val_uni) &&
                  YYJSON_TAG_BIT == 8 && YYJSON_TYPE_MASK == 7 && YYJSON_TYPE_RAW == JSON_NUM &&
                  YYJSON_TYPE_NULL == JSON_NULL && YYJSON_TYPE_BOOL == JSON_BOOL &&
                  YYJSON_TYPE_STR == JSON_STR && YYJSON_TYPE_ARR == JSON_ARR &&
                  YYJSON_TYPE_OBJ == JSON_OBJ,
              "read.h looks into yyjson's values");
static_assert(JSON_PADDING >= YYJSON_PADDING_SIZE, "yyjson reads so far behind a text");

/* Large objects are sorted to find a doubled name, small ones are compared each with each. */
enum { PAIRWISE_MAX = 16 };

/* Of a short text what yyjson took is kept, as it is (see "yyjson's memory"). */
enum { SHORT_BYTES = 1024 };

/* So much can be looked over sixteen bytes at a time: each lane counts in a byte. */
enum { LOOK_BYTES = DGM_LANES * UINT8_MAX };

static const struct dgm_str byte_order_mark = {"\xef\xbb\xbf", 3};

/* yyjson's readers take what is not const and change nothing. */
static yyjson_val *yy(const struct json_val *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

/* ---- the look before the parse ------------------------------------------------------------------------ */

struct scan {
    char *p, *end;
    unsigned level, depth;
    size_t values; /* an upper bound: exact but for containers that are empty */
};

/* Steps over the string whose content begins at `s->p`. */
static void scan_string(struct scan *s)
{
    for (;;) {
        s->p += dgm_str_find_either((struct dgm_str){s->p, (size_t)(s->end - s->p)}, '"', '\\');
        if (s->p == s->end)
            return; /* unfinished: yyjson says so */
        if (*s->p == '"') {
            s->p++;
            return;
        }
        s->p = json_skip_escape(s->p, s->end);
    }
}

/* False when brackets are nested deeper than `depth`; then `s->p` is at the one too many. */
static bool scan_text(struct scan *s)
{
    while (s->p < s->end) {
        switch (*s->p) {
        case '[':
        case '{':
            if (s->level == s->depth)
                return false;
            s->level++;
            s->values++;
            break;
        case ']':
        case '}':
            s->level -= s->level != 0;
            break;
        case ',':
        case ':':
            s->values++;
            break;
        case '"':
            s->p++;
            scan_string(s);
            continue;
        default:
            break;
        }
        s->p++;
    }
    return true;
}

/* What scan_text does to escapes, and no more: where JSON is sound they stand in strings alone. */
static void mend_escapes(char *p, char *end)
{
    for (;;) {
        p += dgm_str_find_char((struct dgm_str){p, (size_t)(end - p)}, '\\');
        if (p == end)
            return;
        p = json_skip_escape(p, end);
    }
}

/*
 * What stands in a text, in a string or not: how many brackets open, and whether there is a \u, which halves of surrogate
 * pairs begin with; by lanes. The byte behind the last one is padding.
 */
struct look {
    dgm_lanes brackets, units;
};

static inline void look_at(struct look *l, const char *p)
{
    dgm_lanes x = dgm_lanes_load(p), next = dgm_lanes_load(p + 1);
    l->brackets -= (dgm_lanes)((x | 0x20) == '{'); /* '[' too: they differ in that bit */
    l->units |= (dgm_lanes)((x == '\\') & (next == 'u'));
}

/*
 * Whether no more brackets than `depth` open in a text of some length, be it in strings or not: then none is too deep,
 * and this costs less than to tell how deep they are. Escapes are mended in the same look. Brackets among the last
 * bytes may count twice: no harm, for then the text is scanned.
 */
static bool is_flat(char *text, size_t n, unsigned depth)
{
    if (n < DGM_LANES || n > LOOK_BYTES)
        return false;
    struct look look = {0};
#pragma GCC unroll 4
    for (size_t i = 0; i < n - DGM_LANES; i += DGM_LANES)
        look_at(&look, text + i);
    look_at(&look, text + n - DGM_LANES);
    if (dgm_lanes_sum(look.brackets) > depth)
        return false;
    if (dgm_lanes_mask(look.units) != 0)
        mend_escapes(text, text + n);
    return true;
}

/* ---- yyjson's memory ---------------------------------------------------------------------------------- */

/*
 * yyjson guesses its memory from the text's length, 53 MiB for an image of 20, and hardly touches it. A short
 * text's guess is a piece of the arena and stays there. A long one's stands beside the arena, and what yyjson
 * made is copied to where it has its true size, which the arena's ceiling holds.
 *
 * yyjson frees without a size, ours wants one: it is kept here, for in place yyjson has one block at a time.
 */
struct block {
    const struct dgm_alloc *alloc;
    size_t n;
};

static void *block_resize(void *ctx, void *p, size_t old_n, size_t n)
{
    struct block *b = ctx;
    (void)old_n; /* what yyjson used of it, maybe */
    void *moved = b->alloc->resize(b->alloc->ctx, p, p ? b->n : 0, n);
    if (moved)
        b->n = n;
    return moved;
}

static void *block_new(void *ctx, size_t n)
{
    return block_resize(ctx, NULL, 0, n);
}

static void block_free(void *ctx, void *p)
{
    if (p)
        (void)block_resize(ctx, p, 0, 0);
}

/* ---- parsing ------------------------------------------------------------------------------------------ */

static enum dgm_rc fail(struct json_error *reterr, enum json_trouble trouble, size_t offset,
                        const char *what)
{
    *reterr = (struct json_error){trouble, offset, what};
    if (trouble == JSON_NOMEM)
        return DGM_E_NOMEM;
    return trouble == JSON_DEEP ? DGM_E_LIMIT : DGM_E_SYNTAX;
}

/* yyjson's words are kept where they help a person; the others are a defect of ours and read so. */
static enum dgm_rc fail_yyjson(struct json_error *reterr, const yyjson_read_err *err,
                               const char *text, size_t n, size_t at)
{
    size_t offset = at + err->pos;
    if (err->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return fail(reterr, JSON_NOMEM, 0, "out of memory");
    /* A string is unescaped behind yyjson's eye, never before it: the bytes at the trouble are as they came. */
    if (err->pos < n && dgm_utf8_bad((struct dgm_str){text + err->pos, n - err->pos}) == 0)
        return fail(reterr, JSON_UTF8, offset, "invalid UTF-8");
    return fail(reterr, JSON_SYNTAX, offset, err->msg);
}

static bool is_blank(const char *text, size_t n)
{
    while (n != 0 && (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')) {
        text++;
        n--;
    }
    return n == 0;
}

enum dgm_rc json_parse(struct dgm_arena *arena, char *text, size_t n, unsigned depth,
                       const struct json_val **ret, struct json_error *reterr)
{
    assert(depth != 0 && depth <= JSON_DEPTH_MAX);
    assert(text || n == 0);

    size_t at = dgm_str_starts((struct dgm_str){text, n}, byte_order_mark) ? byte_order_mark.n : 0;
    text += at;
    n -= at;
    if (is_blank(text, n))
        return fail(reterr, JSON_EMPTY, at + n, "nothing");

    memset(text + n, 0, JSON_PADDING);
    struct scan scan = {.p = text, .end = text + n, .depth = depth, .values = 1};
    bool flat = is_flat(text, n, depth), is_short = flat && n <= SHORT_BYTES;
    if (!flat && !scan_text(&scan))
        return fail(reterr, JSON_DEEP, at + (size_t)(scan.p - text), "nested too deeply");
    /* Where many values may come the arena is asked first: yyjson's memory is not held by its ceiling. */
    yyjson_val *values = NULL;
    if (!flat && scan.values <= SIZE_MAX / sizeof *values)
        values = dgm_arena_take(arena, scan.values * sizeof *values);
    if (!flat && !values)
        return fail(reterr, JSON_NOMEM, 0, "out of memory");
    struct block block = {is_short ? dgm_arena_alloc(arena) : dgm_arena_source(arena), 0};
    const yyjson_alc alc = {block_new, block_resize, block_free, &block};
    yyjson_read_err err;
    yyjson_doc *doc =
        yyjson_read_opts(text, n, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, &err);
    if (!doc)
        return fail_yyjson(reterr, &err, text, n, at);

    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!is_short) {
        size_t made = (size_t)(unsafe_yyjson_get_next(root) - root);
        assert(flat || made <= scan.values);
        if (!values)
            values = dgm_arena_take(arena, made * sizeof *values);
        root = values ? memcpy(values, root, made * sizeof *values) : NULL;
        yyjson_doc_free(doc);
    }
    if (!root)
        return fail(reterr, JSON_NOMEM, 0, "out of memory");
    *ret = (const struct json_val *)root;
    return DGM_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_NONE] = "nothing",  [JSON_NULL] = "null",    [JSON_BOOL] = "a boolean",
        [JSON_NUM] = "a number",  [JSON_STR] = "a string", [JSON_ARR] = "an array",
        [JSON_OBJ] = "an object",
    };
    assert((size_t)kind < sizeof names / sizeof *names);
    return names[kind];
}

const struct json_val *json_get(const struct json_val *obj, struct dgm_str name)
{
    if (json_kind(obj) != JSON_OBJ)
        return NULL;
    const struct json_val *key = obj + 1;
    for (size_t left = json__length(obj); left != 0; left--) {
        if (json__length(key) == name.n && dgm_same_bytes(key->_u.text, name.p, name.n))
            return key + 1;
        key = json__behind(key + 1);
    }
    return NULL;
}

size_t json_pick(const struct json_val *obj, const struct dgm_str *names, size_t n,
                 const struct json_val **ret)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++)
        ret[i] = NULL;
    if (json_kind(obj) != JSON_OBJ)
        return 0;
    const struct json_val *key = obj + 1;
    for (size_t left = json__length(obj); left != 0; left--) {
        struct dgm_str name = {key->_u.text, json__length(key)};
        size_t i = dgm_str_index(name, names, n);
        if (i == n)
            others++;
        else if (!ret[i])
            ret[i] = key + 1;
        key = json__behind(key + 1);
    }
    return others;
}

const struct json_val *json_at(const struct json_val *arr, size_t index)
{
    return (const struct json_val *)yyjson_arr_get(yy(arr), index);
}

bool json_bool(const struct json_val *v, bool otherwise)
{
    return yyjson_is_bool(yy(v)) ? unsafe_yyjson_get_bool(yy(v)) : otherwise;
}

bool json_int(const struct json_val *v, int64_t *ret)
{
    struct dgm_str number = json_num(v);
    return number.p && dgm_str_i64(number, ret);
}

bool json_double(const struct json_val *v, double *ret)
{
    return dgm_str_double(json_num(v), ret);
}

struct dgm_str json_get_str(const struct json_val *obj, struct dgm_str name)
{
    return json_str(json_get(obj, name));
}

/* ---- doubled names ------------------------------------------------------------------------------------ */

/* By bytes, and equal ones in the order of the text. */
static int compare_names(const void *a, const void *b)
{
    const struct json_val *v = *(const struct json_val *const *)a;
    const struct json_val *w = *(const struct json_val *const *)b;
    int order = dgm_str_compare(json_str(v), json_str(w));
    return order != 0 ? order : v < w ? -1 : v > w;
}

/* Whether all names differ already in length, first and last byte, as those of most small objects do. */
static bool all_differ(const struct json_val *obj)
{
    uint64_t seen = 0;
    const struct json_val *key = obj + 1;
    if (json__length(obj) == 2 && json__length(key) != json__length(json__behind(key + 1)))
        return true; /* a message: role and content */
    for (size_t left = json__length(obj); left != 0; left--) {
        size_t n = json__length(key);
        if (n == 0)
            return false;
        unsigned char first = (unsigned char)key->_u.text[0],
                      last = (unsigned char)key->_u.text[n - 1];
        uint64_t bit = UINT64_C(1) << (n + (size_t)first * 5 + (size_t)last * 3) % 64;
        if (seen & bit)
            return false;
        seen |= bit;
        key = json__behind(key + 1);
    }
    return true;
}

static struct dgm_str twice_pairwise(const struct json_val *obj)
{
    if (all_differ(obj))
        return (struct dgm_str){0};
    for (struct json_iter later = json_iter(obj); json_next(&later);)
        for (struct json_iter i = json_iter(obj); json_next(&i) && i.index < later.index;)
            if (dgm_str_eq(i.name, later.name))
                return later.name;
    return (struct dgm_str){0};
}

enum dgm_rc json_twice(const struct json_val *obj, struct dgm_arena *scratch, struct dgm_str *ret)
{
    size_t n = json_kind(obj) == JSON_OBJ ? json_size(obj) : 0;
    if (n <= PAIRWISE_MAX) {
        *ret = n ? twice_pairwise(obj) : (struct dgm_str){0};
        return DGM_OK;
    }

    const struct json_val **names = dgm_arena_take(scratch, n * sizeof *names);
    if (!names)
        return DGM_E_NOMEM;
    for (struct json_iter i = json_iter(obj); json_next(&i);)
        names[i.index] = i.value - 1;
    dgm_sort(names, n, sizeof *names, compare_names); /* a hash without a secret can be flooded */

    const struct json_val *first = NULL;
    for (size_t i = 1; i < n; i++)
        if (dgm_str_eq(json_str(names[i - 1]), json_str(names[i])) && (!first || names[i] < first))
            first = names[i];
    *ret = json_str(first);
    return DGM_OK;
}
