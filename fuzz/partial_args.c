/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partial_args.c - fuzzes translate/partial_args: an object taken apart at random comes together again; calls of any
 * kind give a JSON object or an error, and nothing that could not have become one.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/utf8.h"
#include "parsed.h"
#include "translate/partial_args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

/* ---- any calls ---- */

/* Closes what is open in the beginning of a JSON text that ends behind a value, or within a string. */
static void close_text(struct dgm_buf *text)
{
    char ends[JSON_DEPTH_MAX];
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text->n; i++) {
        char c = text->p[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else if (c == '{' || c == '[')
            ends[depth++] = c == '{' ? '}' : ']';
        else if (c == '}' || c == ']')
            depth--;
        assert(depth < JSON_DEPTH_MAX);
    }
    if (quoted)
        dgm_buf_put_char(text, '"');
    while (depth != 0)
        dgm_buf_put_char(text, ends[--depth]);
}

static void check_object(struct dgm_arena *arena, const struct json_val *v)
{
    struct dgm_str twice;
    assert(v);
    assert(json_twice(v, arena, &twice) == DGM_OK && !twice.p);
    for (struct json_iter it = json_iter(v); json_next(&it);)
        check_object(arena, it.value);
}

/* The pieces of some calls, each in a buffer of its own; returns what came of them. */
static enum dgm_rc put_calls(const struct json_val *calls, struct dgm_buf *all)
{
    struct partial_args p;
    enum dgm_rc rc = DGM_MORE;
    partial_args_init(&p, &dgm_alloc_libc);
    for (struct json_iter it = json_iter(calls); json_next(&it);) {
        struct dgm_buf piece;
        dgm_buf_init(&piece, &dgm_alloc_libc, SIZE_MAX);
        rc = partial_args_feed(&p, it.value, &piece);
        assert(dgm_utf8_bad(dgm_buf_str(&piece)) == piece.n);
        dgm_buf_put(all, dgm_buf_str(&piece));
        dgm_buf_dispose(&piece);
    }
    if (rc == DGM_MORE)
        rc = partial_args_finish(&p, all);
    assert(p._names.cap + p._path.cap <= 40 * 1024);
    partial_args_dispose(&p);
    assert(rc == DGM_DONE || rc == DGM_E_SYNTAX || rc == DGM_E_LIMIT);
    return rc;
}

/* The same with all partialArgs in calls of their own. */
static enum dgm_rc put_singly(const struct json_val *calls, struct dgm_arena *arena,
                              struct dgm_buf *all)
{
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    struct json_writer w = json_writer(&text);
    json_open_arr(&w);
    for (struct json_iter it = json_iter(calls); json_next(&it);) {
        const struct json_val *partials = json_get(it.value, DGM_STR("partialArgs"));
        struct json_iter each = json_iter(json_kind(partials) == JSON_ARR ? partials : NULL);
        while (json_next(&each)) {
            json_open_obj(&w);
            json_put_name(&w, "partialArgs");
            json_open_arr(&w);
            json_put_val(&w, each.value);
            json_close_arr(&w);
            json_member_bool(&w, "willContinue", true);
            json_close_obj(&w);
        }
        json_open_obj(&w);
        json_member_val(&w, "willContinue", json_get(it.value, DGM_STR("willContinue")));
        json_close_obj(&w);
    }
    json_close_arr(&w);
    const struct json_val *again = parsed(arena, dgm_buf_str(&text));
    dgm_buf_dispose(&text);
    return again ? put_calls(again, all) : DGM_MORE; /* two levels deeper than a text may be */
}

static void check_calls(const struct json_val *calls, struct dgm_arena *arena)
{
    struct dgm_buf whole, singly;
    dgm_buf_init(&whole, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&singly, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = put_calls(calls, &whole), again = put_singly(calls, arena, &singly);
    assert(again == DGM_MORE ||
           (rc == again && dgm_str_eq(dgm_buf_str(&whole), dgm_buf_str(&singly))));
    if (rc != DGM_DONE)
        close_text(&whole);
    if (rc == DGM_DONE || (rc == DGM_E_SYNTAX && whole.n != 0)) {
        const struct json_val *v = parsed(arena, dgm_buf_str(&whole));
        assert(json_kind(v) == JSON_OBJ);
        check_object(arena, v);
    }
    dgm_buf_dispose(&whole);
    dgm_buf_dispose(&singly);
}

/* ---- an object taken apart ---- */

struct split {
    struct dgm_buf path;
    struct json_writer w; /* of an array of calls */
    bool open;            /* a call is, in its partialArgs */
};

static void end_call(struct split *s)
{
    if (!s->open)
        return;
    json_close_arr(&s->w);
    json_member_bool(&s->w, "willContinue", true);
    json_close_obj(&s->w);
    s->open = false;
}

/* Puts an element; the value is a string where `json` is absent. */
static void put_partial(struct split *s, struct dgm_str name, struct dgm_str json,
                        struct dgm_str text, bool more)
{
    if (!s->open) {
        json_open_obj(&s->w);
        json_put_name(&s->w, "partialArgs");
        json_open_arr(&s->w);
        s->open = true;
    }
    json_open_obj(&s->w);
    json_member_str(&s->w, "jsonPath", dgm_buf_str(&s->path));
    json_put_key(&s->w, name);
    if (json.p)
        json_put_raw(&s->w, json);
    else
        json_put_str(&s->w, text);
    if (more || next_random(2))
        json_member_bool(&s->w, "willContinue", more);
    json_close_obj(&s->w);
    if (next_random(3) == 0)
        end_call(s);
}

static void split_str(struct split *s, struct dgm_str text)
{
    while (next_random(3) != 0) {
        struct dgm_str head = dgm_utf8_head(text, next_random(8));
        put_partial(s, DGM_STR("stringValue"), (struct dgm_str){0}, head, true);
        text = dgm_str_skip(text, head.n);
    }
    put_partial(s, DGM_STR("stringValue"), (struct dgm_str){0}, text, false);
}

static bool is_simple(struct dgm_str name)
{
    return name.n != 0 && dgm_str_find_either(name, '.', '[') == name.n;
}

static void add_quoted(struct dgm_buf *path, struct dgm_str name)
{
    char quote = next_random(2) ? '"' : '\'';
    dgm_buf_put_char(path, '[');
    dgm_buf_put_char(path, quote);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if ((c >= 0 && c < ' ') || (c > 0 && next_random(16) == 0)) {
            dgm_buf_put_lit(path, "\\u");
            dgm_buf_put_hex(path, (unsigned char)c, 4);
            continue;
        }
        if (c == quote || c == '\\')
            dgm_buf_put_char(path, '\\');
        dgm_buf_put_char(path, c);
    }
    dgm_buf_put_char(path, quote);
    dgm_buf_put_char(path, ']');
}

