/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - Google's strict parser. The sentences are Google's (google.md 5.6) where "inferred" does not say so. */
#include "emulate/check.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/base64.h"
#include "json/write.h"

#define PATH_MAX_BYTES ((size_t)64 << 10)
#define SHOWN_MAX_BYTES 200 /* of a wrong value; Google shows all of it */
#define ONEOFS_MAX 4        /* no message has more */

struct check {
    struct dgm_arena *arena;
    enum native_surface surface;
    struct dgm_buf path; /* of the value being looked at: "contents[0].parts[1]" */
    struct refusal *refusal;
    bool nomem;
};

/* ---- telling ------------------------------------------------------------------------------------------ */

static const char *type_name(enum native_kind kind)
{
    static const char *const names[] = {
        [NATIVE_STRING] = "TYPE_STRING", [NATIVE_BYTES] = "TYPE_BYTES",
        [NATIVE_BOOL] = "TYPE_BOOL",     [NATIVE_INT32] = "TYPE_INT32",
        [NATIVE_INT64] = "TYPE_INT64",   [NATIVE_FLOAT] = "TYPE_FLOAT",
        [NATIVE_DOUBLE] = "TYPE_DOUBLE",
    };
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

/* A body can hold millions of mistakes: those that will not be listed are not written either. */
static bool enough(const struct check *c)
{
    return c->refusal->nviolations == REFUSAL_VIOLATIONS_MAX;
}

static void tell(struct check *c, struct dgm_str field, struct dgm_buf *description)
{
    struct violation v = {dgm_arena_copy(c->arena, field),
                          dgm_arena_copy(c->arena, dgm_buf_str(description))};
    c->nomem =
        c->nomem || description->rc == DGM_E_NOMEM || !v.description.p || (field.p && !v.field.p);
    c->refusal->violations[c->refusal->nviolations++] = v;
    dgm_buf_dispose(description);
}

static struct dgm_buf sentence(struct check *c)
{
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_source(c->arena), PATH_MAX_BYTES * 3);
    return b;
}

/* `Invalid JSON payload received. Unknown name "x" at 'a.b': <why>` */
static void tell_name(struct check *c, struct dgm_str name, struct dgm_str why)
{
    if (enough(c))
        return;
    struct dgm_buf text = sentence(c);
    struct dgm_str path = dgm_buf_str(&c->path);
    dgm_buf_put_lit(&text, "Invalid JSON payload received. Unknown name \"");
    dgm_buf_put(&text, dgm_utf8_head(name, SHOWN_MAX_BYTES));
    dgm_buf_put_lit(&text, "\"");
    if (path.n != 0) {
        dgm_buf_put_lit(&text, " at '");
        dgm_buf_put(&text, path);
        dgm_buf_put_lit(&text, "'");
    }
    dgm_buf_put_lit(&text, ": ");
    dgm_buf_put(&text, why);
    tell(c, path, &text);
}

static void put_shown(struct check *c, struct dgm_buf *text, const struct json_val *v)
{
    struct dgm_buf whole;
    dgm_buf_init(&whole, dgm_arena_source(c->arena), PATH_MAX_BYTES);
    struct dgm_str s = json_str(v);
    if (s.n > SHOWN_MAX_BYTES) { /* do not copy an image to show its beginning */
        dgm_buf_put_char(&whole, '"');
        dgm_buf_put(&whole, dgm_utf8_head(s, SHOWN_MAX_BYTES));
        dgm_buf_put_lit(&whole, "...\"");
    } else {
        struct json_writer w = json_writer(&whole);
        json_put_val(&w, v);
    }
    c->nomem = c->nomem || whole.rc == DGM_E_NOMEM;
    dgm_buf_put(text, dgm_utf8_head(dgm_buf_str(&whole), 2 * SHOWN_MAX_BYTES));
    dgm_buf_dispose(&whole);
}

