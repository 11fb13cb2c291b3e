/* SPDX-License-Identifier: Apache-2.0 */
/* schema_subset.c - JSON Schemas in the subset of OpenAPI that older models take (google.md 6.5). */
#include "translate/schema_subset.h"

#include "base/str.h"

#define LEVELS_MAX 20 /* of nodes in nodes: three containers each at most, and json_writer has 64 */
#define NODES_MAX 10000
#define NODES_GOOD 1000 /* what recursion alone may make of a schema */
#define BYTES_MAX ((size_t)4 << 20)
#define RECURSION_MAX 5 /* times that a schema may stand within itself */

/* ---- choices ---- */

static void put_alternative(struct subset *s, const struct node *n, const struct json_val *v,
                            const struct schema_at *at, unsigned level)
{
    struct node alternative;
    subset_start(s, &alternative, n->up, v, at);
    for (size_t i = 0; i < n->n && alternative.n < LAYERS_MAX; i++)
        alternative.layer[alternative.n++] = n->layer[i];
    for (; alternative.done_n < n->done_n; alternative.done_n++)
        alternative.done[alternative.done_n] = n->done[alternative.done_n];
    alternative.nullable = n->nullable;
    subset_put_node(s, &alternative, at, level + 1);
}

/* Puts {"anyOf": [...]}. */
static void put_choice(struct subset *s, const struct node *n, const struct json_val *choice,
                       struct dgm_str name, const struct schema_at *at, unsigned level)
{
    struct json_iter it = json_iter(choice);
    json_open_obj(&s->w);
    json_put_name(&s->w, "anyOf");
    json_open_arr(&s->w);
    while (!subset_is_over(s) && json_next(&it))
        if (!subset_is_null(it.value) && json_bool(it.value, true))
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
        if (!subset_is_null(it.value) && json_bool(it.value, true))
            subset_gather(s, n, it.value, at);
    n->own = n->n;
}

