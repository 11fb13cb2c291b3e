/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - a call's arguments as its schema declares them. */
#include "translate/args.h"
#include "translate/schema_parts.h"

#include "base/str.h"

#define SCHEMAS_MAX 16             /* that one value may have to do with */
#define WORK_MAX ((size_t)1 << 20) /* members looked at for one call */

/* All schemas that may describe a value: a schema, what it refers to, its alternatives. */
struct schemas {
    const struct json_val *of[SCHEMAS_MAX];
    unsigned n;
    bool unknown; /* and some that were not looked at, or take anything */
};

/* ---- schemas ---- */

/* json_get, whose time counts. */
static const struct json_val *get(struct schema_job *job, const struct json_val *v,
                                  struct dgm_str name)
{
    schema_spend(job, 1 + json_size(v));
    return json_get(v, name);
}

/* Recurses no deeper than SCHEMAS_MAX, for each level adds a schema: circles end there too. */
static void add_schema(struct schema_job *job, struct schemas *to, const struct json_val *v)
{
    static const struct dgm_str lists[] = {DGM_STR("anyOf"), DGM_STR("oneOf"), DGM_STR("allOf")};
    if (json_kind(v) != JSON_OBJ || to->n == SCHEMAS_MAX || schema_is_spent(job))
        to->unknown = true;
    if (to->unknown)
        return;
    to->of[to->n++] = v;
    struct dgm_str ref = json_str(get(job, v, DGM_STR("$ref")));
    if (ref.p)
        add_schema(job, to, schema_resolve(job, ref));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct json_iter it = json_iter(get(job, v, lists[i]));
        while (!to->unknown && json_next(&it))
            add_schema(job, to, it.value);
    }
}

/* What describes a member. */
static void add_member(struct schema_job *job, struct schemas *to, const struct json_val *v,
                       struct dgm_str name)
{
    const struct json_val *inner = get(job, get(job, v, DGM_STR("properties")), name);
    if (!inner)
        inner = get(job, v, DGM_STR("additionalProperties"));
    if (json_kind(inner) == JSON_OBJ || json_bool(inner, false))
        add_schema(job, to, inner);
}

/* What describes an element. An array of `items` is what prefixItems was before 2020-12. */
static void add_element(struct schema_job *job, struct schemas *to, const struct json_val *v,
                        size_t index)
{
    const struct json_val *items = get(job, v, DGM_STR("items"));
    const struct json_val *prefix = get(job, v, DGM_STR("prefixItems"));
    if (json_kind(items) == JSON_ARR)
        prefix = items;
    if (json_kind(prefix) == JSON_ARR && index < json_size(prefix)) {
        schema_spend(job, index);
        items = json_at(prefix, index);
    }
    if (json_kind(items) == JSON_OBJ || json_bool(items, false))
        add_schema(job, to, items);
}

static unsigned kinds(struct schema_job *job, const struct json_val *schema)
{
    const struct json_val *type = get(job, schema, DGM_STR("type"));
    unsigned bits = schema_kind(json_str(type));
    schema_spend(job, json_size(type));
    for (struct json_iter it = json_iter(type); json_next(&it);)
        bits |= schema_kind(json_str(it.value));
    return bits;
}

static bool says_integer(struct schema_job *job, const struct schemas *s)
{
    unsigned bits = 0;
    if (s->unknown)
        return false;
    for (unsigned i = 0; i < s->n; i++)
        bits |= kinds(job, s->of[i]);
    return (bits & (K_INTEGER | K_NUMBER)) == K_INTEGER;
}

/* ---- arguments ---- */

/* Whether a number in there is not written as an integer: most calls have none, and then no schema matters. */
static bool has_fraction(const struct json_val *v)
{
    struct dgm_str text = json_num(v);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '.' || text.p[i] == 'e' || text.p[i] == 'E')
            return true;
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (has_fraction(it.value))
            return true;
    return false;
}

/* Recurses as deep as the arguments are, which json_parse held to JSON_DEPTH_MAX. */
static void put(struct schema_job *job, struct json_writer *w, const struct json_val *v,
                const struct schemas *by)
{
    bool is_obj = json_kind(v) == JSON_OBJ;
    int64_t i;
    if (json_kind(v) == JSON_NUM && has_fraction(v) && says_integer(job, by) && json_int(v, &i)) {
        dgm_buf_put_int(w->buf, i);
        return;
    }
    if (json_size(v) == 0 || by->n == 0 || by->unknown) {
        json_add_val(w, v);
        return;
    }
    json_add_str(w, is_obj ? DGM_STR("{") : DGM_STR("["));
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct schemas inner = {.unknown = schema_is_spent(job)};
        for (unsigned k = 0; k < by->n && !inner.unknown; k++) {
            if (is_obj)
                add_member(job, &inner, by->of[k], it.name);
            else
                add_element(job, &inner, by->of[k], it.index);
        }
        if (it.index != 0)
            json_add_str(w, DGM_STR(","));
        if (is_obj) {
            json_add_quoted(w, it.name);
            json_add_str(w, DGM_STR(":"));
        }
        put(job, w, it.value, &inner);
    }
    json_add_str(w, is_obj ? DGM_STR("}") : DGM_STR("]"));
}

void args_put_as_str(struct json_writer *w, const struct json_val *args,
                     const struct json_val *schema)
{
    struct schema_job job = {.root = schema, .work_max = WORK_MAX};
    struct schemas by = {0};
    if (!schema || !has_fraction(args)) {
        json_put_val_as_str(w, args);
        return;
    }
    add_schema(&job, &by, schema);
    json_open_str(w);
    put(&job, w, args, &by);
    json_close_str(w);
}