static void split(struct split *s, const struct json_val *v)
{
    enum json_kind kind = json_kind(v);
    size_t path_n = s->path.n;
    if (kind == JSON_STR)
        split_str(s, json_str(v));
    else if (kind == JSON_NUM)
        put_partial(s, DGM_STR("numberValue"), json_num(v), (struct dgm_str){0}, false);
    else if (kind == JSON_BOOL)
        put_partial(s, DGM_STR("boolValue"),
                    json_bool(v, false) ? DGM_STR("true") : DGM_STR("false"), (struct dgm_str){0},
                    false);
    else if (kind == JSON_NULL)
        put_partial(s, DGM_STR("nullValue"), DGM_STR("null"), (struct dgm_str){0}, false);
    for (struct json_iter it = json_iter(v); json_next(&it); s->path.n = path_n) {
        if (!it.name.p) {
            dgm_buf_put_char(&s->path, '[');
            dgm_buf_put_int(&s->path, (int64_t)it.index);
            dgm_buf_put_char(&s->path, ']');
        } else if (is_simple(it.name) && next_random(4)) {
            dgm_buf_put_char(&s->path, '.');
            dgm_buf_put(&s->path, it.name);
        } else {
            add_quoted(&s->path, it.name);
        }
        split(s, it.value);
    }
}

/* What places and values can tell: no empty containers inside, no name twice, not too deep. */
static bool can_split(const struct json_val *v, struct dgm_arena *arena, unsigned depth)
{
    struct dgm_str twice = {0};
    if (json_kind(v) < JSON_ARR)
        return true;
    if ((json_size(v) == 0 && depth != 0) || depth == PARTIAL_ARGS_DEPTH_MAX)
        return false;
    assert(json_twice(v, arena, &twice) == DGM_OK);
    for (struct json_iter it = json_iter(v); !twice.p && json_next(&it);)
        if (!can_split(it.value, arena, depth + 1))
            return false;
    return !twice.p;
}

static void check_split(const struct json_val *v, struct dgm_arena *arena)
{
    struct dgm_buf text, all, expected;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&all, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&expected, &dgm_alloc_libc, SIZE_MAX);
    struct split s = {.w = json_writer(&text)};
    dgm_buf_init(&s.path, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_char(&s.path, '$');
    json_open_arr(&s.w);
    split(&s, v);
    end_call(&s);
    json_open_obj(&s.w);
    json_close_obj(&s.w);
    json_close_arr(&s.w);

    enum dgm_rc rc = put_calls(parsed(arena, dgm_buf_str(&text)), &all);
    struct json_writer w = json_writer(&expected);
    json_put_val(&w, v);
    assert(rc == DGM_E_LIMIT || rc == DGM_DONE);
    assert(rc == DGM_E_LIMIT || dgm_str_eq(dgm_buf_str(&all), dgm_buf_str(&expected)));
    assert(rc == DGM_DONE || expected.n > PARTIAL_ARGS_PATH_BYTES_MAX / 8); /* escapes of a name */
    dgm_buf_dispose(&s.path);
    dgm_buf_dispose(&text);
    dgm_buf_dispose(&all);
    dgm_buf_dispose(&expected);
}

/* A JSON text: an array is calls, an object is what some calls mean. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    random_state = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < size; i++)
        random_state = (random_state ^ data[i]) * 0x100000001b3;
    random_state |= 1;
    const struct json_val *v = parsed(&arena, (struct dgm_str){(const char *)data, size});
    if (json_kind(v) == JSON_ARR)
        check_calls(v, &arena);
    if (json_kind(v) == JSON_OBJ && can_split(v, &arena, 0))
        for (int i = 0; i < 4; i++)
            check_split(v, &arena);
    dgm_arena_dispose(&arena);
    return 0;
}