/* Makes all choices of a node. True when it was put as one of alternatives. */
static bool make_choices(struct subset *s, struct node *n, const struct schema_at *at,
                         unsigned level)
{
    const struct json_val *choice;
    struct dgm_str name;
    while (!subset_is_over(s) && (choice = subset_next_choice(s, n, &name)) != NULL) {
        size_t some = 0;
        struct json_iter it = json_iter(choice);
        if (n->done_n == CHOICES_DONE_MAX) {
            schema_note(s->job, name, at);
            return false;
        }
        n->done[n->done_n++] = choice;
        schema_spend(s->job, 16 * json_size(choice)); /* each is looked into, and more than once */
        while (json_next(&it)) {
            schema_spend(s->job, 4 * json_size(it.value));
            some += !subset_is_null(it.value) && json_bool(it.value, true);
            n->nullable = n->nullable || subset_is_null(it.value);
        }
        if (subset_is_minor(choice)) {
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

/* ---- values and items ---- */

/* Texts alone, and no empty one, can be listed; the rest is told in the description. */
static void put_enum(struct subset *s, const struct node *n, unsigned kind,
                     const struct schema_at *at)
{
    const struct json_val *only = n->found[KEY_CONST];
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    bool open = false, odd = only && subset_kind_of(only) != K_STRING;
    schema_spend(s->job, 3 * json_size(n->found[KEY_ENUM])); /* it is walked in three places */
    if (only && kind == K_STRING && json_str(only).n) {
        json_put_name(&s->w, "enum");
        json_open_arr(&s->w);
        json_put_str(&s->w, json_str(only));
        json_close_arr(&s->w);
    }
    while (!only && !subset_is_over(s) && json_next(&it)) {
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

void subset_put_child(struct subset *s, const struct node *n, const struct json_val *v,
                      const struct schema_at *at, unsigned level)
{
    struct node child;
    subset_start(s, &child, n->up, v, at);
    subset_put_node(s, &child, at, level);
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
    while (json_next(&it) && (!many || !subset_is_over(s)))
        subset_put_child(s, n, it.value, AT_ELEMENT(AT_MEMBER(at, name), it.index), level + 2);
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
        subset_put_child(s, n, items, AT_MEMBER(at, DGM_STR("items")), level + 1);
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
    if (schema_is_told(s->job, id, v)) {
        schema_note(s->job, schema_keywords[id].name, at);
        return;
    }
    switch (schema_keywords[id].subset) {
    case SUBSET_TYPE:
        put_type(s, kind);
        return;
    case SUBSET_FORMAT:
        if (json_str(v).n && subset_is_format(json_str(v), kind))
            json_member_str(&s->w, "format", json_str(v));
        else if (v)
            schema_note(s->job, DGM_STR("format"), at);
        return;
    case SUBSET_DESCRIPTION:
        subset_put_description(s, n, kind);
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
        subset_put_properties(s, n, at, level);
        return;
    case SUBSET_EXTRA:
        if (v)
            subset_put_extra(s, n, v, at, level);
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
    for (enum keyword_id i = 0; i < KEYWORDS && !subset_is_over(s); i++)
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
            subset_put_node(s, &one, at, level + 1);
    }
    json_close_arr(&s->w);
    json_close_obj(&s->w);
}

static void put_empty(struct subset *s)
{
    json_open_obj(&s->w);
    json_close_obj(&s->w);
}

void subset_put_node(struct subset *s, struct node *n, const struct schema_at *at, unsigned level)
{
    s->nodes++;
    schema_spend(s->job, SCHEMA_WORK_NODE + (s->out.n - s->told) / SCHEMA_WORK_BYTES);
    s->told = s->out.n;
    if (subset_is_over(s)) {
        put_empty(s);
        return;
    }
    if (level >= LEVELS_MAX && !n->cut) {
        schema_note(s->job, DGM_STR("nesting"), at);
        n->cut = n->n ? n->layer[0] : s->job->root;
    }
    if (n->cut) {
        subset_scan(s, n, at);
        for (enum keyword_id i = 0; i < KEYWORDS; i++)
            n->found[i] = i == KEY_TITLE ? n->found[i] : NULL;
        put_one(s, n, K_OBJECT, at, level);
        return;
    }
    if (make_choices(s, n, at, level))
        return;
    subset_scan(s, n, at);
    unsigned kinds = n->kind ? n->kind : subset_kinds_said(s, n, at);
    if (kinds == 0)
        kinds = subset_infer_kind(n);
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

/* Puts all of it, a schema within itself so many times at most. False: it became too large. */
static bool put_root(struct subset *s, bool object, unsigned recursion, size_t nodes_max)
{
    struct node root;
    s->recursion = recursion;
    s->nodes_max = nodes_max;
    s->nodes = s->cuts = s->told = 0;
    dgm_buf_clear(&s->out);
    s->w = json_writer(&s->out);
    subset_start(s, &root, NULL, s->job->root, NULL);
    root.object = object;
    subset_put_node(s, &root, NULL, 0);
    return !subset_is_over(s);
}

/* Puts the whole once more, a schema within itself once more; what stands is kept if that becomes too large. */
static bool put_deeper(struct subset *s, bool object, size_t notes_n)
{
    struct chat_notes *notes = chat_notes(s->job->r, DGM_NOTE_SCHEMA);
    if (!notes)
        return false;
    struct subset deeper = {.job = s->job, .text = s->text};
    struct dgm_str kept[NOTES_MAX];
    size_t kept_n = notes->n;
    for (size_t i = 0; i < kept_n; i++)
        kept[i] = notes->notes[i];
    notes->n = notes_n;
    dgm_buf_init(&deeper.out, dgm_arena_alloc(&s->job->r->arena), BYTES_MAX);
    bool fine = put_root(&deeper, object, s->recursion + 1, NODES_GOOD);
    s->text = deeper.text;
    if (fine) {
        dgm_buf_dispose(&s->out);
        *s = deeper;
        return true;
    }
    notes->n = kept_n;
    for (size_t i = 0; i < kept_n; i++)
        notes->notes[i] = kept[i];
    if (deeper.out.rc == DGM_E_NOMEM)
        chat_no_memory(s->job->r);
    dgm_buf_dispose(&deeper.out);
    return false;
}

/*
 * A schema that holds itself is followed as often as leaves the whole small. That may cost half of what is granted; the
 * rest is for the schemas behind it.
 */
void schema_put_subset(struct schema_job *job, struct json_writer *w, bool object)
{
    struct dgm_request *r = job->r;
    struct subset s = {.job = job};
    const struct dgm_alloc *alloc = dgm_arena_alloc(&r->arena);
    size_t notes_n = r->notes ? r->notes[DGM_NOTE_SCHEMA].n : 0, granted = job->work_max;
    dgm_buf_init(&s.out, alloc, BYTES_MAX);
    dgm_buf_init(&s.text, alloc, BYTES_MAX);
    bool fine = put_root(&s, object, 1, NODES_MAX);
    job->work_max = granted / 2;
    while (fine && s.cuts != 0 && s.recursion < RECURSION_MAX && put_deeper(&s, object, notes_n))
        continue;
    job->work_max = granted;
    if (s.out.rc == DGM_E_NOMEM || s.text.rc == DGM_E_NOMEM)
        chat_no_memory(r);
    else if (!fine)
        chat_refuse(r, DGM_ERR_VALUE, job->place,
                    " is too large for this model, which takes no $ref; Gemini 2.5 and newer do.");
    json_put_raw(w, r->rc == DGM_OK ? dgm_buf_str(&s.out) : DGM_STR("null"));
}
