/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - JSON Schemas: which form each goes in, where its $refs lead, and what is lost of it. */
#include "translate/schema_parts.h"

#include "base/str.h"
#include "translate/tries.h"

#include <string.h>

#define POINTER_BYTES_MAX 96               /* of a place in a note or a refusal */
#define ENUM_VALUES_PLAIN 32               /* more are too many for a plain schema */
#define TOLD_BYTES_MAX ((size_t)32 * 1024) /* of a schema in a description */
#define PIECE_BYTES_MAX 256                /* of a $ref's step that has escapes */

#define MUTE JSON_MUTE
#define LOST JSON_LOST
const struct keyword schema_keywords[KEYWORDS] = {
#define KEYWORD(id, name, inside, json, subset, kinds)                                             \
    [KEY_##id] = {{name, sizeof name - 1}, inside, json, SUBSET_##subset, kinds},
#include "translate/schema.def"
#undef KEYWORD
};
#undef MUTE
#undef LOST

static const struct {
    struct dgm_str name;
    unsigned kind;
} kind_words[] = {
#define KIND(name, kind) {{name, sizeof name - 1}, K_##kind},
#include "translate/schema_kinds.def"
#undef KIND
};

/* ---- words ---- */

enum keyword_id schema_keyword(struct dgm_str name)
{
    for (enum keyword_id i = 0; name.n != 0 && i < KEYWORDS; i++) {
        const struct dgm_str *row = &schema_keywords[i].name;
        if (row->n == name.n && row->p[0] == name.p[0] && memcmp(row->p, name.p, name.n) == 0)
            return i;
    }
    return KEYWORDS;
}

bool schema_is_extension(struct dgm_str name)
{
    return dgm_str_starts(name, DGM_STR("x-"));
}

unsigned schema_kind(struct dgm_str type)
{
    for (size_t i = 0; i < sizeof kind_words / sizeof *kind_words; i++)
        if (dgm_str_eq_nocase(type, kind_words[i].name))
            return kind_words[i].kind;
    return 0;
}

/* ---- places ---- */

static void put_pointer(struct dgm_buf *out, const struct schema_at *at)
{
    if (!at || out->n >= POINTER_BYTES_MAX)
        return;
    put_pointer(out, at->up);
    dgm_buf_put_char(out, '/');
    if (at->name.p)
        dgm_buf_put(out, dgm_str_head(at->name, POINTER_BYTES_MAX));
    else
        dgm_buf_put_int(out, (int64_t)at->index);
}

void schema_note(struct schema_job *job, struct dgm_str what, const struct schema_at *at)
{
    char text[2 * POINTER_BYTES_MAX];
    struct dgm_buf pointer = {.p = text, .cap = sizeof text, .max = sizeof text};
    const struct chat_notes *notes = job->r->notes;
    if (job->quiet || (notes && notes[DGM_NOTE_SCHEMA].n == NOTES_MAX))
        return;
    dgm_buf_put(&pointer, dgm_str_head(what, POINTER_BYTES_MAX));
    if (at)
        dgm_buf_put_lit(&pointer, " at ");
    put_pointer(&pointer, at);
    chat_note(job->r, DGM_NOTE_SCHEMA,
              (struct dgm_str[4]){job->label, DGM_STR(": "), dgm_buf_str(&pointer)});
}

void schema_refuse_ref(struct schema_job *job, struct dgm_str ref, const struct schema_at *at)
{
    char text[3 * POINTER_BYTES_MAX];
    struct dgm_buf where = {.p = text, .cap = sizeof text - 1, .max = sizeof text - 1};
    dgm_buf_put(&where, dgm_str_head(ref, POINTER_BYTES_MAX));
    dgm_buf_put_lit(&where, " at ");
    if (!at)
        dgm_buf_put_lit(&where, "its root");
    put_pointer(&where, at);
    text[where.n] = '\0';
    chat_refuse(job->r, DGM_ERR_VALUE, job->place, " has a $ref that leads nowhere: ", text, ".");
}

/* ---- $ref ---- */

static const struct json_val *get(struct schema_job *job, const struct json_val *v,
                                  struct dgm_str name)
{
    schema_spend(job, 1 + json_size(v));
    return json_get(v, name);
}

/* One step of a pointer, its escapes undone: "~1" and "~0" (RFC 6901), "%20" as in any URI. */
static struct dgm_str unescape(struct dgm_str piece, char room[PIECE_BYTES_MAX])
{
    struct dgm_buf out = {.p = room, .cap = PIECE_BYTES_MAX, .max = PIECE_BYTES_MAX};
    if (dgm_str_find_char(piece, '~') == piece.n && dgm_str_find_char(piece, '%') == piece.n)
        return piece;
    for (size_t i = 0; i < piece.n; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *high =
            i + 2 < piece.n && piece.p[i + 1] ? strchr(digits, piece.p[i + 1]) : NULL;
        const char *low = high && piece.p[i + 2] ? strchr(digits, piece.p[i + 2]) : NULL;
        if (piece.p[i] == '~' && i + 1 < piece.n) {
            dgm_buf_put_char(&out, piece.p[++i] == '1' ? '/' : '~');
        } else if (piece.p[i] == '%' && low) {
            size_t h = (size_t)(high - digits), l = (size_t)(low - digits);
            dgm_buf_put_char(&out, (char)((h > 15 ? h - 6 : h) * 16 + (l > 15 ? l - 6 : l)));
            i += 2;
        } else {
            dgm_buf_put_char(&out, piece.p[i]);
        }
    }
    return dgm_buf_str(&out);
}

static const struct json_val *follow(struct schema_job *job, struct dgm_str pointer)
{
    const struct json_val *v = job->root;
    struct dgm_str piece;
    char room[PIECE_BYTES_MAX];
    uint64_t index;
    while (v && dgm_str_split(&pointer, '/', &piece)) {
        struct dgm_str step = unescape(piece, room);
        if (json_kind(v) != JSON_ARR) {
            v = get(job, v, step);
            continue;
        }
        schema_spend(job, 1 + json_size(v));
        v = dgm_str_u64(step, &index) ? json_at(v, (size_t)index) : NULL;
    }
    return v;
}

static const struct json_val *find_anchor(struct schema_job *job, struct dgm_str anchor)
{
    static const struct dgm_str maps[] = {DGM_STR("$defs"), DGM_STR("definitions")};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct json_iter it = json_iter(get(job, job->root, maps[i]));
        while (json_next(&it))
            if (dgm_str_eq(json_str(get(job, it.value, DGM_STR("$anchor"))), anchor))
                return it.value;
    }
    return NULL;
}

