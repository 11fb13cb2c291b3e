/* SPDX-License-Identifier: Apache-2.0 */
/* schema_object.c - objects: members that are named, required, or of a map. */
#include "emulate/schema_put.h"

#include "base/str.h"
#include "emulate/pattern.h"

/* So many members passed over by a lookup cost as much as a look at a name. */
#define LOOKUPS_A_STEP 16

/* The lists of names that one schema requires: its own, and those that come with a member. `*at` is where the walk is. */
struct required_walk {
    size_t n;
    struct json_iter dependent;
};

static const struct json_val *next_required(struct faker *f, const struct json_val *schema,
                                            struct required_walk *at)
{
    f->work++;
    if (emu_view_is_over(f, 0))
        return NULL;
    if (at->n++ == 0) {
        f->work += (unsigned)(json_size(schema) / LOOKUPS_A_STEP);
        const struct json_val *map = json_get(schema, DGM_STR("dependentRequired"));
        at->dependent = json_iter(map ? map : json_get(schema, DGM_STR("dependencies")));
        const struct json_val *own = emu_ask_member(schema, "required");
        if (own)
            return own;
    }
    for (; json_next(&at->dependent); f->work++)
        if (json_kind(at->dependent.value) == JSON_ARR)
            return at->dependent.value;
    return NULL;
}

static bool is_required(struct faker *f, const struct view *v, struct dgm_str name)
{
    const struct json_val *names;
    for (size_t i = 0; i < v->n; i++)
        for (struct required_walk at = {0}; (names = next_required(f, v->layers[i], &at)) != NULL;)
            for (struct ask_list l = emu_ask_list(names);
                 emu_ask_next(&l) && !emu_view_is_over(f, 0); f->work++)
                if (dgm_str_eq(json_str(l.value), name))
                    return true;
    return false;
}

/* Whether another layer, or another list of the same one, required a name before. */
static bool was_required(struct faker *f, const struct view *v, size_t layer,
                         const struct json_val *list, struct dgm_str name)
{
    const struct json_val *names;
    for (size_t i = 0; i <= layer; i++)
        for (struct required_walk at = {0};
             (names = next_required(f, v->layers[i], &at)) != NULL;) {
            if (i == layer && names == list)
                return false;
            for (struct ask_list l = emu_ask_list(names);
                 emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
                if (dgm_str_eq(json_str(l.value), name))
                    return true;
        }
    return false;
}

/* Whether one of the first `n` layers has a property of that name. */
static bool has_property(struct faker *f, const struct view *v, size_t n, struct dgm_str name)
{
    for (size_t i = 0; i < n; i++) {
        const struct json_val *all = emu_ask_member(v->layers[i], "properties");
        f->work += (unsigned)json_size(all);
        if (json_get(all, name))
            return true;
    }
    return false;
}

/* `schema` is what the layer before `next` says of it; later ones may say more. */
static void put_member(struct faker *f, const struct view *v, size_t next, struct dgm_str name,
                       const struct json_val *schema, const struct spot *at)
{
    bool deep = emu_view_is_deep(f, at->depth + 1);
    struct view property = emu_view_of(f, schema, deep);
    for (size_t i = next; i < v->n; i++) {
        const struct json_val *all = emu_ask_member(v->layers[i], "properties");
        f->work += (unsigned)json_size(all);
        emu_view_add(f, &property, json_get(all, name), deep);
    }
    json_put_key(f->w, name);
    emu_schema_put_value(f, &property,
                         (struct spot){.name = name, .depth = at->depth + 1, .up = at});
}

static bool is_listed(const struct json_val *names, struct dgm_str name)
{
    for (struct ask_list l = emu_ask_list(names); emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
        if (dgm_str_eq(json_str(l.value), name))
            return true;
    return false;
}

/* The members that the schema names. Returns how many. */
static size_t put_named(struct faker *f, const struct view *v, const struct spot *at)
{
    unsigned depth = at->depth;
    const struct json_val *order = emu_view_member(v, "propertyOrdering");
    bool all = !emu_view_is_deep(f, depth) && !emu_view_member(v, "maxProperties");
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(order);
         emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;) {
        struct dgm_str name = json_str(l.value);
        if (!has_property(f, v, v->n, name) || (!all && !is_required(f, v, name)))
            continue;
        put_member(f, v, 0, name, NULL, at);
        n++;
    }
    for (size_t k = 0; k < v->n; k++) {
        struct json_iter i = json_iter(emu_ask_member(v->layers[k], "properties"));
        while (json_next(&i) && !emu_view_is_over(f, depth)) {
            bool wanted =
                (all && !emu_view_is_deep(f, depth) && !emu_view_forbids_name(v, i.name)) ||
                is_required(f, v, i.name);
            if (!wanted || is_listed(order, i.name) || has_property(f, v, k, i.name))
                continue;
            put_member(f, v, k + 1, i.name, i.value, at);
            n++;
        }
    }
    return n;
}

/* A name that is not among the properties: what the schema says of such, else "emulated", "emulated2", ... */
static void put_key(struct faker *f, const struct view *v, size_t number)
{
    char room[PATTERN_MAX_BYTES];
    struct dgm_str name = {0};
    struct json_iter patterns = json_iter(emu_view_member(v, "patternProperties"));
    const struct json_val *names = emu_view_member(v, "propertyNames");
    if (number == 0 && json_next(&patterns))
        name = emu_pattern_make(room, patterns.name, 1);
    if (!name.p && emu_ask_member(names, "enum"))
        name = json_str(emu_ask_at(emu_ask_member(names, "enum"), number));
    if (!name.p && json_get_str(names, DGM_STR("pattern")).p)
        name = emu_pattern_make(room, json_get_str(names, DGM_STR("pattern")), 1 + number);
    if (name.p) {
        json_put_key(f->w, name);
        return;
    }
    char text[16] = "emulated";
    size_t n = 8, unit = 1000;
    for (; number != 0 && unit != 0; unit /= 10)
        if (number + 1 >= unit && n < sizeof text)
            text[n++] = (char)('0' + (number + 1) / unit % 10);
    json_put_key(f->w, (struct dgm_str){text, n});
}

/* Those of a list that are no properties, and that nobody required before. Returns how many. */
static size_t put_required(struct faker *f, const struct view *v, size_t layer,
                           const struct json_val *names, const struct json_val *schema,
                           const struct spot *at)
{
    unsigned depth = at->depth;
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(names);
         emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX && !emu_view_is_over(f, depth);) {
        struct dgm_str name = json_str(l.value);
        if (!name.p || has_property(f, v, v->n, name) || was_required(f, v, layer, names, name))
            continue;
        struct view other = emu_view_of(f, schema, emu_view_is_deep(f, depth + 1));
        json_put_key(f->w, name);
        emu_schema_put_value(f, &other, (struct spot){.name = name, .depth = depth + 1, .up = at});
        n++;
    }
    return n;
}

