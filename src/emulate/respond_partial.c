/* SPDX-License-Identifier: Apache-2.0 */
/* respond_partial.c - calls in pieces, as Vertex streams them (google.md 4.4, 6.2). */
#include "emulate/respond.h"

#include "base/str.h"
#include "base/utf8.h"

#include <string.h>

#define STRING_BYTES 12 /* of a string in one piece, and what of a character stands over */
#define PATH_MAX_BYTES ((size_t)1 << 16)

struct spreading {
    const struct composer *c;
    struct plan_candidate *to;
    struct dgm_buf path;
    enum dgm_rc rc;
};

/* Adds a part with what `functionCall` is. */
static struct plan_part *add(struct spreading *s, const struct dgm_buf *json)
{
    struct plan_part *p =
        json->rc == DGM_OK && s->path.rc == DGM_OK ? emu_plan_add_part(s->to, s->c->arena) : NULL;
    if (p)
        *p = (struct plan_part){
            .kind = PART_OTHER, .name = DGM_STR("functionCall"), .text = dgm_buf_str(json)};
    else
        s->rc = DGM_E_NOMEM;
    return p;
}

/* ---- paths -------------------------------------------------------------------------------------------- */

static bool is_plain(struct dgm_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i != 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.n != 0;
}

/* ".name", or "['it''s']" by RFC 9535, 2.3.1. */
static void add_name(struct dgm_buf *path, struct dgm_str name)
{
    static const char hex[] = "0123456789abcdef";
    if (is_plain(name)) {
        dgm_buf_put_char(path, '.');
        dgm_buf_put(path, name);
        return;
    }
    dgm_buf_put_lit(path, "['");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < ' ') {
            dgm_buf_put_lit(path, "\\u00");
            dgm_buf_put_char(path, hex[c >> 4]);
            c = (unsigned char)hex[c & 15];
        } else if (c == '\'' || c == '\\') {
            dgm_buf_put_char(path, '\\');
        }
        dgm_buf_put_char(path, (char)c);
    }
    dgm_buf_put_lit(path, "']");
}

/* ---- values ------------------------------------------------------------------------------------------- */

static void open_value(struct spreading *s, struct dgm_buf *json, struct json_writer *w)
{
    dgm_buf_init(json, dgm_arena_alloc(s->c->arena), SIZE_MAX);
    *w = json_writer(json);
    json_open_obj(w);
    json_put_name(w, "partialArgs");
    json_open_arr(w);
    json_open_obj(w);
    json_member_str(w, "jsonPath", dgm_buf_str(&s->path));
}

static void close_value(struct spreading *s, struct dgm_buf *json, struct json_writer *w)
{
    json_close_obj(w);
    json_close_arr(w);
    json_member_bool(w, "willContinue", true);
    json_close_obj(w);
    add(s, json);
}

/* The first character goes along however long it is. */
static size_t piece_of(struct dgm_str rest)
{
    size_t n = dgm_utf8_head(rest, STRING_BYTES).n;
    return n != 0 ? n : rest.n;
}

static void spread_string(struct spreading *s, struct dgm_str text)
{
    struct dgm_buf json;
    struct json_writer w;
    do {
        size_t n = piece_of(text);
        open_value(s, &json, &w);
        json_member_str(&w, "stringValue", dgm_str_head(text, n));
        text = dgm_str_skip(text, n);
        if (text.n != 0)
            json_member_bool(&w, "willContinue", true);
        close_value(s, &json, &w);
    } while (text.n != 0 && s->rc == DGM_OK);
}

static void spread_scalar(struct spreading *s, const struct json_val *v)
{
    struct dgm_buf json;
    struct json_writer w;
    open_value(s, &json, &w);
    json_put_key(&w, json_kind(v) == JSON_NUM    ? DGM_STR("numberValue")
                     : json_kind(v) == JSON_BOOL ? DGM_STR("boolValue")
                                                 : DGM_STR("nullValue"));
    json_put_val(&w, v);
    close_value(s, &json, &w);
}