/* `Invalid value at 'a.b' (TYPE_FLOAT), "hot"`; `why`, when there is one, stands before the value. */
static void tell_value(struct check *c, const struct native_field *f, const struct json_val *v,
                       struct dgm_str why)
{
    if (enough(c))
        return;
    struct dgm_buf text = sentence(c);
    dgm_buf_put_lit(&text, "Invalid value at '");
    dgm_buf_put(&text, dgm_buf_str(&c->path));
    dgm_buf_put_lit(&text, "' (");
    if (f->kind == NATIVE_MESSAGE || f->kind == NATIVE_ENUM) {
        dgm_buf_put_lit(&text, "type.googleapis.com/");
        dgm_buf_put(&text, dgm_str_c(emu_native_package(c->surface)));
        dgm_buf_put_char(&text, '.');
        dgm_buf_put(&text, dgm_str_c(f->kind == NATIVE_ENUM ? emu_native_enum_name(f->type)
                                                            : emu_native_message_name(f->type)));
    } else if (type_name(f->kind)) {
        dgm_buf_put(&text, dgm_str_c(type_name(f->kind)));
    } else {
        dgm_buf_put_lit(&text, "type.googleapis.com/google.protobuf.");
        dgm_buf_put(&text, f->kind == NATIVE_STRUCT     ? DGM_STR("Struct")
                           : f->kind == NATIVE_DURATION ? DGM_STR("Duration")
                                                        : DGM_STR("Timestamp"));
    }
    dgm_buf_put_lit(&text, "), ");
    dgm_buf_put(&text, why);
    if (v)
        put_shown(c, &text, v);
    tell(c, dgm_buf_str(&c->path), &text);
}

/* ---- the path ----------------------------------------------------------------------------------------- */

static size_t go_name(struct check *c, const char *name)
{
    size_t back = c->path.n;
    if (back != 0)
        dgm_buf_put_char(&c->path, '.');
    dgm_buf_put(&c->path, dgm_str_c(name));
    return back;
}

static size_t go_index(struct check *c, size_t index)
{
    size_t back = c->path.n;
    dgm_buf_put_char(&c->path, '[');
    dgm_buf_put_int(&c->path, (int64_t)index);
    dgm_buf_put_char(&c->path, ']');
    return back;
}

