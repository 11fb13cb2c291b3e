/* SPDX-License-Identifier: Apache-2.0 */
/* schema_object.c - objects in the subset: properties of all layers, required, order, and what else may come. */
#include "translate/schema_subset.h"

#include "base/str.h"

/* A walk over the properties of all layers, each name once. */
struct properties {
    const struct node *n;
    size_t layer;
    struct json_iter it;
};

static const struct json_val *properties_of(struct subset *s, const struct node *n, size_t layer)
{
    const struct json_val *map = subset_get(s, n->layer[layer], DGM_STR("properties"));
    return json_kind(map) == JSON_OBJ ? map : NULL;
}

static bool stood_before(struct subset *s, const struct properties *p)
{
    for (size_t i = 0; i < p->layer; i++)
        if (subset_get(s, properties_of(s, p->n, i), p->it.name))
            return true;
    return false;
}

static struct properties properties(struct subset *s, const struct node *n)
{
    struct properties p = {.n = n};
    if (n->n != 0)
        p.it = json_iter(properties_of(s, n, 0));
    return p;
}

/* What is false can have no value: it is left out. */
static bool next_property(struct subset *s, struct properties *p)
{
    while (p->layer < p->n->n && !subset_is_over(s)) {
        if (!json_next(&p->it)) {
            p->layer++;
            if (p->layer < p->n->n)
                p->it = json_iter(properties_of(s, p->n, p->layer));
        } else if (json_bool(p->it.value, true) && !stood_before(s, p)) {
            return true;
        }
    }
    return false;
}

/* How many alternatives that were made one have a property; each may mean another thing by it. */
static size_t meanings(struct subset *s, const struct node *n, struct dgm_str name)
{
    size_t count = 0;
    for (size_t i = n->loose; i < n->n; i++)
        count += subset_get(s, properties_of(s, n, i), name) != NULL;
    return count;
}

/* Puts {"anyOf": [...]} with what each of them means. */
static void put_meanings(struct subset *s, const struct node *n, struct dgm_str name,
                         const struct schema_at *at, unsigned level)
{
    json_open_obj(&s->w);
    json_put_name(&s->w, "anyOf");
    json_open_arr(&s->w);
    for (size_t i = n->loose; i < n->n && !subset_is_over(s); i++) {
        const struct json_val *v = subset_get(s, properties_of(s, n, i), name);
        if (v)
            subset_put_child(s, n, v, at, level + 2);
    }
    json_close_arr(&s->w);
    json_close_obj(&s->w);
}

static void put_property(struct subset *s, const struct node *n, const struct properties *p,
                         const struct schema_at *at, unsigned level)
{
    const struct schema_at *here = AT_MEMBER(AT_MEMBER(at, DGM_STR("properties")), p->it.name);
    struct node child;
    if (meanings(s, n, p->it.name) > 1) {
        put_meanings(s, n, p->it.name, here, level);
        return;
    }
    subset_start(s, &child, n->up, p->it.value, here);
    for (size_t i = p->layer + 1; i < n->n; i++)
        subset_gather(s, &child, subset_get(s, properties_of(s, n, i), p->it.name), here);
    child.own = child.n;
    subset_put_node(s, &child, here, level + 1);
}

static bool is_property(struct subset *s, const struct node *n, struct dgm_str name)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct json_val *v = subset_get(s, properties_of(s, n, i), name);
        if (v)
            return json_bool(v, true);
    }
    return false;
}

/* Whether a name of `required` stands in an earlier layer's, or before `index` in its own. */
static bool required_before(struct subset *s, const struct node *n, size_t layer, size_t index,
                            struct dgm_str name)
{
    for (size_t i = 0; i <= layer; i++) {
        struct json_iter it = json_iter(subset_get(s, n->layer[i], DGM_STR("required")));
        for (; json_next(&it) && (i < layer || it.index < index); schema_spend(s->job, 1))
            if (dgm_str_eq(json_str(it.value), name))
                return true;
    }
    return false;
}

