/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_subset.c - JSON Schemas in the subset of OpenAPI that older models take (google.md 6.5).
 *
 * One value may be spoken of in several places: at a $ref and where it leads, in each schema of an allOf, and in one of
 * anyOf besides what stands beside it. Each such schema is a layer of one node; the first that has a keyword counts.
 */
#include "translate/schema_parts.h"

#include "base/str.h"

#define LAYERS_MAX 16
#define CHOICES_DONE_MAX 8
#define LEVELS_MAX 20 /* of nodes in nodes: three containers each at most, and json_writer has 64 */
#define NODES_MAX 10000
#define NODES_GOOD 1000 /* what recursion alone may make of a schema */
#define BYTES_MAX ((size_t)4 << 20)
#define RECURSION_MAX 5            /* times that a schema may stand within itself */
#define FOLD_BYTES_MAX 256         /* of a value that is told in a description */
#define VALUES_MAX 64              /* of an enum told there */
#define WORK_MAX ((size_t)1 << 20) /* members that are looked at, over and over */

/* The $refs that lead to a node, and to those around it. */
struct trail {
    const struct trail *up;
    const struct json_val *target;
};

struct node {
    const struct json_val *layer[LAYERS_MAX];
    size_t n;
    size_t own;   /* layers behind these stand around the alternative that this is */
    size_t loose; /* layers behind these are alternatives made one: they require nothing */
    const struct json_val *done[CHOICES_DONE_MAX]; /* choices that need no more care */
    size_t done_n;
    struct trail trail[LAYERS_MAX];
    size_t trail_n;
    const struct trail *up;
    const struct json_val *cut; /* what is not followed any more */
    unsigned kind;              /* one type of several; 0: as it says */
    bool nullable, never, object;
    const struct json_val *found[KEYWORDS];
};

struct subset {
    struct schema_job *job;
    struct json_writer w;
    struct dgm_buf out, text; /* what is put; a description on its way */
    unsigned recursion;       /* times that a schema may stand within itself */
    size_t nodes, cuts;
};

static void put_node(struct subset *, struct node *, const struct schema_at *, unsigned level);

/* ---- budgets ---- */

static bool is_over(const struct subset *s)
{
    return s->nodes > NODES_MAX || s->job->work > WORK_MAX || s->out.rc != DGM_OK ||
           s->text.rc != DGM_OK || s->job->r->rc != DGM_OK;
}

static const struct json_val *get(struct subset *s, const struct json_val *v, struct dgm_str name)
{
    s->job->work += json_size(v);
    return json_get(v, name);
}

/* Whether a value is short enough to be read by people; spends `*left`. */
static bool is_short(const struct json_val *v, size_t *left)
{
    struct json_iter it = json_iter(v);
    size_t cost = 2 + json_str(v).n + json_num(v).n;
    if (cost > *left)
        return false;
    *left -= cost;
    while (json_next(&it)) {
        if (it.name.n > *left)
            return false;
        *left -= it.name.n;
        if (!is_short(it.value, left))
            return false;
    }
    return true;
}

/* ---- layers ---- */

static unsigned times_on_trail(const struct node *n, const struct json_val *target)
{
    unsigned times = 0;
    for (const struct trail *t = n->up; t; t = t->up)
        times += t->target == target;
    return times;
}

static void gather(struct subset *s, struct node *n, const struct json_val *v,
                   const struct schema_at *at);

static void gather_ref(struct subset *s, struct node *n, const struct json_val *v,
                       const struct schema_at *at)
{
    const struct json_val *ref = get(s, v, DGM_STR("$ref"));
    if (json_kind(ref) != JSON_STR)
        return;
    const struct json_val *target = schema_resolve(s->job, json_str(ref));
    if (!target) {
        schema_refuse_ref(s->job, json_str(ref), at);
        return;
    }
    if (times_on_trail(n, target) >= s->recursion) {
        n->cut = target;
        s->cuts++;
        schema_note(s->job, DGM_STR("recursion"), at);
        return;
    }
    if (n->trail_n < LAYERS_MAX) {
        n->trail[n->trail_n] = (struct trail){.up = n->up, .target = target};
        n->up = &n->trail[n->trail_n++];
    }
    gather(s, n, target, at);
}