static void go_back(struct check *c, size_t back)
{
    c->path.n = back;
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* "3.5s": digits, at most nine of a fraction, an "s". */
static bool is_duration(struct dgm_str s)
{
    double seconds;
    if (s.n < 2 || s.p[s.n - 1] != 's')
        return false;
    s.n--;
    return dgm_str_find_char(s, 'e') == s.n && dgm_str_find_char(s, 'E') == s.n &&
           dgm_str_double(s, &seconds);
}

/* RFC 3339, by its shape alone: nothing here reads the time. */
static bool is_timestamp(struct dgm_str s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    if (s.n < sizeof shape)
        return false;
    for (size_t i = 0; shape[i] != '\0'; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (shape[i] == 'd' ? !digit : s.p[i] != shape[i])
            return false;
    }
    return true;
}

static bool is_integer(const struct json_val *v, int64_t min, int64_t max)
{
    struct dgm_str text = json_kind(v) == JSON_STR ? json_str(v) : json_num(v);
    int64_t i;
    return dgm_str_i64(text, &i) && i >= min && i <= max;
}

static bool is_scalar(const struct check *c, const struct native_field *f, const struct json_val *v)
{
    enum json_kind kind = json_kind(v);
    double number;
    int64_t any;
    switch (f->kind) {
    case NATIVE_STRING:
        return kind == JSON_STR;
    case NATIVE_BYTES:
        return kind == JSON_STR && emu_base64_size(json_str(v)) != BASE64_BAD;
    case NATIVE_BOOL:
        return kind == JSON_BOOL;
    case NATIVE_INT32:
        return is_integer(v, INT32_MIN, INT32_MAX);
    case NATIVE_INT64:
        return is_integer(v, INT64_MIN, INT64_MAX);
    case NATIVE_FLOAT:
    case NATIVE_DOUBLE:
        return dgm_str_double(kind == JSON_STR ? json_str(v) : json_num(v), &number);
    case NATIVE_ENUM:
        return kind == JSON_STR
                   ? emu_native_enum_has(f->type, json_str(v), c->surface)
                   : json_int(v, &any); /* a number is taken, known or not: open enums */
    case NATIVE_DURATION:
        return is_duration(json_str(v));
    case NATIVE_TIMESTAMP:
        return is_timestamp(json_str(v));
    default:
        return false;
    }
}

static void check_message(struct check *, enum native_message_id, const struct json_val *obj);

static void check_one(struct check *c, const struct native_field *f, const struct json_val *v)
{
    enum json_kind kind = json_kind(v);
    switch (f->kind) {
    case NATIVE_VALUE:
        return;
    case NATIVE_STRUCT:
        if (kind != JSON_OBJ)
            tell_value(c, f, v, DGM_STR(""));
        return;
    case NATIVE_MESSAGE:
        if (kind == JSON_OBJ)
            check_message(c, f->type, v);
        else
            tell_value(c, f, v, DGM_STR(""));
        return;
    default:
        if (kind == JSON_OBJ || kind == JSON_ARR) /* inferred */
            tell_value(c, f, NULL,
                       kind == JSON_OBJ ? DGM_STR("Starting an object on a scalar field")
                                        : DGM_STR("Starting a list on a scalar field"));
        else if (!is_scalar(c, f, v))
            tell_value(c, f, v,
                       f->kind == NATIVE_BYTES && kind == JSON_STR
                           ? DGM_STR("Base64 decoding failed for ")
                           : DGM_STR(""));
    }
}

static void check_list(struct check *c, const struct native_field *f, const struct json_val *v)
{
    for (struct json_iter i = json_iter(v); json_next(&i);) {
        size_t back = go_index(c, i.index);
        check_one(c, f, i.value);
        go_back(c, back);
    }
}

/* A map is a list of entries to the parser, and its paths say so: "properties[3].value". */
static void check_map(struct check *c, const struct native_field *f, const struct json_val *v)
{
    if (json_kind(v) != JSON_OBJ) { /* inferred */
        tell_value(c, f, v, DGM_STR(""));
        return;
    }
    for (struct json_iter i = json_iter(v); json_next(&i);) {
        size_t back = go_index(c, i.index);
        go_name(c, "value");
        check_one(c, f, i.value);
        go_back(c, back);
    }
}

static void check_field(struct check *c, const struct native_field *f, struct dgm_str name,
                        const struct json_val *v)
{
    bool list = json_kind(v) == JSON_ARR;
    if (list && f->shape == NATIVE_ONE && f->kind != NATIVE_VALUE) {
        tell_name(c, name, DGM_STR("Proto field is not repeating, cannot start list."));
        return;
    }
    size_t back = go_name(c, f->snake);
    if (f->shape == NATIVE_MAP)
        check_map(c, f, v);
    else if (f->shape == NATIVE_LIST && list)
        check_list(c, f, v);
    else
        check_one(c, f,
                  v); /* also an element in the place of a list, which Google's own samples have */
    go_back(c, back);
}

/* Text inferred from reports; Google names the member as it was sent. */
static void tell_oneof(struct check *c, const char *oneof, struct dgm_str name)
{
    if (enough(c))
        return;
    struct dgm_buf text = sentence(c);
    dgm_buf_put_lit(&text, "Invalid value at '");
    dgm_buf_put(&text, dgm_buf_str(&c->path));
    dgm_buf_put_lit(&text, "' (oneof), oneof field '");
    dgm_buf_put(&text, dgm_str_c(oneof));
    dgm_buf_put_lit(&text, "' is already set. Cannot set '");
    dgm_buf_put(&text, name);
    dgm_buf_put_lit(&text, "'");
    tell(c, dgm_buf_str(&c->path), &text);
}

static void check_message(struct check *c, enum native_message_id id, const struct json_val *obj)
{
    const char *set[ONEOFS_MAX];
    size_t nset = 0;
    for (struct json_iter i = json_iter(obj); json_next(&i);) {
        const struct native_field *f = emu_native_field(id, i.name, c->surface);
        if (!f) {
            tell_name(c, i.name, DGM_STR("Cannot find field."));
            continue;
        }
        if (json_kind(i.value) == JSON_NULL && f->kind != NATIVE_VALUE && f->kind != NATIVE_ENUM)
            continue;
        bool twice = false;
        for (size_t k = 0; f->oneof && k < nset; k++)
            twice =
                twice || set[k] == f->oneof || dgm_str_eq(dgm_str_c(set[k]), dgm_str_c(f->oneof));
        if (twice)
            tell_oneof(c, f->oneof, i.name);
        else if (f->oneof && nset < ONEOFS_MAX)
            set[nset++] = f->oneof;
        if (json_kind(i.value) != JSON_NULL)
            check_field(c, f, i.name, i.value);
    }
}

/* ---- the body ----------------------------------------------------------------------------------------- */

static enum dgm_rc refuse_syntax(struct dgm_arena *arena, struct dgm_str text, struct json_error e,
                                 struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), PATH_MAX_BYTES);
    dgm_buf_put_lit(&message, "Invalid JSON payload received. ");
    if (e.trouble == JSON_DEEP) {
        dgm_buf_put_lit(&message, "Message too deep. Max recursion depth reached."); /* inferred */
    } else {
        dgm_buf_put(&message, e.trouble == JSON_EMPTY ? DGM_STR("Unexpected end of string.")
                                                      : DGM_STR("Unexpected token."));
        struct dgm_str rest = dgm_str_head(dgm_str_skip(text, e.offset), 40);
        rest = dgm_str_head(rest, dgm_utf8_bad(rest));
        rest = dgm_str_head(rest, dgm_str_find_char(rest, '\0'));
        dgm_buf_put_char(&message, '\n');
        dgm_buf_put(&message, rest);
        dgm_buf_put_lit(&message, "\n^");
    }
    if (message.rc != DGM_OK)
        return message.rc;
    *reterr = (struct refusal){.status = 400, .message = dgm_buf_str(&message)};
    reterr->violations[reterr->nviolations++] = (struct violation){{0}, reterr->message};
    return DGM_E_REFUSED;
}