/* NOLINTNEXTLINE(misc-no-recursion): the arguments are of our own making, and no deeper than a schema may be */
static void spread(struct spreading *s, const struct json_val *v)
{
    if (json_kind(v) == JSON_STR) {
        spread_string(s, json_str(v));
        return;
    }
    if (json_kind(v) < JSON_ARR) {
        spread_scalar(s, v);
        return;
    }
    size_t end = s->path.n;
    for (struct json_iter i = json_iter(v); json_next(&i) && s->rc == DGM_OK;) {
        if (i.name.p) {
            add_name(&s->path, i.name);
        } else {
            dgm_buf_put_char(&s->path, '[');
            dgm_buf_put_int(&s->path, (int64_t)i.index);
            dgm_buf_put_char(&s->path, ']');
        }
        spread(s, i.value);
        if (s->path.rc != DGM_OK)
            return;
        s->path.n = end;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static bool has_empty(const struct json_val *v)
{
    if (json_kind(v) >= JSON_ARR && json_size(v) == 0)
        return true;
    for (struct json_iter i = json_iter(v); json_next(&i);)
        if (has_empty(i.value))
            return true;
    return false;
}

/* ---- calls -------------------------------------------------------------------------------------------- */

static void spread_call(struct spreading *s, const struct plan_part *call,
                        const struct json_val *args)
{
    struct dgm_buf json;
    dgm_buf_init(&json, dgm_arena_alloc(s->c->arena), SIZE_MAX);
    struct json_writer w = json_writer(&json);
    json_open_obj(&w);
    json_member_str(&w, "name", call->name);
    if (call->id.p)
        json_member_str(&w, "id", call->id);
    json_member_bool(&w, "willContinue", true);
    json_close_obj(&w);
    struct plan_part *head = add(s, &json);
    if (!head)
        return;
    head->signature = call->signature;
    head->tokens = emu_plan_part_tokens(call);
    dgm_buf_clear(&s->path);
    dgm_buf_put_char(&s->path, '$');
    spread(s, args);

    struct dgm_buf last;
    dgm_buf_init(&last, dgm_arena_alloc(s->c->arena), SIZE_MAX);
    dgm_buf_put_lit(&last, "{}");
    if (s->rc == DGM_OK)
        add(s, &last);
}

static enum dgm_rc parse(const struct composer *c, struct dgm_str args, const struct json_val **ret)
{
    struct json_error error;
    char *copy = dgm_arena_take(c->arena, args.n + JSON_PADDING);
    if (!copy)
        return DGM_E_NOMEM;
    memcpy(copy, args.p, args.n);
    return json_parse(c->arena, copy, args.n, JSON_DEPTH_MAX, ret, &error);
}

enum dgm_rc emu_respond_partial(const struct composer *c, struct plan_candidate *to)
{
    const struct plan_candidate whole = *to;
    struct spreading s = {.c = c, .to = to};
    to->parts = NULL;
    to->nparts = to->_room = 0;
    dgm_buf_init(&s.path, dgm_arena_alloc(c->arena), PATH_MAX_BYTES);
    for (size_t i = 0; i < whole.nparts && s.rc == DGM_OK; i++) {
        const struct plan_part *p = whole.parts + i;
        const struct json_val *args = NULL;
        enum dgm_rc rc = p->kind == PART_CALL ? parse(c, p->text, &args) : DGM_OK;
        if (rc == DGM_E_NOMEM)
            return rc;
        if (rc == DGM_OK && args && (json_size(args) == 0 || !has_empty(args))) {
            spread_call(&s, p, args);
            continue;
        }
        struct plan_part *kept = emu_plan_add_part(to, c->arena);
        if (!kept)
            return DGM_E_NOMEM;
        *kept = *p;
    }
    return s.rc;
}