/* Adds a schema and all that it says to be the same: where its $ref leads, the schemas of its allOf. */
static void gather(struct subset *s, struct node *n, const struct json_val *v,
                   const struct schema_at *at)
{
    n->never = n->never || !json_bool(v, true);
    if (json_kind(v) != JSON_OBJ || is_over(s))
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
    struct json_iter it = json_iter(get(s, v, DGM_STR("allOf")));
    while (json_next(&it))
        gather(s, n, it.value, at);
}

/* A node of one schema. */
static void start(struct subset *s, struct node *n, const struct trail *up,
                  const struct json_val *v, const struct schema_at *at)
{
    *n = (struct node){.up = up, .loose = LAYERS_MAX};
    gather(s, n, v, at);
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

/* Fills `found` with the first layer's word for each keyword. */
static void scan(struct subset *s, struct node *n, const struct schema_at *at)
{
    for (enum keyword_id i = 0; i < KEYWORDS; i++)
        n->found[i] = NULL;
    for (size_t i = 0; i < n->n; i++) {
        struct json_iter it = json_iter(n->layer[i]);
        s->job->work += json_size(n->layer[i]);
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

static bool is_null(const struct json_val *v)
{
    const struct json_val *values = json_get(v, DGM_STR("enum"));
    return schema_kind(json_get_str(v, DGM_STR("type"))) == K_NULL ||
           json_kind(json_get(v, DGM_STR("const"))) == JSON_NULL ||
           (json_size(values) == 1 && json_kind(json_at(values, 0)) == JSON_NULL);
}

/* Whether no alternative says what the value is, as in anyOf: [{"required": ["a"]}, {"required": ["b"]}]. */
static bool is_minor(const struct json_val *choice)
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

/* The next choice that nobody has made; its name to `*ret`. NULL: there is none. */
static const struct json_val *next_choice(struct subset *s, const struct node *n,
                                          struct dgm_str *ret)
{
    static const enum keyword_id ids[] = {KEY_ANY_OF, KEY_ONE_OF};
    for (size_t i = 0; i < n->n; i++)
        for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
            *ret = schema_keywords[ids[k]].name;
            const struct json_val *v = get(s, n->layer[i], *ret);
            if (json_kind(v) == JSON_ARR && json_size(v) != 0 && !is_done(n, v))
                return v;
        }
    return NULL;
}

static void put_alternative(struct subset *s, const struct node *n, const struct json_val *v,
                            const struct schema_at *at, unsigned level)
{
    struct node alternative;
    start(s, &alternative, n->up, v, at);
    for (size_t i = 0; i < n->n && alternative.n < LAYERS_MAX; i++)
        alternative.layer[alternative.n++] = n->layer[i];
    for (; alternative.done_n < n->done_n; alternative.done_n++)
        alternative.done[alternative.done_n] = n->done[alternative.done_n];
    alternative.nullable = n->nullable;
    put_node(s, &alternative, at, level + 1);
}

/* Puts {"anyOf": [...]}. */
static void put_choice(struct subset *s, const struct node *n, const struct json_val *choice,
                       struct dgm_str name, const struct schema_at *at, unsigned level)
{
    struct json_iter it = json_iter(choice);
    json_open_obj(&s->w);
    json_put_name(&s->w, "anyOf");
    json_open_arr(&s->w);
    while (!is_over(s) && json_next(&it))
        if (!is_null(it.value) && json_bool(it.value, true))
            put_alternative(s, n, it.value, AT_ELEMENT(AT_MEMBER(at, name), it.index), level);
    json_close_arr(&s->w);
    json_close_obj(&s->w);
}

/* Makes a choice that leaves one node: the only alternative, or all of them in one object. */
static void merge_choice(struct subset *s, struct node *n, const struct json_val *choice,
                         const struct schema_at *at)
{
    struct json_iter it = json_iter(choice);
    while (json_next(&it))
        if (!is_null(it.value) && json_bool(it.value, true))
            gather(s, n, it.value, at);
    n->own = n->n;
}

/* Makes all choices of a node. True when it was put as one of alternatives. */
static bool make_choices(struct subset *s, struct node *n, const struct schema_at *at,
                         unsigned level)
{
    const struct json_val *choice;
    struct dgm_str name;
    while (!is_over(s) && (choice = next_choice(s, n, &name)) != NULL) {
        size_t some = 0;
        struct json_iter it = json_iter(choice);
        if (n->done_n == CHOICES_DONE_MAX) {
            schema_note(s->job, name, at);
            return false;
        }
        n->done[n->done_n++] = choice;
        while (json_next(&it)) {
            some += !is_null(it.value) && json_bool(it.value, true);
            n->nullable = n->nullable || is_null(it.value);
        }
        if (is_minor(choice)) {
            schema_note(s->job, name, at);
        } else if (some > 1 && !n->object) {
            if (dgm_str_eq(name, schema_keywords[KEY_ONE_OF].name)) /* exactly one, it meant */
                schema_note(s->job, name, at);
            put_choice(s, n, choice, name, at, level);
            return true;
        } else {
            if (some > 1) {
                n->loose = n->loose < n->n ? n->loose : n->n;
                schema_note(s->job, name, at);
            }
            merge_choice(s, n, choice, at);
        }
    }
    return false;
}

/* ---- types ---- */

/* The types that one schema says; 0: none. A number may be an integer. */
static unsigned kinds_of_layer(struct subset *s, const struct json_val *type,
                               const struct schema_at *at)
{
    struct json_iter it = json_iter(type);
    unsigned kinds = schema_kind(json_str(type));
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

/* The types that all layers of a node say, but for null; where two have none in common the first counts. */
static unsigned kinds_said(struct subset *s, struct node *n, const struct schema_at *at)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < n->n; i++) {
        const struct json_val *type = get(s, n->layer[i], DGM_STR("type"));
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

static unsigned kind_of(const struct json_val *v)
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
    unsigned kinds = kind_of(n->found[KEY_CONST]);
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    while (kinds == 0 && json_next(&it))
        kinds = kind_of(it.value);
    return kinds;
}

/* What a schema without a type must be of, by what it says. */
static unsigned infer_kind(const struct node *n)
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

/* ---- descriptions ---- */

static void add_value(struct subset *s, const struct json_val *v)
{
    struct json_writer w = json_writer(&s->text);
    json_put_val(&w, v);
}

/* Begins a note in the description: in brackets behind the text, apart from the last. */
static void begin_fold(struct subset *s, bool *open)
{
    if (*open)
        dgm_buf_put_lit(&s->text, "; ");
    else
        dgm_buf_put(&s->text, s->text.n ? DGM_STR(" (") : DGM_STR("("));
    *open = true;
}

static void fold(struct subset *s, enum keyword_id id, const struct json_val *v, bool *open)
{
    size_t left = FOLD_BYTES_MAX;
    if (!is_short(v, &left))
        return;
    begin_fold(s, open);
    dgm_buf_put(&s->text, schema_keywords[id].name);
    dgm_buf_put_lit(&s->text, ": ");
    add_value(s, v);
}

/* Tells the values of an enum that the subset cannot have. */
static void fold_values(struct subset *s, const struct node *n, unsigned kind, bool *open)
{
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    size_t told = 0;
    if (n->found[KEY_CONST] && kind_of(n->found[KEY_CONST]) != K_STRING) {
        fold(s, KEY_CONST, n->found[KEY_CONST], open);
        return;
    }
    while (json_next(&it)) {
        size_t left = FOLD_BYTES_MAX;
        if (json_kind(it.value) == JSON_NULL ||
            (kind == K_STRING && json_kind(it.value) == JSON_STR) || !is_short(it.value, &left))
            continue;
        if (told == VALUES_MAX) {
            dgm_buf_put_lit(&s->text, ", ...");
            return;
        }
        if (told++ == 0) {
            begin_fold(s, open);
            dgm_buf_put_lit(&s->text, "one of ");
        } else {
            dgm_buf_put_lit(&s->text, ", ");
        }
        add_value(s, it.value);
    }
}

static bool is_format(struct dgm_str format, unsigned kind)
{
    static const struct {
        unsigned kind;
        struct dgm_str format;
    } formats[] = {{K_STRING, DGM_STR("enum")},   {K_STRING, DGM_STR("date-time")},
                   {K_NUMBER, DGM_STR("float")},  {K_NUMBER, DGM_STR("double")},
                   {K_INTEGER, DGM_STR("int32")}, {K_INTEGER, DGM_STR("int64")}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].kind == kind && dgm_str_eq(formats[i].format, format))
            return true;
    return false;
}

static struct dgm_str described(const struct node *n, size_t first, size_t end)
{
    struct dgm_str text = {0};
    for (size_t i = first; i < end && text.n == 0; i++)
        text = json_get_str(n->layer[i], DGM_STR("description"));
    return text;
}

static void put_description(struct subset *s, const struct node *n, unsigned kind)
{
    struct dgm_str own = described(n, 0, n->own), outer = described(n, n->own, n->n);
    struct dgm_str format = json_str(n->found[KEY_FORMAT]);
    bool open = false;
    if (own.n == 0)
        own = json_get_str(n->cut, DGM_STR("description"));
    dgm_buf_clear(&s->text);
    dgm_buf_put(&s->text, outer);
    if (own.n && outer.n)
        dgm_buf_put_char(&s->text, ' ');
    dgm_buf_put(&s->text, own);
    if (format.n && schema_keywords[KEY_FORMAT].kinds & kind && !is_format(format, kind))
        fold(s, KEY_FORMAT, n->found[KEY_FORMAT], &open);
    for (enum keyword_id i = 0; i < KEYWORDS; i++)
        if (n->found[i] && schema_keywords[i].subset == SUBSET_FOLD &&
            schema_keywords[i].kinds & kind)
            fold(s, i, n->found[i], &open);
    fold_values(s, n, kind, &open);
    if (open)
        dgm_buf_put_char(&s->text, ')');
    if (s->text.n)
        json_member_str(&s->w, "description", dgm_buf_str(&s->text));
}

/* ---- values, items, properties ---- */

/* Texts alone, and no empty one, can be listed; the rest is told in the description. */
static void put_enum(struct subset *s, const struct node *n, unsigned kind,
                     const struct schema_at *at)
{
    const struct json_val *only = n->found[KEY_CONST];
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    bool open = false, odd = only && kind_of(only) != K_STRING;
    s->job->work += json_size(n->found[KEY_ENUM]);
    if (only && kind == K_STRING && json_str(only).n) {
        json_put_name(&s->w, "enum");
        json_open_arr(&s->w);
        json_put_str(&s->w, json_str(only));
        json_close_arr(&s->w);
    }
    while (!only && !is_over(s) && json_next(&it)) {
        if (json_kind(it.value) == JSON_NULL)
            continue;
        if (kind != K_STRING || json_kind(it.value) != JSON_STR) {
            odd = true;
        } else if (json_str(it.value).n == 0) {
            schema_note(s->job, DGM_STR("an empty text of enum"), at);
        } else {
            if (!open) {
                json_put_name(&s->w, "enum");
                json_open_arr(&s->w);
                open = true;
            }
            json_put_str(&s->w, json_str(it.value));
        }
    }
    if (open)
        json_close_arr(&s->w);
    if (odd)
        schema_note(s->job, only ? DGM_STR("const") : DGM_STR("enum"), at);
}

static void put_child(struct subset *s, const struct node *n, const struct json_val *v,
                      const struct schema_at *at, unsigned level)
{
    struct node child;
    start(s, &child, n->up, v, at);
    put_node(s, &child, at, level);
}

/* A tuple's places cannot be told apart: each item may be any of them. */
static void put_tuple(struct subset *s, const struct node *n, const struct json_val *list,
                      struct dgm_str name, const struct schema_at *at, unsigned level)
{
    struct json_iter it = json_iter(list);
    bool many = json_size(list) > 1;
    schema_note(s->job, name, at);
    if (many) {
        json_open_obj(&s->w);
        json_put_name(&s->w, "anyOf");
        json_open_arr(&s->w);
    }
    while (json_next(&it) && (!many || !is_over(s)))
        put_child(s, n, it.value, AT_ELEMENT(AT_MEMBER(at, name), it.index), level + 2);
    if (many) {
        json_close_arr(&s->w);
        json_close_obj(&s->w);
    }
}

static void put_items(struct subset *s, const struct node *n, const struct schema_at *at,
                      unsigned level)
{
    const struct json_val *items = n->found[KEY_ITEMS], *prefix = n->found[KEY_PREFIX_ITEMS];
    json_put_name(&s->w, "items");
    if (json_size(prefix) != 0)
        put_tuple(s, n, prefix, DGM_STR("prefixItems"), at, level);
    else if (json_kind(items) == JSON_ARR && json_size(items) != 0)
        put_tuple(s, n, items, DGM_STR("items"), at, level);
    else
        put_child(s, n, items, AT_MEMBER(at, DGM_STR("items")), level + 1);
}

/* A walk over the properties of all layers, each name once. */
struct properties {
    const struct node *n;
    size_t layer;
    struct json_iter it;
};

static const struct json_val *properties_of(struct subset *s, const struct node *n, size_t layer)
{
    const struct json_val *map = get(s, n->layer[layer], DGM_STR("properties"));
    return json_kind(map) == JSON_OBJ ? map : NULL;
}

static bool stood_before(struct subset *s, const struct properties *p)
{
    for (size_t i = 0; i < p->layer; i++)
        if (get(s, properties_of(s, p->n, i), p->it.name))
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
    while (p->layer < p->n->n && !is_over(s)) {
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
        count += get(s, properties_of(s, n, i), name) != NULL;
    return count;
}

/* Puts {"anyOf": [...]} with what each of them means. */
static void put_meanings(struct subset *s, const struct node *n, struct dgm_str name,
                         const struct schema_at *at, unsigned level)
{
    json_open_obj(&s->w);
    json_put_name(&s->w, "anyOf");
    json_open_arr(&s->w);
    for (size_t i = n->loose; i < n->n && !is_over(s); i++) {
        const struct json_val *v = get(s, properties_of(s, n, i), name);
        if (v)
            put_child(s, n, v, at, level + 2);
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
    start(s, &child, n->up, p->it.value, here);
    for (size_t i = p->layer + 1; i < n->n; i++)
        gather(s, &child, get(s, properties_of(s, n, i), p->it.name), here);
    child.own = child.n;
    put_node(s, &child, here, level + 1);
}

static bool is_property(struct subset *s, const struct node *n, struct dgm_str name)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct json_val *v = get(s, properties_of(s, n, i), name);
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
        struct json_iter it = json_iter(get(s, n->layer[i], DGM_STR("required")));
        for (; json_next(&it) && (i < layer || it.index < index); s->job->work++)
            if (dgm_str_eq(json_str(it.value), name))
                return true;
    }
    return false;
}

static void put_required(struct subset *s, const struct node *n, const struct schema_at *at)
{
    bool open = false;
    for (size_t i = 0; i < n->n && i < n->loose; i++) {
        struct json_iter it = json_iter(get(s, n->layer[i], DGM_STR("required")));
        while (!is_over(s) && json_next(&it)) {
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
        while (!is_over(s) && json_next(&it))
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
    json_member_str(&s->w, "type", DGM_STR("STRING"));
    json_member_str(&s->w, "description", DGM_STR("Leave this out."));
    json_close_obj(&s->w);
    json_close_obj(&s->w);
}

static void put_properties(struct subset *s, const struct node *n, const struct schema_at *at,
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
static void put_extra(struct subset *s, const struct node *n, const struct json_val *v,
                      const struct schema_at *at, unsigned level)
{
    if (is_narrower(n, v))
        schema_note(s->job, DGM_STR("additionalProperties"), at);
    if (s->job->r->surface == DGM_VERTEX) {
        json_put_name(&s->w, "additionalProperties");
        if (json_kind(v) == JSON_BOOL)
            json_put_val(&s->w, v);
        else
            put_child(s, n, v, AT_MEMBER(at, DGM_STR("additionalProperties")), level + 1);
    } else if (json_bool(v, true)) {
        schema_note(s->job, DGM_STR("additionalProperties"), at);
    }
}

/* ---- nodes ---- */

static void put_type(struct subset *s, unsigned kind)
{
    const char *name = "STRING";
    switch (kind) {
    case K_NUMBER:
        name = "NUMBER";
        break;
    case K_INTEGER:
        name = "INTEGER";
        break;
    case K_BOOLEAN:
        name = "BOOLEAN";
        break;
    case K_ARRAY:
        name = "ARRAY";
        break;
    case K_OBJECT:
        name = "OBJECT";
        break;
    default:
        break;
    }
    json_member_str(&s->w, "type", dgm_str_c(name));
}

/* Puts a member of one value, or notes that it cannot be. */
static void put_plain(struct subset *s, enum keyword_id id, const struct json_val *v,
                      const struct schema_at *at)
{
    const struct keyword *k = &schema_keywords[id];
    int64_t count;
    double number;
    bool fine = k->subset == SUBSET_VALUE || (k->subset == SUBSET_TEXT && json_str(v).p) ||
                (k->subset == SUBSET_NUMBER && json_double(v, &number)) ||
                (k->subset == SUBSET_COUNT && json_int(v, &count) && count >= 0);
    if (!fine) {
        schema_note(s->job, k->name, at);
        return;
    }
    s->job->work += json_size(v);
    json_put_key(&s->w, k->name);
    if (k->subset == SUBSET_COUNT)
        json_put_int(&s->w, count);
    else
        json_put_val(&s->w, v);
}

static void put_keyword(struct subset *s, struct node *n, enum keyword_id id, unsigned kind,
                        const struct schema_at *at, unsigned level)
{
    const struct json_val *v = n->found[id];
    switch (schema_keywords[id].subset) {
    case SUBSET_TYPE:
        put_type(s, kind);
        return;
    case SUBSET_FORMAT:
        if (json_str(v).n && is_format(json_str(v), kind))
            json_member_str(&s->w, "format", json_str(v));
        else if (v)
            schema_note(s->job, DGM_STR("format"), at);
        return;
    case SUBSET_DESCRIPTION:
        put_description(s, n, kind);
        return;
    case SUBSET_NULLABLE:
        if (n->nullable)
            json_member_bool(&s->w, "nullable", true);
        return;
    case SUBSET_ENUM:
        put_enum(s, n, kind, at);
        return;
    case SUBSET_ITEMS:
        put_items(s, n, at, level);
        return;
    case SUBSET_PROPERTIES:
        put_properties(s, n, at, level);
        return;
    case SUBSET_EXTRA:
        if (v)
            put_extra(s, n, v, at, level);
        return;
    case SUBSET_VALUE:
    case SUBSET_TEXT:
    case SUBSET_NUMBER:
    case SUBSET_COUNT:
        if (v)
            put_plain(s, id, v, at);
        return;
    case SUBSET_FOLD:
    case SUBSET_LOST:
        if (v)
            schema_note(s->job, schema_keywords[id].name, at);
        return;
    case SUBSET_LAYER:
    case SUBSET_CHOICE:
    case SUBSET_HELP:
    case SUBSET_MUTE:
    default:
        return;
    }
}

/* Puts one schema of one type. */
static void put_one(struct subset *s, struct node *n, unsigned kind, const struct schema_at *at,
                    unsigned level)
{
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    while (json_next(&it))
        n->nullable = n->nullable || json_kind(it.value) == JSON_NULL;
    n->nullable = n->nullable || json_kind(n->found[KEY_CONST]) == JSON_NULL;
    json_open_obj(&s->w);
    for (enum keyword_id i = 0; i < KEYWORDS && !is_over(s); i++)
        if (schema_keywords[i].kinds & kind)
            put_keyword(s, n, i, kind, at, level);
    json_close_obj(&s->w);
}

/* Puts {"anyOf": [...]} with one alternative a type. */
static void put_kinds(struct subset *s, const struct node *n, unsigned kinds,
                      const struct schema_at *at, unsigned level)
{
    json_open_obj(&s->w);
    json_put_name(&s->w, "anyOf");
    json_open_arr(&s->w);
    for (unsigned kind = 1; kind < K_NULL; kind <<= 1) {
        struct node one = *n;
        one.kind = kind;
        if (kinds & kind)
            put_node(s, &one, at, level + 1);
    }
    json_close_arr(&s->w);
    json_close_obj(&s->w);
}

static void put_empty(struct subset *s)
{
    json_open_obj(&s->w);
    json_close_obj(&s->w);
}

static void put_node(struct subset *s, struct node *n, const struct schema_at *at, unsigned level)
{
    s->nodes++;
    if (is_over(s)) {
        put_empty(s);
        return;
    }
    if (level >= LEVELS_MAX && !n->cut) {
        schema_note(s->job, DGM_STR("nesting"), at);
        n->cut = n->n ? n->layer[0] : s->job->root;
    }
    if (n->cut) {
        scan(s, n, at);
        for (enum keyword_id i = 0; i < KEYWORDS; i++)
            n->found[i] = i == KEY_TITLE ? n->found[i] : NULL;
        put_one(s, n, K_OBJECT, at, level);
        return;
    }
    if (make_choices(s, n, at, level))
        return;
    scan(s, n, at);
    unsigned kinds = n->kind ? n->kind : kinds_said(s, n, at);
    if (kinds == 0)
        kinds = infer_kind(n);
    if (n->object && kinds != K_OBJECT) {
        if (kinds != 0)
            schema_note(s->job, DGM_STR("type"), at);
        kinds = K_OBJECT;
    }
    if ((kinds == 0 && !n->found[KEY_TYPE]) || n->never)
        schema_note(s->job, n->never ? DGM_STR("false") : DGM_STR("any type"), at);
    if (kinds & (kinds - 1))
        put_kinds(s, n, kinds, at, level);
    else
        put_one(s, n, kinds ? kinds : K_STRING, at, level);
}

/* ---- public ---- */

static void put_root(struct subset *s, bool object)
{
    struct node root;
    s->nodes = 0;
    s->cuts = 0;
    s->job->work = 0;
    dgm_buf_clear(&s->out);
    s->w = json_writer(&s->out);
    start(s, &root, NULL, s->job->root, NULL);
    root.object = object;
    put_node(s, &root, NULL, 0);
}

/*
 * The deeper a recursion is followed, the larger the schema: with many branches it is cut earlier. What is too large
 * even so can only have been made to be.
 */
void schema_put_subset(struct schema_job *job, struct json_writer *w, bool object)
{
    struct dgm_request *r = job->r;
    struct subset s = {.job = job, .recursion = RECURSION_MAX};
    const struct dgm_alloc *alloc = dgm_arena_alloc(&r->arena);
    dgm_buf_init(&s.out, alloc, BYTES_MAX);
    dgm_buf_init(&s.text, alloc, BYTES_MAX);
    job->quiet = true;
    put_root(&s, object);
    while ((is_over(&s) || s.nodes > NODES_GOOD) && s.cuts != 0 && s.recursion > 1 &&
           r->rc == DGM_OK && s.out.rc != DGM_E_NOMEM) {
        s.recursion--;
        put_root(&s, object);
    }
    job->quiet = false;
    if (!is_over(&s))
        put_root(&s, object);
    if (s.out.rc == DGM_E_NOMEM || s.text.rc == DGM_E_NOMEM)
        chat_no_memory(r);
    else if (is_over(&s))
        chat_refuse(r, DGM_ERR_VALUE, job->place,
                    " is too large for this model, which takes no $ref; Gemini 2.5 and newer do.");
    json_put_raw(w, r->rc == DGM_OK ? dgm_buf_str(&s.out) : DGM_STR("null"));
}