/* All sentences, one a line, are the message too. */
static enum dgm_rc join(struct check *c)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(c->arena), SIZE_MAX);
    for (size_t i = 0; i < c->refusal->nviolations; i++) {
        if (i != 0)
            dgm_buf_put_char(&message, '\n');
        dgm_buf_put(&message, c->refusal->violations[i].description);
    }
    c->refusal->message = dgm_buf_str(&message);
    c->refusal->status = 400;
    return message.rc == DGM_OK ? DGM_E_REFUSED : message.rc;
}

enum dgm_rc emu_check_body(struct dgm_arena *arena, char *text, size_t n, enum native_message_id id,
                           enum native_surface surface, const struct json_val **ret,
                           struct refusal *reterr)
{
    const struct json_val *root;
    struct json_error error;
    enum dgm_rc rc = json_parse(arena, text, n, JSON_DEPTH_MAX, &root, &error);
    if (rc == DGM_E_NOMEM)
        return rc;
    if (rc != DGM_OK)
        return refuse_syntax(arena, (struct dgm_str){text, n}, error, reterr);

    struct refusal refusal = {0};
    struct check c = {.arena = arena, .surface = surface, .refusal = &refusal};
    dgm_buf_init(&c.path, dgm_arena_source(arena), PATH_MAX_BYTES);
    if (json_kind(root) == JSON_OBJ)
        check_message(&c, id, root);
    else
        tell_name(&c, DGM_STR(""), DGM_STR("Root element must be a message."));
    c.nomem = c.nomem || c.path.rc == DGM_E_NOMEM;
    dgm_buf_dispose(&c.path);

    if (c.nomem)
        return DGM_E_NOMEM;
    if (refusal.nviolations == 0) {
        *ret = root;
        return DGM_OK;
    }
    rc = join(&c);
    if (rc == DGM_E_REFUSED)
        *reterr = refusal;
    return rc;
}
