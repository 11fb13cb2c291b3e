/* SPDX-License-Identifier: Apache-2.0 */
/* schema_layers.c - what all the schemas that speak of one value say of it together: its layers, its types. */
#include "translate/schema_subset.h"

#include "base/str.h"

#define LOOKUP_WORK 16 /* to find a keyword or a type by its name */

/* ---- budgets ---- */

bool subset_is_over(const struct subset *s)
{
    return s->nodes > s->nodes_max || schema_is_spent(s->job) || s->out.rc != DGM_OK ||
           s->text.rc != DGM_OK || s->job->r->rc != DGM_OK;
}

const struct json_val *subset_get(struct subset *s, const struct json_val *v, struct dgm_str name)
{
    schema_spend(s->job, 1 + json_size(v));
    return json_get(v, name);
}

/* ---- layers ---- */

static unsigned times_on_trail(struct subset *s, const struct node *n,
                               const struct json_val *target)
{
    unsigned times = 0;
    for (const struct trail *t = n->up; t; t = t->up) {
        times += t->target == target;
        schema_spend(s->job, 1);
    }
    return times;
}

static void gather_ref(struct subset *s, struct node *n, const struct json_val *v,
                       const struct schema_at *at)
{
    const struct json_val *ref = subset_get(s, v, DGM_STR("$ref"));
    if (json_kind(ref) != JSON_STR)
        return;
    const struct json_val *target = schema_resolve(s->job, json_str(ref));
    if (!target) {
        schema_refuse_ref(s->job, json_str(ref), at);
        return;
    }
    if (times_on_trail(s, n, target) >= s->recursion) {
        n->cut = target;
        s->cuts++;
        schema_note(s->job, DGM_STR("recursion"), at);
        return;
    }
    if (n->trail_n < LAYERS_MAX) {
        n->trail[n->trail_n] = (struct trail){.up = n->up, .target = target};
        n->up = &n->trail[n->trail_n++];
    }
    subset_gather(s, n, target, at);
}

void subset_gather(struct subset *s, struct node *n, const struct json_val *v,
                   const struct schema_at *at)
{
    n->never = n->never || !json_bool(v, true);
    schema_spend(s->job, 1 + n->n);
    if (json_kind(v) != JSON_OBJ || subset_is_over(s))
        return;
    for (size_t i = 0; i < n->n; i++)
        if (n->layer[i] == v)
            return;
    if (n->n == LAYERS_MAX) {
        schema_note(s->job, DGM_STR("allOf"), at);
        return;
    }
    n->layer[n->n++] = v;
    gather_ref(s, n, v, at);
    struct json_iter it = json_iter(subset_get(s, v, DGM_STR("allOf")));
    while (json_next(&it))
        subset_gather(s, n, it.value, at);
}

void subset_start(struct subset *s, struct node *n, const struct trail *up,
                  const struct json_val *v, const struct schema_at *at)
{
    *n = (struct node){.up = up, .loose = LAYERS_MAX};
    subset_gather(s, n, v, at);
    n->own = n->n;
}

/* Whether two layers say the same, as far as it is easy to see. */
static bool is_same(const struct json_val *a, const struct json_val *b)
{
    if (json_kind(a) != json_kind(b))
        return false;
    if (json_kind(a) == JSON_BOOL)
        return json_bool(a, false) == json_bool(b, false);
    return json_str(a).p ? dgm_str_eq(json_str(a), json_str(b))
                         : json_num(a).p && dgm_str_eq(json_num(a), json_num(b));
}

/* What two layers may both have, each counting, or with nothing lost where the first counts. */
static bool is_shared(enum keyword_id id)
{
    enum keyword_subset subset = schema_keywords[id].subset;
    return subset == SUBSET_LAYER || subset == SUBSET_CHOICE || subset == SUBSET_MUTE ||
           subset == SUBSET_DESCRIPTION || subset == SUBSET_PROPERTIES ||
           subset == SUBSET_NULLABLE || subset == SUBSET_VALUE || id == KEY_REQUIRED ||
           id == KEY_TITLE || id == KEY_TYPE || id == KEY_ADDITIONAL_PROPERTIES ||
           id == KEY_PROPERTY_ORDERING;
}

void subset_scan(struct subset *s, struct node *n, const struct schema_at *at)
{
    for (enum keyword_id i = 0; i < KEYWORDS; i++)
        n->found[i] = NULL;
    for (size_t i = 0; i < n->n; i++) {
        struct json_iter it = json_iter(n->layer[i]);
        schema_spend(s->job, LOOKUP_WORK * json_size(n->layer[i]));
        while (json_next(&it)) {
            enum keyword_id id = schema_keyword(it.name);
            if (id == KEYWORDS) {
                if (!schema_is_extension(it.name))
                    schema_note(s->job, it.name, at);
                continue;
            }
            if (json_kind(it.value) == JSON_NULL && id != KEY_CONST)
                continue;
            if (!n->found[id])
                n->found[id] = it.value;
            else if (!is_shared(id) && !is_same(n->found[id], it.value))
                schema_note(s->job, it.name, at);
            n->nullable = n->nullable || (id == KEY_NULLABLE && json_bool(it.value, false));
        }
    }
}