/* Members beyond those of `properties`: what is required, what makes up the number, one to show a map. */
static void put_others(struct faker *f, const struct view *v, size_t n, const struct spot *at)
{
    unsigned depth = at->depth;
    const struct json_val *others = emu_view_member(v, "additionalProperties");
    struct json_iter patterns = json_iter(emu_view_member(v, "patternProperties"));
    size_t min = emu_view_at_least(v, DGM_STR("minProperties"), SCHEMA_ITEMS_MAX);
    bool closed = json_kind(others) == JSON_BOOL && !json_bool(others, true);
    if (json_next(&patterns))
        others = patterns.value;
    bool map = json_kind(others) == JSON_OBJ;
    for (size_t k = 0; k < v->n; k++) {
        const struct json_val *names;
        for (struct required_walk lists = {0};
             (names = next_required(f, v->layers[k], &lists)) != NULL;)
            n += put_required(f, v, k, names, map ? others : NULL, at);
    }
    if (n == 0 && min == 0 && map && !emu_view_is_deep(f, depth) &&
        emu_view_at_most(v, DGM_STR("maxProperties"), SCHEMA_ITEMS_MAX) != 0)
        min = 1;
    if (closed && !map)
        return;
    for (size_t i = 0; n < min && !emu_view_is_over(f, depth); i++, n++) {
        struct view other = emu_view_of(f, map ? others : NULL, emu_view_is_deep(f, depth + 1));
        put_key(f, v, i);
        emu_schema_put_value(f, &other, (struct spot){.depth = depth + 1, .up = at});
    }
}

void emu_schema_put_object(struct faker *f, const struct view *v, const struct spot *at)
{
    const struct json_val *given = emu_schema_example(v, DGM_STR("object"), at->index);
    if (given) {
        json_put_val(f->w, given);
        return;
    }
    json_open_obj(f->w);
    if (!emu_view_is_over(f, at->depth))
        put_others(f, v, put_named(f, v, at), at);
    json_close_obj(f->w);
}