const struct json_val *schema_resolve(struct schema_job *job, struct dgm_str ref)
{
    struct dgm_str id = json_str(get(job, job->root, DGM_STR("$id")));
    schema_spend(job, ref.n / SCHEMA_WORK_BYTES);
    if (id.n != 0 && dgm_str_starts(ref, id)) /* its own name before the "#", or alone */
        ref = ref.n == id.n ? DGM_STR("#") : dgm_str_skip(ref, id.n);
    if (!dgm_str_starts(ref, DGM_STR("#")))
        return NULL;
    ref = dgm_str_skip(ref, 1);
    if (ref.n == 0)
        return job->root;
    return ref.p[0] == '/' ? follow(job, dgm_str_skip(ref, 1)) : find_anchor(job, ref);
}

/* ---- JSON Schema as it is ---- */

static void look(struct schema_job *, const struct json_val *, const struct schema_at *);

/* Looks at the schemas inside of a keyword's value. */
static void look_inside(struct schema_job *job, enum keyword_inside inside,
                        const struct json_val *v, const struct schema_at *at)
{
    struct json_iter it = json_iter(v);
    if (inside == SCHEMA || (inside == EITHER && json_kind(v) == JSON_OBJ)) {
        look(job, v, at);
        return;
    }
    while (inside != NOTHING && json_next(&it))
        look(job, it.value, it.name.p ? AT_MEMBER(at, it.name) : AT_ELEMENT(at, it.index));
}

static void look_ref(struct schema_job *job, const struct json_val *v, const struct schema_at *at)
{
    struct dgm_str ref = json_get_str(v, DGM_STR("$ref"));
    struct json_iter it = json_iter(v);
    bool alone = true;
    if (!ref.p)
        return;
    if (!schema_is_spent(job) && !schema_resolve(job, ref))
        schema_refuse_ref(job, ref, at);
    while (alone && at && json_next(&it))
        alone = dgm_str_starts(it.name, DGM_STR("$"));
    if (!alone) /* Google: nothing may stand there */
        schema_note(job, DGM_STR("members beside $ref"), at);
}

/* Google lists enums of strings and of numbers. */
static void look_enum(struct schema_job *job, const struct json_val *values,
                      const struct schema_at *at)
{
    struct json_iter it = json_iter(values);
    bool odd = false;
    while (!odd && json_next(&it))
        odd = json_kind(it.value) != JSON_STR && json_kind(it.value) != JSON_NUM;
    if (odd)
        schema_note(job, DGM_STR("enum"), at);
}