static void put_required(struct subset *s, const struct node *n, const struct schema_at *at)
{
    bool open = false;
    for (size_t i = 0; i < n->n && i < n->loose; i++) {
        struct json_iter it = json_iter(subset_get(s, n->layer[i], DGM_STR("required")));
        while (!subset_is_over(s) && json_next(&it)) {
            struct dgm_str name = json_str(it.value);
            if (!name.p || required_before(s, n, i, it.index, name))
                continue;
            if (!is_property(s, n, name)) {
                schema_note(s->job, DGM_STR("required without a property"), at);
                continue;
            }
            if (!open) {
                json_put_name(&s->w, "required");
                json_open_arr(&s->w);
                open = true;
            }
            json_put_str(&s->w, name);
        }
    }
    if (open)
        json_close_arr(&s->w);
}

/* The client's own order, else that of its text (user-pain B9). */
static void put_ordering(struct subset *s, const struct node *n)
{
    const struct json_val *said = n->found[KEY_PROPERTY_ORDERING];
    json_put_name(&s->w, "propertyOrdering");
    json_open_arr(&s->w);
    if (json_size(said) != 0) {
        struct json_iter it = json_iter(said);
        while (!subset_is_over(s) && json_next(&it))
            if (is_property(s, n, json_str(it.value)))
                json_put_str(&s->w, json_str(it.value));
    } else {
        struct properties p = properties(s, n);
        while (next_property(s, &p))
            json_put_str(&s->w, p.it.name);
    }
    json_close_arr(&s->w);
}

/* Older models of the Gemini API refuse an object without properties: it gets one that means nothing. */
static void put_placeholder(struct subset *s)
{
    json_put_name(&s->w, "properties");
    json_open_obj(&s->w);
    json_put_name(&s->w, "_");
    json_open_obj(&s->w);
    json_member_lit(&s->w, "type", "STRING");
    json_member_lit(&s->w, "description", "Leave this out.");
    json_close_obj(&s->w);
    json_close_obj(&s->w);
}

void subset_put_properties(struct subset *s, const struct node *n, const struct schema_at *at,
                           unsigned level)
{
    const struct dgm_request *r = s->job->r;
    struct properties p = properties(s, n);
    if (n->cut || !next_property(s, &p)) {
        if (r->surface == DGM_GEMINI && !(r->model.can & CAN_JSON_SCHEMA)) {
            schema_note(s->job, DGM_STR("an object without properties"), at);
            put_placeholder(s);
        }
        return;
    }
    json_put_name(&s->w, "properties");
    json_open_obj(&s->w);
    do {
        json_put_key(&s->w, p.it.name);
        put_property(s, n, &p, at, level);
    } while (next_property(s, &p));
    json_close_obj(&s->w);
    put_required(s, n, at);
    put_ordering(s, n);
}

/* Whether layers beside the one that says "no others" declare properties: those it refuses, and the whole takes. */
static bool is_narrower(const struct node *n, const struct json_val *extra)
{
    size_t declaring = 0;
    for (size_t i = 0; i < n->n; i++)
        declaring += json_get(n->layer[i], DGM_STR("properties")) != NULL;
    return declaring > 1 && !json_bool(extra, true);
}

/* Vertex alone has it. Elsewhere nothing is lost with a false: no other properties come. */
void subset_put_extra(struct subset *s, const struct node *n, const struct json_val *v,
                      const struct schema_at *at, unsigned level)
{
    if (is_narrower(n, v))
        schema_note(s->job, DGM_STR("additionalProperties"), at);
    if (s->job->r->surface == DGM_VERTEX) {
        json_put_name(&s->w, "additionalProperties");
        if (json_kind(v) == JSON_BOOL)
            json_put_val(&s->w, v);
        else
            subset_put_child(s, n, v, AT_MEMBER(at, DGM_STR("additionalProperties")), level + 1);
    } else if (json_bool(v, true)) {
        schema_note(s->job, DGM_STR("additionalProperties"), at);
    }
}
