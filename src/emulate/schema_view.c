/* SPDX-License-Identifier: Apache-2.0 */
/* schema_view.c - what a schema says of one value. */
#include "emulate/schema_view.h"

#include "base/str.h"

#define DEPTH_MAX 24 /* below, what is asked for has no finite instance, or a silly one */
#define WORK_MAX (1u << 20)

bool emu_view_is_deep(const struct faker *f, unsigned depth)
{
    return depth >= SCHEMA_DEPTH_ALL || f->work >= WORK_MAX;
}

bool emu_view_is_over(const struct faker *f, unsigned depth)
{
    return depth >= DEPTH_MAX || f->work >= 2 * WORK_MAX;
}

/* One step of a JSON pointer: ~0 and ~1 undone (RFC 6901); no name of a schema is longer than the room. */
static const struct json_val *step(struct faker *f, const struct json_val *v, struct dgm_str piece)
{
    char name[256];
    uint64_t index;
    size_t n = 0;
    f->work += (unsigned)json_size(v);
    if (json_kind(v) == JSON_ARR)
        return dgm_str_u64(piece, &index) && index < json_size(v) ? json_at(v, (size_t)index)
                                                                  : NULL;
    for (size_t i = 0; i < piece.n && n < sizeof name; i++, n++) {
        bool escaped = piece.p[i] == '~' && i + 1 < piece.n;
        name[n] = !escaped ? piece.p[i] : piece.p[i + 1] == '1' ? '/' : '~';
        i += escaped;
    }
    return json_get(v, (struct dgm_str){name, n});
}

/* "#", "#/$defs/Pet" and Vertex's "#/defs/Pet". */
static const struct json_val *resolve(struct faker *f, struct dgm_str ref)
{
    const struct json_val *v = f->root;
    struct dgm_str piece;
    if (!dgm_str_split(&ref, '/', &piece) || !dgm_str_eq(piece, DGM_STR("#")))
        return NULL;
    while (v && dgm_str_split(&ref, '/', &piece))
        v = step(f, v, piece);
    return v;
}

static struct dgm_str ref_of(const struct json_val *schema)
{
    struct dgm_str ref = json_get_str(schema, DGM_STR("$ref"));
    return ref.p ? ref : json_get_str(schema, DGM_STR("ref"));
}

/* The alternative to take: a deep value had better be null or plain, any other something. */
static const struct json_val *choose(const struct json_val *options, bool deep)
{
    const struct json_val *best = NULL;
    int best_score = -1;
    for (struct ask_list l = emu_ask_list(options);
         emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;) {
        struct dgm_str type = json_get_str(l.value, DGM_STR("type"));
        bool null = dgm_str_eq_nocase(type, DGM_STR("null"));
        bool plain = type.p && !dgm_str_eq_nocase(type, DGM_STR("object")) &&
                     !dgm_str_eq_nocase(type, DGM_STR("array"));
        int score = null ? (deep ? 3 : 0) : plain && deep ? 2 : 1;
        if (score > best_score) {
            best_score = score;
            best = l.value;
        }
    }
    return best;
}

/* What holds if something else does is made to hold, and that too: the condition and what follows from it. */
static void add_conditions(struct view *v, const struct json_val *s)
{
    const struct json_val *condition = json_get(s, DGM_STR("if")),
                          *then = json_get(s, DGM_STR("then"));
    if (condition && (then || json_get(s, DGM_STR("else")))) {
        if (v->n < SCHEMA_LAYERS_MAX)
            v->layers[v->n++] = condition;
        if (then && v->n < SCHEMA_LAYERS_MAX)
            v->layers[v->n++] = then;
    }
    struct json_iter i = json_iter(json_get(s, DGM_STR("dependentSchemas")));
    while (json_next(&i) && v->n < SCHEMA_LAYERS_MAX)
        v->layers[v->n++] = i.value;
}

void emu_view_add(struct faker *f, struct view *v, const struct json_val *schema, bool deep)
{
    size_t done = v->n;
    if (!schema || v->n == SCHEMA_LAYERS_MAX)
        return;
    v->layers[v->n++] = schema;
    for (; done < v->n; done++) { /* breadth first: what stands near counts most */
        const struct json_val *s = v->layers[done];
        struct dgm_str ref = ref_of(s);
        const struct json_val *more[] = {
            ref.p ? resolve(f, ref) : NULL,
            choose(json_get(s, DGM_STR("anyOf")), deep),
            choose(json_get(s, DGM_STR("any_of")), deep),
            choose(json_get(s, DGM_STR("oneOf")), deep),
        };
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
            if (more[i] && v->n < SCHEMA_LAYERS_MAX)
                v->layers[v->n++] = more[i];
        add_conditions(v, s);
        for (struct ask_list l = emu_ask_list(json_get(s, DGM_STR("allOf")));
             emu_ask_next(&l) && v->n < SCHEMA_LAYERS_MAX;)
            v->layers[v->n++] = l.value;
        f->work++;
    }
}

struct view emu_view_of(struct faker *f, const struct json_val *schema, bool deep)
{
    struct view v = {.n = 0};
    emu_view_add(f, &v, schema, deep);
    return v;
}