/* Notes what Gemini does not heed, outermost first; of what stands inside only the $refs count. */
static void look(struct schema_job *job, const struct json_val *v, const struct schema_at *at)
{
    struct json_iter it = json_iter(json_kind(v) == JSON_OBJ ? v : NULL);
    look_ref(job, v, at);
    while (job->r->rc == DGM_OK && json_next(&it)) {
        enum keyword_id id = schema_keyword(it.name);
        bool quiet = job->quiet;
        if (id == KEYWORDS) {
            if (!schema_is_extension(it.name))
                schema_note(job, it.name, at);
            continue;
        }
        if (id == KEY_ENUM)
            look_enum(job, it.value, at);
        if (schema_keywords[id].json == JSON_LOST) {
            schema_note(job, it.name, at);
            job->quiet = true;
        }
        look_inside(job, schema_keywords[id].inside, it.value, AT_MEMBER(at, it.name));
        job->quiet = quiet;
    }
}

/* ---- public ---- */

bool schema_is_sound(struct dgm_request *r, const struct json_val *v, unsigned levels,
                     const struct chat_place *place)
{
    struct json_iter it = json_iter(v);
    struct dgm_str twice;
    bool container = json_kind(v) == JSON_OBJ || json_kind(v) == JSON_ARR;
    r->schema_objects += json_kind(v) == JSON_OBJ;
    if (container && levels == 0) {
        chat_refuse(r, DGM_ERR_BODY_DEPTH, place, " is nested too deeply to be sent.");
        return false;
    }
    if (json_twice(v, &r->arena, &twice) != DGM_OK) {
        chat_no_memory(r);
        return false;
    }
    if (twice.p) {
        chat_refuse(r, DGM_ERR_BODY_TWICE, place, " has an object in which a name stands twice.");
        return false;
    }
    while (json_next(&it))
        if (!schema_is_sound(r, it.value, levels - 1, place))
            return false;
    return true;
}

/* Whether a schema is written in OpenAPI's words, which JSON Schema does not have: "STRING", nullable. */
static bool speaks_openapi(const struct json_val *v)
{
    struct json_iter it = json_iter(json_kind(v) == JSON_OBJ ? v : NULL);
    while (json_next(&it)) {
        enum keyword_id id = schema_keyword(it.name);
        struct dgm_str text = json_str(it.value);
        if (id == KEY_TYPE && text.n != 0 && text.p[0] >= 'A' && text.p[0] <= 'Z')
            return true;
        if (id == KEY_NULLABLE && json_bool(it.value, false))
            return true;
        enum keyword_inside inside = id == KEYWORDS ? NOTHING : schema_keywords[id].inside;
        if (inside == SCHEMA || (inside == EITHER && json_kind(it.value) == JSON_OBJ)) {
            if (speaks_openapi(it.value))
                return true;
            continue;
        }
        struct json_iter in = json_iter(inside == NOTHING ? NULL : it.value);
        while (json_next(&in))
            if (speaks_openapi(in.value))
                return true;
    }
    return false;
}

enum schema_form schema_form(const struct dgm_request *r, const struct json_val *schema)
{
    bool plain = tries_has(r, DGM_TRY_SCHEMA_PLAIN) && !tries_has(r, DGM_TRY_SCHEMA_TOLD);
    return r->model.can & CAN_JSON_SCHEMA && !plain && !speaks_openapi(schema) ? SCHEMA_JSON
                                                                               : SCHEMA_SUBSET;
}

bool schema_is_told(const struct schema_job *job, enum keyword_id id, const struct json_val *v)
{
    if (!job->plain || !v)
        return false;
    if (id == KEY_ENUM)
        return json_size(v) > ENUM_VALUES_PLAIN;
    return id == KEY_FORMAT || id == KEY_PATTERN || schema_keywords[id].subset == SUBSET_NUMBER ||
           schema_keywords[id].subset == SUBSET_COUNT;
}

static void put_kind(struct json_writer *w, unsigned kind, enum schema_form form)
{
    for (size_t i = 0; i < sizeof kind_words / sizeof *kind_words; i++) {
        char word[16];
        struct dgm_str name = kind_words[i].name;
        if (kind_words[i].kind != kind)
            continue;
        for (size_t k = 0; k < name.n && k < sizeof word; k++)
            word[k] = (char)(form == SCHEMA_JSON ? name.p[k] | 0x20 : name.p[k] & ~0x20);
        json_member_str(w, "type", ((struct dgm_str){word, name.n}));
        return;
    }
}

/*
 * Any value of the schema's kind, with the schema in its description: what a model that finds it too large may still
 * read (user-pain B2).
 */