/* ---- choices ---- */

bool subset_is_null(const struct json_val *v)
{
    const struct json_val *values = json_get(v, DGM_STR("enum"));
    return schema_kind(json_get_str(v, DGM_STR("type"))) == K_NULL ||
           json_kind(json_get(v, DGM_STR("const"))) == JSON_NULL ||
           (json_size(values) == 1 && json_kind(json_at(values, 0)) == JSON_NULL);
}

bool subset_is_minor(const struct json_val *choice)
{
    struct json_iter it = json_iter(choice);
    while (json_next(&it)) {
        struct json_iter in = json_iter(it.value);
        while (json_next(&in))
            if (!dgm_str_eq(in.name, DGM_STR("required")) && !dgm_str_eq(in.name, DGM_STR("not")))
                return false;
    }
    return true;
}

static bool is_done(const struct node *n, const struct json_val *choice)
{
    for (size_t i = 0; i < n->done_n; i++)
        if (n->done[i] == choice)
            return true;
    return false;
}

const struct json_val *subset_next_choice(struct subset *s, const struct node *n,
                                          struct dgm_str *ret)
{
    static const enum keyword_id ids[] = {KEY_ANY_OF, KEY_ONE_OF};
    for (size_t i = 0; i < n->n; i++)
        for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
            *ret = schema_keywords[ids[k]].name;
            const struct json_val *v = subset_get(s, n->layer[i], *ret);
            if (json_kind(v) == JSON_ARR && json_size(v) != 0 && !is_done(n, v))
                return v;
        }
    return NULL;
}

/* ---- types ---- */

/* The types that one schema says; 0: none. A number may be an integer. */
static unsigned kinds_of_layer(struct subset *s, const struct json_val *type,
                               const struct schema_at *at)
{
    struct json_iter it = json_iter(type);
    unsigned kinds = schema_kind(json_str(type));
    schema_spend(s->job, LOOKUP_WORK * json_size(type));
    bool odd = type && json_kind(type) != JSON_ARR && kinds == 0;
    while (json_next(&it)) {
        unsigned kind = schema_kind(json_str(it.value));
        kinds |= kind;
        odd = odd || kind == 0;
    }
    if (odd)
        schema_note(s->job, DGM_STR("type"), at);
    return kinds & K_NUMBER ? kinds | K_INTEGER : kinds;
}

unsigned subset_kinds_said(struct subset *s, struct node *n, const struct schema_at *at)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < n->n; i++) {
        const struct json_val *type = subset_get(s, n->layer[i], DGM_STR("type"));
        unsigned more = json_kind(type) == JSON_NULL ? 0 : kinds_of_layer(s, type, at);
        if (kinds && more && !(kinds & more))
            schema_note(s->job, DGM_STR("type"), at);
        else if (more)
            kinds = kinds ? kinds & more : more;
    }
    n->nullable = n->nullable || kinds & K_NULL;
    if (kinds == K_NULL)
        schema_note(s->job, DGM_STR("type null"), at);
    kinds &= ~(unsigned)K_NULL;
    return kinds & K_NUMBER ? kinds & ~(unsigned)K_INTEGER : kinds;
}

unsigned subset_kind_of(const struct json_val *v)
{
    int64_t i;
    switch (json_kind(v)) {
    case JSON_STR:
        return K_STRING;
    case JSON_NUM:
        return json_int(v, &i) ? K_INTEGER : K_NUMBER;
    case JSON_BOOL:
        return K_BOOLEAN;
    case JSON_ARR:
        return K_ARRAY;
    case JSON_OBJ:
        return K_OBJECT;
    default:
        return 0;
    }
}

static unsigned kind_of_values(const struct node *n)
{
    unsigned kinds = subset_kind_of(n->found[KEY_CONST]);
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    while (kinds == 0 && json_next(&it))
        kinds = subset_kind_of(it.value);
    return kinds;
}

unsigned subset_infer_kind(const struct node *n)
{
    unsigned kind = kind_of_values(n);
    for (enum keyword_id i = 0; kind == 0 && i < KEYWORDS; i++) {
        unsigned kinds = schema_keywords[i].kinds;
        if (!n->found[i] || i == KEY_FORMAT || kinds == K_ANY)
            continue;
        kind = kinds & K_NUMBER ? K_NUMBER : kinds;
    }
    return kind;
}