const struct json_val *emu_view_get(const struct view *v, struct dgm_str camel)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *found = emu_ask_get(v->layers[i], camel);
        if (found)
            return found;
    }
    return NULL;
}

bool emu_type_is(struct dgm_str type, const char *name)
{
    return dgm_str_eq_nocase(type, dgm_str_c(name));
}

/* As JSON Schema compares scalars; containers differ, as far as this looks. */
static bool is_same(const struct json_val *a, const struct json_val *b)
{
    int64_t i, k;
    if (!a || !b || json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_STR:
        return dgm_str_eq(json_str(a), json_str(b));
    case JSON_NUM:
        return json_int(a, &i) && json_int(b, &k) ? i == k : dgm_str_eq(json_num(a), json_num(b));
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    default:
        return json_kind(a) == JSON_NULL;
    }
}

static bool forbids_type(const struct view *v, const char *type)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *said =
            json_get(json_get(v->layers[i], DGM_STR("not")), DGM_STR("type"));
        for (struct ask_list l = emu_ask_list(said); emu_ask_next(&l);)
            if (emu_type_is(json_str(l.value), type))
                return true;
    }
    return false;
}

struct dgm_str emu_view_type(const struct view *v)
{
    const struct json_val *type = emu_view_member(v, "type");
    for (struct ask_list l = emu_ask_list(type); emu_ask_next(&l);)
        if (!emu_type_is(json_str(l.value), "null"))
            return json_str(l.value);
    if (type)
        return DGM_STR("null");
    if (emu_view_member(v, "properties") || emu_view_member(v, "additionalProperties") ||
        emu_view_member(v, "required") || emu_view_member(v, "patternProperties") ||
        emu_view_member(v, "minProperties"))
        return DGM_STR("object");
    if (emu_view_member(v, "items") || emu_view_member(v, "prefixItems") ||
        emu_view_member(v, "minItems"))
        return DGM_STR("array");
    if (emu_view_member(v, "minimum") || emu_view_member(v, "maximum") ||
        emu_view_member(v, "multipleOf") || emu_view_member(v, "exclusiveMinimum") ||
        emu_view_member(v, "exclusiveMaximum"))
        return DGM_STR("number");
    return forbids_type(v, "string") ? DGM_STR("integer") : DGM_STR("string");
}

bool emu_view_forbids(const struct view *v, const struct json_val *value)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *not = json_get(v->layers[i], DGM_STR("not"));
        if (is_same(json_get(not, DGM_STR("const")), value))
            return true;
        for (struct ask_list l = emu_ask_list(json_get(not, DGM_STR("enum")));
             emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
            if (is_same(l.value, value))
                return true;
    }
    return false;
}

bool emu_view_forbids_str(const struct view *v, struct dgm_str text)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *not = json_get(v->layers[i], DGM_STR("not"));
        if (json_str(json_get(not, DGM_STR("const"))).p &&
            dgm_str_eq(json_get_str(not, DGM_STR("const")), text))
            return true;
        for (struct ask_list l = emu_ask_list(json_get(not, DGM_STR("enum")));
             emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
            if (json_str(l.value).p && dgm_str_eq(json_str(l.value), text))
                return true;
    }
    return false;
}

bool emu_view_forbids_number(const struct view *v, struct dgm_str text)
{
    int64_t wanted, other;
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *not = json_get(v->layers[i], DGM_STR("not"));
        if (!dgm_str_i64(text, &wanted))
            return false;
        if (json_int(json_get(not, DGM_STR("const")), &other) && other == wanted)
            return true;
        for (struct ask_list l = emu_ask_list(json_get(not, DGM_STR("enum")));
             emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
            if (json_int(l.value, &other) && other == wanted)
                return true;
    }
    return false;
}

bool emu_view_forbids_name(const struct view *v, struct dgm_str name)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *names =
            json_get(json_get(v->layers[i], DGM_STR("not")), DGM_STR("required"));
        if (json_size(names) != 0 && dgm_str_eq(json_str(json_at(names, 0)), name))
            return true;
    }
    return false;
}

bool emu_view_may_be_null(const struct view *v)
{
    for (struct ask_list l = emu_ask_list(emu_view_member(v, "type")); emu_ask_next(&l);)
        if (emu_type_is(json_str(l.value), "null"))
            return true;
    return json_bool(emu_view_member(v, "nullable"), false);
}

size_t emu_view_at_least(const struct view *v, struct dgm_str name, size_t ceiling)
{
    size_t most = 0;
    int64_t i;
    for (size_t k = 0; k < v->n; k++)
        if (emu_ask_int(emu_ask_get(v->layers[k], name), &i) && i > 0 && (uint64_t)i > most)
            most = (uint64_t)i < ceiling ? (size_t)i : ceiling;
    return most;
}

size_t emu_view_at_most(const struct view *v, struct dgm_str name, size_t ceiling)
{
    size_t least = ceiling;
    int64_t i;
    for (size_t k = 0; k < v->n; k++)
        if (emu_ask_int(emu_ask_get(v->layers[k], name), &i) && i >= 0 && (uint64_t)i < least)
            least = (size_t)i;
    return least;
}