static void put_told(struct schema_job *job, struct json_writer *w, enum schema_form form,
                     bool object)
{
    struct dgm_request *r = job->r;
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), TOLD_BYTES_MAX);
    struct json_writer whole = json_writer(&text);
    json_put_val(&whole, job->root);
    if (text.rc == DGM_E_NOMEM)
        chat_no_memory(r);
    unsigned kind = schema_kind(json_get_str(job->root, DGM_STR("type")));
    json_open_obj(w);
    put_kind(w, object || kind == 0 || kind == K_NULL ? K_OBJECT : kind, form);
    if (kind == K_ARRAY && !object && form == SCHEMA_SUBSET) { /* which wants items */
        const struct json_val *items = json_get(job->root, DGM_STR("items"));
        kind = schema_kind(json_get_str(items, DGM_STR("type")));
        json_put_name(w, "items");
        json_open_obj(w);
        put_kind(w, kind == 0 || kind == K_ARRAY || kind == K_NULL ? K_STRING : kind, form);
        json_close_obj(w);
    }
    if (text.rc == DGM_OK) {
        json_put_name(w, "description");
        json_open_str(w);
        json_add_str(w, DGM_STR("It must keep to this JSON Schema: "));
        json_add_str(w, dgm_buf_str(&text));
        json_close_str(w);
    }
    json_close_obj(w);
    schema_note(job,
                text.rc == DGM_OK ? DGM_STR("all of it is told in its description")
                                  : DGM_STR("all of it is too long to be told in its description"),
                NULL);
}

static void warn_of_tries(struct dgm_request *r, struct dgm_str label)
{
    struct dgm_str member =
        dgm_str_eq(label, DGM_STR("response_format")) ? label : DGM_STR("tools");
    if (tries_has(r, DGM_TRY_SCHEMA_TOLD))
        tries_warn(r, DGM_TRY_SCHEMA_TOLD, member);
    else if (tries_has(r, DGM_TRY_SCHEMA_PLAIN))
        tries_warn(r, DGM_TRY_SCHEMA_PLAIN, member);
}

static void put(struct dgm_request *r, struct json_writer *w, const struct json_val *schema,
                enum schema_form form, struct dgm_str label, const struct chat_place *place,
                bool object)
{
    struct schema_job job = {.r = r, .root = schema, .label = label, .place = place};
    bool fine =
        chat_expect(r, schema, J_OBJ, place) &&
        schema_is_sound(r, schema, form == SCHEMA_JSON ? SCHEMA_DEPTH_MAX : JSON_DEPTH_MAX, place);
    job.work = r->schema_spent;
    job.work_max = SCHEMA_WORK_FLOOR + r->schema_objects * SCHEMA_WORK_OBJECT;
    if (job.work_max > SCHEMA_WORK_MAX)
        job.work_max = SCHEMA_WORK_MAX;
    job.plain = tries_has(r, DGM_TRY_SCHEMA_PLAIN);
    if (r->tries && fine)
        warn_of_tries(r, label);
    if (fine && tries_has(r, DGM_TRY_SCHEMA_TOLD)) {
        put_told(&job, w, form, object);
    } else if (fine && form == SCHEMA_SUBSET) {
        schema_put_subset(&job, w, object);
    } else {
        if (fine)
            look(&job, schema, NULL);
        json_put_val(w, r->rc == DGM_OK ? schema : NULL); /* a key waits for it, whatever comes */
    }
    r->schema_spent = job.work;
}

void schema_put(struct dgm_request *r, struct json_writer *w, const struct json_val *schema,
                enum schema_form form, struct dgm_str label, const struct chat_place *place)
{
    put(r, w, schema, form, label, place, false);
}

void schema_put_parameters(struct dgm_request *r, struct json_writer *w,
                           const struct json_val *schema, enum schema_form form,
                           struct dgm_str label, const struct chat_place *place)
{
    put(r, w, schema, form, label, place, true);
}

bool schema_is_object(const struct json_val *schema)
{
    const struct json_val *type = json_get(schema, DGM_STR("type"));
    if (type)
        return schema_kind(json_str(type)) == K_OBJECT;
    return json_size(json_get(schema, DGM_STR("properties"))) != 0;
}

bool schema_is_empty(const struct json_val *schema)
{
    struct json_iter it = json_iter(schema);
    while (json_next(&it)) {
        enum keyword_id id = schema_keyword(it.name);
        if (id == KEYWORDS || json_kind(it.value) == JSON_NULL)
            continue;
        const struct keyword *k = &schema_keywords[id];
        bool open = id == KEY_ADDITIONAL_PROPERTIES && json_bool(it.value, true);
        bool other = id == KEY_TYPE && schema_kind(json_str(it.value)) != K_OBJECT;
        bool filled = id == KEY_PROPERTIES && json_size(it.value) != 0;
        bool merged = k->subset == SUBSET_LAYER || k->subset == SUBSET_CHOICE;
        if (open || other || filled || merged || id == KEY_PATTERN_PROPERTIES)
            return false;
    }
    return true;
}
